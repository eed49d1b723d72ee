// SLIP framing as the ROM loaders use it (RFC 1055, with a C0 at both ends of a frame).
//
//      C0 | payload, C0 -> DB DC, DB -> DB DD | C0
//
// Both directions stream: any cut of the input gives the same result.
#ifndef FERRY_CODEC_SLIP_H
#define FERRY_CODEC_SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_SLIP_END 0xc0u
#define FERRY_SLIP_ESC 0xdbu
#define FERRY_SLIP_ESC_END 0xdcu
#define FERRY_SLIP_ESC_ESC 0xddu

// Encodes payload bytes in pieces. *in_len becomes what was consumed of in; returns what was written to out (cap bytes
// of room). A byte that needs an escape is only taken when both bytes fit, so a cap of 1 may give 0: offer 2 or more.
// The C0 at both ends is the caller's.
size_t ferry_slip_encode(const uint8_t *in, size_t *in_len, uint8_t *out, size_t cap);

// The decoder collects what lies between two C0 in the caller's buffer. Anything may stand there, also text: the caller
// judges. Empty frames are not reported. An invalid escape (DB x) gives x, as in the ROM.
struct ferry_slip_decoder {
    uint8_t *buf; // the caller's, for as long as the decoder is used
    size_t cap;
    size_t len; // bytes of the frame (complete after decode() has returned true)
    bool escaped;
    bool too_long; // the frame did not fit: it is not reported, its bytes are lost
    bool complete;
};

void ferry_slip_decoder_init(struct ferry_slip_decoder *self, uint8_t *buf, size_t cap);
// Takes bytes until a frame is complete or they are used up; *len becomes what was consumed. True: a frame of self->len
// bytes lies in self->buf until the next call.
bool ferry_slip_decode(struct ferry_slip_decoder *self, const uint8_t *bytes, size_t *len);

#endif
