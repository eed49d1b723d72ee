// What a chip does after a normal reset until an application runs: the mask ROM loads the second-stage bootloader, and
// that one decides, as ESP-IDF v5.1's does, which application starts. It looks only at what lies in the flash: the
// bootloader image at the chip's offset, the partition table at 0x8000 with its MD5, otadata, application images.
//
// The rules are those of docs/guide/virtual-chip.md, "What boots"; they were taken from what the real bootloader was
// seen to do (tests/vectors/boot) and from ESP-IDF's documentation of its formats. otadata is changed as the real
// bootloader changes it: sector erased, 32 bytes programmed, through the operations of sim/flash, so that power cuts
// hit them and wear is counted.
#ifndef SIM_CHIP_BOOT_H
#define SIM_CHIP_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/flash/flash.h"

#define SIM_BOOT_LABEL 17 // partition label of 16 bytes and its NUL
#define SIM_BOOT_REASON 3072
#define SIM_BOOT_LOG 24576

struct sim_boot_cfg {
    const char *chip;      // "esp32", "esp32c3", ... as esptool's --chip
    uint16_t revision;     // major * 100 + minor; 0 = what this model takes for the chip (see sim_boot_revision)
    bool rollback;         // bootloader built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    bool secure_boot;      // only images with a signature block behind them start (the signature itself is not checked)
    bool flash_encryption; // plain text in flash reads as noise
    uint32_t table_offset; // CONFIG_PARTITION_TABLE_OFFSET, 0 = 0x8000
};

enum sim_boot_end {
    SIM_BOOT_APP,        // an application was started
    SIM_BOOT_ROM_FAILED, // the mask ROM found no bootloader that it can load: it tries again for ever
    SIM_BOOT_FAILED,     // the second-stage bootloader gave up and resets the chip
    SIM_BOOT_POWER_LOST, // a power cut hit one of its flash operations
};

struct sim_boot_result {
    enum sim_boot_end end;
    char boots[SIM_BOOT_LABEL]; // label of the partition started, or "none"
    uint32_t app_offset;        // SIM_BOOT_APP: where its image lies in flash, its length with checksum and digest
    uint32_t app_length;
    uint32_t partition_size;
    uint64_t took_us;             // reading, hashing and flash operations; without the time the log takes on the line
    char reason[SIM_BOOT_REASON]; // the decisive lines: "E esp_image: ...\nI boot: ...", no newline at the end
    char log[SIM_BOOT_LOG];       // all that a serial port shows of it, behind the ROM's banner ("rst:...,boot:...")
    size_t log_len;
};

// Boots once. The caller owns everything; nothing is kept between calls. An unknown chip ends in SIM_BOOT_ROM_FAILED
// with that as its reason.
void sim_boot_run(struct sim_flash *flash, const struct sim_boot_cfg *cfg, struct sim_boot_result *result);

// Flash address of the second-stage bootloader; UINT32_MAX = chip unknown here.
uint32_t sim_boot_bootloader_offset(const char *chip);
// Revision that stands for 0 in sim_boot_cfg.
uint16_t sim_boot_revision(const char *chip);

#endif
