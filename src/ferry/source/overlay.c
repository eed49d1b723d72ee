#include "ferry/source/overlay.h"

#include <string.h>

#include "ferry/base/status.h"

void ferry_source_overlay_init(struct ferry_source_overlay *self, const struct ferry_source *below)
{
    memset(self, 0, sizeof *self);
    self->below = *below;
}

int ferry_source_overlay_add(struct ferry_source_overlay *self, uint32_t offset, const uint8_t *bytes, uint32_t len)
{
    if (offset > self->below.size || len > self->below.size - offset)
        return FERRY_ERR_ARG;
    if (self->count == FERRY_SOURCE_OVERLAY_PATCHES)
        return FERRY_ERR_BUFFER;
    self->patches[self->count++] = (struct ferry_source_overlay_patch){offset, len, bytes};
    return FERRY_OK;
}

// Copies the part of the patch that lies in offset .. offset + len.
static void lay(const struct ferry_source_overlay_patch *patch, uint32_t offset, uint8_t *buf, size_t len)
{
    uint64_t from = patch->offset > offset ? patch->offset : offset;
    uint64_t end = (uint64_t)patch->offset + patch->len;
    if (end > (uint64_t)offset + len)
        end = (uint64_t)offset + len;
    if (from < end)
        memcpy(buf + (from - offset), patch->bytes + (from - patch->offset), (size_t)(end - from));
}

static int read_overlay(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct ferry_source_overlay *self = ctx;
    int status = self->below.read(self->below.ctx, offset, buf, len);
    for (size_t i = 0; status >= 0 && i < self->count; i++)
        lay(&self->patches[i], offset, buf, len);
    return status;
}

struct ferry_source ferry_source_overlay_source(struct ferry_source_overlay *self)
{
    return (struct ferry_source){.ctx = self, .size = self->below.size, .read = read_overlay};
}
