#include "ferry/codec/cobs.h"
#include "ferry/base/status.h"
#include <string.h>

static void open_block(struct ferry_cobs_encoder *self)
{
    self->code_at = self->len;
    if (self->len < self->cap)
        self->len++;
    else
        self->full = true;
}

static void close_block(struct ferry_cobs_encoder *self)
{
    if (!self->full)
        self->out[self->code_at] = (uint8_t)(self->len - self->code_at);
}

void ferry_cobs_begin(struct ferry_cobs_encoder *self, uint8_t *out, size_t cap)
{
    memset(self, 0, sizeof *self);
    self->out = out;
    self->cap = cap;
    open_block(self);
}

// A full block of 254 is closed only when another byte follows, so that no code byte hangs behind the end.
static void put_one(struct ferry_cobs_encoder *self, uint8_t byte)
{
    if (!self->full && self->len - self->code_at == 255) {
        close_block(self);
        open_block(self);
    }
    if (byte == 0) {
        close_block(self);
        open_block(self);
    } else if (self->len < self->cap) {
        self->out[self->len++] = byte;
    } else {
        self->full = true;
    }
}

void ferry_cobs_put(struct ferry_cobs_encoder *self, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && !self->full; i++)
        put_one(self, bytes[i]);
}

size_t ferry_cobs_finish(struct ferry_cobs_encoder *self)
{
    close_block(self);
    return self->full ? 0 : self->len;
}

void ferry_cobs_start(struct ferry_cobs_decoder *self, uint8_t *out, size_t cap)
{
    memset(self, 0, sizeof *self);
    self->out = out;
    self->cap = cap;
}

static void store(struct ferry_cobs_decoder *self, const uint8_t *bytes, size_t len)
{
    if (len > self->cap - self->len) {
        self->error = FERRY_ERR_BUFFER;
        return;
    }
    if (len)
        memcpy(self->out + self->len, bytes, len);
    self->len += len;
}

static void take_code(struct ferry_cobs_decoder *self, uint8_t code)
{
    static const uint8_t zero = 0;
    if (self->code && self->code != 255)
        store(self, &zero, 1);
    if (code == 0 && !self->error)
        self->error = FERRY_ERR_PROTOCOL;
    self->code = code;
    self->left = (uint8_t)(code - 1);
}

static size_t run(const uint8_t *bytes, size_t len)
{
    const uint8_t *zero = memchr(bytes, 0, len);
    return zero ? (size_t)(zero - bytes) : len;
}

void ferry_cobs_take(struct ferry_cobs_decoder *self, const uint8_t *bytes, size_t len)
{
    while (len && !self->error) {
        if (!self->left) {
            take_code(self, *bytes++);
            len--;
            continue;
        }
        size_t want = len < self->left ? len : self->left, n = run(bytes, want);
        store(self, bytes, n);
        if (n < want && !self->error)
            self->error = FERRY_ERR_PROTOCOL;
        self->left = (uint8_t)(self->left - n);
        bytes += n;
        len -= n;
    }
}

int ferry_cobs_end(const struct ferry_cobs_decoder *self)
{
    if (self->error)
        return self->error;
    return self->code && !self->left ? (int)self->len : FERRY_ERR_PROTOCOL;
}
