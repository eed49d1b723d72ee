#include "sim/line/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ull
#define BITS_PER_BYTE 10u // start bit, 8 data bits, stop bit

struct in_flight {
    uint64_t start_ns, arrives_ns; // first edge, without latency; moment the receiver has it
    uint32_t baud;
    uint8_t byte;
};

struct sim_line {
    struct sim_line_cfg cfg;
    bool to_host, ideal;
    uint32_t random;
    uint64_t count;         // bytes ever put on the line
    uint64_t free_ns;       // when the sender has finished the last byte
    uint64_t last_ns;       // arrival of the last byte: order is kept
    uint64_t shift_ns;      // stalls so far
    uint64_t deaf_until_ns; // a receiver at another rate is still within a byte of its own
    uint64_t next_error;    // count of the byte that noise hits next
    struct in_flight *queue;
    size_t head, len, room;
    uint8_t garbage[16]; // what a receiver at another rate makes of one byte
    size_t garbage_len, garbage_at;
};

static uint32_t next_random(struct sim_line *self)
{
    uint32_t x = self->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return self->random = x;
}

// In (0, 1].
static double chance(struct sim_line *self)
{
    return (next_random(self) + 1.0) / 4294967296.0;
}

static double byte_error_rate(const struct sim_line *self)
{
    double ber = self->to_host ? self->cfg.ber_to_host : self->cfg.ber_to_chip;
    return ber > 0 ? 1.0 - pow(1.0 - ber, 8) : 0;
}

// Noise is drawn as the distance to the next hit byte, so that clean bytes cost nothing.
static void draw_next_error(struct sim_line *self)
{
    double p = byte_error_rate(self);
    if (p <= 0) {
        self->next_error = UINT64_MAX;
        return;
    }
    double distance = p >= 1 ? 0 : log(chance(self)) / log(1.0 - p);
    self->next_error = distance > 1e15 ? UINT64_MAX : self->count + (uint64_t)distance;
}

struct sim_line *sim_line_new(const struct sim_line_cfg *cfg, bool to_host, bool ideal, uint32_t seed)
{
    struct sim_line *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->cfg = *cfg;
    self->to_host = to_host;
    self->ideal = ideal;
    self->random = (seed ^ (to_host ? 0x5bd1e995u : 0x1b873593u)) | 1u;
    for (int i = 0; i < 4; i++) {
        (void)next_random(self);
    }
    draw_next_error(self);
    return self;
}

void sim_line_free(struct sim_line *self)
{
    if (self) {
        free(self->queue);
        free(self);
    }
}

static bool make_room(struct sim_line *self)
{
    if (self->head + self->len < self->room) {
        return true;
    }
    if (self->head > self->room / 2) {
        memmove(self->queue, self->queue + self->head, self->len * sizeof *self->queue);
        self->head = 0;
        return true;
    }
    size_t room = self->room ? self->room * 2 : 256;
    struct in_flight *bigger = realloc(self->queue, room * sizeof *bigger);
    if (!bigger) {
        return false;
    }
    self->queue = bigger;
    self->room = room;
    return true;
}

static void launch(struct sim_line *self, uint8_t byte, uint64_t start_ns, uint64_t end_ns, uint32_t baud)
{
    if (!make_room(self)) {
        return;
    }
    uint64_t at = end_ns + self->cfg.latency_us * 1000ull + self->shift_ns;
    if (self->cfg.jitter_us) {
        at += (uint64_t)next_random(self) % (self->cfg.jitter_us * 1000ull);
    }
    self->last_ns = at > self->last_ns ? at : self->last_ns;
    self->queue[self->head + self->len++] =
        (struct in_flight){.start_ns = start_ns, .arrives_ns = self->last_ns, .baud = baud, .byte = byte};
}

static const struct sim_fault *fault_at(const struct sim_line *self, uint64_t position)
{
    for (size_t i = 0; i < self->cfg.fault_count; i++) {
        const struct sim_fault *f = &self->cfg.faults[i];
        if (f->kind != SIM_FAULT_NONE && f->to_host == self->to_host && f->at_byte == position) {
            return f;
        }
    }
    return NULL;
}

static uint8_t with_noise(struct sim_line *self, uint8_t byte)
{
    if (self->count >= self->next_error) {
        byte ^= (uint8_t)(1u << (next_random(self) & 7u));
        self->count++;
        draw_next_error(self);
        self->count--;
    }
    if (!self->to_host && self->cfg.error_every && self->count % self->cfg.error_every == self->cfg.error_every - 1) {
        byte ^= (uint8_t)(1u << (next_random(self) & 7u));
    }
    return byte;
}

void sim_line_put(struct sim_line *self, uint8_t byte, uint64_t now_ns, uint32_t baud)
{
    uint64_t length_ns = self->ideal ? 0 : NS_PER_S * BITS_PER_BYTE / (baud ? baud : 1);
    uint64_t start_ns = self->free_ns > now_ns ? self->free_ns : now_ns;
    uint64_t end_ns = start_ns + length_ns;
    self->free_ns = end_ns;
    byte = with_noise(self, byte);
    const struct sim_fault *fault = self->cfg.fault_count ? fault_at(self, self->count) : NULL;
    self->count++;
    double drop = self->to_host ? self->cfg.drop_to_host : self->cfg.drop_to_chip;
    if ((drop > 0 && chance(self) <= drop) || (fault && fault->kind == SIM_FAULT_DROP)) {
        return;
    }
    if (fault && fault->kind == SIM_FAULT_FLIP) {
        byte ^= fault->flip_mask ? fault->flip_mask : 0x10;
    }
    if (fault && fault->kind == SIM_FAULT_STALL) {
        self->free_ns = end_ns += fault->stall_us * 1000ull;
        start_ns = end_ns - length_ns;
    }
    launch(self, byte, start_ns, end_ns, baud);
    if (fault && fault->kind == SIM_FAULT_DOUBLE) {
        self->free_ns = end_ns + length_ns;
        launch(self, byte, end_ns, end_ns + length_ns, baud);
    }
}

uint64_t sim_line_next(const struct sim_line *self)
{
    if (self->garbage_at < self->garbage_len) {
        return 0;
    }
    return self->len ? self->queue[self->head].arrives_ns : UINT64_MAX;
}

uint64_t sim_line_free_at(const struct sim_line *self)
{
    return self->free_ns;
}

uint64_t sim_line_count(const struct sim_line *self)
{
    return self->count;
}

size_t sim_line_unsent(const struct sim_line *self, uint64_t now_ns)
{
    size_t low = 0, high = self->len; // first byte whose start lies behind now
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->queue[self->head + middle].start_ns > now_ns) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return self->len - low;
}

void sim_line_silence(struct sim_line *self, uint64_t now_ns)
{
    size_t unsent = sim_line_unsent(self, now_ns);
    self->len -= unsent;
    self->free_ns = now_ns;
}

// The level of the wire `t` ns after the start bit's edge of a byte whose bits are `bit` ns long.
static bool level(uint8_t byte, double t, double bit)
{
    int i = (int)(t / bit);
    return i >= 9 || (i > 0 && (byte >> (i - 1) & 1));
}

// Edges are uncertain by part of a bit at both ends: a rate slightly off is taken as twice as far off.
static double effective(double bit, double own)
{
    double off = own - bit;
    return fabs(off) < bit / 5 ? bit + 2 * off : own;
}

// What a receiver whose bits are `own` ns long takes out of one byte sent with bits of `bit` ns.
static void misread(struct sim_line *self, const struct in_flight *b, double bit, double own)
{
    double t = 0;
    self->garbage_len = self->garbage_at = 0;
    while (t < BITS_PER_BYTE * bit && self->garbage_len < sizeof self->garbage) {
        if (level(b->byte, t, bit)) { // waits for a falling edge
            t += bit / 4;
            continue;
        }
        uint8_t seen = 0;
        for (int i = 0; i < 8; i++) {
            seen = (uint8_t)(seen | (level(b->byte, t + (i + 1.5) * own, bit) ? 1u << i : 0u));
        }
        self->garbage[self->garbage_len++] = seen;
        t += BITS_PER_BYTE * own;
    }
    uint64_t from = b->arrives_ns - (uint64_t)(BITS_PER_BYTE * bit);
    self->deaf_until_ns = from + (uint64_t)t;
}

bool sim_line_take(struct sim_line *self, uint64_t now_ns, uint32_t baud, uint8_t *byte)
{
    while (self->garbage_at >= self->garbage_len) {
        if (!self->len || self->queue[self->head].arrives_ns > now_ns) {
            return false;
        }
        struct in_flight b = self->queue[self->head++];
        self->len--;
        if (!self->len) {
            self->head = 0;
        }
        if (self->ideal || b.baud == baud) {
            *byte = b.byte;
            return true;
        }
        double bit = (double)NS_PER_S / (b.baud ? b.baud : 1), own = (double)NS_PER_S / (baud ? baud : 1);
        if (fabs(bit - own) <= bit * SIM_LINE_TOLERANCE) {
            *byte = b.byte;
            return true;
        }
        if (b.arrives_ns > self->deaf_until_ns) {
            misread(self, &b, bit, effective(bit, own));
        }
    }
    *byte = self->garbage[self->garbage_at++];
    return true;
}
