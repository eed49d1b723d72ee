// Any bytes: the scan stays within them, and what it calls fine cJSON builds within the limits.
#include <cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/json_scan.h"

static void hold(const cJSON *item, const struct ferry_json_scan_limits *limits, unsigned depth, unsigned *values)
{
    depth += cJSON_IsArray(item) || cJSON_IsObject(item);
    if (depth > limits->depth || ++*values > limits->values + 1)
        abort();
    for (const cJSON *child = item->child; child; child = child->next)
        hold(child, limits, depth, values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct ferry_json_scan_limits limits = {.depth = data[0] % 20u, .values = data[1]};
    size_t at, len = size - 2;
    char *text = malloc(len ? len : 1);
    if (!text)
        return 0;
    memcpy(text, data + 2, len);
    enum ferry_json_scan found = ferry_json_scan(text, len, &limits, &at);
    if (at > len || (found == FERRY_JSON_SCAN_FINE) != (at == len))
        abort();
    cJSON *json = found == FERRY_JSON_SCAN_FINE ? cJSON_ParseWithLength(text, len) : NULL;
    unsigned values = 0;
    if (json)
        hold(json, &limits, 0, &values);
    cJSON_Delete(json);
    free(text);
    return 0;
}
