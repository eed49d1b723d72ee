// JSON files that others wrote, loaded within bounds: size, depth, number of values, no name twice in one object, no
// zero characters.
#ifndef FERRY_UPDATER_JSON_H
#define FERRY_UPDATER_JSON_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "updater/fault.h"
#include "updater/limits.h"

#define FERRY_JSON_MAX_DEPTH 16

// Parses text (len bytes, no terminator needed). shown is the name for messages. *out is freed with cJSON_Delete.
// 0; FERRY_ERR_MANIFEST with line and column in fault->where; FERRY_ERR_NO_MEMORY.
int ferry_json_parse(const char *text, size_t len, const char *shown, cJSON **out, struct ferry_fault *fault);
// The same from a regular file. Also FERRY_ERR_STORAGE_MISSING, FERRY_ERR_STORAGE_READ.
int ferry_json_load(const char *path, const char *shown, cJSON **out, struct ferry_fault *fault);

// The member's text, NULL when it is missing or no text.
const char *ferry_json_text(const cJSON *object, const char *name);
// An address: a whole number 0 .. 0xFFFFFFFF, or a text of one ("0x10000", "65536"). False for anything else.
bool ferry_json_address(const cJSON *value, uint32_t *out);
// The same for plain text: decimal or 0x..., nothing before or after it.
bool ferry_json_number(const char *text, uint32_t *out);

#endif
