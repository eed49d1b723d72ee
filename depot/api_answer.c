#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"

static void give_back(void *ctx)
{
    free(ctx);
}

static void common_headers(struct api_call *call)
{
    ferry_http_answer_header(call->answer, "Cache-Control", "no-store");
    ferry_http_answer_header(call->answer, "X-Content-Type-Options", "nosniff");
    api_cors(call);
}

void api_answer_json(struct api_call *call, int http, cJSON *json)
{
    static const char none[] = "{\"error\":\"NO_MEMORY\",\"what\":\"the server is out of memory\",\"hint\":\"try again "
                               "later\"}\n";
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (!text) {
        ferry_http_answer_bytes(call->answer, 503, "application/json", none, sizeof none - 1);
        return;
    }
    ferry_http_answer_bytes(call->answer, http, "application/json", text, strlen(text));
    call->answer->close = give_back;
    call->answer->ctx = text;
    common_headers(call);
}

void api_answer_none(struct api_call *call)
{
    call->answer->status = 204;
    common_headers(call);
}

void api_fail(struct api_call *call, int http, const char *error, const char *what, const char *where, const char *hint)
{
    cJSON *json = cJSON_CreateObject();
    if (json) {
        cJSON_AddStringToObject(json, "error", error);
        cJSON_AddStringToObject(json, "what", what);
        if (where && *where)
            cJSON_AddStringToObject(json, "where", where);
        cJSON_AddStringToObject(json, "hint", hint ? hint : "");
    }
    api_answer_json(call, http, json);
    if (http == 401)
        ferry_http_answer_header(call->answer, "WWW-Authenticate", "Bearer realm=\"ferry depot\"");
    if (http == 429 || http == 503)
        ferry_http_answer_header(call->answer, "Retry-After", "1");
}

// The statuses' own hints are about cards and targets.
static const char *hint_of(int status)
{
    switch (status) {
    case FERRY_ERR_STORAGE_READ:
    case FERRY_ERR_BUSY:
        return "the database behind this server does not answer now: try again in a moment";
    case FERRY_ERR_STORAGE_WRITE:
        return "is the server's disk full, or its database read-only?";
    case FERRY_ERR_STORAGE_MISSING:
        return "GET /api/v1/builds, channels, devices and jobs list what there is";
    case FERRY_ERR_STORAGE_DAMAGED:
        return "store these bytes again; the server's disk may be failing";
    default:
        return ferry_status_hint(status);
    }
}

void api_fail_status(struct api_call *call, int http, int status, const char *what)
{
    api_fail(call, http, ferry_status_name(status), what, NULL, hint_of(status));
}

int api_http_status(int status)
{
    static const struct {
        int status, http;
    } table[] = {
        {FERRY_ERR_ARG, 400},       {FERRY_ERR_UNKNOWN_CHIP, 400},  {FERRY_ERR_STORAGE_MISSING, 404},
        {FERRY_ERR_AMBIGUOUS, 409}, {FERRY_ERR_CANCELLED, 409},     {FERRY_ERR_STATE, 409},
        {FERRY_ERR_BUSY, 503},      {FERRY_ERR_NO_MEMORY, 503},     {FERRY_ERR_STORAGE_READ, 503},
        {FERRY_ERR_NO_SPACE, 413},  {FERRY_ERR_STORAGE_WRITE, 507}, {FERRY_ERR_UNSUPPORTED, 501},
        {FERRY_ERR_VERIFY, 422},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].http;
    return ferry_status_class_of(status) == FERRY_CLASS_IMAGE ? 422 : 500;
}

void api_fail_depot(struct api_call *call, int status)
{
    const struct ferry_depot_error *error = ferry_depot_error(call->depot);
    const char *hint = error->hint[0] ? error->hint : hint_of(status);
    api_fail(call, api_http_status(status), ferry_status_name(status),
             error->what[0] ? error->what : ferry_status_text(status), NULL, hint);
}

bool api_wrong(struct api_call *call, const char *name, const char *what)
{
    char text[200];
    snprintf(text, sizeof text, "\"%s\" %s", name, what);
    api_fail(call, 400, "ARG", text, name, "docs/protocol/depot-api.yaml lists what this request takes");
    return false;
}

bool api_take_texts(struct api_call *call, const struct api_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!ferry_depot_api_json_text(call->json, texts[i].name, texts[i].into))
            return api_wrong(call, texts[i].name, "is a text (UTF-8, without control characters)");
    return true;
}

const char *api_query(const struct api_call *call, const char *name)
{
    const char *value = call->request->query(call->request->ctx, name);
    return value && *value ? value : NULL;
}

bool api_query_id(struct api_call *call, const char *name, int64_t *out)
{
    const char *value = api_query(call, name);
    *out = 0;
    return !value || ferry_depot_api_json_read_id(value, out) || api_wrong(call, name, "is no number of that kind");
}

uint32_t api_query_limit(struct api_call *call, uint32_t otherwise, uint32_t max)
{
    int64_t value = otherwise;
    const char *text = call->request->query(call->request->ctx, "limit");
    if (text && (!ferry_depot_api_json_read_id(text, &value) || value > max)) {
        char what[64];
        snprintf(what, sizeof what, "is a number from 1 to %u", (unsigned)max);
        api_wrong(call, "limit", what);
        return 0;
    }
    return (uint32_t)value;
}
