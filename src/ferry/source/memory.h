// A source in memory: bytes that stay the caller's for as long as the source is used.
#ifndef FERRY_SOURCE_MEMORY_H
#define FERRY_SOURCE_MEMORY_H

#include "ferry/io/source.h"

struct ferry_source_memory {
    const uint8_t *bytes;
    uint32_t size;
};

// The source refers to *self, which must stay where it is. read() gives FERRY_ERR_ARG beyond the end.
struct ferry_source ferry_source_memory(struct ferry_source_memory *self, const uint8_t *bytes, uint32_t size);

#endif
