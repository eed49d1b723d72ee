// Two wires between two ends at the level of edges, in virtual time: each end ticks by its own clock, which may be
// wrong and jitter; the wires are pulled up, and low when one end pulls them low; spikes turn over what is read.
#ifndef TESTS_SUPPORT_PINS_H
#define TESTS_SUPPORT_PINS_H

#include <stdint.h>

#include "ferry/io/pins.h"

struct pins_cfg {
    double tick_ns[2];       // period of each end, clock error included
    uint32_t jitter_ns;      // a tick is late by 0 .. so much; the next is not
    uint32_t spike_every_us; // of each end's reading: a spike, so often on the average; 0 = never
    uint32_t spike_reads;    // readings that a spike lasts, 0 = 1
    uint64_t seed;
};

struct pins_end {
    struct pins *pins;
    int end;
    double next_ns; // its next tick, without jitter
    uint64_t due_ns;
    uint64_t spike_ns;
    uint32_t spike_left;
    void (*tick)(void *wire);
    void *wire;
    struct pins_foot {
        struct pins_end *end;
        int net;
    } foot[2];
    struct ferry_pin pin[2]; // of each wire
};

struct pins {
    struct pins_cfg cfg;
    bool low[2][2]; // [wire][end]: who pulls it low
    bool cut[2];    // a broken wire: what the other end does is not seen
    bool deaf;      // end 1 does not tick
    uint64_t edges[2];
    struct pins_end end[2];
};

void pins_init(struct pins *self, const struct pins_cfg *cfg);
// What ticks at this end.
void pins_attach(struct pins *self, int end, void (*tick)(void *wire), void *wire);
// Time passes until to_ns (of both clocks).
void pins_run(struct pins *self, uint64_t to_ns);
// Time passes, but nobody ticks: both processors stand still.
void pins_skip(struct pins *self, uint64_t to_ns);

#endif
