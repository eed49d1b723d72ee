// The program inside the chip: when its callbacks are called.
#include "sim/chip/chip_internal.h"

#define NS_PER_US 1000ull
#define SEND_AHEAD_NS 1000000ull // a program's UART driver is asked for more when that little is left to send

static bool busy(const struct sim_chip *self)
{
    return self->app_busy_until_ns > self->now_ns;
}

static void keep_clock(struct sim_chip *self)
{
    if (!self->cfg.ideal_line) {
        sim_flash_start_at(self->flash, self->now_ns / NS_PER_US);
    }
}

void sim_chip_app_start(struct sim_chip *self)
{
    const struct sim_app *app = self->cfg.app;
    self->app_running = app != NULL;
    if (!app) {
        return;
    }
    self->baud = app->baud ? app->baud : 115200;
    self->app_talking = true;
    self->app_busy_until_ns = 0;
    keep_clock(self);
    if (app->boot) {
        app->boot(app->ctx, self, self->boot.boots);
    }
}

void sim_chip_stop_app(struct sim_chip *self)
{
    bool was = self->app_running;
    self->app_running = self->app_restart = self->app_talking = false;
    self->app_busy_until_ns = 0;
    if (was && self->cfg.app->reset) {
        self->cfg.app->reset(self->cfg.app->ctx);
    }
}

void sim_chip_app_rx(struct sim_chip *self)
{
    if (busy(self) || self->ring_read == self->ring_write) {
        return;
    }
    uint32_t end = self->ring_write > self->ring_read ? self->ring_write : self->ring_size;
    const uint8_t *bytes = self->ring + self->ring_read;
    uint32_t len = end - self->ring_read;
    self->ring_read = end % self->ring_size;
    if (self->app_running && self->cfg.app->rx) {
        keep_clock(self);
        self->cfg.app->rx(self->cfg.app->ctx, bytes, len, self->now_ns / NS_PER_US);
        self->app_talking = true;
    }
}

static uint64_t send_from_ns(const struct sim_chip *self)
{
    uint64_t free_ns = sim_line_free_at(self->to_host);
    return free_ns > SEND_AHEAD_NS ? free_ns - SEND_AHEAD_NS : 0;
}

void sim_chip_app_poll(struct sim_chip *self)
{
    const struct sim_app *app = self->cfg.app;
    uint8_t buf[256];
    if (!self->app_running || !app->tx || busy(self)) {
        return;
    }
    if (app->next && app->next(app->ctx) <= self->now_ns / NS_PER_US) {
        self->app_talking = true;
    }
    while (self->app_talking && !busy(self) && !self->app_restart && send_from_ns(self) <= self->now_ns) {
        keep_clock(self);
        size_t len = app->tx(app->ctx, buf, sizeof buf, self->now_ns / NS_PER_US);
        self->app_talking = len > 0;
        sim_chip_send(self, buf, len);
    }
}

uint64_t sim_chip_app_next_ns(const struct sim_chip *self)
{
    const struct sim_app *app = self->cfg.app;
    if (!self->app_running || self->state != CHIP_APP) {
        return UINT64_MAX;
    }
    uint64_t at = UINT64_MAX;
    if (app->tx && app->next) {
        uint64_t us = app->next(app->ctx);
        at = us > UINT64_MAX / NS_PER_US ? UINT64_MAX : us * NS_PER_US;
        at =
            at <= self->now_ns ? self->now_ns + NS_PER_US : at; // it was asked and had nothing to do: not again at once
    }
    if (self->app_talking && send_from_ns(self) < at) {
        at = send_from_ns(self);
    }
    if (self->ring_read != self->ring_write) {
        at = self->now_ns;
    }
    if (at != UINT64_MAX && busy(self) && at < self->app_busy_until_ns) {
        at = self->app_busy_until_ns;
    }
    return at;
}

void sim_chip_app_busy(struct sim_chip *chip, uint64_t us)
{
    uint64_t from = busy(chip) ? chip->app_busy_until_ns : chip->now_ns;
    chip->app_busy_until_ns = from + us * NS_PER_US;
}

void sim_chip_app_baud(struct sim_chip *chip, uint32_t baud)
{
    chip->baud = baud ? baud : 1;
}

void sim_chip_app_restart(struct sim_chip *chip)
{
    chip->app_restart = true;
}
