// Messages of the link protocol (docs/protocol/link.md, "Messages"): requests of the updater, answers of the target,
// cut into frames small enough for the wire, and put together again.
#ifndef FERRY_CODEC_LINK_MESSAGE_H
#define FERRY_CODEC_LINK_MESSAGE_H

#include "ferry/base/manifest.h"
#include "ferry/codec/link_frame.h"

#define FERRY_LINK_VERSION 1
#define FERRY_LINK_MESSAGE_MAX 384u
#define FERRY_LINK_PIECE_HEADER 2u // tag u8, position u8
#define FERRY_LINK_PIECE_MAX 56u   // bytes of a message in one frame: small enough to pass a line with BER 1e-3
#define FERRY_LINK_ANSWER 0x80u    // set in the op of an answer
#define FERRY_LINK_HASH_COUNT 16u  // most hashes in one answer
#define FERRY_LINK_HASH_SIZE 8u    // bytes of each SHA-256 that are sent for a proof

enum ferry_link_op {
    FERRY_LINK_HELLO = 1,
    FERRY_LINK_BAUD = 2,  // rate u32, try_ms u16: try this rate, back by itself without KEEP
    FERRY_LINK_KEEP = 3,  // rate u32: stay at the tried rate
    FERRY_LINK_BEGIN = 4, // manifest -> have u32, withheld u16
    FERRY_LINK_RANGE = 5, // start u32, end u32: chunks of this range come next
    FERRY_LINK_PROVE = 6, // offset u32, unit u32, count u8 -> blank u16, count hashes of 8 bytes
    FERRY_LINK_END = 7,   // size u32 -> sha256 of what is in flash
    FERRY_LINK_ABORT = 8,
    FERRY_LINK_STATUS = 9, // -> struct ferry_link_status
    FERRY_LINK_REBOOT = 10,
    FERRY_LINK_CONFIRM = 11, // sha256 of the firmware that is meant
    FERRY_LINK_REVERT = 12,
    FERRY_LINK_TEST = 13, // flags u8, count u8, len u16 -> frames, bytes, damaged, overruns u32; count patterns
    FERRY_LINK_OP_END
};

// Second byte of a refusal: which field or rule it was. X(name, value, text)
#define FERRY_LINK_FAULT_LIST(X)                                                                                       \
    X(NONE, 0, "")                                                                                                     \
    X(PENDING, 1, "the target is at work; wait")                                                                       \
    X(SHORT, 2, "a field is missing or cut short")                                                                     \
    X(LONG, 3, "bytes follow behind the last field")                                                                   \
    X(OP, 4, "the target does not know this request")                                                                  \
    X(SESSION, 5, "the target knows no such session: it has reset, or another updater has taken over")                 \
    X(OTHER_UPDATER, 6, "another updater is at work on this target")                                                   \
    X(PROTOCOL_VERSION, 7, "the receiver speaks another version of the link protocol")                                 \
    X(NO_UPDATE, 8, "no update has been begun")                                                                        \
    X(KIND, 9, "the manifest's kind is unknown")                                                                       \
    X(SIZE, 10, "the manifest's size is 0, or differs from what was begun")                                            \
    X(HASH_MISSING, 11, "the manifest has no SHA-256")                                                                 \
    X(CHIP, 12, "the manifest is for another chip")                                                                    \
    X(CODEC, 13, "the receiver does not know the codec")                                                               \
    X(SIGNATURE, 14, "the receiver cannot check signatures")                                                           \
    X(OPTION, 15, "an option bit is unknown")                                                                          \
    X(NAME, 16, "a name is missing, too long, or not UTF-8 without control characters")                                \
    X(FIELD_TWICE, 17, "a field of the manifest came twice")                                                           \
    X(FIELD_UNKNOWN, 18, "a field that must be understood is unknown")                                                 \
    X(RANGE_ORDER, 19, "a range is empty, ends beyond the image or goes backwards")                                    \
    X(RANGE_ALIGN, 20, "a range does not start at a sector")                                                           \
    X(CHUNK_END, 22, "a chunk reaches beyond the image")                                                               \
    X(CHUNK_CREDIT, 23, "a chunk lies beyond the credit that was given")                                               \
    X(CHUNK_DIFFERS, 24, "different bytes came for the same offset")                                                   \
    X(CHUNK_NO_RANGE, 25, "a chunk came before a range was opened")                                                    \
    X(PROOF_RANGE, 26, "a proof is asked for bytes beyond the image, or for too many at once")                         \
    X(INCOMPLETE, 27, "the range before is not complete")                                                              \
    X(HASH_DIFFERS, 28, "the SHA-256 of what is in flash is not the manifest's")                                       \
    X(SINK, 29, "the target's own check or its flash says so")                                                         \
    X(BAUD_RANGE, 30, "this baud rate is not within the receiver's limits")                                            \
    X(OTHER_FIRMWARE, 31, "another firmware runs than the one to confirm")                                             \
    X(BUSY_UPDATE, 32, "an update is under way in this session")                                                       \
    X(TEST_RANGE, 33, "the line test asks for more than the receiver sends")                                           \
    X(ACK_UNSENT, 40, "the receiver acknowledges what was never sent")                                                 \
    X(ACK_BACKWARDS, 41, "the receiver takes back what it had acknowledged")                                           \
    X(ACK_CREDIT, 42, "the receiver gives more credit than its window holds")                                          \
    X(ANSWER_FORM, 43, "an answer has missing or impossible fields")                                                   \
    X(ANSWER_OTHER, 44, "an answer does not belong to the request")

enum ferry_link_fault {
#define X(name, value, text) FERRY_LINK_FAULT_##name = (value),
    FERRY_LINK_FAULT_LIST(X)
#undef X
};
// Static string; "an unknown reason" for a number that is none.
const char *ferry_link_fault_text(uint8_t fault);

// ---- Pieces: a message of up to FERRY_LINK_MESSAGE_MAX bytes in frames of type TO_TARGET or FROM_TARGET.
//
//   | tag u8 | position u8: bits 0-6 offset / 8, bit 7 last | up to 56 bytes, a multiple of 8 but in the last piece |

struct ferry_link_assembly {
    uint8_t tag;
    bool open;     // pieces of `tag` have come
    uint16_t len;  // of the whole message, 0 = the last piece has not come yet
    uint64_t have; // a bit per 8 bytes
    uint8_t bytes[FERRY_LINK_MESSAGE_MAX];
};
void ferry_link_assembly_reset(struct ferry_link_assembly *self);
// Takes the body of one such frame. 1: the message is whole (len, bytes); 0: more to come; FERRY_ERR_PROTOCOL: no such
// piece can be. A piece with another tag starts over.
int ferry_link_assembly_add(struct ferry_link_assembly *self, const uint8_t *body, size_t len);
// Largest message part for frames of at most mtu bytes (0 = no limit): a multiple of 8, 8..56.
size_t ferry_link_piece_size(size_t mtu);
// Writes the frame with the part of the message that starts at `at` (a multiple of the piece size; len > at). Returns
// the frame's bytes in buf, which has to hold FERRY_LINK_PIECE_WIRE; *at moves on.
#define FERRY_LINK_PIECE_WIRE                                                                                          \
    FERRY_LINK_WIRE_SIZE(FERRY_LINK_FRAME_MIN + FERRY_LINK_PIECE_HEADER + FERRY_LINK_PIECE_MAX)
size_t ferry_link_piece_write(uint8_t buf[FERRY_LINK_PIECE_WIRE], uint8_t type, uint16_t session, uint8_t tag,
                              const uint8_t *message, size_t len, size_t *at, size_t piece);

// ---- Fields: tag u8, length u8, value. Tags from 0x80 on must be understood by the receiver of the message.

// Limits of a receiver, part of the answer to hello.
struct ferry_link_limits {
    uint16_t max_chunk;   // bytes in one chunk, 7 .. 4096
    uint32_t window;      // bytes that it can hold ahead of what it has written
    uint32_t wire_buffer; // bytes more that its port holds while it is at work
    uint32_t codecs;      // bit 0 = plain
    uint32_t start_baud;  // 0 = the wire has no rate
    uint32_t max_baud;
};

#define FERRY_LINK_HELLO_SIZE 8u
struct ferry_link_hello {
    uint8_t version;  // FERRY_LINK_VERSION
    uint8_t flags;    // bit 0: take over from another updater
    uint16_t mtu;     // largest frame that the updater can take, 0 = no limit
    uint32_t updater; // who asks; the same after a restart
};
#define FERRY_LINK_HELLO_TAKE_OVER 1u

struct ferry_link_status {
    uint8_t state;                   // enum ferry_link_receiver_state
    uint32_t size;                   // of the update under way, 0 = none
    uint32_t received;               // all below this offset of the open range has arrived
    uint32_t written;                // ... and is in flash
    uint32_t bytes, frames, damaged; // counters of its reader
    uint32_t duplicates;             // chunks that it had already
    uint32_t overruns;               // frames damaged right after it had been erasing
};
#define FERRY_LINK_STATUS_SIZE 33u
#define FERRY_LINK_STATE_SELECTED 3u

// Each returns the bytes written to out (which holds FERRY_LINK_MESSAGE_MAX).
size_t ferry_link_put_hello(uint8_t *out, const struct ferry_link_hello *hello);
// Texts that are no UTF-8 go as far as they are; a name goes as it is, and is refused over there.
size_t ferry_link_put_info(uint8_t *out, const struct ferry_target_info *info, const struct ferry_link_limits *limits);
size_t ferry_link_put_manifest(uint8_t *out, const struct ferry_manifest *manifest);
size_t ferry_link_put_status(uint8_t *out, const struct ferry_link_status *status);
// Each returns enum ferry_link_fault (0 = good). *out is complete only then. The hello and the info are what follows
// op, status and fault.
uint8_t ferry_link_get_hello(const uint8_t *in, size_t len, struct ferry_link_hello *out);
uint8_t ferry_link_get_info(const uint8_t *in, size_t len, struct ferry_target_info *info,
                            struct ferry_link_limits *limits);
uint8_t ferry_link_get_manifest(const uint8_t *in, size_t len, struct ferry_manifest *out);
uint8_t ferry_link_get_status(const uint8_t *in, size_t len, struct ferry_link_status *out);

// ---- Acknowledgement: | highest u16 | received u32 | credit u16 | busy u8 | map, 0 .. 16 bytes |

struct ferry_link_ack {
    uint16_t highest;  // highest chunk number seen
    uint32_t received; // all below this offset is here
    uint16_t credit;   // bytes that may be sent from there on
    uint8_t busy;      // bits 0-6: for that many 10 ms it will not answer; bit 7: bytes were lost while it erased
    uint8_t map_len;   // bytes of map
    uint8_t map[16];   // bit i (from bit 0 of byte 0): chunk number highest - 1 - i has come
};
#define FERRY_LINK_ACK_FIXED 9u
#define FERRY_LINK_ACK_OVERRUN 0x80u
size_t ferry_link_put_ack(uint8_t *out, const struct ferry_link_ack *ack); // at most FERRY_LINK_ACK_FIXED + 16
// 0 or FERRY_LINK_FAULT_SHORT, FERRY_LINK_FAULT_LONG.
uint8_t ferry_link_get_ack(const uint8_t *in, size_t len, struct ferry_link_ack *out);

// ---- Patterns: | index u8 | flags u8 | bytes of ferry_link_pattern(index, i) |
uint8_t ferry_link_pattern(uint8_t index, uint32_t i);

// ---- Beacon: | version u8 | bytes u32 | frames u32 | damaged u32 | (13 bytes: fits an MTU of 20)
#define FERRY_LINK_BEACON_SIZE 13u

#endif
