#include "sim/flash/flash.h"

#include <stdlib.h>
#include <string.h>

enum op_kind { OP_PROGRAM, OP_ERASE };

// One operation of the group under way, with what the flash held before it.
struct undo {
    enum op_kind kind;
    uint64_t start_us, end_us;
    uint32_t address, len;
    size_t saved; // offset in self->saved: old bytes, and behind them the new ones for OP_PROGRAM
};

struct sim_flash {
    struct sim_flash_cfg cfg;
    uint8_t *bytes;
    bool own_bytes;
    uint32_t *wear;
    uint64_t ops, cut_op, refused, sector_erases, block_erases, programmed;
    enum sim_flash_cut cut_kind;
    unsigned cut_permille;
    bool dead;
    uint32_t noise;
    bool journal;
    uint64_t clock_us;
    struct undo *undo;
    size_t undo_count, undo_room;
    uint8_t *saved;
    size_t saved_len, saved_room;
};

static uint8_t capacity_code(uint32_t size)
{
    uint8_t code = 0;
    while (size > 1u << code) {
        code++;
    }
    return code;
}

static void set_defaults(struct sim_flash_cfg *cfg)
{
    cfg->size = cfg->size ? cfg->size : 4u << 20;
    cfg->sector_erase_us = cfg->sector_erase_us ? cfg->sector_erase_us : 45000;
    cfg->block_erase_us = cfg->block_erase_us ? cfg->block_erase_us : 150000;
    cfg->program_256_us = cfg->program_256_us ? cfg->program_256_us : 1100;
    if (!cfg->jedec_id) {
        cfg->jedec_id = 0x40c8u | (uint32_t)capacity_code(cfg->size) << 16;
    }
}

struct sim_flash *sim_flash_on(const struct sim_flash_cfg *cfg, uint8_t *memory)
{
    struct sim_flash *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->cfg = *cfg;
    set_defaults(&self->cfg);
    uint32_t size = self->cfg.size;
    self->own_bytes = !memory;
    self->wear = calloc(size / SIM_FLASH_SECTOR + 1, sizeof *self->wear);
    self->bytes = memory ? memory : malloc(size);
    if ((size & (size - 1)) || size < SIM_FLASH_BLOCK || !self->wear || !self->bytes) {
        sim_flash_free(self);
        return NULL;
    }
    if (self->own_bytes) {
        memset(self->bytes, 0xff, size);
    }
    self->cut_op = UINT64_MAX;
    self->noise = self->cfg.seed ? self->cfg.seed : 0x9e3779b9u;
    return self;
}

struct sim_flash *sim_flash_new(const struct sim_flash_cfg *cfg)
{
    return sim_flash_on(cfg, NULL);
}

void sim_flash_free(struct sim_flash *self)
{
    if (!self) {
        return;
    }
    if (self->own_bytes) {
        free(self->bytes);
    }
    free(self->wear);
    free(self->undo);
    free(self->saved);
    free(self);
}

uint32_t sim_flash_size(const struct sim_flash *self)
{
    return self->cfg.size;
}

uint32_t sim_flash_jedec(const struct sim_flash *self)
{
    return self->cfg.jedec_id;
}

uint8_t *sim_flash_bytes(struct sim_flash *self)
{
    return self->bytes;
}

static uint8_t next_noise(struct sim_flash *self)
{
    self->noise = self->noise * 1664525u + 1013904223u;
    return (uint8_t)(self->noise >> 24);
}

static void *grown(void *memory, size_t *room, size_t need, size_t item)
{
    if (need <= *room) {
        return memory;
    }
    size_t wanted = *room ? *room : 64;
    while (wanted < need) {
        wanted *= 2;
    }
    void *bigger = realloc(memory, wanted * item);
    if (!bigger) {
        abort(); // the simulator has no way to go on without its record
    }
    *room = wanted;
    return bigger;
}

static void save_bytes(struct sim_flash *self, const uint8_t *bytes, size_t len)
{
    self->saved = grown(self->saved, &self->saved_room, self->saved_len + len, 1);
    memcpy(self->saved + self->saved_len, bytes, len);
    self->saved_len += len;
}

static void remember(struct sim_flash *self, enum op_kind kind, uint32_t address, const uint8_t *bytes, uint32_t len,
                     uint64_t took_us)
{
    if (!self->journal) {
        return;
    }
    self->undo = grown(self->undo, &self->undo_room, self->undo_count + 1, sizeof *self->undo);
    struct undo *u = &self->undo[self->undo_count++];
    u->kind = kind;
    u->start_us = self->clock_us;
    u->end_us = self->clock_us + took_us;
    u->address = address;
    u->len = len;
    u->saved = self->saved_len;
    save_bytes(self, self->bytes + address, len);
    if (bytes) {
        save_bytes(self, bytes, len);
    }
    self->clock_us = u->end_us;
}

static void program_part(struct sim_flash *self, uint32_t address, const uint8_t *bytes, size_t done, size_t len)
{
    uint8_t *at = self->bytes + address;
    for (size_t i = 0; i < done; i++) {
        at[i] &= bytes[i];
    }
    if (done < len) { // some of the bits of this byte were already low
        at[done] &= (uint8_t)(bytes[done] | next_noise(self));
    }
}

static void erase_part(struct sim_flash *self, uint32_t address, size_t done, size_t len)
{
    memset(self->bytes + address, 0xff, done);
    if (done < len) {
        self->bytes[address + done] |= next_noise(self);
    }
}

// How much of an operation of `len` bytes takes place: SIZE_MAX = nothing of it (power is off, or goes before it).
static size_t share(struct sim_flash *self, size_t len)
{
    if (self->dead) {
        return SIZE_MAX;
    }
    if (self->ops++ != self->cut_op) {
        return len;
    }
    self->dead = true;
    switch (self->cut_kind) {
    case SIM_FLASH_CUT_BEFORE:
        return SIZE_MAX;
    case SIM_FLASH_CUT_TORN:
        return len * (self->cut_permille < 1000 ? self->cut_permille : 999) / 1000;
    case SIM_FLASH_CUT_AFTER:
        break;
    }
    return len;
}

static bool outside(const struct sim_flash *self, uint32_t address, size_t len)
{
    return address > self->cfg.size || len > self->cfg.size - address;
}

static void count_refused(struct sim_flash *self, uint32_t address, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned wanted = bytes[i] & (unsigned)~self->bytes[address + i] & 0xffu;
        while (wanted) {
            self->refused += wanted & 1u;
            wanted >>= 1;
        }
    }
}

int64_t sim_flash_program(struct sim_flash *self, uint32_t address, const uint8_t *bytes, size_t len)
{
    if (outside(self, address, len)) {
        return -1;
    }
    size_t done = share(self, len);
    if (done == SIZE_MAX) {
        return -1;
    }
    uint64_t took_us = (len + 31) / 32 * self->cfg.program_256_us / 8;
    remember(self, OP_PROGRAM, address, bytes, (uint32_t)len, took_us);
    count_refused(self, address, bytes, done);
    program_part(self, address, bytes, done, len);
    self->programmed += done;
    return self->dead ? -1 : (int64_t)took_us;
}

static int64_t erase(struct sim_flash *self, uint32_t address, uint32_t len, uint32_t took_us)
{
    if (outside(self, address, len)) {
        return -1;
    }
    size_t done = share(self, len);
    if (done == SIZE_MAX) {
        return -1;
    }
    remember(self, OP_ERASE, address, NULL, len, took_us);
    for (uint32_t i = 0; i < len / SIM_FLASH_SECTOR; i++) {
        self->wear[address / SIM_FLASH_SECTOR + i]++;
    }
    erase_part(self, address, done, len);
    return self->dead ? -1 : (int64_t)took_us;
}

int64_t sim_flash_erase_sector(struct sim_flash *self, uint32_t address)
{
    self->sector_erases += !self->dead;
    return erase(self, address & ~(SIM_FLASH_SECTOR - 1), SIM_FLASH_SECTOR, self->cfg.sector_erase_us);
}

int64_t sim_flash_erase_block(struct sim_flash *self, uint32_t address)
{
    self->block_erases += !self->dead;
    return erase(self, address & ~(SIM_FLASH_BLOCK - 1), SIM_FLASH_BLOCK, self->cfg.block_erase_us);
}

int64_t sim_flash_erase_chip(struct sim_flash *self)
{
    uint32_t took_us = self->cfg.size / SIM_FLASH_BLOCK * self->cfg.block_erase_us / 2;
    return erase(self, 0, self->cfg.size, took_us);
}

void sim_flash_cut_at(struct sim_flash *self, uint64_t op, enum sim_flash_cut kind, unsigned cut_permille)
{
    self->ops = 0;
    self->cut_op = op;
    self->cut_kind = kind;
    self->cut_permille = cut_permille;
}

bool sim_flash_dead(const struct sim_flash *self)
{
    return self->dead;
}

void sim_flash_power_on(struct sim_flash *self)
{
    self->dead = false;
    self->cut_op = UINT64_MAX;
}

void sim_flash_start_at(struct sim_flash *self, uint64_t now_us)
{
    self->journal = now_us != UINT64_MAX;
    self->clock_us = now_us;
    self->undo_count = 0;
    self->saved_len = 0;
}

void sim_flash_pass(struct sim_flash *self, uint64_t us)
{
    self->clock_us += us;
}

// The operation was under way when the power went.
static void tear(struct sim_flash *self, const struct undo *u, uint64_t now_us)
{
    uint64_t took = u->end_us - u->start_us;
    size_t done = took ? (size_t)(u->len * (now_us - u->start_us) / took) : u->len;
    memcpy(self->bytes + u->address, self->saved + u->saved, u->len);
    if (u->kind == OP_PROGRAM) {
        program_part(self, u->address, self->saved + u->saved + u->len, done, u->len);
    } else {
        erase_part(self, u->address, done, u->len);
    }
}

static void take_back(struct sim_flash *self, const struct undo *u)
{
    memcpy(self->bytes + u->address, self->saved + u->saved, u->len);
    if (u->kind == OP_ERASE) {
        for (uint32_t i = 0; i < u->len / SIM_FLASH_SECTOR; i++) {
            self->wear[u->address / SIM_FLASH_SECTOR + i]--;
        }
    }
}

void sim_flash_interrupt_at(struct sim_flash *self, uint64_t now_us, bool power_lost)
{
    while (self->undo_count) {
        const struct undo *u = &self->undo[--self->undo_count];
        if (u->end_us <= now_us) {
            break;
        }
        if (u->start_us >= now_us) {
            take_back(self, u);
        } else if (power_lost) {
            tear(self, u, now_us);
        }
    }
    self->undo_count = 0;
    self->dead = self->dead || power_lost;
}

uint64_t sim_flash_ops(const struct sim_flash *self)
{
    return self->ops;
}

uint32_t sim_flash_erases(const struct sim_flash *self, uint32_t sector)
{
    return sector < self->cfg.size / SIM_FLASH_SECTOR ? self->wear[sector] : 0;
}

uint64_t sim_flash_bits_refused(const struct sim_flash *self)
{
    return self->refused;
}

uint64_t sim_flash_sector_erases(const struct sim_flash *self)
{
    return self->sector_erases;
}

uint64_t sim_flash_block_erases(const struct sim_flash *self)
{
    return self->block_erases;
}

uint64_t sim_flash_bytes_programmed(const struct sim_flash *self)
{
    return self->programmed;
}
