#include "apps/ferry/vchip_receiver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/link_ota.h"
#include "ferry/base/status.h"
#include "ferry/pump/receiver_pump.h"

// As a firmware on the chip would have them.
enum {
    WINDOW = 4096,
    CHUNK = 1024,
    RX_CAP = 8192,
    TX_CAP = 2048,
    TX_FIFO = 256,
    WIRE_BUFFER = 4000, // the UART driver's ring
    LOG_EVERY_US = 5000000,
    STEPS = 16,
};

struct vchip_receiver {
    struct sim_app app;
    struct sim_chip *chip;
    struct link_ota target;
    struct ferry_stream stream;
    struct ferry_link_receiver receiver;
    struct ferry_receiver_pump pump;
    bool running, power_on;
    uint64_t now_us, next_us, log_us;
    size_t rx_at, rx_len, tx_at, tx_len;
    uint8_t rx[RX_CAP], tx[TX_CAP];
    uint8_t window[WINDOW], frame[FERRY_LINK_PLAIN_BUFFER(CHUNK)];
};

// ---- the UART

static int uart_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct vchip_receiver *self = ctx;
    size_t n = self->rx_len - self->rx_at;
    n = n < cap ? n : cap;
    memcpy(buf, self->rx + self->rx_at, n);
    self->rx_at += n;
    if (self->rx_at == self->rx_len)
        self->rx_at = self->rx_len = 0;
    return (int)n;
}

static size_t put(struct vchip_receiver *self, const void *bytes, size_t len)
{
    size_t room;
    if (self->tx_at == self->tx_len)
        self->tx_at = self->tx_len = 0;
    room = TX_CAP - self->tx_len;
    len = len < room ? len : room;
    memcpy(self->tx + self->tx_len, bytes, len);
    self->tx_len += len;
    return len;
}

static int uart_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct vchip_receiver *self = ctx;
    size_t waiting = self->tx_len - self->tx_at;
    return waiting >= TX_FIFO ? 0 : (int)put(self, bytes, len);
}

static int uart_set_baud(void *ctx, uint32_t baud)
{
    struct vchip_receiver *self = ctx;
    sim_chip_app_baud(self->chip, baud);
    return FERRY_OK;
}

static int uart_pending(void *ctx)
{
    const struct vchip_receiver *self = ctx;
    return (int)(self->tx_len - self->tx_at);
}

// ---- the program

// A line of the firmware's own log: it shares the wire with the frames.
static __attribute__((format(printf, 2, 3))) void log_line(struct vchip_receiver *self, const char *format, ...)
{
    char text[160], line[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int n = snprintf(line, sizeof line, "I (%lu) app: %s\r\n", (unsigned long)(self->now_us / 1000), text);
    put(self, line, (size_t)n);
}

static void tell(void *ctx, const char *text)
{
    (void)ctx;
    printf("receiver: %s\n", text);
    fflush(stdout);
}

static int restart(void *ctx)
{
    struct vchip_receiver *self = ctx;
    self->running = false;
    sim_chip_app_restart(self->chip);
    return FERRY_OK;
}

static void start_receiver(struct vchip_receiver *self)
{
    struct ferry_link_receiver_cfg cfg = {.window = self->window,
                                          .window_size = sizeof self->window,
                                          .frame = self->frame,
                                          .frame_size = sizeof self->frame,
                                          .wire_buffer = WIRE_BUFFER,
                                          .start_baud = 115200,
                                          .max_baud = 3000000};
    self->pump =
        (struct ferry_receiver_pump){.receiver = &self->receiver, .stream = &self->stream, .sink = &self->target.sink};
    self->running = ferry_link_receiver_init(&self->receiver, &cfg, (uint32_t)(self->now_us / 1000)) == FERRY_OK;
}

// What flash operations took since took_us keeps the processor from everything else.
static void account(struct vchip_receiver *self, uint64_t took_us)
{
    if (self->target.port.took_us > took_us)
        sim_chip_app_busy(self->chip, self->target.port.took_us - took_us);
}

static void on_boot(void *ctx, struct sim_chip *chip, const char *label)
{
    struct vchip_receiver *self = ctx;
    uint64_t took_us = self->target.port.took_us;
    self->chip = chip;
    self->now_us = self->next_us = sim_chip_now(chip);
    self->log_us = self->now_us + LOG_EVERY_US;
    self->rx_at = self->rx_len = self->tx_at = self->tx_len = 0;
    int status = link_ota_boot(&self->target, label, self->power_on);
    self->power_on = false;
    const struct ferry_app_desc *app = &self->target.app;
    log_line(self, "%s %s runs from %s", app->project, app->version, label);
    account(self, took_us);
    if (status == FERRY_SINK_OTA_RESTART) {
        tell(self, "another firmware is selected than the one that runs: restarts");
        restart(self);
    } else if (status < 0) {
        log_line(self, "no updates here: %s", ferry_status_text(status));
        tell(self, ferry_status_text(status));
    } else {
        start_receiver(self);
    }
}

static void on_reset(void *ctx)
{
    struct vchip_receiver *self = ctx;
    self->running = false;
}

static void on_rx(void *ctx, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    struct vchip_receiver *self = ctx;
    size_t room = RX_CAP - self->rx_len;
    if (self->rx_at > 0 && len > room) {
        memmove(self->rx, self->rx + self->rx_at, self->rx_len - self->rx_at);
        self->rx_len -= self->rx_at;
        self->rx_at = 0;
        room = RX_CAP - self->rx_len;
    }
    len = len < room ? len : room; // the driver's ring is full: the rest is lost
    memcpy(self->rx + self->rx_len, bytes, len);
    self->rx_len += len;
    self->next_us = now_us;
}

static void steps(struct vchip_receiver *self)
{
    uint32_t wait_ms = 0;
    uint64_t took_us = self->target.port.took_us;
    for (int i = 0; i < STEPS && self->running && wait_ms == 0 && self->target.port.took_us == took_us; i++)
        (void)ferry_receiver_pump_step(&self->pump, (uint32_t)(self->now_us / 1000), &wait_ms);
    self->next_us = self->now_us + (uint64_t)wait_ms * 1000;
    account(self, took_us);
}

static size_t on_tx(void *ctx, uint8_t *buf, size_t cap, uint64_t now_us)
{
    struct vchip_receiver *self = ctx;
    self->now_us = now_us;
    if (now_us >= self->log_us) {
        log_line(self, "still running");
        self->log_us = now_us + LOG_EVERY_US;
    }
    if (self->running && (now_us >= self->next_us || self->tx_at == self->tx_len))
        steps(self);
    size_t n = self->tx_len - self->tx_at;
    n = n < cap ? n : cap;
    memcpy(buf, self->tx + self->tx_at, n);
    self->tx_at += n;
    return n;
}

static uint64_t on_next(void *ctx)
{
    const struct vchip_receiver *self = ctx;
    if (!self->running)
        return self->log_us;
    return self->next_us < self->log_us ? self->next_us : self->log_us;
}

struct vchip_receiver *vchip_receiver_new(const struct vchip_options *options, struct sim_flash *flash)
{
    struct vchip_receiver *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    struct link_ota_cfg cfg = {.chip = options->chip,
                               .revision = options->revision,
                               .table_offset = options->table_offset,
                               .rollback = options->rollback,
                               .deaf = !options->ideal,
                               .restart_ctx = self,
                               .restart = restart,
                               .line = tell,
                               .line_ctx = self};
    memcpy(cfg.mac, options->mac, sizeof cfg.mac);
    link_ota_init(&self->target, &cfg, flash);
    self->power_on = true;
    self->stream = (struct ferry_stream){
        .ctx = self, .read = uart_read, .write = uart_write, .set_baud = uart_set_baud, .pending = uart_pending};
    self->app = (struct sim_app){
        .ctx = self, .baud = 115200, .boot = on_boot, .rx = on_rx, .tx = on_tx, .next = on_next, .reset = on_reset};
    return self;
}

void vchip_receiver_free(struct vchip_receiver *self)
{
    if (self)
        link_ota_close(&self->target);
    free(self);
}

const struct sim_app *vchip_receiver_app(struct vchip_receiver *self)
{
    return &self->app;
}

void vchip_receiver_power_on(struct vchip_receiver *self)
{
    if (self)
        self->power_on = true;
}
