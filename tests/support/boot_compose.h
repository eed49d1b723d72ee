// Composes flash images out of made-up but well-formed parts: bootloader, partition table, otadata, applications, each
// whole or broken in one of the ways that the recorded boots (tests/vectors/boot/README.md) know by name.
#ifndef TESTS_SUPPORT_BOOT_COMPOSE_H
#define TESTS_SUPPORT_BOOT_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_COMPOSE_FLASH (4u << 20)
#define BOOT_COMPOSE_OTADATA 0xd000u
#define BOOT_COMPOSE_MAX_IMAGE 0x24000u

struct boot_compose_slot {
    const char *label; // "factory", "ota_0", ..., "test"
    const char *kind;  // "good", "erased", "bad_hash", ...
};

struct boot_compose {
    const char *chip;         // "esp32" or "esp32c3"
    const char *table;        // name of a table: "factory", "no_factory", ...
    const char *table_defect; // NULL = whole
    uint8_t otadata[2][32];
    bool rest_a5; // the rest of both otadata sectors is A5, else FF
    struct boot_compose_slot slots[8];
    size_t slot_count;
};

// Fills all of flash. False: a name in it is unknown.
bool boot_compose(const struct boot_compose *what, uint8_t *flash, size_t size);

// One otadata entry; good_crc = false: the crc is wrong in one bit.
void boot_compose_entry(uint8_t entry[32], uint32_t seq, uint32_t state, bool good_crc);
// A good application image of that chip; slot picks contents and version. Its length.
size_t boot_compose_app(const char *chip, const char *slot, uint8_t image[BOOT_COMPOSE_MAX_IMAGE]);

#endif
