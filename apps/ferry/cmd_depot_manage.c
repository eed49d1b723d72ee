// depot rm, channel, token, migrate, compact.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

enum { PAGE = 200, CHIPS = 16, LINES = 64 };

static const char *arg(const struct cli_depot *self, size_t i)
{
    return i < self->options.arg_count ? self->options.args[i] : "";
}

static bool is(const struct cli_depot *self, const char *word, size_t count)
{
    return self->options.arg_count == count && strcmp(arg(self, 0), word) == 0;
}

// ---- rm ----

static void tell_removed(struct cli_depot *self, const struct ferry_depot_build *build)
{
    bool dry = self->options.dry_run;
    cli_display_json(&self->display, dry ? "would_remove" : "removed", cli_depot_build_json(build));
    cli_display_line(&self->display, "%s #%lld  %s %s %s", dry ? "Would remove:" : "Removed:", (long long)build->id,
                     build->project, build->version, build->chip);
}

// What --keep counts: builds of one project for one chip.
struct line {
    char project[FERRY_DEPOT_TEXT], chip[FERRY_DEPOT_CHIP];
    uint32_t count;
};

struct keeping {
    struct cli_depot *cli;
    struct line *lines;
    size_t line_count;
    uint32_t removed, used;
};

// How many newer ones there are; UINT32_MAX = no memory.
static uint32_t newer(struct keeping *k, const struct ferry_depot_build *b)
{
    for (size_t i = 0; i < k->line_count; i++)
        if (strcmp(k->lines[i].project, b->project) == 0 && strcmp(k->lines[i].chip, b->chip) == 0)
            return k->lines[i].count++;
    if (k->line_count % LINES == 0) {
        struct line *more = realloc(k->lines, (k->line_count + LINES) * sizeof *more);
        if (!more)
            return UINT32_MAX;
        k->lines = more;
    }
    struct line *line = &k->lines[k->line_count++];
    memcpy(line->project, b->project, sizeof line->project);
    memcpy(line->chip, b->chip, sizeof line->chip);
    line->count = 1;
    return 0;
}

// 0, or negative. What a channel points at or a job wants stays.
static int keep_or_remove(struct keeping *k, const struct ferry_depot_build *b)
{
    uint32_t before = newer(k, b);
    if (before == UINT32_MAX)
        return ferry_fault_set(&k->cli->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    if (before < k->cli->options.keep)
        return FERRY_OK;
    int status = k->cli->options.dry_run ? ferry_depot_build_used(k->cli->depot, b->id)
                                         : ferry_depot_build_remove(k->cli->depot, b->id, false);
    if (status == FERRY_ERR_STATE) {
        k->used++;
        return FERRY_OK;
    }
    if (status < 0)
        return cli_depot_fault(&k->cli->fault, ferry_depot_error(k->cli->depot));
    tell_removed(k->cli, b);
    k->removed++;
    return FERRY_OK;
}

static int rm_old(struct cli_depot *self)
{
    struct keeping k = {.cli = self};
    struct ferry_depot_filter filter = {.project = self->options.project, .chip = self->options.chip};
    struct ferry_depot_build *page = malloc(PAGE * sizeof *page);
    int n = PAGE, status = page ? FERRY_OK : ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    while (status >= 0 && n == PAGE) {
        n = ferry_depot_build_list(self->depot, &filter, page, PAGE);
        status = n < 0 ? cli_depot_fault(&self->fault, ferry_depot_error(self->depot)) : FERRY_OK;
        for (int i = 0; i < n && status >= 0; i++)
            status = keep_or_remove(&k, &page[i]);
        filter.before = n > 0 ? page[n - 1].id : 0;
    }
    free(page);
    free(k.lines);
    if (status < 0)
        return cli_depot_told(self);
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "removed", k.removed);
    cJSON_AddNumberToObject(object, "in_use", k.used);
    cli_display_json(&self->display, "kept", object);
    cli_display_line(&self->display, "%u %s; %u older one%s stay%s: a channel or a job wants %s", (unsigned)k.removed,
                     self->options.dry_run ? "would go" : "removed", (unsigned)k.used, k.used == 1 ? "" : "s",
                     k.used == 1 ? "s" : "", k.used == 1 ? "it" : "them");
    return 0;
}

static int rm_named(struct cli_depot *self)
{
    struct ferry_depot_build build;
    for (size_t i = 0; i < self->options.arg_count; i++) {
        int code = cli_depot_one(self, self->options.args[i], &build);
        if (code >= 0)
            return code;
        int status = self->options.dry_run && !self->options.force ? ferry_depot_build_used(self->depot, build.id)
                     : self->options.dry_run                       ? FERRY_OK
                                             : ferry_depot_build_remove(self->depot, build.id, self->options.force);
        if (status < 0)
            return cli_depot_fail(self);
        tell_removed(self, &build);
    }
    return 0;
}

int cli_depot_rm(struct cli_depot *self)
{
    const struct cli_depot_options *o = &self->options;
    if (o->keep && o->arg_count)
        return cli_depot_usage("rm", "'rm' wants builds, or --keep N, not both");
    if (o->keep && o->force)
        return cli_depot_usage("rm", "--keep leaves what a channel points at: not with --force");
    if (o->project && !o->keep)
        return cli_depot_usage("rm", "--project goes with --keep N; one build: PROJECT@VERSION");
    if (!o->keep && o->arg_count == 0)
        return cli_depot_usage("rm", "'rm' wants builds: PROJECT@VERSION, #ID, SHA-256; or --keep N");
    return o->keep ? rm_old(self) : rm_named(self);
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
        if (n > 0 && skip == 0)
            cli_display_line(&self->display, "%-20s %-9s %-12s %-6s %-16s %s", "PROJECT", "CHIP", "CHANNEL", "BUILD",
                             "VERSION", "SINCE");
        for (int i = 0; i < n; i++)
            show_channel(self, &page[i]);
        skip += (size_t)n;
    }
    if (skip == 0)
        cli_display_line(&self->display, "No channels: ferry depot channel stable PROJECT@VERSION");
    return 0;
}

// The build that the channel points at now; version "" = none.
static void was(struct cli_depot *self, const char *name, const struct ferry_depot_build *build, char *out, size_t cap)
{
    struct ferry_depot_build before;
    char reference[2 * FERRY_DEPOT_TEXT];
    snprintf(reference, sizeof reference, "%s@%s", build->project, name);
    *out = 0;
    if (ferry_depot_find(self->depot, reference, build->chip, &before, 1) == 1 && before.id != build->id &&
        strcmp(before.chip, build->chip) == 0)
        snprintf(out, cap, " (was #%lld, version %s)", (long long)before.id, *before.version ? before.version : "-");
}

static int set_channel(struct cli_depot *self, const char *name, const char *reference)
{
    struct ferry_depot_build found[CHIPS];
    char before[120];
    int count = ferry_depot_find(self->depot, reference, self->options.chip, found, CHIPS);
    if (count < 0)
        return cli_depot_fail(self);
    for (int i = 0; i < count; i++) {
        const struct ferry_depot_build *b = &found[i];
        was(self, name, b, before, sizeof before);
        if (ferry_depot_channel_set(self->depot, name, b->id) < 0)
            return cli_depot_fail(self);
        cJSON *object = cli_depot_build_json(b);
        cJSON_AddStringToObject(object, "channel", name);
        cli_display_json(&self->display, "channel", object);
        cli_display_line(&self->display, "%s@%s%s%s is #%lld now, version %s%s", b->project, name,
                         *b->chip ? " for " : "", b->chip, (long long)b->id, *b->version ? b->version : "-", before);
    }
    return 0;
}

static int remove_one(struct cli_depot *self, const char *name, const char *project, const char *chip)
{
    if (ferry_depot_channel_remove(self->depot, name, project, chip) < 0)
        return cli_depot_fail(self);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "channel", name);
    cJSON_AddStringToObject(object, "project", project);
    cJSON_AddStringToObject(object, "chip", chip);
    cli_display_json(&self->display, "removed", object);
    cli_display_line(&self->display, "Removed: %s@%s%s%s", project, name, *chip ? " for " : "", chip);
    return -1;
}

// For one chip, or for all that have it.
static int remove_channel(struct cli_depot *self, const char *name, const char *project)
{
    struct ferry_depot_channel *page = malloc(PAGE * sizeof *page);
    int n = page ? ferry_depot_channel_list(self->depot, project, 0, page, PAGE) : 0, code = -1, removed = 0;
    if (n < 0)
        code = cli_depot_fail(self);
    for (int i = 0; i < n && code < 0; i++) {
        bool meant =
            strcmp(page[i].name, name) == 0 && (!self->options.chip || strcmp(page[i].chip, self->options.chip) == 0);
        if (meant) {
            code = remove_one(self, name, project, page[i].chip);
            removed++;
        }
    }
    free(page);
    if (code < 0 && removed == 0) // says that there is none
        code = remove_one(self, name, project, self->options.chip ? self->options.chip : "");
    return code < 0 ? 0 : code;
}

int cli_depot_channel(struct cli_depot *self)
{
    if (self->options.arg_count == 0)
        return list_channels(self);
    if (is(self, "rm", 3))
        return remove_channel(self, arg(self, 1), arg(self, 2));
    if (strcmp(arg(self, 0), "rm") == 0)
        return cli_depot_usage("channel", "'channel rm' wants NAME PROJECT, as in: channel rm beta blink");
    if (self->options.arg_count == 2)
        return set_channel(self, arg(self, 0), arg(self, 1));
    return cli_depot_usage("channel", "'channel' wants nothing, NAME BUILD, or rm NAME PROJECT [--chip CHIP]");
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
    if (n > 0)
        cli_display_line(&self->display, "%-4s %-20s %-28s %-18s %s", "ID", "NAME", "SCOPES", "EXPIRES", "LAST USED");
    for (int i = 0; i < n; i++) {
        ferry_depot_scopes_text(page[i].scopes, scopes);
        cli_display_json(&self->display, "token", token_json(&page[i], scopes));
        cli_display_line(&self->display, "%-4lld %-20s %-28s %-18s %s", (long long)page[i].id, page[i].name, scopes,
                         page[i].expires_ms ? cli_depot_time(page[i].expires_ms, expires) : "never",
                         page[i].used_ms ? cli_depot_time(page[i].used_ms, used) : "never");
    }
    if (n == 0)
        cli_display_line(&self->display, "No tokens: ferry depot token add NAME --scopes read,work");
    return n < 0 ? cli_depot_fail(self) : 0;
}

// By its number, or by its name when no other one has it.
static int find_token(struct cli_depot *self, const char *word, struct ferry_depot_token *out)
{
    struct ferry_depot_token page[PAGE];
    int64_t id = 0;
    int found = 0, n = ferry_depot_token_list(self->depot, page, PAGE);
    bool by_id = cli_depot_number(word, &id);
    if (n < 0)
        return cli_depot_fail(self);
    for (int i = 0; i < n; i++)
        if (by_id ? page[i].id == id : strcmp(page[i].name, word) == 0) {
            *out = page[i];
            found++;
        }
    if (found == 1)
        return -1;
    if (found)
        ferry_fault_set(&self->fault, FERRY_ERR_AMBIGUOUS, "", "%d tokens are called %.60s", found, word);
    else
        ferry_fault_set(&self->fault, FERRY_ERR_STORAGE_MISSING, "", "there is no token %.60s", word);
    ferry_fault_hint(&self->fault, "name it by its number: ferry depot token");
    return cli_depot_told(self);
}

static int remove_token(struct cli_depot *self, const char *word)
{
    struct ferry_depot_token token;
    char scopes[FERRY_DEPOT_TEXT];
    int code = find_token(self, word, &token);
    if (code >= 0)
        return code;
    if (ferry_depot_token_remove(self->depot, token.id) < 0)
        return cli_depot_fail(self);
    ferry_depot_scopes_text(token.scopes, scopes);
    cli_display_json(&self->display, "removed", token_json(&token, scopes));
    cli_display_line(&self->display, "Removed: token %lld, %s. Who has it is not let in any more.", (long long)token.id,
                     token.name);
    return 0;
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
    if (!self->options.json)
        printf("%s\n", secret); // alone: for TOKEN=$(ferry depot token add ...)
    if (!self->options.json && !self->options.quiet)
        fprintf(stderr, "Keep it: it is shown only now. Scopes: %s.\n", text);
    return 0;
}

int cli_depot_token(struct cli_depot *self)
{
    if (self->options.arg_count == 0)
        return list_tokens(self);
    if (is(self, "add", 2))
        return add_token(self);
    if (is(self, "rm", 2))
        return remove_token(self, arg(self, 1));
    return cli_depot_usage("token", "'token' wants nothing, add NAME, or rm ID|NAME");
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

int cli_depot_compact(struct cli_depot *self)
{
    uint64_t before, after;
    char from[16], to[16];
    if (self->options.arg_count)
        return cli_depot_usage("compact", "'compact' takes options only");
    if (ferry_depot_sweep(self->depot, 0) < 0 || ferry_depot_compact(self->depot, &before, &after) < 0)
        return cli_depot_fail(self);
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "bytes_before", (double)before);
    cJSON_AddNumberToObject(object, "bytes", (double)after);
    cli_display_json(&self->display, "compacted", object);
    cli_display_line(&self->display, "%s, it was %s", ferry_posix_number_bytes(after, to, sizeof to),
                     ferry_posix_number_bytes(before, from, sizeof from));
    return 0;
}
