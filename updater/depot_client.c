#include "updater/depot_client.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/json.h"
#include "updater/path.h"

#define ANSWER FERRY_DEPOT_CLIENT_ANSWER
#define LEASE_MS 60000u

// ---- who asks whom ----

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x21 || (unsigned char)*text == 0x7f)
            return false;
    return true;
}

static int check_url(const char *url, size_t len, struct ferry_fault *fault)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    const char *host = url + scheme;
    if (!scheme || len <= scheme || strcspn(host, "/?#") == 0 || !printable(url) || strpbrk(url, "?#")) {
        ferry_fault_set(fault, FERRY_ERR_ARG, url, "'%.120s' is no address of a depot", url);
        ferry_fault_hint(fault, "https://depot.local:8470");
        return FERRY_ERR_ARG;
    }
    if (memchr(host, '@', strcspn(host, "/"))) {
        ferry_fault_set(fault, FERRY_ERR_ARG, "", "a depot's address has no user name or password");
        ferry_fault_hint(fault, "the token says who you are");
        return FERRY_ERR_ARG;
    }
    return len < FERRY_DEPOT_CLIENT_URL ? FERRY_OK
                                        : ferry_fault_set(fault, FERRY_ERR_ARG, "", "the depot's address is too long");
}

int ferry_depot_client_init(struct ferry_depot_client *self, const struct ferry_depot_client_cfg *cfg,
                            struct ferry_fault *fault)
{
    const char *token = cfg->token ? cfg->token : "", *worker = cfg->worker ? cfg->worker : "";
    size_t len = strlen(cfg->url);
    memset(self, 0, sizeof *self);
    while (len && cfg->url[len - 1] == '/')
        len--;
    int status = check_url(cfg->url, len, fault);
    if (status < 0)
        return status;
    if (strlen(token) >= FERRY_DEPOT_CLIENT_TOKEN || !printable(token)) {
        ferry_fault_set(fault, FERRY_ERR_ARG, "", "the token for the depot is no token");
        ferry_fault_hint(fault, "at most %d characters, without spaces: fd_... as ferry depot token add has shown it",
                         FERRY_DEPOT_CLIENT_TOKEN - 1);
        return FERRY_ERR_ARG;
    }
    if (strlen(worker) >= sizeof self->worker)
        return ferry_fault_set(fault, FERRY_ERR_ARG, "", "the worker's name is longer than 63 characters");
    snprintf(self->url, sizeof self->url, "%.*s", (int)len, cfg->url);
    snprintf(self->worker, sizeof self->worker, "%s", worker);
    if (*token)
        snprintf(self->bearer, sizeof self->bearer, "Authorization: Bearer %s", token);
    self->lease_ms = cfg->lease_ms ? cfg->lease_ms : LEASE_MS;
    self->http = cfg->http;
    return FERRY_OK;
}

bool ferry_depot_client_later(int status)
{
    return status == FERRY_ERR_BUSY || ferry_status_class_of(status) == FERRY_CLASS_WIRE;
}

bool ferry_depot_client_address(const struct ferry_depot_client *self, const char *reference, char *out, size_t cap)
{
    int n = snprintf(out, cap, "depot:%s/%s", self->url, reference);
    return n > 0 && (size_t)n < cap;
}

// ---- one request ----

static int no_depot(const struct ferry_depot_client *self, struct ferry_fault *fault, const char *what)
{
    ferry_fault_set(fault, FERRY_ERR_MANIFEST, self->url, "%s", what);
    ferry_fault_hint(fault, "is this the address of a ferry depot serve, and of a version that knows this request?");
    return FERRY_ERR_MANIFEST;
}

// The whole answer, which has room for one byte more than it may have.
static int read_answer(struct ferry_depot_client *self, char *text, size_t *len, struct ferry_fault *fault)
{
    int got = 1;
    for (*len = 0; got > 0 && *len <= ANSWER; *len += (size_t)(got > 0 ? got : 0))
        got = self->http->read(self->http->ctx, (uint8_t *)text + *len, ANSWER + 1 - *len);
    if (got < 0)
        return ferry_fault_set(fault, got, self->url, "the depot's answer was cut off: %.150s",
                               self->http->reason(self->http->ctx));
    return *len <= ANSWER ? FERRY_OK : no_depot(self, fault, "the depot's answer is too long for one");
}

struct call {
    const char *path, *scope;
    bool of_job; // 409: it is somebody else's
};

static int status_of(const struct call *call, int http)
{
    if (http == 409 && call->of_job)
        return FERRY_ERR_CANCELLED;
    if (http == 429 || http >= 500)
        return FERRY_ERR_BUSY;
    return http == 404 ? FERRY_ERR_STORAGE_MISSING : FERRY_ERR_STORAGE_READ;
}

static int explain(const struct ferry_depot_client *self, const struct call *call, int http, const char *text,
                   size_t len, struct ferry_fault *fault)
{
    cJSON *json = NULL;
    int status = status_of(call, http);
    ferry_json_parse(text, len, "answer", &json, NULL);
    const char *what = ferry_json_text(json, "what"), *hint = ferry_json_text(json, "hint");
    ferry_fault_set(fault, status, self->url, "the depot answers %d%s%.150s", http, what ? ": " : "", what ? what : "");
    if (http == 401 || http == 403)
        ferry_fault_hint(fault, "put a token with scope %s into FERRY_TOKEN (ferry depot token add)", call->scope);
    else if (hint)
        ferry_fault_hint(fault, "%.200s", hint);
    else
        ferry_fault_hint(fault, status == FERRY_ERR_BUSY ? "see what its own log says, and try later"
                                                         : "is this the address of a ferry depot serve?");
    cJSON_Delete(json);
    return status;
}

// 200 with *answer, 204, or negative with *fault.
static int take_reply(struct ferry_depot_client *self, const struct ferry_http_reply *reply, const struct call *call,
                      cJSON **answer, struct ferry_fault *fault)
{
    char *text = malloc(ANSWER + 1);
    size_t len = 0;
    if (!text)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory for the depot's answer");
    int status = read_answer(self, text, &len, fault);
    if (reply->status != 200 && reply->status != 204 && (status >= 0 || status == FERRY_ERR_MANIFEST))
        status = explain(self, call, reply->status, text, status < 0 ? 0 : len, fault);
    else if (status >= 0 && reply->status == 200 && ferry_json_parse(text, len, "answer", answer, NULL) < 0)
        status = no_depot(self, fault,
                          strstr(reply->type, "html") ? "a web page comes, not a depot's answer"
                                                      : "what comes is not a depot's answer (no JSON)");
    free(text);
    return status < 0 ? status : reply->status;
}

// Sends the body, which it takes over. *answer is NULL but with 200.
static int post(struct ferry_depot_client *self, const struct call *call, cJSON *body, cJSON **answer,
                struct ferry_fault *fault)
{
    char url[sizeof self->url + 64];
    const char *headers[] = {"Content-Type: application/json", self->bearer[0] ? self->bearer : NULL, NULL};
    char *sent = body ? cJSON_PrintUnformatted(body) : NULL;
    struct ferry_http_reply reply = {0};
    *answer = NULL;
    cJSON_Delete(body);
    if (!sent)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory to ask the depot");
    snprintf(url, sizeof url, "%s/api/v1/%s", self->url, call->path);
    struct ferry_http_fetch fetch = {
        .method = "POST", .url = url, .headers = headers, .body = (const uint8_t *)sent, .body_len = strlen(sent)};
    int status = self->http->open(self->http->ctx, &fetch, &reply);
    if (status < 0) {
        ferry_fault_set(fault, status, self->url, "the depot does not answer: %.180s",
                        self->http->reason(self->http->ctx));
        ferry_fault_hint(fault, "is ferry depot serve running there, and its certificate one that is trusted here? "
                                "(FERRY_CA=FILE names the signer's)");
    } else {
        status = take_reply(self, &reply, call, answer, fault);
    }
    self->http->close(self->http->ctx);
    cJSON_free(sent);
    return status;
}

// ---- reading what comes ----

// Leaves out "" when the member is not there. False: it is no text, or too long.
static bool take_text(const cJSON *json, const char *name, char *out, size_t cap)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    const char *text = cJSON_GetStringValue(item);
    out[0] = 0;
    if (!item || cJSON_IsNull(item))
        return true;
    if (!text || strlen(text) >= cap)
        return false;
    ferry_path_text(out, cap, text);
    return true;
}

static bool take_of(const cJSON *json, const char *name, const char *digits, char *out, size_t cap)
{
    return take_text(json, name, out, cap) && strspn(out, digits) == strlen(out);
}

static bool take_id(const cJSON *json, const char *name, char out[FERRY_DEPOT_CLIENT_ID])
{
    return take_of(json, name, "0123456789", out, FERRY_DEPOT_CLIENT_ID);
}

static bool take_sha256(const cJSON *json, const char *name, char out[FERRY_DEPOT_CLIENT_SHA256])
{
    return take_of(json, name, "0123456789abcdef", out, FERRY_DEPOT_CLIENT_SHA256) &&
           (!out[0] || strlen(out) == FERRY_DEPOT_CLIENT_SHA256 - 1);
}

// ---- check-in ----

static const char *const verdicts[] = {"nothing", "current", "update"};

const char *ferry_depot_client_verdict_name(enum ferry_depot_client_verdict verdict)
{
    return (unsigned)verdict < sizeof verdicts / sizeof verdicts[0] ? verdicts[verdict] : "";
}

static void add(cJSON *body, const char *name, const char *text)
{
    if (text && text[0])
        cJSON_AddStringToObject(body, name, text);
}

static bool take_verdict(const cJSON *json, enum ferry_depot_client_verdict *out)
{
    const char *word = ferry_json_text(json, "answer");
    for (unsigned i = 0; word && i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (strcmp(word, verdicts[i]) == 0) {
            *out = (enum ferry_depot_client_verdict)i;
            return true;
        }
    return false;
}

static bool take_build(const cJSON *json, struct ferry_depot_client_build *out)
{
    return cJSON_IsObject(json) && take_id(json, "id", out->id) && out->id[0] &&
           take_text(json, "project", out->project, sizeof out->project) &&
           take_text(json, "version", out->version, sizeof out->version) && take_sha256(json, "sha256", out->sha256) &&
           out->sha256[0] && take_sha256(json, "app_sha256", out->app_sha256);
}

static bool take_answer(const cJSON *json, struct ferry_depot_client_answer *out)
{
    return take_verdict(json, &out->verdict) && take_text(json, "project", out->project, sizeof out->project) &&
           take_text(json, "channel", out->channel, sizeof out->channel) &&
           (out->verdict == FERRY_DEPOT_CLIENT_NOTHING ||
            take_build(cJSON_GetObjectItemCaseSensitive(json, "build"), &out->build));
}

int ferry_depot_client_checkin(struct ferry_depot_client *self, const struct ferry_depot_client_device *device,
                               struct ferry_depot_client_answer *out, struct ferry_fault *fault)
{
    memset(out, 0, sizeof *out);
    if (!device->mac[0] || !device->chip[0])
        return ferry_fault_set(fault, FERRY_ERR_ARG, "", "a device without its MAC or chip cannot check in");
    cJSON *body = cJSON_CreateObject(), *answer;
    add(body, "mac", device->mac);
    add(body, "chip", device->chip);
    add(body, "project", device->project);
    add(body, "version", device->version);
    add(body, "sha256", device->sha256);
    add(body, "channel", device->channel);
    add(body, "default_project", device->default_project);
    add(body, "default_channel", device->default_channel);
    int status = post(self, &(struct call){"checkin", "device or work", false}, body, &answer, fault);
    if (status >= 0 && !take_answer(answer, out)) {
        memset(out, 0, sizeof *out);
        status = no_depot(self, fault, "the depot's answer to a check-in makes no sense");
    }
    cJSON_Delete(answer);
    return status < 0 ? status : FERRY_OK;
}

// ---- jobs ----

static bool take_job(const cJSON *json, struct ferry_depot_client_job *out)
{
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(json, "attempt");
    return take_id(json, "id", out->id) && out->id[0] && take_id(json, "build", out->build) &&
           take_text(json, "project", out->project, sizeof out->project) &&
           take_text(json, "version", out->version, sizeof out->version) && cJSON_IsNumber(attempt) &&
           ferry_json_address(attempt, &out->attempt);
}

int ferry_depot_client_claim(struct ferry_depot_client *self, const char *chip, const char *mac,
                             struct ferry_depot_client_job *out, struct ferry_fault *fault)
{
    cJSON *body = cJSON_CreateObject(), *answer;
    memset(out, 0, sizeof *out);
    cJSON_AddStringToObject(body, "worker", self->worker);
    add(body, "chip", chip);
    add(body, "mac", mac);
    cJSON_AddNumberToObject(body, "lease_ms", self->lease_ms);
    int status = post(self, &(struct call){"jobs/claim", "work", false}, body, &answer, fault);
    if (status == 200 && !take_job(answer, out)) {
        memset(out, 0, sizeof *out);
        status = no_depot(self, fault, "the depot's answer to a claim is no job");
    }
    cJSON_Delete(answer);
    return status < 0 ? status : status == 200;
}

static void add_result(cJSON *body, const struct ferry_depot_client_report *r)
{
    add(body, "result", r->result);
    add(body, "text", r->text);
    cJSON_AddNumberToObject(body, "written", (double)r->written);
    cJSON_AddNumberToObject(body, "skipped", (double)r->skipped);
    cJSON_AddNumberToObject(body, "retries", r->retries);
    cJSON_AddNumberToObject(body, "elapsed_ms", r->elapsed_ms);
}

static void add_running(cJSON *body, const struct ferry_depot_client_report *r)
{
    add(body, "project", r->project);
    add(body, "version", r->version);
    add(body, "sha256", r->sha256);
}

int ferry_depot_client_report(struct ferry_depot_client *self, const struct ferry_depot_client_job *job,
                              const struct ferry_depot_client_report *report, struct ferry_fault *fault)
{
    char path[sizeof job->id + 16];
    bool done = strcmp(report->state, "done") == 0, over = done || strcmp(report->state, "failed") == 0;
    cJSON *body = cJSON_CreateObject(), *answer;
    snprintf(path, sizeof path, "jobs/%s/report", job->id);
    cJSON_AddStringToObject(body, "worker", self->worker);
    cJSON_AddNumberToObject(body, "attempt", job->attempt);
    cJSON_AddStringToObject(body, "state", report->state);
    cJSON_AddNumberToObject(body, "done", (double)report->done);
    cJSON_AddNumberToObject(body, "size", (double)report->size);
    add(body, "mac", report->mac);
    if (over)
        add_result(body, report);
    if (done)
        add_running(body, report);
    int status = post(self, &(struct call){path, "work", true}, body, &answer, fault);
    cJSON_Delete(answer);
    return status < 0 ? status : FERRY_OK;
}
