#include "sim/chip/rom.h"

#include <string.h>

#include "ferry/base/bytes.h"

enum op {
    FLASH_BEGIN = 0x02,
    FLASH_DATA = 0x03,
    FLASH_END = 0x04,
    MEM_BEGIN = 0x05,
    MEM_END = 0x06,
    MEM_DATA = 0x07,
    SYNC = 0x08,
    WRITE_REG = 0x09,
    READ_REG = 0x0a,
    SPI_SET_PARAMS = 0x0b,
    SPI_ATTACH = 0x0d,
    READ_FLASH_SLOW = 0x0e,
    CHANGE_BAUDRATE = 0x0f,
    FLASH_DEFL_BEGIN = 0x10,
    FLASH_DEFL_DATA = 0x11,
    FLASH_DEFL_END = 0x12,
    SPI_FLASH_MD5 = 0x13,
    GET_SECURITY_INFO = 0x14,
};

enum error {
    BAD_REQUEST = 0x05,
    FAILED = 0x06,
    BAD_CHECKSUM = 0x07,
};

#define MAX_BLOCK 0x1800u
#define MAX_REQUEST (MAX_BLOCK + 16u)
#define COMMAND_US 20u // decoding and answering, beside what a command does

static const uint8_t END = 0xc0, ESC = 0xdb, ESC_END = 0xdc, ESC_ESC = 0xdd;

void sim_rom_reset(struct sim_rom *self)
{
    const struct sim_model *m = self->model;
    self->slip = SIM_ROM_OUTSIDE;
    self->request_len = 0;
    memset(self->request, 0, sizeof self->request);
    memset(self->answer, 0, sizeof self->answer);
    memset(self->window, 0, sizeof self->window);
    memset(&self->deflate, 0, sizeof self->deflate);
    self->window_at = 0;
    self->answer[0] = 1;
    self->error = 0;
    self->session = (struct sim_rom_session){.size = m->stale.size,
                                             .blocks = m->stale.blocks,
                                             .block_size = m->stale.block_size,
                                             .seq = m->stale.seq,
                                             .written = m->stale.written,
                                             .address = m->stale.address,
                                             .encrypted = m->stale.encrypted};
    sim_inflate_init(&self->inflate);
    self->chip_size = 2u << 20;
    self->block_size = SIM_FLASH_BLOCK;
    self->sector_size = SIM_FLASH_SECTOR;
    self->page_size = 256;
    self->leave = self->reboot = self->flash_read = self->status_written = false;
    self->commands = 0;
    self->out_len = 0;
}

uint32_t sim_rom_word(const struct sim_rom *self, unsigned offset)
{
    return ferry_load32le(self->request + offset);
}

void sim_rom_spend(struct sim_rom *self, uint64_t us)
{
    self->busy_us += us;
    sim_flash_pass(self->flash, us);
}

static unsigned request_size(const struct sim_rom *self)
{
    return ferry_load16le(self->request + 2);
}

static bool refuse(struct sim_rom *self, uint32_t error)
{
    self->error = error;
    return false;
}

static uint8_t checksum(const uint8_t *bytes, uint32_t len)
{
    uint8_t x = 0xef;
    for (uint32_t i = 0; i < len; i++) {
        x ^= bytes[i];
    }
    return x;
}

// What all *_DATA commands test, in the ROM's order: the number is used up before the checksum is looked at.
bool sim_rom_block_ok(struct sim_rom *self, struct sim_rom_session *session, uint32_t granule)
{
    uint32_t len = sim_rom_word(self, 8);
    if (request_size(self) > MAX_REQUEST || sim_rom_word(self, 12) != session->seq || len > session->block_size ||
        len % granule) {
        return refuse(self, BAD_REQUEST);
    }
    if (len > SIM_ROM_REQUEST - 24) { // only with a block size that no BEGIN accepts: reads past the buffer
        self->then = SIM_ROM_HANGS;
        return false;
    }
    session->seq++;
    if (checksum(self->request + 24, len) != self->request[4]) {
        return refuse(self, BAD_CHECKSUM);
    }
    return true;
}

static bool mem_begin(struct sim_rom *self)
{
    if (request_size(self) != 16 || sim_rom_word(self, 16) > MAX_BLOCK) {
        return refuse(self, BAD_REQUEST);
    }
    self->session.size = sim_rom_word(self, 8);
    self->session.blocks = sim_rom_word(self, 12);
    self->session.block_size = sim_rom_word(self, 16);
    self->session.address = sim_rom_word(self, 20);
    self->session.seq = self->session.written = 0;
    return true;
}

static bool touch(struct sim_rom *self, uint32_t address)
{
    if (sim_regs_faults(self->regs, address)) {
        self->then = self->model->panics ? SIM_ROM_PANICS : SIM_ROM_HANGS;
        return false;
    }
    return true;
}

static bool mem_data(struct sim_rom *self)
{
    if (!sim_rom_block_ok(self, &self->session, 1)) {
        return false;
    }
    uint32_t len = sim_rom_word(self, 8);
    self->storing = true;
    if (len && !touch(self, self->session.address)) {
        return false;
    }
    sim_regs_store(self->regs, self->session.address, self->request + 24, len);
    self->session.written += len;
    self->session.address += len;
    return true;
}

static bool mem_end(struct sim_rom *self)
{
    if (request_size(self) > 8) {
        return refuse(self, BAD_REQUEST);
    }
    self->leave = !self->request[8];
    self->entry = sim_rom_word(self, 12);
    return true;
}

// FLASH_END leaves the loader whatever it answers; FLASH_DEFL_END looks at the same things but stays.
static bool flash_end(struct sim_rom *self, const struct sim_rom_session *session, bool deflated)
{
    self->entry = 0;
    self->leave = self->leave || !deflated;
    if (session->seq != session->blocks || (!deflated && session->size != session->written)) {
        return refuse(self, FAILED);
    }
    self->reboot = !self->request[8];
    self->status_written = true;
    sim_regs_lock_flash(self->regs, true); // the next BEGIN takes it off again
    return true;
}

static void set_value(struct sim_rom *self, uint32_t value)
{
    ferry_store32le(self->answer + 4, value);
}

static bool write_reg(struct sim_rom *self)
{
    unsigned count = request_size(self) / 16;
    for (unsigned i = 0; i < count && 8 + i * 16 + 16 <= sizeof self->request; i++) {
        uint32_t address = sim_rom_word(self, 8 + i * 16), value = sim_rom_word(self, 12 + i * 16);
        uint32_t mask = sim_rom_word(self, 16 + i * 16);
        sim_rom_spend(self, sim_rom_word(self, 20 + i * 16));
        if (!touch(self, address)) {
            return false;
        }
        uint32_t old = sim_regs_read(self->regs, address);
        sim_regs_write(self->regs, address, (old & ~mask) | (value & mask));
    }
    sim_rom_spend(self, sim_regs_spi_time(self->regs));
    self->error = 0;
    return true;
}

static bool read_reg(struct sim_rom *self)
{
    uint32_t address = sim_rom_word(self, 8);
    if (!touch(self, address)) {
        return false;
    }
    set_value(self, sim_regs_read(self->regs, address));
    self->error = 0;
    return true;
}

static bool set_params(struct sim_rom *self)
{
    if (request_size(self) != 24) {
        return refuse(self, BAD_REQUEST);
    }
    self->chip_size = sim_rom_word(self, 12);
    self->block_size = sim_rom_word(self, 16);
    self->sector_size = sim_rom_word(self, 20);
    self->page_size = sim_rom_word(self, 24);
    return true;
}

static bool change_baudrate(struct sim_rom *self)
{
    uint32_t rate = sim_rom_word(self, 8);
    if (self->request[12]) {
        self->divider = rate; // taken as it is
    } else if (rate) {
        self->divider = self->clock_16ths / rate;
    } else if (self->model->panics) {
        self->divider = UINT32_MAX; // what a RISC-V core makes of a division by zero
    } else {
        self->then = SIM_ROM_HANGS;
        return false;
    }
    self->error = 0;
    return true;
}

static bool get_security_info(struct sim_rom *self)
{
    const struct sim_model *m = self->model;
    uint8_t *body = self->answer + 8;
    uint32_t crypt = m->crypt_count.address ? sim_regs_read(self->regs, m->crypt_count.address) : 0;
    uint32_t boot = m->secure_boot.address ? sim_regs_read(self->regs, m->secure_boot.address) : 0;
    uint32_t flags = (boot >> m->secure_boot.bit & 1) | (self->secure_download ? 4u : 0);
    memset(body, 0, m->security_len);
    ferry_store32le(body, flags);
    body[4] = (uint8_t)(crypt >> m->crypt_count.bit & ((1u << m->crypt_count.width) - 1));
    if (flags & 1) {
        body[5] = 9; // key purpose SECURE_BOOT_DIGEST0
    }
    if (body[4]) {
        body[6] = 4; // key purpose XTS_AES_128_KEY
    }
    body[11] = m->security_last_purpose;
    if (m->security_len == 20) {
        ferry_store32le(body + 12, m->id);
        ferry_store32le(body + 16, m->eco);
    }
    return true;
}

// Executes one known command; *body = length of its answer's body.
static bool execute(struct sim_rom *self, uint8_t op, unsigned *body)
{
    switch ((enum op)op) {
    case FLASH_BEGIN:
        return sim_rom_flash_begin(self);
    case FLASH_DATA:
        return sim_rom_flash_data(self);
    case FLASH_END:
        return flash_end(self, &self->session, false);
    case MEM_BEGIN:
        return mem_begin(self);
    case MEM_END:
        return mem_end(self);
    case MEM_DATA:
        return mem_data(self);
    case SYNC:
        set_value(self, sim_rom_word(self, 8));
        self->error = 0;
        return true;
    case WRITE_REG:
        return write_reg(self);
    case READ_REG:
        return read_reg(self);
    case SPI_SET_PARAMS:
        return set_params(self);
    case SPI_ATTACH:
        sim_regs_attach_flash(self->regs);
        self->error = 0;
        return true;
    case READ_FLASH_SLOW:
        *body = 64;
        return sim_rom_read_flash(self);
    case CHANGE_BAUDRATE:
        return change_baudrate(self);
    case FLASH_DEFL_BEGIN:
        return sim_rom_deflate_begin(self);
    case FLASH_DEFL_DATA:
        return sim_rom_deflate_data(self);
    case FLASH_DEFL_END:
        return flash_end(self, &self->deflate, true);
    case SPI_FLASH_MD5:
        *body = 32;
        return sim_rom_md5(self);
    case GET_SECURITY_INFO:
        *body = self->model->security_len;
        return get_security_info(self);
    }
    return refuse(self, BAD_REQUEST);
}

static bool is_known(const struct sim_rom *self, uint8_t op)
{
    static const uint32_t SECURE_DOWNLOAD = 1u << FLASH_BEGIN | 1u << FLASH_DATA | 1u << FLASH_END | 1u << SYNC |
                                            1u << SPI_SET_PARAMS | 1u << SPI_ATTACH | 1u << CHANGE_BAUDRATE |
                                            1u << GET_SECURITY_INFO;
    if (op < FLASH_BEGIN || op == 0x0c || op > self->model->last_op) {
        return false;
    }
    if (op == SPI_SET_PARAMS && self->model->last_op < SPI_ATTACH) {
        return false;
    }
    return !self->secure_download || (SECURE_DOWNLOAD >> op & 1u);
}

static void put_escaped(struct sim_rom *self, const uint8_t *bytes, size_t len)
{
    self->out[self->out_len++] = END;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == END || bytes[i] == ESC) {
            self->out[self->out_len++] = ESC;
            self->out[self->out_len++] = bytes[i] == END ? ESC_END : ESC_ESC;
        } else {
            self->out[self->out_len++] = bytes[i];
        }
    }
    self->out[self->out_len++] = END;
}

static void put_answer(struct sim_rom *self, bool good, unsigned body)
{
    unsigned status = self->model->status_len;
    self->answer[8 + body] = !good;
    self->answer[9 + body] = (uint8_t)self->error;
    ferry_store16le(self->answer + 2, (uint16_t)(body + status));
    for (unsigned i = self->answer[1] == SYNC ? 8 : 1; i; i--) {
        put_escaped(self, self->answer, 8 + body + status);
    }
}

static void run_request(struct sim_rom *self)
{
    uint8_t op = self->request[1];
    unsigned body = 0;
    bool known = !self->request[0] && is_known(self, op);
    self->out_len = 0;
    self->busy_us = 0;
    self->divider = 0;
    self->then = SIM_ROM_STAYS;
    self->storing = false;
    self->commands++;
    sim_rom_spend(self, COMMAND_US);
    bool good = known ? execute(self, op, &body) : refuse(self, BAD_REQUEST);
    if (self->then != SIM_ROM_STAYS) {
        return;
    }
    if (known) {
        self->answer[1] = op;
    }
    if (self->reboot) {
        self->error = 0;
    }
    put_answer(self, good, body);
    if (self->reboot || self->divider) { // each sends an empty frame before it goes on
        self->out[self->out_len++] = END;
        self->out[self->out_len++] = END;
    }
    if (self->reboot || (self->leave && self->secure_download)) {
        self->then = SIM_ROM_REBOOTS;
    } else if (self->leave) {
        self->then = op == MEM_END ? SIM_ROM_RUNS : SIM_ROM_LEAVES;
    }
}

static void keep(struct sim_rom *self, uint8_t byte)
{
    if (self->request_len < SIM_ROM_REQUEST) {
        self->request[self->request_len++] = byte;
    }
}

bool sim_rom_byte(struct sim_rom *self, uint8_t byte)
{
    switch (self->slip) {
    case SIM_ROM_OUTSIDE:
        self->slip = byte == END ? SIM_ROM_INSIDE : SIM_ROM_OUTSIDE;
        self->request_len = 0;
        return false;
    case SIM_ROM_INSIDE:
        if (byte == ESC) {
            self->slip = SIM_ROM_ESCAPED;
        } else if (byte != END) {
            keep(self, byte);
        } else if (self->request_len) {
            self->slip = SIM_ROM_OUTSIDE;
            run_request(self);
            return true;
        }
        return false;
    case SIM_ROM_ESCAPED: // any other byte is taken as it is
        keep(self, byte == ESC_END ? END : byte == ESC_ESC ? ESC : byte);
        self->slip = SIM_ROM_INSIDE;
        return false;
    }
    return false;
}
