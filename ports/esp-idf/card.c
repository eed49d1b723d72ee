#include "ports/esp-idf/card.h"

#include <stdio.h>
#include <string.h>

#include "driver/gpio.h"
#include "driver/sdspi_host.h"
#include "driver/spi_common.h"
#include "esp_log.h"
#include "esp_vfs_fat.h"
#include "sdmmc_cmd.h"
#include "soc/soc_caps.h"

#include "ferry/base/status.h"

#if SOC_SDMMC_HOST_SUPPORTED
#include "driver/sdmmc_host.h"
#endif

enum { CLK, CMD, D0, D1, D2, D3 };        // of SDMMC
enum { SCK, MOSI, MISO, CS };             // of SPI
#define SPI_TRANSFER_BYTES (8 * 512 + 64) // longest transfer over SPI: eight sectors

// Looking for a card again and again is normal here and no error worth a line each time.
static void quiet(void)
{
    static const char *const tags[] = {"vfs_fat_sdmmc",     "sdmmc_common", "sdmmc_init",   "sdmmc_sd",
                                       "sdmmc_cmd",         "sdmmc_req",    "sdmmc_periph", "sdspi_host",
                                       "sdspi_transaction", "diskio_sdmmc", "ff_sdmmc"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        esp_log_level_set(tags[i], ESP_LOG_NONE);
}

void ferry_idf_card_init(struct ferry_idf_card *self, const struct ferry_idf_card_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->reason = "";
    quiet();
    if (cfg->detect >= 0) {
        gpio_config_t pin = {
            .pin_bit_mask = 1ULL << cfg->detect, .mode = GPIO_MODE_INPUT, .pull_up_en = GPIO_PULLUP_ENABLE};
        gpio_config(&pin);
    }
}

static bool socket_empty(const struct ferry_idf_card *self)
{
    return self->cfg.detect >= 0 && gpio_get_level((gpio_num_t)self->cfg.detect) != 0;
}

static esp_vfs_fat_mount_config_t mount_config(const struct ferry_idf_card *self)
{
    return (esp_vfs_fat_mount_config_t){
        .format_if_mount_failed = false, // a person's card is never formatted
        .max_files = self->cfg.files ? self->cfg.files : 8,
        .disk_status_check_enable = true, // a card that was pulled out is told at once, not after a timeout
    };
}

#if SOC_SDMMC_HOST_SUPPORTED
static esp_err_t mount_sdmmc(struct ferry_idf_card *self, sdmmc_card_t **card)
{
    sdmmc_host_t host = SDMMC_HOST_DEFAULT();
    sdmmc_slot_config_t slot = SDMMC_SLOT_CONFIG_DEFAULT();
    esp_vfs_fat_mount_config_t mount = mount_config(self);
    host.max_freq_khz = self->cfg.khz ? (int)self->cfg.khz : SDMMC_FREQ_DEFAULT;
    slot.width = self->cfg.width == 4 ? 4 : 1;
    slot.flags |= SDMMC_SLOT_FLAG_INTERNAL_PULLUP;
#ifdef SOC_SDMMC_USE_GPIO_MATRIX
    slot.clk = (gpio_num_t)self->cfg.pins[CLK];
    slot.cmd = (gpio_num_t)self->cfg.pins[CMD];
    slot.d0 = (gpio_num_t)self->cfg.pins[D0];
    slot.d1 = (gpio_num_t)self->cfg.pins[D1];
    slot.d2 = (gpio_num_t)self->cfg.pins[D2];
    slot.d3 = (gpio_num_t)self->cfg.pins[D3];
#endif
    return esp_vfs_fat_sdmmc_mount(self->cfg.path, &host, &slot, &mount, card);
}
#else
static esp_err_t mount_sdmmc(struct ferry_idf_card *self, sdmmc_card_t **card)
{
    (void)self, (void)card;
    return ESP_ERR_NOT_SUPPORTED;
}
#endif

static esp_err_t start_spi(struct ferry_idf_card *self)
{
    spi_bus_config_t bus = {.sclk_io_num = self->cfg.pins[SCK],
                            .mosi_io_num = self->cfg.pins[MOSI],
                            .miso_io_num = self->cfg.pins[MISO],
                            .quadwp_io_num = -1,
                            .quadhd_io_num = -1,
                            .max_transfer_sz = SPI_TRANSFER_BYTES};
    if (self->bus_ready)
        return ESP_OK;
    esp_err_t error = spi_bus_initialize(SPI2_HOST, &bus, SPI_DMA_CH_AUTO);
    if (error == ESP_OK) // cards without a pull-up on their output are common
        gpio_set_pull_mode((gpio_num_t)self->cfg.pins[MISO], GPIO_PULLUP_ONLY);
    self->bus_ready = error == ESP_OK;
    return error;
}

static esp_err_t mount_spi(struct ferry_idf_card *self, sdmmc_card_t **card)
{
    sdmmc_host_t host = SDSPI_HOST_DEFAULT();
    sdspi_device_config_t device = SDSPI_DEVICE_CONFIG_DEFAULT();
    esp_vfs_fat_mount_config_t mount = mount_config(self);
    host.slot = SPI2_HOST;
    host.max_freq_khz = self->cfg.khz ? (int)self->cfg.khz : SDMMC_FREQ_DEFAULT;
    device.host_id = SPI2_HOST;
    device.gpio_cs = (gpio_num_t)self->cfg.pins[CS];
    esp_err_t error = start_spi(self);
    return error == ESP_OK ? esp_vfs_fat_sdspi_mount(self->cfg.path, &host, &device, &mount, card) : error;
}

static int told(struct ferry_idf_card *self, int status, const char *reason)
{
    self->reason = reason;
    return status;
}

static int failed(struct ferry_idf_card *self, esp_err_t error)
{
    switch (error) {
    case ESP_FAIL: // FatFs has looked at it
        return told(self, FERRY_ERR_STORAGE_READ, "the card has no FAT file system (FAT12, FAT16 or FAT32) on it");
    case ESP_ERR_NO_MEM:
        return told(self, FERRY_ERR_NO_MEMORY, "no memory for the card's buffers");
    case ESP_ERR_NOT_SUPPORTED:
        return told(self, FERRY_ERR_UNSUPPORTED, "this chip has no SDMMC; use the card over SPI");
    case ESP_ERR_INVALID_ARG:
        return told(self, FERRY_ERR_ARG, "the card's pins cannot be used for that");
    default:
        return told(self, FERRY_ERR_STORAGE_MISSING, "no card answers");
    }
}

int ferry_idf_card_mount(struct ferry_idf_card *self)
{
    sdmmc_card_t *card = NULL;
    if (self->card)
        return FERRY_OK;
    if (socket_empty(self))
        return told(self, FERRY_ERR_STORAGE_MISSING, "no card is in the socket");
    esp_err_t error = self->cfg.bus == FERRY_IDF_CARD_SDMMC ? mount_sdmmc(self, &card) : mount_spi(self, &card);
    if (error != ESP_OK)
        return failed(self, error);
    self->card = card;
    self->reason = "";
    self->megabytes = (uint32_t)((uint64_t)card->csd.capacity * card->csd.sector_size >> 20);
    snprintf(self->name, sizeof self->name, "%s", card->cid.name);
    return FERRY_OK;
}

bool ferry_idf_card_present(const struct ferry_idf_card *self)
{
    return self->card && !socket_empty(self) && sdmmc_get_status(self->card) == ESP_OK;
}

void ferry_idf_card_unmount(struct ferry_idf_card *self)
{
    if (self->card)
        esp_vfs_fat_sdcard_unmount(self->cfg.path, self->card);
    self->card = NULL;
}

int ferry_idf_card_space(const struct ferry_idf_card *self, uint64_t *free_bytes, uint64_t *total_bytes)
{
    if (!self->card || esp_vfs_fat_info(self->cfg.path, total_bytes, free_bytes) != ESP_OK)
        return FERRY_ERR_STORAGE_READ;
    return FERRY_OK;
}
