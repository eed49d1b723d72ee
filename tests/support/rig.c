#include "rig_parts.h"

#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"

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
    return (struct ferry_stream){e, rig_end_read, rig_end_write, rig_end_set_baud, rig_end_pending};
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
        .baud = c->mtu || c->wire ? 0 : c->baud,
        .mtu = c->mtu,
        .clean = c->clean,
        .reorders = c->mtu != 0,
        .hello_ms = c->hello_ms,
        .reconnect_ms = c->reconnect_ms,
    };
    ferry_link_sender_init(&r->sender, &s);
    r->host_stream = line_end(r, &r->host, RIG_TO_TARGET);
    if (c->mtu) {
        r->host_gram = (struct ferry_datagram){&r->host, c->mtu, rig_gram_recv, rig_gram_send};
        memset(&r->host_packet, 0, sizeof r->host_packet);
        r->host_packet.datagram = &r->host_gram;
        r->host_stream = ferry_wire_packet_stream(&r->host_packet);
    } else if (c->wire) {
        r->host_stream = c->wire->open(c->wire->ctx, 0);
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
        .start_baud = c->mtu || c->wire ? 0 : c->start_baud,
        .max_baud = c->mtu || c->wire ? 0 : c->baud,
        .session_ms = c->session_ms,
        .confirm_ms = c->confirm_ms,
        .beacon_ms = c->beacon_ms,
    };
    ferry_link_receiver_init(&r->receiver, &t, (uint32_t)(r->now_ns / 1000000));
    r->target_stream = line_end(r, &r->target, RIG_TO_HOST);
    if (c->mtu) {
        r->target_gram = (struct ferry_datagram){&r->target, c->mtu, rig_gram_recv, rig_gram_send};
        memset(&r->target_packet, 0, sizeof r->target_packet);
        r->target_packet.datagram = &r->target_gram;
        r->target_stream = ferry_wire_packet_stream(&r->target_packet);
    } else if (c->wire) {
        r->target_stream = c->wire->open(c->wire->ctx, 1);
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
    r->sink = rig_sink(r);
    r->info = (struct ferry_target_info){.chip = 5, .revision = 4, .slot_count = 2, .erase_unit = 65536};
    r->info.any_order = !c->in_order;
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
        r->way[d].skip_bits = rig_to_error(&r->way[d], cfg->ber[d]);
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
    if (r->cfg.wire)
        return r->now_ns + WIRE_STEP_NS;
    if (r->cfg.mtu)
        return !r->air[d].count                       ? UINT64_MAX
               : r->air[d].queue[0].at_ns > r->now_ns ? r->air[d].queue[0].at_ns
                                                      : r->now_ns + 50000; // nobody has taken it: looked at again
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
    rig_say(r, RIG_TO_HOST, text, sizeof text - 1);
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
    host = host < r->host_stop_ns ? r->host_stop_ns : host;
    uint64_t next = earlier(target, host);
    if (next / 1000 > limit_us)
        return false;
    r->now_ns = next > r->now_ns ? next : r->now_ns + 100;
    if (r->cfg.wire)
        r->cfg.wire->run(r->cfg.wire->ctx, r->now_ns, r->now_ns < r->busy_ns && r->erasing && r->cfg.deaf);
    rig_deliver(r, RIG_TO_TARGET);
    rig_deliver(r, RIG_TO_HOST);
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

void rig_cut(struct rig *r, int direction, bool cut)
{
    r->cfg.dead[direction] = cut;
}

void rig_restart_target(struct rig *r)
{
    r->sink.reboot(r->sink.ctx);
    rig_reset_target(r);
}

void rig_reset_host(struct rig *r)
{
    start_host(r);
}

void rig_stop(struct rig *r, int end, uint64_t us)
{
    uint64_t until = r->now_ns + us * 1000u;
    if (end == 0)
        r->host_stop_ns = until;
    else
        r->busy_ns = until > r->busy_ns ? until : r->busy_ns;
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
