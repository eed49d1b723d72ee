// Bytes of firmware: as curl, esp_https_ota and Arduino's HTTPUpdate fetch them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

struct sending {
    struct ferry_depot_api *api;
    struct ferry_depot_blob blob;
    uint32_t at, end;
};

static int send_some(void *ctx, uint8_t *buf, size_t cap)
{
    struct sending *s = ctx;
    size_t want = s->end - s->at < cap ? s->end - s->at : cap;
    if (want == 0)
        return FERRY_HTTP_OVER;
    int n = api_read(s->api, &s->blob, s->at, buf, want);
    if (n > 0)
        s->at += (uint32_t)n;
    return n;
}

static void end_sending(void *ctx)
{
    free(ctx);
}

// A name that is safe in a header and in any file system: what is left of text is letters, digits, '.', '_' and '-'.
static void add_safe(char *out, size_t cap, const char *text)
{
    size_t n = strlen(out);
    for (; *text && n + 1 < cap; text++)
        out[n++] = strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-", *text) ? *text : '_';
    out[n] = 0;
}

static void blob_headers(struct api_call *call, const struct ferry_depot_blob *blob, const char *md5, const char *name)
{
    char text[192], hex[65];
    ferry_depot_api_json_hex(blob->sha256, sizeof blob->sha256, hex);
    ferry_http_answer_header(call->answer, "Content-Type", "application/octet-stream");
    ferry_http_answer_header(call->answer, "X-Content-Type-Options", "nosniff");
    ferry_http_answer_header(call->answer, "X-Sha256", hex);
    ferry_http_answer_header(call->answer, "x-MD5", md5); // HTTPUpdate compares it
    ferry_http_answer_header(call->answer, "Cache-Control", "private, no-cache");
    snprintf(text, sizeof text, "attachment; filename=\"%s\"", name);
    ferry_http_answer_header(call->answer, "Content-Disposition", text);
    api_cors(call);
}

// What cannot be read may have been removed, with its build, since it was looked up.
static bool removed_meanwhile(struct api_call *call, const struct ferry_depot_blob *blob)
{
    struct ferry_depot_blob again;
    unsigned which;
    struct ferry_depot *depot = api_take(call->api, &which);
    bool there = ferry_depot_blob_find(depot, blob->sha256, &again) >= 0 && again.id == blob->id;
    api_give(call->api, which);
    return !there;
}

bool api_prove_blob(struct api_call *call, const struct ferry_depot_blob *blob, char md5[33])
{
    if (call->depot)
        api_give(call->api, call->which); // reading takes it again, piece by piece
    call->depot = NULL;
    int status = api_prove(call->api, blob, md5);
    if (status >= 0)
        return true;
    if (status == FERRY_ERR_STORAGE_DAMAGED && removed_meanwhile(call, blob))
        status = FERRY_ERR_STORAGE_MISSING;
    api_fail_status(call, api_http_status(status), status,
                    status == FERRY_ERR_STORAGE_DAMAGED ? "the stored bytes are not what was stored; they are not sent"
                                                        : ferry_status_text(status));
    return false;
}

static void send_blob(struct api_call *call, const struct ferry_depot_blob *blob, const char *md5, const char *name)
{
    char etag[68] = "\"";
    struct ferry_http_part part;
    ferry_depot_api_json_hex(blob->sha256, sizeof blob->sha256, etag + 1);
    strcat(etag, "\"");
    blob_headers(call, blob, md5, name);
    if (!ferry_http_answer_part(call->answer, call->request, blob->size, etag, &part))
        return;
    struct sending *s = malloc(sizeof *s);
    if (!s) {
        call->answer->status = 503;
        call->answer->length = 0;
        return;
    }
    *s = (struct sending){call->api, *blob, (uint32_t)part.offset, (uint32_t)(part.offset + part.length)};
    call->answer->read = send_some;
    call->answer->close = end_sending;
    call->answer->ctx = s;
}

void api_get_blob(struct api_call *call)
{
    struct ferry_depot_blob blob;
    uint8_t sha256[FERRY_SHA256_SIZE];
    char md5[33], name[API_ARG + 5];
    if (!ferry_depot_api_json_read_sha256(call->arg[0], sha256)) {
        api_wrong(call, "sha256", "has 64 hex digits");
        return;
    }
    int status = ferry_depot_blob_find(call->depot, sha256, &blob);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    snprintf(name, sizeof name, "%s.bin", call->arg[0]);
    if (api_prove_blob(call, &blob, md5))
        send_blob(call, &blob, md5, name);
}

bool api_find_app(struct api_call *call, const struct ferry_depot_build *build, struct ferry_depot_blob *out)
{
    struct ferry_depot_file *files = calloc(FERRY_DEPOT_FILES, sizeof *files);
    int count = files ? ferry_depot_build_files(call->depot, build->id, files) : FERRY_ERR_NO_MEMORY;
    bool found = false;
    for (int i = 0; i < count && !found; i++)
        if (memcmp(files[i].blob.sha256, build->app_sha256, sizeof build->app_sha256) == 0) {
            *out = files[i].blob;
            found = true;
        }
    free(files);
    if (count < 0)
        api_fail_depot(call, count);
    else if (!found)
        api_fail(call, 404, "STORAGE_MISSING", "this build has no app image of its own", NULL,
                 "its files are below /api/v1/blobs/; a merged image cannot be sent to a running device");
    return found;
}

static void app_name(const struct ferry_depot_build *build, char *out, size_t cap)
{
    out[0] = 0;
    add_safe(out, cap, build->project);
    if (build->version[0])
        add_safe(out, cap, "-");
    add_safe(out, cap, build->version);
    if (build->chip[0])
        add_safe(out, cap, "-");
    add_safe(out, cap, build->chip);
    add_safe(out, cap, ".bin");
}

void api_get_app(struct api_call *call)
{
    struct ferry_depot_build build;
    struct ferry_depot_blob blob;
    char md5[33], name[150];
    if (!api_resolve(call, call->arg[0], &build) || !api_find_app(call, &build, &blob) ||
        !api_prove_blob(call, &blob, md5))
        return;
    app_name(&build, name, sizeof name);
    send_blob(call, &blob, md5, name);
}

// ---- over the air ----

// What HTTPUpdate says about the firmware it is part of (arduino-esp32 HTTPUpdate.cpp, ESP8266httpUpdate.cpp).
static const char *device_header(const struct api_call *call, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "x-ESP32-%s", name);
    const char *value = call->request->header(call->request->ctx, full);
    if (value)
        return value;
    snprintf(full, sizeof full, "x-ESP8266-%s", name);
    return call->request->header(call->request->ctx, full);
}

static bool says_hash(const char *said, const uint8_t sha256[32])
{
    static const uint8_t none[32];
    char hex[65];
    ferry_depot_api_json_hex(sha256, 32, hex);
    return said && memcmp(sha256, none, sizeof none) != 0 && ferry_http_text_same(said, hex);
}

static bool runs_it_already(const struct api_call *call, const struct ferry_depot_build *build, const char *md5)
{
    const char *sha = device_header(call, "sketch-sha256"), *said = device_header(call, "sketch-md5");
    const char *version = device_header(call, "version");
    if (says_hash(sha, build->app_image_sha256) || says_hash(sha, build->app_sha256))
        return true;
    if (said && ferry_http_text_same(said, md5))
        return true;
    return version && build->version[0] && strcmp(version, build->version) == 0;
}

static bool take_off(char *text, const char *ending)
{
    size_t len = strlen(text), end = strlen(ending);
    bool ends = len > end && strcmp(text + len - end, ending) == 0;
    if (ends)
        text[len - end] = 0;
    return ends;
}

// What ESPHome asks for beside a firmware, unless it was told: its MD5.
static void send_sum(struct api_call *call, const char *md5)
{
    char *text = malloc(34);
    if (!text) {
        api_fail_status(call, 503, FERRY_ERR_NO_MEMORY, "the server is out of memory");
        return;
    }
    snprintf(text, 34, "%s\n", md5);
    ferry_http_answer_bytes(call->answer, 200, "text/plain", text, 33);
    call->answer->close = end_sending;
    call->answer->ctx = text;
    ferry_http_answer_header(call->answer, "Cache-Control", "private, no-cache");
    ferry_http_answer_header(call->answer, "X-Content-Type-Options", "nosniff");
    api_cors(call);
}

void api_get_ota(struct api_call *call)
{
    struct ferry_depot_build build;
    struct ferry_depot_blob blob;
    char md5[33], name[150];
    const char *mode = device_header(call, "mode");
    if (strcmp(call->arg[1], "manifest.json") == 0) {
        api_ota_manifest(call);
        return;
    }
    bool sum = take_off(call->arg[1], ".md5");
    if (!sum)
        take_off(call->arg[1], ".bin");
    if (strlen(call->arg[1]) >= FERRY_DEPOT_CHIP) {
        api_wrong(call, "chip", "is no chip's name");
        return;
    }
    if (mode && strcmp(mode, "sketch") != 0) {
        api_fail(call, 404, "STORAGE_MISSING", "only apps are served over the air, no file systems", NULL,
                 "use httpUpdate.update(), not updateSpiffs()");
        return;
    }
    if (!api_resolve(call, call->arg[0], &build) || !api_find_app(call, &build, &blob) ||
        !api_prove_blob(call, &blob, md5))
        return;
    if (sum) {
        send_sum(call, md5);
        return;
    }
    if (runs_it_already(call, &build, md5)) {
        call->answer->status = 304;
        return;
    }
    app_name(&build, name, sizeof name);
    send_blob(call, &blob, md5, name);
}
