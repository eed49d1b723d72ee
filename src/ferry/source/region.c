#include "ferry/source/region.h"

#include "ferry/base/status.h"

static int read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_source_region *self = ctx;
    if (offset > self->size || len > self->size - offset)
        return FERRY_ERR_ARG;
    return self->whole.read(self->whole.ctx, self->offset + offset, buf, len);
}

int ferry_source_region(struct ferry_source_region *self, const struct ferry_source *whole, uint32_t offset,
                        uint32_t size, struct ferry_source *out)
{
    if (offset > whole->size || size > whole->size - offset)
        return FERRY_ERR_ARG;
    *self = (struct ferry_source_region){.whole = *whole, .offset = offset, .size = size};
    *out = (struct ferry_source){.ctx = self, .size = size, .read = read};
    return FERRY_OK;
}
