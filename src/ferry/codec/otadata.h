// otadata: which OTA slot the ESP-IDF bootloader starts. A partition of two sectors of 4 KB, each with one entry of 32
// bytes at its start; the entry with the greater sequence number that is in order wins.
//
//   0 ota_seq u32 | 4 label[20] | 24 ota_state u32 | 28 crc u32 = crc32_le(0xFFFFFFFF, ota_seq's 4 bytes)
//
// The rules below are those that ESP-IDF v5.1's bootloader was seen to follow (docs/protocol, tests/vectors).
#ifndef FERRY_CODEC_OTADATA_H
#define FERRY_CODEC_OTADATA_H

#include <stdbool.h>
#include <stdint.h>

#define FERRY_OTADATA_ENTRY_SIZE 32
#define FERRY_OTADATA_SECTOR_SIZE 0x1000u
#define FERRY_OTADATA_EMPTY_SEQ 0xFFFFFFFFu

enum ferry_otadata_state {
    FERRY_OTADATA_NEW = 0,
    FERRY_OTADATA_PENDING_VERIFY = 1,
    FERRY_OTADATA_VALID = 2,
    FERRY_OTADATA_INVALID = 3,
    FERRY_OTADATA_ABORTED = 4,
};
#define FERRY_OTADATA_UNDEFINED 0xFFFFFFFFu

struct ferry_otadata_entry {
    uint32_t seq;
    uint8_t label[20];
    uint32_t state; // enum ferry_otadata_state, or what is there
    uint32_t crc;
};

struct ferry_otadata_choice {
    // The slot is ota_N with N = slot; -1: factory (or, without factory, the OTA slots from ota_0 up).
    int8_t slot;
    int8_t entry; // 0, 1: the sector that decides; -1: none
    bool damaged; // entries are there, but none is in order (the bootloader says "ota data partition invalid")
};

void ferry_otadata_decode(struct ferry_otadata_entry *self, const uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE]);
void ferry_otadata_encode(const struct ferry_otadata_entry *self, uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE]);
// An entry for seq with this state: label FF, crc computed.
void ferry_otadata_make(struct ferry_otadata_entry *self, uint32_t seq, uint32_t state);
uint32_t ferry_otadata_crc(uint32_t seq);
// Counts for the choice: not empty, not INVALID or ABORTED, crc in order.
bool ferry_otadata_usable(const struct ferry_otadata_entry *self);
// Which slot is chosen, with `slots` OTA rows in the partition table. (What the bootloader rewrites before it chooses
// when rollback is enabled, PENDING_VERIFY to ABORTED, is not applied here.)
struct ferry_otadata_choice ferry_otadata_choose(const struct ferry_otadata_entry entries[2], uint8_t slots);
// Sequence number and sector that make `slot` the choice after `entries`: greater than any usable one, in the other
// sector, as esp_ota_set_boot_partition does. slot < slots.
uint32_t ferry_otadata_next(const struct ferry_otadata_entry entries[2], uint8_t slots, uint8_t slot, uint8_t *sector);
// "new", "pending verify", "valid", "invalid", "aborted", "undefined"; "unknown".
const char *ferry_otadata_state_name(uint32_t state);

#endif
