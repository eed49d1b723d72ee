// What a target runs: its project, version and the SHA-256 that names its app. On the link a receiver says it; over the
// ROM loader it is read from the flash: partition table, otadata, and of the app that they select its header, its
// description and the SHA-256 at its end. Some 4 KB are read, half a second at 921600 baud.
//
// The SHA-256 at the end is read on purpose: a description lies at the start of an app, and is there as well when the
// rest was never written.
#ifndef FERRY_UPDATER_RUNNING_H
#define FERRY_UPDATER_RUNNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/base/manifest.h"
#include "updater/limits.h"

enum ferry_running_state {
    FERRY_RUNNING_UNKNOWN = 0, // not looked at, or it cannot be told (encrypted, secure download mode, no description)
    FERRY_RUNNING_BLANK,       // there is no firmware: where the partition table and the bootloader would be, all is FF
    FERRY_RUNNING_KNOWN,
};

struct ferry_running {
    enum ferry_running_state state;
    char project[FERRY_CARGO_NAME], version[FERRY_CARGO_NAME]; // KNOWN: what the app calls itself, "" = nothing
    uint8_t sha256[32]; // KNOWN: of the app: as a file (link), or as appended to it (ROM); all 0 = not known
};

// From a receiver's answer; info NULL = UNKNOWN.
void ferry_running_from_info(const struct ferry_target_info *info, struct ferry_running *out);

// Reads of the flash that one look needs at most, and the bytes of the longest one.
#define FERRY_RUNNING_READS 22
#define FERRY_RUNNING_READ_MAX 0xC00u

// From the flash. bytes: 0 with buf filled, or negative. FERRY_ERR_STATE = the bytes are on their way: that is
// returned, and the call is made again, from the start, when they are there. Other failures: 0 with UNKNOWN.
// FERRY_ERR_NO_MEMORY. bootloader: address of the chip's bootloader.
int ferry_running_read(int (*bytes)(void *ctx, uint32_t address, uint8_t *buf, size_t len), void *ctx,
                       uint32_t bootloader, struct ferry_running *out);

// sha256 in hex, "" when it is not known.
void ferry_running_hex(const struct ferry_running *self, char out[65]);

#endif
