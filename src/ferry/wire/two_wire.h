// A clocked wire over two pins, clock and data, for targets whose timing is poor: the updater clocks, both talk. All is
// told by the order of edges, nothing by their times.
//
//   slot:    start, 18 clocks (9 bits from the updater, 9 bits from the target), 1 clock in which both let go
//   start:   data falls while the clock is high; it changes only while the clock is low otherwise
//   9 bits:  0 = a byte follows, then the byte, lowest bit first; 1 = nothing to say
//
// The data pin is open-drain with a pull-up. Lost edges cost a slot: the next start begins anew, and while a target
// that has lost count holds data low the updater clocks on without a start until it lets go.
//
// Rate: the updater's tick() makes a slot in 156 ticks: 100 kHz (a timer interrupt) carries 640 bytes/s each way,
// 1 MHz (a busy loop) 6,400. The target's may be as much faster as it likes, and up to 2.5 times slower; any tick may
// be late by half a tick of the updater. Both may stop for any time; what a target misses meanwhile is lost.
//
// RAM: about 550 bytes. What a receiver's cfg.wire_buffer should say: 255, as long as tick() goes on during erases.
#ifndef FERRY_WIRE_TWO_WIRE_H
#define FERRY_WIRE_TWO_WIRE_H

#include "ferry/wire/soft_uart.h"

#define FERRY_WIRE_TWO_WIRE_QUARTER 2 // ticks of the updater per quarter of a clock
#define FERRY_WIRE_TWO_WIRE_SLOT 156  // ticks of the updater per slot

struct ferry_wire_two_wire {
    const struct ferry_pin *clock, *data; // the caller's; the target only reads the clock
    bool clocks;                          // this is the updater's end
    // Private; zero before use.
    struct ferry_wire_ring out, in;
    uint8_t bit; // of the slot, 18 = let go
    uint8_t ticks, quarter;
    uint16_t send, got;
    bool level, was_data; // of clock and data, as the target has last seen them
    uint32_t overruns;    // bytes for which there was no room
};

// Once per tick, from a timer interrupt or a loop.
void ferry_wire_two_wire_tick(struct ferry_wire_two_wire *self);
// The stream over self, which has to stay where it is.
struct ferry_stream ferry_wire_two_wire_stream(struct ferry_wire_two_wire *self);

#endif
