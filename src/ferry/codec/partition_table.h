// ESP-IDF's partition table, at 0x8000 of the flash unless the project moved it: rows of 32 bytes, an MD5 row, erased
// flash. Format: ESP-IDF, gen_esp32part.py and esp_flash_partitions.h.
//
//   row      AA 50 | type | subtype | address u32 | size u32 | label[16] | flags u32 (bit 0 encrypted, bit 1 read-only)
//   MD5 row  EB EB | FF x 14 | MD5 of all rows before it
//   end      FF x 32
#ifndef FERRY_CODEC_PARTITION_TABLE_H
#define FERRY_CODEC_PARTITION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_PARTITION_TABLE_ADDRESS 0x8000u
#define FERRY_PARTITION_TABLE_SIZE 0xC00u
#define FERRY_PARTITION_TABLE_MAX_ROWS 95
#define FERRY_PARTITION_TABLE_ROW_SIZE 32

enum ferry_partition_table_type {
    FERRY_PARTITION_TABLE_APP = 0,
    FERRY_PARTITION_TABLE_DATA = 1,
    FERRY_PARTITION_TABLE_BOOTLOADER = 2, // ESP-IDF 5.4 on
    FERRY_PARTITION_TABLE_TABLE = 3,
};
enum ferry_partition_table_subtype {
    FERRY_PARTITION_TABLE_FACTORY = 0x00,
    FERRY_PARTITION_TABLE_OTA_0 = 0x10, // .. 0x1f: ota_15
    FERRY_PARTITION_TABLE_TEST = 0x20,
    FERRY_PARTITION_TABLE_OTADATA = 0x00, // of type DATA
};

struct ferry_partition {
    uint8_t type, subtype;
    uint32_t address, size;
    uint32_t flags;
    char label[17]; // terminated; bytes that a terminal would act on come out as '?'
};

struct ferry_partition_table {
    struct ferry_partition rows[FERRY_PARTITION_TABLE_MAX_ROWS];
    uint8_t count;
    bool has_md5;
    uint32_t md5_length; // bytes from the start that the MD5 covers (the caller has the digest); error offset if wrong
    uint8_t md5[16];
    // After an error: where, and what is wrong in words.
    uint32_t error_offset;
    const char *detail;
};

// Reads the rows. bytes are a whole table or its start; it may be shorter than 0xC00 (a file that leaves the end out).
// 0, or FERRY_ERR_PARTITION_TABLE: a row without magic, rows behind the MD5, two MD5 rows, a row cut off, no end.
// No rows at all is an error too: the bootloader finds nothing to start in an erased table.
int ferry_partition_table_parse(struct ferry_partition_table *self, const uint8_t *bytes, size_t len);
// Whether it makes sense on a flash of flash_size bytes (0 = unknown): no overlaps, nothing beyond the flash, apps at
// multiples of 64 KB, the rest on sectors, otadata of two sectors. 0, or FERRY_ERR_PARTITION_TABLE with error_offset
// (of the row) and detail.
int ferry_partition_table_check(struct ferry_partition_table *self, uint32_t flash_size);

// The row that address lies in / whose type and subtype these are (the first) / with this label; NULL = none.
const struct ferry_partition *ferry_partition_table_at(const struct ferry_partition_table *self, uint32_t address);
const struct ferry_partition *ferry_partition_table_find(const struct ferry_partition_table *self, uint8_t type,
                                                         uint8_t subtype);
const struct ferry_partition *ferry_partition_table_label(const struct ferry_partition_table *self, const char *label);
// OTA slots, as the bootloader counts them: rows of type app and subtype ota_0 to ota_15.
uint8_t ferry_partition_table_slots(const struct ferry_partition_table *self);
// "app", "data", "bootloader", "partition_table"; "factory", "ota_0", "nvs", ...; NULL = no name for it.
const char *ferry_partition_table_type_name(uint8_t type);
const char *ferry_partition_table_subtype_name(uint8_t type, uint8_t subtype);

#endif
