// Time in engines: milliseconds in a uint32_t that may wrap. Only differences mean anything.
#ifndef FERRY_BASE_TIME_H
#define FERRY_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define FERRY_NEVER_MS 0x3fffffffu // "no deadline": a delay longer than any real one (about 12 days)

// True when `now_ms` has reached `when_ms` (both may have wrapped; they are less than 24 days apart).
static inline bool ferry_time_reached(uint32_t now_ms, uint32_t when_ms)
{
    return (int32_t)(now_ms - when_ms) >= 0;
}

// The shorter of two delays: until when_ms (0 when it has been reached), and best_ms.
static inline uint32_t ferry_time_sooner(uint32_t now_ms, uint32_t when_ms, uint32_t best_ms)
{
    uint32_t left_ms = ferry_time_reached(now_ms, when_ms) ? 0 : when_ms - now_ms;
    return left_ms < best_ms ? left_ms : best_ms;
}

#endif
