#include "ferry/codec/link_message.h"
#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include <string.h>

const char *ferry_link_fault_text(uint8_t fault)
{
    switch (fault) {
#define X(name, value, text)                                                                                           \
    case value:                                                                                                        \
        return text;
        FERRY_LINK_FAULT_LIST(X)
#undef X
    default:
        return "an unknown reason";
    }
}

void ferry_link_assembly_reset(struct ferry_link_assembly *self)
{
    self->open = false;
    self->len = 0;
    self->have = 0;
}

static uint64_t units(size_t from, size_t count)
{
    uint64_t bits = count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
    return bits << from;
}

int ferry_link_assembly_add(struct ferry_link_assembly *self, const uint8_t *body, size_t len)
{
    if (len <= FERRY_LINK_PIECE_HEADER)
        return FERRY_ERR_PROTOCOL;
    size_t at = (body[1] & 0x7fu) * 8u, n = len - FERRY_LINK_PIECE_HEADER;
    bool last = body[1] & 0x80;
    if (at + n > FERRY_LINK_MESSAGE_MAX || (!last && n % 8))
        return FERRY_ERR_PROTOCOL;
    if (!self->open || self->tag != body[0]) {
        ferry_link_assembly_reset(self);
        self->open = true;
        self->tag = body[0];
    }
    if (self->len && (at + n > self->len || (last && at + n != self->len)))
        return FERRY_ERR_PROTOCOL;
    memcpy(self->bytes + at, body + FERRY_LINK_PIECE_HEADER, n);
    self->have |= units(at / 8, (n + 7) / 8);
    if (last)
        self->len = (uint16_t)(at + n);
    uint64_t all = units(0, (self->len + 7u) / 8);
    return self->len && (self->have & all) == all;
}

size_t ferry_link_piece_size(size_t mtu)
{
    size_t most = FERRY_LINK_PIECE_MAX, fixed = FERRY_LINK_FRAME_MIN + FERRY_LINK_PIECE_HEADER;
    if (mtu && mtu < fixed + most)
        most = mtu > fixed + 8 ? (mtu - fixed) & ~(size_t)7 : 8;
    return most;
}

size_t ferry_link_piece_write(uint8_t buf[FERRY_LINK_PIECE_WIRE], uint8_t type, uint16_t session, uint8_t tag,
                              const uint8_t *message, size_t len, size_t *at, size_t piece)
{
    struct ferry_link_writer w;
    // The smallest packets (MTU 20 and more) hold 3 bytes more in a last piece: a hello then fits in one.
    size_t left = len - *at, n = left <= piece + (piece == 8 ? 3 : 0) ? left : piece;
    uint8_t head[FERRY_LINK_PIECE_HEADER] = {tag, (uint8_t)(*at / 8 | (n == left ? 0x80 : 0))};
    ferry_link_writer_begin(&w, buf, FERRY_LINK_PIECE_WIRE, true, type, session);
    ferry_link_writer_put(&w, head, sizeof head);
    ferry_link_writer_put(&w, message + *at, n);
    *at += n;
    return ferry_link_writer_end(&w);
}

size_t ferry_link_put_hello(uint8_t *out, const struct ferry_link_hello *hello)
{
    out[0] = hello->version;
    out[1] = hello->flags;
    ferry_store16le(out + 2, hello->mtu);
    ferry_store32le(out + 4, hello->updater);
    return FERRY_LINK_HELLO_SIZE;
}

// Only the version of a hello has a fixed place for ever; what follows is read when the version is known.
uint8_t ferry_link_get_hello(const uint8_t *in, size_t len, struct ferry_link_hello *out)
{
    if (len < 1)
        return FERRY_LINK_FAULT_SHORT;
    if (in[0] != FERRY_LINK_VERSION)
        return FERRY_LINK_FAULT_PROTOCOL_VERSION;
    if (len != FERRY_LINK_HELLO_SIZE)
        return len < FERRY_LINK_HELLO_SIZE ? FERRY_LINK_FAULT_SHORT : FERRY_LINK_FAULT_LONG;
    if (in[1] & ~FERRY_LINK_HELLO_TAKE_OVER)
        return FERRY_LINK_FAULT_OPTION;
    out->version = in[0];
    out->flags = in[1];
    out->mtu = ferry_load16le(in + 2);
    out->updater = ferry_load32le(in + 4);
    return FERRY_LINK_FAULT_NONE;
}

size_t ferry_link_put_status(uint8_t *out, const struct ferry_link_status *status)
{
    const uint32_t words[8] = {status->size,   status->received, status->written,    status->bytes,
                               status->frames, status->damaged,  status->duplicates, status->overruns};
    out[0] = status->state;
    for (size_t i = 0; i < 8; i++)
        ferry_store32le(out + 1 + 4 * i, words[i]);
    return FERRY_LINK_STATUS_SIZE;
}

uint8_t ferry_link_get_status(const uint8_t *in, size_t len, struct ferry_link_status *out)
{
    if (len != FERRY_LINK_STATUS_SIZE)
        return len < FERRY_LINK_STATUS_SIZE ? FERRY_LINK_FAULT_SHORT : FERRY_LINK_FAULT_LONG;
    uint32_t *words[8] = {&out->size,   &out->received, &out->written,    &out->bytes,
                          &out->frames, &out->damaged,  &out->duplicates, &out->overruns};
    out->state = in[0];
    for (size_t i = 0; i < 8; i++)
        *words[i] = ferry_load32le(in + 1 + 4 * i);
    return FERRY_LINK_FAULT_NONE;
}

size_t ferry_link_put_ack(uint8_t *out, const struct ferry_link_ack *ack)
{
    ferry_store16le(out, ack->highest);
    ferry_store32le(out + 2, ack->received);
    ferry_store16le(out + 6, ack->credit);
    out[8] = ack->busy;
    memcpy(out + FERRY_LINK_ACK_FIXED, ack->map, ack->map_len);
    return FERRY_LINK_ACK_FIXED + ack->map_len;
}

uint8_t ferry_link_get_ack(const uint8_t *in, size_t len, struct ferry_link_ack *out)
{
    memset(out, 0, sizeof *out);
    if (len < FERRY_LINK_ACK_FIXED)
        return FERRY_LINK_FAULT_SHORT;
    if (len > FERRY_LINK_ACK_FIXED + sizeof out->map)
        return FERRY_LINK_FAULT_LONG;
    out->highest = ferry_load16le(in);
    out->received = ferry_load32le(in + 2);
    out->credit = ferry_load16le(in + 6);
    out->busy = in[8];
    out->map_len = (uint8_t)(len - FERRY_LINK_ACK_FIXED);
    memcpy(out->map, in + FERRY_LINK_ACK_FIXED, out->map_len);
    return FERRY_LINK_FAULT_NONE;
}

// What a bad line gets wrong first: long runs of one level, fast changes, and everything in between.
uint8_t ferry_link_pattern(uint8_t index, uint32_t i)
{
    static const uint8_t fixed[4] = {0x55, 0xff, 0x00, 0xaa};
    if (index % 2 == 0)
        return fixed[index / 2 % 4];
    uint32_t x = (i + 1) * 0x9e3779b1u + index * 0x85ebca6bu;
    return (uint8_t)(x >> 24 ^ x >> 11);
}
