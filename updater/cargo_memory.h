// The memory map of the chips, as far as images name addresses in it.
#ifndef FERRY_UPDATER_CARGO_MEMORY_H
#define FERRY_UPDATER_CARGO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/codec/image.h"

// "DROM", "IROM", "DRAM", "IRAM", "RTC", "padding" (load address 0): where an address lies; NULL = no memory that is
// known for this chip (or a chip that the map does not have).
const char *ferry_cargo_memory_name(uint16_t chip_id, uint32_t address);
// Whether that is where flash is mapped: "DROM", "IROM", "flash".
bool ferry_cargo_memory_mapped(const char *name);
// Why a bootloader would refuse the segment: an address without memory, or a flash-mapped segment that does not lie at
// its own offset modulo the page size when its image is at image_address in the flash. NULL = it would not.
const char *ferry_cargo_memory_problem(uint16_t chip_id, const struct ferry_image_segment *segment,
                                       uint32_t image_address);

#endif
