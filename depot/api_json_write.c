#include <stdio.h>
#include <string.h>
#include <time.h>

#include "depot/api_json.h"

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (text[0])
        cJSON_AddStringToObject(object, name, text);
}

static void add_sha256(cJSON *object, const char *name, const uint8_t sha256[32])
{
    static const uint8_t none[32];
    char hex[65];
    if (memcmp(sha256, none, sizeof none) == 0)
        return;
    ferry_depot_api_json_hex(sha256, 32, hex);
    cJSON_AddStringToObject(object, name, hex);
}

// ISO 8601 in UTC; left out when it has not been.
static void add_time(cJSON *object, const char *name, int64_t ms)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    if (ms <= 0 || !gmtime_r(&seconds, &tm))
        return;
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, sizeof text - len, ".%03dZ", (int)(ms % 1000));
    cJSON_AddStringToObject(object, name, text);
}

void ferry_depot_api_json_add_id(cJSON *object, const char *name, int64_t id)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    cJSON_AddStringToObject(object, name, text);
}

static void add_chips(cJSON *object, const char *chip)
{
    cJSON *chips = cJSON_AddArrayToObject(object, "chips");
    if (chip[0] && chips)
        cJSON_AddItemToArray(chips, cJSON_CreateString(chip));
    add_text(object, "chip", chip);
}

cJSON *ferry_depot_api_json_build(const struct ferry_depot_build *build)
{
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    ferry_depot_api_json_add_id(o, "id", build->id);
    cJSON_AddStringToObject(o, "name", build->project);
    cJSON_AddStringToObject(o, "project", build->project);
    add_text(o, "version", build->version);
    add_chips(o, build->chip);
    add_text(o, "kind", build->kind);
    cJSON_AddNumberToObject(o, "size", (double)build->size);
    cJSON_AddNumberToObject(o, "file_count", build->file_count);
    add_sha256(o, "sha256", build->sha256);
    add_sha256(o, "app_sha256", build->app_sha256);
    add_sha256(o, "app_image_sha256", build->app_image_sha256);
    add_sha256(o, "app_elf_sha256", build->app_elf_sha256);
    add_text(o, "idf", build->idf);
    add_text(o, "built", build->built);
    add_text(o, "note", build->note);
    if (build->flash_size)
        cJSON_AddNumberToObject(o, "flash_size", build->flash_size);
    add_time(o, "added", build->added_ms);
    return o;
}

cJSON *ferry_depot_api_json_file(const struct ferry_depot_file *file)
{
    char address[16];
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    add_text(o, "role", file->role);
    cJSON_AddStringToObject(o, "name", file->name);
    if (file->address != FERRY_DEPOT_NO_ADDRESS) {
        snprintf(address, sizeof address, "0x%x", (unsigned)file->address);
        cJSON_AddStringToObject(o, "address", address);
    }
    cJSON_AddNumberToObject(o, "size", file->blob.size);
    add_sha256(o, "sha256", file->blob.sha256);
    return o;
}

cJSON *ferry_depot_api_json_channel(const struct ferry_depot_channel *channel)
{
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    cJSON_AddStringToObject(o, "name", channel->name);
    cJSON_AddStringToObject(o, "project", channel->project);
    cJSON_AddStringToObject(o, "chip", channel->chip);
    ferry_depot_api_json_add_id(o, "build", channel->build);
    cJSON_AddStringToObject(o, "version", channel->version);
    add_time(o, "changed", channel->changed_ms);
    return o;
}

cJSON *ferry_depot_api_json_device(const struct ferry_depot_device *device)
{
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    cJSON_AddStringToObject(o, "mac", device->mac);
    add_text(o, "chip", device->chip);
    add_text(o, "name", device->name);
    add_text(o, "channel", device->channel);
    if (device->assigned)
        cJSON_AddTrueToObject(o, "assigned");
    add_text(o, "project", device->project);
    add_text(o, "version", device->version);
    add_text(o, "wants", device->wants);
    add_sha256(o, "sha256", device->running_sha256);
    add_time(o, "first", device->first_seen_ms);
    add_time(o, "seen", device->last_seen_ms);
    return o;
}

static void add_job_end(cJSON *o, const struct ferry_depot_job *job)
{
    add_text(o, "result", job->status);
    add_text(o, "text", job->text);
    if (!job->finished_ms)
        return;
    cJSON_AddNumberToObject(o, "written", (double)job->bytes_written);
    cJSON_AddNumberToObject(o, "skipped", (double)job->bytes_skipped);
    cJSON_AddNumberToObject(o, "retries", job->retries);
    cJSON_AddNumberToObject(o, "elapsed_ms", job->elapsed_ms);
}

cJSON *ferry_depot_api_json_job(const struct ferry_depot_job *job)
{
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    ferry_depot_api_json_add_id(o, "id", job->id);
    cJSON_AddStringToObject(o, "state", ferry_depot_job_state_name(job->state));
    if (job->build)
        ferry_depot_api_json_add_id(o, "build", job->build);
    add_text(o, "project", job->project);
    add_text(o, "version", job->version);
    add_text(o, "chip", job->chip);
    add_text(o, "mac", job->mac);
    add_text(o, "worker", job->worker);
    cJSON_AddNumberToObject(o, "attempt", job->attempt);
    cJSON_AddNumberToObject(o, "revision", job->revision);
    cJSON_AddNumberToObject(o, "done", (double)job->bytes_done);
    cJSON_AddNumberToObject(o, "size", (double)job->bytes_total);
    add_job_end(o, job);
    add_time(o, "created", job->created_ms);
    add_time(o, "claimed", job->claimed_ms);
    add_time(o, "finished", job->finished_ms);
    add_time(o, "changed", job->changed_ms);
    add_time(o, "lease_until", job->lease_until_ms);
    return o;
}

cJSON *ferry_depot_api_json_scopes(unsigned scopes)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{FERRY_DEPOT_SCOPE_READ, "read"},
                 {FERRY_DEPOT_SCOPE_WRITE, "write"},
                 {FERRY_DEPOT_SCOPE_DEVICE, "device"},
                 {FERRY_DEPOT_SCOPE_WORK, "work"},
                 {FERRY_DEPOT_SCOPE_ADMIN, "admin"}};
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < sizeof names / sizeof *names; i++)
        if (scopes & names[i].bit)
            cJSON_AddItemToArray(list, cJSON_CreateString(names[i].name));
    return list;
}

cJSON *ferry_depot_api_json_token(const struct ferry_depot_token *token)
{
    cJSON *o = cJSON_CreateObject();
    if (!o)
        return NULL;
    ferry_depot_api_json_add_id(o, "id", token->id);
    cJSON_AddStringToObject(o, "name", token->name);
    cJSON_AddItemToObject(o, "scopes", ferry_depot_api_json_scopes(token->scopes));
    add_time(o, "expires", token->expires_ms);
    add_time(o, "created", token->created_ms);
    add_time(o, "used", token->used_ms);
    return o;
}
