// Frames of the link protocol (docs/protocol/link.md, "Frames").
//
//   +------+-----------+------ - - - ------+--------------+
//   | type | session   | body              | CRC-32C      |   all numbers little-endian;
//   | u8   | u16       | 0 .. 4102 bytes   | u32          |   the CRC covers type, session and body
//   +------+-----------+------ - - - ------+--------------+
//
// On byte wires a frame is COBS-stuffed and followed by one 0; a 0 in front ends whatever the line carried before. On
// packet wires one frame is one packet, as it is.
#ifndef FERRY_CODEC_LINK_FRAME_H
#define FERRY_CODEC_LINK_FRAME_H

#include "ferry/codec/cobs.h"

enum ferry_link_type {
    FERRY_LINK_TO_TARGET = 1,   // a piece of a request message
    FERRY_LINK_FROM_TARGET = 2, // a piece of an answer
    FERRY_LINK_CHUNK = 3,       // data
    FERRY_LINK_ACK = 4,         // what arrived, and how much more may be sent
    FERRY_LINK_PATTERN = 5,     // known bytes, to try the line
    FERRY_LINK_BEACON = 6,      // "a receiver is here", with what it has heard so far
};

#define FERRY_LINK_HEADER 3u
#define FERRY_LINK_CRC 4u
#define FERRY_LINK_FRAME_MIN (FERRY_LINK_HEADER + FERRY_LINK_CRC)
#define FERRY_LINK_CHUNK_HEADER 6u // seq u16, offset u32
#define FERRY_LINK_CHUNK_OVERHEAD                                                                                      \
    (FERRY_LINK_FRAME_MIN + FERRY_LINK_CHUNK_HEADER) // 13: a chunk frame without its bytes
#define FERRY_LINK_CHUNK_MAX 4096u
#define FERRY_LINK_MTU_MIN 20u
// Bytes that a frame of `len` bytes (header and CRC included) takes on a byte wire: stuffed, with both zeros.
#define FERRY_LINK_WIRE_SIZE(len) (FERRY_COBS_SIZE(len) + 2)
// Bytes for one chunk frame of that many data bytes: plain (reader) and on the wire (writer).
#define FERRY_LINK_PLAIN_BUFFER(chunk) ((chunk) + FERRY_LINK_CHUNK_OVERHEAD)
#define FERRY_LINK_WIRE_BUFFER(chunk) FERRY_LINK_WIRE_SIZE(FERRY_LINK_PLAIN_BUFFER(chunk))

// Writes one frame, piece by piece, in its byte wire form.
struct ferry_link_writer {
    struct ferry_cobs_encoder cobs;
    uint8_t *buf;
    size_t cap;
    uint32_t crc;
    bool lead; // a 0 goes in front
};
void ferry_link_writer_begin(struct ferry_link_writer *self, uint8_t *buf, size_t cap, bool lead, uint8_t type,
                             uint16_t session);
void ferry_link_writer_put(struct ferry_link_writer *self, const uint8_t *bytes, size_t len);
// Adds the CRC and the delimiter; bytes in buf, or 0 when they did not fit.
size_t ferry_link_writer_end(struct ferry_link_writer *self);

// A whole frame, plain: its view into the buffer that it was decoded to.
struct ferry_link_frame {
    uint8_t type;
    uint16_t session;
    const uint8_t *body;
    size_t body_len;
};
// Checks length and CRC of one plain frame. 0, or FERRY_ERR_PROTOCOL (shorter than a frame can be, or CRC wrong).
int ferry_link_frame_parse(struct ferry_link_frame *out, const uint8_t *bytes, size_t len);

// Finds frames in a byte stream that also carries other things.
struct ferry_link_reader {
    struct ferry_cobs_decoder cobs;
    uint8_t *buf;
    size_t cap;
    uint32_t run; // bytes since the last delimiter
    bool text;    // all of them printable: log output of a program, not a damaged frame
    // Counters of what arrived; they wrap.
    uint32_t bytes;   // all
    uint32_t frames;  // good ones
    uint32_t damaged; // runs that looked like a frame and were none
    uint32_t stray;   // bytes that belonged to no frame
};
void ferry_link_reader_init(struct ferry_link_reader *self, uint8_t *buf, size_t cap);
// Takes bytes up to the end of the first whole frame: *consumed tells how many. True: *out is that frame, valid until
// the next call. False: all were taken, no whole frame yet.
bool ferry_link_reader_push(struct ferry_link_reader *self, const uint8_t *bytes, size_t len, size_t *consumed,
                            struct ferry_link_frame *out);

#endif
