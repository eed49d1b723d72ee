#include "ferry/wire/two_wire.h"

#define HALF FERRY_WIRE_TWO_WIRE_HALF
#define GAP FERRY_WIRE_TWO_WIRE_GAP
#define BITS 9u

// The 9 bits of the next byte. Nothing to say looks like nobody there: the wire is let go.
static uint16_t next_bits(struct ferry_wire_two_wire *self)
{
    uint8_t byte;
    return (uint16_t)(ferry_wire_ring_read(&self->out, &byte, 1) == 1 ? (unsigned)byte << 1 : 0x1ff);
}

static void take_bits(struct ferry_wire_two_wire *self)
{
    uint8_t byte = (uint8_t)(self->got >> 1);
    bool none = self->got & 1;
    self->got = 0;
    if (!none && ferry_wire_ring_write(&self->in, &byte, 1) == 0)
        self->overruns++;
}

static bool ours(const struct ferry_wire_two_wire *self, uint8_t bit)
{
    return self->clocks == (bit < BITS);
}

// The clock has become low: whose turn it is sets the next bit, the other lets go.
static void on_low(struct ferry_wire_two_wire *self)
{
    bool drive = self->bit < 2 * BITS && ours(self, self->bit);
    self->data->write(self->data->ctx, !drive || (self->send >> (self->bit % BITS) & 1));
}

// The clock has become (or is about to leave) high: the one who listens takes the bit.
static void on_high(struct ferry_wire_two_wire *self)
{
    if (self->bit < 2 * BITS && !ours(self, self->bit)) {
        bool level = self->data->read(self->data->ctx);
        self->got = (uint16_t)(self->got | (unsigned)level << (self->bit % BITS));
        if (self->bit % BITS == BITS - 1)
            take_bits(self);
    }
    if (self->bit < 2 * BITS)
        self->bit++;
}

static void new_slot(struct ferry_wire_two_wire *self)
{
    self->bit = 0;
    self->got = 0;
    self->send = next_bits(self);
}

static void tick_updater(struct ferry_wire_two_wire *self)
{
    if (self->ticks) {
        self->ticks--;
        return;
    }
    self->ticks = HALF - 1;
    if (self->level) { // high to low: what the target says is taken as late as possible
        on_high(self);
        self->level = false;
        self->clock->write(self->clock->ctx, false);
        on_low(self);
        if (self->bit == 2 * BITS)
            self->ticks = GAP - 1;
        return;
    }
    if (self->bit >= 2 * BITS) {
        new_slot(self);
        on_low(self);
        return;
    }
    self->level = true;
    self->clock->write(self->clock->ctx, true);
}

static void tick_target(struct ferry_wire_two_wire *self)
{
    bool level = self->clock->read(self->clock->ctx);
    if (level == self->level) {
        if (self->ticks < 255)
            self->ticks++;
        return;
    }
    // A pause longer than two half clocks was a gap: this edge is the first of a slot.
    if (level && self->ticks > 2 * HALF + 2)
        new_slot(self);
    self->ticks = 0;
    self->level = level;
    if (level)
        on_high(self);
    else
        on_low(self);
}

void ferry_wire_two_wire_tick(struct ferry_wire_two_wire *self)
{
    if (self->clocks)
        tick_updater(self);
    else
        tick_target(self);
}

static int wire_read(void *ctx, uint8_t *buf, size_t cap)
{
    return ferry_wire_ring_read(&((struct ferry_wire_two_wire *)ctx)->in, buf, cap);
}

static int wire_write(void *ctx, const uint8_t *bytes, size_t len)
{
    return ferry_wire_ring_write(&((struct ferry_wire_two_wire *)ctx)->out, bytes, len);
}

static int wire_pending(void *ctx)
{
    const struct ferry_wire_two_wire *self = ctx;
    return (uint8_t)(self->out.head - self->out.tail);
}

struct ferry_stream ferry_wire_two_wire_stream(struct ferry_wire_two_wire *self)
{
    self->bit = 2 * BITS;
    self->data->write(self->data->ctx, true);
    if (self->clocks)
        self->clock->write(self->clock->ctx, false);
    return (struct ferry_stream){self, wire_read, wire_write, NULL, wire_pending};
}
