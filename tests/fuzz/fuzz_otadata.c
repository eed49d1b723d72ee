// Any two entries: a slot within the table is chosen, and the next sequence number makes its slot the choice.
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/otadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_otadata_entry entries[2];
    uint8_t back[FERRY_OTADATA_ENTRY_SIZE], sector;
    if (size < 2 * FERRY_OTADATA_ENTRY_SIZE + 2)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        ferry_otadata_decode(&entries[i], data + i * FERRY_OTADATA_ENTRY_SIZE);
        ferry_otadata_encode(&entries[i], back);
        if (memcmp(back, data + i * FERRY_OTADATA_ENTRY_SIZE, sizeof back) != 0)
            abort();
        if (data[2 * FERRY_OTADATA_ENTRY_SIZE] & (1 << i)) // the fuzzer rarely guesses a CRC
            entries[i].crc = ferry_otadata_crc(entries[i].seq);
    }
    uint8_t slots = (uint8_t)(1 + data[2 * FERRY_OTADATA_ENTRY_SIZE + 1] % 16);
    uint8_t slot = (uint8_t)(data[2 * FERRY_OTADATA_ENTRY_SIZE] >> 4) % slots;
    struct ferry_otadata_choice choice = ferry_otadata_choose(entries, slots);
    if (choice.slot >= slots || (choice.slot >= 0) != (choice.entry >= 0))
        abort();
    bool room = true; // for a greater sequence number, which must not be the mark of an empty entry either
    for (size_t i = 0; i < 2; i++)
        room &= !ferry_otadata_usable(&entries[i]) || entries[i].seq < 0xFFFFFFFFu - 20;
    uint32_t seq = ferry_otadata_next(entries, slots, slot, &sector);
    if (sector > 1 || (choice.entry >= 0 && sector == (uint8_t)choice.entry))
        abort();
    ferry_otadata_make(&entries[sector], seq, FERRY_OTADATA_NEW);
    if (room && ferry_otadata_choose(entries, slots).slot != slot)
        abort();
    return 0;
}
