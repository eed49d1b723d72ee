#include "ports/esp-idf/flash.h"

#include <string.h>

#include "esp_flash.h"
#include "esp_flash_encrypt.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "ferry/base/status.h"
#include "spi_flash_mmap.h"

// Each esp_flash_read() of a dual-core chip stops the other core, and sinks read a few hundred bytes at a time to hash
// whole slots. So one window of the flash is mapped, and read like memory. It is let go before anything is changed, and
// mapping anew makes ESP-IDF throw away what the cache held of it: what is read is what lies in the flash.
enum { WINDOW = 65536, SMALL = 64 };

static struct {
    const uint8_t *bytes; // NULL = none
    uint32_t address;
    spi_flash_mmap_handle_t handle;
} window;

static void let_go(void)
{
    if (window.bytes)
        spi_flash_munmap(window.handle);
    window.bytes = NULL;
}

// false: the chip has no room for a mapping.
static bool look_at(uint32_t address)
{
    const void *bytes = NULL;
    uint32_t base = address - address % WINDOW;
    if (window.bytes && window.address == base)
        return true;
    let_go();
    if (spi_flash_mmap(base, WINDOW, SPI_FLASH_MMAP_DATA, &bytes, &window.handle) != ESP_OK)
        return false;
    window.bytes = bytes;
    window.address = base;
    return true;
}

static int read_plain(uint32_t address, uint8_t *bytes, size_t len)
{
    return esp_flash_read(NULL, bytes, address, (uint32_t)len) == ESP_OK ? FERRY_OK : FERRY_ERR_STORAGE_READ;
}

static int read_flash(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    uint32_t size = *(const uint32_t *)ctx;
    if (address > size || len > size - address)
        return FERRY_ERR_STORAGE_READ;
    while (len > 0) {
        size_t n = WINDOW - address % WINDOW;
        n = n < len ? n : len;
        if (n < SMALL || !look_at(address))
            return read_plain(address, bytes, len);
        memcpy(bytes, window.bytes + (address - window.address), n);
        address += (uint32_t)n;
        bytes += n;
        len -= n;
    }
    return FERRY_OK;
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
    let_go();
    if (!place || esp_partition_write_raw(place, address - place->address, bytes, len) != ESP_OK)
        return FERRY_ERR_WRITE_FAILED;
    return FERRY_OK;
}

static int erase(void *ctx, uint32_t address, uint32_t len)
{
    (void)ctx;
    const esp_partition_t *place = place_of(address, len);
    let_go();
    if (!place || esp_partition_erase_range(place, address - place->address, len) != ESP_OK)
        return FERRY_ERR_WRITE_FAILED;
    return FERRY_OK;
}

int ferry_idf_flash_open(struct ferry_flash *flash, struct ferry_idf_error *error)
{
    static uint32_t size;
    if (esp_flash_encryption_enabled())
        return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, ESP_OK,
                              "use esp_https_ota or esp_ota_begin() on chips with flash encryption",
                              "flash encryption is on");
    esp_err_t esp = esp_flash_get_size(NULL, &size);
    if (esp != ESP_OK || size == 0)
        return ferry_idf_fail(error, FERRY_ERR_FLASH_SIZE, esp, "set CONFIG_ESPTOOLPY_FLASHSIZE",
                              "the size of the flash is unknown");
    *flash = (struct ferry_flash){.ctx = &size, .size = size, .read = read_flash, .program = program, .erase = erase};
    return FERRY_OK;
}
