// The application description (esp_app_desc_t) and the bootloader description (esp_bootloader_desc_t): what a firmware
// says about itself, at the start of its first segment. Layouts: ESP-IDF, esp_app_desc.h and esp_bootloader_desc.h.
//
//   app, 256 bytes:  0 magic 0xABCD5432 | 4 secure version | 16 version[32] | 48 project[32] | 80 time[16] | 96
//   date[16]
//                    112 IDF version[32] | 144 SHA-256 of the ELF | 176 min, 178 max eFuse block revision | 180 MMU
//                    page
//   bootloader, 80:  0 magic 0x50 | 3 secure version | 4 version | 8 IDF version[32] | 40 date and time[24]
//
// Strings come out terminated; bytes that a terminal would act on (below 0x20, 0x7f) come out as '?'.
#ifndef FERRY_CODEC_APP_DESC_H
#define FERRY_CODEC_APP_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_APP_DESC_SIZE 256
#define FERRY_APP_DESC_MAGIC 0xABCD5432u
#define FERRY_APP_DESC_BOOT_SIZE 80
#define FERRY_APP_DESC_BOOT_MAGIC 0x50

struct ferry_app_desc {
    uint32_t secure_version;
    char version[33], project[33], time[17], date[17], idf[33];
    uint8_t elf_sha256[32];
    uint16_t min_block_rev, max_block_rev; // eFuse block revision, major * 100 + minor
    uint32_t mmu_page_size;                // bytes, 0 = not stated
};

struct ferry_app_desc_boot {
    uint8_t secure_version;
    uint32_t version;
    char idf[33], date_time[25];
};

// False when the bytes are no description (magic; for the bootloader, whose magic is one byte, also unprintable text).
bool ferry_app_desc_parse(struct ferry_app_desc *self, const uint8_t bytes[FERRY_APP_DESC_SIZE]);
bool ferry_app_desc_parse_boot(struct ferry_app_desc_boot *self, const uint8_t bytes[FERRY_APP_DESC_BOOT_SIZE]);

#endif
