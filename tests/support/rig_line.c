#include "rig_parts.h"

#include <math.h>
#include <string.h>

#include "ferry/base/status.h"

uint32_t rig_random(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = *s ^ (*s >> 33);
    return (uint32_t)(x * 0xff51afd7ed558ccdu >> 32);
}

double rig_chance(uint64_t *s)
{
    return rig_random(s) / 4294967296.0;
}

uint64_t rig_to_error(struct way *w, double ber)
{
    if (ber <= 0)
        return UINT64_MAX;
    return (uint64_t)(log(1.0 - rig_chance(&w->seed)) / log(1.0 - ber));
}

static bool in_burst(const struct rig *r, uint64_t ns)
{
    uint64_t every = (uint64_t)r->cfg.burst_every_ms * 1000000u;
    return every && ns % every < (uint64_t)r->cfg.burst_ms * 1000000u;
}

static uint8_t flip(struct rig *r, int d, uint8_t v)
{
    struct way *w = &r->way[d];
    unsigned bit = 0;
    while (w->skip_bits < 8 - bit) {
        bit += (unsigned)w->skip_bits;
        v = (uint8_t)(v ^ 1u << bit++);
        w->skip_bits = rig_to_error(w, r->cfg.ber[d]);
    }
    if (w->skip_bits != UINT64_MAX)
        w->skip_bits -= 8 - bit;
    return v;
}

static void push(struct way *w, uint64_t at_ns, uint32_t baud, uint8_t value)
{
    if (w->tail - w->head < QUEUE)
        w->queue[w->tail++ % QUEUE] = (struct byte){at_ns, baud, value};
}

// One byte leaves; what of it arrives.
void rig_carry(struct rig *r, int d, uint32_t baud, uint8_t value)
{
    struct way *w = &r->way[d];
    uint64_t start = w->free_ns > r->now_ns ? w->free_ns : r->now_ns;
    w->free_ns = start + 10000000000u / baud;
    uint64_t at = w->free_ns + (uint64_t)r->cfg.round_trip_us * 500u;
    uint64_t number = w->sent++;
    if (d == RIG_TO_HOST && w->at_start)
        w->run_lost = rig_chance(&w->seed) < r->cfg.loss_back;
    w->at_start = value == 0;
    value = flip(r, d, value);
    if (number == w->hit_at)
        value ^= 0x10;
    if (in_burst(r, w->free_ns) || (r->cfg.line_max_baud && baud > r->cfg.line_max_baud))
        value = (uint8_t)rig_random(&w->seed);
    if (r->cfg.insert[d] > 0 && rig_chance(&w->seed) < r->cfg.insert[d])
        push(w, at, baud, (uint8_t)rig_random(&w->seed));
    if (r->cfg.dead[d] || w->run_lost || (r->cfg.drop[d] > 0 && rig_chance(&w->seed) < r->cfg.drop[d]))
        return;
    push(w, at, baud, value);
}

static uint64_t unsent(const struct rig *r, int d, uint32_t baud)
{
    const struct way *w = &r->way[d];
    return w->free_ns > r->now_ns ? ((w->free_ns - r->now_ns) * baud + 9999999999u) / 10000000000u : 0;
}

int rig_end_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct end *e = ctx;
    uint64_t waiting = unsent(e->rig, e->out, e->baud);
    size_t n = waiting >= PORT_TX ? 0 : PORT_TX - (size_t)waiting;
    n = n < len ? n : len;
    for (size_t i = 0; i < n; i++)
        rig_carry(e->rig, e->out, e->baud, bytes[i]);
    return (int)n;
}

int rig_end_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct end *e = ctx;
    size_t n = e->ring_len < cap ? e->ring_len : cap;
    memcpy(buf, e->ring, n);
    memmove(e->ring, e->ring + n, e->ring_len - n);
    e->ring_len -= n;
    return (int)n;
}

int rig_end_pending(void *ctx)
{
    struct end *e = ctx;
    return (int)unsent(e->rig, e->out, e->baud);
}

int rig_end_set_baud(void *ctx, uint32_t baud)
{
    struct end *e = ctx;
    e->baud = baud;
    if (e == &e->rig->target && e->rig->cfg.target_real_baud)
        e->baud = e->rig->cfg.target_real_baud;
    return FERRY_OK;
}

static bool same_rate(uint32_t a, uint32_t b)
{
    return a < b ? (uint64_t)(b - a) * 100 < (uint64_t)b * 4 : (uint64_t)(a - b) * 100 < (uint64_t)a * 4;
}

// What has arrived by now goes into the UART of the end that listens.
void rig_deliver(struct rig *r, int d)
{
    struct way *w = &r->way[d];
    struct end *e = d == RIG_TO_TARGET ? &r->target : &r->host;
    bool busy = d == RIG_TO_TARGET && r->now_ns < r->busy_ns;
    bool deaf = busy && r->erasing && (r->cfg.deaf || r->cfg.hidden_deaf);
    // Pages are programmed in small pieces with interrupts between them: the driver's ring takes what comes meanwhile.
    size_t ring = r->cfg.wire_buffer > 1024 || r->erasing ? r->cfg.wire_buffer : 1024;
    size_t cap = deaf ? FIFO : busy ? FIFO + ring : e->ring_cap;
    while (w->head < w->tail && w->queue[w->head % QUEUE].at_ns <= r->now_ns) {
        struct byte b = w->queue[w->head++ % QUEUE];
        e->fresh = true;
        if (!same_rate(b.baud, e->baud))
            b.value = (uint8_t)rig_random(&w->seed);
        if (e->ring_len < cap && e->ring_len < e->ring_cap)
            e->ring[e->ring_len++] = b.value;
        else
            r->lost_in_erase++;
    }
}

// ---- packets -------------------------------------------------------------------------------------------------------

static void throw_packet(struct rig *r, int d, const uint8_t *bytes, size_t len, uint64_t at)
{
    struct air *a = &r->air[d];
    if (a->count == AIR)
        return;
    unsigned i = a->count++;
    while (i && a->queue[i - 1].at_ns > at) {
        a->queue[i] = a->queue[i - 1];
        i--;
    }
    a->queue[i].at_ns = at;
    a->queue[i].len = (uint16_t)len;
    memcpy(a->queue[i].bytes, bytes, len);
}

int rig_gram_send(void *ctx, const uint8_t *packet, size_t len)
{
    struct end *e = ctx;
    struct rig *r = e->rig;
    struct air *a = &r->air[e->out];
    if (a->free_ns > r->now_ns)
        return 0;
    a->free_ns = r->now_ns + (len + 20) * 10000000000u / r->cfg.baud;
    a->sent++;
    uint64_t at = a->free_ns + (uint64_t)r->cfg.round_trip_us * 500u;
    if (rig_chance(&a->seed) < r->cfg.packet_swap[e->out])
        at += 3000000u + rig_random(&a->seed) % 4000000u;
    if (rig_chance(&a->seed) >= r->cfg.packet_loss[e->out])
        throw_packet(r, e->out, packet, len, at);
    if (rig_chance(&a->seed) < r->cfg.packet_double[e->out])
        throw_packet(r, e->out, packet, len, at + 2500000u);
    return (int)len;
}

int rig_gram_recv(void *ctx, uint8_t *buf, size_t cap)
{
    struct end *e = ctx;
    struct rig *r = e->rig;
    struct air *a = &r->air[!e->out];
    if (!a->count || a->queue[0].at_ns > r->now_ns)
        return 0;
    size_t n = a->queue[0].len < cap ? a->queue[0].len : cap;
    memcpy(buf, a->queue[0].bytes, n);
    a->count--;
    memmove(&a->queue[0], &a->queue[1], a->count * sizeof a->queue[0]);
    return (int)n;
}

void rig_say(struct rig *r, int d, const void *bytes, size_t len)
{
    const struct ferry_stream *s = d == RIG_TO_TARGET ? &r->host_stream : &r->target_stream;
    const uint8_t *p = bytes;
    if (r->cfg.mtu)
        throw_packet(r, d, p, len, r->now_ns);
    else if (r->cfg.wire)
        s->write(s->ctx, p, len);
    else
        for (size_t i = 0; i < len; i++)
            rig_carry(r, d, d == RIG_TO_TARGET ? r->host.baud : r->target.baud, p[i]);
}
