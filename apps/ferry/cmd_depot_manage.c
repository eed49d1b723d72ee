// depot rm, channel, devices, jobs, token, migrate.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

enum { PAGE = 200, LIMIT = 50 };

static const char *arg(const struct cli_depot *self, size_t i)
{
    return i < self->options.arg_count ? self->options.args[i] : "";
}

static bool is(const struct cli_depot *self, const char *word, size_t count)
{
    return self->options.arg_count == count && strcmp(arg(self, 0), word) == 0;
}

static bool number(const char *text, int64_t *out)
{
    char *end;
    *out = strtoll(*text == '#' ? text + 1 : text, &end, 10);
    return *text && *end == 0 && *out > 0;
}

static int said(struct cli_depot *self, const char *event, const char *name, int64_t id)
{
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, name, (double)id);
    cli_display_json(&self->display, event, object);
    return 0;
}

// ---- rm ----

int cli_depot_rm(struct cli_depot *self)
{
    struct ferry_depot_build build;
    int code = -1;
    if (self->options.arg_count == 0)
        return cli_depot_usage("rm", "'rm' wants builds: PROJECT@VERSION, #ID, SHA-256");
    for (size_t i = 0; i < self->options.arg_count && code < 0; i++) {
        code = cli_depot_one(self, self->options.args[i], &build);
        if (code >= 0)
            return code;
        if (ferry_depot_build_remove(self->depot, build.id, self->options.force) < 0)
            return cli_depot_fail(self);
        cli_display_json(&self->display, "removed", cli_depot_build_json(&build));
        cli_display_line(&self->display, "Removed: #%lld  %s %s %s", (long long)build.id, build.project, build.version,
                         build.chip);
    }
    return 0;
}

// ---- channel ----

static void show_channel(struct cli_depot *self, const struct ferry_depot_channel *c)
{
    char when[24];
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "channel", c->name);
    cJSON_AddStringToObject(object, "project", c->project);
    cJSON_AddStringToObject(object, "chip", c->chip);
    cJSON_AddNumberToObject(object, "build", (double)c->build);
    cJSON_AddStringToObject(object, "version", c->version);
    cJSON_AddNumberToObject(object, "changed_ms", (double)c->changed_ms);
    cli_display_json(&self->display, "channel", object);
    cli_display_line(&self->display, "%-20s %-9s %-12s #%-5lld %-16s %s", c->project, *c->chip ? c->chip : "-", c->name,
                     (long long)c->build, *c->version ? c->version : "-", cli_depot_time(c->changed_ms, when));
}

static int list_channels(struct cli_depot *self)
{
    struct ferry_depot_channel page[PAGE];
    size_t skip = 0;
    int n = PAGE;
    while (n == PAGE) {
        n = ferry_depot_channel_list(self->depot, self->options.project, skip, page, PAGE);
        if (n < 0)
            return cli_depot_fail(self);
        for (int i = 0; i < n; i++)
            show_channel(self, &page[i]);
        skip += (size_t)n;
    }
    if (skip == 0)
        cli_display_line(&self->display, "No channels: ferry depot channel stable PROJECT@VERSION");
    return 0;
}

static int set_channel(struct cli_depot *self, const char *name, const char *reference)
{
    struct ferry_depot_build build;
    int code = cli_depot_one(self, reference, &build);
    if (code >= 0)
        return code;
    if (ferry_depot_channel_set(self->depot, name, build.id) < 0)
        return cli_depot_fail(self);
    cJSON *object = cli_depot_build_json(&build);
    cJSON_AddStringToObject(object, "channel", name);
    cli_display_json(&self->display, "channel", object);
    cli_display_line(&self->display, "%s@%s%s%s is #%lld now, version %s", build.project, name,
                     *build.chip ? " for " : "", build.chip, (long long)build.id, *build.version ? build.version : "-");
    return 0;
}

int cli_depot_channel(struct cli_depot *self)
{
    if (self->options.arg_count == 0)
        return list_channels(self);
    if (is(self, "rm", 3)) {
        const char *chip = self->options.chip ? self->options.chip : "";
        return ferry_depot_channel_remove(self->depot, arg(self, 1), arg(self, 2), chip) < 0 ? cli_depot_fail(self) : 0;
    }
    if (self->options.arg_count == 2)
        return set_channel(self, arg(self, 0), arg(self, 1));
    return cli_depot_usage("channel", "'channel' wants nothing, NAME BUILD, or rm NAME PROJECT --chip CHIP");
}

// ---- devices ----

static void show_device(struct cli_depot *self, const struct ferry_depot_device *d)
{
    static const uint8_t none[FERRY_SHA256_SIZE];
    char when[24], hex[65];
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "mac", d->mac);
    cJSON_AddStringToObject(object, "chip", d->chip);
    cJSON_AddStringToObject(object, "name", d->name);
    cJSON_AddStringToObject(object, "channel", d->channel);
    cJSON_AddStringToObject(object, "project", d->project);
    cJSON_AddStringToObject(object, "version", d->version);
    if (memcmp(d->running_sha256, none, sizeof none) != 0)
        cJSON_AddStringToObject(object, "running_sha256", cli_depot_hex(d->running_sha256, hex));
    cJSON_AddNumberToObject(object, "first_seen_ms", (double)d->first_seen_ms);
    cJSON_AddNumberToObject(object, "last_seen_ms", (double)d->last_seen_ms);
    cli_display_json(&self->display, "device", object);
    cli_display_line(&self->display, "%s  %-9s %-20s %-16s %-10s %s  %s", d->mac, d->chip, d->project, d->version,
                     *d->channel ? d->channel : "-", cli_depot_time(d->last_seen_ms, when), d->name);
}

int cli_depot_devices(struct cli_depot *self)
{
    struct ferry_depot_device page[64];
    char after[FERRY_DEPOT_MAC] = "";
    uint32_t left = self->options.limit ? self->options.limit : UINT32_MAX;
    int n = 64;
    if (self->options.arg_count)
        return cli_depot_usage("devices", "'devices' takes options only");
    while (n == 64 && left) {
        n = ferry_depot_device_list(self->depot, after, page, left < 64 ? left : 64);
        if (n < 0)
            return cli_depot_fail(self);
        for (int i = 0; i < n; i++)
            show_device(self, &page[i]);
        left -= (uint32_t)n;
        if (n > 0)
            memcpy(after, page[n - 1].mac, sizeof after);
    }
    return 0;
}

// ---- jobs ----

static void show_job(struct cli_depot *self, const struct ferry_depot_job *j)
{
    char when[24];
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "id", (double)j->id);
    cJSON_AddStringToObject(object, "state", ferry_depot_job_state_name(j->state));
    cJSON_AddNumberToObject(object, "build", (double)j->build);
    cJSON_AddStringToObject(object, "project", j->project);
    cJSON_AddStringToObject(object, "version", j->version);
    cJSON_AddStringToObject(object, "chip", j->chip);
    cJSON_AddStringToObject(object, "mac", j->mac);
    cJSON_AddStringToObject(object, "worker", j->worker);
    cJSON_AddNumberToObject(object, "attempt", j->attempt);
    cJSON_AddNumberToObject(object, "bytes_done", (double)j->bytes_done);
    cJSON_AddNumberToObject(object, "bytes_total", (double)j->bytes_total);
    cJSON_AddStringToObject(object, "status", j->status);
    cJSON_AddStringToObject(object, "text", j->text);
    cJSON_AddNumberToObject(object, "bytes_written", (double)j->bytes_written);
    cJSON_AddNumberToObject(object, "bytes_skipped", (double)j->bytes_skipped);
    cJSON_AddNumberToObject(object, "retries", j->retries);
    cJSON_AddNumberToObject(object, "elapsed_ms", j->elapsed_ms);
    cJSON_AddNumberToObject(object, "created_ms", (double)j->created_ms);
    cJSON_AddNumberToObject(object, "finished_ms", (double)j->finished_ms);
    cli_display_json(&self->display, "job", object);
    cli_display_line(&self->display, "%-5lld %-9s %s %s for %s  %s  %s%s%s%s%s", (long long)j->id,
                     ferry_depot_job_state_name(j->state), j->project, j->version, *j->mac ? j->mac : j->chip,
                     cli_depot_time(j->finished_ms ? j->finished_ms : j->created_ms, when), j->worker,
                     *j->worker && *j->status ? ": " : "", j->status, *j->text ? ", " : "", j->text);
}

static int list_jobs(struct cli_depot *self)
{
    const struct cli_depot_options *o = &self->options;
    int state = o->state ? ferry_depot_job_state_by_name(o->state) : 0;
    struct ferry_depot_job_filter filter = {.project = o->project, .mac = o->mac, .before = o->before};
    uint32_t left = o->limit ? o->limit : LIMIT;
    struct ferry_depot_job page[64];
    int n = 64;
    if (state < 0)
        return cli_depot_usage("jobs", "--state is queued, claimed, running, done, failed or cancelled");
    filter.states = o->state ? 1u << state : 0;
    while (n == 64 && left) {
        n = ferry_depot_job_list(self->depot, &filter, page, left < 64 ? left : 64);
        if (n < 0)
            return cli_depot_fail(self);
        for (int i = 0; i < n; i++)
            show_job(self, &page[i]);
        left -= (uint32_t)n;
        filter.before = n > 0 ? page[n - 1].id : 0;
    }
    return 0;
}

static int add_job(struct cli_depot *self)
{
    struct ferry_depot_build build;
    int64_t id;
    int code = cli_depot_one(self, arg(self, 1), &build);
    if (code >= 0)
        return code;
    if (ferry_depot_job_add(self->depot, build.id, self->options.mac, &id) < 0)
        return cli_depot_fail(self);
    cli_display_line(&self->display, "Queued: job %lld, %s %s for %s", (long long)id, build.project, build.version,
                     self->options.mac ? self->options.mac
                     : *build.chip     ? build.chip
                                       : "any device");
    return said(self, "queued", "id", id);
}

int cli_depot_jobs(struct cli_depot *self)
{
    struct ferry_depot_job job;
    int64_t id;
    if (self->options.arg_count == 0)
        return list_jobs(self);
    if (is(self, "add", 2))
        return add_job(self);
    if (is(self, "show", 2) && number(arg(self, 1), &id)) {
        if (ferry_depot_job_get(self->depot, id, &job) < 0)
            return cli_depot_fail(self);
        show_job(self, &job);
        return 0;
    }
    if (is(self, "cancel", 2) && number(arg(self, 1), &id))
        return ferry_depot_job_cancel(self->depot, id) < 0 ? cli_depot_fail(self) : said(self, "cancelled", "id", id);
    return cli_depot_usage("jobs", "'jobs' wants nothing, add BUILD, show ID or cancel ID");
}

// ---- token ----

static cJSON *token_json(const struct ferry_depot_token *t, const char *scopes)
{
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "id", (double)t->id);
    cJSON_AddStringToObject(object, "name", t->name);
    cJSON_AddStringToObject(object, "scopes", scopes);
    cJSON_AddNumberToObject(object, "expires_ms", (double)t->expires_ms);
    cJSON_AddNumberToObject(object, "used_ms", (double)t->used_ms);
    return object;
}

static int list_tokens(struct cli_depot *self)
{
    struct ferry_depot_token page[PAGE];
    char scopes[FERRY_DEPOT_TEXT], expires[24], used[24];
    int n = ferry_depot_token_list(self->depot, page, PAGE);
    for (int i = 0; i < n; i++) {
        ferry_depot_scopes_text(page[i].scopes, scopes);
        cli_display_json(&self->display, "token", token_json(&page[i], scopes));
        cli_display_line(&self->display, "%-4lld %-20s %-28s expires %s, used %s", (long long)page[i].id, page[i].name,
                         scopes, cli_depot_time(page[i].expires_ms, expires), cli_depot_time(page[i].used_ms, used));
    }
    return n < 0 ? cli_depot_fail(self) : 0;
}

static int add_token(struct cli_depot *self)
{
    struct ferry_depot_token token;
    char secret[FERRY_DEPOT_SECRET], text[FERRY_DEPOT_TEXT];
    unsigned scopes;
    int64_t lives_ms = (int64_t)self->options.days * 86400000;
    if (!ferry_depot_scopes_parse(self->options.scopes ? self->options.scopes : "read", &scopes))
        return cli_depot_usage("token", "--scopes are some of read,write,device,work,admin");
    if (ferry_depot_token_add(self->depot, arg(self, 1), scopes, lives_ms, secret, &token) < 0)
        return cli_depot_fail(self);
    ferry_depot_scopes_text(scopes, text);
    cJSON *object = token_json(&token, text);
    cJSON_AddStringToObject(object, "secret", secret);
    cli_display_json(&self->display, "token", object);
    cli_display_line(&self->display, "%s\nKeep it: it is shown only now. Scopes: %s.", secret, text);
    return 0;
}

int cli_depot_token(struct cli_depot *self)
{
    int64_t id;
    if (self->options.arg_count == 0)
        return list_tokens(self);
    if (is(self, "add", 2))
        return add_token(self);
    if (is(self, "rm", 2) && number(arg(self, 1), &id))
        return ferry_depot_token_remove(self->depot, id) < 0 ? cli_depot_fail(self) : said(self, "removed", "id", id);
    return cli_depot_usage("token", "'token' wants nothing, add NAME or rm ID");
}

// ---- migrate ----

int cli_depot_migrate(struct cli_depot *self)
{
    struct ferry_depot_stats stats;
    char path[1024], shown[200], bytes[16];
    int was, now = ferry_depot_schema(self->depot, &was);
    if (self->options.arg_count)
        return cli_depot_usage("migrate", "'migrate' takes options only");
    if (ferry_depot_stats(self->depot, &stats) < 0)
        return cli_depot_fail(self);
    ferry_depot_shown_url(cli_depot_url(self->options.depot, path, sizeof path), shown, sizeof shown);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "depot", shown);
    cJSON_AddStringToObject(object, "engine", ferry_depot_engine(self->depot));
    cJSON_AddNumberToObject(object, "schema_was", was);
    cJSON_AddNumberToObject(object, "schema", now);
    cJSON_AddNumberToObject(object, "builds", (double)stats.builds);
    cJSON_AddNumberToObject(object, "bytes", (double)stats.bytes);
    cli_display_json(&self->display, "depot", object);
    cli_display_line(&self->display, "%s: %s, schema %d%s; %llu builds, %s", shown, ferry_depot_engine(self->depot),
                     now,
                     was == now ? ""
                     : was == 0 ? ", new"
                                : ", brought up to date",
                     (unsigned long long)stats.builds, ferry_posix_number_bytes(stats.bytes, bytes, sizeof bytes));
    return 0;
}
