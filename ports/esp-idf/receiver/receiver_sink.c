// The sinks of a target under ESP-IDF: the portable ones on the chip's flash, and around them one that tells the
// application and keeps ESP-IDF's own idea of the running firmware in step.
#include <string.h>

#include "esp_app_desc.h"
#include "esp_chip_info.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "ferry/base/status.h"
#include "receiver_parts.h"
#include "sdkconfig.h"

static const char tag[] = "ferry";

// Four pages of flash at a time: around each write ESP-IDF stops the cache and, where there is one, the other core.
enum { WRITE_UNIT = 1024 };

void ferry_receiver_tell(struct ferry_receiver_self *self, enum ferry_receiver_event event)
{
    if (self->config.event)
        self->config.event(self->config.event_ctx, event);
}

// ---- around the portable sink

static int info(void *ctx, struct ferry_target_info *out)
{
    struct ferry_receiver_self *self = ctx;
    int status = self->inner.info(self->inner.ctx, out);
    if (out->write_unit < WRITE_UNIT)
        out->write_unit = WRITE_UNIT;
    return status;
}

static int begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct ferry_receiver_self *self = ctx;
    int status = self->inner.begin(self->inner.ctx, manifest, plan);
    if (status < 0) {
        ESP_LOGW(tag, "update refused: %s", ferry_status_text(status));
    } else if (status == FERRY_OK) {
        ESP_LOGI(tag, "update begins: %s %s, %lu bytes", *manifest->name ? manifest->name : manifest->project,
                 manifest->version, (unsigned long)manifest->size);
        ferry_receiver_tell(self, FERRY_RECEIVER_BEGUN);
    }
    return status;
}

static int prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct ferry_receiver_self *self = ctx;
    return self->inner.prepare(self->inner.ctx, offset, end, ready_to);
}

static int chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_receiver_self *self = ctx;
    return self->inner.chunk(self->inner.ctx, offset, bytes, len);
}

static int hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    struct ferry_receiver_self *self = ctx;
    return self->inner.hash(self->inner.ctx, offset, len, sha256, blank);
}

static int end(void *ctx)
{
    struct ferry_receiver_self *self = ctx;
    int status = self->inner.end(self->inner.ctx);
    if (status < 0) {
        ESP_LOGE(tag, "update failed at its end: %s", ferry_status_text(status));
    } else if (status == FERRY_OK) {
        ESP_LOGI(tag, "update complete");
        ferry_receiver_tell(self, FERRY_RECEIVER_COMPLETE);
    }
    return status;
}

static int abort_update(void *ctx)
{
    struct ferry_receiver_self *self = ctx;
    int status = self->inner.abort(self->inner.ctx);
    if (status == FERRY_OK)
        ferry_receiver_tell(self, FERRY_RECEIVER_ABORTED);
    return status;
}

// The portable sink rewrites the entry so that a loss of power at any moment leaves a firmware that boots; what
// ESP-IDF's function does besides (the anti-rollback fuses) is done only while it has something to change, so there it
// comes first.
static int confirm_firmware(struct ferry_receiver_self *self)
{
#ifdef CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
    if (esp_ota_mark_app_valid_cancel_rollback() != ESP_OK)
        return FERRY_ERR_STATE;
    (void)ferry_sink_otadata_load(&self->ota.otadata);
#endif
    int status = self->inner.confirm(self->inner.ctx);
    if (status >= 0 && self->running->subtype != ESP_PARTITION_SUBTYPE_APP_FACTORY)
        (void)esp_ota_mark_app_valid_cancel_rollback(); // finds it valid: nothing is left to do
    return status;
}

static int confirm(void *ctx)
{
    struct ferry_receiver_self *self = ctx;
    bool trial = self->ota.boot_state == FERRY_BOOT_TRIAL;
    int status = trial ? confirm_firmware(self) : self->inner.confirm(self->inner.ctx);
    if (status == FERRY_OK && trial) {
        ESP_LOGI(tag, "this firmware is confirmed");
        ferry_receiver_tell(self, FERRY_RECEIVER_CONFIRMED);
    }
    return status;
}

static int revert(void *ctx, enum ferry_give_up reason)
{
    struct ferry_receiver_self *self = ctx;
    int status = self->inner.revert(self->inner.ctx, reason);
    if (status == FERRY_OK) {
        ESP_LOGW(tag, "this firmware is given up; the old one starts with the next reboot");
        ferry_receiver_tell(self, FERRY_RECEIVER_GIVEN_UP);
    }
    return status;
}

static int reboot(void *ctx)
{
    struct ferry_receiver_self *self = ctx;
    ferry_receiver_tell(self, FERRY_RECEIVER_RESTARTING);
    ferry_receiver_wire_drain(self);
    esp_restart();
    return FERRY_OK;
}

bool ferry_receiver_sink_confirmed(struct ferry_receiver_self *self)
{
    esp_ota_img_states_t state;
    if (self->ota.boot_state != FERRY_BOOT_TRIAL || esp_ota_get_state_partition(self->running, &state) != ESP_OK ||
        state != ESP_OTA_IMG_VALID)
        return false;
    return ferry_sink_otadata_load(&self->ota.otadata) >= 0;
}

// ---- opening

static int open_ota(struct ferry_receiver_self *self)
{
    const esp_app_desc_t *app = esp_app_get_description();
    esp_chip_info_t chip;
    esp_chip_info(&chip);
    struct ferry_sink_ota_cfg cfg = {
        .flash = &self->flash,
        .digest = &self->digest,
        .table = CONFIG_PARTITION_TABLE_OFFSET,
        .running = self->running->address,
        .chip = CONFIG_IDF_FIRMWARE_CHIP_ID,
        .revision = chip.revision,
        .project = app->project_name,
        .version = app->version,
#ifdef CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
        .rollback = true,
#endif
        .attempts = self->config.attempts,
        .power_on = esp_reset_reason() == ESP_RST_POWERON,
        .restart_ctx = self,
        .restart = reboot,
    };
    (void)esp_efuse_mac_get_default(cfg.mac);
    int status = ferry_sink_ota_init(&self->ota, &cfg);
    return status < 0 ? status : ferry_sink_ota_boot(&self->ota);
}

static void join(struct ferry_receiver_self *self)
{
    self->firmware = ferry_sink_ota(&self->ota);
    self->by_kind = (struct ferry_sink_by_kind){.firmware = &self->firmware};
    if (!self->config.no_partitions &&
        ferry_sink_partition_init(&self->data, &self->flash, &self->digest, CONFIG_PARTITION_TABLE_OFFSET) >= 0) {
        self->partition = ferry_sink_partition(&self->data);
        self->by_kind.partition = &self->partition;
    }
    self->inner = ferry_sink_by_kind(&self->by_kind);
    self->sink = (struct ferry_sink){.ctx = self,
                                     .info = info,
                                     .begin = begin,
                                     .prepare = prepare,
                                     .chunk = chunk,
                                     .hash = hash,
                                     .end = end,
                                     .abort = abort_update,
                                     .confirm = confirm,
                                     .revert = revert,
                                     .reboot = reboot};
}

int ferry_receiver_sink_open(struct ferry_receiver_self *self)
{
    self->digest = ferry_idf_digest_init(&self->idf_digest);
    self->running = esp_ota_get_running_partition();
    int status = self->running ? ferry_idf_flash_open(&self->flash, NULL) : FERRY_ERR_NO_PLACE;
    if (status < 0)
        return status;
    status = open_ota(self);
    if (status != FERRY_OK)
        return status;
    if (self->ota.layout.otadata.size == 0 || ferry_sink_ota_target(&self->ota) < 0)
        return FERRY_ERR_NO_SLOT;
    join(self);
    if (self->ota.boot_state == FERRY_BOOT_TRIAL)
        ferry_receiver_tell(self, FERRY_RECEIVER_TRIAL);
    if (self->ota.boot_state == FERRY_BOOT_REVERTED)
        ferry_receiver_tell(self, FERRY_RECEIVER_REVERTED);
    return FERRY_OK;
}
