#include "ferry/wire/packet.h"
#include <string.h>

static int receive_packet(struct ferry_wire_packet *self)
{
    uint8_t packet[FERRY_WIRE_PACKET_MAX];
    struct ferry_cobs_encoder e;
    int n = self->datagram->recv(self->datagram->ctx, packet, sizeof packet);
    if (n <= 0)
        return n;
    self->in[0] = 0;
    ferry_cobs_begin(&e, self->in + 1, sizeof self->in - 2);
    ferry_cobs_put(&e, packet, (size_t)n);
    self->in_len = 1 + ferry_cobs_finish(&e);
    self->in[self->in_len++] = 0;
    self->in_at = 0;
    return 1;
}

static int stream_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_wire_packet *self = ctx;
    size_t done = 0;
    while (done < cap) {
        if (self->in_at == self->in_len) {
            int got = receive_packet(self);
            if (got < 0 && !done)
                return got;
            if (got <= 0)
                break;
        }
        size_t n = self->in_len - self->in_at;
        n = n < cap - done ? n : cap - done;
        memcpy(buf + done, self->in + self->in_at, n);
        self->in_at += n;
        done += n;
    }
    return (int)done;
}

// A waiting packet out. 1: there is none any more, 0: no room, negative: error.
static int flush(struct ferry_wire_packet *self)
{
    if (!self->out_len)
        return 1;
    int n = self->datagram->send(self->datagram->ctx, self->out, self->out_len);
    if (n > 0)
        self->out_len = 0;
    return n > 0 ? 1 : n;
}

static void end_frame(struct ferry_wire_packet *self)
{
    int len = ferry_cobs_end(&self->cobs);
    self->open = false;
    if (len > 0 && (size_t)len <= self->datagram->mtu)
        self->out_len = (size_t)len;
    else if (self->cobs.code)
        self->oversize++;
}

static int stream_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct ferry_wire_packet *self = ctx;
    size_t at = 0;
    while (at < len) {
        int ready = flush(self);
        if (ready <= 0)
            return at ? (int)at : ready;
        if (!self->open) {
            ferry_cobs_start(&self->cobs, self->out, sizeof self->out);
            self->open = true;
        }
        const uint8_t *zero = memchr(bytes + at, 0, len - at);
        size_t n = zero ? (size_t)(zero - bytes) - at : len - at;
        ferry_cobs_take(&self->cobs, bytes + at, n);
        at += n + (zero != NULL);
        if (zero && self->cobs.code)
            end_frame(self);
    }
    int ready = flush(self);
    return ready < 0 ? ready : (int)len;
}

static int stream_pending(void *ctx)
{
    struct ferry_wire_packet *self = ctx;
    return flush(self) == 1 ? 0 : (int)self->out_len;
}

struct ferry_stream ferry_wire_packet_stream(struct ferry_wire_packet *self)
{
    return (struct ferry_stream){self, stream_read, stream_write, NULL, stream_pending};
}
