#include "sim/flash/flash_port.h"

#include <string.h>

#include "ferry/base/status.h"

static int port_read(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    struct sim_flash_port *self = ctx;
    uint32_t size = sim_flash_size(self->flash);
    if (sim_flash_dead(self->flash) || address > size || len > size - address)
        return FERRY_ERR_STORAGE_READ;
    memcpy(bytes, sim_flash_bytes(self->flash) + address, len);
    return FERRY_OK;
}

static int done(struct sim_flash_port *self, int64_t took_us)
{
    if (took_us < 0)
        return FERRY_ERR_WRITE_FAILED;
    self->took_us += (uint64_t)took_us;
    return FERRY_OK;
}

static int port_program(void *ctx, uint32_t address, const uint8_t *bytes, size_t len)
{
    struct sim_flash_port *self = ctx;
    return done(self, sim_flash_program(self->flash, address, bytes, len));
}

static int port_erase(void *ctx, uint32_t address, uint32_t len)
{
    struct sim_flash_port *self = ctx;
    if ((len != FERRY_FLASH_SECTOR && len != FERRY_FLASH_BLOCK) || address % len)
        return FERRY_ERR_WRITE_FAILED;
    return done(self, len == FERRY_FLASH_SECTOR ? sim_flash_erase_sector(self->flash, address)
                                                : sim_flash_erase_block(self->flash, address));
}

struct ferry_flash sim_flash_port_init(struct sim_flash_port *self, struct sim_flash *flash)
{
    self->flash = flash;
    self->took_us = 0;
    struct ferry_flash port = {self, sim_flash_size(flash), port_read, port_program, port_erase};
    return port;
}
