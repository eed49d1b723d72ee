#include "depot/api_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/http_text.h"
#include "ferry/codec/json_scan.h"

// Before anything is built: cJSON recurses and allocates as deep and as much as the text says, and cuts a text off at a
// zero character.
static const char *out_of_bounds(const char *text, size_t len)
{
    static const struct ferry_json_scan_limits limits = {FERRY_DEPOT_API_JSON_DEPTH, FERRY_DEPOT_API_JSON_VALUES};
    static const char *const words[] = {
        [FERRY_JSON_SCAN_ZERO] = "it has a zero byte",
        [FERRY_JSON_SCAN_ESCAPED] = "a text has a zero character",
        [FERRY_JSON_SCAN_DEEP] = "it is nested too deeply (8 levels are the limit)",
        [FERRY_JSON_SCAN_MANY] = "it has too many values (1024 are the limit)",
    };
    return words[ferry_json_scan(text, len, &limits, NULL)];
}

// Two members of one name: parsers disagree which one counts, so neither does.
static bool has_doubles(const cJSON *item)
{
    for (const cJSON *a = item->child; a; a = a->next) {
        for (const cJSON *b = a->next; a->string && b; b = b->next)
            if (b->string && strcmp(a->string, b->string) == 0)
                return true;
        if (has_doubles(a))
            return true;
    }
    return false;
}

static const char *unfit(const cJSON *root, const char *end, const char *text, size_t len)
{
    size_t at = root ? (size_t)(end - text) : 0;
    if (!root)
        return "it is no JSON, or ends too early";
    while (at < len && strchr(" \t\r\n", text[at]))
        at++;
    if (at < len)
        return "there is more behind its end";
    if (!cJSON_IsObject(root))
        return "it is no object {...}";
    return has_doubles(root) ? "an object has a member twice" : NULL;
}

cJSON *ferry_depot_api_json_parse(const char *text, size_t len, const char **why)
{
    const char *end = text;
    *why = len == 0 ? "it is empty" : !ferry_http_text_utf8(text, len) ? "it is no UTF-8" : out_of_bounds(text, len);
    if (*why)
        return NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, false);
    *why = unfit(root, end, text, len);
    if (!*why)
        return root;
    cJSON_Delete(root);
    return NULL;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

bool ferry_depot_api_json_text(const cJSON *object, const char *name, const char **out)
{
    const cJSON *item = member(object, name);
    if (!item)
        return true;
    // Escapes can give control codes and lone surrogates.
    if (!cJSON_IsString(item) || !ferry_http_text_plain(item->valuestring, strlen(item->valuestring)))
        return false;
    *out = item->valuestring;
    return true;
}

bool ferry_depot_api_json_count(const cJSON *object, const char *name, uint64_t *out)
{
    const cJSON *item = member(object, name);
    if (!item)
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 999999999999999.0 ||
        (double)(uint64_t)item->valuedouble != item->valuedouble)
        return false;
    *out = (uint64_t)item->valuedouble;
    return true;
}

bool ferry_depot_api_json_read_id(const char *text, int64_t *out)
{
    size_t len = strlen(text);
    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return false;
    int64_t value = strtoll(text, NULL, 10);
    if (value <= 0)
        return false;
    *out = value;
    return true;
}

bool ferry_depot_api_json_id(const cJSON *object, const char *name, int64_t *out)
{
    const cJSON *item = member(object, name);
    uint64_t number = 0;
    if (!item)
        return true;
    if (cJSON_IsString(item))
        return ferry_depot_api_json_read_id(item->valuestring, out);
    if (!ferry_depot_api_json_count(object, name, &number) || number == 0)
        return false;
    *out = (int64_t)number;
    return true;
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool ferry_depot_api_json_read_sha256(const char *text, uint8_t out[32])
{
    uint8_t value[32];
    if (strlen(text) != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        value[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(out, value, 32);
    return true;
}

bool ferry_depot_api_json_sha256(const cJSON *object, const char *name, uint8_t out[32], bool *there)
{
    const cJSON *item = member(object, name);
    *there = item != NULL;
    return !item || (cJSON_IsString(item) && ferry_depot_api_json_read_sha256(item->valuestring, out));
}

bool ferry_depot_api_json_read_address(const char *text, uint32_t *out)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    size_t len = strlen(digits);
    if (len == 0 || len > 10 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != len)
        return false;
    unsigned long long value = strtoull(digits, NULL, hex ? 16 : 10);
    if (value >= FERRY_DEPOT_NO_ADDRESS)
        return false;
    *out = (uint32_t)value;
    return true;
}

void ferry_depot_api_json_hex(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[2 * len] = 0;
}
