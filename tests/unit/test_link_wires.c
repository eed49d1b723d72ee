// One set of cases, unchanged on every wire: a lossless stream (as TCP), packets of MTU 20 to 1500 with loss, doubles
// and overtaking, and the two wires over pins with clocks 2 % apart. Each case is an image size and where which side is
// reset on the way; the image has to be in the target's memory afterwards, byte for byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/engine/link_sender.h"
#include "ferry/pump/pump.h"
#include "ferry/pump/receiver_pump.h"
#include "ferry/wire/packet.h"
#include "ferry/wire/two_wire.h"
#include "ports/posix/digest.h"

#define MEMORY 16384u

// ---- wires: two streams, and a millisecond of time ------------------------------------------------------------------

struct queue {
    struct {
        uint16_t len, delay;
        uint8_t bytes[1500];
    } packet[32];
    unsigned count;
};

struct wires {
    const char *name;
    uint16_t mtu;
    bool lossy, pins, clocked;
    struct ferry_stream end[2];
    uint8_t pipe[2][8192];
    size_t pipe_len[2];
    struct queue air[2];
    struct ferry_datagram gram[2];
    struct ferry_wire_packet packet[2];
    bool drive[2][2]; // [pin][end]
    struct ferry_pin pin[4];
    struct ferry_wire_soft_uart uart[2];
    struct ferry_wire_two_wire two[2];
    unsigned ticks[2];
};

struct where {
    struct wires *w;
    int end;
};
static struct where ends[2];

static int pipe_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct where *e = ctx;
    size_t *len = &e->w->pipe_len[!e->end], n = *len < cap ? *len : cap;
    memcpy(buf, e->w->pipe[!e->end], n);
    memmove(e->w->pipe[!e->end], e->w->pipe[!e->end] + n, *len - n);
    *len -= n;
    return (int)n;
}

static int pipe_write(void *ctx, const uint8_t *bytes, size_t n)
{
    struct where *e = ctx;
    size_t *len = &e->w->pipe_len[e->end];
    n = n < sizeof e->w->pipe[0] - *len ? n : sizeof e->w->pipe[0] - *len;
    memcpy(e->w->pipe[e->end] + *len, bytes, n);
    *len += n;
    return (int)n;
}

static void put_packet(struct wires *w, int end, const uint8_t *bytes, size_t len)
{
    struct queue *q = &w->air[end];
    if (q->count == 32 || (w->lossy && rand() % 6 == 0))
        return;
    q->packet[q->count].len = (uint16_t)len;
    q->packet[q->count].delay = (uint16_t)(w->lossy && rand() % 6 == 0 ? 6 : 2);
    memcpy(q->packet[q->count++].bytes, bytes, len);
}

static int gram_send(void *ctx, const uint8_t *bytes, size_t len)
{
    struct where *e = ctx;
    assert_true(len <= e->w->mtu);
    if (e->w->air[e->end].count > 8)
        return 0;
    put_packet(e->w, e->end, bytes, len);
    if (e->w->lossy && rand() % 10 == 0)
        put_packet(e->w, e->end, bytes, len);
    return (int)len;
}

static int gram_recv(void *ctx, uint8_t *buf, size_t cap)
{
    struct where *e = ctx;
    struct queue *q = &e->w->air[!e->end];
    for (unsigned i = 0; i < q->count; i++) {
        if (q->packet[i].delay)
            continue;
        size_t n = q->packet[i].len < cap ? q->packet[i].len : cap;
        memcpy(buf, q->packet[i].bytes, n);
        q->count--;
        memmove(&q->packet[i], &q->packet[i + 1], (q->count - i) * sizeof q->packet[0]);
        return (int)n;
    }
    return 0;
}

static bool pin_read(void *ctx)
{
    bool *drive = ctx;
    return drive[0] && drive[1];
}

static struct wires *now_writing; // pins know their level only; which end writes is known here
static int writing_end;

static void pin_write(void *ctx, bool level)
{
    ((bool *)ctx)[writing_end] = level;
}

static void open_pins(struct wires *w)
{
    memset(w->drive, 1, sizeof w->drive);
    for (int i = 0; i < 2; i++)
        w->pin[i] = (struct ferry_pin){w->drive[i], pin_read, pin_write};
    for (int e = 0; e < 2; e++) {
        writing_end = e;
        w->uart[e] = (struct ferry_wire_soft_uart){.tx = &w->pin[e], .rx = &w->pin[!e]};
        w->two[e] = (struct ferry_wire_two_wire){.clock = &w->pin[0], .data = &w->pin[1], .clocks = e == 0};
        w->end[e] = w->clocked ? ferry_wire_two_wire_stream(&w->two[e]) : ferry_wire_soft_uart_stream(&w->uart[e]);
    }
}

static void open_wires(struct wires *w)
{
    for (int e = 0; e < 2; e++) {
        ends[e] = (struct where){w, e};
        w->end[e] = (struct ferry_stream){&ends[e], pipe_read, pipe_write, NULL, NULL};
        w->gram[e] = (struct ferry_datagram){&ends[e], w->mtu, gram_recv, gram_send};
        memset(&w->packet[e], 0, sizeof w->packet[e]);
        w->packet[e].datagram = &w->gram[e];
        if (w->mtu)
            w->end[e] = ferry_wire_packet_stream(&w->packet[e]);
        w->pipe_len[e] = w->air[e].count = 0;
    }
    if (w->pins)
        open_pins(w);
}

// A millisecond of 921.6 kHz ticks, the target's 2 % faster.
static void pass_time(struct wires *w)
{
    now_writing = w;
    for (int e = 0; e < 2; e++)
        for (unsigned i = 0; i < w->air[e].count; i++)
            w->air[e].packet[i].delay = (uint16_t)(w->air[e].packet[i].delay ? w->air[e].packet[i].delay - 1 : 0);
    for (unsigned t = 0; w->pins && t < 940; t++)
        for (int e = 0; e < 2; e++) {
            if (e == 0 && t % 50 == 0)
                continue;
            writing_end = e;
            if (w->clocked)
                ferry_wire_two_wire_tick(&w->two[e]);
            else
                ferry_wire_soft_uart_tick(&w->uart[e]);
        }
}

// ---- target and updater ---------------------------------------------------------------------------------------------

static uint8_t image[MEMORY], memory[MEMORY];
static struct ferry_posix_digest states[2];
static struct ferry_digest digests[2];
static uint32_t begun;
static bool selected;

static int s_info(void *ctx, struct ferry_target_info *out)
{
    (void)ctx;
    out->chip = 5;
    return 0;
}

static int s_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    (void)ctx;
    plan->have = begun == m->size ? begun : 0;
    begun = m->size;
    return m->size <= MEMORY ? 0 : FERRY_ERR_TOO_LARGE_PARTITION;
}

static int s_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    (void)ctx;
    (void)end;
    *ready_to = (offset / 4096 + 1) * 4096;
    memset(memory + *ready_to - 4096, 0xff, 4096);
    return 0;
}

static int s_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(memory[offset + i], 0xff); // written once
    memcpy(memory + offset, bytes, len);
    return (int)len;
}

static int s_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha[32], bool *blank)
{
    const struct ferry_digest *d = &digests[0];
    (void)ctx;
    *blank = false;
    d->begin(d->ctx, FERRY_DIGEST_SHA256);
    d->update(d->ctx, memory + offset, len);
    return d->finish(d->ctx, sha, 32) == 32 ? 0 : FERRY_ERR_STORAGE_READ;
}

static int s_end(void *ctx)
{
    (void)ctx;
    selected = true;
    return 0;
}

static int s_nothing(void *ctx)
{
    (void)ctx;
    return 0;
}

static int s_revert(void *ctx, enum ferry_give_up reason)
{
    (void)ctx;
    return reason ? FERRY_ERR_STATE : 0;
}

static int image_read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, image + offset, len);
    return 0;
}

static struct ferry_link_sender sender;
static struct ferry_link_receiver receiver;
static struct ferry_pump pump;
static struct ferry_receiver_pump receiver_pump;
static uint8_t window[2048], frame[FERRY_LINK_PLAIN_BUFFER(512)], host_frame[FERRY_LINK_WIRE_BUFFER(1500)];
static struct ferry_sink sink = {NULL,  s_info,    s_begin,   s_prepare, s_chunk,  s_hash,
                                 s_end, s_nothing, s_nothing, s_revert,  s_nothing};

static void start_target(struct wires *w, uint32_t now)
{
    struct ferry_link_receiver_cfg cfg = {
        .window = window, .window_size = sizeof window, .frame = frame, .frame_size = sizeof frame, .mtu = w->mtu};
    assert_int_equal(ferry_link_receiver_init(&receiver, &cfg, now), 0);
    receiver_pump = (struct ferry_receiver_pump){.receiver = &receiver, .stream = &w->end[1], .sink = &sink};
}

static void start_host(struct wires *w, const struct ferry_supply *supply, uint32_t size, uint32_t now)
{
    struct ferry_link_sender_cfg cfg = {.frame = host_frame,
                                        .frame_size = sizeof host_frame,
                                        .updater = 5,
                                        .seed = (uint16_t)(now * 3 + 1),
                                        .mtu = w->mtu,
                                        .reorders = w->mtu != 0,
                                        .clean = !w->mtu && !w->pins};
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND};
    const struct ferry_digest *d = &digests[1];
    job.manifest = (struct ferry_manifest){.kind = FERRY_MANIFEST_FILE, .size = size, .chip = 5, .name = "x"};
    d->begin(d->ctx, FERRY_DIGEST_SHA256);
    d->update(d->ctx, image, size);
    d->finish(d->ctx, job.manifest.sha256, 32);
    assert_int_equal(ferry_link_sender_init(&sender, &cfg), 0);
    assert_int_equal(ferry_link_sender_start(&sender, &job, now), 0);
    pump =
        (struct ferry_pump){.engine = &sender, .ops = &ferry_link_sender_ops, .stream = &w->end[0], .supply = supply};
}

static void one_case(struct wires *w, uint32_t size, unsigned reset)
{
    static uint8_t scratch[2048];
    struct ferry_source source = {NULL, size, image_read};
    struct ferry_supply_basic basic = {.sources = &source,
                                       .source_count = 1,
                                       .digest = &digests[1],
                                       .scratch = scratch,
                                       .scratch_size = sizeof scratch};
    struct ferry_supply supply = ferry_supply_from(&basic);
    uint32_t at = size * (1 + (reset - 1) / 2) / 4, wait, now = 0, wants = 0;
    memset(memory, 0x77, sizeof memory);
    begun = 0;
    selected = false;
    open_wires(w);
    start_target(w, 0);
    start_host(w, &supply, size, 0);
    for (now = 1; now < 90000 && !(wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED)); now++) {
        if (reset && sender.received >= at && sender.connected) {
            if (reset % 2)
                start_target(w, now);
            else
                start_host(w, &supply, size, now);
            reset = 0;
        }
        wants = ferry_pump_step(&pump, now, &wait);
        for (int i = 0; i < 4; i++)
            ferry_receiver_pump_step(&receiver_pump, now, &wait);
        pass_time(w);
    }
    if (!(wants & FERRY_WANT_DONE) || !selected || memcmp(memory, image, size) != 0)
        fail_msg("%s: %u bytes, reset case %u: %s %s", w->name, size, reset, ferry_status_name(sender.error.status),
                 sender.error.detail ? sender.error.detail : "");
}

static void all_cases(void **state)
{
    static const uint32_t sizes[] = {1, 8, 255, 256, 257, 1000, 4095, 4096, 4097, 6000};
    struct wires *w = *state;
    unsigned cases = 0;
    srand(1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned reset = 0; reset < 7; reset++, cases++)
            one_case(w, sizes[i], reset);
    print_message("%s: %u cases\n", w->name, cases);
    assert_true(cases >= 60);
}

int main(void)
{
    static struct wires wires[] = {{.name = "stream"},
                                   {.name = "packets of 1500", .mtu = 1500, .lossy = true},
                                   {.name = "packets of 250", .mtu = 250, .lossy = true},
                                   {.name = "packets of 23", .mtu = 23, .lossy = true},
                                   {.name = "packets of 20", .mtu = 20},
                                   {.name = "software UART", .pins = true},
                                   {.name = "clocked two-wire", .pins = true, .clocked = true}};
    struct CMUnitTest tests[sizeof wires / sizeof wires[0]];
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++)
        tests[i] = (struct CMUnitTest){wires[i].name, all_cases, NULL, NULL, &wires[i]};
    for (size_t i = 0; i < 2; i++)
        digests[i] = ferry_posix_digest_init(&states[i]);
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 13 + (i >> 8));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
