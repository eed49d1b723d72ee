// The two sectors of otadata, changed so that power may go at any moment and bits may change in any order.
//
// An entry begins to count when its crc is complete, which is written last, and it ends to count when one bit of its
// crc is gone: both are one program of 4 bytes. Only an entry that does not count is erased.
//
// The home of a firmware is the sector whose entry names it for good; behind that entry lie the sink's records
// (sink_record.h). A factory app has no entry: its home is a sector whose entry is blank. The bootloader rewrites, and
// with it erases the rest of, only sectors in state NEW or PENDING_VERIFY: never the home of the firmware that is
// gone back to. docs/decisions/0005-sinks.md has the cases.
#ifndef FERRY_SINK_SINK_OTADATA_H
#define FERRY_SINK_SINK_OTADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/codec/otadata.h"
#include "ferry/io/flash.h"

struct ferry_sink_otadata {
    const struct ferry_flash *flash;
    uint32_t address; // of the first sector
    uint8_t slots;    // OTA rows in the partition table
    struct ferry_otadata_entry entries[2];
};

// Reads both entries. All functions: 0, FERRY_ERR_STORAGE_READ, FERRY_ERR_WRITE_FAILED.
int ferry_sink_otadata_load(struct ferry_sink_otadata *self);
uint32_t ferry_sink_otadata_sector(const struct ferry_sink_otadata *self, int entry);
// The slot an entry names, whether it counts or not; -1 = its number is empty.
int ferry_sink_otadata_names(const struct ferry_sink_otadata *self, int entry);
// The entry that decides, -1 = none.
int ferry_sink_otadata_winner(const struct ferry_sink_otadata *self);
// The entry stops counting; it is not erased.
int ferry_sink_otadata_strike(struct ferry_sink_otadata *self, int entry);
// The sector becomes blank, its records go as well.
int ferry_sink_otadata_forget(struct ferry_sink_otadata *self, int entry);
// Writes an entry into a sector whose entry is blank.
int ferry_sink_otadata_write(struct ferry_sink_otadata *self, int entry, uint32_t seq, uint32_t state);
// A number that names slot and is greater than that of entry `than` (-1: the smallest that names it).
uint32_t ferry_sink_otadata_seq(const struct ferry_sink_otadata *self, int slot, int than);
// The home of what runs (slot number as in sink_layout.h), as things are; -1 = it has none.
int ferry_sink_otadata_home(const struct ferry_sink_otadata *self, int running);
// Makes the running firmware the one that is selected, explicitly and alone; the other sector is blank afterwards.
// *home = its home. with_room: there is room for one more record in it, even if older records have to go.
int ferry_sink_otadata_settle(struct ferry_sink_otadata *self, int running, bool with_room, int *home);

#endif
