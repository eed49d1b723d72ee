// The receiver against anything. The input is a list of frames (length byte, then type, session and body), made whole
// with a right CRC so that it gets past the reader, or raw bytes where the length's top bit is set. The sink is memory
// and aborts when it is asked for a byte outside of what was begun and prepared, for one a second time, or in another
// order than it allows. The first byte of the input says what the sink is like, and whether an update has begun
// already. Type 0x40 stands for a chunk that is in order as such: which one, how long, and how many numbers are
// skipped; type 0x41 for a request whose pieces are in order: its op and its fields.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/pump/receiver_pump.h"

#define SLOT 16384u

struct sink {
    uint8_t bytes[SLOT];
    bool written[SLOT];
    uint32_t size, from, to, next;
    bool open;
    bool any_order, slow, partly; // slow: says "not yet" every second time; partly: takes half of what it may
    bool waited;
    uint16_t unit;
};

static const uint8_t *input;
static size_t left;
static uint8_t wire[2048];
static size_t wire_len;
static uint16_t number;
static uint8_t tag;
static uint32_t now;

static int in_read(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    size_t n = wire_len < cap ? wire_len : cap;
    memcpy(buf, wire, n);
    memmove(wire, wire + n, wire_len - n);
    wire_len -= n;
    return (int)n;
}

static int out_write(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    return (int)len;
}

static int s_info(void *ctx, struct ferry_target_info *out)
{
    const struct sink *s = ctx;
    out->any_order = s->any_order;
    out->write_unit = s->unit;
    out->chip = 5;
    out->boot_state = FERRY_BOOT_TRIAL;
    return 0;
}

static int s_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    struct sink *s = ctx;
    if (m->size > SLOT || m->codec || m->signature_len)
        return FERRY_ERR_TOO_LARGE_PARTITION;
    s->size = m->size;
    s->from = s->to = 0;
    s->open = true;
    plan->have = m->size;
    plan->withheld = m->size > 16 ? 16 : 0;
    return 0;
}

static int s_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct sink *s = ctx;
    if (!s->open || offset >= end || end > s->size)
        abort();
    if (s->slow && (s->waited = !s->waited))
        return FERRY_SINK_BUSY;
    s->from = s->next = offset;
    s->to = *ready_to = offset == 0 && end <= 16 ? end : (offset / 4096 + 1) * 4096;
    memset(s->written + s->from, 0, s->to - s->from);
    return 0;
}

static int s_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct sink *s = ctx;
    if (!s->open || !len || offset < s->from || offset > s->to || len > s->to - offset || len > s->size - offset)
        abort();
    if (!s->any_order && offset != s->next)
        abort();
    if (s->slow && (s->waited = !s->waited))
        return 0;
    len = s->partly ? (len + 1) / 2 : len;
    for (size_t i = 0; i < len; i++)
        if (s->written[offset + i])
            abort();
    memset(s->written + offset, 1, len);
    memcpy(s->bytes + offset, bytes, len);
    s->next = offset + (uint32_t)len;
    return (int)len;
}

static int s_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha[32], bool *blank)
{
    struct sink *s = ctx;
    if (!s->open || offset > s->size || len > s->size - offset)
        abort();
    memset(sha, s->bytes[offset], 32);
    *blank = false;
    return 0;
}

static int s_end(void *ctx)
{
    if (!((struct sink *)ctx)->open)
        abort();
    return 0;
}

static int s_abort(void *ctx)
{
    ((struct sink *)ctx)->open = false;
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
    return reason == FERRY_GIVE_UP_NONE ? FERRY_ERR_STATE : 0;
}

static void send_frame(uint8_t type, uint16_t session, const uint8_t *body, size_t len)
{
    struct ferry_link_writer w;
    ferry_link_writer_begin(&w, wire + wire_len, sizeof wire - wire_len, true, type, session);
    ferry_link_writer_put(&w, body, len);
    wire_len += ferry_link_writer_end(&w);
}

static void send_chunk(const uint8_t in[3])
{
    uint8_t body[FERRY_LINK_CHUNK_HEADER + 250];
    uint32_t offset = in[0] * 64u + (in[1] & 1 ? 16 : 0);
    number = (uint16_t)(number + 1 + (in[1] >> 6));
    ferry_store16le(body, number);
    ferry_store32le(body + 2, offset);
    for (uint32_t i = 0; i < in[2] && i < 250; i++)
        body[FERRY_LINK_CHUNK_HEADER + i] = (uint8_t)((offset + i) * 7);
    send_frame(FERRY_LINK_CHUNK, 1, body, FERRY_LINK_CHUNK_HEADER + (in[2] < 250 ? in[2] : 250u));
}

static void send_request(uint8_t with_tag, uint8_t op, const uint8_t *fields, size_t len)
{
    uint8_t message[FERRY_LINK_MESSAGE_MAX];
    message[0] = op;
    memcpy(message + 1, fields, len);
    for (size_t at = 0; at <= len;)
        wire_len +=
            ferry_link_piece_write(wire + wire_len, FERRY_LINK_TO_TARGET, 1, with_tag, message, len + 1, &at, 56);
}

static void next_input(void)
{
    uint8_t head = *input++;
    size_t n = head & 0x7f;
    left--;
    n = n < left ? n : left;
    if (head & 0x80 || n < 3) {
        memcpy(wire + wire_len, input, n);
        wire_len += n;
    } else if (input[0] == 0x40 && n >= 4) {
        n = 4;
        send_chunk(input + 1);
    } else if (input[0] == 0x41) {
        send_request(++tag, input[1] % FERRY_LINK_OP_END, input + 2, n - 2);
    } else {
        send_frame(input[0], (uint16_t)(1 + (input[1] & 1)), input + 3, n - 3);
    }
    input += n;
    left -= n;
}

static void run(struct ferry_receiver_pump *pump, unsigned steps)
{
    uint32_t wait;
    for (unsigned i = 0; i < steps; i++)
        ferry_receiver_pump_step(pump, now, &wait);
    now += 3;
}

// HELLO, BEGIN, RANGE of what is withheld, or of the rest.
static void begin_update(struct ferry_receiver_pump *pump, uint8_t size, bool withheld)
{
    uint8_t out[FERRY_LINK_MESSAGE_MAX];
    struct ferry_manifest m = {.kind = FERRY_MANIFEST_FILE, .chip = 5, .size = 1 + size * 64u, .name = "x"};
    struct ferry_link_hello hello = {FERRY_LINK_VERSION, 0, 0, 7};
    send_request(1, FERRY_LINK_HELLO, out, ferry_link_put_hello(out, &hello));
    run(pump, 8);
    send_request(2, FERRY_LINK_BEGIN, out, ferry_link_put_manifest(out, &m));
    run(pump, 8);
    ferry_store32le(out, withheld ? 0 : 16);
    ferry_store32le(out + 4, withheld ? 16 : m.size);
    send_request(3, FERRY_LINK_RANGE, out, 8);
    run(pump, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sink sink;
    static struct ferry_link_receiver receiver;
    static uint8_t window[1024], frame[256];
    struct ferry_link_receiver_cfg cfg = {.window = window,
                                          .window_size = 1024,
                                          .frame = frame,
                                          .frame_size = 256,
                                          .start_baud = 115200,
                                          .max_baud = 921600};
    struct ferry_stream stream = {NULL, in_read, out_write, NULL, NULL};
    struct ferry_sink s = {&sink, s_info,  s_begin,   s_prepare, s_chunk,  s_hash,
                           s_end, s_abort, s_nothing, s_revert,  s_nothing};
    struct ferry_receiver_pump pump = {.receiver = &receiver, .stream = &stream, .sink = &s};
    memset(&sink, 0, sizeof sink);
    if (size < 2)
        return 0;
    sink.any_order = data[0] & 1;
    sink.slow = data[0] & 2;
    sink.partly = data[0] & 4;
    sink.unit = (uint16_t)(data[0] & 8 ? 512 : 256);
    cfg.wire_buffer = data[0] & 16 ? 2048 : 0;
    ferry_link_receiver_init(&receiver, &cfg, 0);
    input = data + 2;
    left = size - 2;
    wire_len = 0;
    number = 0xffff;
    tag = 3;
    now = 0;
    if (data[0] & 32)
        begin_update(&pump, data[1], data[0] & 64);
    while (left) {
        if (wire_len < 512)
            next_input();
        run(&pump, 4);
    }
    return 0;
}
