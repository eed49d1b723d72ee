// A clocked wire over two pins, clock and data, for targets whose timing is poor: the updater clocks, both talk.
//
//   slot:  gap, then 18 clocks: 9 bits from the updater, 9 bits from the target
//   9 bits: 0 = a byte follows, then the byte, lowest bit first
//
// The data pin is open-drain with a pull-up, and changes while the clock is low. A pause of the clock starts the next
// slot, so that a lost edge costs one slot. Neither side needs an exact tick; the target's must not be slower than half
// the updater's.
#ifndef FERRY_WIRE_TWO_WIRE_H
#define FERRY_WIRE_TWO_WIRE_H

#include "ferry/wire/soft_uart.h"

#define FERRY_WIRE_TWO_WIRE_HALF 4 // ticks of the updater per half clock
#define FERRY_WIRE_TWO_WIRE_GAP 20 // and between slots

struct ferry_wire_two_wire {
    const struct ferry_wire_pin *clock, *data; // the caller's
    bool clocks;                               // this is the updater's end
    // Private; zero before use.
    struct ferry_wire_ring out, in;
    uint8_t bit, ticks;
    uint16_t send, got;
    bool level; // of the clock, as last seen or set
    uint32_t overruns;
};

void ferry_wire_two_wire_tick(struct ferry_wire_two_wire *self);
struct ferry_stream ferry_wire_two_wire_stream(struct ferry_wire_two_wire *self);

#endif
