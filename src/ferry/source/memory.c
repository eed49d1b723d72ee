#include "ferry/source/memory.h"

#include <string.h>

#include "ferry/base/status.h"

static int read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_source_memory *self = ctx;
    if (offset > self->size || len > self->size - offset)
        return FERRY_ERR_ARG;
    memcpy(buf, self->bytes + offset, len);
    return FERRY_OK;
}

struct ferry_source ferry_source_memory(struct ferry_source_memory *self, const uint8_t *bytes, uint32_t size)
{
    self->bytes = bytes;
    self->size = size;
    return (struct ferry_source){.ctx = self, .size = size, .read = read};
}
