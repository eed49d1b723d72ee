// The inflater of the mask ROMs as it behaves, good and bad streams alike: zlib format, a window of 32 KB that the
// caller owns and that wraps around, output handed out whenever the window is full. It is the public-domain tinfl of
// miniz 1.x in effect, not in code: distances are not checked against what was written, and behind the end of the last
// block of input it reads zero bits for ever.
#ifndef SIM_CHIP_INFLATE_H
#define SIM_CHIP_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_INFLATE_WINDOW 32768u

enum sim_inflate_status {
    SIM_INFLATE_BAD_CHECK = -2, // Adler-32 differs
    SIM_INFLATE_FAILED = -1,    // no deflate stream
    SIM_INFLATE_DONE = 0,
    SIM_INFLATE_NEEDS_INPUT = 1,
    SIM_INFLATE_HAS_OUTPUT = 2, // the window is full
};

struct sim_inflate_tree {
    uint16_t count[16];   // codes of each length
    uint16_t symbol[288]; // in canonical order
    uint16_t used;
};

struct sim_inflate {
    int state;
    enum sim_inflate_status end; // once it has ended: what every further call returns
    uint64_t bits;
    unsigned bit_count;
    bool last_block;
    uint32_t left, distance; // bytes to copy of a stored block or match, and from how far back
    unsigned hlit, hdist, hclen, index, symbol;
    uint8_t lengths[460];
    struct sim_inflate_tree literals, distances, codes;
    uint32_t check, wanted_check; // Adler-32
    // During a call.
    const uint8_t *in, *in_end;
    uint8_t *window;
    size_t at, at_end;
    bool more;
};

void sim_inflate_init(struct sim_inflate *self);

// Inflates from in[*in_len] to window[at..]; afterwards *in_len = bytes consumed, *out_len = bytes put at window + at.
// `last` = behind this input the stream ends.
enum sim_inflate_status sim_inflate_run(struct sim_inflate *self, const uint8_t *in, size_t *in_len, uint8_t *window,
                                        size_t at, size_t *out_len, bool last);

#endif
