#include "ferry/wire/soft_uart.h"

#define TICKS FERRY_WIRE_SOFT_UART_TICKS
#define FIRST_VOTE 3u // of three; the edge was seen up to a tick late, so these lie around the middle of the bit

enum {
    RX_IDLE = 0, // waiting for a start bit
    RX_BYTE,
    RX_BROKEN, // the stop bit was low: waiting until the line is high again
};

int ferry_wire_ring_read(struct ferry_wire_ring *self, uint8_t *buf, size_t cap)
{
    size_t n = 0;
    while (n < cap && self->tail != self->head) {
        buf[n++] = self->bytes[self->tail];
        self->tail = (uint8_t)(self->tail + 1);
    }
    return (int)n;
}

int ferry_wire_ring_write(struct ferry_wire_ring *self, const uint8_t *bytes, size_t len)
{
    size_t n = 0;
    while (n < len && (uint8_t)(self->head + 1) != self->tail) {
        self->bytes[self->head] = bytes[n++];
        self->head = (uint8_t)(self->head + 1);
    }
    return (int)n;
}

static void tick_tx(struct ferry_wire_soft_uart *self)
{
    uint8_t byte;
    if (self->tx_ticks) {
        self->tx_ticks--;
        return;
    }
    if (!self->tx_bits && ferry_wire_ring_read(&self->out, &byte, 1) == 1)
        self->tx_bits = (uint16_t)(1u << 10 | 1u << 9 | (unsigned)byte << 1); // mark, stop, data, start
    if (self->tx_bits <= 1) {
        self->tx_bits = 0;
        self->tx->write(self->tx->ctx, true);
        return;
    }
    self->tx->write(self->tx->ctx, self->tx_bits & 1);
    self->tx_bits >>= 1;
    self->tx_ticks = TICKS - 1;
}

static void received(struct ferry_wire_soft_uart *self)
{
    uint8_t byte = (uint8_t)(self->rx_bits >> 1);
    if (ferry_wire_ring_write(&self->in, &byte, 1) == 0)
        self->overruns++;
}

// Bit number `bit` has been voted on: 0 is the start bit, 9 the stop bit.
static void received_bit(struct ferry_wire_soft_uart *self, unsigned bit, bool level)
{
    self->rx_bits = (uint16_t)(self->rx_bits | (unsigned)level << bit);
    if (bit == 0 && level) { // a spike
        self->rx_state = RX_IDLE;
    } else if (bit == 9 && !level) {
        self->framing++;
        self->rx_state = RX_BROKEN;
    } else if (bit == 9) { // the rest of the stop bit is not waited for: the next byte may come early
        received(self);
        self->rx_state = RX_IDLE;
    }
}

static void tick_rx(struct ferry_wire_soft_uart *self)
{
    bool level = self->rx->read(self->rx->ctx);
    if (self->rx_state == RX_BROKEN) {
        self->rx_state = level ? RX_IDLE : RX_BROKEN;
    } else if (self->rx_state == RX_IDLE && !level) {
        self->rx_state = RX_BYTE;
        self->rx_ticks = 0;
        self->rx_bits = 0;
        self->rx_votes = 0;
    } else if (self->rx_state == RX_BYTE) {
        unsigned place = ++self->rx_ticks % TICKS;
        if (place >= FIRST_VOTE && place < FIRST_VOTE + 3)
            self->rx_votes = (uint8_t)(self->rx_votes + level);
        if (place == FIRST_VOTE + 2) {
            bool bit = self->rx_votes >= 2;
            self->rx_votes = 0;
            received_bit(self, self->rx_ticks / TICKS, bit);
        }
    }
}

void ferry_wire_soft_uart_tick(struct ferry_wire_soft_uart *self)
{
    tick_rx(self);
    tick_tx(self);
}

static int uart_read(void *ctx, uint8_t *buf, size_t cap)
{
    return ferry_wire_ring_read(&((struct ferry_wire_soft_uart *)ctx)->in, buf, cap);
}

static int uart_write(void *ctx, const uint8_t *bytes, size_t len)
{
    return ferry_wire_ring_write(&((struct ferry_wire_soft_uart *)ctx)->out, bytes, len);
}

static int uart_pending(void *ctx)
{
    const struct ferry_wire_soft_uart *self = ctx;
    return (uint8_t)(self->out.head - self->out.tail) + (self->tx_bits != 0 || self->tx_ticks != 0);
}

struct ferry_stream ferry_wire_soft_uart_stream(struct ferry_wire_soft_uart *self)
{
    self->tx->write(self->tx->ctx, true);
    return (struct ferry_stream){self, uart_read, uart_write, NULL, uart_pending};
}
