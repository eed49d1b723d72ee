// Where a target's firmware and data lie: its partition table, read row by row, so that it costs little RAM. The table
// is not judged here: the bootloader has started from it.
#ifndef FERRY_SINK_SINK_LAYOUT_H
#define FERRY_SINK_SINK_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/base/manifest.h"
#include "ferry/io/flash.h"

#define FERRY_SINK_LAYOUT_OTA 16

struct ferry_sink_place {
    uint32_t address, size; // bytes; size 0 = there is none
};

struct ferry_sink_row {
    uint8_t type, subtype;
    struct ferry_sink_place place;
    char label[FERRY_MANIFEST_LABEL];
};

struct ferry_sink_layout {
    uint32_t table;    // address of the partition table
    uint8_t ota_rows;  // how many rows ota_x there are: the bootloader counts slots by them
    uint8_t ota_count; // ota_0 .. that the bootloader can ever start: number below ota_rows, row there
    struct ferry_sink_place ota[FERRY_SINK_LAYOUT_OTA], factory, test, otadata;
};

// Reads the table at this address. 0; FERRY_ERR_PARTITION_TABLE: no row at all, or one outside the flash or off the
// sector borders; FERRY_ERR_STORAGE_READ.
int ferry_sink_layout_read(struct ferry_sink_layout *self, const struct ferry_flash *flash, uint32_t table);
// Row number `index`: 1 and the row, 0 at the end of the table, FERRY_ERR_STORAGE_READ.
int ferry_sink_layout_row(const struct ferry_flash *flash, uint32_t table, unsigned index, struct ferry_sink_row *row);
// The number of the slot at this address: 0 .. 15, -1 = factory, -2 = test, -3 = none of these.
int ferry_sink_layout_slot_at(const struct ferry_sink_layout *self, uint32_t address);
// Slot number -2 .. 15 as above.
struct ferry_sink_place ferry_sink_layout_place(const struct ferry_sink_layout *self, int slot);

#endif
