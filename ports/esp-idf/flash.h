// The chip's main flash for the sinks (io/flash.h): read as it lies there (through a mapped window of 64 KB, which is
// let go before each change), changed through esp_partition.
//
// Only what lies whole inside one partition of the table is ever programmed or erased, and never the partition that
// runs nor anything of the app or bootloader's outside the table: everything else is FERRY_ERR_WRITE_FAILED, whoever
// asks. Flash encryption: an encrypted flash cannot clear single bits, so this is refused at the start.
#ifndef PORTS_ESP_IDF_FLASH_H
#define PORTS_ESP_IDF_FLASH_H

#include <stdbool.h>

#include "ferry/io/flash.h"
#include "ports/esp-idf/error.h"

// Fills *flash. One task at a time uses it. 0; FERRY_ERR_UNSUPPORTED: flash encryption is on; FERRY_ERR_FLASH_SIZE.
// Erasing and programming block their task; other tasks run in between as CONFIG_SPI_FLASH_YIELD_DURING_ERASE says.
int ferry_idf_flash_open(struct ferry_flash *flash, struct ferry_idf_error *error);

#endif
