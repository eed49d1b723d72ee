// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): bytes without any 0, so that 0 can stand between
// frames. At most one byte more for every 254, and one.
//
//   code byte n (1..255), then n - 1 bytes that are not 0; a 0 follows in the plain text unless n is 255 or it is the
//   end
#ifndef FERRY_CODEC_COBS_H
#define FERRY_CODEC_COBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_COBS_SIZE(len) ((len) + (len) / 254 + 1) // of len bytes, stuffed, without delimiter

// Piecewise encoder into the caller's buffer, which has to hold FERRY_COBS_SIZE of everything.
struct ferry_cobs_encoder {
    uint8_t *out;
    size_t cap;
    size_t len;     // bytes in out; valid after finish
    size_t code_at; // where the open code byte lies
    bool full;      // it did not fit; sticky
};
void ferry_cobs_begin(struct ferry_cobs_encoder *self, uint8_t *out, size_t cap);
void ferry_cobs_put(struct ferry_cobs_encoder *self, const uint8_t *bytes, size_t len);
// Length of the stuffed bytes (no delimiter), 0 when they did not fit.
size_t ferry_cobs_finish(struct ferry_cobs_encoder *self);

// Piecewise decoder of one frame into the caller's buffer. Feed it everything but the delimiter.
struct ferry_cobs_decoder {
    uint8_t *out;
    size_t cap;
    size_t len;
    uint8_t left; // bytes to come before the next code byte
    uint8_t code; // the last code byte, 0 = none yet
    int error;    // 0, FERRY_ERR_PROTOCOL (a 0 inside), FERRY_ERR_BUFFER (longer than out); sticky
};
void ferry_cobs_start(struct ferry_cobs_decoder *self, uint8_t *out, size_t cap);
void ferry_cobs_take(struct ferry_cobs_decoder *self, const uint8_t *bytes, size_t len);
// Plain length; FERRY_ERR_PROTOCOL when it is no whole COBS frame (nothing at all, cut short, a 0 inside),
// FERRY_ERR_BUFFER when it is longer than out.
int ferry_cobs_end(const struct ferry_cobs_decoder *self);

#endif
