// A clock for blocking wrappers; engines never see it (time comes in as an argument).
#ifndef FERRY_IO_CLOCK_H
#define FERRY_IO_CLOCK_H

#include <stdint.h>

struct ferry_clock {
    void *ctx;
    uint32_t (*now_ms)(void *ctx); // may wrap
    // Sleeps up to ms, less when bytes arrive on a stream of this port. May return early for no reason.
    void (*wait)(void *ctx, uint32_t ms);
};

#endif
