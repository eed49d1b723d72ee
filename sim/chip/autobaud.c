#include "sim/chip/autobaud.h"

#define EDGES_NEEDED 128u
#define COUNTER_MAX 0xfffffu
#define FEWEST_CYCLES 24u // per bit: below that a count that is one off is more than the receiver stands

void sim_autobaud_init(struct sim_autobaud *self)
{
    self->edges = 0;
    self->shortest_low = self->shortest_high = COUNTER_MAX;
}

static void pulse(struct sim_autobaud *self, unsigned level, unsigned bits, uint32_t cycles_per_bit)
{
    uint64_t cycles = (uint64_t)bits * cycles_per_bit;
    uint32_t *shortest = level ? &self->shortest_high : &self->shortest_low;
    self->edges++;
    if (cycles < *shortest) {
        *shortest = (uint32_t)cycles;
    }
}

uint32_t sim_autobaud_byte(struct sim_autobaud *self, uint8_t byte, uint32_t baud, uint32_t clock_hz)
{
    uint32_t cycles_per_bit = baud ? (clock_hz + baud / 2) / baud : 0;
    uint32_t wire = (uint32_t)byte << 1 | 1u << 9; // start bit first, then data, stop bit last
    unsigned level = 0, length = 1;
    for (unsigned i = 1; i < 10; i++) {
        if ((wire >> i & 1u) == level) {
            length++;
            continue;
        }
        pulse(self, level, length, cycles_per_bit);
        level ^= 1u;
        length = 1;
    }
    self->edges++; // the falling edge that began it
    if (self->edges < EDGES_NEEDED) {
        return 0;
    }
    uint32_t bit = (self->shortest_low + self->shortest_high) / 2;
    return bit >= FEWEST_CYCLES && bit < COUNTER_MAX ? clock_hz / bit : 0;
}
