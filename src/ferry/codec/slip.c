#include "ferry/codec/slip.h"

size_t ferry_slip_encode(const uint8_t *in, size_t *in_len, uint8_t *out, size_t cap)
{
    size_t taken = 0, made = 0;
    while (taken < *in_len) {
        uint8_t byte = in[taken];
        bool special = byte == FERRY_SLIP_END || byte == FERRY_SLIP_ESC;
        if (cap - made < (special ? 2u : 1u))
            break;
        if (special) {
            out[made++] = FERRY_SLIP_ESC;
            byte = byte == FERRY_SLIP_END ? FERRY_SLIP_ESC_END : FERRY_SLIP_ESC_ESC;
        }
        out[made++] = byte;
        taken++;
    }
    *in_len = taken;
    return made;
}

void ferry_slip_decoder_init(struct ferry_slip_decoder *self, uint8_t *buf, size_t cap)
{
    self->buf = buf;
    self->cap = cap;
    self->len = 0;
    self->escaped = self->too_long = self->complete = false;
}

static void keep(struct ferry_slip_decoder *self, uint8_t byte)
{
    if (self->escaped)
        byte = byte == FERRY_SLIP_ESC_END ? FERRY_SLIP_END : byte == FERRY_SLIP_ESC_ESC ? FERRY_SLIP_ESC : byte;
    self->escaped = false;
    if (self->len < self->cap)
        self->buf[self->len++] = byte;
    else
        self->too_long = true;
}

// True when this END closes a frame worth reporting.
static bool end(struct ferry_slip_decoder *self)
{
    bool good = self->len > 0 && !self->too_long;
    if (!good)
        self->len = 0;
    self->too_long = self->escaped = false;
    self->complete = good;
    return good;
}

bool ferry_slip_decode(struct ferry_slip_decoder *self, const uint8_t *bytes, size_t *len)
{
    if (self->complete) {
        self->complete = false;
        self->len = 0;
    }
    for (size_t i = 0; i < *len; i++) {
        if (bytes[i] == FERRY_SLIP_END) {
            if (end(self)) {
                *len = i + 1;
                return true;
            }
        } else if (bytes[i] == FERRY_SLIP_ESC && !self->escaped) {
            self->escaped = true;
        } else {
            keep(self, bytes[i]);
        }
    }
    return false;
}
