// The sender against anything: the input is a list of frames in its own session (first byte length, then type and
// body), or raw bytes where the length's top bit is set. Data requests are answered; none may reach beyond the image.
// Type 0x40 stands for an answer to what the sender asks just now: status, fault and fields, or a right one where they
// are missing; type 0x41 for an acknowledgement: how far behind, how much more has come, credit, map.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/engine/link_sender.h"

static const struct ferry_engine_ops *ops = &ferry_link_sender_ops;

static void serve(struct ferry_link_sender *s, uint32_t size, uint32_t now)
{
    static uint8_t bytes[FERRY_LINK_CHUNK_MAX];
    struct ferry_request r;
    while (ops->request(s, &r)) {
        if (r.kind == FERRY_REQUEST_RAW && (r.offset > size || r.len > size - r.offset || r.len > sizeof bytes))
            abort();
        if (r.kind == FERRY_REQUEST_SHA256 && (r.segment_offset > size || r.segment_len > size - r.segment_offset))
            abort();
        ops->supply(s, r.offset, bytes, r.len, now);
    }
}

#define IMAGE 300000u
#define WIRE 1024u

static size_t right_fields(const struct ferry_link_sender *s, uint8_t *out)
{
    struct ferry_target_info info = {.chip = 5, .revision = 4, .slot_count = 1, .erase_unit = 65536, .erase_ms = 150};
    struct ferry_link_limits limits = {1024, 4096, 0, 1, 115200, 921600};
    struct ferry_link_status status = {.state = FERRY_LINK_STATE_SELECTED, .size = IMAGE};
    memset(out, 0, 34 + 16 * FERRY_LINK_HASH_SIZE);
    switch (s->message[0]) {
    case FERRY_LINK_HELLO:
        return ferry_link_put_info(out, &info, &limits);
    case FERRY_LINK_BEGIN:
        ferry_store32le(out, s->session % 2 ? IMAGE : 0);
        return 6;
    case FERRY_LINK_PROVE:
        return 2u + s->proof_count * FERRY_LINK_HASH_SIZE;
    case FERRY_LINK_END:
        return 32;
    case FERRY_LINK_STATUS:
        return ferry_link_put_status(out, &status);
    case FERRY_LINK_TEST:
        return 16;
    default:
        return 0;
    }
}

static size_t put_answer(const struct ferry_link_sender *s, const uint8_t *in, size_t n, uint8_t *wire)
{
    uint8_t message[FERRY_LINK_MESSAGE_MAX] = {s->message[0] | FERRY_LINK_ANSWER, 0, 0};
    size_t len = 3, done = 0;
    memcpy(message + 1, in, n);
    if (n >= 2)
        len = n + 1;
    else
        len += right_fields(s, message + 3);
    for (size_t at = 0; at < len;)
        done += ferry_link_piece_write(wire + done, FERRY_LINK_FROM_TARGET, s->session, s->tag, message, len, &at, 56);
    return done;
}

static size_t put_ack(const struct ferry_link_sender *s, const uint8_t in[4], uint8_t *wire)
{
    uint8_t body[FERRY_LINK_ACK_FIXED + 16];
    struct ferry_link_writer w;
    struct ferry_link_ack ack = {.highest = (uint16_t)(s->next_seq - 1 - in[0] % 16),
                                 .received = s->received + in[1] * 32u,
                                 .credit = (uint16_t)(in[2] * 64),
                                 .busy = in[3] & 0x8f,
                                 .map_len = 2,
                                 .map = {in[3], 0xff}};
    if (in[0] & 0x80 && s->sent_to > s->received) // all that was sent has come
        ack.received = s->sent_to;
    ferry_link_writer_begin(&w, wire, WIRE, true, FERRY_LINK_ACK, s->session);
    ferry_link_writer_put(&w, body, ferry_link_put_ack(body, &ack));
    return ferry_link_writer_end(&w);
}

static size_t next_input(const struct ferry_link_sender *s, const uint8_t *in, size_t left, uint8_t *wire, size_t *len)
{
    size_t n = in[0] & 0x7f;
    n = n < left - 1 ? n : left - 1;
    if (in[0] & 0x80 || n < 1) {
        memcpy(wire, in + 1, n);
        *len = n;
    } else if (in[1] == 0x40) {
        *len = put_answer(s, in + 2, n - 1, wire);
    } else if (in[1] == 0x41 && n >= 5) {
        *len = put_ack(s, in + 2, wire);
        n = 5;
    } else {
        struct ferry_link_writer w;
        ferry_link_writer_begin(&w, wire, 256, true, in[1], s->session);
        ferry_link_writer_put(&w, in + 2, n - 1);
        *len = ferry_link_writer_end(&w);
    }
    return n + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ferry_link_sender s;
    static uint8_t frame[FERRY_LINK_WIRE_BUFFER(1024)];
    struct ferry_link_sender_cfg cfg = {.frame = frame, .frame_size = sizeof frame, .updater = 1, .seed = 1};
    struct ferry_link_job job = {.op = (enum ferry_link_sender_op)(size ? 1 + data[0] % 8 : 2)};
    uint8_t wire[WIRE], out[512];
    uint32_t now = 0;
    cfg.baud = size > 1 && data[1] & 1 ? 921600 : 0;
    job.manifest.kind = FERRY_MANIFEST_FIRMWARE;
    job.manifest.size = IMAGE;
    job.reboot = job.confirm = true;
    ferry_link_sender_init(&s, &cfg);
    ferry_link_sender_start(&s, &job, 0);
    for (size_t at = 2; at < size; now += 7) {
        size_t len;
        struct ferry_line_request lines;
        at += next_input(&s, data + at, size - at, wire, &len);
        ops->feed(&s, wire, len, now);
        if (ops->lines(&s, &lines))
            ops->lines_done(&s, now);
        for (int i = 0; i < 4; i++) {
            serve(&s, IMAGE, now);
            ops->poll(&s, out, sizeof out, now);
        }
        ops->step(&s, now);
    }
    return 0;
}
