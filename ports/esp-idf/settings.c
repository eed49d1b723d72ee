#include "ports/esp-idf/settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "nvs.h"
#include "nvs_flash.h"

static const char space[] = "ferry";

int ferry_idf_settings_init(struct ferry_idf_error *error)
{
    esp_err_t esp = nvs_flash_init();
    if (esp == ESP_ERR_NVS_NO_FREE_PAGES || esp == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        esp = nvs_flash_erase();
        if (esp == ESP_OK)
            esp = nvs_flash_init();
    }
    if (esp == ESP_OK)
        return FERRY_OK;
    bool missing = esp == ESP_ERR_NOT_FOUND;
    return ferry_idf_fail(error, missing ? FERRY_ERR_STORAGE_MISSING : FERRY_ERR_STORAGE_READ, esp,
                          missing ? "the partition table needs a partition nvs" : "", "settings cannot be kept");
}

size_t ferry_idf_settings_text(const char *name, const char *otherwise, char *out, size_t cap)
{
    nvs_handle_t nvs;
    size_t len = cap;
    if (nvs_open(space, NVS_READONLY, &nvs) == ESP_OK) {
        esp_err_t esp = nvs_get_str(nvs, name, out, &len);
        nvs_close(nvs);
        if (esp == ESP_OK)
            return len ? len - 1 : 0;
    }
    int n = snprintf(out, cap, "%s", otherwise ? otherwise : "");
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

int32_t ferry_idf_settings_number(const char *name, int32_t otherwise)
{
    nvs_handle_t nvs;
    int32_t value = otherwise;
    if (nvs_open(space, NVS_READONLY, &nvs) != ESP_OK)
        return otherwise;
    if (nvs_get_i32(nvs, name, &value) != ESP_OK)
        value = otherwise;
    nvs_close(nvs);
    return value;
}

enum what { TEXT, NUMBER, REMOVE, CLEAR };

static int change(enum what what, const char *name, const char *text, int32_t number)
{
    nvs_handle_t nvs;
    if (what != CLEAR && (!name || !*name || strlen(name) > FERRY_IDF_SETTINGS_NAME))
        return FERRY_ERR_ARG;
    if (nvs_open(space, NVS_READWRITE, &nvs) != ESP_OK)
        return FERRY_ERR_STORAGE_WRITE;
    esp_err_t esp = what == TEXT     ? nvs_set_str(nvs, name, text)
                    : what == NUMBER ? nvs_set_i32(nvs, name, number)
                    : what == REMOVE ? nvs_erase_key(nvs, name)
                                     : nvs_erase_all(nvs);
    if (what == REMOVE && esp == ESP_ERR_NVS_NOT_FOUND)
        esp = ESP_OK;
    if (esp == ESP_OK)
        esp = nvs_commit(nvs);
    nvs_close(nvs);
    return esp == ESP_OK ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

int ferry_idf_settings_set_text(const char *name, const char *value)
{
    return change(value && *value ? TEXT : REMOVE, name, value, 0);
}

int ferry_idf_settings_set_number(const char *name, int32_t value)
{
    return change(NUMBER, name, NULL, value);
}

int ferry_idf_settings_remove(const char *name)
{
    return change(REMOVE, name, NULL, 0);
}

int ferry_idf_settings_clear(void)
{
    return change(CLEAR, NULL, NULL, 0);
}
