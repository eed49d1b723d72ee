#include "sim/chip/inflate.h"

#include <string.h>
#include <zlib.h>

// What the machine is about to do.
enum state {
    ZLIB_HEADER,
    BLOCK_HEADER,  // last-block bit and type
    STORED_HEADER, // length and its complement
    STORED,        // bytes of a stored block
    TABLE_SIZES,   // of a dynamic block
    CODE_LENGTHS,  // of the code that codes the lengths
    LENGTHS,       // of the two codes
    LENGTH_RUN,    // repeats one of them
    SYMBOL,        // literal or length
    LITERAL,       // literal waits for room
    EXTRA_LENGTH,
    DISTANCE,
    EXTRA_DISTANCE,
    MATCH, // bytes of a match
    CHECK, // Adler-32
    ENDED,
};

static const uint16_t LENGTH_BASE[32] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_EXTRA[32] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2,
                                         2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5};
static const uint16_t DISTANCE_BASE[32] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                           33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                           1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t DISTANCE_EXTRA[32] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                           6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
static const uint8_t LENGTH_ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

void sim_inflate_init(struct sim_inflate *self)
{
    memset(self, 0, sizeof *self);
    self->check = 1;
}

static bool get_byte(struct sim_inflate *self)
{
    uint64_t byte = 0; // behind the end of the stream
    if (self->in < self->in_end) {
        byte = *self->in++;
    } else if (self->more) {
        return false;
    }
    self->bits |= byte << self->bit_count;
    self->bit_count += 8;
    return true;
}

static bool need(struct sim_inflate *self, unsigned count)
{
    while (self->bit_count < count) {
        if (!get_byte(self)) {
            return false;
        }
    }
    return true;
}

static uint32_t take(struct sim_inflate *self, unsigned count)
{
    uint32_t value = (uint32_t)(self->bits & ((1ull << count) - 1));
    self->bits >>= count;
    self->bit_count -= count;
    return value;
}

static enum sim_inflate_status end(struct sim_inflate *self, enum sim_inflate_status status)
{
    self->state = ENDED;
    self->end = status;
    return status;
}

// false: over-subscribed or incomplete (a code of one symbol may be incomplete).
static bool build(struct sim_inflate_tree *tree, const uint8_t *lengths, unsigned count)
{
    uint16_t next[17] = {0};
    uint32_t total = 0, used = 0;
    memset(tree, 0, sizeof *tree);
    for (unsigned i = 0; i < count; i++) {
        tree->count[lengths[i]]++;
    }
    tree->count[0] = 0;
    for (unsigned len = 1; len <= 15; len++) {
        used += tree->count[len];
        total = (total + tree->count[len]) << 1;
        next[len + 1] = (uint16_t)(next[len] + tree->count[len]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (lengths[i]) {
            tree->symbol[next[lengths[i]]++] = (uint16_t)i;
        }
    }
    return total == 65536 || used <= 1;
}

// A code that is not in the tree reads as symbol 0 and takes no bits.
static bool decode(struct sim_inflate *self, const struct sim_inflate_tree *tree)
{
    uint32_t code = 0, first = 0, index = 0;
    for (unsigned len = 1; len <= 15; len++) {
        if (!need(self, len)) {
            return false;
        }
        code = code << 1 | (uint32_t)(self->bits >> (len - 1) & 1);
        uint32_t count = tree->count[len];
        if (code - first < count) {
            self->symbol = tree->symbol[index + code - first];
            (void)take(self, len);
            return true;
        }
        index += count;
        first = (first + count) << 1;
    }
    self->symbol = 0;
    return true;
}

static enum sim_inflate_status zlib_header(struct sim_inflate *self)
{
    if (!need(self, 16)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    uint32_t cmf = take(self, 8), flg = take(self, 8);
    if ((cmf * 256 + flg) % 31 || flg & 32 || (cmf & 15) != 8 || cmf >> 4 > 7) {
        return end(self, SIM_INFLATE_FAILED);
    }
    self->state = BLOCK_HEADER;
    return SIM_INFLATE_DONE;
}

static void fixed_trees(struct sim_inflate *self)
{
    memset(self->lengths, 8, 144);
    memset(self->lengths + 144, 9, 112);
    memset(self->lengths + 256, 7, 24);
    memset(self->lengths + 280, 8, 8);
    (void)build(&self->literals, self->lengths, 288);
    memset(self->lengths, 5, 32);
    (void)build(&self->distances, self->lengths, 32);
}

static enum sim_inflate_status block_header(struct sim_inflate *self)
{
    if (!need(self, 3)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    self->last_block = take(self, 1);
    switch (take(self, 2)) {
    case 0:
        (void)take(self, self->bit_count & 7);
        self->state = STORED_HEADER;
        break;
    case 1:
        fixed_trees(self);
        self->state = SYMBOL;
        break;
    case 2:
        self->state = TABLE_SIZES;
        break;
    default:
        return end(self, SIM_INFLATE_FAILED);
    }
    return SIM_INFLATE_DONE;
}

static void end_block(struct sim_inflate *self)
{
    self->state = self->last_block ? CHECK : BLOCK_HEADER;
    if (self->last_block) {
        (void)take(self, self->bit_count & 7);
    }
}

static enum sim_inflate_status stored_header(struct sim_inflate *self)
{
    if (!need(self, 32)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    uint32_t len = take(self, 16);
    if (len != (take(self, 16) ^ 0xffffu)) {
        return end(self, SIM_INFLATE_FAILED);
    }
    self->left = len;
    self->state = STORED;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status stored(struct sim_inflate *self)
{
    while (self->left) {
        if (self->at >= self->at_end) {
            return SIM_INFLATE_HAS_OUTPUT;
        }
        if (!self->bit_count && self->in >= self->in_end) {
            return self->more ? SIM_INFLATE_NEEDS_INPUT : end(self, SIM_INFLATE_FAILED);
        }
        (void)need(self, 8);
        self->window[self->at++] = (uint8_t)take(self, 8);
        self->left--;
    }
    end_block(self);
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status table_sizes(struct sim_inflate *self)
{
    if (!need(self, 14)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    self->hlit = take(self, 5) + 257;
    self->hdist = take(self, 5) + 1;
    self->hclen = take(self, 4) + 4;
    self->index = 0;
    memset(self->lengths, 0, sizeof self->lengths);
    self->state = CODE_LENGTHS;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status code_lengths(struct sim_inflate *self)
{
    while (self->index < self->hclen) {
        if (!need(self, 3)) {
            return SIM_INFLATE_NEEDS_INPUT;
        }
        self->lengths[LENGTH_ORDER[self->index++]] = (uint8_t)take(self, 3);
    }
    if (!build(&self->codes, self->lengths, 19)) {
        return end(self, SIM_INFLATE_FAILED);
    }
    memset(self->lengths, 0, sizeof self->lengths);
    self->index = 0;
    self->state = LENGTHS;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status build_both(struct sim_inflate *self)
{
    if (self->index != self->hlit + self->hdist || !build(&self->distances, self->lengths + self->hlit, self->hdist) ||
        !build(&self->literals, self->lengths, self->hlit)) {
        return end(self, SIM_INFLATE_FAILED);
    }
    self->state = SYMBOL;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status lengths(struct sim_inflate *self)
{
    while (self->index < self->hlit + self->hdist) {
        if (!decode(self, &self->codes)) {
            return SIM_INFLATE_NEEDS_INPUT;
        }
        if (self->symbol >= 16) {
            self->state = LENGTH_RUN;
            return self->symbol == 16 && !self->index ? end(self, SIM_INFLATE_FAILED) : SIM_INFLATE_DONE;
        }
        self->lengths[self->index++] = (uint8_t)self->symbol;
    }
    return build_both(self);
}

static enum sim_inflate_status length_run(struct sim_inflate *self)
{
    static const uint8_t EXTRA[3] = {2, 3, 7}, BASE[3] = {3, 3, 11};
    unsigned kind = self->symbol - 16;
    if (!need(self, EXTRA[kind])) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    unsigned run = BASE[kind] + take(self, EXTRA[kind]);
    memset(self->lengths + self->index, kind ? 0 : self->lengths[self->index - 1], run);
    self->index += run;
    self->state = LENGTHS;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status symbol(struct sim_inflate *self)
{
    if (!decode(self, &self->literals)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    if (self->symbol < 256) {
        self->state = LITERAL;
    } else if (self->symbol == 256) {
        end_block(self);
    } else {
        self->index = self->symbol - 257;
        self->state = EXTRA_LENGTH;
    }
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status literal(struct sim_inflate *self)
{
    if (self->at >= self->at_end) {
        return SIM_INFLATE_HAS_OUTPUT;
    }
    self->window[self->at++] = (uint8_t)self->symbol;
    self->state = SYMBOL;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status extra_length(struct sim_inflate *self)
{
    if (!need(self, LENGTH_EXTRA[self->index])) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    self->left = LENGTH_BASE[self->index] + take(self, LENGTH_EXTRA[self->index]);
    self->state = DISTANCE;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status distance(struct sim_inflate *self)
{
    if (!decode(self, &self->distances)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    self->index = self->symbol & 31;
    self->state = EXTRA_DISTANCE;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status extra_distance(struct sim_inflate *self)
{
    if (!need(self, DISTANCE_EXTRA[self->index])) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    self->distance = DISTANCE_BASE[self->index] + take(self, DISTANCE_EXTRA[self->index]);
    self->state = MATCH;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status match(struct sim_inflate *self)
{
    while (self->left) {
        if (self->at >= self->at_end) {
            return SIM_INFLATE_HAS_OUTPUT;
        }
        self->window[self->at] = self->window[(self->at - self->distance) & (SIM_INFLATE_WINDOW - 1)];
        self->at++;
        self->left--;
    }
    self->state = SYMBOL;
    return SIM_INFLATE_DONE;
}

static enum sim_inflate_status check(struct sim_inflate *self)
{
    if (!need(self, 32)) {
        return SIM_INFLATE_NEEDS_INPUT;
    }
    for (int i = 0; i < 4; i++) {
        self->wanted_check = self->wanted_check << 8 | take(self, 8);
    }
    return end(self, SIM_INFLATE_DONE);
}

static enum sim_inflate_status step(struct sim_inflate *self)
{
    switch ((enum state)self->state) {
    case ZLIB_HEADER:
        return zlib_header(self);
    case BLOCK_HEADER:
        return block_header(self);
    case STORED_HEADER:
        return stored_header(self);
    case STORED:
        return stored(self);
    case TABLE_SIZES:
        return table_sizes(self);
    case CODE_LENGTHS:
        return code_lengths(self);
    case LENGTHS:
        return lengths(self);
    case LENGTH_RUN:
        return length_run(self);
    case SYMBOL:
        return symbol(self);
    case LITERAL:
        return literal(self);
    case EXTRA_LENGTH:
        return extra_length(self);
    case DISTANCE:
        return distance(self);
    case EXTRA_DISTANCE:
        return extra_distance(self);
    case MATCH:
        return match(self);
    case CHECK:
        return check(self);
    case ENDED:
        break;
    }
    return self->end;
}

enum sim_inflate_status sim_inflate_run(struct sim_inflate *self, const uint8_t *in, size_t *in_len, uint8_t *window,
                                        size_t at, size_t *out_len, bool last)
{
    enum sim_inflate_status status = SIM_INFLATE_DONE;
    self->in = in;
    self->in_end = in + *in_len;
    self->window = window;
    self->at = at;
    self->at_end = SIM_INFLATE_WINDOW;
    self->more = !last;
    while (self->state != ENDED && status == SIM_INFLATE_DONE) {
        status = step(self);
    }
    status = self->state == ENDED ? self->end : status;
    *in_len = (size_t)(self->in - in);
    *out_len = self->at - at;
    if (status >= 0) {
        self->check = (uint32_t)adler32(self->check, window + at, (uInt)*out_len);
    }
    if (status == SIM_INFLATE_DONE && self->check != self->wanted_check) {
        return SIM_INFLATE_BAD_CHECK;
    }
    return status;
}
