// The sender against anything: the input is a list of frames in its own session (first byte length, then type and
// body), or raw bytes where the length's top bit is set. Data requests are answered; none may reach beyond the image.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static size_t next_input(const struct ferry_link_sender *s, const uint8_t *in, size_t left, uint8_t *wire, size_t *len)
{
    size_t n = in[0] & 0x7f;
    n = n < left - 1 ? n : left - 1;
    if (in[0] & 0x80 || n < 1) {
        memcpy(wire, in + 1, n);
        *len = n;
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
    uint8_t wire[256], out[512];
    uint32_t now = 0;
    cfg.baud = size > 1 && data[1] & 1 ? 921600 : 0;
    job.manifest.kind = FERRY_MANIFEST_FIRMWARE;
    job.manifest.size = 300000;
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
            serve(&s, 300000, now);
            ops->poll(&s, out, sizeof out, now);
        }
        ops->step(&s, now);
    }
    return 0;
}
