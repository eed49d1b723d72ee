// A trace of what goes over the wire, for people who look for a fault. Optional everywhere (NULL: none).
#ifndef FERRY_IO_TRACE_H
#define FERRY_IO_TRACE_H

#include <stddef.h>
#include <stdint.h>

enum ferry_trace_dir { FERRY_TRACE_TO_TARGET = '>', FERRY_TRACE_FROM_TARGET = '<', FERRY_TRACE_NOTE = '#' };

struct ferry_trace {
    void *ctx;
    void (*bytes)(void *ctx, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes, size_t len);
};

#endif
