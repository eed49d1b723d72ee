// The parts of a cargo: which files go where, as its description (or its names) say, before anything is opened for
// the job. One reader per kind of cargo.
#ifndef FERRY_UPDATER_CARGO_PARTS_H
#define FERRY_UPDATER_CARGO_PARTS_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "updater/cargo.h"

enum ferry_cargo_role {
    FERRY_CARGO_ROLE_UNKNOWN = 0, // told by the content and the address
    FERRY_CARGO_ROLE_BOOTLOADER,
    FERRY_CARGO_ROLE_TABLE,
    FERRY_CARGO_ROLE_APP,
    FERRY_CARGO_ROLE_OTADATA,
};

struct ferry_cargo_part {
    enum ferry_cargo_role role;
    bool placed; // address is known; else the partition table decides (an app), or the chip
    uint32_t address;
    char path[FERRY_CARGO_PATH];
    const struct ferry_source *source; // no file, but these bytes; NULL = the file at path
};

struct ferry_cargo_parts {
    struct ferry_cargo_part items[FERRY_CARGO_MAX_REGIONS];
    uint8_t count;
    uint16_t chip_id;   // what the description says, FERRY_CHIP_ANY = nothing
    uint16_t chips[16]; // web manifest: all chips it has builds for
    uint8_t chip_count;
    char name[FERRY_CARGO_NAME], version[FERRY_CARGO_NAME]; // "" = the description does not say
    char skipped[FERRY_CARGO_NAME]; // web manifest: a chip family that this program does not know, "" = none
};

// Reads the parts of cargo for a chip (FERRY_CHIP_ANY: the first build, for a look at it). 0; FERRY_ERR_MANIFEST,
// FERRY_ERR_NO_BUILD_FOR_CHIP, FERRY_ERR_STORAGE_*, FERRY_ERR_NO_MEMORY, FERRY_ERR_ARG. The files themselves are not
// looked at, but for files named with addresses, which are found by reading the folder.
int ferry_cargo_parts(const struct ferry_cargo *cargo, uint16_t chip_id, struct ferry_cargo_parts *out,
                      struct ferry_fault *fault);

// Readers, for the scan: flasher_args.json, manifest.json, ferry.json (its "files").
int ferry_cargo_parts_idf(const cJSON *json, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                          struct ferry_fault *fault);
int ferry_cargo_parts_web(const cJSON *json, const struct ferry_cargo *cargo, uint16_t chip_id,
                          struct ferry_cargo_parts *out, struct ferry_fault *fault);
int ferry_cargo_parts_files(const cJSON *json, const struct ferry_cargo *cargo, struct ferry_cargo_parts *out,
                            struct ferry_fault *fault);
// An object with a list "builds" whose entries have a chipFamily: ESP Web Tools, and not some other manifest.
bool ferry_cargo_parts_is_web(const cJSON *json);

// An address in a file name: 0x10000_app.bin, 0x10000.bin, app@0x10000.bin, bootloader_0x1000.bin, app-0x10000.bin.
bool ferry_cargo_name_address(const char *name, uint32_t *address);
// The file beside an app that holds a part of the same build ("bootloader", "partitions", ...): x.ino.bootloader.bin
// for x.ino.bin (Arduino), bootloader.bin for any other (PlatformIO's firmware.bin; files copied by hand). False when
// the path gets too long.
bool ferry_cargo_sibling(char *out, size_t cap, const char *app, const char *part);

#endif
