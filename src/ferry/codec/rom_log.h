// What a chip prints when it starts (or when its own program runs), watched while the loader is looked for:
//
//      rst:0x1 (POWERON),boot:0x13 (SPI_FAST_FLASH_BOOT)      waiting for download
//
// Streams; nothing is stored but what was recognised.
#ifndef FERRY_CODEC_ROM_LOG_H
#define FERRY_CODEC_ROM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferry_rom_log {
    uint32_t bytes;     // seen so far
    uint32_t printable; // of those, ASCII text
    int boot_mode;      // number after the last "boot:0x", -1 = not seen
    bool download;      // "download" seen after the last "rst:0x"
    uint8_t resets;     // "rst:0x" seen
    // Private.
    uint8_t at_boot, at_download, at_reset;
    int number; // digits under way, -1 = none
};

void ferry_rom_log_init(struct ferry_rom_log *self);
void ferry_rom_log_feed(struct ferry_rom_log *self, const uint8_t *bytes, size_t len);
// FERRY_ERR_NO_ANSWER (nothing at all), TX_PATH (waits in download mode), BOOT_MODE (started something else) or
// GARBAGE.
int ferry_rom_log_verdict(const struct ferry_rom_log *self);

#endif
