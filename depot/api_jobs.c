#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"

// "queued,running" -> bits; false = a word that is no state.
static bool take_states(const char *text, unsigned *states)
{
    *states = 0;
    while (text && *text) {
        char word[16];
        size_t len = strcspn(text, ",");
        if (len >= sizeof word)
            return false;
        memcpy(word, text, len);
        word[len] = 0;
        int state = ferry_depot_job_state_by_name(word);
        if (state < 0)
            return false;
        *states |= 1u << state;
        text += len + (text[len] == ',');
    }
    return true;
}

static void answer_jobs(struct api_call *call, const struct ferry_depot_job *found, int count, uint32_t limit)
{
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "jobs");
    for (int i = 0; list && i < count; i++)
        cJSON_AddItemToArray(list, ferry_depot_api_json_job(&found[i]));
    if (count == (int)limit)
        ferry_depot_api_json_add_id(json, "next", found[count - 1].id);
    api_answer_json(call, 200, json);
}

void api_list_jobs(struct api_call *call)
{
    struct ferry_depot_job_filter filter = {
        .project = api_query(call, "project"), .mac = api_query(call, "mac"), .worker = api_query(call, "worker")};
    uint32_t limit = api_query_limit(call, 100, 1000);
    if (!limit || !api_query_id(call, "before", &filter.before))
        return;
    if (!take_states(api_query(call, "state"), &filter.states)) {
        api_wrong(call, "state", "is of queued, claimed, running, done, failed, cancelled, with commas between");
        return;
    }
    struct ferry_depot_job *found = calloc(limit, sizeof *found);
    int count = found ? ferry_depot_job_list(call->depot, &filter, found, limit) : FERRY_ERR_NO_MEMORY;
    if (count < 0)
        api_fail_depot(call, count);
    else
        answer_jobs(call, found, count, limit);
    free(found);
}

static bool job_id(struct api_call *call, int64_t *id)
{
    if (ferry_depot_api_json_read_id(call->arg[0], id))
        return true;
    api_fail(call, 404, "STORAGE_MISSING", "there is no such job", call->arg[0], "GET /api/v1/jobs lists them");
    return false;
}

static void answer_job(struct api_call *call, int http, int64_t id)
{
    struct ferry_depot_job job;
    int status = ferry_depot_job_get(call->depot, id, &job);
    if (status < 0)
        api_fail_depot(call, status);
    else
        api_answer_json(call, http, ferry_depot_api_json_job(&job));
}

void api_show_job(struct api_call *call)
{
    int64_t id;
    if (job_id(call, &id))
        answer_job(call, 200, id);
}

// {"build": "7"} or {"ref": "blink@stable", "chip": "esp32c3"}.
static bool take_build(struct api_call *call, int64_t *id)
{
    const char *reference = NULL, *chip = "";
    struct ferry_depot_build build;
    *id = 0;
    if (!ferry_depot_api_json_id(call->json, "build", id))
        return api_wrong(call, "build", "is a build's id");
    if (!ferry_depot_api_json_text(call->json, "chip", &chip) || strlen(chip) >= FERRY_DEPOT_CHIP)
        return api_wrong(call, "chip", "is no chip's name");
    if (!ferry_depot_api_json_text(call->json, "ref", &reference) || (!*id && !reference))
        return api_wrong(call, "build or ref", "says which build is meant");
    if (*id)
        return true;
    strcpy(call->arg[1], chip);
    if (!api_resolve(call, reference, &build))
        return false;
    *id = build.id;
    return true;
}

void api_add_job(struct api_call *call)
{
    const char *mac = NULL;
    int64_t build, id;
    if (!api_take_texts(call, &(struct api_text){"mac", &mac}, 1))
        return;
    if (!take_build(call, &build))
        return;
    int status = ferry_depot_job_add(call->depot, build, mac, &id);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    answer_job(call, 201, id);
    api_news_tell(call->api, "jobs");
}

void api_cancel_job(struct api_call *call)
{
    int64_t id;
    if (!job_id(call, &id))
        return;
    int status = ferry_depot_job_cancel(call->depot, id);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    answer_job(call, 200, id);
    api_news_tell(call->api, "jobs");
}

void api_claim_job(struct api_call *call)
{
    struct ferry_depot_claim claim = {0};
    struct ferry_depot_job job;
    uint64_t lease = 0;
    const struct api_text texts[] = {{"worker", &claim.worker}, {"mac", &claim.mac}, {"chip", &claim.chip}};
    if (!api_take_texts(call, texts, sizeof texts / sizeof *texts))
        return;
    if (!ferry_depot_api_json_count(call->json, "lease_ms", &lease) || lease > 3600000 || (lease && lease < 1000)) {
        api_wrong(call, "lease_ms", "is a number from 1000 to 3600000");
        return;
    }
    claim.lease_ms = (uint32_t)lease;
    int status = ferry_depot_job_claim(call->depot, &claim, &job);
    if (status < 0)
        api_fail_depot(call, status);
    else if (status == 0)
        api_answer_none(call);
    else
        api_answer_json(call, 200, ferry_depot_api_json_job(&job));
    if (status > 0)
        api_news_tell(call->api, "jobs");
}

// ---- reports ----

struct figures {
    uint64_t attempt, retries, elapsed_ms;
};

static bool take_figures(struct api_call *call, struct ferry_depot_report *report, struct figures *f)
{
    static const char *const names[] = {"attempt", "done", "size", "written", "skipped", "retries", "elapsed_ms"};
    uint64_t *const into[] = {
        &f->attempt, &report->bytes_done, &report->bytes_total, &report->bytes_written, &report->bytes_skipped,
        &f->retries, &f->elapsed_ms};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!ferry_depot_api_json_count(call->json, names[i], into[i]))
            return api_wrong(call, names[i], "is a whole number");
    if (f->attempt == 0 || f->attempt > UINT32_MAX || f->retries > UINT32_MAX || f->elapsed_ms > UINT32_MAX)
        return api_wrong(call, "attempt, retries or elapsed_ms", "is out of range (attempt: as the claim gave it)");
    report->retries = (uint32_t)f->retries;
    report->elapsed_ms = (uint32_t)f->elapsed_ms;
    return true;
}

static bool take_state(struct api_call *call, struct ferry_depot_report *report)
{
    const char *text = "";
    int state = ferry_depot_api_json_text(call->json, "state", &text) ? ferry_depot_job_state_by_name(text) : -1;
    if (state != FERRY_DEPOT_JOB_RUNNING && state != FERRY_DEPOT_JOB_DONE && state != FERRY_DEPOT_JOB_FAILED &&
        state != FERRY_DEPOT_JOB_QUEUED)
        return api_wrong(call, "state", "is running, done, failed, or queued to give the job back");
    report->state = (enum ferry_depot_job_state)state;
    return true;
}

void api_report_job(struct api_call *call)
{
    struct ferry_depot_report report = {0};
    struct figures figures = {0};
    const char *worker = "";
    uint8_t sha256[FERRY_SHA256_SIZE];
    bool there = false;
    int64_t id;
    const struct api_text texts[] = {{"worker", &worker},  {"result", &report.status},   {"text", &report.text},
                                     {"mac", &report.mac}, {"project", &report.project}, {"version", &report.version}};
    if (!job_id(call, &id) || !take_state(call, &report) || !take_figures(call, &report, &figures) ||
        !api_take_texts(call, texts, sizeof texts / sizeof *texts))
        return;
    if (!ferry_depot_api_json_sha256(call->json, "sha256", sha256, &there)) {
        api_wrong(call, "sha256", "has 64 hex digits");
        return;
    }
    report.running_sha256 = there ? sha256 : NULL;
    int status = ferry_depot_job_report(call->depot, id, worker, (uint32_t)figures.attempt, &report);
    if (status < 0) {
        api_fail_depot(call, status);
        return;
    }
    answer_job(call, 200, id);
    api_news_tell(call->api, "jobs");
    if (report.state == FERRY_DEPOT_JOB_DONE)
        api_news_tell(call->api, "devices"); // what it runs
}
