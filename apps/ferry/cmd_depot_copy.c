// depot copy: builds with their notes and channels, and what is known of devices, into another depot. From a file to
// the database that several machines share, or back.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

enum { PAGE = 100 };

struct copying {
    struct cli_depot *cli;
    struct ferry_depot *to;
    struct pair {
        int64_t from, to; // the build's number here and there; there 0 = not yet
    } * builds;           // the newest first
    size_t count;
    uint32_t copied, known, channels, devices;
};

static int from_fault(struct copying *c)
{
    return cli_depot_fault(&c->cli->fault, ferry_depot_error(c->cli->depot));
}

static int to_fault(struct copying *c)
{
    return cli_depot_fault(&c->cli->fault, ferry_depot_error(c->to));
}

// ---- builds ----

static int copy_bytes(struct copying *c, const struct ferry_depot_blob *blob, struct ferry_depot_put *put)
{
    uint8_t piece[16384];
    int n = 0;
    for (uint32_t at = 0; at < blob->size; at += (uint32_t)n) {
        n = ferry_depot_blob_read(c->cli->depot, blob->id, at, piece, sizeof piece);
        if (n <= 0)
            return n < 0 ? from_fault(c) : FERRY_ERR_STORAGE_DAMAGED;
        if (ferry_depot_put_write(put, piece, (size_t)n) < 0)
            return to_fault(c);
    }
    return FERRY_OK;
}

// The bytes there, compared with the SHA-256 they have here.
static int copy_file(struct copying *c, const struct ferry_depot_blob *from, struct ferry_depot_blob *to)
{
    struct ferry_depot_put *put;
    if (ferry_depot_put_begin(c->to, &c->cli->put_digest, 0, &put) < 0)
        return to_fault(c);
    int status = copy_bytes(c, from, put);
    ferry_depot_blob_rest(c->cli->depot);
    if (status < 0) {
        ferry_depot_put_abort(put);
        return status;
    }
    status = ferry_depot_put_end(put, from->sha256, to, 0);
    if (status != FERRY_ERR_VERIFY)
        return status < 0 ? to_fault(c) : FERRY_OK;
    ferry_fault_set(&c->cli->fault, FERRY_ERR_STORAGE_DAMAGED, "",
                    "a stored file is damaged; its build was not copied");
    ferry_fault_hint(&c->cli->fault, "ferry depot check says which; storing that build again repairs it");
    return FERRY_ERR_STORAGE_DAMAGED;
}

static int copy_build(struct copying *c, struct pair *pair)
{
    struct ferry_depot_build build;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    char layout[FERRY_DEPOT_LAYOUT], size[16];
    bool existed = false;
    int count = ferry_depot_build_files(c->cli->depot, pair->from, files);
    if (count < 0 || ferry_depot_build_get(c->cli->depot, pair->from, &build) < 0 ||
        ferry_depot_build_layout(c->cli->depot, pair->from, layout) < 0)
        return from_fault(c);
    int status = FERRY_OK;
    for (int i = 0; i < count && status >= 0; i++)
        status = copy_file(c, &files[i].blob, &files[i].blob);
    if (status < 0)
        return status;
    if (ferry_depot_build_add(c->to, &build, files, (size_t)count, layout, &existed) < 0)
        return to_fault(c);
    pair->to = build.id;
    c->copied += !existed;
    c->known += existed;
    cJSON *object = cli_depot_build_json(&build);
    cJSON_AddBoolToObject(object, "existed", existed);
    cli_display_json(&c->cli->display, "copied", object);
    cli_display_line(&c->cli->display, "%s #%lld -> #%lld  %s %s %s, %s",
                     existed ? "Known: " : "Copied:", (long long)pair->from, (long long)build.id, build.project,
                     build.version, build.chip, ferry_posix_number_bytes(build.size, size, sizeof size));
    return FERRY_OK;
}

// ---- all of them ----

static int remember(struct copying *c, int64_t id)
{
    if (c->count % PAGE == 0) {
        struct pair *more = realloc(c->builds, (c->count + PAGE) * sizeof *more);
        if (!more)
            return ferry_fault_set(&c->cli->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
        c->builds = more;
    }
    c->builds[c->count++] = (struct pair){.from = id};
    return FERRY_OK;
}

static int collect(struct copying *c)
{
    struct ferry_depot_filter filter = {.project = c->cli->options.project, .chip = c->cli->options.chip};
    struct ferry_depot_build *page = malloc(PAGE * sizeof *page);
    int n = PAGE, status = page ? FERRY_OK : ferry_fault_set(&c->cli->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    while (status >= 0 && n == PAGE) {
        n = ferry_depot_build_list(c->cli->depot, &filter, page, PAGE);
        status = n < 0 ? from_fault(c) : FERRY_OK;
        for (int i = 0; i < n && status >= 0; i++)
            status = remember(c, page[i].id);
        filter.before = n > 0 ? page[n - 1].id : 0;
    }
    free(page);
    return status;
}

static int copy_channels(struct copying *c)
{
    struct ferry_depot_channel page[PAGE];
    int n = PAGE, status = FERRY_OK;
    for (size_t skip = 0; status >= 0 && n == PAGE; skip += PAGE) {
        n = ferry_depot_channel_list(c->cli->depot, c->cli->options.project, skip, page, PAGE);
        status = n < 0 ? from_fault(c) : FERRY_OK;
        for (int i = 0; i < n && status >= 0; i++)
            for (size_t k = 0; k < c->count && status >= 0; k++)
                if (c->builds[k].from == page[i].build) {
                    status = ferry_depot_channel_set(c->to, page[i].name, c->builds[k].to) < 0 ? to_fault(c) : FERRY_OK;
                    c->channels += status >= 0;
                }
    }
    return status;
}

// Names and channels of devices that are not known there; what they run, they say themselves.
static int copy_device(struct copying *c, const struct ferry_depot_device *d)
{
    struct ferry_depot_device there;
    struct ferry_depot_device_change change = {.name = d->name,
                                               .channel = d->channel,
                                               .release_channel = !d->assigned,
                                               .project = *d->wants ? d->wants : d->project,
                                               .chip = d->chip};
    int status = ferry_depot_device_get(c->to, d->mac, &there);
    if (status >= 0)
        return FERRY_OK;
    if (status != FERRY_ERR_STORAGE_MISSING || ferry_depot_device_change(c->to, d->mac, &change) < 0)
        return to_fault(c);
    c->devices++;
    return FERRY_OK;
}

static int copy_devices(struct copying *c)
{
    struct ferry_depot_device page[PAGE];
    char after[FERRY_DEPOT_MAC] = "";
    int n = PAGE, status = FERRY_OK;
    while (status >= 0 && n == PAGE) {
        n = ferry_depot_device_find(c->cli->depot, &(struct ferry_depot_device_filter){.after = after}, page, PAGE);
        status = n < 0 ? from_fault(c) : FERRY_OK;
        for (int i = 0; i < n && status >= 0; i++)
            status = copy_device(c, &page[i]);
        if (n > 0)
            memcpy(after, page[n - 1].mac, sizeof after);
    }
    return status;
}

static int copy_all(struct copying *c)
{
    bool whole = !c->cli->options.project && !c->cli->options.chip;
    int status = collect(c);
    for (size_t i = c->count; i > 0 && status >= 0; i--) // the oldest first, so that "latest" stays what it is
        status = copy_build(c, &c->builds[i - 1]);
    if (status >= 0)
        status = copy_channels(c);
    return status >= 0 && whole ? copy_devices(c) : status;
}

int cli_depot_copy(struct cli_depot *cli)
{
    struct ferry_depot_error error;
    struct ferry_depot_cfg cfg = {.url = cli->options.args[0], .digest = &cli->digest};
    struct copying c = {.cli = cli};
    if (cli->options.arg_count != 1)
        return cli_depot_usage("copy", "'copy' wants the other depot: a file, or postgresql://USER@HOST/NAME");
    int status = ferry_depot_open(&c.to, &cfg, &error);
    status = status < 0 ? cli_depot_fault(&cli->fault, &error) : copy_all(&c);
    ferry_depot_close(c.to);
    free(c.builds);
    if (status < 0)
        return cli_depot_told(cli);
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "builds", c.copied);
    cJSON_AddNumberToObject(object, "known", c.known);
    cJSON_AddNumberToObject(object, "channels", c.channels);
    cJSON_AddNumberToObject(object, "devices", c.devices);
    cli_display_json(&cli->display, "done", object);
    cli_display_good(&cli->display, "%u build%s copied, %u there already; %u channel%s, %u device%s.",
                     (unsigned)c.copied, c.copied == 1 ? "" : "s", (unsigned)c.known, (unsigned)c.channels,
                     c.channels == 1 ? "" : "s", (unsigned)c.devices, c.devices == 1 ? "" : "s");
    return 0;
}
