// What the chip prints on UART0.
#include <stdio.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "sim/chip/chip_internal.h"

void sim_chip_send(struct sim_chip *self, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sim_line_put(self->to_host, bytes[i], self->now_ns, self->baud);
    }
}

void sim_chip_print(struct sim_chip *self, const char *text)
{
    sim_chip_send(self, (const uint8_t *)text, strlen(text));
}

static const struct sim_reset_text *strap(const struct sim_chip *self)
{
    if (!self->download) {
        return &self->model->strap_normal;
    }
    return self->cfg.ideal_line ? &self->model->strap_recorded : &self->model->strap_download;
}

static const struct sim_reset_text *reset_cause(const struct sim_chip *self)
{
    switch (self->cause) {
    case CAUSE_SOFTWARE:
        return &self->model->software;
    case CAUSE_WATCHDOG:
        return &self->model->watchdog;
    case CAUSE_POWER_ON:
        break;
    }
    return &self->model->power_on;
}

void sim_chip_print_banner(struct sim_chip *self)
{
    const struct sim_model *m = self->model;
    const struct sim_reset_text *rst = reset_cause(self), *boot = strap(self);
    char line[160];
    sim_chip_print(self, m->banner);
    if (rst->name) {
        (void)snprintf(line, sizeof line, "rst:0x%x (%s),boot:0x%x (%s)\r\n", rst->code, rst->name, boot->code,
                       boot->name);
    } else { // ESP8266
        (void)snprintf(line, sizeof line, "rst cause:%u, boot mode:(%u,6)\r\n\r\n", rst->code, boot->code);
    }
    sim_chip_print(self, line);
    const char *wait = self->cfg.ideal_line && m->wait_recorded ? m->wait_recorded : m->wait;
    if (self->download && wait) {
        sim_chip_print(self, wait);
    }
}

// The C3's ROM lays its receive ring right above the stack of the code that called the loader, so that a panic there
// prints what was received last. The addresses and constant registers are those of the recorded dumps.
#define RING_ADDRESS 0x3fcde718u
#define DUMP_BYTES 1024u
#define REGISTERS 32u

static uint32_t stack_word(const struct sim_chip *self, uint32_t address)
{
    uint32_t offset = address - RING_ADDRESS;
    return offset < self->ring_size && offset + 4 <= sizeof self->ring ? ferry_load32le(self->ring + offset) : 0;
}

static void print_registers(struct sim_chip *self, const uint32_t value[REGISTERS])
{
    static const char *const NAME[REGISTERS] = {"PC", "RA", "SP", "GP", "TP",  "T0",  "T1", "T2", "S0", "S1", "A0",
                                                "A1", "A2", "A3", "A4", "A5",  "A6",  "A7", "S2", "S3", "S4", "S5",
                                                "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4", "T5", "T6"};
    char line[64];
    for (unsigned i = 0; i < REGISTERS; i++) {
        (void)snprintf(line, sizeof line, "%-8s: 0x%08x%s", NAME[i], (unsigned)value[i], i % 4 == 3 ? "\r\n" : "  ");
        sim_chip_print(self, line);
    }
}

static void print_stack(struct sim_chip *self, uint32_t address)
{
    char line[16];
    sim_chip_print(self, "Stack memory:\r\n");
    for (uint32_t i = 0; i < DUMP_BYTES; i += 4) {
        if (i % 32 == 0) {
            (void)snprintf(line, sizeof line, "%08x:", (unsigned)(address + i));
            sim_chip_print(self, line);
        }
        (void)snprintf(line, sizeof line, " 0x%08x", (unsigned)stack_word(self, address + i));
        sim_chip_print(self, line);
        if (i % 32 == 28) {
            sim_chip_print(self, "\r\n");
        }
    }
    sim_chip_print(self, "\r\n");
}

static void print_dump(struct sim_chip *self, const char *what, unsigned cause, const uint32_t value[REGISTERS])
{
    char line[160];
    (void)snprintf(line, sizeof line, "Guru Meditation Error: Core 0 panic'ed (%s)\r\nCore 0 register dump:\r\n", what);
    sim_chip_print(self, line);
    print_registers(self, value);
    (void)snprintf(line, sizeof line,
                   "MSTATUS : 0x00001880  MCAUSE  : 0x%08x  MTVAL   : 0x00000000  INTLEVEL: 0x00000001\r\n\r\n\r\n",
                   cause);
    sim_chip_print(self, line);
    print_stack(self, value[2]);
}

// A load from, or a store to, an address where nothing is. The registers are those of the recorded load.
void sim_chip_print_access_fault(struct sim_chip *self)
{
    const uint32_t value[REGISTERS] = {
        0x4004b6aa, 0x4004bcc6, 0x3fcde620, 0,          0,          0x4004bb40, 0x0000000f, 0x3ff1ba30,
        0x0000000c, 0x3fccae04, 0,          0x3fcde64c, 0x3fcde678, 0x000000c0, 0x00000012, 0,
        0x80000000, 0x00000010, 0x3fcdef18, 0x00002000, 0x3ff1e080, 0x3fccd000, 0,          0,
        0x00000001, 0,          0,          0,          0,          0x3ff1ba70, 0x3ff1ba60, 0x3ff1ba50};
    if (self->rom.storing) {
        print_dump(self, "Store/AMO access fault", 7, value);
    } else {
        print_dump(self, "Load access fault", 5, value);
    }
}

// A jump to 0, which is where FLASH_END leads.
void sim_chip_print_jump_fault(struct sim_chip *self)
{
    const struct sim_spi *spi = &self->model->spi;
    uint32_t value[REGISTERS] = {0, 0, 0x3fcde710, 0,          0,          0x4004bb40, 0, 0x3ff1ba30, 0,
                                 0, 0, 0x0000000a, 0x3fcde6e4, 0x6000001c, 0,          0, 0x80000000, 0x00000010,
                                 0, 0, 0,          0,          0,          0,          0, 0,          0,
                                 0, 0, 0x3ff1ba70, 0x3ff1ba60, 0x3ff1ba50};
    if (self->rom.flash_read) { // left there by the ROM's read function
        value[16] = 0x18000816;
        value[28] = spi->base + spi->w0;
        value[29] = 4;
    }
    if (self->rom.status_written) { // and by the one that writes the flash's status register at a good end
        value[16] = 0x0000001c;
        value[17] = sim_regs_read(self->regs, spi->base + spi->usr);
    }
    print_dump(self, "Instruction access fault", 1, value);
}
