// depot list, show, check: what is in the depot.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

enum { PAGE = 100, LIMIT = 50, CHIPS = 16 };

static void show_line(struct cli_depot *self, const struct ferry_depot_build *b)
{
    char id[24], size[16], hex[65], when[24];
    snprintf(id, sizeof id, "#%lld", (long long)b->id);
    cli_display_json(&self->display, "build", cli_depot_build_json(b));
    cli_display_line(&self->display, "%-6s %-20s %-16s %-9s %8s  %.12s  %s%s%s", id, b->project,
                     *b->version ? b->version : "-", *b->chip ? b->chip : "-",
                     ferry_posix_number_bytes(b->size, size, sizeof size), cli_depot_hex(b->sha256, hex),
                     cli_depot_time(b->added_ms, when), *b->note ? "  " : "", b->note);
}

// Pages through what the filter lets pass, up to limit builds.
static int each_build(struct cli_depot *self, struct ferry_depot_filter *filter, uint32_t limit,
                      int (*take)(struct cli_depot *self, const struct ferry_depot_build *build), uint32_t *count)
{
    struct ferry_depot_build *page = malloc(PAGE * sizeof *page);
    int n = PAGE, code = page ? -1 : ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    while (code < 0 && n == PAGE && *count < limit) {
        n = ferry_depot_build_list(self->depot, filter, page, limit - *count < PAGE ? limit - *count : PAGE);
        if (n < 0)
            code = cli_depot_fail(self);
        for (int i = 0; i < n && code < 0; i++)
            code = take(self, &page[i]);
        *count += n > 0 ? (uint32_t)n : 0;
        filter->before = n > 0 ? page[n - 1].id : 0;
    }
    free(page);
    return code;
}

static int list_one(struct cli_depot *self, const struct ferry_depot_build *build)
{
    if (!self->headed)
        cli_display_line(&self->display, "%-6s %-20s %-16s %-9s %8s  %-12s  %s", "BUILD", "PROJECT", "VERSION", "CHIP",
                         "SIZE", "SHA-256", "ADDED");
    self->headed = true;
    show_line(self, build);
    return -1;
}

int cli_depot_list(struct cli_depot *self)
{
    const struct cli_depot_options *o = &self->options;
    struct ferry_depot_filter filter = {.project = o->project,
                                        .version = o->version,
                                        .chip = o->chip,
                                        .channel = o->channel,
                                        .text = o->search,
                                        .before = o->before};
    uint32_t count = 0, limit = o->limit ? o->limit : LIMIT;
    if (o->arg_count)
        return cli_depot_usage("list", "'list' takes options only; one build: ferry depot show BUILD");
    int code = each_build(self, &filter, limit, list_one, &count);
    if (code >= 0)
        return code;
    if (count == 0)
        cli_display_line(&self->display, "Nothing: store a build with ferry depot add build/");
    else if (count == limit)
        cli_display_line(&self->display, "More: --before %lld, or --limit N", (long long)filter.before);
    return 0;
}

// ---- show ----

static void show_files(struct cli_depot *self, const struct ferry_depot_file *files, int count, cJSON *array)
{
    char hex[65], size[16], address[16];
    for (int i = 0; i < count; i++) {
        const struct ferry_depot_file *f = &files[i];
        cJSON *object = cJSON_CreateObject();
        snprintf(address, sizeof address, f->address == FERRY_DEPOT_NO_ADDRESS ? "its slot" : "0x%lx",
                 (unsigned long)f->address);
        cJSON_AddStringToObject(object, "role", f->role);
        cJSON_AddStringToObject(object, "name", f->name);
        if (f->address != FERRY_DEPOT_NO_ADDRESS)
            cJSON_AddNumberToObject(object, "address", f->address);
        cJSON_AddNumberToObject(object, "size", f->blob.size);
        cJSON_AddStringToObject(object, "sha256", cli_depot_hex(f->blob.sha256, hex));
        cJSON_AddItemToArray(array, object);
        cli_display_line(&self->display, "  %-9s %-16s %-24s %8s  %s", address, f->role, f->name,
                         ferry_posix_number_bytes(f->blob.size, size, sizeof size), hex);
    }
}

static void show_layout(struct cli_depot *self, const char *text, cJSON *object)
{
    cJSON *layout = cJSON_Parse(text);
    const cJSON *row;
    if (cJSON_GetArraySize(layout) > 0)
        cli_display_line(&self->display, "Partitions");
    cJSON_ArrayForEach(row, layout)
    {
        const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "label"));
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "type"));
        const char *subtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "subtype"));
        const cJSON *address = cJSON_GetObjectItemCaseSensitive(row, "address");
        const cJSON *size = cJSON_GetObjectItemCaseSensitive(row, "size");
        char bytes[16];
        cli_display_line(&self->display, "  0x%-7lx %-16s %-5s %-10s %8s",
                         address ? (unsigned long)address->valuedouble : 0, label ? label : "", type ? type : "",
                         subtype ? subtype : "",
                         ferry_posix_number_bytes(size ? (uint64_t)size->valuedouble : 0, bytes, sizeof bytes));
    }
    if (layout)
        cJSON_AddItemToObject(object, "layout", layout);
}

static void show_facts(struct cli_depot *self, const struct ferry_depot_build *b)
{
    struct cli_display *d = &self->display;
    char hex[65], when[24], size[16];
    cli_display_line(d, "#%lld  %s %s", (long long)b->id, b->project, b->version);
    if (*b->chip)
        cli_display_line(d, "  chip      %s", b->chip);
    if (*b->idf)
        cli_display_line(d, "  ESP-IDF   %s", b->idf);
    if (*b->built)
        cli_display_line(d, "  built     %s", b->built);
    if (b->flash_size)
        cli_display_line(d, "  flash     %s", ferry_posix_number_bytes(b->flash_size, size, sizeof size));
    if (*b->note)
        cli_display_line(d, "  note      %s", b->note);
    cli_display_line(d, "  added     %s", cli_depot_time(b->added_ms, when));
    cli_display_line(d, "  SHA-256   %s", cli_depot_hex(b->sha256, hex));
}

static int show_build(struct cli_depot *self, const struct ferry_depot_build *b)
{
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    char layout[FERRY_DEPOT_LAYOUT];
    int count = ferry_depot_build_files(self->depot, b->id, files);
    if (count < 0 || ferry_depot_build_layout(self->depot, b->id, layout) < 0)
        return cli_depot_fail(self);
    cJSON *object = cli_depot_build_json(b);
    show_facts(self, b);
    cli_display_line(&self->display, "Files");
    show_files(self, files, count, cJSON_AddArrayToObject(object, "files"));
    show_layout(self, layout, object);
    cli_display_json(&self->display, "build", object);
    return 0;
}

int cli_depot_show(struct cli_depot *self)
{
    struct ferry_depot_build found[CHIPS];
    if (self->options.arg_count != 1)
        return cli_depot_usage("show", "'show' wants one build: PROJECT@CHANNEL, PROJECT@VERSION, #ID, SHA-256");
    int count = ferry_depot_find(self->depot, self->options.args[0], self->options.chip, found, CHIPS);
    int code = count < 0 ? cli_depot_fail(self) : 0;
    for (int i = 0; i < count && code == 0; i++)
        code = show_build(self, &found[i]);
    return code;
}

// ---- check ----

// Tells every damaged file and goes on with the next one; the first fault is what counts in the end.
static int check_build(struct cli_depot *self, const struct ferry_depot_build *b)
{
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    char text[FERRY_DEPOT_TEXT * 4];
    int count = ferry_depot_build_files(self->depot, b->id, files);
    if (count < 0)
        return cli_depot_fail(self);
    for (int i = 0; i < count; i++) {
        int status = ferry_depot_blob_verify(self->depot, files[i].blob.id);
        if (status >= 0)
            continue;
        if (status != FERRY_ERR_STORAGE_DAMAGED)
            return cli_depot_fail(self);
        if (!self->fault.status)
            cli_depot_fault(&self->fault, ferry_depot_error(self->depot));
        snprintf(text, sizeof text, "#%lld %s %s: %s is damaged", (long long)b->id, b->project, b->version,
                 files[i].name);
        cli_display_warning(&self->display, text);
    }
    return -1;
}

int cli_depot_check(struct cli_depot *self)
{
    struct ferry_depot_filter filter = {.chip = self->options.chip};
    struct ferry_depot_build build;
    uint32_t count = 0;
    int code = -1;
    for (size_t i = 0; i < self->options.arg_count && code < 0; i++, count++) {
        code = cli_depot_one(self, self->options.args[i], &build);
        if (code < 0)
            code = check_build(self, &build);
    }
    if (self->options.arg_count == 0)
        code = each_build(self, &filter, UINT32_MAX, check_build, &count);
    if (code >= 0)
        return code;
    if (self->fault.status)
        return cli_depot_told(self);
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "builds", count);
    cli_display_json(&self->display, "checked", object);
    cli_display_good(&self->display, "%u build%s: every file is what was stored.", (unsigned)count,
                     count == 1 ? "" : "s");
    return 0;
}
