// What the sinks on raw flash share: blank or not, erasing only what is not, and hashing in pieces.
#ifndef FERRY_SINK_SINK_FLASH_H
#define FERRY_SINK_SINK_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/digest.h"
#include "ferry/io/flash.h"

// Read at once, into the stack. Each read stops the other core of a chip that has two.
#define FERRY_SINK_FLASH_PIECE 1024u

bool ferry_sink_flash_all_ff(const uint8_t *bytes, size_t len);
// 1: all FF, 0: not; FERRY_ERR_STORAGE_READ.
int ferry_sink_flash_blank(const struct ferry_flash *flash, uint32_t address, uint32_t len);
// Erases a sector or a block, unless it is blank. 0, FERRY_SINK_BUSY, FERRY_ERR_STORAGE_READ, FERRY_ERR_WRITE_FAILED.
int ferry_sink_flash_erase(const struct ferry_flash *flash, uint32_t address, uint32_t len);

// A hash under way; zero before the first step.
struct ferry_sink_flash_hash {
    uint32_t offset, len, at;
    bool busy, blank;
};
// Reads bytes as they are to be hashed. 1: in flash all of them are FF, 0: not; negative: an error.
typedef int ferry_sink_flash_read(void *ctx, uint32_t at, uint8_t *raw, size_t len);
// As struct ferry_sink's hash(): 64 KiB a call. Another offset or len than the last time starts over. 0,
// FERRY_SINK_BUSY, FERRY_ERR_STORAGE_READ.
int ferry_sink_flash_hash(struct ferry_sink_flash_hash *self, const struct ferry_digest *digest, uint32_t offset,
                          uint32_t len, ferry_sink_flash_read *read, void *ctx, uint8_t sha256[32], bool *blank);

#endif
