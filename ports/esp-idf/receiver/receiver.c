// The receiver in one call: the task, and what the application may ask of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_system.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ports/esp-idf/net.h"
#include "receiver_parts.h"

enum {
    WINDOW = 8192,
    WINDOW_MIN = 1024,
    WINDOW_MAX = 61440,
    MAX_BAUD = 921600,
    PRIORITY = 5,
    LOOK_MS = 500, // asks ESP-IDF whether the application has confirmed
    LONGEST_MS = 500,
    LONGEST_PINS_MS = 50, // pins wake nobody, and their ring of 255 bytes fills in 265 ms at 9600 baud
};

static const char tag[] = "ferry";
static struct ferry_receiver_self *the_one;

// ---- the task

static void look(struct ferry_receiver_self *self, uint32_t now_ms)
{
    if (self->confirm) {
        self->confirm = false;
        ferry_link_receiver_confirm(&self->engine);
    }
    if (self->give_up) {
        self->give_up = false;
        ferry_link_receiver_give_up(&self->engine);
    }
    if (!ferry_time_reached(now_ms, self->looked_ms + LOOK_MS))
        return;
    self->looked_ms = now_ms;
    if (ferry_receiver_sink_confirmed(self))
        ferry_link_receiver_confirm(&self->engine);
}

static void note(struct ferry_receiver_self *self, int status)
{
    if (status < 0 && status != self->last_error)
        ESP_LOGW(tag, "the wire fails: %s", ferry_status_text(status));
    self->last_error = status;
}

static void run(void *ctx)
{
    struct ferry_receiver_self *self = ctx;
    const uint32_t longest = self->wire.soft_uart || self->wire.two_wire ? LONGEST_PINS_MS : LONGEST_MS;
    while (!self->stop) {
        uint32_t wait_ms = 0, now_ms = ferry_idf_clock_now();
        look(self, now_ms);
        int status = ferry_receiver_pump_step(&self->pump, now_ms, &wait_ms);
        note(self, status);
        if (wait_ms > longest)
            wait_ms = longest;
        if (wait_ms || status < 0)
            self->clock.wait(self->clock.ctx, status < 0 ? LONGEST_MS : wait_ms);
    }
    (void)xSemaphoreGive(self->ended);
    vTaskDelete(NULL);
}

// ---- starting

static esp_err_t check(const struct ferry_receiver_config *c)
{
    if (c->window && (c->window < WINDOW_MIN || c->window > WINDOW_MAX || c->window % WINDOW_MIN))
        return ESP_ERR_INVALID_ARG;
    if ((c->wire == FERRY_RECEIVER_STREAM && !c->stream) || (c->wire == FERRY_RECEIVER_DATAGRAM && !c->datagram) ||
        (c->wire == FERRY_RECEIVER_TCP_DIAL && !c->host))
        return ESP_ERR_INVALID_ARG;
    return c->attempts > 8 || c->core > 2 || c->core < 0 || (c->buffer && c->buffer < 2 * WINDOW_MIN)
               ? ESP_ERR_INVALID_ARG
               : ESP_OK;
}

static esp_err_t translate(int status)
{
    switch (status) {
    case FERRY_ERR_NO_SLOT:
    case FERRY_ERR_NO_PLACE:
    case FERRY_ERR_PARTITION_TABLE:
        return ESP_ERR_NOT_FOUND;
    case FERRY_ERR_UNSUPPORTED:
        return ESP_ERR_NOT_SUPPORTED;
    case FERRY_ERR_NO_MEMORY:
        return ESP_ERR_NO_MEM;
    case FERRY_ERR_ARG:
        return ESP_ERR_INVALID_ARG;
    default:
        return status < 0 ? ESP_FAIL : ESP_OK;
    }
}

static void give_name(struct ferry_receiver_self *self)
{
    uint8_t mac[6] = {0};
    (void)esp_efuse_mac_get_default(mac);
    if (self->config.name)
        snprintf(self->name, sizeof self->name, "%s", self->config.name);
    else
        snprintf(self->name, sizeof self->name, "ferry-%02x%02x%02x", mac[3], mac[4], mac[5]);
    if (self->config.wire == FERRY_RECEIVER_TCP || self->config.wire == FERRY_RECEIVER_UDP)
        (void)ferry_idf_net_name(self->name, self->config.port ? self->config.port : FERRY_IDF_TCP_PORT, NULL);
}

static int make_engine(struct ferry_receiver_self *self)
{
    const struct ferry_receiver_config *c = &self->config;
    uint32_t window = c->window ? c->window : WINDOW;
    uint32_t chunk = window / 4 < FERRY_LINK_CHUNK_MAX ? window / 4 : FERRY_LINK_CHUNK_MAX;
    size_t frame = FERRY_LINK_PLAIN_BUFFER(chunk);
    self->window = malloc(window);
    self->frame = malloc(frame);
    if (!self->window || !self->frame)
        return FERRY_ERR_NO_MEMORY;
    struct ferry_link_receiver_cfg cfg = {.window = self->window,
                                          .window_size = window,
                                          .frame = self->frame,
                                          .frame_size = frame,
                                          .wire_buffer = self->wire.wire_buffer,
                                          .mtu = (uint16_t)self->wire.datagram.mtu,
                                          .confirm_ms = c->confirm_ms};
    if (self->wire.stream.set_baud) {
        cfg.start_baud = c->baud ? c->baud : 115200;
        cfg.max_baud = c->max_baud ? c->max_baud : MAX_BAUD;
    }
    self->pump =
        (struct ferry_receiver_pump){.receiver = &self->engine, .stream = &self->wire.stream, .sink = &self->sink};
    return ferry_link_receiver_init(&self->engine, &cfg, ferry_idf_clock_now());
}

static int start_task(struct ferry_receiver_self *self)
{
    const struct ferry_receiver_config *c = &self->config;
    self->ended = xSemaphoreCreateBinary();
    if (!self->ended)
        return FERRY_ERR_NO_MEMORY;
    BaseType_t core = c->core ? c->core - 1 : tskNO_AFFINITY;
    BaseType_t made = xTaskCreatePinnedToCore(run, "ferry", c->stack ? c->stack : FERRY_RECEIVER_STACK, self,
                                              c->priority ? c->priority : PRIORITY, &self->task, core);
    return made == pdPASS ? FERRY_OK : FERRY_ERR_NO_MEMORY;
}

static void free_all(struct ferry_receiver_self *self)
{
    if (self->wire_open)
        ferry_receiver_wire_close(self);
    ferry_idf_digest_close(&self->idf_digest);
    if (self->ended)
        vSemaphoreDelete(self->ended);
    free(self->window);
    free(self->frame);
    free(self);
}

static int build(struct ferry_receiver_self *self)
{
    self->clock = ferry_idf_clock_init(&self->idf_clock);
    give_name(self);
    int status = ferry_receiver_sink_open(self); // a trial is looked after first, whatever becomes of the wire
    if (status == FERRY_SINK_OTA_RESTART) {
        ESP_LOGW(tag, "another firmware is selected than the one that runs: restarting");
        ferry_receiver_tell(self, FERRY_RECEIVER_RESTARTING);
        esp_restart();
    }
    if (status >= 0)
        status = ferry_receiver_wire_open(self);
    self->ota.cfg.deaf = self->wire.deaf;
    if (status >= 0)
        status = make_engine(self);
    if (status >= 0)
        status = start_task(self);
    return status;
}

esp_err_t ferry_receiver_start(const struct ferry_receiver_config *config)
{
    static const struct ferry_receiver_config defaults;
    uint32_t before = (uint32_t)heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    if (the_one)
        return ESP_ERR_INVALID_STATE;
    if (check(config ? config : &defaults) != ESP_OK)
        return ESP_ERR_INVALID_ARG;
    struct ferry_receiver_self *self = calloc(1, sizeof *self);
    if (!self)
        return ESP_ERR_NO_MEM;
    self->config = config ? *config : defaults;
    int status = build(self);
    if (status < 0) {
        ESP_LOGE(tag, "no updates here: %s; %s", ferry_status_text(status), ferry_status_hint(status));
        free_all(self);
        return translate(status);
    }
    uint32_t after = (uint32_t)heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    self->heap = before > after ? before - after : 0;
    the_one = self;
    return ESP_OK;
}

void ferry_receiver_stop(void)
{
    struct ferry_receiver_self *self = the_one;
    if (!self)
        return;
    the_one = NULL;
    self->stop = true;
    ferry_idf_clock_wake(&self->idf_clock);
    (void)xSemaphoreTake(self->ended, portMAX_DELAY);
    free_all(self);
}

// ---- what the application may ask

esp_err_t ferry_receiver_confirm(void)
{
    if (!the_one)
        return ESP_ERR_INVALID_STATE;
    the_one->confirm = true;
    ferry_idf_clock_wake(&the_one->idf_clock);
    return ESP_OK;
}

esp_err_t ferry_receiver_give_up(void)
{
    if (!the_one)
        return ESP_ERR_INVALID_STATE;
    the_one->give_up = true;
    ferry_idf_clock_wake(&the_one->idf_clock);
    return ESP_OK;
}

bool ferry_receiver_on_trial(void)
{
    return the_one && the_one->ota.boot_state == FERRY_BOOT_TRIAL;
}

const char *ferry_receiver_give_up_reason(void)
{
    static const char *const texts[] = {"", "nobody confirmed it in time", "it was reset before it was confirmed",
                                        "the bootloader refused it", "the updater or the application asked for it"};
    if (!the_one || the_one->ota.boot_state != FERRY_BOOT_REVERTED)
        return "";
    unsigned reason = the_one->ota.record.reason;
    return texts[reason < sizeof texts / sizeof *texts ? reason : 0];
}

esp_err_t ferry_receiver_measure(struct ferry_receiver_figures *out)
{
    if (!the_one)
        return ESP_ERR_INVALID_STATE;
    out->stack_free = (uint32_t)uxTaskGetStackHighWaterMark(the_one->task) * (uint32_t)sizeof(StackType_t);
    out->heap = the_one->heap;
    return ESP_OK;
}
