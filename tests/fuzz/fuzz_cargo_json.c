// Any text as a manifest: parsed within bounds, every part's path stays below its folder.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "updater/cargo_parts.h"
#include "updater/json.h"

static struct ferry_cargo_parts parts;

static void stays_inside(void)
{
    if (parts.count > FERRY_CARGO_MAX_REGIONS || parts.chip_count > 16)
        abort();
    for (size_t i = 0; i < parts.count; i++) {
        const char *path = parts.items[i].path;
        if (strncmp(path, "/card/", 6) != 0 || strstr(path, "/../") || strstr(path, "//") ||
            (strlen(path) > 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
            abort();
    }
}

static void clear(void)
{
    memset(&parts, 0, sizeof parts);
    parts.chip_id = FERRY_CHIP_ANY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_cargo cargo = {.kind = FERRY_CARGO_IDF_BUILD, .path = "/card/a/b/manifest.json", .root = "/card"};
    struct ferry_fault fault;
    cJSON *json = NULL;
    if (ferry_json_parse((const char *)data, size, "manifest.json", &json, &fault) < 0) {
        if (json || !fault.status || !*fault.what || memchr(fault.what, 0, sizeof fault.what) == NULL)
            abort();
        return 0;
    }
    clear();
    ferry_cargo_parts_idf(json, &cargo, &parts, &fault);
    stays_inside();
    clear();
    ferry_cargo_parts_files(json, &cargo, &parts, &fault);
    stays_inside();
    clear();
    if (ferry_cargo_parts_is_web(json)) {
        ferry_cargo_parts_web(json, &cargo, FERRY_CHIP_ANY, &parts, &fault);
        stays_inside();
        clear();
        ferry_cargo_parts_web(json, &cargo, FERRY_CHIP_ESP32S3, &parts, &fault);
        stays_inside();
    }
    cJSON_Delete(json);
    return 0;
}
