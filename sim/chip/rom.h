// The mask ROM's serial loader: SLIP frames in, answers out, everything it keeps between commands. One general model of
// the code in the ROM (see README.md here): one request buffer that keeps its old contents, one answer
// buffer whose bytes are only overwritten where the command writes, one error word that is cleared by few commands.
// It knows no time and no line: it says how long a command kept the processor busy.
#ifndef SIM_CHIP_ROM_H
#define SIM_CHIP_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/chip/inflate.h"
#include "sim/chip/model.h"
#include "sim/chip/regs.h"
#include "sim/flash/flash.h"

#define SIM_ROM_REQUEST 8192u // longer frames are cut
#define SIM_ROM_BODY 64u
#define SIM_ROM_OUT 512u

enum sim_rom_then {  // what follows the answer
    SIM_ROM_STAYS,   // the loader waits for the next request
    SIM_ROM_HANGS,   // without an answer, until reset
    SIM_ROM_PANICS,  // a register dump instead of an answer, then nothing until reset
    SIM_ROM_REBOOTS, // software reset
    SIM_ROM_LEAVES,  // the loader ends without a program to run
    SIM_ROM_RUNS,    // the program at `entry` is called
};

struct sim_rom_session { // of FLASH_* and MEM_*, which share one; of FLASH_DEFL_*
    uint32_t size, blocks, block_size, seq, written, address;
    bool encrypted;
};

struct sim_rom {
    const struct sim_model *model;
    struct sim_flash *flash;
    struct sim_regs *regs;
    bool secure_download, no_manual_encrypt;
    uint32_t clock_16ths; // UART clock times 16 as the ROM takes it, for CHANGE_BAUDRATE

    enum { SIM_ROM_OUTSIDE, SIM_ROM_INSIDE, SIM_ROM_ESCAPED } slip;
    uint8_t request[SIM_ROM_REQUEST + 4];
    size_t request_len;
    uint8_t answer[8 + SIM_ROM_BODY + 4];
    uint32_t error;
    struct sim_rom_session session, deflate;
    struct sim_inflate inflate;
    uint8_t window[SIM_INFLATE_WINDOW];
    size_t window_at;
    uint32_t chip_size, block_size, sector_size, page_size; // of the flash, from SPI_SET_PARAMS
    bool leave, reboot;
    bool flash_read, status_written; // since reset, by the ROM's own SPI functions
    uint32_t commands;               // executed since reset

    // What the last command did.
    uint8_t out[SIM_ROM_OUT];
    size_t out_len;
    uint64_t busy_us;
    enum sim_rom_then then;
    bool storing; // SIM_ROM_PANICS: over a store, not a load
    uint32_t entry;
    uint32_t divider; // CHANGE_BAUDRATE: new clock divider in 1/16, 0 = none. Takes effect behind the answer.
};

// model, flash, regs, secure_download and no_manual_encrypt are filled in by the caller before.
void sim_rom_reset(struct sim_rom *self);
// A byte off the receive ring. true: a command was executed, the fields of "what the last command did" are fresh.
bool sim_rom_byte(struct sim_rom *self, uint8_t byte);

// For the commands that touch the flash (rom_flash.c). Each returns false on refusal, with self->error set.
bool sim_rom_flash_begin(struct sim_rom *self);
bool sim_rom_flash_data(struct sim_rom *self);
bool sim_rom_deflate_begin(struct sim_rom *self);
bool sim_rom_deflate_data(struct sim_rom *self);
bool sim_rom_md5(struct sim_rom *self);
bool sim_rom_read_flash(struct sim_rom *self);
bool sim_rom_block_ok(struct sim_rom *self, struct sim_rom_session *session, uint32_t granule);
uint32_t sim_rom_word(const struct sim_rom *self, unsigned offset);
void sim_rom_spend(struct sim_rom *self, uint64_t us);

#endif
