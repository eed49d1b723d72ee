#include "tests/support/hostile.h"

#include <string.h>

#include "ferry/codec/rom.h"
#include "ferry/codec/slip.h"

#define BYTES_PER_MS 11u // of a peer that never stops, about 115200 baud

const char *hostile_name(enum hostile_kind kind)
{
    static const char *const names[HOSTILE_KINDS] = {
        "a clear wire",
        "silence",
        "random bytes",
        "echo",
        "SYNC for ever",
        "a frame for ever",
        "C0 for ever",
        "refuses all",
        "yes to all",
        "takes nothing",
        "hears nothing",
        "length field off",
        "answers too short",
        "answers too long",
        "another opcode",
        "MD5 of 31 characters",
        "MD5 of 33 characters",
        "MD5 of raw bytes",
        "MD5 of letters",
        "another MD5",
        "registers change",
        "writes nothing",
        "erases and writes nothing",
    };
    return names[kind];
}

static void queue(struct hostile *self, const uint8_t *bytes, size_t len)
{
    if (self->taken == self->queued)
        self->taken = self->queued = 0;
    if (len > sizeof self->queue - self->queued)
        len = sizeof self->queue - self->queued; // as much as a port holds
    memcpy(self->queue + self->queued, bytes, len);
    self->queued += len;
}

static void queue_frame(struct hostile *self, const uint8_t *frame, size_t len)
{
    static const uint8_t end = FERRY_SLIP_END;
    uint8_t coded[1024];
    size_t used = len;
    queue(self, &end, 1);
    queue(self, coded, ferry_slip_encode(frame, &used, coded, sizeof coded));
    queue(self, &end, 1);
}

static void answer_by_itself(struct hostile *self, uint8_t op, uint8_t status, uint8_t error)
{
    const uint8_t frame[] = {1, op, 4, 0, 7, 7, 18, 32, status, error, 0, 0};
    queue_frame(self, frame, sizeof frame);
}

// --- in the chip's place ---------------------------------------------------------------------------------------------

static void make_bytes(struct hostile *self)
{
    uint8_t bytes[4096];
    uint64_t now = world_now_us(self->world), ms = (now - self->last_us) / 1000;
    size_t len = ms * BYTES_PER_MS < sizeof bytes ? (size_t)ms * BYTES_PER_MS : sizeof bytes;
    if (len == 0)
        return;
    self->last_us = now;
    switch (self->kind) {
    case HOSTILE_RANDOM:
        world_random(bytes, len, ++self->random);
        queue(self, bytes, len);
        break;
    case HOSTILE_SYNCS:
        for (size_t i = 0; i < len / 14 + 1; i++)
            answer_by_itself(self, FERRY_ROM_OP_SYNC, 0, 0);
        break;
    case HOSTILE_OVERLONG:
        memset(bytes, 0x41, len);
        bytes[0] = self->random++ == 0 ? FERRY_SLIP_END : 0x41;
        queue(self, bytes, len);
        break;
    case HOSTILE_ENDS:
        memset(bytes, FERRY_SLIP_END, len);
        queue(self, bytes, len);
        break;
    default:
        break;
    }
}

static bool alone(enum hostile_kind kind)
{
    return kind > HOSTILE_NONE && kind < HOSTILE_DEAF_CHIP;
}

// --- requests --------------------------------------------------------------------------------------------------------

static bool thrown_away(const struct hostile *self, uint8_t op)
{
    bool data = op == FERRY_ROM_OP_FLASH_DATA || op == FERRY_ROM_OP_FLASH_DEFL_DATA;
    bool begin = op == FERRY_ROM_OP_FLASH_BEGIN || op == FERRY_ROM_OP_FLASH_DEFL_BEGIN;
    if (self->kind == HOSTILE_LIAR)
        return data;
    return self->kind == HOSTILE_LIAR_ERASES && (data || begin);
}

static void take_request(struct hostile *self)
{
    const struct ferry_slip_decoder *d = &self->from_host;
    if (d->len < 8 || self->request[0] != 0)
        return;
    uint8_t op = self->request[1];
    if (self->kind == HOSTILE_REFUSALS)
        answer_by_itself(self, op, 1, 5);
    else if (self->kind == HOSTILE_YES || thrown_away(self, op))
        answer_by_itself(self, op, 0, 0);
}

static bool passes(const struct hostile *self)
{
    const struct ferry_slip_decoder *d = &self->from_host;
    bool request = d->len >= 8 && self->request[0] == 0;
    return !request || !thrown_away(self, self->request[1]);
}

// Whole frames are let through, or not. What does not look like frames passes as it is.
static void filter_requests(struct hostile *self, const uint8_t *bytes, size_t len)
{
    static const uint8_t end = FERRY_SLIP_END;
    uint8_t coded[2 * sizeof self->request];
    while (len > 0) {
        size_t n = len;
        if (ferry_slip_decode(&self->from_host, bytes, &n)) {
            take_request(self);
            size_t used = self->from_host.len;
            if (passes(self)) {
                size_t made = ferry_slip_encode(self->request, &used, coded, sizeof coded);
                self->inner.write(self->inner.ctx, &end, 1);
                self->inner.write(self->inner.ctx, coded, made);
                self->inner.write(self->inner.ctx, &end, 1);
            }
        }
        bytes += n;
        len -= n;
    }
}

static int port_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct hostile *self = ctx;
    bool liar = self->kind == HOSTILE_LIAR || self->kind == HOSTILE_LIAR_ERASES;
    if (!self->awake)
        return self->inner.write(self->inner.ctx, bytes, len);
    if (self->kind == HOSTILE_BLOCKED)
        return 0;
    if (self->kind == HOSTILE_ECHO) {
        queue(self, bytes, len);
    } else if (alone(self->kind)) {
        for (size_t at = 0, n; at < len; at += n) {
            n = len - at;
            if (ferry_slip_decode(&self->from_host, bytes + at, &n))
                take_request(self);
        }
    } else if (liar) {
        filter_requests(self, bytes, len);
    } else if (self->kind != HOSTILE_DEAF_CHIP) {
        return self->inner.write(self->inner.ctx, bytes, len);
    }
    return (int)len;
}

// --- answers ---------------------------------------------------------------------------------------------------------

static void spoil_md5(struct hostile *self)
{
    uint8_t *frame = self->answer;
    size_t body = self->kind == HOSTILE_MD5_SHORT ? 31 : self->kind == HOSTILE_MD5_LONG ? 33 : 32;
    if (self->kind == HOSTILE_MD5_RAW)
        body = 16;
    if (self->kind == HOSTILE_MD5_LETTERS)
        memset(frame + 8, 'x', 32);
    if (self->kind == HOSTILE_MD5_WRONG)
        frame[8] = frame[8] == '0' ? '1' : '0';
    frame[2] = (uint8_t)(body + 4);
    memset(frame + 8 + body, 0, 4);
    self->from_chip.len = 8 + body + 4;
}

// Changes the answer that lies in self->answer.
static void spoil(struct hostile *self)
{
    uint8_t *frame = self->answer;
    struct ferry_slip_decoder *d = &self->from_chip;
    switch (self->kind) {
    case HOSTILE_LENGTH_FIELD:
        frame[2]++;
        break;
    case HOSTILE_SHORT:
        d->len -= 3;
        frame[2] = (uint8_t)(d->len - 8);
        break;
    case HOSTILE_LONG:
        memset(frame + d->len, 0, 200);
        d->len += 200;
        frame[2] = (uint8_t)(d->len - 8);
        break;
    case HOSTILE_OTHER_OP:
        frame[1] ^= 0x20;
        break;
    case HOSTILE_CHANGING:
        if (frame[1] == FERRY_ROM_OP_READ_REG || frame[1] == FERRY_ROM_OP_GET_SECURITY_INFO)
            world_random(frame + (frame[1] == FERRY_ROM_OP_READ_REG ? 4 : 8), 4, ++self->random);
        break;
    default:
        if (frame[1] == FERRY_ROM_OP_SPI_FLASH_MD5 && frame[2] == 36)
            spoil_md5(self);
    }
}

static void take_from_chip(struct hostile *self)
{
    uint8_t bytes[512];
    int got = self->inner.read(self->inner.ctx, bytes, sizeof bytes);
    bool changes = self->awake && self->kind >= HOSTILE_LENGTH_FIELD && self->kind < HOSTILE_LIAR;
    if (got > 0 && !changes) {
        queue(self, bytes, (size_t)got);
        return;
    }
    for (size_t at = 0, n; got > 0 && at < (size_t)got; at += n) {
        n = (size_t)got - at;
        if (!ferry_slip_decode(&self->from_chip, bytes + at, &n))
            continue;
        if (self->from_chip.len >= 12 && self->from_chip.len <= 100 && self->answer[0] == 1)
            spoil(self);
        queue_frame(self, self->answer, self->from_chip.len);
    }
}

static int port_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct hostile *self = ctx;
    if (self->awake && alone(self->kind))
        make_bytes(self);
    else
        take_from_chip(self);
    size_t left = self->queued - self->taken, n = left < cap ? left : cap;
    memcpy(buf, self->queue + self->taken, n);
    self->taken += n;
    return (int)n;
}

static int port_baud(void *ctx, uint32_t baud)
{
    struct hostile *self = ctx;
    return self->inner.set_baud(self->inner.ctx, baud);
}

static int port_pending(void *ctx)
{
    struct hostile *self = ctx;
    return self->inner.pending(self->inner.ctx);
}

// --- running ---------------------------------------------------------------------------------------------------------

void hostile_attach(struct hostile *self, struct world *world, enum hostile_kind kind, bool only_write)
{
    memset(self, 0, sizeof *self);
    self->kind = kind;
    self->only_write = only_write;
    self->world = world;
    self->inner = *world_pump(world)->stream;
    self->stream = (struct ferry_stream){self, port_read, port_write, port_baud, port_pending};
    ferry_slip_decoder_init(&self->from_host, self->request, sizeof self->request);
    ferry_slip_decoder_init(&self->from_chip, self->answer, sizeof self->answer);
    world_pump(world)->stream = &self->stream;
}

static struct world_result run(struct hostile *self, enum ferry_rom_op op, const struct world_part *parts, size_t count)
{
    uint64_t next;
    self->awake = !self->only_write || op != FERRY_ROM_CONNECT;
    world_begin(self->world, &(struct ferry_rom_job){.op = op}, parts, count);
    while (world_step(self->world, &next)) {
        uint64_t soon = world_now_us(self->world) + 1000;
        world_advance(self->world, next < soon ? next : soon);
    }
    return world_finish(self->world);
}

struct world_result hostile_flash(struct hostile *self, const struct world_part *parts, size_t count)
{
    struct world_result r = run(self, FERRY_ROM_CONNECT, NULL, 0);
    uint64_t us = r.us;
    if (r.status == 0 && !r.hung) {
        r = run(self, FERRY_ROM_WRITE, parts, count);
        us += r.us;
    }
    if (r.status == 0 && !r.hung) {
        struct world_result left = run(self, FERRY_ROM_LEAVE, NULL, 0);
        if (left.status < 0 || left.hung)
            r = left;
    }
    r.us = us;
    return r;
}
