// Zlib streams (RFC 1950) made by zlib.
#ifndef PORTS_POSIX_DEFLATE_H
#define PORTS_POSIX_DEFLATE_H

#include <stdbool.h>
#include <zlib.h>

#include "ferry/io/deflate.h"

struct ferry_posix_deflate_cfg {
    int level;       // 1 (fast) .. 9 (small); 0 = 9
    int window_bits; // 9 .. 15: the other side needs 2^window_bits bytes; 0 = 15 (32 KB, what the mask ROMs have)
};

struct ferry_posix_deflate {
    struct ferry_posix_deflate_cfg cfg;
    z_stream stream;
    bool open;
};

// *self must outlive the result; cfg may be NULL (all defaults). begin() returns FERRY_ERR_NO_MEMORY, or
// FERRY_ERR_ARG for a level or window out of range.
struct ferry_deflate ferry_posix_deflate_init(struct ferry_posix_deflate *self,
                                              const struct ferry_posix_deflate_cfg *cfg);
void ferry_posix_deflate_close(struct ferry_posix_deflate *self); // frees zlib's memory

#endif
