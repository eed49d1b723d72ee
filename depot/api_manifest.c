// What a channel holds in the form that ESP Web Tools flashes from and ESPHome's http_request updates itself by
// (https://esphome.github.io/esp-web-tools/, https://esphome.io/components/update/http_request.html).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"

enum { CHIPS = 16 };

struct entry {
    struct ferry_depot_build build;
    struct ferry_depot_blob app;
    bool has_app;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    int count;
};

struct manifest {
    struct entry entries[CHIPS];
    int count;
};

// The app if there is one; a merged image has none, and is no update.
static void take_app(struct entry *e)
{
    for (int i = 0; i < e->count && !e->has_app; i++)
        if (memcmp(e->files[i].blob.sha256, e->build.app_sha256, FERRY_SHA256_SIZE) == 0) {
            e->app = e->files[i].blob;
            e->has_app = true;
        }
}

static int load(struct api_call *call, struct manifest *m)
{
    struct ferry_depot_build *found = calloc(CHIPS, sizeof *found);
    int status = FERRY_ERR_NO_MEMORY;
    if (found)
        status = m->count = ferry_depot_find(call->depot, call->arg[0], NULL, found, CHIPS);
    for (int i = 0; status >= 0 && i < m->count; i++) {
        struct entry *e = &m->entries[i];
        e->build = found[i];
        status = e->count = ferry_depot_build_files(call->depot, e->build.id, e->files);
        if (status >= 0)
            take_app(e);
    }
    free(found);
    return status;
}

// As a part of an address.
static void add_escaped(char *out, size_t cap, const char *text)
{
    size_t n = strlen(out);
    for (; *text && n + 4 < cap; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-~@", c) != NULL;
        n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", c);
    }
}

static void add_ota(cJSON *build, const struct api_call *call, const struct entry *e, const char *md5)
{
    char path[3 * API_ARG + 64] = "/api/v1/ota/";
    cJSON *ota = cJSON_AddObjectToObject(build, "ota");
    add_escaped(path, sizeof path, call->arg[0]);
    strcat(path, "/");
    add_escaped(path, sizeof path, e->build.chip);
    strcat(path, ".bin");
    cJSON_AddStringToObject(ota, "path", path);
    cJSON_AddStringToObject(ota, "md5", md5);
    cJSON_AddStringToObject(ota, "summary", e->build.note);
}

// All files, when each of them has its place.
static void add_parts(cJSON *build, const struct entry *e)
{
    char path[32 + 65];
    for (int i = 0; i < e->count; i++)
        if (e->files[i].address == FERRY_DEPOT_NO_ADDRESS)
            return;
    cJSON *parts = cJSON_AddArrayToObject(build, "parts");
    for (int i = 0; i < e->count; i++) {
        cJSON *part = cJSON_CreateObject();
        strcpy(path, "/api/v1/blobs/");
        ferry_depot_api_json_hex(e->files[i].blob.sha256, FERRY_SHA256_SIZE, path + strlen(path));
        cJSON_AddStringToObject(part, "path", path);
        cJSON_AddNumberToObject(part, "offset", e->files[i].address);
        cJSON_AddItemToArray(parts, part);
    }
}

// False = answered.
static bool add_entry(struct api_call *call, cJSON *list, const struct entry *e)
{
    const struct ferry_chip *chip = ferry_chip_by_name(e->build.chip);
    char md5[33];
    if (e->has_app && !api_prove_blob(call, &e->app, md5))
        return false;
    cJSON *build = cJSON_CreateObject();
    cJSON_AddStringToObject(build, "chipFamily", chip ? chip->label : e->build.chip);
    if (e->has_app && e->build.chip[0])
        add_ota(build, call, e, md5);
    add_parts(build, e);
    cJSON_AddItemToArray(list, build);
    return true;
}

void api_ota_manifest(struct api_call *call)
{
    struct manifest *m = calloc(1, sizeof *m);
    int status = m ? load(call, m) : FERRY_ERR_NO_MEMORY;
    if (!m)
        api_fail_status(call, 503, status, "the server is out of memory");
    else if (status < 0)
        api_fail_depot(call, status);
    if (status >= 0) {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "name", m->entries[0].build.project);
        cJSON_AddStringToObject(json, "version", m->entries[0].build.version);
        cJSON *list = cJSON_AddArrayToObject(json, "builds");
        bool good = true;
        for (int i = 0; good && i < m->count; i++)
            good = add_entry(call, list, &m->entries[i]);
        if (good)
            api_answer_json(call, 200, json);
        else
            cJSON_Delete(json);
    }
    free(m);
}
