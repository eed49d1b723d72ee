// Memory maps: ESP-IDF v5.1's soc.h of each chip (SOC_IROM_LOW and so on) and the technical reference manuals; the
// bootloader's own RAM: its linker scripts and the ROM's stack.
#include <string.h>

#include "sim/chip/boot_internal.h"

#define SPEED_FF [0] = "40MHz", [1] = "26.7MHz", [2] = "20MHz", [15] = "80MHz"

static const struct sim_boot_chip CHIPS[] = {
    {
        .name = "esp32",
        .id = 0,
        .revision = 0,
        .bootloader_offset = 0x1000,
        .decimal_len = true,
        .multicore = true,
        .mmap_max = 0x320000,
        .irom = {0x400d0000, 0x40400000},
        .drom = {0x3f400000, 0x3f800000},
        .iram = {0x40080000, 0x400aa000},
        .dram = {0x3ffae000, 0x40000000},
        .rtc = {{0x400c0000, 0x400c2000}, {0x50000000, 0x50002000}, {0x3ff80000, 0x3ff82000}},
        .reserved = {{{0x3ffdbf20, 0x3ffe3f20}, "overlaps bootloader stack"},
                     {{0x3fff0000, 0x3fff2800}, "overlaps bootloader data"}},
        .speed = {SPEED_FF},
    },
    {
        .name = "esp32s2",
        .id = 2,
        .revision = 100,
        .bootloader_offset = 0x1000,
        .mmap_max = 0x3f0000,
        .irom = {0x40080000, 0x40800000},
        .drom = {0x3f000000, 0x3ff80000},
        .iram = {0x40020000, 0x40070000},
        .dram = {0x3ffb0000, 0x40000000},
        .rtc = {{0x40070000, 0x40072000}, {0x50000000, 0x50002000}, {0x3ff9e000, 0x3ffa0000}},
        .speed = {SPEED_FF},
    },
    {
        .name = "esp32c3",
        .id = 5,
        .revision = 3,
        .bootloader_offset = 0,
        .mmap_max = 0x3f0000,
        .irom = {0x42000000, 0x42800000},
        .drom = {0x3c000000, 0x3c800000},
        .iram = {0x4037c000, 0x403e0000},
        .dram = {0x3fc80000, 0x3fce0000},
        .rtc = {{0x50000000, 0x50002000}},
        .reserved = {{{0x3fcd6710, 0x3fcde710}, "overlaps bootloader stack"},
                     {{0x3fcd5820, 0x3fcd6710}, "overlaps bootloader data"},
                     {{0x403ce710, 0x403d1710}, "overlaps loader IRAM"}},
        .speed = {SPEED_FF},
    },
    {
        .name = "esp32s3",
        .id = 9,
        .revision = 1,
        .bootloader_offset = 0,
        .multicore = true,
        .mmap_max = 0x3f0000,
        .irom = {0x42000000, 0x44000000},
        .drom = {0x3c000000, 0x3e000000},
        .iram = {0x40370000, 0x403e0000},
        .dram = {0x3fc88000, 0x3fd00000},
        .rtc = {{0x600fe000, 0x60100000}, {0x50000000, 0x50002000}},
        .speed = {SPEED_FF},
    },
    {
        .name = "esp32c2",
        .id = 12,
        .revision = 100,
        .bootloader_offset = 0,
        .mmap_max = 0x3f0000,
        .small_pages = true,
        .irom = {0x42000000, 0x42400000},
        .drom = {0x3c000000, 0x3c400000},
        .iram = {0x4037c000, 0x403c0000},
        .dram = {0x3fca0000, 0x3fce0000},
        .speed = {[0] = "30MHz", [1] = "20MHz", [2] = "15MHz", [15] = "60MHz"},
    },
    {
        .name = "esp32c6",
        .id = 13,
        .revision = 0,
        .bootloader_offset = 0,
        .mmap_max = 0x3f0000,
        .small_pages = true,
        .irom = {0x42000000, 0x43000000},
        .drom = {0x42000000, 0x43000000},
        .iram = {0x40800000, 0x40880000},
        .dram = {0x40800000, 0x40880000},
        .rtc = {{0x50000000, 0x50004000}},
        .speed = {[0] = "80MHz", [2] = "20MHz", [15] = "80MHz"},
    },
    {
        .name = "esp32h2",
        .id = 16,
        .revision = 1,
        .bootloader_offset = 0,
        .mmap_max = 0x3f0000,
        .small_pages = true,
        .irom = {0x42000000, 0x43000000},
        .drom = {0x42000000, 0x43000000},
        .iram = {0x40800000, 0x40850000},
        .dram = {0x40800000, 0x40850000},
        .rtc = {{0x50000000, 0x50001000}},
        .speed = {[0] = "24MHz", [1] = "16MHz", [2] = "12MHz", [15] = "48MHz"},
    },
    {
        .name = "esp32p4",
        .id = 18,
        .revision = 100,
        .bootloader_offset = 0x2000,
        .multicore = true,
        .mmap_max = 0x3f0000,
        .irom = {0x40000000, 0x44000000},
        .drom = {0x40000000, 0x44000000},
        .iram = {0x4ff00000, 0x4ffc0000},
        .dram = {0x4ff00000, 0x4ffc0000},
        .rtc = {{0x50108000, 0x50110000}, {0x30100000, 0x30102000}},
        .speed = {[0] = "40MHz", [2] = "20MHz", [15] = "80MHz"},
    },
    {
        .name = "esp32c61",
        .id = 20,
        .revision = 100,
        .bootloader_offset = 0,
        .mmap_max = 0x3f0000,
        .small_pages = true,
        .irom = {0x42000000, 0x44000000},
        .drom = {0x42000000, 0x44000000},
        .iram = {0x40800000, 0x40860000},
        .dram = {0x40800000, 0x40860000},
        .rtc = {{0x50000000, 0x50004000}},
        .speed = {[0] = "80MHz", [2] = "20MHz", [15] = "80MHz"},
    },
    {
        .name = "esp32c5",
        .id = 23,
        .revision = 100,
        .bootloader_offset = 0x2000,
        .mmap_max = 0x3f0000,
        .small_pages = true,
        .irom = {0x42000000, 0x44000000},
        .drom = {0x42000000, 0x44000000},
        .iram = {0x40800000, 0x40860000},
        .dram = {0x40800000, 0x40860000},
        .rtc = {{0x50000000, 0x50004000}},
        .speed = {[0] = "80MHz", [2] = "20MHz", [15] = "80MHz"},
    },
    // No second stage of ESP-IDF's kind: the ROM loads what lies at 0 and starts it.
    {
        .name = "esp8266",
        .id = 0xfff0,
        .revision = 0,
        .bootloader_offset = 0,
        .decimal_len = true,
        .irom = {0x40200000, 0x40300000},
        .iram = {0x40100000, 0x4010c000},
        .dram = {0x3ffe8000, 0x40000000},
        .speed = {SPEED_FF},
    },
};

const struct sim_boot_chip *sim_boot_chip_find(const char *name)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof *CHIPS; i++)
        if (name && strcmp(CHIPS[i].name, name) == 0)
            return &CHIPS[i];
    return NULL;
}

uint32_t sim_boot_bootloader_offset(const char *chip)
{
    const struct sim_boot_chip *row = sim_boot_chip_find(chip);
    return row ? row->bootloader_offset : UINT32_MAX;
}

uint16_t sim_boot_revision(const char *chip)
{
    const struct sim_boot_chip *row = sim_boot_chip_find(chip);
    return row ? row->revision : 0;
}
