// Cargo: what goes where. Recognised from what lies in a folder (a card), checked against the target that is there.
//
// Two steps. ferry_cargo_scan() looks at a folder and lists what could be flashed, without knowing the target.
// ferry_cargo_plan() takes one of them and the target that was found, chooses the build for that chip, places what has
// no address, opens the files, checks everything that can be checked, and leaves regions ready for the flasher. Nothing
// is erased before a plan exists.
#ifndef FERRY_UPDATER_CARGO_H
#define FERRY_UPDATER_CARGO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/base/manifest.h"
#include "ferry/engine/flasher.h"
#include "ferry/io/digest.h"
#include "ferry/io/source.h"
#include "updater/fault.h"
#include "updater/limits.h"

enum ferry_cargo_kind {
    FERRY_CARGO_IDF_BUILD = 1, // flasher_args.json
    FERRY_CARGO_WEB_MANIFEST,  // ESP Web Tools manifest.json (may hold builds for several chips)
    FERRY_CARGO_ARDUINO,       // an app with bootloader and partition table beside it: Arduino, PlatformIO, by hand
    FERRY_CARGO_MERGED,        // one image from flash address 0 (or the bootloader's) on
    FERRY_CARGO_APP,           // a single app image; the target's own partition table says where
    FERRY_CARGO_ADDRESSED,     // files named with their address, ferry.json with "files", explicit pairs
    FERRY_CARGO_DATA,          // any file: the contents of a partition or a file on the target (link route)
};

// An explicit address and file, as in `ferry flash 0x1000 boot.bin 0x10000 app.bin`.
struct ferry_cargo_pair {
    uint32_t address;
    const char *path; // as given; not bound to any folder
};

// A part that is no file: bytes that lie elsewhere (a depot).
struct ferry_cargo_blob {
    char name[FERRY_CARGO_NAME]; // for messages
    char role[16];               // "bootloader", "partition-table", "app", "otadata"; anything else: told by content
    uint32_t address;            // UINT32_MAX = not placed
    struct ferry_source source;
};

// One thing that could be flashed.
struct ferry_cargo {
    enum ferry_cargo_kind kind;
    char path[FERRY_CARGO_PATH];          // the file that describes or is it; ADDRESSED: the folder, or one file
    char root[FERRY_CARGO_PATH];          // the folder that no path in it may leave (what was scanned); "" with pairs
    const struct ferry_cargo_pair *pairs; // the caller's, as long as the cargo is in use; NULL = none
    size_t pair_count;
    const struct ferry_cargo_blob *blobs; // likewise: then nothing is read from path, which is for people
    size_t blob_count;
    char name[FERRY_CARGO_NAME];    // for people: project name, manifest name, or file name
    char version[FERRY_CARGO_NAME]; // "" = unknown
    uint16_t chips[16];             // enum ferry_chip_id: chips it can serve
    uint8_t chip_count;             // 0 = unknown until planned
    uint32_t total_size;            // bytes of all files (of the largest build), for display
};

struct ferry_cargo_list {
    struct ferry_cargo items[FERRY_CARGO_LISTED];
    size_t count;
    size_t more; // found, but over the limit of the list
    // Files that look like firmware and cannot be used, with the reason (nothing is refused silently).
    struct ferry_fault refused[FERRY_CARGO_REFUSED];
    size_t refused_count, refused_more;
};

struct ferry_cargo_options {
    bool force;          // go on where a person may know better (wrong chip, encryption, secure boot, revision)
    uint32_t flash_size; // 0 = the target's
    // Patches of the bootloader header; NULL = keep. Names as in esptool: "dio", "40m", "4MB", "detect".
    const char *flash_mode, *flash_freq, *flash_size_name;
    // Reads from the target's flash, for the partition table of a single app image. NULL: cannot.
    int (*read_target)(void *ctx, uint32_t address, uint8_t *buf, size_t len);
    void *read_ctx;
    const struct ferry_digest *digest; // SHA-256 and MD5; must be given
    // Link route: what becomes of it on the target.
    uint8_t kind;     // enum ferry_manifest_kind; 0 = firmware
    const char *name; // partition label or file name; NULL for firmware
    bool no_trial;    // firmware: selected for good, without a trial boot
};

// A cargo made ready for one target.
struct ferry_plan {
    struct ferry_cargo cargo;
    const struct ferry_chip *chip;
    struct ferry_region regions[FERRY_CARGO_MAX_REGIONS];  // ascending, no overlaps, on sectors
    struct ferry_source sources[FERRY_CARGO_MAX_REGIONS];  // open files (with patches laid over)
    char names[FERRY_CARGO_MAX_REGIONS][FERRY_CARGO_NAME]; // "bootloader", "partition table", "app (ota_0)", ...
    uint8_t count;
    char project[FERRY_CARGO_NAME], version[FERRY_CARGO_NAME], idf[FERRY_CARGO_NAME]; // of the app, "" = unknown
    // ROM loader: over all regions, address and size as u32 LE, then the bytes, in order. Link route: of the bytes
    // alone.
    uint8_t sha256[32];
    struct ferry_manifest manifest; // link route: what is announced to the target; kind 0 = a plan for the ROM loader
    // Fingerprint of each block as it was when it was hashed, region after region (each begins a new block): whoever
    // reads the files again can tell that they are still the same (ferry_plan_fingerprint).
    uint64_t *prints;
    char warnings[8][160]; // worth telling, not fatal
    uint8_t warning_count;
    void *files; // private: open files
};

// Recognises what lies in `path` (a folder, looked into two levels deep, or one file). 0 (list may be empty, with
// refused files), or FERRY_ERR_STORAGE_* with *fault filled. Hostile input is expected: every JSON file is bounded in
// size, depth and entries; paths never leave the folder.
int ferry_cargo_scan(const char *path, struct ferry_cargo_list *list, struct ferry_fault *fault);

// Explicit pairs. Opens nothing; the pairs stay the caller's, as long as *out is in use. 0, or FERRY_ERR_ARG (none, or
// more than FERRY_CARGO_MAX_REGIONS).
int ferry_cargo_from_pairs(const struct ferry_cargo_pair *pairs, size_t count, struct ferry_cargo *out,
                           struct ferry_fault *fault);

// Any file, for options.kind PARTITION or FILE. Opens nothing. 0, FERRY_ERR_ARG (path too long).
int ferry_cargo_from_file(const char *path, struct ferry_cargo *out, struct ferry_fault *fault);

// Makes a plan; 0 or negative with *fault filled (what, file and offset, hint). On failure nothing stays open. A status
// that read_target() gives comes back as it is. cargo, target and options may go away afterwards (but not the pairs'
// files); the plan must stay where it is until ferry_plan_close(), which may be called twice.
int ferry_cargo_plan(const struct ferry_cargo *cargo, const struct ferry_target *target,
                     const struct ferry_cargo_options *options, struct ferry_plan *plan, struct ferry_fault *fault);
void ferry_plan_close(struct ferry_plan *plan);
// The same for the link route: one region at address 0, the cargo's application (or, with options.kind, the file), and
// the manifest. target->chip may be NULL (the receiver is no chip): the image is then checked in itself only.
// FERRY_ERR_NO_PLACE: the cargo has no application that could go alone (a merged image, a bootloader, addresses of
// data): that is for the ROM loader.
int ferry_cargo_plan_link(const struct ferry_cargo *cargo, const struct ferry_target *target,
                          const struct ferry_cargo_options *options, struct ferry_plan *plan,
                          struct ferry_fault *fault);
// FNV-1a, continued from `print` (FERRY_PLAN_PRINT to begin with): against accidents.
#define FERRY_PLAN_PRINT 0xcbf29ce484222325u
uint64_t ferry_plan_fingerprint(uint64_t print, const uint8_t *bytes, size_t len);

#endif
