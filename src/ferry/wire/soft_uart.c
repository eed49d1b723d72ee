#include "ferry/wire/soft_uart.h"

#define TICKS FERRY_WIRE_SOFT_UART_TICKS

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

static void received_bit(struct ferry_wire_soft_uart *self, bool level)
{
    if (--self->rx_state) {
        self->rx_byte = (uint8_t)(self->rx_byte >> 1 | (level ? 0x80 : 0));
        self->rx_ticks = TICKS - 1;
    } else if (!level) {
        self->framing++;
    } else if (ferry_wire_ring_write(&self->in, &self->rx_byte, 1) == 0) {
        self->overruns++;
    }
}

static void tick_rx(struct ferry_wire_soft_uart *self)
{
    bool level = self->rx->read(self->rx->ctx);
    if (self->rx_ticks) {
        self->rx_ticks--;
    } else if (self->rx_state) {
        received_bit(self, level);
    } else if (!level) { // a start bit; its middle is half a bit away, that of the first data bit one and a half
        self->rx_state = 9;
        self->rx_ticks = TICKS + TICKS / 2 - 1;
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
