#include "sim/chip/regs.h"

#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"

#define PAGE 4096u
#define MAX_PAGES 4096u // 16 MiB of address space touched at most
#define MAGIC_ADDRESS 0x40001000u

#define SPI_CMD 0x00u
#define SPI_ADDR 0x04u
#define CMD_USR (1u << 18)
#define CMD_PROGRAM_AND_ERASE 0xfff80000u // the older one-bit commands, all done at once
#define USR_COMMAND (1u << 31)
#define USR_ADDR (1u << 30)
#define USR_MISO (1u << 28)
#define USR_MOSI (1u << 27)

#define WRITE_ENABLED 0x02u // status register 1
#define BLOCK_PROTECT 0x1cu

struct page {
    uint32_t number;
    uint32_t words[PAGE / 4];
};

struct sim_regs {
    struct sim_regs_cfg cfg;
    struct page **pages; // sorted by number
    size_t count, room;
    uint8_t status[3]; // the flash's status registers
    bool attached;     // SPI1 has its pins: commands reach the flash
    uint64_t spi_us;
};

struct sim_regs *sim_regs_new(const struct sim_regs_cfg *cfg)
{
    struct sim_regs *self = calloc(1, sizeof *self);
    if (self) {
        self->cfg = *cfg;
        sim_regs_reset(self);
    }
    return self;
}

static void drop_pages(struct sim_regs *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->pages[i]);
    }
    self->count = 0;
}

void sim_regs_free(struct sim_regs *self)
{
    if (self) {
        drop_pages(self);
        free(self->pages);
        free(self);
    }
}

static size_t place_of(const struct sim_regs *self, uint32_t number)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->pages[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct page *page_of(struct sim_regs *self, uint32_t address, bool make)
{
    uint32_t number = address / PAGE;
    size_t at = place_of(self, number);
    if (at < self->count && self->pages[at]->number == number) {
        return self->pages[at];
    }
    if (!make || self->count >= MAX_PAGES) {
        return NULL;
    }
    if (self->count == self->room) {
        size_t room = self->room ? self->room * 2 : 16;
        struct page **bigger = realloc(self->pages, room * sizeof *bigger);
        if (!bigger) {
            return NULL;
        }
        self->pages = bigger;
        self->room = room;
    }
    struct page *fresh = calloc(1, sizeof *fresh);
    if (fresh) {
        fresh->number = number;
        memmove(self->pages + at + 1, self->pages + at, (self->count - at) * sizeof *self->pages);
        self->pages[at] = fresh;
        self->count++;
    }
    return fresh;
}

static uint32_t peek(struct sim_regs *self, uint32_t address)
{
    struct page *page = page_of(self, address, false);
    return page ? page->words[address % PAGE / 4] : 0;
}

static void poke(struct sim_regs *self, uint32_t address, uint32_t value)
{
    struct page *page = page_of(self, address, value != 0);
    if (page) {
        page->words[address % PAGE / 4] = value;
    }
}

static void set_field(struct sim_regs *self, struct sim_field field, uint32_t value)
{
    if (field.address) {
        uint32_t mask = ((1u << field.width) - 1) << field.bit;
        poke(self, field.address, (peek(self, field.address) & ~mask) | (value << field.bit & mask));
    }
}

// The ESP32 spreads its major revision over three places (ESP-IDF, efuse_hal.c of the esp32).
static void set_esp32_major(struct sim_regs *self, unsigned major)
{
    static const uint8_t PATTERN[4] = {0, 1, 3, 7};
    unsigned bits = PATTERN[major < 4 ? major : 3];
    set_field(self, (struct sim_field){0x3ff5a00c, 15, 1}, bits & 1);
    set_field(self, (struct sim_field){0x3ff5a014, 20, 1}, bits >> 1 & 1);
    set_field(self, (struct sim_field){0x3ff6607c, 31, 1}, bits >> 2 & 1);
}

static void set_revision(struct sim_regs *self)
{
    const struct sim_model *m = self->cfg.model;
    if (!self->cfg.revision) {
        return;
    }
    unsigned major = self->cfg.revision / 100u, minor = self->cfg.revision % 100u;
    set_field(self, m->minor_low, minor);
    set_field(self, m->minor_high, minor >> m->minor_low.width);
    set_field(self, m->major_low, major);
    set_field(self, m->major_high, major >> m->major_low.width);
    if (m->mac_low == 0x3ff5a004) {
        set_esp32_major(self, major);
    }
}

static uint8_t crc8(const uint8_t *bytes, size_t len)
{
    uint8_t crc = 0; // polynomial 0x31 reflected, as the ESP32 keeps behind its MAC
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++) {
            crc = (uint8_t)(crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1);
        }
    }
    return crc;
}

static void set_mac(struct sim_regs *self, const uint8_t mac[6])
{
    const struct sim_model *m = self->cfg.model;
    if (!m->mac_low) { // ESP8266: the last three bytes, and the vendor's prefix in the fourth word
        poke(self, m->efuse_base, (uint32_t)mac[5] << 24);
        poke(self, m->efuse_base + 4, (uint32_t)mac[3] << 8 | mac[4] | 2u << 16);
        poke(self, m->efuse_base + 8, 1u << 15);
        poke(self, m->efuse_base + 12, (uint32_t)mac[0] << 16 | (uint32_t)mac[1] << 8 | mac[2]);
        return;
    }
    uint32_t low = (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
    poke(self, m->mac_low, low);
    poke(self, m->mac_high, (uint32_t)m->mac_ext << 16 | (uint32_t)mac[0] << 8 | mac[1]);
}

static void set_identity(struct sim_regs *self)
{
    static const uint8_t ESP32_MAC[6] = {0x10, 0x01, 0x00, 0xc4, 0x0a, 0x24};
    static const uint8_t OTHER_MAC[6] = {0xc4, 0x0a, 0x24, 0xfe, 0x10, 0x01};
    static const uint8_t NONE[6] = {0};
    const struct sim_model *m = self->cfg.model;
    if (memcmp(self->cfg.mac, NONE, 6)) {
        set_mac(self, self->cfg.mac);
        if (m->mac_low == 0x3ff5a004) {
            poke(self, m->mac_high, peek(self, m->mac_high) | (uint32_t)crc8(self->cfg.mac, 6) << 16);
        }
    } else if (m->mac_low == 0x3ff5a004) { // with the emulator's byte behind the MAC
        set_mac(self, ESP32_MAC);
        poke(self, m->mac_high, 0x00fe1001);
    } else {
        set_mac(self, OTHER_MAC);
    }
}

static void set_security(struct sim_regs *self)
{
    const struct sim_model *m = self->cfg.model;
    if (self->cfg.flash_encryption) {
        set_field(self, m->crypt_count, (1u << m->crypt_count.width) - 1);
        set_field(self, m->no_manual_encrypt, 1);
    }
    set_field(self, m->secure_boot, self->cfg.secure_boot);
    set_field(self, m->secure_download, self->cfg.secure_download);
}

void sim_regs_reset(struct sim_regs *self)
{
    const struct sim_model *m = self->cfg.model;
    const struct sim_reg *set = self->cfg.recorded ? m->recorded : m->silicon;
    drop_pages(self);
    self->attached = self->cfg.recorded; // the emulator's flash needs no pins
    for (size_t i = 0; i < sizeof m->silicon / sizeof m->silicon[0]; i++) {
        if (set[i].address) {
            poke(self, set[i].address, set[i].value);
        }
    }
    poke(self, MAGIC_ADDRESS, m->magic);
    poke(self, m->spi.base + m->spi.usr, m->spi.usr_default);
    poke(self, m->spi.base + m->spi.usr2, m->spi.usr2_default);
    set_identity(self);
    set_revision(self);
    set_security(self);
}

static uint32_t spi_get(struct sim_regs *self, uint32_t offset)
{
    return peek(self, self->cfg.model->spi.base + offset);
}

static uint8_t w_byte(struct sim_regs *self, unsigned i)
{
    return (uint8_t)(spi_get(self, self->cfg.model->spi.w0 + (i & ~3u)) >> (i & 3u) * 8);
}

static void set_w(struct sim_regs *self, const uint8_t *bytes, unsigned len)
{
    uint32_t w0 = self->cfg.model->spi.base + self->cfg.model->spi.w0;
    uint8_t padded[64] = {0};
    memcpy(padded, bytes, len);
    for (unsigned i = 0; i < len; i += 4) {
        poke(self, w0 + i, ferry_load32le(padded + i));
    }
}

static void read_flash(struct sim_regs *self, uint32_t address, uint8_t *out, unsigned len)
{
    uint32_t size = sim_flash_size(self->cfg.flash);
    for (unsigned i = 0; i < len; i++) {
        out[i] = sim_flash_bytes(self->cfg.flash)[(address + i) % size];
    }
}

static void flash_write_op(struct sim_regs *self, uint8_t code, uint32_t address, unsigned mosi_len)
{
    if (!self->attached) {
        return;
    }
    struct sim_flash *flash = self->cfg.flash;
    uint8_t data[64];
    int64_t us = 0;
    if (!(self->status[0] & WRITE_ENABLED)) {
        return;
    }
    self->status[0] &= (uint8_t)~WRITE_ENABLED;
    if (sim_regs_flash_locked(self) && code != 0x01 && code != 0x31 && code != 0x11) {
        return;
    }
    address %= sim_flash_size(flash);
    switch (code) {
    case 0x02: // page program
        for (unsigned i = 0; i < mosi_len; i++) {
            data[i] = w_byte(self, i);
        }
        us = sim_flash_program(flash, address, data, mosi_len);
        break;
    case 0x20:
        us = sim_flash_erase_sector(flash, address);
        break;
    case 0xd8:
        us = sim_flash_erase_block(flash, address);
        break;
    case 0xc7:
    case 0x60:
        us = sim_flash_erase_chip(flash);
        break;
    case 0x01: // write status: one or two registers
        self->status[0] = w_byte(self, 0) & 0xfc;
        self->status[1] = mosi_len > 1 ? w_byte(self, 1) : self->status[1];
        break;
    case 0x31:
    case 0x11:
        self->status[code == 0x31 ? 1 : 2] = w_byte(self, 0);
        break;
    default:
        break;
    }
    self->spi_us += us > 0 ? (uint64_t)us : 0;
}

// Serial Flash Discoverable Parameters (JESD216 rev. 1.0): header, one parameter header, basic flash parameters.
static void read_sfdp(const struct sim_regs *self, uint32_t address, uint8_t *out, unsigned len)
{
    uint8_t sfdp[0x54];
    static const uint8_t HEADERS[16] = {'S', 'F', 'D', 'P', 0, 1, 0, 0xff, 0, 0, 1, 9, 0x30, 0, 0, 0xff};
    static const uint8_t BASIC[36] = {0xe5, 0x20, 0xf1, 0xff, 0,    0,    0,    0,    0x44, 0xeb, 0x08, 0x6b,
                                      0x08, 0x3b, 0x04, 0xbb, 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff,
                                      0xff, 0xff, 0x00, 0xff, 0x0c, 0x20, 0x0f, 0x52, 0x10, 0xd8, 0x00, 0xff};
    memset(sfdp, 0xff, sizeof sfdp);
    memcpy(sfdp, HEADERS, sizeof HEADERS);
    memcpy(sfdp + 0x30, BASIC, sizeof BASIC);
    ferry_store32le(sfdp + 0x34, sim_flash_size(self->cfg.flash) * 8 - 1); // density in bits, less one
    for (unsigned i = 0; i < len; i++)
        out[i] = address + i < sizeof sfdp ? sfdp[address + i] : 0xff;
}

// What the flash answers to a read command: nothing without pins; no SFDP in the recorded dialogues.
static void flash_read_op(struct sim_regs *self, uint8_t code, uint32_t address, uint8_t *out, unsigned len)
{
    uint32_t id = sim_flash_jedec(self->cfg.flash);
    static const uint8_t UNIQUE_ID[8] = {0xd1, 0x64, 0x34, 0xb0, 0x17, 0x29, 0x5a, 0x38};
    memset(out, 0, 64);
    if (!self->attached) {
        return;
    }
    switch (code) {
    case 0x5a:
        if (!self->cfg.recorded) {
            read_sfdp(self, address, out, len);
        }
        break;
    case 0x9f:
        ferry_store32le(out, id);
        break;
    case 0x05:
    case 0x35:
    case 0x15:
        memset(out, self->status[code == 0x05 ? 0 : code == 0x35 ? 1 : 2], len);
        break;
    case 0x03:
    case 0x0b:
        read_flash(self, address, out, len);
        break;
    case 0x4b:
        memcpy(out, UNIQUE_ID, sizeof UNIQUE_ID);
        break;
    default:
        break;
    }
}

static unsigned data_len(struct sim_regs *self, bool mosi)
{
    const struct sim_spi *spi = &self->cfg.model->spi;
    uint32_t bits;
    if (spi->mosi_dlen) {
        bits = spi_get(self, mosi ? spi->mosi_dlen : spi->miso_dlen) + 1;
    } else {
        bits = (spi_get(self, spi->usr1) >> (mosi ? 17 : 8) & 0x1ff) + 1;
    }
    unsigned bytes = (bits + 7) / 8;
    return bytes <= 64 ? bytes : 64;
}

static void user_command(struct sim_regs *self)
{
    const struct sim_spi *spi = &self->cfg.model->spi;
    uint32_t usr = spi_get(self, spi->usr), address = 0;
    if (!(usr & USR_COMMAND)) {
        return;
    }
    uint8_t code = (uint8_t)spi_get(self, spi->usr2);
    if (usr & USR_ADDR) {
        unsigned bits = (spi_get(self, spi->usr1) >> 26) + 1;
        address = spi_get(self, SPI_ADDR);
        address = spi->addr_msb && bits < 32 ? address >> (32 - bits) : address;
    }
    if (code == 0x06 || code == 0x04) {
        self->status[0] = (uint8_t)((self->status[0] & ~WRITE_ENABLED) | (code == 0x06 ? WRITE_ENABLED : 0));
    }
    flash_write_op(self, code, address, usr & USR_MOSI ? data_len(self, true) : 0);
    if (usr & USR_MISO) {
        uint8_t out[64];
        unsigned len = data_len(self, false);
        flash_read_op(self, code, address, out, len);
        if (code == 0x9f && len > 3) {
            out[3] = 0;
        }
        set_w(self, out, len);
    }
}

// The one-bit commands of SPI_CMD_REG (technical reference manuals, SPI_CMD_REG).
static void one_bit_command(struct sim_regs *self, uint32_t cmd)
{
    uint32_t address = spi_get(self, SPI_ADDR) & 0xffffff;
    if (cmd & 1u << 30) {
        self->status[0] |= WRITE_ENABLED;
    }
    if (cmd & 1u << 28) {
        uint8_t id[64];
        flash_read_op(self, 0x9f, 0, id, 4);
        set_w(self, id, 4);
    }
    if (cmd & 1u << 24) {
        flash_write_op(self, 0x20, address, 0);
    }
    if (cmd & 1u << 23) {
        flash_write_op(self, 0xd8, address, 0);
    }
    if (cmd & 1u << 22) {
        flash_write_op(self, 0xc7, 0, 0);
    }
}

static bool is_read_only(const struct sim_regs *self, uint32_t address)
{
    const struct sim_model *m = self->cfg.model;
    return address - m->efuse_base < m->efuse_len || address == MAGIC_ADDRESS ||
           (address >= 0x40000000 && address < 0x40050000);
}

uint32_t sim_regs_read(struct sim_regs *self, uint32_t address)
{
    unsigned shift = (address & 3u) * 8; // a misaligned load takes from both words
    uint32_t low = peek(self, address & ~3u);
    return shift ? low >> shift | peek(self, (address & ~3u) + 4) << (32 - shift) : low;
}

void sim_regs_write(struct sim_regs *self, uint32_t address, uint32_t value)
{
    if (address & 3u) {
        uint8_t bytes[4];
        ferry_store32le(bytes, value);
        sim_regs_store(self, address, bytes, sizeof bytes);
        return;
    }
    if (is_read_only(self, address)) {
        return;
    }
    if (address == self->cfg.model->spi.base + SPI_CMD) {
        if (value & CMD_USR) {
            user_command(self);
        } else if (value & CMD_PROGRAM_AND_ERASE) {
            one_bit_command(self, value);
        }
        return; // done at once: the bits read 0
    }
    poke(self, address, value);
}

void sim_regs_store(struct sim_regs *self, uint32_t address, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++, address++) {
        if (is_read_only(self, address & ~3u)) {
            continue;
        }
        unsigned shift = (address & 3u) * 8;
        uint32_t word = peek(self, address & ~3u);
        poke(self, address & ~3u, (word & ~(0xffu << shift)) | (uint32_t)bytes[i] << shift);
    }
}

bool sim_regs_faults(const struct sim_regs *self, uint32_t address)
{
    const struct sim_model *m = self->cfg.model;
    if (!m->mapped[0].to) { // not known in detail: below lies nothing on any of the chips
        return address < 0x30000000;
    }
    for (size_t i = 0; i < sizeof m->mapped / sizeof m->mapped[0]; i++) {
        if (address >= m->mapped[i].from && address < m->mapped[i].to) {
            return false;
        }
    }
    // The emulator has the memory of a display there, and recorded dialogues read it. On silicon the gaps of the CPU's
    // internal memory read as something: esptool's own tests read and write 0x400C0000 on every chip.
    uint32_t from = self->cfg.recorded ? 0x20000000 : 0x40000000, to = self->cfg.recorded ? 0x201d4c00 : 0x42000000;
    return address < from || address >= to;
}

void sim_regs_attach_flash(struct sim_regs *self)
{
    self->attached = true;
}

void sim_regs_set_uart_divider(struct sim_regs *self, uint32_t sixteenths)
{
    poke(self, self->cfg.model->uart_clkdiv, (sixteenths >> 4 & 0xfffffu) | (sixteenths & 15u) << 20);
}

uint64_t sim_regs_spi_time(struct sim_regs *self)
{
    uint64_t us = self->spi_us;
    self->spi_us = 0;
    return us;
}

bool sim_regs_flash_locked(const struct sim_regs *self)
{
    return self->status[0] & BLOCK_PROTECT;
}

void sim_regs_lock_flash(struct sim_regs *self, bool lock)
{
    self->status[0] = lock ? BLOCK_PROTECT : 0;
}
