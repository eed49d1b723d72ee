// A world for the flasher: the virtual chip, its flash and its line, the pump, a source in memory, virtual time.
//
//     struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3"});
//     struct world_part part = {.address = 0x10000, .bytes = image, .len = sizeof image};
//     struct world_result r = world_flash(w, &part, 1);        connect, write, leave
//     world_free(w);
//
// Everything is deterministic. No session lasts longer than cfg.limit_ms of virtual time: then it counts as hanging
// (result.hung), which no test may accept.
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/engine/flasher.h"
#include "ferry/pump/pump.h"
#include "sim/chip/chip.h"
#include "sim/flash/flash.h"

struct world;

struct world_part {
    uint32_t address;
    const uint8_t *bytes; // the caller's
    uint32_t len;
};

struct world_cfg {
    const char *chip;                 // "esp32c3", ...
    struct sim_chip_cfg sim;          // chip and flash are filled in here
    struct sim_flash_cfg flash;       // zeros: 4 MiB, typical times
    bool used_flash;                  // the flash is full of old data, not erased
    struct ferry_flasher_cfg flasher; // block, chip and lines are filled in here; zeros: the defaults
    size_t block_size;                // of the block buffer, 0 = 2 * 6144 + 64
    bool no_lines;            // nobody drives reset and boot (set sim.boot_download for a person who holds BOOT)
    bool no_deflate, no_skip; // of the WRITE job
    const uint8_t *proved;    // of the WRITE job
    const struct ferry_supply *supply; // instead of the world's own (shared by several worlds)
    uint64_t limit_ms;                 // virtual time for one session, 0 = 20 minutes
    // Called after every step with the virtual time; may reset the chip, cut its power, look at it. NULL: none.
    void (*each_step)(void *ctx, struct world *world);
    void *ctx;
};

struct world_result {
    int status; // of the operation that failed, or 0
    struct ferry_error error;
    bool hung;   // the session did not end by itself
    uint64_t us; // virtual time it took
    uint32_t retries, wire_bytes, skipped;
    uint32_t proved;                     // bytes that events said were proved
    uint64_t sent_bytes, received_bytes; // on the line since the world began
};

struct world *world_new(const struct world_cfg *cfg); // aborts the program when there is no memory
void world_free(struct world *self);

// Connects, writes the parts, leaves by reset.
struct world_result world_flash(struct world *self, const struct world_part *parts, size_t count);
// One operation. Data is taken from parts (may be NULL where the job needs none).
struct world_result world_job(struct world *self, const struct ferry_rom_job *job, const struct world_part *parts,
                              size_t count);
struct world_result world_connect(struct world *self);
// The same in steps, for several worlds at once: begin, then step until it returns false; then finish. step() does what
// is due now and tells in *next_us when it wants to be called again; the caller moves time on by world_advance().
void world_begin(struct world *self, const struct ferry_rom_job *job, const struct world_part *parts, size_t count);
bool world_step(struct world *self, uint64_t *next_us);
void world_advance(struct world *self, uint64_t to_us);
struct world_result world_finish(struct world *self);

uint64_t world_now_us(const struct world *self);
struct ferry_flasher *world_flasher(struct world *self);
struct ferry_pump *world_pump(struct world *self);
struct sim_chip *world_chip(struct world *self);
struct sim_flash *world_flash_chip(struct world *self);
// Bytes that READ gave, and how many.
const uint8_t *world_output(const struct world *self, size_t *len);
// True when an event with this text came since world_new.
bool world_saw(const struct world *self, const char *text);
// True when the flash holds exactly these parts.
bool world_holds(struct world *self, const struct world_part *parts, size_t count);
// Everything sent to the chip since world_new (kept when keep was set before).
void world_keep_sent(struct world *self, bool keep);
const uint8_t *world_sent(const struct world *self, size_t *len);

// Bytes that deflate to about 60 % at 64 KB and as a whole, like firmware; the same for the same seed.
void world_firmware(uint8_t *bytes, size_t len, uint32_t seed);
void world_random(uint8_t *bytes, size_t len, uint32_t seed);

#endif
