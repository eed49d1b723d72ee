// A sink: where a receiver puts what arrives. begin, chunk ..., end; or abort.
#ifndef FERRY_IO_SINK_H
#define FERRY_IO_SINK_H

#include <stddef.h>
#include <stdint.h>

struct ferry_sink {
    void *ctx;
    int (*begin)(void *ctx, uint32_t size);
    int (*chunk)(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len);
    int (*end)(void *ctx);
    void (*abort)(void *ctx);
};

#endif
