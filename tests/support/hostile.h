// Peers that no chip should be: they stand between the flasher and the virtual chip and change what the chip says, or
// take its place on the wire. In virtual time.
#ifndef TESTS_SUPPORT_HOSTILE_H
#define TESTS_SUPPORT_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/world.h"

enum hostile_kind {
    HOSTILE_NONE, // a clear wire
    // In the chip's place.
    HOSTILE_SILENCE,   // TX and RX swapped, no power, no wire
    HOSTILE_RANDOM,    // random bytes without end
    HOSTILE_ECHO,      // what is sent comes back: TX and RX joined
    HOSTILE_SYNCS,     // answers to SYNC without end
    HOSTILE_OVERLONG,  // a frame that never ends
    HOSTILE_ENDS,      // C0 without end
    HOSTILE_REFUSALS,  // refuses every command
    HOSTILE_YES,       // 00 to every command, and nothing else
    HOSTILE_BLOCKED,   // the port takes no byte: flow control, a bridge that hangs
    HOSTILE_DEAF_CHIP, // the chip talks, and hears nothing
    // The chip, changed on the way.
    HOSTILE_LENGTH_FIELD, // the length field of every answer is one too many
    HOSTILE_SHORT,        // every answer ends 3 bytes early, its length field is right
    HOSTILE_LONG,         // every answer has 200 bytes more, its length field is right
    HOSTILE_OTHER_OP,     // every answer carries another opcode
    HOSTILE_MD5_SHORT,    // 31 of 32 characters
    HOSTILE_MD5_LONG,     // 33 characters
    HOSTILE_MD5_RAW,      // 16 bytes, as a stub's
    HOSTILE_MD5_LETTERS,  // 32 characters, none a digit
    HOSTILE_MD5_WRONG,    // a digest, but not this one
    HOSTILE_CHANGING,     // every register read gives another value
    HOSTILE_LIAR,         // data blocks are answered with 00 and thrown away
    HOSTILE_LIAR_ERASES,  // ... and what erases is answered with 00 and thrown away, too
    HOSTILE_KINDS,
};

struct hostile {
    enum hostile_kind kind;
    bool only_write; // behaves until CONNECT has ended
    bool awake;
    struct world *world;
    struct ferry_stream stream, inner;
    struct ferry_slip_decoder from_host, from_chip;
    uint8_t request[8192 + 64], answer[512];
    uint8_t queue[1 << 16]; // what the flasher will read
    size_t queued, taken;
    uint64_t last_us; // made bytes until then
    uint32_t random;
};

const char *hostile_name(enum hostile_kind kind);
// Puts itself on the world's wire. self must live as long as the world.
void hostile_attach(struct hostile *self, struct world *world, enum hostile_kind kind, bool only_write);
// Connect, write, leave, as world_flash, with a look at the wire every millisecond.
struct world_result hostile_flash(struct hostile *self, const struct world_part *parts, size_t count);

#endif
