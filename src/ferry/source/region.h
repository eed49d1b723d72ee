// A source that is a part of another: `size` bytes from `offset` on.
#ifndef FERRY_SOURCE_REGION_H
#define FERRY_SOURCE_REGION_H

#include "ferry/io/source.h"

struct ferry_source_region {
    struct ferry_source whole;
    uint32_t offset, size;
};

// *out refers to *self, which must stay where it is; whole is copied. 0, or FERRY_ERR_ARG (the part reaches beyond the
// whole).
int ferry_source_region(struct ferry_source_region *self, const struct ferry_source *whole, uint32_t offset,
                        uint32_t size, struct ferry_source *out);

#endif
