#if defined(ARDUINO) && defined(ESP32)
#include "Slot.h"

#include <esp_chip_info.h>
#include <esp_flash.h>
#include <esp_flash_encrypt.h>
#include <esp_mac.h>
#include <esp_ota_ops.h>
#include <esp_system.h>

// How many sinks there are. Arduino's core confirms a new firmware by itself before setup() runs, unless this function
// says "later": then the trial is the sink's affair, and a sketch that crashes or hangs gives way to the old one.
// Global objects exist by the time the core asks.
static int slots;

extern "C" bool verifyRollbackLater()
{
    return slots > 0;
}

static int readFlash(void *, uint32_t address, uint8_t *bytes, size_t len)
{
    return esp_flash_read(nullptr, bytes, address, len) == ESP_OK ? FERRY_OK : FERRY_ERR_STORAGE_READ;
}

static int programFlash(void *, uint32_t address, const uint8_t *bytes, size_t len)
{
    return esp_flash_write(nullptr, bytes, address, len) == ESP_OK ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int eraseFlash(void *, uint32_t address, uint32_t len)
{
    return esp_flash_erase_region(nullptr, address, len) == ESP_OK ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int restart(void *ctx)
{
    FerrySlot *self = static_cast<FerrySlot *>(ctx);
    if (self->beforeRestart_ != nullptr)
        self->beforeRestart_(self->ctx_);
    esp_restart();
    return FERRY_OK;
}

static uint16_t chipRevision()
{
    esp_chip_info_t info;
    esp_chip_info(&info);
#if ESP_IDF_VERSION_MAJOR >= 5
    return info.revision; // major * 100 + minor
#else
    return info.full_revision;
#endif
}

static void fill(ferry_sink_ota_cfg &cfg)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
#if ESP_IDF_VERSION_MAJOR >= 5
    const esp_app_desc_t *app = esp_app_get_description();
#else
    const esp_app_desc_t *app = esp_ota_get_app_description();
#endif
    cfg.running = running != nullptr ? running->address : 0;
    cfg.chip = CONFIG_IDF_FIRMWARE_CHIP_ID;
    cfg.revision = chipRevision();
    esp_read_mac(cfg.mac, ESP_MAC_WIFI_STA);
    cfg.project = app->project_name;
    cfg.version = app->version;
#ifdef CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    cfg.rollback = true;
#endif
    cfg.power_on = esp_reset_reason() == ESP_RST_POWERON;
    cfg.restart = restart;
}

FerrySlot::FerrySlot()
{
    slots++;
}
FerrySlot::~FerrySlot()
{
    slots--;
}

int FerrySlot::begin(bool deaf, void (*beforeRestart)(void *), void *ctx)
{
    beforeRestart_ = beforeRestart;
    ctx_ = ctx;
    ota.cfg.deaf = deaf;
    if (open)
        return FERRY_OK;
    uint32_t size = 0;
    if (esp_flash_encryption_enabled()) // bits cannot be cleared one by one there
        return FERRY_ERR_ENCRYPTED;
    if (esp_flash_get_size(nullptr, &size) != ESP_OK)
        return FERRY_ERR_FLASH_ID;
    flash = {this, size, readFlash, programFlash, eraseFlash};
    ferry_sink_ota_cfg cfg = {};
    cfg.flash = &flash;
    cfg.digest = &digest.io;
    cfg.deaf = deaf;
    cfg.restart_ctx = this;
    fill(cfg);
    int status = ferry_sink_ota_init(&ota, &cfg);
    if (status >= 0)
        status = ferry_sink_partition_init(&partition, &flash, &digest.io, 0);
    if (status < 0)
        return status;
    if (ferry_sink_ota_boot(&ota) == FERRY_SINK_OTA_RESTART)
        restart(this);
    firmware = ferry_sink_ota(&ota);
    data = ferry_sink_partition(&partition);
    both = {&firmware, &data, nullptr, nullptr};
    sink = ferry_sink_by_kind(&both);
    open = true;
    return FERRY_OK;
}

#endif
