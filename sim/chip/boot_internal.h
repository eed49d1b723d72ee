// Shared by the boot model's files: the state of one boot, its log, its view of the flash.
#ifndef SIM_CHIP_BOOT_INTERNAL_H
#define SIM_CHIP_BOOT_INTERNAL_H

#include "sim/chip/boot.h"

struct sim_boot_range {
    uint32_t low, high; // high excluded; 0, 0 = none
};

// RAM that belongs to the bootloader while it loads (from its linker script and the ROM's stack).
struct sim_boot_reserved {
    struct sim_boot_range range;
    const char *what; // as the bootloader says it: "overlaps bootloader stack"
};

struct sim_boot_chip {
    const char *name;
    uint16_t id;
    uint16_t revision; // stands for 0 in sim_boot_cfg
    uint32_t bootloader_offset;
    bool decimal_len;  // the ROM prints "load:0x...,len:123" instead of hex
    bool multicore;    // the bootloader says so in its log
    uint32_t mmap_max; // most that the bootloader maps at once; 0 = there is no second stage
    bool small_pages;  // flash is mapped in smaller pages when it has 1 or 2 MB
    struct sim_boot_range irom, drom, iram, dram, rtc[3];
    struct sim_boot_reserved reserved[3];
    const char *speed[16]; // flash frequency by the header's low nibble
};

const struct sim_boot_chip *sim_boot_chip_find(const char *name);

struct sim_boot {
    struct sim_flash *flash;
    const struct sim_boot_cfg *cfg;
    const struct sim_boot_chip *chip;
    struct sim_boot_result *out;
    size_t reason_len;
    uint16_t revision;
    uint32_t table_offset;
    uint32_t chip_size; // flash size in bytes as the bootloader's own header says it
    uint64_t log_us;    // time of the log's timestamps
};

// A log line of the second stage: "I (31) tag: text". A decisive one is also kept in the reason.
enum sim_boot_weight { SIM_BOOT_DETAIL, SIM_BOOT_DECISIVE };
__attribute__((format(printf, 5, 6))) void sim_boot_say(struct sim_boot *b, char level, enum sim_boot_weight weight,
                                                        const char *tag, const char *format, ...);
// Text of the mask ROM, as it is.
__attribute__((format(printf, 3, 4))) void sim_boot_print(struct sim_boot *b, enum sim_boot_weight weight,
                                                          const char *format, ...);
// Puts bytes into the log as they are; decisive ones also into the reason.
void sim_boot_log_add(struct sim_boot *b, const char *text);
void sim_boot_reason_add(struct sim_boot *b, const char *text);

// Reads through the flash cache: addresses wrap at the flash's end; with flash encryption on, everything passes the
// decryption.
void sim_boot_read(struct sim_boot *b, uint32_t address, uint8_t *buf, size_t len);
// Erases the sector and programs 32 bytes. False: the power is gone.
bool sim_boot_write_entry(struct sim_boot *b, uint32_t address, const uint8_t entry[32]);

// ---- images (boot_image.c)
struct sim_boot_image {
    uint32_t start, length; // with checksum and appended digest
    uint8_t header[24];
};
enum sim_boot_who { SIM_BOOT_BY_ROM, SIM_BOOT_BY_SECOND_STAGE };
// All checks of an application image in the bootloader's order, with its error lines. True: it can be started.
bool sim_boot_image_load(struct sim_boot *b, uint32_t offset, uint32_t partition_size, struct sim_boot_image *image);
// What the mask ROM does with the bootloader image.
bool sim_boot_rom_load(struct sim_boot *b, struct sim_boot_image *image);
// Chip id and revision limits of an image header; check_max = also the maximal revision (applications).
bool sim_boot_chip_fits(struct sim_boot *b, const uint8_t header[24], bool check_max);

// ---- partition table (boot_table.c)
#define SIM_BOOT_OTA_SLOTS 16
struct sim_boot_part {
    uint32_t offset, size; // size 0 = not there
    char label[SIM_BOOT_LABEL];
};
struct sim_boot_table {
    struct sim_boot_part factory, test, otadata, ota[SIM_BOOT_OTA_SLOTS]; // ota[n]: subtype 0x10 + n
    uint32_t ota_rows; // rows with an OTA subtype, whatever their numbers
};
bool sim_boot_table_load(struct sim_boot *b, struct sim_boot_table *table);

// ---- choice (boot_otadata.c)
enum { SIM_BOOT_INDEX_FACTORY = -1, SIM_BOOT_INDEX_NONE = -99 };
// Index of the application to try first. *initial: the slot that starts is to be written to otadata.
int sim_boot_select(struct sim_boot *b, const struct sim_boot_table *table, bool *initial);
// Records that slot `index` was started, where otadata had no usable entry and there is no factory application.
bool sim_boot_set_initial(struct sim_boot *b, const struct sim_boot_table *table, int index);

#endif
