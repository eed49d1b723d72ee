// A data partition as a sink: the contents of SPIFFS, LittleFS, NVS, FAT or anything else that the partition table
// lists as data, by its label. Never an app, otadata, or the partition table; and no partition that overlaps one of
// them.
//
// The contents are replaced in place: there is no second copy to go back to. Of the first 16 bytes the sink keeps the
// real ones until all the rest is right, so that a file system that was written half is not taken for a whole one
// (it does not mount). It keeps no notes: after a reset everything that may be there is proved by its hashes.
#ifndef FERRY_SINK_SINK_PARTITION_H
#define FERRY_SINK_SINK_PARTITION_H

#include "ferry/io/digest.h"
#include "ferry/io/flash.h"
#include "ferry/io/sink.h"
#include "ferry/sink/sink_flash.h"
#include "ferry/sink/sink_layout.h"

#define FERRY_SINK_PARTITION_HEAD 16

struct ferry_sink_partition {
    const struct ferry_flash *flash;
    const struct ferry_digest *digest;
    uint32_t table; // address of the partition table
    // The update that is open.
    bool open, done;
    struct ferry_manifest manifest;
    struct ferry_sink_place place;
    uint8_t head[FERRY_SINK_PARTITION_HEAD];
    uint8_t head_len, head_size; // that have come; that are withheld
    uint32_t ready_from, ready_to;
    struct ferry_sink_flash_hash hash;
};

// table: 0 = 0x8000. flash and digest stay the caller's. 0, FERRY_ERR_ARG.
int ferry_sink_partition_init(struct ferry_sink_partition *self, const struct ferry_flash *flash,
                              const struct ferry_digest *digest, uint32_t table);
// self must outlive it. info() lists the data partitions that can be written; confirm() is always 0, revert()
// FERRY_ERR_STATE, reboot() 0. begin() besides: FERRY_ERR_NO_PLACE (no such label, not data, or protected).
struct ferry_sink ferry_sink_partition(struct ferry_sink_partition *self);
// Adds the data partitions to info's slots, as far as they fit.
int ferry_sink_partition_list(const struct ferry_sink_partition *self, struct ferry_target_info *info);

#endif
