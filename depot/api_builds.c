#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"

#define FOUND 8 // builds that one reference may name, a chip each

void api_info(struct api_call *call)
{
    static const struct {
        const char *name;
        unsigned scopes;
    } parts[] = {
        {"builds", FERRY_DEPOT_SCOPE_READ},   {"upload", FERRY_DEPOT_SCOPE_WRITE}, {"delete", FERRY_DEPOT_SCOPE_WRITE},
        {"channels", FERRY_DEPOT_SCOPE_READ}, {"devices", FERRY_DEPOT_SCOPE_READ}, {"jobs", FERRY_DEPOT_SCOPE_READ},
        {"edit", FERRY_DEPOT_SCOPE_WRITE},    {"events", FERRY_DEPOT_SCOPE_READ},  {"tokens", FERRY_DEPOT_SCOPE_ADMIN}};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "kind", "depot");
    cJSON_AddStringToObject(json, "name", call->api->cfg.name);
    cJSON_AddStringToObject(json, "version", call->api->cfg.version);
    cJSON_AddStringToObject(json, "boot", call->api->boot);
    cJSON_AddBoolToObject(json, "auth", !(call->api->cfg.anonymous & FERRY_DEPOT_SCOPE_READ));
    cJSON_AddBoolToObject(json, "ok", call->scopes != 0);
    cJSON_AddItemToObject(json, "scopes", ferry_depot_api_json_scopes(call->scopes));
    cJSON *list = cJSON_AddArrayToObject(json, "parts");
    for (size_t i = 0; list && i < sizeof parts / sizeof *parts; i++)
        if (call->scopes & parts[i].scopes)
            cJSON_AddItemToArray(list, cJSON_CreateString(parts[i].name));
    cJSON_AddNumberToObject(json, "upload_limit", call->api->cfg.upload_bytes);
    api_answer_json(call, 200, json);
}

void api_health(struct api_call *call)
{
    int64_t now;
    int status = ferry_depot_now(call->depot, &now);
    if (status < 0) {
        api_fail_status(call, 503, status, "the database does not answer");
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "ok", true);
    cJSON_AddStringToObject(json, "engine", ferry_depot_engine(call->depot));
    api_answer_json(call, 200, json);
}

void api_stats(struct api_call *call)
{
    struct ferry_depot_stats stats;
    int status = ferry_depot_stats(call->depot, &stats);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "builds", (double)stats.builds);
    cJSON_AddNumberToObject(json, "blobs", (double)stats.blobs);
    cJSON_AddNumberToObject(json, "bytes", (double)stats.bytes);
    cJSON_AddNumberToObject(json, "devices", (double)stats.devices);
    cJSON_AddNumberToObject(json, "channels", (double)stats.channels);
    cJSON_AddNumberToObject(json, "jobs_queued", (double)stats.jobs_queued);
    cJSON_AddNumberToObject(json, "jobs_active", (double)stats.jobs_active);
    cJSON_AddNumberToObject(json, "jobs_done", (double)stats.jobs_done);
    cJSON_AddNumberToObject(json, "jobs_failed", (double)stats.jobs_failed);
    api_answer_json(call, 200, json);
}

// ---- finding one ----

static bool ambiguous(struct api_call *call, const struct ferry_depot_build *found, int count)
{
    char chips[160] = "";
    for (int i = 0; i < count; i++)
        snprintf(chips + strlen(chips), sizeof chips - strlen(chips), "%s%s", i ? ", " : "",
                 found[i].chip[0] ? found[i].chip : "(none)");
    char what[240];
    snprintf(what, sizeof what, "there are builds for several chips: %s", chips);
    api_fail(call, 409, "AMBIGUOUS", what, NULL, "name the chip: ?chip=esp32c3");
    return false;
}

// The chip is in the query, or the second part of the path.
bool api_resolve(struct api_call *call, const char *reference, struct ferry_depot_build *out)
{
    struct ferry_depot_build found[FOUND];
    int64_t id = 0;
    const char *chip = call->arg[1][0] ? call->arg[1] : api_query(call, "chip");
    const struct ferry_chip *known = chip ? ferry_chip_by_name(chip) : NULL; // as people write it
    chip = known ? known->name : chip;
    int count = 1;
    if (ferry_depot_api_json_read_id(reference, &id))
        count = ferry_depot_build_get(call->depot, id, &found[0]);
    else
        count = ferry_depot_find(call->depot, reference, chip, found, FOUND);
    if (count < 0) {
        api_fail_depot(call, count);
        return false;
    }
    if (count > 1)
        return ambiguous(call, found, count);
    *out = found[0];
    return true;
}

// ---- lists ----

struct names { // channels by build, looked up once for a whole list
    struct ferry_depot_channel *list;
    int count;
};

static void load_names(struct ferry_depot *depot, const char *project, struct names *names)
{
    names->list = calloc(256, sizeof *names->list);
    names->count = names->list ? ferry_depot_channel_list(depot, project, 0, names->list, 256) : 0;
}

static void add_channels(cJSON *build, int64_t id, const struct names *names)
{
    cJSON *list = cJSON_AddArrayToObject(build, "channels");
    for (int i = 0; list && i < names->count; i++)
        if (names->list[i].build == id)
            cJSON_AddItemToArray(list, cJSON_CreateString(names->list[i].name));
}

static bool take_filter(struct api_call *call, struct ferry_depot_filter *filter)
{
    *filter = (struct ferry_depot_filter){
        .project = api_query(call, "project"),
        .version = api_query(call, "version"),
        .chip = api_query(call, "chip"),
        .channel = api_query(call, "channel"),
        .text = api_query(call, "text"),
    };
    return api_query_id(call, "before", &filter->before);
}

static void answer_builds(struct api_call *call, const struct ferry_depot_filter *filter,
                          const struct ferry_depot_build *found, int count, uint32_t limit)
{
    struct names names;
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "builds");
    load_names(call->depot, filter->project, &names);
    for (int i = 0; list && i < count; i++) {
        cJSON *build = ferry_depot_api_json_build(&found[i]);
        add_channels(build, found[i].id, &names);
        cJSON_AddItemToArray(list, build);
    }
    free(names.list);
    if (count == (int)limit)
        ferry_depot_api_json_add_id(json, "next", found[count - 1].id);
    api_answer_json(call, 200, json);
}

void api_list_builds(struct api_call *call)
{
    struct ferry_depot_filter filter;
    uint32_t limit = api_query_limit(call, 200, 1000);
    if (!limit || !take_filter(call, &filter))
        return;
    struct ferry_depot_build *found = calloc(limit, sizeof *found);
    int count = found ? ferry_depot_build_list(call->depot, &filter, found, limit) : FERRY_ERR_NO_MEMORY;
    if (count < 0)
        api_fail_depot(call, count);
    else
        answer_builds(call, &filter, found, count, limit);
    free(found);
}

static void add_files(cJSON *json, const struct ferry_depot_file *files, int count)
{
    cJSON *list = cJSON_AddArrayToObject(json, "files");
    for (int i = 0; list && i < count; i++)
        cJSON_AddItemToArray(list, ferry_depot_api_json_file(&files[i]));
}

static void add_layout(struct api_call *call, cJSON *json, int64_t id)
{
    char *layout = malloc(FERRY_DEPOT_LAYOUT);
    if (layout && ferry_depot_build_layout(call->depot, id, layout) > 0) {
        cJSON *parsed = cJSON_Parse(layout);
        if (parsed)
            cJSON_AddItemToObject(json, "layout", parsed);
    }
    free(layout);
}

void api_show_build(struct api_call *call)
{
    struct ferry_depot_build build;
    struct names names;
    if (!api_resolve(call, call->arg[0], &build))
        return;
    struct ferry_depot_file *files = calloc(FERRY_DEPOT_FILES, sizeof *files);
    int count = files ? ferry_depot_build_files(call->depot, build.id, files) : FERRY_ERR_NO_MEMORY;
    if (count < 0) {
        api_fail_depot(call, count);
    } else {
        cJSON *json = ferry_depot_api_json_build(&build);
        load_names(call->depot, build.project, &names);
        add_channels(json, build.id, &names);
        free(names.list);
        add_files(json, files, count);
        add_layout(call, json, build.id);
        api_answer_json(call, 200, json);
    }
    free(files);
}

void api_remove_build(struct api_call *call)
{
    struct ferry_depot_build build;
    const char *force = api_query(call, "force");
    if (!api_resolve(call, call->arg[0], &build))
        return;
    int status = ferry_depot_build_remove(call->depot, build.id, force && strcmp(force, "1") == 0);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_answer_none(call);
    api_news_tell(call->api, "builds");
}

// ---- a build out of blobs ----

static bool take_text(struct api_call *call, const cJSON *object, const char *name, char *out, size_t cap)
{
    const char *text = "";
    if (!ferry_depot_api_json_text(object, name, &text) || strlen(text) >= cap)
        return api_wrong(call, name, "is a text that is not too long");
    strcpy(out, text);
    return true;
}

static bool take_file(struct api_call *call, const cJSON *item, struct ferry_depot_file *file)
{
    uint8_t sha256[FERRY_SHA256_SIZE];
    char address[24] = "";
    bool there = false;
    if (!cJSON_IsObject(item))
        return api_wrong(call, "files", "is a list of objects");
    if (!ferry_depot_api_json_sha256(item, "sha256", sha256, &there) || !there)
        return api_wrong(call, "sha256", "has 64 hex digits, of a blob that was sent before");
    if (!take_text(call, item, "name", file->name, sizeof file->name) ||
        !take_text(call, item, "role", file->role, sizeof file->role) ||
        !take_text(call, item, "address", address, sizeof address))
        return false;
    file->address = FERRY_DEPOT_NO_ADDRESS;
    if (address[0] && !ferry_depot_api_json_read_address(address, &file->address))
        return api_wrong(call, "address", "is a flash address in a text, like \"0x10000\"");
    int status = ferry_depot_blob_find(call->depot, sha256, &file->blob);
    if (status < 0)
        api_fail_depot(call, status);
    return status >= 0;
}

static bool take_files(struct api_call *call, struct ferry_depot_file *files, size_t *count)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(call->json, "files"), *item;
    int size = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (size < 1 || size > FERRY_DEPOT_FILES)
        return api_wrong(call, "files", "is a list of 1 to 32 files");
    cJSON_ArrayForEach(item, list) if (!take_file(call, item, &files[(*count)++])) return false;
    return true;
}

void api_add_build(struct api_call *call)
{
    const char *project = NULL, *version = NULL, *note = NULL, *channel = NULL;
    const struct api_text texts[] = {
        {"project", &project}, {"version", &version}, {"note", &note}, {"channel", &channel}};
    size_t count = 0;
    if (!api_take_texts(call, texts, sizeof texts / sizeof *texts))
        return;
    struct ferry_depot_file *files = calloc(FERRY_DEPOT_FILES, sizeof *files);
    if (!files)
        api_fail_status(call, 503, FERRY_ERR_NO_MEMORY, "the server is out of memory");
    else if (take_files(call, files, &count))
        api_make_build(call, files, count, project, version, note, channel);
    free(files);
}
