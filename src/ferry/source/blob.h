// A source over bytes that come in pieces from somewhere else (a database, a server): one callback that gives what it
// has at an offset. The ROM route and the link route read it like any other source.
#ifndef FERRY_SOURCE_BLOB_H
#define FERRY_SOURCE_BLOB_H

#include "ferry/io/source.h"

struct ferry_source_blob {
    void *ctx;
    int64_t id; // of the blob, for the callback
    uint32_t size;
    // Up to cap bytes (> 0) from offset on: how many, at least one; where pieces end is the callback's affair. 0 = the
    // blob ends here. May block as long as the storage does. Negative: FERRY_ERR_STORAGE_*.
    int (*read)(void *ctx, int64_t id, uint32_t offset, uint8_t *buf, size_t cap);
};

// The source refers to *self, which must stay where it is. Its read() gives what the callback gives as an error,
// FERRY_ERR_ARG beyond size, FERRY_ERR_STORAGE_CHANGED when the blob ends before size or the callback gives too much.
struct ferry_source ferry_source_blob(struct ferry_source_blob *self);

#endif
