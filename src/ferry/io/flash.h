// Raw NOR flash as a sink needs it: read anywhere, program (which only clears bits), erase whole units (to FF).
//
// Addresses count from the start of the flash. No function is called while another one runs, and none may cache: what
// read() gives is what a reset would find. All of them may block as long as the flash does; erase() may say "not yet"
// instead. Flash encryption is not covered: an encrypted flash cannot clear single bits of what it holds.
#ifndef FERRY_IO_FLASH_H
#define FERRY_IO_FLASH_H

#include <stddef.h>
#include <stdint.h>

#define FERRY_FLASH_SECTOR 4096u // smallest unit that can be erased
#define FERRY_FLASH_BLOCK 65536u // erased at once it takes about as long as three sectors
#define FERRY_FLASH_BUSY 1       // erase(): not yet, call again with the same arguments

struct ferry_flash {
    void *ctx;
    uint32_t size; // bytes
    // 0, or FERRY_ERR_STORAGE_READ (also when the range leaves the flash).
    int (*read)(void *ctx, uint32_t address, uint8_t *bytes, size_t len);
    // Clears the bits that are 0 in bytes; any address, any length, also across pages. 0, or FERRY_ERR_WRITE_FAILED.
    int (*program)(void *ctx, uint32_t address, const uint8_t *bytes, size_t len);
    // len is FERRY_FLASH_SECTOR or FERRY_FLASH_BLOCK, address a multiple of it. 0, FERRY_FLASH_BUSY, or
    // FERRY_ERR_WRITE_FAILED.
    int (*erase)(void *ctx, uint32_t address, uint32_t len);
};

#endif
