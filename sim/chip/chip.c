// The chip as a whole: power, reset and boot lines, time.
#include "sim/chip/chip.h"

#include <stdlib.h>
#include <string.h>

#include "sim/chip/chip_internal.h"

#define NS_PER_US 1000ull
#define ROM_START_US 2000u  // from the reset's end to the first character
#define WATCHDOG_US 300000u // until a boot that failed is tried again
#define HOST_QUEUE 65536u   // bytes the host's driver takes before it blocks
#define APP_RING SIM_CHIP_RING_MAX

static uint64_t now_us(const struct sim_chip *self)
{
    return self->now_ns / NS_PER_US;
}

static uint32_t xtal_hz(const struct sim_chip *self)
{
    return (self->cfg.xtal_mhz ? self->cfg.xtal_mhz : self->model->xtal_mhz) * 1000000u;
}

static uint32_t uart_clock(const struct sim_chip *self)
{
    return xtal_hz(self) * self->model->uart_clk_per_xtal;
}

// The clock that the ROM puts into CHANGE_BAUDRATE, times 16: the crystal it takes for granted, or what it measured.
static uint32_t assumed_clock_16ths(const struct sim_chip *self)
{
    const struct sim_model *m = self->model;
    if (m->xtal_assumed_mhz && !m->xtal_by_field) {
        return m->xtal_assumed_mhz * 1000000u * 16u;
    }
    // The ESP32 measures against its 8 MHz oscillator; the registers that show it say 40.003 MHz for 40.
    uint32_t measured = m->id == 0 ? xtal_hz(self) + xtal_hz(self) / 12800u : xtal_hz(self);
    return measured * 16u;
}

static void set_baud(struct sim_chip *self, uint32_t baud)
{
    self->baud = baud ? baud : 1;
}

static void init_regs_cfg(const struct sim_chip *self, struct sim_regs_cfg *r)
{
    const struct sim_chip_cfg *cfg = &self->cfg;
    *r = (struct sim_regs_cfg){.model = self->model,
                               .flash = cfg->flash,
                               .recorded = cfg->ideal_line,
                               .secure_download = cfg->secure_download && self->model->secure_download.address,
                               .flash_encryption = cfg->flash_encryption,
                               .secure_boot = cfg->secure_boot,
                               .revision = cfg->revision};
    bool recorded = !strcmp(cfg->chip, "esp32") || !strcmp(cfg->chip, "esp32c3");
    if (!r->revision && !recorded) {
        r->revision = sim_boot_revision(cfg->chip);
    }
    memcpy(r->mac, cfg->mac, sizeof r->mac);
}

struct sim_chip *sim_chip_new(const struct sim_chip_cfg *cfg)
{
    const struct sim_model *model = sim_model_find(cfg->chip);
    struct sim_chip *self = model ? calloc(1, sizeof *self) : NULL;
    struct sim_regs_cfg regs_cfg;
    if (!self) {
        return NULL;
    }
    self->cfg = *cfg;
    self->model = model;
    self->flash = cfg->flash;
    self->host_baud = 115200;
    init_regs_cfg(self, &regs_cfg);
    self->regs = sim_regs_new(&regs_cfg);
    self->to_chip = sim_line_new(&cfg->line, false, cfg->ideal_line, cfg->seed);
    self->to_host = sim_line_new(&cfg->line, true, cfg->ideal_line, cfg->seed);
    if (!self->regs || !self->to_chip || !self->to_host) {
        sim_chip_free(self);
        return NULL;
    }
    self->rom.model = model;
    self->rom.flash = cfg->flash;
    self->rom.regs = self->regs;
    self->rom.secure_download = regs_cfg.secure_download;
    self->rom.no_manual_encrypt = cfg->flash_encryption;
    self->rom.clock_16ths = assumed_clock_16ths(self);
    sim_flash_start_at(self->flash, UINT64_MAX);
    sim_chip_power(self, true);
    return self;
}

void sim_chip_free(struct sim_chip *self)
{
    if (!self) {
        return;
    }
    sim_chip_stop_app(self);
    sim_flash_start_at(self->flash, UINT64_MAX);
    sim_regs_free(self->regs);
    sim_line_free(self->to_chip);
    sim_line_free(self->to_host);
    free(self);
}

void sim_chip_enter(struct sim_chip *self, enum sim_chip_state state, uint64_t after_us)
{
    self->state = state;
    self->wake_ns = after_us == UINT64_MAX ? UINT64_MAX : self->now_ns + after_us * NS_PER_US;
}

// Once all that was sent has left the chip, and `extra_us` later.
static void enter_when_sent(struct sim_chip *self, enum sim_chip_state state, uint64_t extra_us)
{
    uint64_t free_ns = sim_line_free_at(self->to_host);
    sim_chip_enter(self, state, extra_us);
    if (free_ns > self->now_ns && !self->cfg.ideal_line) {
        self->wake_ns += free_ns - self->now_ns;
    }
}

static void begin_flash_group(struct sim_chip *self)
{
    if (!self->cfg.ideal_line) {
        sim_flash_start_at(self->flash, now_us(self));
    }
}

static void stop(struct sim_chip *self, bool power_lost)
{
    if (!self->cfg.ideal_line) {
        sim_flash_interrupt_at(self->flash, now_us(self), power_lost);
    }
    sim_line_silence(self->to_host, self->now_ns);
    sim_chip_stop_app(self);
    self->ring_read = self->ring_write = 0;
}

void sim_chip_lines(struct sim_chip *self, bool reset_asserted, bool boot_asserted)
{
    bool was = self->reset_asserted;
    self->reset_asserted = reset_asserted;
    self->boot_asserted = boot_asserted;
    if (!self->powered || was == reset_asserted) {
        return;
    }
    if (reset_asserted) {
        stop(self, false);
        sim_chip_enter(self, CHIP_HELD, UINT64_MAX);
    } else {
        sim_chip_enter(self, CHIP_RISING, self->cfg.reset_rise_us);
    }
}

static void lose_power(struct sim_chip *self)
{
    stop(self, true);
    self->powered = false;
    sim_chip_enter(self, CHIP_OFF, UINT64_MAX);
}

// The flash says that power went in the middle of an operation: what it did up to there stays done.
static void lose_power_with_flash(struct sim_chip *self)
{
    sim_flash_start_at(self->flash, UINT64_MAX);
    lose_power(self);
}

void sim_chip_power(struct sim_chip *self, bool on)
{
    if (on == self->powered) {
        return;
    }
    if (!on) {
        lose_power(self);
        return;
    }
    sim_flash_power_on(self->flash);
    self->powered = true;
    sim_chip_enter(self, self->reset_asserted ? CHIP_HELD : CHIP_RISING,
                   self->reset_asserted ? UINT64_MAX : self->cfg.reset_rise_us);
}

void sim_chip_start(struct sim_chip *self, enum sim_chip_cause cause, uint64_t after_us)
{
    const struct sim_model *m = self->model;
    uint32_t assumed = m->xtal_assumed_mhz && !m->xtal_by_field ? m->xtal_assumed_mhz * 1000000u : xtal_hz(self);
    sim_chip_stop_app(self);
    self->cause = cause;
    self->booted = false;
    self->ring_size = m->ring;
    self->ring_read = self->ring_write = 0;
    memset(self->ring, 0, sizeof self->ring);
    sim_regs_reset(self->regs);
    sim_rom_reset(&self->rom);
    sim_autobaud_init(&self->autobaud);
    if (!sim_regs_read(self->regs, m->uart_clkdiv)) {
        sim_regs_set_uart_divider(self->regs, (uint32_t)((uint64_t)uart_clock(self) * 16u / 115200u));
    }
    set_baud(self, (uint32_t)((uint64_t)m->log_baud * xtal_hz(self) / assumed));
    sim_chip_enter(self, CHIP_STARTING, self->cfg.ideal_line ? 0 : after_us);
}

static void boot_from_flash(struct sim_chip *self)
{
    struct sim_boot_cfg cfg = {.chip = self->cfg.chip,
                               .revision = self->cfg.revision,
                               .rollback = self->cfg.rollback,
                               .secure_boot = self->cfg.secure_boot,
                               .flash_encryption = self->cfg.flash_encryption,
                               .table_offset = self->cfg.table_offset};
    begin_flash_group(self);
    sim_boot_run(self->flash, &cfg, &self->boot);
    if (self->boot.end == SIM_BOOT_POWER_LOST || sim_flash_dead(self->flash)) {
        lose_power_with_flash(self);
        return;
    }
    self->booted = true;
    sim_chip_send(self, (const uint8_t *)self->boot.log, self->boot.log_len);
    uint64_t took_us = self->cfg.ideal_line ? 0 : self->boot.took_us;
    enter_when_sent(self, CHIP_BOOTING, self->boot.end == SIM_BOOT_APP ? took_us : took_us + WATCHDOG_US);
}

static void print_and_go_on(struct sim_chip *self)
{
    sim_chip_print_banner(self);
    if (self->download) {
        enter_when_sent(self, CHIP_PRINTING, 0);
    } else {
        boot_from_flash(self);
    }
}

static void boot_over(struct sim_chip *self)
{
    switch (self->boot.end) {
    case SIM_BOOT_APP:
        self->ring_size = APP_RING;
        sim_chip_enter(self, CHIP_APP, UINT64_MAX);
        sim_chip_app_start(self);
        break;
    case SIM_BOOT_FAILED:
        sim_chip_start(self, CAUSE_SOFTWARE, ROM_START_US);
        break;
    case SIM_BOOT_ROM_FAILED:
    case SIM_BOOT_POWER_LOST:
        sim_chip_start(self, CAUSE_WATCHDOG, ROM_START_US);
        break;
    }
}

static void leave_loader(struct sim_chip *self)
{
    sim_chip_print(self, self->model->left_loader);
    if (self->model->panics) {
        sim_chip_print_jump_fault(self);
    }
    sim_chip_enter(self, self->model->id == 0 ? CHIP_BASIC : CHIP_DEAD, UINT64_MAX);
}

static void command_over(struct sim_chip *self)
{
    const struct sim_rom *rom = &self->rom;
    sim_chip_send(self, rom->out, rom->out_len);
    switch (rom->then) {
    case SIM_ROM_STAYS:
        if (rom->divider) {
            enter_when_sent(self, CHIP_SWITCHING, 0);
        } else {
            sim_chip_enter(self, CHIP_LOADER, UINT64_MAX);
        }
        break;
    case SIM_ROM_REBOOTS:
        enter_when_sent(self, CHIP_RESETTING, 0);
        break;
    case SIM_ROM_LEAVES:
        leave_loader(self);
        break;
    case SIM_ROM_PANICS:
        sim_chip_print_access_fault(self);
        sim_chip_enter(self, CHIP_DEAD, UINT64_MAX);
        break;
    case SIM_ROM_HANGS:
    case SIM_ROM_RUNS:
        sim_chip_enter(self, CHIP_DEAD, UINT64_MAX);
        break;
    }
}

static void switch_baud(struct sim_chip *self)
{
    uint64_t clock_16ths = (uint64_t)uart_clock(self) * 16u;
    if (!self->cfg.ideal_line) {
        set_baud(self, (uint32_t)(clock_16ths / self->rom.divider));
        sim_regs_set_uart_divider(self->regs, self->rom.divider);
    }
    sim_chip_enter(self, CHIP_LOADER, UINT64_MAX);
}

static void wake(struct sim_chip *self)
{
    self->wake_ns = UINT64_MAX;
    switch (self->state) {
    case CHIP_RISING:
        self->download = self->boot_asserted || self->cfg.boot_download;
        sim_chip_start(self, CAUSE_POWER_ON, ROM_START_US);
        break;
    case CHIP_STARTING:
        print_and_go_on(self);
        break;
    case CHIP_PRINTING:
        sim_chip_enter(self, self->cfg.ideal_line ? CHIP_LOADER : CHIP_LISTENING, UINT64_MAX);
        break;
    case CHIP_BUSY:
        command_over(self);
        break;
    case CHIP_SWITCHING:
        switch_baud(self);
        break;
    case CHIP_RESETTING:
        sim_chip_start(self, CAUSE_SOFTWARE, ROM_START_US);
        break;
    case CHIP_BOOTING:
        boot_over(self);
        break;
    case CHIP_OFF:
    case CHIP_HELD:
    case CHIP_LISTENING:
    case CHIP_LOADER:
    case CHIP_APP:
    case CHIP_BASIC:
    case CHIP_DEAD:
        break;
    }
}

static void ring_put(struct sim_chip *self, uint8_t byte)
{
    self->ring[self->ring_write] = byte;
    self->ring_write = (self->ring_write + 1) % self->ring_size;
    if (self->ring_write == self->ring_read) {
        self->lost += self->ring_size;
    }
}

// The loader takes bytes until a command has begun or the ring is empty.
static void feed_loader(struct sim_chip *self)
{
    while (self->state == CHIP_LOADER && self->ring_read != self->ring_write) {
        uint8_t byte = self->ring[self->ring_read];
        self->ring_read = (self->ring_read + 1) % self->ring_size;
        if (byte == 0xc0) { // only there may a command begin
            begin_flash_group(self);
        }
        if (!sim_rom_byte(&self->rom, byte)) {
            continue;
        }
        if (sim_flash_dead(self->flash)) {
            lose_power_with_flash(self);
            return;
        }
        sim_chip_enter(self, CHIP_BUSY, self->cfg.ideal_line ? 0 : self->rom.busy_us);
    }
}

static void listen(struct sim_chip *self, uint8_t byte)
{
    uint32_t rate = sim_autobaud_byte(&self->autobaud, byte, self->host_baud, uart_clock(self));
    if (rate) {
        uint32_t divider = (uint32_t)((uint64_t)uart_clock(self) * 16u / rate);
        set_baud(self, (uint32_t)((uint64_t)uart_clock(self) * 16u / divider));
        sim_regs_set_uart_divider(self->regs, divider);
        sim_chip_enter(self, CHIP_LOADER, UINT64_MAX);
    }
}

static void got_byte(struct sim_chip *self, uint8_t byte)
{
    switch (self->state) {
    case CHIP_LISTENING:
        listen(self, byte);
        break;
    case CHIP_LOADER:
    case CHIP_BUSY:
    case CHIP_SWITCHING:
    case CHIP_APP:
        ring_put(self, byte);
        break;
    case CHIP_BASIC:
        if (byte) {
            sim_chip_send(self, &byte, 1);
        }
        break;
    case CHIP_OFF:
    case CHIP_HELD:
    case CHIP_RISING:
    case CHIP_STARTING:
    case CHIP_PRINTING:
    case CHIP_RESETTING:
    case CHIP_BOOTING:
    case CHIP_DEAD:
        break;
    }
}

// The ideal line holds bytes back while the chip does not listen; the real one loses them.
static bool takes_bytes(const struct sim_chip *self)
{
    if (!self->cfg.ideal_line) {
        return true;
    }
    return self->state == CHIP_LOADER || self->state == CHIP_APP || self->state == CHIP_BASIC ||
           self->state == CHIP_DEAD || self->state == CHIP_OFF || self->state == CHIP_HELD;
}

static void take_bytes(struct sim_chip *self)
{
    // While the rate is being measured it is the sender's that counts.
    uint32_t baud = self->state == CHIP_LISTENING ? self->host_baud : self->baud;
    uint8_t byte;
    if (sim_line_take(self->to_chip, self->now_ns, baud, &byte)) {
        got_byte(self, byte);
    }
}

static uint64_t next_ns(const struct sim_chip *self)
{
    uint64_t line = takes_bytes(self) ? sim_line_next(self->to_chip) : UINT64_MAX;
    uint64_t app = sim_chip_app_next_ns(self);
    uint64_t first = self->wake_ns < line ? self->wake_ns : line;
    first = app < first ? app : first;
    return first > self->now_ns ? first : self->now_ns;
}

static void happen(struct sim_chip *self)
{
    if (self->wake_ns <= self->now_ns) {
        wake(self);
    } else if (takes_bytes(self) && sim_line_next(self->to_chip) <= self->now_ns) {
        take_bytes(self);
    }
    feed_loader(self);
    if (self->state == CHIP_APP) {
        sim_chip_app_rx(self);
        sim_chip_app_poll(self);
        if (self->app_restart) {
            self->app_restart = false;
            enter_when_sent(self, CHIP_RESETTING, 0);
        }
    }
}

void sim_chip_run(struct sim_chip *self, uint64_t until_us)
{
    uint64_t until_ns = until_us > UINT64_MAX / NS_PER_US ? UINT64_MAX - 1 : until_us * NS_PER_US;
    for (uint64_t at = next_ns(self); at <= until_ns; at = next_ns(self)) {
        self->now_ns = at;
        happen(self);
    }
    self->now_ns = until_ns > self->now_ns ? until_ns : self->now_ns;
}

uint64_t sim_chip_now(const struct sim_chip *self)
{
    return now_us(self);
}

uint64_t sim_chip_next(const struct sim_chip *self)
{
    uint64_t first = next_ns(self), host = sim_line_next(self->to_host);
    if (host > self->now_ns && host < first) {
        first = host;
    }
    return first == UINT64_MAX ? UINT64_MAX : (first + NS_PER_US - 1) / NS_PER_US;
}

void sim_chip_host_baud(struct sim_chip *self, uint32_t baud)
{
    self->host_baud = baud;
}

size_t sim_chip_host_pending(const struct sim_chip *self)
{
    return sim_line_unsent(self->to_chip, self->now_ns);
}

size_t sim_chip_host_write(struct sim_chip *self, const uint8_t *bytes, size_t len)
{
    size_t pending = sim_chip_host_pending(self), room = pending < HOST_QUEUE ? HOST_QUEUE - pending : 0;
    size_t taken = self->cfg.ideal_line || len < room ? len : room;
    for (size_t i = 0; i < taken; i++) {
        sim_line_put(self->to_chip, bytes[i], self->now_ns, self->host_baud);
    }
    return taken;
}

size_t sim_chip_host_read(struct sim_chip *self, uint8_t *buf, size_t cap)
{
    size_t got = 0;
    while (got < cap && sim_line_take(self->to_host, self->now_ns, self->host_baud, buf + got)) {
        got++;
    }
    return got;
}

const char *sim_chip_booted(const struct sim_chip *self)
{
    return self->booted ? self->boot.boots : "";
}

const char *sim_chip_boot_reason(const struct sim_chip *self)
{
    return self->booted ? self->boot.reason : "";
}

bool sim_chip_in_loader(const struct sim_chip *self)
{
    return self->state == CHIP_LISTENING || self->state == CHIP_LOADER || self->state == CHIP_BUSY ||
           self->state == CHIP_SWITCHING;
}

uint32_t sim_chip_baud(const struct sim_chip *self)
{
    return self->state == CHIP_LISTENING ? 0 : self->baud;
}

uint64_t sim_chip_ring_lost(const struct sim_chip *self)
{
    return self->lost;
}

uint64_t sim_chip_bytes(const struct sim_chip *self, bool to_host)
{
    return sim_line_count(to_host ? self->to_host : self->to_chip);
}

struct sim_flash *sim_chip_flash(struct sim_chip *self)
{
    return self->flash;
}
