#include "ferry/codec/otadata.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/codec/crc32.h"

void ferry_otadata_decode(struct ferry_otadata_entry *self, const uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE])
{
    self->seq = ferry_load32le(bytes);
    memcpy(self->label, bytes + 4, sizeof self->label);
    self->state = ferry_load32le(bytes + 24);
    self->crc = ferry_load32le(bytes + 28);
}

void ferry_otadata_encode(const struct ferry_otadata_entry *self, uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE])
{
    ferry_store32le(bytes, self->seq);
    memcpy(bytes + 4, self->label, sizeof self->label);
    ferry_store32le(bytes + 24, self->state);
    ferry_store32le(bytes + 28, self->crc);
}

void ferry_otadata_make(struct ferry_otadata_entry *self, uint32_t seq, uint32_t state)
{
    self->seq = seq;
    memset(self->label, 0xFF, sizeof self->label);
    self->state = state;
    self->crc = ferry_otadata_crc(seq);
}

uint32_t ferry_otadata_crc(uint32_t seq)
{
    uint8_t bytes[4];
    ferry_store32le(bytes, seq);
    return ferry_crc32_le(0xFFFFFFFFu, bytes, sizeof bytes);
}

static bool empty_or_refused(const struct ferry_otadata_entry *entry)
{
    return entry->seq == FERRY_OTADATA_EMPTY_SEQ || entry->state == FERRY_OTADATA_INVALID ||
           entry->state == FERRY_OTADATA_ABORTED;
}

bool ferry_otadata_usable(const struct ferry_otadata_entry *self)
{
    return !empty_or_refused(self) && self->crc == ferry_otadata_crc(self->seq);
}

// The sector that decides: the greater sequence number, unsigned; a tie goes to sector 0; -1 = none usable.
static int8_t winner(const struct ferry_otadata_entry entries[2])
{
    bool first = ferry_otadata_usable(&entries[0]);
    bool second = ferry_otadata_usable(&entries[1]);
    if (first && second)
        return entries[1].seq > entries[0].seq ? 1 : 0;
    return first ? 0 : second ? 1 : -1;
}

struct ferry_otadata_choice ferry_otadata_choose(const struct ferry_otadata_entry entries[2], uint8_t slots)
{
    struct ferry_otadata_choice choice = {.slot = -1, .entry = -1, .damaged = false};
    if (slots == 0 || (empty_or_refused(&entries[0]) && empty_or_refused(&entries[1])))
        return choice;
    choice.entry = winner(entries);
    if (choice.entry < 0)
        choice.damaged = true;
    else
        choice.slot = (int8_t)((entries[choice.entry].seq - 1) % slots);
    return choice;
}

uint32_t ferry_otadata_next(const struct ferry_otadata_entry entries[2], uint8_t slots, uint8_t slot, uint8_t *sector)
{
    int8_t now = winner(entries);
    *sector = now == 0 ? 1 : 0;
    if (now < 0 || slots == 0)
        return slot + 1u;
    uint32_t seq = entries[now].seq;
    uint32_t step = (slot + (uint32_t)slots - (seq % slots)) % slots; // (seq + 1 + step - 1) mod slots == slot
    return seq + 1 + step;
}

const char *ferry_otadata_state_name(uint32_t state)
{
    static const char *const names[] = {"new", "pending verify", "valid", "invalid", "aborted"};
    return state < 5 ? names[state] : state == FERRY_OTADATA_UNDEFINED ? "undefined" : "unknown";
}
