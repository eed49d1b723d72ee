// The loader's commands that write, read and digest the flash, on top of the ROM's SPI functions as they are: a read or
// write past the size of SPI_SET_PARAMS is refused, and most commands do not look at that.
#include <mbedtls/md5.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "sim/chip/rom.h"

enum error {
    BAD_REQUEST = 0x05,
    ERASE_FAILED = 0x06,
    READ_BACK_DIFFERS = 0x08,
    READ_FAILED = 0x09,
    READ_TOO_LONG = 0x0a,
    INFLATE_BASE = 0x0a, // minus the inflater's status
    NOT_ENCRYPTABLE = 0x64,
};

#define MAX_BLOCK 0x1800u
#define READ_NS_PER_BYTE 250u
#define INFLATE_NS_PER_BYTE 100u
#define MD5_BYTES_PER_S 1048576u

static bool refuse(struct sim_rom *self, uint32_t error)
{
    self->error = error;
    return false;
}

static bool past_end(const struct sim_rom *self, uint32_t address, uint32_t len)
{
    return address + len > self->chip_size; // the ROM's sum wraps around
}

static uint32_t in_flash(const struct sim_rom *self, uint32_t address)
{
    return (address & 0xffffffu) & (sim_flash_size(self->flash) - 1);
}

static void account(struct sim_rom *self, int64_t us)
{
    self->busy_us += us > 0 ? (uint64_t)us : 0;
}

#define USR_DUMMY (1u << 29)
#define USR_MOSI (1u << 27)
#define USR_ADDR_MISO 0x50000000u

// The ROM's functions leave their settings in the SPI registers.
static void leave_registers(struct sim_rom *self, bool reading)
{
    const struct sim_spi *spi = &self->model->spi;
    uint32_t usr = sim_regs_read(self->regs, spi->base + spi->usr);
    uint32_t usr1 = sim_regs_read(self->regs, spi->base + spi->usr1);
    if (spi->addr_msb) {
        return;
    }
    usr = reading ? (usr & ~(USR_DUMMY | USR_MOSI)) | USR_ADDR_MISO : usr & ~USR_DUMMY;
    sim_regs_write(self->regs, spi->base + spi->usr, usr);
    sim_regs_write(self->regs, spi->base + spi->usr1, (usr1 & 0x3ffffffu) | 23u << 26);
    if (reading) {
        sim_regs_write(self->regs, spi->base + spi->usr2, 0x70000003u);
    }
}

// Reads whole words: up to three bytes more than asked. false = nothing was read.
static bool read_bytes(struct sim_rom *self, uint32_t address, uint32_t len, uint8_t *out, size_t room)
{
    if (past_end(self, address, len)) {
        return false;
    }
    if (!self->flash_read) {
        self->flash_read = true;
        leave_registers(self, true);
    }
    uint32_t whole = (int32_t)len <= 0 ? 0 : (len + 3) & ~3u;
    for (uint32_t i = 0; i < whole && i < room; i++) {
        out[i] = sim_flash_bytes(self->flash)[in_flash(self, address + i)];
    }
    sim_rom_spend(self, (uint64_t)whole * READ_NS_PER_BYTE / 1000);
    return true;
}

static bool program_page(struct sim_rom *self, uint32_t address, const uint8_t *bytes, uint32_t len)
{
    if (len % 4 || address % self->page_size + len > self->page_size) {
        return false;
    }
    if (len && !sim_regs_flash_locked(self->regs)) {
        account(self, sim_flash_program(self->flash, in_flash(self, address), bytes, len));
    }
    return !sim_flash_dead(self->flash);
}

static bool write_bytes(struct sim_rom *self, uint32_t address, const uint8_t *bytes, uint32_t len)
{
    leave_registers(self, false);
    if (past_end(self, address, len) || !self->page_size || self->page_size > SIM_FLASH_SECTOR) {
        return false;
    }
    uint32_t first = self->page_size - address % self->page_size;
    while (len) {
        uint32_t part = len < first ? len : first;
        if (!program_page(self, address, bytes, part)) {
            return false;
        }
        address += part;
        bytes += part;
        len -= part;
        first = self->page_size;
    }
    return true;
}

static bool erase_sector(struct sim_rom *self, uint32_t sector)
{
    if (sector >= self->chip_size / self->sector_size) {
        return false;
    }
    account(self, sim_flash_erase_sector(self->flash, in_flash(self, sector * self->sector_size)));
    return !sim_flash_dead(self->flash);
}

static bool erase_block(struct sim_rom *self, uint32_t block)
{
    if (block >= self->chip_size / self->block_size) {
        return false;
    }
    account(self, sim_flash_erase_block(self->flash, in_flash(self, block * self->block_size)));
    return !sim_flash_dead(self->flash);
}

// The ROM's SPIEraseArea: sectors up to a block's edge one by one, then blocks while more than a block is left, then
// sectors again. The ESP8266 does not subtract the first part from what is left.
static bool erase_area(struct sim_rom *self, uint32_t start, uint32_t len)
{
    if (past_end(self, start, len) || !self->sector_size || start % self->sector_size ||
        self->block_size < self->sector_size) {
        return false;
    }
    leave_registers(self, false);
    sim_regs_lock_flash(self->regs, false);
    uint32_t per_block = self->block_size / self->sector_size, sector = start / self->sector_size;
    uint32_t left = len / self->sector_size + (len % self->sector_size != 0);
    uint32_t head = per_block - sector % per_block;
    head = head < left ? head : left;
    for (uint32_t i = 0; i < head; i++) {
        if (!erase_sector(self, sector++)) {
            return false;
        }
    }
    left -= self->model->erase_head_twice ? 0 : head;
    for (; left > per_block && sector % per_block == 0; left -= per_block, sector += per_block) {
        if (!erase_block(self, sector / per_block)) {
            return false;
        }
    }
    for (; left; left--) {
        if (!erase_sector(self, sector++)) {
            return false;
        }
    }
    return true;
}

static void set_session(struct sim_rom *self, struct sim_rom_session *session)
{
    session->size = sim_rom_word(self, 8);
    session->blocks = sim_rom_word(self, 12);
    session->block_size = sim_rom_word(self, 16);
    session->address = sim_rom_word(self, 20);
    session->seq = session->written = 0;
}

static bool begin_ok(struct sim_rom *self)
{
    if (ferry_load16le(self->request + 2) != self->model->begin_len || sim_rom_word(self, 16) > MAX_BLOCK) {
        return refuse(self, BAD_REQUEST);
    }
    return true;
}

static bool erase_session(struct sim_rom *self, const struct sim_rom_session *session)
{
    return erase_area(self, session->address, session->size) || refuse(self, ERASE_FAILED);
}

bool sim_rom_flash_begin(struct sim_rom *self)
{
    if (!begin_ok(self)) {
        return false;
    }
    bool encrypted = self->model->begin_len == 20 && sim_rom_word(self, 24);
    if (encrypted && self->no_manual_encrypt) {
        return refuse(self, NOT_ENCRYPTABLE);
    }
    sim_regs_attach_flash(self->regs); // the ESP8266's loader has no SPI_ATTACH and does it here
    set_session(self, &self->session);
    self->session.encrypted = encrypted;
    return erase_session(self, &self->session);
}

bool sim_rom_deflate_begin(struct sim_rom *self)
{
    if (!begin_ok(self)) {
        return false;
    }
    if (self->model->begin_len == 20 && sim_rom_word(self, 24)) {
        return refuse(self, NOT_ENCRYPTABLE);
    }
    set_session(self, &self->deflate);
    sim_inflate_init(&self->inflate);
    self->window_at = 0; // what the window holds stays
    return erase_session(self, &self->deflate);
}

// The cipher is not modelled: what reaches the flash is only certain not to be the plain text.
static void encrypt(uint8_t *bytes, uint32_t address, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        uint32_t x = (address + i) * 2654435761u;
        bytes[i] ^= (uint8_t)(x >> 24 | 1u);
    }
}

static bool write_encrypted(struct sim_rom *self, uint32_t len)
{
    if ((self->session.address | len) & 15u) {
        return refuse(self, NOT_ENCRYPTABLE);
    }
    encrypt(self->request + 24, self->session.address, len);
    for (uint32_t i = 0; i < len && !sim_regs_flash_locked(self->regs);
         i += 16) { // this function of the ROM does not look at the flash's size
        account(self,
                sim_flash_program(self->flash, in_flash(self, self->session.address + i), self->request + 24 + i, 16));
    }
    return true;
}

// The data read back replace the request's, so that they are what a later, shorter request finds there.
static bool write_and_compare(struct sim_rom *self, uint32_t len)
{
    uint8_t x = 0xef, *data = self->request + 24;
    (void)write_bytes(self, self->session.address, data, len);
    (void)read_bytes(self, self->session.address, len, data, SIM_ROM_REQUEST - 24);
    for (uint32_t i = 0; i < len; i++) {
        x ^= data[i];
    }
    return x == self->request[4] || refuse(self, READ_BACK_DIFFERS);
}

bool sim_rom_flash_data(struct sim_rom *self)
{
    if (!sim_rom_block_ok(self, &self->session, 4)) {
        return false;
    }
    uint32_t len = sim_rom_word(self, 8);
    if (!(self->session.encrypted ? write_encrypted(self, len) : write_and_compare(self, len))) {
        return false;
    }
    self->session.written += len;
    self->session.address += len;
    return true;
}

static void write_window(struct sim_rom *self, uint32_t len)
{
    (void)write_bytes(self, self->deflate.address, self->window, len);
}

// false: the inflater neither takes nor gives anything any more, and the ROM waits for it for ever.
static bool inflate_some(struct sim_rom *self, bool last, unsigned *at, enum sim_inflate_status *status)
{
    size_t taken = sim_rom_word(self, 8), made = 0;
    size_t left = taken;
    *status = sim_inflate_run(&self->inflate, self->request + *at, &taken, self->window, self->window_at, &made, last);
    sim_rom_spend(self, made * INFLATE_NS_PER_BYTE / 1000);
    if (*status < 0) {
        return true;
    }
    *at += (unsigned)taken;
    ferry_store32le(self->request + 8, (uint32_t)(left - taken));
    self->window_at += made;
    if (self->window_at == SIM_INFLATE_WINDOW) {
        write_window(self, SIM_INFLATE_WINDOW);
        self->window_at = 0;
        self->deflate.address += SIM_INFLATE_WINDOW;
    }
    bool beyond = self->deflate.address > self->chip_size + 2 * SIM_INFLATE_WINDOW;
    return taken || (made && !beyond) || !left;
}

bool sim_rom_deflate_data(struct sim_rom *self)
{
    struct sim_rom_session *d = &self->deflate;
    if (!sim_rom_block_ok(self, d, 1)) {
        return false;
    }
    bool last = d->seq == d->blocks;
    enum sim_inflate_status status;
    unsigned at = 24;
    do {
        if (!inflate_some(self, last, &at, &status)) {
            self->then = SIM_ROM_HANGS;
            return false;
        }
        if (status < 0) {
            return refuse(self, (uint32_t)(INFLATE_BASE - (int)status));
        }
    } while (sim_rom_word(self, 8));
    if (last) {
        write_window(self, self->model->deflate_tail_32k ? SIM_INFLATE_WINDOW : (uint32_t)(self->window_at + 3) & ~3u);
    }
    return true;
}

static void to_hex(const uint8_t digest[16], uint8_t *out)
{
    static const char HEX[] = "0123456789abcdef";
    for (unsigned i = 0; i < 32; i++) {
        out[i] = (uint8_t)HEX[digest[i / 2] >> (i & 1 ? 0 : 4) & 15];
    }
}

bool sim_rom_md5(struct sim_rom *self)
{
    uint32_t address = sim_rom_word(self, 8);
    int32_t left = (int32_t)sim_rom_word(self, 12);
    uint8_t digest[16], piece[128];
    bool good = true;
    if (ferry_load16le(self->request + 2) > MAX_BLOCK + 16) {
        return refuse(self, BAD_REQUEST);
    }
    mbedtls_md5_context md5;
    mbedtls_md5_init(&md5);
    (void)mbedtls_md5_starts_ret(&md5);
    while (left > 0 && good) {
        uint32_t len = left < 128 ? (uint32_t)left : 128;
        uint64_t before = self->busy_us;
        good = read_bytes(self, address, (len + 3) & ~3u, piece, sizeof piece);
        self->busy_us = before; // the figure for MD5 has the reading in it
        (void)mbedtls_md5_update_ret(&md5, piece, len);
        address += len;
        left -= (int32_t)len;
    }
    (void)mbedtls_md5_finish_ret(&md5, digest);
    mbedtls_md5_free(&md5);
    sim_rom_spend(self, (uint64_t)(address - sim_rom_word(self, 8)) * 1000000u / MD5_BYTES_PER_S);
    if (!good) {
        return refuse(self, READ_FAILED);
    }
    to_hex(digest, self->answer + 8);
    self->error = 0;
    return true;
}

bool sim_rom_read_flash(struct sim_rom *self)
{
    uint32_t len = sim_rom_word(self, 12);
    if (len > SIM_ROM_BODY) {
        return refuse(self, READ_TOO_LONG);
    }
    if (!read_bytes(self, sim_rom_word(self, 8), len, self->answer + 8, SIM_ROM_BODY)) {
        return refuse(self, READ_FAILED);
    }
    self->error = 0;
    return true;
}
