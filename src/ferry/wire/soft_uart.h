// A UART in software (8N1) over two pins and a tick, for wires without hardware: any pin that can be read and any that
// can be written. Works with ticks that are up to 2 % off and jitter by a tick.
#ifndef FERRY_WIRE_SOFT_UART_H
#define FERRY_WIRE_SOFT_UART_H

#include "ferry/io/stream.h"
#include <stdbool.h>

#define FERRY_WIRE_SOFT_UART_TICKS 8 // per bit: call tick() at 8 times the baud rate
#define FERRY_WIRE_SOFT_UART_RING 256

struct ferry_wire_pin {
    void *ctx;
    bool (*read)(void *ctx);              // level; must not block
    void (*write)(void *ctx, bool level); // on open-drain pins true lets go
};

struct ferry_wire_ring {
    uint8_t bytes[FERRY_WIRE_SOFT_UART_RING];
    volatile uint8_t head, tail; // one byte is never used; each is changed by one side only, so tick() may interrupt
};

struct ferry_wire_soft_uart {
    const struct ferry_wire_pin *tx, *rx; // the caller's
    // Private; zero before use.
    struct ferry_wire_ring out, in;
    uint16_t tx_bits; // still to go, stop bit on top; 0 = idle
    uint8_t tx_ticks;
    uint8_t rx_state; // bits to come, 0 = waiting for a start bit
    uint8_t rx_ticks, rx_byte;
    uint32_t framing, overruns; // bytes with a wrong stop bit; bytes for which there was no room
};

// Once per tick, from a timer interrupt or a loop.
void ferry_wire_soft_uart_tick(struct ferry_wire_soft_uart *self);
// The stream over self, which has to stay where it is.
struct ferry_stream ferry_wire_soft_uart_stream(struct ferry_wire_soft_uart *self);

// Rings, also for the other wires over pins.
int ferry_wire_ring_read(struct ferry_wire_ring *self, uint8_t *buf, size_t cap);
int ferry_wire_ring_write(struct ferry_wire_ring *self, const uint8_t *bytes, size_t len);

#endif
