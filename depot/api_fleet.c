// Channels, devices and check-ins.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

static bool copy(char *out, size_t cap, const char *text)
{
    if (strlen(text) >= cap)
        return false;
    strcpy(out, text);
    return true;
}

// ---- channels ----

void api_list_channels(struct api_call *call)
{
    enum { PAGE = 500 };
    struct ferry_depot_channel *found = calloc(PAGE, sizeof *found);
    int64_t skip = 0;
    const char *text = call->request->query(call->request->ctx, "skip");
    if (text && !ferry_depot_api_json_read_id(text, &skip)) {
        api_wrong(call, "skip", "is a number");
        free(found);
        return;
    }
    int count = found ? ferry_depot_channel_list(call->depot, api_query(call, "project"), (size_t)skip, found, PAGE)
                      : FERRY_ERR_NO_MEMORY;
    if (count < 0) {
        api_fail_depot(call, count);
    } else {
        cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "channels");
        for (int i = 0; list && i < count; i++)
            cJSON_AddItemToArray(list, ferry_depot_api_json_channel(&found[i]));
        if (count == PAGE)
            cJSON_AddNumberToObject(json, "skip", (double)(skip + PAGE));
        api_answer_json(call, 200, json);
    }
    free(found);
}

void api_set_channel(struct api_call *call)
{
    int64_t build = 0;
    if (!ferry_depot_api_json_id(call->json, "build", &build) || !build) {
        api_wrong(call, "build", "is a build's id");
        return;
    }
    int status = ferry_depot_channel_set(call->depot, call->arg[0], build);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_answer_none(call);
    api_news_tell(call->api, "channels");
}

void api_remove_channel(struct api_call *call)
{
    const char *project = api_query(call, "project"), *chip = call->request->query(call->request->ctx, "chip");
    if (!project || !chip) {
        api_wrong(call, "project and chip", "say which one is meant (chip= for builds without a chip)");
        return;
    }
    int status = ferry_depot_channel_remove(call->depot, call->arg[0], project, chip);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_answer_none(call);
    api_news_tell(call->api, "channels");
}

// ---- devices ----

void api_list_devices(struct api_call *call)
{
    uint32_t limit = api_query_limit(call, 200, 1000);
    struct ferry_depot_device *found = limit ? calloc(limit, sizeof *found) : NULL;
    if (!limit)
        return;
    const struct ferry_depot_device_filter filter = {
        .project = api_query(call, "project"),
        .version = api_query(call, "version"),
        .chip = api_query(call, "chip"),
        .channel = api_query(call, "channel"),
        .after = api_query(call, "after"),
    };
    int count = found ? ferry_depot_device_find(call->depot, &filter, found, limit) : FERRY_ERR_NO_MEMORY;
    if (count < 0) {
        api_fail_depot(call, count);
    } else {
        cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "devices");
        for (int i = 0; list && i < count; i++)
            cJSON_AddItemToArray(list, ferry_depot_api_json_device(&found[i]));
        if (count == (int)limit)
            cJSON_AddStringToObject(json, "next", found[count - 1].mac);
        api_answer_json(call, 200, json);
    }
    free(found);
}

void api_show_device(struct api_call *call)
{
    struct ferry_depot_device device;
    int status = ferry_depot_device_get(call->depot, call->arg[0], &device);
    if (status < 0)
        api_fail_depot(call, status);
    else
        api_answer_json(call, 200, ferry_depot_api_json_device(&device));
}

void api_set_device(struct api_call *call)
{
    struct ferry_depot_device_change to = {0};
    // {"channel": null} takes the choice back.
    to.release_channel = cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(call->json, "channel"));
    const struct api_text texts[] = {
        {"name", &to.name}, {"project", &to.project}, {"chip", &to.chip}, {"channel", &to.channel}};
    if (!api_take_texts(call, texts, sizeof texts / sizeof *texts - to.release_channel))
        return;
    int status = ferry_depot_device_change(call->depot, call->arg[0], &to);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_news_tell(call->api, "devices");
    api_show_device(call);
}

void api_remove_device(struct api_call *call)
{
    int status = ferry_depot_device_remove(call->depot, call->arg[0]);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    api_answer_none(call);
    api_news_tell(call->api, "devices");
}

// ---- check-in ----

static bool take(struct api_call *call, const char *name, char *out, size_t cap)
{
    const char *text = "";
    return (ferry_depot_api_json_text(call->json, name, &text) && copy(out, cap, text)) ||
           api_wrong(call, name, "is a text that is not too long");
}

static void add_update(cJSON *json, const struct ferry_depot_build *build)
{
    char url[64];
    cJSON *o = ferry_depot_api_json_build(build);
    snprintf(url, sizeof url, "/api/v1/builds/%lld/app", (long long)build->id);
    cJSON_AddStringToObject(o, "url", url);
    cJSON_AddItemToObject(json, "build", o);
}

static bool take_question(struct api_call *call, struct ferry_depot_question *question, struct ferry_depot_device *in)
{
    const struct api_text texts[] = {{"default_project", &question->default_project},
                                     {"default_channel", &question->default_channel}};
    bool there;
    question->device = in;
    if (!take(call, "mac", in->mac, sizeof in->mac) || !take(call, "chip", in->chip, sizeof in->chip) ||
        !take(call, "project", in->project, sizeof in->project) ||
        !take(call, "version", in->version, sizeof in->version) ||
        !take(call, "channel", in->channel, sizeof in->channel) ||
        !api_take_texts(call, texts, sizeof texts / sizeof *texts))
        return false;
    return ferry_depot_api_json_sha256(call->json, "sha256", in->running_sha256, &there) ||
           api_wrong(call, "sha256", "has 64 hex digits");
}

void api_checkin(struct api_call *call)
{
    static const char *const words[] = {"nothing", "current", "update"};
    struct ferry_depot_device in = {0};
    struct ferry_depot_question question = {0};
    struct ferry_depot_verdict verdict = {0};
    if (!take_question(call, &question, &in))
        return;
    int status = ferry_depot_ask(call->depot, &question, &verdict);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "answer", words[verdict.answer]);
    if (verdict.project[0])
        cJSON_AddStringToObject(json, "project", verdict.project);
    if (verdict.channel[0])
        cJSON_AddStringToObject(json, "channel", verdict.channel);
    if (verdict.answer != FERRY_DEPOT_NOTHING)
        add_update(json, &verdict.build);
    api_answer_json(call, 200, json);
}
