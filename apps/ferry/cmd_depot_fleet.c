// depot devices, jobs: what runs where, and what is to be brought where.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"

enum { PAGE = 64, LIMIT = 50, KNOWN = 32 };

static const char *arg(const struct cli_depot *self, size_t i)
{
    return i < self->options.arg_count ? self->options.args[i] : "";
}

static bool is(const struct cli_depot *self, const char *word)
{
    return strcmp(arg(self, 0), word) == 0;
}

static const char *or_dash(const char *text)
{
    return *text ? text : "-";
}

// "5 min": how long ago; "never" for 0.
static const char *since(int64_t now_ms, int64_t then_ms, char buf[24])
{
    int64_t s = (now_ms - then_ms) / 1000;
    if (then_ms == 0)
        strcpy(buf, "never");
    else if (s < 60)
        strcpy(buf, "now");
    else
        snprintf(buf, 24, "%lld %s",
                 (long long)(s < 3600     ? s / 60
                             : s < 172800 ? s / 3600
                                          : s / 86400),
                 s < 3600     ? "min"
                 : s < 172800 ? "h"
                              : "days");
    return buf;
}

// ---- devices ----

// One list of devices; what their channels point at is looked up once each.
struct listing {
    struct cli_depot *cli;
    int64_t now_ms;
    struct {
        char reference[2 * FERRY_DEPOT_TEXT], chip[FERRY_DEPOT_CHIP];
        struct ferry_depot_build build; // id 0 = none
    } known[KNOWN];
    unsigned next;
};

// The build that the device should run, NULL = none.
static const struct ferry_depot_build *target_of(struct listing *l, const struct ferry_depot_device *d)
{
    char reference[2 * FERRY_DEPOT_TEXT];
    if (!*d->channel || !*d->wants)
        return 0;
    snprintf(reference, sizeof reference, "%s@%s", d->wants, d->channel);
    for (unsigned i = 0; i < KNOWN; i++)
        if (strcmp(l->known[i].reference, reference) == 0 && strcmp(l->known[i].chip, d->chip) == 0)
            return l->known[i].build.id ? &l->known[i].build : 0;
    unsigned slot = l->next++ % KNOWN;
    snprintf(l->known[slot].reference, sizeof reference, "%s", reference);
    snprintf(l->known[slot].chip, sizeof l->known[slot].chip, "%s", d->chip);
    if (ferry_depot_find(l->cli->depot, reference, d->chip, &l->known[slot].build, 1) != 1)
        l->known[slot].build.id = 0;
    return l->known[slot].build.id ? &l->known[slot].build : 0;
}

static bool current(const struct ferry_depot_device *d, const struct ferry_depot_build *b)
{
    static const uint8_t none[FERRY_SHA256_SIZE];
    const uint8_t *mine = d->running_sha256;
    if (memcmp(mine, none, sizeof none) == 0)
        return strcmp(d->project, b->project) == 0 && strcmp(d->version, b->version) == 0;
    return memcmp(mine, b->app_sha256, sizeof none) == 0 || memcmp(mine, b->app_image_sha256, sizeof none) == 0 ||
           memcmp(mine, b->app_elf_sha256, sizeof none) == 0;
}

static void show_device(struct listing *l, const struct ferry_depot_device *d)
{
    static const uint8_t none[FERRY_SHA256_SIZE];
    char when[24], hex[65], should[80] = "";
    const struct ferry_depot_build *target = target_of(l, d);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "mac", d->mac);
    cJSON_AddStringToObject(object, "chip", d->chip);
    cJSON_AddStringToObject(object, "name", d->name);
    cJSON_AddStringToObject(object, "channel", d->channel);
    cJSON_AddBoolToObject(object, "assigned", d->assigned);
    cJSON_AddStringToObject(object, "project", d->project);
    cJSON_AddStringToObject(object, "version", d->version);
    cJSON_AddStringToObject(object, "wants", d->wants);
    if (memcmp(d->running_sha256, none, sizeof none) != 0)
        cJSON_AddStringToObject(object, "running_sha256", cli_depot_hex(d->running_sha256, hex));
    if (target) {
        cJSON_AddNumberToObject(object, "should_run", (double)target->id);
        cJSON_AddBoolToObject(object, "current", current(d, target));
    }
    cJSON_AddNumberToObject(object, "first_seen_ms", (double)d->first_seen_ms);
    cJSON_AddNumberToObject(object, "last_seen_ms", (double)d->last_seen_ms);
    cli_display_json(&l->cli->display, "device", object);
    if (target && !current(d, target))
        snprintf(should, sizeof should, " -> %s", *target->version ? target->version : "?");
    char runs[160], channel[FERRY_DEPOT_TEXT + 2];
    snprintf(runs, sizeof runs, "%s%s", or_dash(d->version), should);
    snprintf(channel, sizeof channel, "%s%s", or_dash(d->channel), d->assigned ? "!" : "");
    cli_display_line(&l->cli->display, "%s  %-9s %-20s %-18s %-11s %-8s %s", d->mac, d->chip, or_dash(d->project), runs,
                     channel, since(l->now_ms, d->last_seen_ms, when), d->name);
}

static int list_devices(struct cli_depot *self)
{
    const struct cli_depot_options *o = &self->options;
    struct listing *l = calloc(1, sizeof *l);
    struct ferry_depot_device page[PAGE];
    struct ferry_depot_device_filter filter = {
        .project = o->project, .version = o->version, .chip = o->chip, .channel = o->channel, .after = ""};
    uint32_t left = o->limit ? o->limit : UINT32_MAX;
    if (l)
        l->cli = self;
    int n = PAGE, code = l && ferry_depot_now(self->depot, &l->now_ms) >= 0 ? -1 : cli_depot_fail(self);
    if (code < 0 && o->unseen)
        filter.seen_before_ms = l->now_ms - (int64_t)o->unseen * 86400000;
    for (bool first = true; code < 0 && n == PAGE && left; first = false) {
        n = ferry_depot_device_find(self->depot, &filter, page, left < PAGE ? left : PAGE);
        if (n < 0)
            code = cli_depot_fail(self);
        if (n == 0 && first)
            cli_display_line(&self->display, "No devices: they come by asking `ferry depot serve`, by jobs, or by "
                                             "devices set MAC --chip CHIP");
        else if (first && n > 0)
            cli_display_line(&self->display, "%-17s  %-9s %-20s %-18s %-11s %-8s %s", "MAC", "CHIP", "RUNS", "VERSION",
                             "CHANNEL", "SEEN", "NAME");
        for (int i = 0; i < n; i++)
            show_device(l, &page[i]);
        left -= n > 0 ? (uint32_t)n : 0;
        filter.after = n > 0 ? page[n - 1].mac : "";
    }
    free(l);
    return code < 0 ? 0 : code;
}

static int set_device(struct cli_depot *self, const char *mac)
{
    const struct cli_depot_options *o = &self->options;
    struct ferry_depot_device device;
    struct ferry_depot_device_change change = {
        .name = o->name, .channel = o->channel, .release_channel = o->release, .project = o->project, .chip = o->chip};
    if (!o->name && !o->channel && !o->project && !o->chip && !o->release)
        return cli_depot_usage("devices", "'devices set' wants what to set: --name, --channel, --project, --release");
    if (o->channel && o->release)
        return cli_depot_usage("devices", "--channel assigns one and --release takes it back: not both");
    if (ferry_depot_device_change(self->depot, mac, &change) < 0 ||
        ferry_depot_device_get(self->depot, mac, &device) < 0)
        return cli_depot_fail(self);
    struct listing *l = calloc(1, sizeof *l);
    if (l && ferry_depot_now(self->depot, &l->now_ms) >= 0) {
        l->cli = self;
        show_device(l, &device);
        if (o->channel && *o->channel && *device.wants && !target_of(l, &device))
            cli_display_warning(&self->display, "that channel points at no build of its project and chip yet");
    }
    free(l);
    return 0;
}

// -1, or the exit code.
static int forget(struct cli_depot *self, const struct ferry_depot_device *device)
{
    if (ferry_depot_device_remove(self->depot, device->mac) < 0)
        return cli_depot_fail(self);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "mac", device->mac);
    cli_display_json(&self->display, "removed", object);
    cli_display_line(&self->display, "Forgotten: %s %s", device->mac, device->name);
    return -1;
}

static int forget_named(struct cli_depot *self)
{
    int code = -1;
    for (size_t i = 1; i < self->options.arg_count && code < 0; i++) {
        struct ferry_depot_device device;
        code = ferry_depot_device_get(self->depot, arg(self, i), &device) < 0 ? cli_depot_fail(self)
                                                                              : forget(self, &device);
    }
    return code < 0 ? 0 : code;
}

// Those not seen for --unseen days; not those that were written down and have yet to come.
static int forget_unseen(struct cli_depot *self)
{
    struct ferry_depot_device page[PAGE];
    struct ferry_depot_device_filter filter = {.after = ""};
    char after[FERRY_DEPOT_MAC] = "";
    int64_t now_ms;
    int n = PAGE, code = ferry_depot_now(self->depot, &now_ms) < 0 ? cli_depot_fail(self) : -1;
    while (code < 0 && n == PAGE) {
        filter.seen_before_ms = now_ms - (int64_t)self->options.unseen * 86400000;
        filter.after = after;
        n = ferry_depot_device_find(self->depot, &filter, page, PAGE);
        if (n < 0)
            code = cli_depot_fail(self);
        for (int i = 0; i < n && code < 0; i++)
            if (page[i].last_seen_ms)
                code = forget(self, &page[i]);
        if (n > 0)
            memcpy(after, page[n - 1].mac, sizeof after);
    }
    return code < 0 ? 0 : code;
}

int cli_depot_devices(struct cli_depot *self)
{
    if (self->options.arg_count == 0)
        return self->options.name || self->options.release
                   ? cli_depot_usage("devices", "--name and --release go with: devices set MAC")
                   : list_devices(self);
    if (is(self, "set") && self->options.arg_count == 2)
        return set_device(self, arg(self, 1));
    if (is(self, "rm") && self->options.arg_count > 1 && !self->options.unseen)
        return forget_named(self);
    if (is(self, "rm") && self->options.arg_count == 1 && self->options.unseen)
        return forget_unseen(self);
    return cli_depot_usage("devices", "'devices' wants nothing, set MAC --name ..., rm MAC, or rm --unseen DAYS");
}

// ---- jobs ----

static cJSON *job_json(const struct ferry_depot_job *j)
{
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
    cJSON_AddNumberToObject(object, "claimed_ms", (double)j->claimed_ms);
    cJSON_AddNumberToObject(object, "finished_ms", (double)j->finished_ms);
    return object;
}

static void show_job(struct cli_depot *self, const struct ferry_depot_job *j)
{
    char when[24], state[24];
    cli_display_json(&self->display, "job", job_json(j));
    snprintf(state, sizeof state, "%s", ferry_depot_job_state_name(j->state));
    if (j->state == FERRY_DEPOT_JOB_RUNNING && j->bytes_total)
        snprintf(state, sizeof state, "%u %%", (unsigned)(j->bytes_done * 100 / j->bytes_total));
    cli_display_line(&self->display, "%-5lld %-9s %s  %-17s %s %s%s%s%s%s%s%s", (long long)j->id, state,
                     cli_depot_time(j->finished_ms  ? j->finished_ms
                                    : j->claimed_ms ? j->claimed_ms
                                                    : j->created_ms,
                                    when),
                     *j->mac    ? j->mac
                     : *j->chip ? j->chip
                                : "any",
                     j->project, j->version, *j->worker ? "  by " : "", j->worker, *j->status ? ": " : "", j->status,
                     *j->text ? ", " : "", j->text);
}

static void show_job_whole(struct cli_depot *self, const struct ferry_depot_job *j)
{
    struct cli_display *d = &self->display;
    char when[24];
    show_job(self, j);
    cli_display_line(d, "  queued    %s", cli_depot_time(j->created_ms, when));
    if (j->claimed_ms)
        cli_display_line(d, "  claimed   %s, by %s, claim number %u", cli_depot_time(j->claimed_ms, when),
                         or_dash(j->worker), (unsigned)j->attempt);
    if (j->finished_ms)
        cli_display_line(d, "  over      %s, after %u.%u s, %llu bytes written, %llu there already, %u retries",
                         cli_depot_time(j->finished_ms, when), (unsigned)(j->elapsed_ms / 1000),
                         (unsigned)(j->elapsed_ms / 100 % 10), (unsigned long long)j->bytes_written,
                         (unsigned long long)j->bytes_skipped, (unsigned)j->retries);
}

// "failed,done" -> bits.
static bool take_states(const char *text, unsigned *states)
{
    while (text && *text) {
        char word[16];
        size_t len = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)len, text);
        int state = len < sizeof word ? ferry_depot_job_state_by_name(word) : -1;
        if (state < 0)
            return false;
        *states |= 1u << state;
        text += len + (text[len] == ',');
    }
    return true;
}

static int list_jobs(struct cli_depot *self)
{
    const struct cli_depot_options *o = &self->options;
    struct ferry_depot_job_filter filter = {.project = o->project, .mac = o->mac, .before = o->before};
    uint32_t left = o->limit ? o->limit : LIMIT;
    struct ferry_depot_job page[PAGE];
    int n = PAGE;
    if (!take_states(o->state, &filter.states))
        return cli_depot_usage("jobs", "--state is some of queued,claimed,running,done,failed,cancelled");
    for (bool first = true; n == PAGE && left; first = false) {
        n = ferry_depot_job_list(self->depot, &filter, page, left < PAGE ? left : PAGE);
        if (n < 0)
            return cli_depot_fail(self);
        if (first)
            cli_display_line(&self->display, n ? "ID    STATE     SINCE             DEVICE            BUILD"
                                               : "No jobs: ferry depot jobs add BUILD --mac MAC");
        for (int i = 0; i < n; i++)
            show_job(self, &page[i]);
        left -= (uint32_t)n;
        filter.before = n > 0 ? page[n - 1].id : 0;
    }
    if (left == 0)
        cli_display_line(&self->display, "More: --before %lld, or --limit N", (long long)filter.before);
    return 0;
}

static int add_job(struct cli_depot *self)
{
    struct ferry_depot_build build;
    struct ferry_depot_job job;
    int64_t id;
    int code = cli_depot_one(self, arg(self, 1), &build);
    if (code >= 0)
        return code;
    if (ferry_depot_job_add(self->depot, build.id, self->options.mac, &id) < 0 ||
        ferry_depot_job_get(self->depot, id, &job) < 0)
        return cli_depot_fail(self);
    cli_display_line(&self->display, "Queued: job %lld, %s %s for %s", (long long)id, build.project, build.version,
                     *job.mac      ? job.mac
                     : *build.chip ? build.chip
                                   : "any device");
    cli_display_json(&self->display, "queued", job_json(&job));
    return 0;
}

static int cancel_job(struct cli_depot *self, int64_t id)
{
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "id", (double)id);
    int status = ferry_depot_job_cancel(self->depot, id);
    if (status >= 0) {
        cli_display_json(&self->display, "cancelled", object);
        cli_display_line(&self->display, "Cancelled: job %lld", (long long)id);
        return 0;
    }
    cJSON_Delete(object);
    return cli_depot_fail(self);
}

int cli_depot_jobs(struct cli_depot *self)
{
    struct ferry_depot_job job;
    int64_t id;
    bool one = self->options.arg_count == 2 && cli_depot_number(arg(self, 1), &id);
    if (self->options.arg_count == 0)
        return list_jobs(self);
    if (is(self, "add") && self->options.arg_count == 2)
        return add_job(self);
    if (is(self, "cancel") && one)
        return cancel_job(self, id);
    if (!is(self, "show") || !one)
        return cli_depot_usage("jobs", "'jobs' wants nothing, add BUILD, show ID or cancel ID");
    if (ferry_depot_job_get(self->depot, id, &job) < 0)
        return cli_depot_fail(self);
    show_job_whole(self, &job);
    return 0;
}
