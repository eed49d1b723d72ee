#include "ferry/sink/sink_by_kind.h"

#include "ferry/base/status.h"

static const struct ferry_sink *leader(const struct ferry_sink_by_kind *self)
{
    return self->firmware ? self->firmware : self->partition ? self->partition : self->file;
}

static int add_slots(const struct ferry_sink *sink, struct ferry_target_info *out)
{
    struct ferry_target_info more;
    int status = sink->info(sink->ctx, &more);
    for (uint8_t i = 0; status >= 0 && i < more.slot_count && out->slot_count < FERRY_MANIFEST_SLOTS; i++)
        out->slots[out->slot_count++] = more.slots[i];
    out->any_order = out->any_order && more.any_order; // what comes next may be for either
    return status;
}

static int info(void *ctx, struct ferry_target_info *out)
{
    const struct ferry_sink_by_kind *self = ctx;
    const struct ferry_sink *first = leader(self), *others[] = {self->partition, self->file};
    int status = first->info(first->ctx, out);
    for (unsigned i = 0; status >= 0 && i < 2; i++)
        if (others[i] && others[i] != first)
            status = add_slots(others[i], out);
    return status < 0 ? status : FERRY_OK;
}

static int begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct ferry_sink_by_kind *self = ctx;
    const struct ferry_sink *to = manifest->kind == FERRY_MANIFEST_FIRMWARE    ? self->firmware
                                  : manifest->kind == FERRY_MANIFEST_PARTITION ? self->partition
                                  : manifest->kind == FERRY_MANIFEST_FILE      ? self->file
                                                                               : NULL;
    if (!to)
        return FERRY_ERR_UNSUPPORTED;
    int status = to->begin(to->ctx, manifest, plan);
    if (status >= 0)
        self->open = to;
    return status;
}

static int prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    const struct ferry_sink *to = ((struct ferry_sink_by_kind *)ctx)->open;
    return to ? to->prepare(to->ctx, offset, end, ready_to) : FERRY_ERR_STATE;
}

static int chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    const struct ferry_sink *to = ((struct ferry_sink_by_kind *)ctx)->open;
    return to ? to->chunk(to->ctx, offset, bytes, len) : FERRY_ERR_STATE;
}

static int hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    const struct ferry_sink *to = ((struct ferry_sink_by_kind *)ctx)->open;
    return to ? to->hash(to->ctx, offset, len, sha256, blank) : FERRY_ERR_STATE;
}

static int end(void *ctx)
{
    const struct ferry_sink *to = ((struct ferry_sink_by_kind *)ctx)->open;
    return to ? to->end(to->ctx) : FERRY_ERR_STATE;
}

// Nothing may be open, and yet an update unfinished since before the last reset.
static int abort_update(void *ctx)
{
    struct ferry_sink_by_kind *self = ctx;
    const struct ferry_sink *to = self->open ? self->open : leader(self);
    return to->abort(to->ctx);
}

static int confirm(void *ctx)
{
    const struct ferry_sink *to = leader(ctx);
    return to->confirm(to->ctx);
}

static int revert(void *ctx, enum ferry_give_up reason)
{
    const struct ferry_sink *to = leader(ctx);
    return to->revert(to->ctx, reason);
}

static int reboot(void *ctx)
{
    const struct ferry_sink *to = leader(ctx);
    return to->reboot(to->ctx);
}

struct ferry_sink ferry_sink_by_kind(struct ferry_sink_by_kind *self)
{
    struct ferry_sink sink = {self, info, begin, prepare, chunk, hash, end, abort_update, confirm, revert, reboot};
    self->open = NULL;
    return sink;
}
