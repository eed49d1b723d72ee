#include "apps/ferry/updater_work_depot.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/json.h"

enum { ANSWER = 16384, TIME_MS = 5000 };

int updater_work_depot_open(struct updater_work_depot *self, const char *url, const char *worker, uint32_t lease_ms,
                            struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    struct ferry_posix_http_client_cfg cfg = {
        .ca_file = getenv("FERRY_CA"), .connect_ms = TIME_MS, .stall_ms = TIME_MS};
    const char *token = getenv("FERRY_TOKEN");
    size_t len = strlen(url);
    memset(self, 0, sizeof *self);
    while (len && url[len - 1] == '/')
        len--;
    if (len >= sizeof self->url || (token && strlen(token) > 250))
        return ferry_fault_set(fault, FERRY_ERR_ARG, "", "the depot's address or FERRY_TOKEN is too long");
    snprintf(self->url, sizeof self->url, "%.*s", (int)len, url);
    if (token && *token)
        snprintf(self->bearer, sizeof self->bearer, "Authorization: Bearer %s", token);
    self->worker = worker;
    self->lease_ms = lease_ms;
    int status = ferry_posix_http_client_new(&self->client, &cfg, &error);
    if (status < 0)
        return ferry_fault_set(fault, status, url, "%s", error.what);
    self->io = ferry_posix_http_client(self->client);
    return FERRY_OK;
}

void updater_work_depot_close(struct updater_work_depot *self)
{
    ferry_posix_http_client_free(self->client);
    self->client = NULL;
}

bool updater_work_depot_later(int status)
{
    return status == FERRY_ERR_BUSY || ferry_status_class_of(status) == FERRY_CLASS_WIRE;
}

// ---- one request ----

static int read_answer(struct updater_work_depot *self, char *text, size_t *len)
{
    int got = 1;
    for (*len = 0; got > 0 && *len < ANSWER; *len += (size_t)(got > 0 ? got : 0))
        got = self->io.read(self->io.ctx, (uint8_t *)text + *len, ANSWER - *len);
    return got;
}

static int explain(const struct updater_work_depot *self, int http, const char *text, size_t len,
                   struct ferry_fault *fault)
{
    cJSON *json = NULL;
    ferry_json_parse(text, len, "answer", &json, NULL);
    const char *what = ferry_json_text(json, "what"), *hint = ferry_json_text(json, "hint");
    int status = http == 409                  ? FERRY_ERR_CANCELLED
                 : http == 429 || http >= 500 ? FERRY_ERR_BUSY
                 : http == 404                ? FERRY_ERR_STORAGE_MISSING
                                              : FERRY_ERR_STORAGE_READ;
    ferry_fault_set(fault, status, self->url, "the depot answers %d%s%.150s", http, what ? ": " : "", what ? what : "");
    if (http == 401 || http == 403)
        ferry_fault_hint(fault, "put a token with scope work into FERRY_TOKEN (ferry depot token add)");
    else if (hint)
        ferry_fault_hint(fault, "%.200s", hint);
    cJSON_Delete(json);
    return status;
}

// Sends the body and takes it over; the HTTP status 200 or 204 with *answer (200), or negative with *fault.
static int post(struct updater_work_depot *self, const char *path, cJSON *body, cJSON **answer,
                struct ferry_fault *fault)
{
    char url[sizeof self->url + 64];
    const char *headers[] = {"Content-Type: application/json", self->bearer[0] ? self->bearer : NULL, NULL};
    char *sent = cJSON_PrintUnformatted(body), *text = malloc(ANSWER);
    struct ferry_http_reply reply = {0};
    size_t len = 0;
    *answer = NULL;
    cJSON_Delete(body);
    snprintf(url, sizeof url, "%s/api/v1/jobs/%s", self->url, path);
    int status = ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory to ask the depot");
    if (sent && text) {
        struct ferry_http_fetch fetch = {
            .method = "POST", .url = url, .headers = headers, .body = (const uint8_t *)sent, .body_len = strlen(sent)};
        status = self->io.open(self->io.ctx, &fetch, &reply);
        if (status >= 0)
            status = read_answer(self, text, &len);
        if (status < 0)
            ferry_fault_set(fault, status, self->url, "the depot does not answer: %s", self->io.reason(self->io.ctx));
        else if (reply.status != 200 && reply.status != 204)
            status = explain(self, reply.status, text, len, fault);
        else if (reply.status == 200)
            status = ferry_json_parse(text, len, "the depot's answer", answer, fault);
        self->io.close(self->io.ctx);
    }
    cJSON_free(sent);
    free(text);
    return status < 0 ? status : reply.status;
}

// ---- what is said ----

static bool take_job(const cJSON *json, struct updater_work_job *out)
{
    const char *id = ferry_json_text(json, "id"), *build = ferry_json_text(json, "build");
    const char *project = ferry_json_text(json, "project"), *version = ferry_json_text(json, "version");
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(json, "attempt");
    if (!id || strlen(id) >= sizeof out->id || strspn(id, "0123456789") != strlen(id) || !*id)
        return false;
    if (!ferry_json_address(attempt, &out->attempt) || (build && strlen(build) >= sizeof out->build))
        return false;
    snprintf(out->id, sizeof out->id, "%s", id);
    snprintf(out->build, sizeof out->build, "%s", build ? build : "");
    snprintf(out->what, sizeof out->what, "%.60s %.60s", project ? project : "", version ? version : "");
    return true;
}

int updater_work_depot_claim(struct updater_work_depot *self, const char *chip, const char *mac,
                             struct updater_work_job *out, struct ferry_fault *fault)
{
    cJSON *body = cJSON_CreateObject(), *answer;
    memset(out, 0, sizeof *out);
    cJSON_AddStringToObject(body, "worker", self->worker);
    cJSON_AddStringToObject(body, "chip", chip);
    cJSON_AddStringToObject(body, "mac", mac);
    cJSON_AddNumberToObject(body, "lease_ms", self->lease_ms);
    int status = post(self, "claim", body, &answer, fault);
    if (status == 200 && !take_job(answer, out))
        status = ferry_fault_set(fault, FERRY_ERR_MANIFEST, self->url, "the depot's answer to a claim is no job");
    cJSON_Delete(answer);
    return status < 0 ? status : status == 200;
}

static void add_result(cJSON *body, const struct updater_work_report *r)
{
    if (r->result)
        cJSON_AddStringToObject(body, "result", r->result);
    if (r->text[0])
        cJSON_AddStringToObject(body, "text", r->text);
    if (r->mac[0])
        cJSON_AddStringToObject(body, "mac", r->mac);
    cJSON_AddNumberToObject(body, "written", r->written);
    cJSON_AddNumberToObject(body, "skipped", r->skipped);
    cJSON_AddNumberToObject(body, "retries", r->retries);
    cJSON_AddNumberToObject(body, "elapsed_ms", r->elapsed_ms);
}

int updater_work_depot_report(struct updater_work_depot *self, const struct updater_work_job *job,
                              const struct updater_work_report *report, struct ferry_fault *fault)
{
    char path[40];
    cJSON *body = cJSON_CreateObject(), *answer;
    snprintf(path, sizeof path, "%s/report", job->id);
    cJSON_AddStringToObject(body, "worker", self->worker);
    cJSON_AddNumberToObject(body, "attempt", job->attempt);
    cJSON_AddStringToObject(body, "state", report->state);
    cJSON_AddNumberToObject(body, "done", report->done);
    cJSON_AddNumberToObject(body, "size", report->size);
    if (strcmp(report->state, "running") != 0 && strcmp(report->state, "queued") != 0)
        add_result(body, report);
    int status = post(self, path, body, &answer, fault);
    cJSON_Delete(answer);
    return status < 0 ? status : FERRY_OK;
}
