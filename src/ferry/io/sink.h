// A sink: where a receiver puts what arrives. begin, (prepare, chunk ...) ..., end; or abort. An OTA slot, a data
// partition, a file.
//
// The receiver engine decides what happens when; pump/receiver_pump.h calls these functions for it, one at a time and
// never nested. Any of them may block as long as the flash does, unless it says "not yet" (FERRY_SINK_BUSY): then it is
// called again with the same arguments, soon, until it says something else. A sink that blocks in prepare() with
// interrupts off sets info.deaf, so that the engine silences the sender first.
//
// Power may go at any moment. Whatever a sink has done by then, the target must still boot the old firmware, until
// end() has selected the new one in one atomic step; and a begin() with the same manifest afterwards continues.
#ifndef FERRY_IO_SINK_H
#define FERRY_IO_SINK_H

#include "ferry/base/manifest.h"
#include <stddef.h>

#define FERRY_SINK_BUSY 1      // not yet: call again
#define FERRY_SINK_SECTOR 4096 // prepare() and resume work in units of it

struct ferry_sink_plan {
    // Bytes from the start that may hold parts of just this image already (an unfinished update, or a slot that might
    // hold an older build). 0 = nothing worth hashing; size = everything may. The updater proves them with hash().
    uint32_t have;
    // The first bytes that the sink keeps in RAM until end(), so that a partial image is never bootable. They are
    // sent first and after every begin(); hash() counts them as they will be. 0 = none; at most 256.
    uint16_t withheld;
};

struct ferry_sink {
    void *ctx;
    // What the target is. From RAM or at least quick; called at every hello. 0, or a negative status.
    int (*info)(void *ctx, struct ferry_target_info *out);
    // Accepts or refuses. Erases nothing, writes nothing to flash that would change what boots. The engine has checked
    // kind, codec, signature, options, size > 0 and (when named) the chip; the sink checks all that it alone knows.
    // 0; FERRY_ERR_NO_SLOT (no second slot, or the only other one is the running one), FERRY_ERR_TOO_LARGE_PARTITION,
    // FERRY_ERR_NO_PLACE (no partition of that name), FERRY_ERR_IMAGE_FORMAT, _IMAGE_CHIP, _IMAGE_REVISION (by the
    // manifest's head), FERRY_ERR_STATE (running firmware is itself on trial), FERRY_ERR_UNSUPPORTED (kind),
    // FERRY_ERR_NO_SPACE. Called again while an update is open: continues it (same SHA-256 and size) or replaces it.
    int (*begin)(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan);
    // Makes offset .. *ready_to writable (offset < *ready_to): erases what is not blank already. Erases nothing below
    // offset's sector and nothing from `end` rounded up to the next sector on, for there may be proved data. offset is
    // a multiple of the sector, or plan.withheld; or 0 with end = plan.withheld: then there is nothing to erase. It
    // chooses the amount: 64 KiB when aligned, single sectors else. 0, FERRY_SINK_BUSY, FERRY_ERR_WRITE_FAILED.
    int (*prepare)(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to);
    // Writes bytes that lie in what was prepared, from a multiple of info.write_unit on; offsets ascend within a range,
    // unless info.any_order says that they need not (a lost chunk then holds up only its own page). Returns how many it
    // took (1 .. len), 0 = not yet, FERRY_ERR_WRITE_FAILED, FERRY_ERR_STORAGE_WRITE, or an IMAGE error found in the
    // bytes.
    int (*chunk)(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len);
    // SHA-256 of what is in flash (read back, not remembered); *blank = all of it is FF. 0, FERRY_SINK_BUSY (works in
    // pieces), FERRY_ERR_STORAGE_READ.
    int (*hash)(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank);
    // All is there and its SHA-256 is right: checks the format, writes what was withheld, then selects in one atomic
    // step. 0, FERRY_SINK_BUSY, FERRY_ERR_WRITE_FAILED, FERRY_ERR_VERIFY, an IMAGE error. Called twice: the same 0.
    int (*end)(void *ctx);
    // Forgets the unfinished update; the old firmware stays. 0 or a negative status.
    int (*abort)(void *ctx);
    // The running firmware, on trial, stays. 0 (also when it was confirmed already), FERRY_ERR_STATE.
    int (*confirm)(void *ctx);
    // The running firmware, on trial, is given up for this reason: the old one will be started by the next reboot.
    // 0, FERRY_ERR_STATE (not on trial, or nothing to go back to).
    int (*revert)(void *ctx, enum ferry_give_up reason);
    // Restarts the target. On a chip it does not return. 0 elsewhere.
    int (*reboot)(void *ctx);
};

#endif
