// A compressor that makes zlib streams (RFC 1950), for targets whose loader inflates. zlib on most platforms.
// One stream under way at a time per ctx; begin starts over. The same input gives the same bytes each time.
#ifndef FERRY_IO_DEFLATE_H
#define FERRY_IO_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferry_deflate {
    void *ctx;
    int (*begin)(void *ctx);
    // Consumes all or part of in (*in_len becomes what was consumed) and writes to out (*out_len: room in, bytes out).
    // With finish, call until it returns 1 (stream complete). 0 = go on, 1 = complete, negative = FERRY_ERR_*.
    int (*step)(void *ctx, const uint8_t *in, size_t *in_len, uint8_t *out, size_t *out_len, bool finish);
};

#endif
