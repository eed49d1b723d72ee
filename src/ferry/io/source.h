// A source: bytes that can be read at an offset. A file on a card, a blob, memory, a region of another source.
#ifndef FERRY_IO_SOURCE_H
#define FERRY_IO_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct ferry_source {
    void *ctx;
    uint32_t size; // bytes; fixed while it is open
    // Reads exactly len bytes at offset (offset + len <= size) or fails; may block as long as the storage does.
    // 0, FERRY_ERR_STORAGE_READ, FERRY_ERR_STORAGE_CHANGED (shorter or other than when it was opened).
    int (*read)(void *ctx, uint32_t offset, uint8_t *buf, size_t len);
};

#endif
