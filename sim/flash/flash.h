// A NOR flash: programming only clears bits, erasing is by whole sectors, both take time and wear, power can go in the
// middle of any operation. Memory is the caller's or allocated here.
#ifndef SIM_FLASH_FLASH_H
#define SIM_FLASH_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_FLASH_SECTOR 4096u
#define SIM_FLASH_BLOCK 65536u

// Typical times of a W25Q32 (datasheet) and of the ROM's 32-byte program pieces; 0 = the default named here.
struct sim_flash_cfg {
    uint32_t size;            // bytes, a power of two; 0 = 4 MiB
    uint32_t jedec_id;        // manufacturer | type << 8 | capacity << 16; 0 = C8 40 and the size's capacity byte
    uint32_t sector_erase_us; // 45000
    uint32_t block_erase_us;  // 150000
    uint32_t program_256_us;  // 1100, for 256 bytes in pieces of 32
    uint32_t seed;            // for torn operations
};

enum sim_flash_cut {      // what a power cut leaves of the operation that it hits
    SIM_FLASH_CUT_BEFORE, // nothing of it
    SIM_FLASH_CUT_TORN,   // a part: cut_permille of the bytes programmed, or of the sector erased, one byte half done
    SIM_FLASH_CUT_AFTER,  // all of it
};

struct sim_flash;
struct sim_flash *sim_flash_new(const struct sim_flash_cfg *cfg); // all FF; NULL: size not a power of two, no memory
// The same on the caller's memory of cfg->size bytes (a mapped file, say), whose contents are kept. NULL memory: as
// new.
struct sim_flash *sim_flash_on(const struct sim_flash_cfg *cfg, uint8_t *memory);
void sim_flash_free(struct sim_flash *self);
uint32_t sim_flash_size(const struct sim_flash *self);
uint32_t sim_flash_jedec(const struct sim_flash *self);
uint8_t *sim_flash_bytes(struct sim_flash *self); // the contents, for tests and for loading and saving files

// Operations: the time they take in us, or -1 (range; or power was cut: sim_flash_dead()). A program of any length is
// one operation; addresses of erases are rounded down to their unit.
int64_t sim_flash_program(struct sim_flash *self, uint32_t address, const uint8_t *bytes, size_t len);
int64_t sim_flash_erase_sector(struct sim_flash *self, uint32_t address);
int64_t sim_flash_erase_block(struct sim_flash *self, uint32_t address);
int64_t sim_flash_erase_chip(struct sim_flash *self);

// The operation number `op` (counted from 0 since the last call) is hit by a power cut of that kind; from then on all
// operations fail until sim_flash_power_on(). UINT64_MAX = none.
void sim_flash_cut_at(struct sim_flash *self, uint64_t op, enum sim_flash_cut kind, unsigned cut_permille);
bool sim_flash_dead(const struct sim_flash *self);
void sim_flash_power_on(struct sim_flash *self);

// Operations take effect when called, and their duration is only returned. Whoever keeps a clock calls start_at()
// before a group of operations: they then count as done one after the other from that moment, and interrupt_at() takes
// back those that had not begun by then. The one under way is completed (a reset of the processor: the flash chip
// finishes by itself) or, with power_lost, torn at that point; then the flash is dead until power_on().
void sim_flash_start_at(struct sim_flash *self, uint64_t now_us); // UINT64_MAX: nobody keeps a clock any more
void sim_flash_pass(struct sim_flash *self, uint64_t us);         // time that passes between two operations of a group
void sim_flash_interrupt_at(struct sim_flash *self, uint64_t now_us, bool power_lost);

uint64_t sim_flash_ops(const struct sim_flash *self); // operations done since sim_flash_cut_at or new
uint32_t sim_flash_erases(const struct sim_flash *self, uint32_t sector); // wear of one sector
uint64_t sim_flash_bits_refused(const struct sim_flash *self); // bits that a program would have had to set from 0 to 1
uint64_t sim_flash_sector_erases(const struct sim_flash *self), sim_flash_block_erases(const struct sim_flash *self);
uint64_t sim_flash_bytes_programmed(const struct sim_flash *self);

#endif
