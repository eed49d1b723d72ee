#include "rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"

#define QUEUE 131072u
#define SLOT 0x110000u
#define FIFO 128u
#define PORT_TX 256u

static uint32_t next_random(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = *s ^ (*s >> 33);
    return (uint32_t)(x * 0xff51afd7ed558ccdu >> 32);
}

static double chance(uint64_t *s)
{
    return next_random(s) / 4294967296.0;
}

// ---- one direction of the line -------------------------------------------------------------------------------------

struct byte {
    uint64_t at_ns; // arrival
    uint32_t baud;
    uint8_t value;
};

struct way {
    struct byte *queue;
    uint64_t head, tail;   // counted, modulo QUEUE
    uint64_t free_ns;      // when the last byte will have left
    uint64_t sent, hit_at; // bytes; the one that is damaged next
    uint64_t skip_bits;    // good bits up to the next bit error
    bool run_lost, at_start;
    uint64_t seed;
};

struct packet {
    uint64_t at_ns;
    uint16_t len;
    uint8_t bytes[1500];
};

struct air { // one direction of a packet wire
    struct packet *queue;
    unsigned count;
    uint64_t free_ns, seed, sent, dropped;
};

struct end { // one end of the line
    struct rig *rig;
    int out; // direction that it sends
    uint32_t baud;
    uint8_t *ring; // what its UART has received and nobody has read
    size_t ring_len, ring_cap;
    bool fresh; // something came since its processor has last looked
};

struct rig {
    struct rig_cfg cfg;
    uint64_t now_ns, busy_ns; // the target's processor stands still until then
    bool erasing;
    struct way way[2];
    struct air air[2];
    struct end host, target;
    struct ferry_stream host_stream, target_stream;
    struct ferry_datagram host_gram, target_gram;
    struct ferry_wire_packet host_packet, target_packet;
    // Engines.
    struct ferry_link_sender sender;
    struct ferry_link_receiver receiver;
    struct ferry_pump pump;
    struct ferry_receiver_pump receiver_pump;
    uint8_t *host_frame, *window, *frame;
    uint64_t host_due_ns, target_due_ns;
    // Source.
    const uint8_t *image;
    uint32_t size;
    uint64_t asked;
    struct ferry_posix_digest digest_state, sink_digest_state;
    struct ferry_digest digest, sink_digest;
    struct ferry_source source;
    struct ferry_supply_basic basic;
    struct ferry_supply supply, counted;
    uint8_t scratch[4096];
    // Sink.
    struct sim_flash *flash;
    struct ferry_sink sink;
    struct ferry_target_info info;
    uint8_t withheld[256];
    uint32_t withheld_have, slot_size;
    uint16_t withhold;
    uint32_t begun_size;
    uint8_t begun_sha[32];
    uint64_t cost_us;
    int refuse;
    bool open, selected, confirmed, reverted;
    unsigned erases, reboots;
    uint64_t lost_in_erase, log_due_ns;
};

static uint64_t to_error(struct way *w, double ber)
{
    if (ber <= 0)
        return UINT64_MAX;
    return (uint64_t)(log(1.0 - chance(&w->seed)) / log(1.0 - ber));
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
        w->skip_bits = to_error(w, r->cfg.ber[d]);
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
static void carry(struct rig *r, int d, uint32_t baud, uint8_t value)
{
    struct way *w = &r->way[d];
    uint64_t start = w->free_ns > r->now_ns ? w->free_ns : r->now_ns;
    w->free_ns = start + 10000000000u / baud;
    uint64_t at = w->free_ns + (uint64_t)r->cfg.round_trip_us * 500u;
    uint64_t number = w->sent++;
    if (d == RIG_TO_HOST && w->at_start)
        w->run_lost = chance(&w->seed) < r->cfg.loss_back;
    w->at_start = value == 0;
    value = flip(r, d, value);
    if (number == w->hit_at)
        value ^= 0x10;
    if (in_burst(r, w->free_ns) || (r->cfg.line_max_baud && baud > r->cfg.line_max_baud))
        value = (uint8_t)next_random(&w->seed);
    if (r->cfg.insert[d] > 0 && chance(&w->seed) < r->cfg.insert[d])
        push(w, at, baud, (uint8_t)next_random(&w->seed));
    if (r->cfg.dead[d] || w->run_lost || (r->cfg.drop[d] > 0 && chance(&w->seed) < r->cfg.drop[d]))
        return;
    push(w, at, baud, value);
}

static uint64_t unsent(const struct rig *r, int d, uint32_t baud)
{
    const struct way *w = &r->way[d];
    return w->free_ns > r->now_ns ? ((w->free_ns - r->now_ns) * baud + 9999999999u) / 10000000000u : 0;
}

static int end_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct end *e = ctx;
    uint64_t waiting = unsent(e->rig, e->out, e->baud);
    size_t n = waiting >= PORT_TX ? 0 : PORT_TX - (size_t)waiting;
    n = n < len ? n : len;
    for (size_t i = 0; i < n; i++)
        carry(e->rig, e->out, e->baud, bytes[i]);
    return (int)n;
}

static int end_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct end *e = ctx;
    size_t n = e->ring_len < cap ? e->ring_len : cap;
    memcpy(buf, e->ring, n);
    memmove(e->ring, e->ring + n, e->ring_len - n);
    e->ring_len -= n;
    return (int)n;
}

static int end_pending(void *ctx)
{
    struct end *e = ctx;
    return (int)unsent(e->rig, e->out, e->baud);
}

static int end_set_baud(void *ctx, uint32_t baud)
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
static void deliver(struct rig *r, int d)
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
            b.value = (uint8_t)next_random(&w->seed);
        if (e->ring_len < cap && e->ring_len < e->ring_cap)
            e->ring[e->ring_len++] = b.value;
        else
            r->lost_in_erase++;
    }
}

// ---- packets -------------------------------------------------------------------------------------------------------

#define AIR 64u

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

static int gram_send(void *ctx, const uint8_t *packet, size_t len)
{
    struct end *e = ctx;
    struct rig *r = e->rig;
    struct air *a = &r->air[e->out];
    if (a->free_ns > r->now_ns)
        return 0;
    a->free_ns = r->now_ns + (len + 20) * 10000000000u / r->cfg.baud;
    a->sent++;
    uint64_t at = a->free_ns + (uint64_t)r->cfg.round_trip_us * 500u;
    if (chance(&a->seed) < r->cfg.packet_swap[e->out])
        at += 3000000u + next_random(&a->seed) % 4000000u;
    if (chance(&a->seed) >= r->cfg.packet_loss[e->out])
        throw_packet(r, e->out, packet, len, at);
    if (chance(&a->seed) < r->cfg.packet_double[e->out])
        throw_packet(r, e->out, packet, len, at + 2500000u);
    return (int)len;
}

static int gram_recv(void *ctx, uint8_t *buf, size_t cap)
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

// ---- sink ----------------------------------------------------------------------------------------------------------

static int sink_info(void *ctx, struct ferry_target_info *out)
{
    struct rig *r = ctx;
    *out = r->info;
    return FERRY_OK;
}

static int sink_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    struct rig *r = ctx;
    if (r->refuse)
        return r->refuse;
    if (m->chip != FERRY_MANIFEST_CHIP_ANY && m->chip != r->info.chip)
        return FERRY_ERR_IMAGE_CHIP;
    if (m->size > r->slot_size)
        return FERRY_ERR_TOO_LARGE_PARTITION;
    bool same = r->open && r->begun_size == m->size && memcmp(r->begun_sha, m->sha256, 32) == 0;
    plan->have = same ? m->size : 0;
    plan->withheld = r->withhold = m->size > r->cfg.withheld ? r->cfg.withheld : 0;
    r->open = true;
    r->selected = false;
    r->begun_size = m->size;
    memcpy(r->begun_sha, m->sha256, 32);
    return FERRY_OK;
}

static void spend(struct rig *r, int64_t us)
{
    if (us > 0 && !r->cfg.instant_flash)
        r->cost_us += (uint64_t)us;
}

static bool is_blank(const struct rig *r, uint32_t at, uint32_t len)
{
    const uint8_t *p = sim_flash_bytes(r->flash) + SLOT + at;
    for (uint32_t i = 0; i < len; i++)
        if (p[i] != 0xff)
            return false;
    return true;
}

static int sink_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct rig *r = ctx;
    if (r->withhold && offset == 0 && end <= r->withhold) {
        *ready_to = end;
        return FERRY_OK;
    }
    uint32_t sector = offset & ~4095u, stop = (end + 4095u) & ~4095u;
    bool block = sector % 65536 == 0 && stop - sector >= 65536;
    uint32_t len = block ? 65536 : 4096;
    *ready_to = sector + len;
    if (is_blank(r, sector, len))
        return FERRY_OK;
    r->erases++;
    r->erasing = true;
    int64_t us =
        block ? sim_flash_erase_block(r->flash, SLOT + sector) : sim_flash_erase_sector(r->flash, SLOT + sector);
    spend(r, us);
    return us < 0 ? FERRY_ERR_WRITE_FAILED : FERRY_OK;
}

static int sink_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct rig *r = ctx;
    if (offset < r->withhold) {
        size_t n = len < r->withhold - offset ? len : r->withhold - offset;
        memcpy(r->withheld + offset, bytes, n);
        r->withheld_have = offset + (uint32_t)n;
        return (int)n;
    }
    int64_t us = sim_flash_program(r->flash, SLOT + offset, bytes, len);
    if (us < 0)
        return FERRY_ERR_WRITE_FAILED;
    uint32_t page_us = r->cfg.page_us ? r->cfg.page_us : 1400;
    spend(r, (int64_t)(page_us * ((len + 255) / 256)));
    return (int)len;
}

static int sink_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha[32], bool *blank)
{
    struct rig *r = ctx;
    const struct ferry_digest *d = &r->sink_digest;
    const uint8_t *flash = sim_flash_bytes(r->flash) + SLOT;
    uint32_t held = offset < r->withheld_have ? r->withheld_have - offset : 0;
    held = held < len ? held : len;
    d->begin(d->ctx, FERRY_DIGEST_SHA256);
    d->update(d->ctx, r->withheld + offset, held);
    d->update(d->ctx, flash + offset + held, len - held);
    d->finish(d->ctx, sha, 32);
    *blank = is_blank(r, offset, len) && !held;
    spend(r, (int64_t)len * (r->cfg.hash_us_per_kib ? r->cfg.hash_us_per_kib : 200) / 1024);
    return FERRY_OK;
}

static int sink_end(void *ctx)
{
    struct rig *r = ctx;
    if (r->withheld_have && !r->selected)
        sim_flash_program(r->flash, SLOT, r->withheld, r->withheld_have);
    spend(r, 2 * 45000);
    r->erasing = true;
    r->selected = true;
    r->open = false;
    return FERRY_OK;
}

static int sink_abort(void *ctx)
{
    struct rig *r = ctx;
    r->open = r->selected = false;
    return FERRY_OK;
}

static int sink_confirm(void *ctx)
{
    struct rig *r = ctx;
    r->confirmed = true;
    r->info.boot_state = FERRY_BOOT_CONFIRMED;
    return FERRY_OK;
}

static int sink_revert(void *ctx, enum ferry_give_up reason)
{
    struct rig *r = ctx;
    if (r->info.boot_state != FERRY_BOOT_TRIAL)
        return FERRY_ERR_STATE;
    r->reverted = true;
    r->info.boot_state = FERRY_BOOT_REVERTED;
    r->info.give_up = (uint8_t)reason;
    memset(r->info.sha256, 0x11, 32);
    strcpy(r->info.version, "1.0");
    return FERRY_OK;
}

// What was selected runs afterwards, on trial; the firmware is the same receiver.
static int sink_reboot(void *ctx)
{
    struct rig *r = ctx;
    r->reboots++;
    if (r->selected) {
        memcpy(r->info.sha256, r->begun_sha, 32);
        strcpy(r->info.version, "2.0");
        r->info.boot_state = FERRY_BOOT_TRIAL;
        r->selected = false;
    }
    return FERRY_OK;
}

// ---- source --------------------------------------------------------------------------------------------------------

static int source_read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct rig *r = ctx;
    memcpy(buf, r->image + offset, len);
    return FERRY_OK;
}

static int serve_counted(void *ctx, const struct ferry_request *request,
                         void (*answer)(void *to, uint32_t offset, const uint8_t *bytes, size_t len), void *to)
{
    struct rig *r = ctx;
    if (request->kind == FERRY_REQUEST_RAW)
        r->asked += request->len;
    return r->supply.serve(r->supply.ctx, request, answer, to);
}

// ---- putting it together -------------------------------------------------------------------------------------------

static struct ferry_stream line_end(struct rig *r, struct end *e, int out)
{
    e->rig = r;
    e->out = out;
    e->baud = r->cfg.start_baud;
    e->ring_cap = out == RIG_TO_TARGET ? 65536 : FIFO + (r->cfg.wire_buffer > 4096 ? r->cfg.wire_buffer : 4096);
    if (out == RIG_TO_HOST && r->cfg.target_real_baud)
        e->baud = r->cfg.target_real_baud;
    if (!e->ring)
        e->ring = malloc(e->ring_cap);
    e->ring_len = 0;
    return (struct ferry_stream){e, end_read, end_write, end_set_baud, end_pending};
}

static void start_host(struct rig *r)
{
    const struct rig_cfg *c = &r->cfg;
    uint32_t chunk = c->host_chunk ? c->host_chunk : 4096;
    struct ferry_link_sender_cfg s = {
        .frame = r->host_frame,
        .frame_size = FERRY_LINK_WIRE_BUFFER(chunk),
        .updater = c->updater ? c->updater : 77,
        .seed = (uint16_t)(c->seed * 7 + r->now_ns / 1000),
        .start_baud = c->start_baud,
        .baud = c->mtu ? 0 : c->baud,
        .mtu = c->mtu,
        .clean = c->clean,
        .reorders = c->mtu != 0,
        .hello_ms = c->hello_ms,
        .reconnect_ms = c->reconnect_ms,
    };
    ferry_link_sender_init(&r->sender, &s);
    r->host_stream = line_end(r, &r->host, RIG_TO_TARGET);
    if (c->mtu) {
        r->host_gram = (struct ferry_datagram){&r->host, c->mtu, gram_recv, gram_send};
        memset(&r->host_packet, 0, sizeof r->host_packet);
        r->host_packet.datagram = &r->host_gram;
        r->host_stream = ferry_wire_packet_stream(&r->host_packet);
    }
    memset(&r->pump, 0, sizeof r->pump);
    r->pump.engine = &r->sender;
    r->pump.ops = &ferry_link_sender_ops;
    r->pump.stream = &r->host_stream;
    r->pump.supply = &r->counted;
    r->host_due_ns = r->now_ns;
}

static void start_target(struct rig *r)
{
    const struct rig_cfg *c = &r->cfg;
    uint32_t chunk = c->chunk ? c->chunk : 1024;
    struct ferry_link_receiver_cfg t = {
        .window = r->window,
        .window_size = c->window ? c->window : 4096,
        .frame = r->frame,
        .frame_size = FERRY_LINK_PLAIN_BUFFER(chunk),
        .wire_buffer = c->wire_buffer,
        .mtu = c->mtu,
        .start_baud = c->mtu ? 0 : c->start_baud,
        .max_baud = c->mtu ? 0 : c->baud,
        .session_ms = c->session_ms,
        .confirm_ms = c->confirm_ms,
        .beacon_ms = c->beacon_ms,
    };
    ferry_link_receiver_init(&r->receiver, &t, (uint32_t)(r->now_ns / 1000000));
    r->target_stream = line_end(r, &r->target, RIG_TO_HOST);
    if (c->mtu) {
        r->target_gram = (struct ferry_datagram){&r->target, c->mtu, gram_recv, gram_send};
        memset(&r->target_packet, 0, sizeof r->target_packet);
        r->target_packet.datagram = &r->target_gram;
        r->target_stream = ferry_wire_packet_stream(&r->target_packet);
    }
    memset(&r->receiver_pump, 0, sizeof r->receiver_pump);
    r->receiver_pump.receiver = &r->receiver;
    r->receiver_pump.stream = &r->target_stream;
    r->receiver_pump.sink = &r->sink;
    r->busy_ns = r->target_due_ns = r->now_ns;
}

static void start_sink(struct rig *r)
{
    const struct rig_cfg *c = &r->cfg;
    struct sim_flash_cfg f = {.size = 4u << 20,
                              .block_erase_us = c->block_erase_us ? c->block_erase_us : 150000,
                              .sector_erase_us = c->sector_erase_us ? c->sector_erase_us : 45000,
                              .seed = c->seed};
    r->flash = sim_flash_new(&f);
    r->slot_size = 0x200000;
    memset(sim_flash_bytes(r->flash) + SLOT, 0x5a, r->slot_size); // an old firmware
    r->sink = (struct ferry_sink){r,        sink_info,  sink_begin,   sink_prepare, sink_chunk, sink_hash,
                                  sink_end, sink_abort, sink_confirm, sink_revert,  sink_reboot};
    r->info = (struct ferry_target_info){.chip = 5, .revision = 4, .slot_count = 2, .erase_unit = 65536};
    r->info.erase_ms = (uint16_t)(f.block_erase_us / 1000);
    r->info.deaf = c->deaf;
    r->info.boot_state = c->is_trial ? FERRY_BOOT_TRIAL : FERRY_BOOT_CONFIRMED;
    strcpy(r->info.version, "1.0");
    memset(r->info.sha256, 0x11, 32);
    r->info.slots[0] = (struct ferry_slot){"ota_0", FERRY_SLOT_RUNNING, r->slot_size};
    r->info.slots[1] = (struct ferry_slot){"ota_1", FERRY_SLOT_TARGET, r->slot_size};
}

static void start_source(struct rig *r)
{
    r->digest = ferry_posix_digest_init(&r->digest_state);
    r->sink_digest = ferry_posix_digest_init(&r->sink_digest_state);
    r->source = (struct ferry_source){r, r->size, source_read};
    r->basic.sources = &r->source;
    r->basic.source_count = 1;
    r->basic.digest = &r->digest;
    r->basic.scratch = r->scratch;
    r->basic.scratch_size = sizeof r->scratch;
    r->supply = ferry_supply_from(&r->basic);
    r->counted = (struct ferry_supply){r, serve_counted};
}

struct rig *rig_new(const struct rig_cfg *cfg, const uint8_t *image, uint32_t size)
{
    struct rig *r = calloc(1, sizeof *r);
    r->cfg = *cfg;
    r->cfg.baud = cfg->baud ? cfg->baud : 921600;
    r->cfg.start_baud = cfg->start_baud ? cfg->start_baud : r->cfg.baud;
    r->image = image;
    r->size = size;
    for (int d = 0; d < 2; d++) {
        r->way[d].queue = malloc(QUEUE * sizeof(struct byte));
        r->way[d].seed = cfg->seed * 2654435761u + (unsigned)d * 97 + 1;
        r->way[d].hit_at = UINT64_MAX;
        r->way[d].at_start = true;
        r->way[d].skip_bits = to_error(&r->way[d], cfg->ber[d]);
        r->air[d].queue = malloc(AIR * sizeof(struct packet));
        r->air[d].seed = cfg->seed * 40503u + (unsigned)d * 31 + 5;
    }
    r->host_frame = malloc(FERRY_LINK_WIRE_BUFFER(4096));
    r->window = malloc(cfg->window ? cfg->window : 4096);
    r->frame = malloc(FERRY_LINK_PLAIN_BUFFER(4096));
    start_sink(r);
    start_source(r);
    start_target(r);
    start_host(r);
    return r;
}

void rig_free(struct rig *r)
{
    for (int d = 0; d < 2; d++) {
        free(r->way[d].queue);
        free(r->air[d].queue);
    }
    free(r->host_frame);
    free(r->window);
    free(r->frame);
    free(r->host.ring);
    free(r->target.ring);
    ferry_posix_digest_close(&r->digest_state);
    ferry_posix_digest_close(&r->sink_digest_state);
    sim_flash_free(r->flash);
    free(r);
}

// When a UART would wake its processor: half a FIFO is full, or the line has fallen silent.
static uint64_t wake_ns(const struct rig *r, int d)
{
    const struct way *w = &r->way[d];
    const struct end *e = d == RIG_TO_TARGET ? &r->target : &r->host;
    if (r->cfg.mtu)
        return r->air[d].count ? r->air[d].queue[0].at_ns : UINT64_MAX;
    if (e->fresh)
        return r->now_ns;
    uint64_t n = w->tail - w->head;
    if (!n)
        return UINT64_MAX;
    return w->queue[(w->head + (n < 64 ? n : 64) - 1) % QUEUE].at_ns;
}

static void log_line(struct rig *r)
{
    static const char text[] = "I (12345) app: temperature 21.5 C, heap 182344\r\n";
    if (!r->cfg.log || r->now_ns < r->log_due_ns)
        return;
    r->log_due_ns = r->now_ns + 50000000u;
    for (size_t i = 0; i < sizeof text - 1; i++)
        carry(r, RIG_TO_HOST, r->target.baud, (uint8_t)text[i]);
}

static void turn_host(struct rig *r)
{
    uint32_t wait = 100;
    r->host.fresh = false;
    ferry_pump_step(&r->pump, (uint32_t)(r->now_ns / 1000000), &wait);
    uint64_t due = r->now_ns + (uint64_t)(wait ? wait : 1) * 1000000u;
    bool waiting = r->pump.tx_at < r->pump.tx_len;
    uint64_t room = r->cfg.mtu ? r->air[0].free_ns : r->way[0].free_ns;
    if (!r->cfg.mtu) // half of what the port holds has left
        room = room > PORT_TX * 5000000000u / r->host.baud ? room - PORT_TX * 5000000000u / r->host.baud : 0;
    if ((waiting || r->host_packet.out_len) && room > r->now_ns && room < due)
        due = room;
    r->host_due_ns = due > r->now_ns ? due : r->now_ns + 1000;
}

static void turn_target(struct rig *r)
{
    uint32_t wait = 100;
    if (r->now_ns < r->busy_ns) {
        r->target_due_ns = r->busy_ns;
        return;
    }
    r->erasing = r->target.fresh = false;
    log_line(r);
    r->cost_us = 0;
    unsigned reboots = r->reboots;
    ferry_receiver_pump_step(&r->receiver_pump, (uint32_t)(r->now_ns / 1000000), &wait);
    r->busy_ns = r->now_ns + r->cost_us * 1000u;
    if (r->reboots != reboots) {
        rig_reset_target(r);
        r->busy_ns = r->now_ns + 300000000u; // it boots
    }
    r->target_due_ns = r->now_ns + (uint64_t)wait * 1000000u;
    if (r->cost_us || r->reboots != reboots)
        r->target_due_ns = r->busy_ns;
    else if (!wait)
        r->target_due_ns = r->now_ns + 1000;
    else if (wait == 1 && r->receiver_pump.tx_at < r->receiver_pump.tx_len)
        r->target_due_ns = r->now_ns + 200000;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool rig_turn(struct rig *r, uint64_t limit_us)
{
    uint64_t target = r->target_due_ns;
    if (r->now_ns >= r->busy_ns)
        target = earlier(target, wake_ns(r, RIG_TO_TARGET));
    uint64_t host = earlier(r->host_due_ns, wake_ns(r, RIG_TO_HOST));
    uint64_t next = earlier(target, host);
    if (next / 1000 > limit_us)
        return false;
    r->now_ns = next > r->now_ns ? next : r->now_ns + 100;
    deliver(r, RIG_TO_TARGET);
    deliver(r, RIG_TO_HOST);
    if (target <= r->now_ns)
        turn_target(r);
    if (host <= r->now_ns)
        turn_host(r);
    return true;
}

void rig_manifest(struct rig *r, struct ferry_manifest *m)
{
    memset(m, 0, sizeof *m);
    m->kind = FERRY_MANIFEST_FIRMWARE;
    m->chip = 5;
    m->size = r->size;
    strcpy(m->version, "2.0");
    strcpy(m->project, "rig");
    r->digest.begin(r->digest.ctx, FERRY_DIGEST_SHA256);
    r->digest.update(r->digest.ctx, r->image, r->size);
    r->digest.finish(r->digest.ctx, m->sha256, 32);
}

int rig_start(struct rig *r, const struct ferry_link_job *job)
{
    struct ferry_link_job send = {.op = FERRY_LINK_SENDER_SEND};
    if (!job) {
        rig_manifest(r, &send.manifest);
        job = &send;
    }
    r->host_due_ns = r->now_ns;
    return ferry_link_sender_start(&r->sender, job, (uint32_t)(r->now_ns / 1000000));
}

bool rig_ended(struct rig *r)
{
    return (ferry_link_sender_ops.wants(&r->sender) & (FERRY_WANT_DONE | FERRY_WANT_FAILED)) != 0;
}

int rig_run(struct rig *r, const struct ferry_link_job *job, double seconds)
{
    struct ferry_error e;
    uint64_t limit = r->now_ns / 1000 + (uint64_t)(seconds * 1e6);
    int status = rig_start(r, job);
    if (status < 0)
        return status;
    while (!rig_ended(r))
        if (!rig_turn(r, limit))
            return FERRY_ERR_TIMEOUT;
    ferry_link_sender_ops.error(&r->sender, &e);
    return e.status;
}

void rig_let_run(struct rig *r, uint64_t us)
{
    uint64_t limit = r->now_ns / 1000 + us;
    while (rig_turn(r, limit))
        ;
    r->now_ns = limit * 1000;
}

void rig_reset_target(struct rig *r)
{
    r->withheld_have = 0;
    if (r->target_packet.datagram)
        r->air[RIG_TO_TARGET].count = 0;
    start_target(r);
}

void rig_reset_host(struct rig *r)
{
    start_host(r);
}

void rig_hit(struct rig *r, int direction, uint64_t at)
{
    r->way[direction].hit_at = at;
}

struct ferry_link_sender *rig_sender(struct rig *r)
{
    return &r->sender;
}

struct ferry_link_receiver *rig_receiver(struct rig *r)
{
    return &r->receiver;
}

struct sim_flash *rig_flash(struct rig *r)
{
    return r->flash;
}

const struct ferry_stream *rig_host_stream(struct rig *r)
{
    return &r->host_stream;
}

uint64_t rig_now_us(const struct rig *r)
{
    return r->now_ns / 1000;
}

uint64_t rig_bytes(const struct rig *r, int direction)
{
    return r->cfg.mtu ? r->air[direction].sent : r->way[direction].sent;
}

uint64_t rig_data_bytes(const struct rig *r)
{
    return r->asked;
}

uint64_t rig_lost_in_erase(const struct rig *r)
{
    return r->lost_in_erase;
}

bool rig_selected(const struct rig *r)
{
    return r->selected && memcmp(sim_flash_bytes(r->flash) + SLOT, r->image, r->size) == 0;
}

unsigned rig_erases(const struct rig *r)
{
    return r->erases;
}

bool rig_confirmed(const struct rig *r)
{
    return r->confirmed;
}

bool rig_reverted(const struct rig *r)
{
    return r->reverted;
}

unsigned rig_reboots(const struct rig *r)
{
    return r->reboots;
}

struct ferry_target_info *rig_info(struct rig *r)
{
    return &r->info;
}

void rig_refuse(struct rig *r, int status)
{
    r->refuse = status;
}

void rig_trace(struct rig *r, const struct ferry_trace *trace)
{
    r->pump.trace = trace;
}
