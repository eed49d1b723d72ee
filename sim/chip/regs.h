// The address space as READ_REG, WRITE_REG and MEM_DATA see it: memory that keeps what is written (RAM, and registers
// without a model), the SPI1 peripheral with the flash behind it, efuse words, the UART's clock divider, the ROM's
// magic.
#ifndef SIM_CHIP_REGS_H
#define SIM_CHIP_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/chip/model.h"
#include "sim/flash/flash.h"

struct sim_regs_cfg {
    const struct sim_model *model;
    struct sim_flash *flash; // the caller's
    bool recorded;           // register values of the emulator the vectors come from, where they differ from silicon
    bool secure_download, flash_encryption, secure_boot;
    uint16_t revision; // major * 100 + minor
    uint8_t mac[6];    // all 0 = the vectors' chip
};

struct sim_regs;
struct sim_regs *sim_regs_new(const struct sim_regs_cfg *cfg); // NULL: no memory
void sim_regs_free(struct sim_regs *self);
void sim_regs_reset(struct sim_regs *self); // as after a reset: RAM is 0, registers have their defaults

uint32_t sim_regs_read(struct sim_regs *self, uint32_t address);
void sim_regs_write(struct sim_regs *self, uint32_t address, uint32_t value);
void sim_regs_store(struct sim_regs *self, uint32_t address, const uint8_t *bytes, size_t len);
// A load from there makes the core panic.
bool sim_regs_faults(const struct sim_regs *self, uint32_t address);
void sim_regs_set_uart_divider(struct sim_regs *self, uint32_t sixteenths);
// Time that flash commands through SPI1 took since the last call, us.
uint64_t sim_regs_spi_time(struct sim_regs *self);
// SPI1 gets its pins: before that (after each reset) the flash commands of the registers reach no flash and read 0,
// except on the recorded chip.
void sim_regs_attach_flash(struct sim_regs *self);
// Block protection in the flash's status register: while it is set, programs and erases do nothing.
bool sim_regs_flash_locked(const struct sim_regs *self);
void sim_regs_lock_flash(struct sim_regs *self, bool lock);

#endif
