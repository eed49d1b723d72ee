// The virtual ESP32: mask ROM loader, reset and boot lines, boot model, flash, and the serial line to the host, in
// virtual time (microseconds in a uint64_t that starts at 0 at power-on and only grows when told to).
//
// It knows the chips from vectors and facts, not from the client's code. Everything is deterministic: same
// configuration, same calls, same seed, same answers. Several chips may live side by side (no globals).
#ifndef SIM_CHIP_CHIP_H
#define SIM_CHIP_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/flash/flash.h"
#include "sim/line/line.h"

struct sim_app; // a program that runs inside the chip after boot (see sim/chip/app.h)

struct sim_chip_cfg {
    const char *chip;         // "esp32", "esp32c3", ... as esptool's --chip
    struct sim_flash *flash;  // the caller's, outlives the chip
    bool ideal_line;          // no baud rate, no loss, no autobaud, answers at once: as the recorded vectors
    struct sim_line_cfg line; // used when not ideal
    bool boot_download;       // strapping when nobody drives the boot line: true = download mode, false = normal
    bool rollback;            // bootloader built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    bool secure_download, flash_encryption, secure_boot;
    uint16_t revision; // major * 100 + minor; 0 = the vectors' chip
    uint8_t mac[6];    // all 0 = the vectors' chip
    uint8_t xtal_mhz;  // 0 = usual
    uint32_t seed;
    const struct sim_app *app; // NULL: the booted firmware is silent
    uint32_t reset_rise_us;    // EN rises that long after the reset line was released (a large capacitor); boot line
                               // and start are delayed with it. 0 = at once
    uint32_t table_offset;     // of the partition table, 0 = 0x8000
};

struct sim_chip *sim_chip_new(const struct sim_chip_cfg *cfg); // NULL: unknown chip, or no memory
void sim_chip_free(struct sim_chip *self);

// Host side of the line.
void sim_chip_lines(struct sim_chip *self, bool reset_asserted, bool boot_asserted);
void sim_chip_host_baud(struct sim_chip *self, uint32_t baud);
size_t sim_chip_host_write(struct sim_chip *self, const uint8_t *bytes, size_t len); // bytes queued (room permitting)
size_t sim_chip_host_read(struct sim_chip *self, uint8_t *buf, size_t cap);
size_t sim_chip_host_pending(const struct sim_chip *self); // written, not yet on the wire

// Time. run() lets everything happen that is due until then; next() says when something happens next by itself
// (UINT64_MAX = never), so that a test can jump there.
uint64_t sim_chip_now(const struct sim_chip *self);
uint64_t sim_chip_next(const struct sim_chip *self);
void sim_chip_run(struct sim_chip *self, uint64_t until_us);

// Power. A cut takes effect inside a flash operation under way (see sim/flash/flash.h); on = power-on reset.
void sim_chip_power(struct sim_chip *self, bool on);

// What the boot model decided at the last normal boot: partition label, "none", or "" (download mode, not booted yet);
// reason = the bootloader's decisive lines.
const char *sim_chip_booted(const struct sim_chip *self);
const char *sim_chip_boot_reason(const struct sim_chip *self);
bool sim_chip_in_loader(const struct sim_chip *self);

// For tests.
uint32_t sim_chip_baud(const struct sim_chip *self);                // of the chip's UART; 0 = still measuring
uint64_t sim_chip_ring_lost(const struct sim_chip *self);           // bytes lost to an overflow of the receive ring
uint64_t sim_chip_bytes(const struct sim_chip *self, bool to_host); // put on that direction of the line so far

#endif
