// Rate detection of the loader: the UART counts edges and keeps the shortest low and high pulse; with more than 127
// edges seen the rate is taken from the two (ROM, uart_baudrate_detect). Works on bytes with the rate they were sent
// at.
#ifndef SIM_CHIP_AUTOBAUD_H
#define SIM_CHIP_AUTOBAUD_H

#include <stdbool.h>
#include <stdint.h>

struct sim_autobaud {
    uint32_t edges;
    uint32_t shortest_low, shortest_high; // in clock cycles
};

void sim_autobaud_init(struct sim_autobaud *self);
// A byte on the wire; clock_hz = of the UART. Returns the rate found in bits per second, 0 = not yet (or none that the
// counters can measure).
uint32_t sim_autobaud_byte(struct sim_autobaud *self, uint8_t byte, uint32_t baud, uint32_t clock_hz);

#endif
