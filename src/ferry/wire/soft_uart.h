// A UART in software (8N1) over two pins and a tick, for wires without hardware: any pin that can be read and any that
// can be written.
//
// Rate: tick() at 8 times the baud rate: 76.8 kHz for 9600 baud (a timer interrupt), 921.6 kHz for 115200 (a busy
// loop). The clocks of the two ends may differ by 2 %, each tick may be late by 3/10 of its period. A bit is what two
// of three samples around its middle say, so that a spike shorter than a tick is no bit, and no start bit either.
//
// RAM: about 550 bytes. What a receiver's cfg.wire_buffer should say: 255, as long as tick() goes on during erases.
#ifndef FERRY_WIRE_SOFT_UART_H
#define FERRY_WIRE_SOFT_UART_H

#include "ferry/io/pins.h"
#include "ferry/io/stream.h"

#define FERRY_WIRE_SOFT_UART_TICKS 8 // per bit
#define FERRY_WIRE_SOFT_UART_RING 256

struct ferry_wire_ring {
    uint8_t bytes[FERRY_WIRE_SOFT_UART_RING];
    volatile uint8_t head, tail; // one byte is never used; each is changed by one side only, so tick() may interrupt
};

struct ferry_wire_soft_uart {
    const struct ferry_pin *tx, *rx; // the caller's
    // Private; zero before use.
    struct ferry_wire_ring out, in;
    uint16_t tx_bits; // still to go, stop bit on top; 0 = idle
    uint8_t tx_ticks;
    uint8_t rx_state; // enum in soft_uart.c
    uint8_t rx_ticks; // since the edge of the start bit
    uint8_t rx_votes;
    uint16_t rx_bits;
    uint32_t framing, overruns; // bytes with a wrong stop bit; bytes for which there was no room
};

// Once per tick, from a timer interrupt or a loop.
void ferry_wire_soft_uart_tick(struct ferry_wire_soft_uart *self);
// The stream over self, which has to stay where it is. It has no rate to change: that is the tick's.
struct ferry_stream ferry_wire_soft_uart_stream(struct ferry_wire_soft_uart *self);

// Rings, also for the other wires over pins.
int ferry_wire_ring_read(struct ferry_wire_ring *self, uint8_t *buf, size_t cap);
int ferry_wire_ring_write(struct ferry_wire_ring *self, const uint8_t *bytes, size_t len);

#endif
