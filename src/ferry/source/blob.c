#include "ferry/source/blob.h"

#include "ferry/base/status.h"

static int read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_source_blob *self = ctx;
    if (offset > self->size || len > self->size - offset)
        return FERRY_ERR_ARG;
    for (size_t at = 0; at < len;) {
        int n = self->read(self->ctx, self->id, offset + (uint32_t)at, buf + at, len - at);
        if (n < 0)
            return n;
        if (n == 0 || (size_t)n > len - at)
            return FERRY_ERR_STORAGE_CHANGED;
        at += (size_t)n;
    }
    return FERRY_OK;
}

struct ferry_source ferry_source_blob(struct ferry_source_blob *self)
{
    return (struct ferry_source){.ctx = self, .size = self->size, .read = read};
}
