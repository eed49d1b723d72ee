#include "ports/esp-idf/flash.h"

#include "esp_flash.h"
#include "esp_flash_encrypt.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "ferry/base/status.h"

static int read_flash(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    (void)ctx;
    return esp_flash_read(NULL, bytes, address, (uint32_t)len) == ESP_OK ? FERRY_OK : FERRY_ERR_STORAGE_READ;
}

static bool holds(const esp_partition_t *partition, uint32_t address, uint32_t len)
{
    return address >= partition->address && address - partition->address <= partition->size &&
           len <= partition->size - (address - partition->address);
}

// The partition that all of it lies in; NULL = none, or the one that runs.
static const esp_partition_t *place_of(uint32_t address, uint32_t len)
{
    const esp_partition_t *found = NULL, *running = esp_ota_get_running_partition();
    esp_partition_iterator_t it = esp_partition_find(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, NULL);
    for (; it && !found; it = esp_partition_next(it))
        if (holds(esp_partition_get(it), address, len))
            found = esp_partition_get(it);
    if (it)
        esp_partition_iterator_release(it);
    return found && running && found->address == running->address ? NULL : found;
}

static int program(void *ctx, uint32_t address, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    const esp_partition_t *place = place_of(address, (uint32_t)len);
    if (!place || esp_partition_write_raw(place, address - place->address, bytes, len) != ESP_OK)
        return FERRY_ERR_WRITE_FAILED;
    return FERRY_OK;
}

static int erase(void *ctx, uint32_t address, uint32_t len)
{
    (void)ctx;
    const esp_partition_t *place = place_of(address, len);
    if (!place || esp_partition_erase_range(place, address - place->address, len) != ESP_OK)
        return FERRY_ERR_WRITE_FAILED;
    return FERRY_OK;
}

int ferry_idf_flash_open(struct ferry_flash *flash, struct ferry_idf_error *error)
{
    uint32_t size = 0;
    if (esp_flash_encryption_enabled())
        return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, ESP_OK,
                              "use esp_https_ota or esp_ota_begin() on chips with flash encryption",
                              "flash encryption is on");
    esp_err_t esp = esp_flash_get_size(NULL, &size);
    if (esp != ESP_OK || size == 0)
        return ferry_idf_fail(error, FERRY_ERR_FLASH_SIZE, esp, "set CONFIG_ESPTOOLPY_FLASHSIZE",
                              "the size of the flash is unknown");
    *flash = (struct ferry_flash){.size = size, .read = read_flash, .program = program, .erase = erase};
    return FERRY_OK;
}
