// The part of ESP-IDF that ports/arduino calls, as in ESP-IDF 5 (see Arduino.h). The esp_*.h files here include it.
#ifndef TESTS_SUPPORT_ARDUINO_ESP_FAKE_H
#define TESTS_SUPPORT_ARDUINO_ESP_FAKE_H
#include <stdint.h>

#define ESP_IDF_VERSION_MAJOR 5
#define ESP_OK 0

typedef int esp_err_t;
struct esp_flash_t;
esp_err_t esp_flash_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t length);
esp_err_t esp_flash_write(esp_flash_t *chip, const void *buffer, uint32_t address, uint32_t length);
esp_err_t esp_flash_erase_region(esp_flash_t *chip, uint32_t address, uint32_t length);
esp_err_t esp_flash_get_size(esp_flash_t *chip, uint32_t *size);

typedef struct {
    uint32_t address;
} esp_partition_t;
const esp_partition_t *esp_ota_get_running_partition();
typedef struct {
    char version[32], project_name[32];
} esp_app_desc_t;
const esp_app_desc_t *esp_app_get_description();

typedef struct {
    uint16_t revision;
} esp_chip_info_t;
void esp_chip_info(esp_chip_info_t *info);
enum { ESP_MAC_WIFI_STA };
esp_err_t esp_read_mac(uint8_t *mac, int type);
enum { ESP_RST_POWERON = 1, ESP_RST_SW = 3 };
int esp_reset_reason();
void esp_restart() __attribute__((noreturn));
uint32_t esp_random();
inline bool esp_flash_encryption_enabled()
{
    return false;
}
typedef int gpio_num_t;
inline esp_err_t gpio_set_level(gpio_num_t, uint32_t)
{
    return ESP_OK;
}

#endif
