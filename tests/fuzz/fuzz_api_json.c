// Any bytes as the JSON body of a request to the depot: parsed within bounds, members taken as what they must be.
#include <stdlib.h>
#include <string.h>

#include "depot/api_json.h"
#include "ferry/base/http_text.h"

static void take_members(const cJSON *object)
{
    static const char *const names[] = {"worker", "sha256", "attempt", "build", "files", "address", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = "";
        uint64_t count = 0;
        int64_t id = 1;
        uint8_t sum[32];
        bool there;
        if (ferry_depot_api_json_text(object, names[i], &text) && !ferry_http_text_utf8(text, strlen(text)))
            abort();
        if (ferry_depot_api_json_count(object, names[i], &count) && count > 999999999999999u)
            abort();
        if (ferry_depot_api_json_id(object, names[i], &id) && id <= 0)
            abort();
        ferry_depot_api_json_sha256(object, names[i], sum, &there);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why = "x";
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    cJSON *json = ferry_depot_api_json_parse(text, size, &why);
    if (!json != (why != NULL))
        abort();
    if (json)
        take_members(json);
    cJSON_Delete(json);
    uint32_t address;
    uint8_t sum[32];
    int64_t id;
    ferry_depot_api_json_read_address(text, &address);
    ferry_depot_api_json_read_sha256(text, sum);
    if (ferry_depot_api_json_read_id(text, &id) && id <= 0)
        abort();
    free(text);
    return 0;
}
