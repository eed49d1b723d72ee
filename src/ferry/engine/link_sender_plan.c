// What of the image is on the target already: proved by the target's hashes of what is in flash against the source's.
//
// Blocks of 16 units first; a block that differs (and is not blank) is looked into unit by unit.
#include "ferry/engine/link_sender_parts.h"

static uint32_t unit_count(const struct ferry_link_sender *self)
{
    return (self->job.manifest.size - 1) / self->unit + 1;
}

static bool have(const struct ferry_link_sender *self, uint32_t unit)
{
    return self->have[unit / 8] >> (unit % 8) & 1;
}

static void mark(struct ferry_link_sender *self, uint32_t unit)
{
    self->have[unit / 8] |= (uint8_t)(1u << (unit % 8));
}

static uint32_t end_of(const struct ferry_link_sender *self, uint32_t offset, uint32_t len)
{
    uint32_t size = self->job.manifest.size;
    return size - offset < len ? size : offset + len;
}

void ferry_link_sender_plan_begin(struct ferry_link_sender *self)
{
    memset(self->have, 0, sizeof self->have);
    self->unit = 4096;
    while ((self->job.manifest.size - 1) / self->unit >= FERRY_LINK_SENDER_UNITS)
        self->unit *= 2;
    self->proof_next = 0;
    self->proof_deeper = 0;
    self->range_end = 0;
    self->skipped = 0;
    self->end_again = false;
}

static void ask_proof(struct ferry_link_sender *self, uint32_t offset, uint32_t unit)
{
    uint8_t out[9];
    uint32_t left = (self->job.manifest.size - offset - 1) / unit + 1;
    self->proof_offset = offset;
    self->proof_unit = unit;
    self->proof_count = (uint8_t)(left < FERRY_LINK_HASH_COUNT ? left : FERRY_LINK_HASH_COUNT);
    self->proof_units = unit == self->unit;
    ferry_store32le(out, offset);
    ferry_store32le(out + 4, unit);
    out[8] = self->proof_count;
    self->step = LINK_STEP_PROVE;
    ferry_link_sender_ask(self, FERRY_LINK_PROVE, out, sizeof out);
}

static uint8_t first_bit(uint16_t bits)
{
    uint8_t n = 0;
    while (!(bits >> n & 1))
        n++;
    return n;
}

void ferry_link_sender_plan_next(struct ferry_link_sender *self)
{
    uint32_t block = self->unit * FERRY_LINK_HASH_COUNT;
    if (self->proof_deeper) {
        uint8_t n = first_bit(self->proof_deeper);
        self->proof_deeper &= (uint16_t) ~(1u << n);
        ask_proof(self, self->batch_offset + n * block, self->unit);
        return;
    }
    uint32_t size = self->job.manifest.size, until = self->target_have < size ? self->target_have : size;
    if (self->proof_next < until) {
        self->batch_offset = self->proof_next;
        self->proof_next = end_of(self, self->proof_next, block * FERRY_LINK_HASH_COUNT);
        ask_proof(self, self->batch_offset, block);
        return;
    }
    ferry_link_sender_enter(self, LINK_STEP_RANGE);
}

static void digest_next(struct ferry_link_sender *self)
{
    while (self->proof_index < self->proof_count && self->proof_blank >> self->proof_index & 1)
        self->proof_index++;
    if (self->proof_index == self->proof_count) {
        ferry_link_sender_plan_next(self);
        return;
    }
    uint32_t at = self->proof_offset + self->proof_index * self->proof_unit;
    self->step = LINK_STEP_DIGEST;
    ferry_link_sender_want(self, FERRY_REQUEST_SHA256, at, end_of(self, at, self->proof_unit) - at);
}

void ferry_link_sender_plan_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    if (len != 2u + self->proof_count * FERRY_LINK_HASH_SIZE) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_FORM);
        return;
    }
    self->proof_blank = ferry_load16le(in);
    memcpy(self->proof_hash, in + 2, len - 2);
    self->proof_index = 0;
    digest_next(self);
}

void ferry_link_sender_plan_digest(struct ferry_link_sender *self)
{
    uint8_t i = self->proof_index++;
    uint32_t at = self->proof_offset + i * self->proof_unit, end = end_of(self, at, self->proof_unit);
    if (memcmp(self->taken, self->proof_hash[i], FERRY_LINK_HASH_SIZE) == 0) {
        self->skipped += end - at;
        for (uint32_t u = at / self->unit; u <= (end - 1) / self->unit; u++)
            mark(self, u);
    } else if (!self->proof_units) {
        self->proof_deeper |= (uint16_t)(1u << i);
    }
    digest_next(self);
}

bool ferry_link_sender_plan_range(struct ferry_link_sender *self)
{
    uint32_t size = self->job.manifest.size, count = unit_count(self), u = self->range_end / self->unit;
    while (u < count && have(self, u))
        u++;
    if (u == count || self->range_end == size)
        return false;
    uint32_t start = u * self->unit;
    self->range_start = start > self->range_end ? start : self->range_end;
    while (u < count && !have(self, u))
        u++;
    self->range_end = u == count ? size : u * self->unit;
    return true;
}

uint32_t ferry_link_sender_plan_have(const struct ferry_link_sender *self)
{
    uint32_t size = self->job.manifest.size, sent = 0;
    if (self->step == LINK_STEP_IDLE || self->step > LINK_STEP_DATA)
        return size;
    if (!self->unit || self->step < LINK_STEP_PROVE)
        return 0;
    uint32_t upto = self->step == LINK_STEP_DATA ? self->received : self->range_start;
    for (uint32_t u = 0; u < unit_count(self); u++) {
        uint32_t from = u * self->unit, to = end_of(self, from, self->unit);
        if (have(self, u))
            sent += to - from;
        else if (from < upto)
            sent += (to < upto ? to : upto) - from;
    }
    return sent;
}
