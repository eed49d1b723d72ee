// What the bytes of a firmware file are: read from sources, told without any name or description.
#ifndef FERRY_UPDATER_CARGO_CONTENT_H
#define FERRY_UPDATER_CARGO_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/codec/image.h"
#include "ferry/codec/partition_table.h"
#include "ferry/io/digest.h"
#include "ferry/io/source.h"
#include "updater/fault.h"

enum ferry_cargo_content {
    FERRY_CARGO_OTHER = 0,    // data, or anything else
    FERRY_CARGO_APP_IMAGE,    // an application (or an image that does not say what it is)
    FERRY_CARGO_BOOTLOADER,   // a second-stage bootloader: it says so
    FERRY_CARGO_MERGED_IMAGE, // bootloader, partition table and more in one file
    FERRY_CARGO_TABLE,        // a partition table
    FERRY_CARGO_ELF,          // a program file that the build has not turned into an image
};

struct ferry_cargo_peek {
    enum ferry_cargo_content content;
    uint16_t chip_id;         // enum ferry_chip_id; FERRY_CHIP_ANY = the bytes do not say
    bool ram_only;            // APP_IMAGE that does not say what it is: nothing of it is mapped from flash, as in
                              // bootloaders before ESP-IDF v5.2 and programs for RAM
    uint32_t base;            // MERGED_IMAGE: flash address of the file's first byte
    uint32_t boot_offset;     // MERGED_IMAGE: of the bootloader image in the file
    uint32_t table_address;   // MERGED_IMAGE: flash address of the partition table, UINT32_MAX = none found
    struct ferry_image image; // APP_IMAGE, BOOTLOADER, MERGED_IMAGE (of its bootloader): the header, not verified
};

// Looks at the start of the file and at where a merged image has its partition table. 0 or FERRY_ERR_STORAGE_*.
int ferry_cargo_peek(const struct ferry_source *source, struct ferry_cargo_peek *out);

// Reads the whole image at offset and checks it. 0, FERRY_ERR_IMAGE_* (see out->status, error_offset from the image's
// start, detail), FERRY_ERR_STORAGE_*. digest may be NULL: then the appended hash is not checked.
int ferry_cargo_image(const struct ferry_source *source, uint32_t offset, const struct ferry_digest *digest,
                      struct ferry_image *out);

// Reads and checks the partition table at offset, its MD5 too. flash_size 0 = unknown. 0, FERRY_ERR_PARTITION_TABLE
// (see out), FERRY_ERR_STORAGE_*.
int ferry_cargo_table(const struct ferry_source *source, uint32_t offset, uint32_t flash_size,
                      const struct ferry_digest *digest, struct ferry_partition_table *out);
// The same from bytes in memory.
int ferry_cargo_table_bytes(const uint8_t *bytes, size_t len, uint32_t flash_size, const struct ferry_digest *digest,
                            struct ferry_partition_table *out);

// The first bytes look like a header for certain (all fields in range), so that a damaged image is told from data.
bool ferry_cargo_plausible(const uint8_t header[24]);
// "ESP32-C3", or "chip id 77" when the table does not have it. buf has room for 24.
const char *ferry_cargo_chip_label(uint16_t chip_id, char *buf);
// Digest of len bytes at offset of a source. 0, FERRY_ERR_STORAGE_*, or what the digest says.
int ferry_cargo_digest(const struct ferry_digest *digest, enum ferry_digest_kind kind,
                       const struct ferry_source *source, uint32_t offset, uint32_t len, uint8_t *out, size_t size);

#endif
