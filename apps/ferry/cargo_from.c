#include "apps/ferry/cargo_from.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cargo_from_url.h"
#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "ferry/source/blob.h"
#include "updater/download.h"

enum { CHIPS = 16 };

struct build {
    struct ferry_depot_build facts;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    struct ferry_source_blob sources[FERRY_DEPOT_FILES];
    struct ferry_cargo_blob blobs[FERRY_DEPOT_FILES];
    int count;
};

struct cargo_from {
    struct ferry_posix_digest digest_state;
    struct ferry_digest digest; // its own: jobs have one under way while they read
    struct ferry_depot *depot;
    struct ferry_depot_build found[CHIPS];
    struct build *builds;
    int count;
};

static int depot_fault(struct cargo_from *self, struct ferry_fault *fault)
{
    return cli_depot_fault(fault, ferry_depot_error(self->depot));
}

static int read_blob(void *ctx, int64_t id, uint32_t offset, uint8_t *buf, size_t cap)
{
    return ferry_depot_blob_read(ctx, id, offset, buf, cap);
}

// A file is looked at whole before anything is done with it.
static int take_file(struct cargo_from *self, struct build *build, int i, struct ferry_fault *fault)
{
    const struct ferry_depot_file *file = &build->files[i];
    struct ferry_cargo_blob *blob = &build->blobs[i];
    if (ferry_depot_blob_verify(self->depot, file->blob.id) < 0)
        return depot_fault(self, fault);
    build->sources[i] =
        (struct ferry_source_blob){.ctx = self->depot, .id = file->blob.id, .size = file->blob.size, .read = read_blob};
    snprintf(blob->name, sizeof blob->name, "%s", file->name);
    snprintf(blob->role, sizeof blob->role, "%s", file->role);
    blob->address = file->address;
    blob->source = ferry_source_blob(&build->sources[i]);
    return FERRY_OK;
}

static void fill_cargo(const struct build *build, struct ferry_cargo *cargo)
{
    const struct ferry_depot_build *b = &build->facts;
    const struct ferry_chip *chip = ferry_chip_by_name(b->chip);
    bool app = build->count == 1 && build->files[0].address == FERRY_DEPOT_NO_ADDRESS;
    memset(cargo, 0, sizeof *cargo);
    cargo->kind = app                                           ? FERRY_CARGO_APP
                  : strcmp(build->files[0].role, "merged") == 0 ? FERRY_CARGO_MERGED
                                                                : FERRY_CARGO_ADDRESSED;
    snprintf(cargo->path, sizeof cargo->path, "depot:#%lld", (long long)b->id);
    snprintf(cargo->name, sizeof cargo->name, "%s", b->project);
    snprintf(cargo->version, sizeof cargo->version, "%s", b->version);
    cargo->chip_count = chip != 0;
    cargo->chips[0] = chip ? chip->id : (uint16_t)0;
    cargo->total_size = b->size < UINT32_MAX ? (uint32_t)b->size : UINT32_MAX;
    cargo->blobs = build->blobs;
    cargo->blob_count = (size_t)build->count;
}

static int take_builds(struct cargo_from *self, struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    self->builds = calloc((size_t)self->count, sizeof *self->builds);
    if (!self->builds)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    int status = FERRY_OK;
    for (int i = 0; status >= 0 && i < self->count; i++) {
        struct build *build = &self->builds[i];
        build->facts = self->found[i];
        build->count = ferry_depot_build_files(self->depot, build->facts.id, build->files);
        status = build->count < 0 ? depot_fault(self, fault) : FERRY_OK;
        for (int k = 0; status >= 0 && k < build->count; k++)
            status = take_file(self, build, k, fault);
        if (status >= 0)
            fill_cargo(build, &list->items[list->count++]);
    }
    return status;
}

static int open_depot(struct cargo_from *self, const char *depot, struct ferry_fault *fault)
{
    char path[1024];
    struct ferry_depot_error error;
    struct ferry_depot_cfg cfg = {
        .url = cli_depot_url(depot, path, sizeof path), .digest = &self->digest, .must_exist = true};
    return ferry_depot_open(&self->depot, &cfg, &error) < 0 ? cli_depot_fault(fault, &error) : FERRY_OK;
}

static int open_any(struct cargo_from **out, const struct cli_options *options, struct ferry_cargo_list *list,
                    struct ferry_fault *fault)
{
    const struct ferry_chip *wanted = ferry_chip_by_id(options->chip);
    const char *from = options->from;
    struct cargo_from *self = *out = calloc(1, sizeof *self);
    memset(list, 0, sizeof *list);
    if (!self)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    if (ferry_download_is_url(from))
        return cargo_from_url(from, options->chip, options->offline, list, fault);
    if (options->offline) {
        ferry_fault_set(fault, FERRY_ERR_ARG, "", "--offline goes with an address: https://... or depot:https://...");
        ferry_fault_hint(fault, "a depot in a file or in PostgreSQL is read itself; nothing of it is kept elsewhere");
        return FERRY_ERR_ARG;
    }
    if (strncmp(from, "depot:", 6) != 0 || !from[6]) {
        ferry_fault_set(fault, FERRY_ERR_ARG, "", "'%.60s' is no place that firmware can be taken from", from);
        ferry_fault_hint(
            fault, "--from depot:PROJECT@CHANNEL, depot:PROJECT@VERSION, depot:#ID, depot:SHA256, https://..., or "
                   "depot:https://HOST:PORT/PROJECT@CHANNEL");
        return FERRY_ERR_ARG;
    }
    self->digest = ferry_posix_digest_init(&self->digest_state);
    int status = open_depot(self, options->depot, fault);
    if (status < 0)
        return status;
    self->count = ferry_depot_find(self->depot, from + 6, wanted ? wanted->name : "", self->found, CHIPS);
    return self->count < 0 ? depot_fault(self, fault) : take_builds(self, list, fault);
}

int cargo_from_open(struct cargo_from **out, const struct cli_options *options, struct cli_display *display,
                    struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    int status = open_any(out, options, list, fault);
    if (status < 0)
        cargo_from_url_hide(fault);
    else if (options->offline)
        cli_display_warning(display, "taken from what was fetched before: the server was not asked for a newer one");
    return status;
}

void cargo_from_close(struct cargo_from *self)
{
    if (!self)
        return;
    ferry_depot_close(self->depot);
    if (self->digest.ctx)
        ferry_posix_digest_close(&self->digest_state);
    free(self->builds);
    free(self);
}
