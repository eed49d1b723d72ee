#include "ferry/wire/two_wire.h"

#define QUARTER FERRY_WIRE_TWO_WIRE_QUARTER
#define BITS 9u
#define LET_GO (2 * BITS)
#define NOTHING 0x1ffu // the bits of "nothing to say", which look like nobody there

_Static_assert(FERRY_WIRE_TWO_WIRE_SLOT == 4 * QUARTER * (LET_GO + 1) + 2 * QUARTER, "18 clocks, one long one");

// The 9 bits of the next byte.
static uint16_t next_bits(struct ferry_wire_two_wire *self)
{
    uint8_t byte;
    return (uint16_t)(ferry_wire_ring_read(&self->out, &byte, 1) == 1 ? (unsigned)byte << 1 : NOTHING);
}

static void take_bits(struct ferry_wire_two_wire *self)
{
    uint8_t byte = (uint8_t)(self->got >> 1);
    bool none = self->got & 1;
    self->got = 0;
    if (!none && ferry_wire_ring_write(&self->in, &byte, 1) == 0)
        self->overruns++;
}

static bool ours(const struct ferry_wire_two_wire *self)
{
    return self->bit < LET_GO && self->clocks == (self->bit < BITS);
}

static void new_slot(struct ferry_wire_two_wire *self)
{
    self->bit = 0;
    self->got = 0;
    self->send = next_bits(self);
}

// While the clock is low: whose turn it is sets the bit, the other lets go.
static void set_data(struct ferry_wire_two_wire *self)
{
    self->data->write(self->data->ctx, !ours(self) || (self->send >> (self->bit % BITS) & 1));
}

// The clock is (or was until now) high: the one who listens takes the bit.
static void take_data(struct ferry_wire_two_wire *self, bool level)
{
    if (self->bit < LET_GO && !ours(self)) {
        self->got = (uint16_t)(self->got | (unsigned)level << (self->bit % BITS));
        if (self->bit % BITS == BITS - 1)
            take_bits(self);
    }
    if (self->bit < LET_GO)
        self->bit++;
    if (self->bit == (self->clocks ? BITS : LET_GO))
        self->send = NOTHING;
}

// In the clock in which both let go. When the target does not, it has lost count: no start, and it gets another clock.
static void start(struct ferry_wire_two_wire *self)
{
    if (!self->data->read(self->data->ctx))
        return;
    self->data->write(self->data->ctx, false);
    new_slot(self);
}

static void tick_updater(struct ferry_wire_two_wire *self)
{
    if (self->ticks) {
        self->ticks--;
        return;
    }
    bool letting_go = self->bit == LET_GO; // its high half is twice as long, so that a slow target sees the start
    self->ticks = letting_go && self->quarter >= 2 ? 2 * QUARTER - 1 : QUARTER - 1;
    if (self->quarter == 0)
        self->clock->write(self->clock->ctx, false);
    else if (self->quarter == 1)
        set_data(self);
    else if (self->quarter == 2)
        self->clock->write(self->clock->ctx, true);
    else if (letting_go)
        start(self);
    else
        take_data(self, self->data->read(self->data->ctx));
    self->quarter = (uint8_t)((self->quarter + 1u) % 4);
}

// Data is read before the clock: a level that belongs to a low clock is then never taken for one of a high clock.
static void tick_target(struct ferry_wire_two_wire *self)
{
    bool data = self->data->read(self->data->ctx), clock = self->clock->read(self->clock->ctx);
    bool was_clock = self->level, was_data = self->was_data;
    self->level = clock;
    self->was_data = data;
    if (clock && was_clock && was_data && !data)
        new_slot(self);
    else if (clock && !was_clock)
        take_data(self, data);
    else if (!clock && was_clock)
        set_data(self);
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
    return (uint8_t)(self->out.head - self->out.tail) + (self->send != NOTHING);
}

struct ferry_stream ferry_wire_two_wire_stream(struct ferry_wire_two_wire *self)
{
    self->bit = LET_GO;
    self->send = NOTHING;
    self->data->write(self->data->ctx, true);
    if (self->clocks)
        self->clock->write(self->clock->ctx, true);
    return (struct ferry_stream){self, wire_read, wire_write, NULL, wire_pending};
}
