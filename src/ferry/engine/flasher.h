// The flasher: cargo to a chip in its mask ROM loader.
//
// One flasher is one session with one target. Operations follow each other in it: after init() the session is idle
// (wants() == DONE); ferry_flasher_start() begins an operation; when wants() says DONE the next may be started. The
// usual order is CONNECT (reset, sync, identify, baud, attach flash), then whatever the person wants, then LEAVE. What
// CONNECT found is in ferry_flasher_target(); the caller checks its cargo against it before it starts a WRITE.
//
// Memory: sizeof(struct ferry_flasher) plus the caller's block buffer (cfg.block, cfg.block_size).
#ifndef FERRY_ENGINE_FLASHER_H
#define FERRY_ENGINE_FLASHER_H

#include "ferry/chip/chip.h"
#include "ferry/engine/engine.h"
#include "ferry/engine/rom_client.h"

#define FERRY_SEGMENT_SIZE 0x10000u // unit of skipping, packing, retrying and proving
#define FERRY_SECTOR_SIZE 0x1000u
#define FERRY_FLASHER_MAX_REGIONS 32

enum ferry_before { FERRY_BEFORE_DEFAULT_RESET = 0, FERRY_BEFORE_NO_RESET, FERRY_BEFORE_NO_RESET_NO_SYNC };
enum ferry_after { FERRY_AFTER_HARD_RESET = 0, FERRY_AFTER_NO_RESET, FERRY_AFTER_RUN };

struct ferry_region {
    uint32_t address; // in flash; a multiple of 4096 for WRITE
    uint32_t size;    // bytes > 0; regions of one job are ascending and do not overlap
    // Bytes behind the end that belong to nobody (up to the end of the partition that the region lies in), 0 = none.
    // Nothing there is ever erased or programmed; kept for callers that plan with it.
    uint32_t spare;
};

struct ferry_flasher_cfg {
    uint8_t *block;    // block buffer, the caller's, for as long as the flasher lives
    size_t block_size; // 1024 .. 16384; 6144 + 64 allows the largest ROM block, 2 * 4096 + 64 a window of two
    enum ferry_before before;
    uint16_t chip;            // expected chip id, FERRY_CHIP_ANY = take what is there
    bool has_lines;           // reset and boot lines can be driven; else the person holds BOOT
    uint32_t connect_baud;    // rate for the first sync; 0 = 115200
    uint32_t baud;            // rate to work at; 0 = 921600. Falls back by itself when the line does not hold it
    uint8_t window;           // packets in flight: 0 or 1 = one (default), 2 = two where the ROM's ring allows
    uint16_t max_block;       // largest data block to send, 0 = what chip and buffer allow
    uint32_t flash_size;      // bytes; 0 = detect
    uint32_t spi_connection;  // SPI_ATTACH word, 0 = default pins
    uint8_t connect_attempts; // 0 = 7 (each tries the fast and then the slow reset)
    bool no_flash;            // CONNECT leaves the flash alone (run-ram, registers)
};

enum ferry_rom_op {
    FERRY_ROM_CONNECT = 1,
    FERRY_ROM_WRITE,        // job.regions; data by request(); proves every segment by MD5
    FERRY_ROM_VERIFY,       // job.regions; MD5 only
    FERRY_ROM_READ,         // job.regions[0]; bytes by output()
    FERRY_ROM_ERASE_REGION, // job.regions[0]; multiples of 4096
    FERRY_ROM_ERASE_CHIP,
    FERRY_ROM_LOAD_RAM,  // job.regions: address in RAM, data by request(); job.entry: where to start
    FERRY_ROM_READ_REG,  // job.address -> ferry_flasher_value()
    FERRY_ROM_WRITE_REG, // job.address, job.value, job.mask
    FERRY_ROM_MD5,       // job.regions[0] -> ferry_flasher_md5()
    FERRY_ROM_LEAVE,     // job.after
};

struct ferry_rom_job {
    enum ferry_rom_op op;
    const struct ferry_region *regions; // the caller's, until the operation has ended
    uint8_t region_count;
    bool no_deflate; // plain writes only
    bool no_skip;    // write also what the target already holds
    // WRITE: proof that earlier sessions left (journal), as bits per 64 KB segment counted over all regions in order:
    // those are checked by one MD5 each before anything else. NULL = none. (Skipping by MD5 makes this an accelerator
    // only: nothing is ever skipped without the target's own digest.)
    const uint8_t *proved;
    uint32_t entry;
    uint32_t address, value, mask;
    enum ferry_after after;
};

// What CONNECT found. Valid after it has ended well.
struct ferry_target {
    const struct ferry_chip *chip;
    uint16_t revision; // major * 100 + minor, as in images; 0xFFFF = not known, fits everything
    uint8_t mac[6];
    bool mac_known;
    uint8_t xtal_mhz;    // 0 = unknown
    uint32_t flash_id;   // JEDEC: manufacturer | type << 8 | capacity << 16; 0 = not readable
    uint32_t flash_size; // bytes, 0 = unknown
    bool security_known; // the three below were read
    bool secure_boot;
    bool flash_encryption;
    bool secure_download; // no MD5, no reads, no RAM load
    uint32_t security_flags;
    uint32_t baud;     // rate in use
    bool stub_running; // a flasher stub answered instead of the ROM
};

#define FERRY_FLASHER_EVENTS 16

// What one BEGIN announces: bytes offset .. offset + raw of the region, as `blocks` blocks of at most `block` bytes,
// `total` bytes together.
struct ferry_flasher_chunk {
    uint32_t offset, raw, total, blocks, block;
    uint32_t kind; // plain, packed, RAM
};

// A data block on its way: filled from the source, then sent.
struct ferry_flasher_slot {
    uint8_t state; // empty, filling, ready, sent
    bool begun;    // the BEGIN of its chunk has gone
    uint16_t len;  // bytes of the block
    uint32_t seq;  // number in its chunk; the BEGIN goes before number 0
    struct ferry_flasher_chunk chunk;
};

// What an operation has done so far: zero when it begins.
struct ferry_flasher_work {
    uint32_t written, skipped; // of this region
    uint32_t skipped_total, total_done, total_size;
    uint32_t segment_index; // of the region's first segment, counted over all regions
    uint32_t reconnects, passes;
    bool anomaly; // something went wrong after the first erase: prove everything once more at the end
    bool proving; // the pass over everything after an anomaly
    bool source_known;
};

struct ferry_flasher_handlers;

struct ferry_flasher {
    // Private words first: compressed instructions reach the first 128 bytes of a struct only.
    uint32_t state, after_state;    // enum ferry_flasher_state; where a shared state goes on
    uint32_t caps;                  // of the chip, less what its secure download mode forbids
    uint32_t wishes;                // enum ferry_want, and FERRY_FL_DRAINING
    uint32_t pos, look, erased_end; // writing: offsets in the region
    uint32_t region;
    uint32_t now_ms;
    uint32_t rate;  // of the wire, now
    uint32_t tries; // since the last progress
    uint32_t compare_offset, compare_len;
    struct ferry_flasher_chunk chunk; // being filled
    uint32_t chunk_at;                // its next block
    uint32_t block_size;              // largest block in use
    uint32_t group_end;
    uint32_t step_index, sync_tries, attempt;
    struct ferry_error error;
    // Public: see the functions below.
    struct ferry_rom_job job; // (its op is the last word within reach)
    struct ferry_target target;
    struct ferry_flasher_cfg cfg;
    struct ferry_rom_client rom;
    // Private.
    bool busy, connected, reconnecting, synced, person, read_warned;
    uint32_t wait_until_ms, drain_until_ms;
    uint32_t acked; // up to there the region's bytes were acknowledged, about
    uint32_t unit_len, unit_at, out_at;
    struct ferry_line_request line_request;
    struct ferry_request request;
    uint32_t data_at;  // bytes of the request that have come
    uint8_t small[32]; // answers to MD5 and PACKED_SIZE requests
    struct ferry_event events[FERRY_FLASHER_EVENTS];
    uint8_t event_count; // oldest first
    // Connecting.
    uint8_t seen_len, line_tries;
    uint32_t connect_rate;
    uint8_t seen[24]; // what was read once, waiting to be confirmed
    uint8_t unlike;   // readings in a row that confirmed nothing
    uint32_t raw[FERRY_FIELD_COUNT + 4];
    uint32_t spi_saved[2];
    uint8_t mac_before[6];
    // Recovering.
    int last_status, last_peer;
    const char *last_detail;
    uint32_t last_address;
    // Comparing a range with the source.
    uint32_t source_offset, source_len;
    uint32_t source_region;
    bool want_source, target_known, compared_twice;
    uint8_t source_md5[16], target_md5[16];
    const uint8_t *compare_bytes;
    // Writing.
    struct ferry_region whole; // ERASE_CHIP: the flash
    struct ferry_flasher_work work;
    uint32_t retries;
    uint16_t need_write, need_erase;
    uint8_t sector;
    struct ferry_flasher_slot slots[2];
    uint8_t slot_count, fill_slot, send_slot, window_now, data_out, shift, repeats;
    bool chunk_open;
    const struct ferry_flasher_handlers *extra; // states of the optional operations, NULL = not linked
    uint32_t value;
};

// 0, or FERRY_ERR_ARG (block buffer missing or too small). Copies cfg.
int ferry_flasher_init(struct ferry_flasher *self, const struct ferry_flasher_cfg *cfg);
// Begins an operation. 0; FERRY_ERR_STATE (another is under way, or CONNECT is missing), FERRY_ERR_ARG (regions not
// ascending, overlapping, empty, or not on sectors). Copies job; the arrays it points to stay the caller's.
int ferry_flasher_start(struct ferry_flasher *self, const struct ferry_rom_job *job, uint32_t now_ms);
// The same for CONNECT, WRITE, VERIFY and LEAVE only (else FERRY_ERR_UNSUPPORTED): a program that uses this and never
// ferry_flasher_start() does not link the code of the other operations.
int ferry_flasher_start_core(struct ferry_flasher *self, const struct ferry_rom_job *job, uint32_t now_ms);
const struct ferry_target *ferry_flasher_target(const struct ferry_flasher *self);
uint32_t ferry_flasher_value(const struct ferry_flasher *self);
const uint8_t *ferry_flasher_md5(const struct ferry_flasher *self); // 16 bytes
// The engine shape (engine.h); self is a struct ferry_flasher.
extern const struct ferry_engine_ops ferry_flasher_ops;

#endif
