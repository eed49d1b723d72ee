#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"

#define TOKENS 200

void api_list_tokens(struct api_call *call)
{
    struct ferry_depot_token *found = calloc(TOKENS, sizeof *found);
    int count = found ? ferry_depot_token_list(call->depot, found, TOKENS) : FERRY_ERR_NO_MEMORY;
    if (count < 0) {
        api_fail_depot(call, count);
    } else {
        cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "tokens");
        for (int i = 0; list && i < count; i++)
            cJSON_AddItemToArray(list, ferry_depot_api_json_token(&found[i]));
        api_answer_json(call, 200, json);
    }
    free(found);
}

static bool take_scopes(struct api_call *call, unsigned *scopes)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(call->json, "scopes"), *item;
    *scopes = 0;
    if (cJSON_IsArray(list)) {
        cJSON_ArrayForEach(item, list)
        {
            unsigned one = 0;
            if (!cJSON_IsString(item) || strchr(item->valuestring, ',') ||
                !ferry_depot_scopes_parse(item->valuestring, &one))
                return false;
            *scopes |= one;
        }
    }
    return *scopes != 0;
}

void api_add_token(struct api_call *call)
{
    struct ferry_depot_token token;
    char secret[FERRY_DEPOT_SECRET];
    const char *name = "";
    uint64_t lives_s = 0;
    unsigned scopes;
    if (!ferry_depot_api_json_text(call->json, "name", &name) || !*name) {
        api_wrong(call, "name", "says for whom the token is");
        return;
    }
    if (!take_scopes(call, &scopes)) {
        api_wrong(call, "scopes", "is a list of read, write, device, work, admin");
        return;
    }
    if (!ferry_depot_api_json_count(call->json, "lives_s", &lives_s) || lives_s > 10u * 366 * 86400) {
        api_wrong(call, "lives_s", "is a number of seconds, up to ten years; 0 = for ever");
        return;
    }
    int status = ferry_depot_token_add(call->depot, name, scopes, (int64_t)lives_s * 1000, secret, &token);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    cJSON *json = ferry_depot_api_json_token(&token);
    cJSON_AddStringToObject(json, "secret", secret);
    explicit_bzero(secret, sizeof secret);
    api_answer_json(call, 201, json);
}

void api_remove_token(struct api_call *call)
{
    int64_t id;
    if (!ferry_depot_api_json_read_id(call->arg[0], &id)) {
        api_fail(call, 404, "STORAGE_MISSING", "there is no such token", call->arg[0], "GET /api/v1/tokens lists them");
        return;
    }
    int status = ferry_depot_token_remove(call->depot, id);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_forget_tokens(call->api);
    api_answer_none(call);
}
