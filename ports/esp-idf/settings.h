// Settings in NVS: texts and numbers under a name, in the namespace "ferry".
//
// Names are up to 15 characters (NVS's limit). What is not there, or not of that kind, gives the default that is
// passed: a chip that was never configured works. Each set() is written at once and survives a loss of power whole or
// not at all.
#ifndef PORTS_ESP_IDF_SETTINGS_H
#define PORTS_ESP_IDF_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "ports/esp-idf/error.h"

#define FERRY_IDF_SETTINGS_NAME 15

// nvs_flash_init(), with an erase of the partition only where ESP-IDF says that its format cannot be used (no free
// page, newer version). May be called again. 0, FERRY_ERR_STORAGE_MISSING (no partition nvs), FERRY_ERR_STORAGE_READ.
int ferry_idf_settings_init(struct ferry_idf_error *error);
// Copies the text and returns its length; one that does not fit counts as not there. cap > 0. value = NULL or "" with
// set_text() removes it.
size_t ferry_idf_settings_text(const char *name, const char *otherwise, char *out, size_t cap);
int ferry_idf_settings_set_text(const char *name, const char *value); // 0, FERRY_ERR_ARG, FERRY_ERR_STORAGE_WRITE
int32_t ferry_idf_settings_number(const char *name, int32_t otherwise);
int ferry_idf_settings_set_number(const char *name, int32_t value);
int ferry_idf_settings_remove(const char *name); // 0 also when it was not there
// All of them: 0, FERRY_ERR_STORAGE_WRITE.
int ferry_idf_settings_clear(void);

#endif
