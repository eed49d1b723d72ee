#include "ferry/source/prefetch.h"

#include <stdbool.h>

#include <string.h>

#include "ferry/base/status.h"

static bool holds(const struct ferry_source_prefetch *self, unsigned half, uint32_t offset)
{
    return offset >= self->start[half] && offset - self->start[half] < self->len[half];
}

static int load(struct ferry_source_prefetch *self, unsigned half, uint32_t offset)
{
    uint32_t left = self->slow.size - offset;
    size_t len = left < self->half ? left : self->half;
    self->len[half] = 0;
    self->reads++;
    int status = self->slow.read(self->slow.ctx, offset, self->buf + half * self->half, len);
    if (status < 0)
        return status;
    self->start[half] = offset;
    self->len[half] = len;
    return FERRY_OK;
}

// Copies what the halves hold at offset; loads one when neither does. Bytes copied, or negative.
static int read_some(struct ferry_source_prefetch *self, uint32_t offset, uint8_t *buf, size_t len)
{
    unsigned half = holds(self, 0, offset) ? 0 : 1;
    if (!holds(self, half, offset)) {
        half = 1 - self->current;
        int status = load(self, half, offset);
        if (status < 0)
            return status;
    }
    self->current = half;
    size_t at = offset - self->start[half], there = self->len[half] - at;
    size_t n = len < there ? len : there;
    memcpy(buf, self->buf + half * self->half + at, n);
    return (int)n;
}

static int read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct ferry_source_prefetch *self = ctx;
    if (offset > self->slow.size || len > self->slow.size - offset)
        return FERRY_ERR_ARG;
    while (len > 0) {
        int n = read_some(self, offset, buf, len);
        if (n < 0)
            return n;
        offset += (uint32_t)n;
        buf += n;
        len -= (size_t)n;
    }
    return FERRY_OK;
}

int ferry_source_prefetch(struct ferry_source_prefetch *self, const struct ferry_source *slow, uint8_t *buf,
                          size_t size, struct ferry_source *out)
{
    if (buf == NULL || size < 2048 || size % 2 != 0)
        return FERRY_ERR_ARG;
    *self = (struct ferry_source_prefetch){.slow = *slow, .buf = buf, .half = size / 2};
    *out = (struct ferry_source){.ctx = self, .size = slow->size, .read = read};
    return FERRY_OK;
}

int ferry_source_prefetch_ahead(struct ferry_source_prefetch *self)
{
    unsigned half = self->current;
    uint32_t next = self->start[half] + (uint32_t)self->len[half];
    if (self->len[half] == 0 || next >= self->slow.size || holds(self, 1 - half, next))
        return FERRY_OK;
    return load(self, 1 - half, next);
}
