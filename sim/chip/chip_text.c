// What the chip prints on UART0.
#include <stdio.h>
#include <string.h>

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

void sim_chip_print_panic(struct sim_chip *self, const char *cause, unsigned code)
{
    static const char *const REGISTERS[] = {"PC", "RA", "SP", "GP", "TP",  "T0",  "T1", "T2", "S0", "S1", "A0",
                                            "A1", "A2", "A3", "A4", "A5",  "A6",  "A7", "S2", "S3", "S4", "S5",
                                            "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4", "T5", "T6"};
    char line[96];
    (void)snprintf(line, sizeof line, "Guru Meditation Error: Core 0 panic'ed (%s)\r\nCore 0 register dump:\r\n",
                   cause);
    sim_chip_print(self, line);
    for (unsigned i = 0; i < sizeof REGISTERS / sizeof REGISTERS[0]; i++) {
        (void)snprintf(line, sizeof line, "%-8s: 0x%08x%s", REGISTERS[i], 0u, i % 4 == 3 ? "\r\n" : "  ");
        sim_chip_print(self, line);
    }
    (void)snprintf(line, sizeof line, "MSTATUS : 0x00001880  MCAUSE  : 0x%08x  MTVAL   : 0x00000000\r\n\r\n", code);
    sim_chip_print(self, line);
}
