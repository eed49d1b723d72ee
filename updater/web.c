// Requests: who may, and which part answers.
#include "updater/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "updater/web_work.h"
#include "web/assets.h"

// ---- who may ----

static const char *header(const struct ferry_http_request *request, const char *name)
{
    return request->header(request->ctx, name);
}

static bool is_safe(const struct ferry_http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static bool has_token(const struct ferry_web *self)
{
    return self->cfg.token && self->cfg.token[0];
}

// Without a token, a name that a stranger's DNS may point at us would make any web page one of ours.
static bool host_is_plain(const char *host)
{
    size_t len = strcspn(host, ":");
    if (host[0] == '[')
        return true;
    if (len == 9 && strncmp(host, "localhost", 9) == 0)
        return true;
    if (len > 6 && strncmp(host + len - 6, ".local", 6) == 0)
        return true;
    return len > 0 && strspn(host, "0123456789.") >= len;
}

static bool origin_is_ours(const struct ferry_http_request *request)
{
    const char *origin = header(request, "Origin"), *host = header(request, "Host");
    const char *site = header(request, "Sec-Fetch-Site");
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    const char *behind = strstr(origin, "://");
    return behind && host && ferry_http_text_same(behind + 3, host);
}

static bool token_fits(const struct ferry_web *self, const struct ferry_http_request *request)
{
    const char *authorization = header(request, "Authorization");
    const char *given = authorization ? ferry_http_text_bearer(authorization) : NULL;
    return given && ferry_http_text_same_secret(given, strlen(given), self->cfg.token, strlen(self->cfg.token));
}

bool ferry_web_refuses(const struct ferry_web *self, const struct ferry_http_request *request,
                       struct ferry_http_answer *answer)
{
    const char *host = header(request, "Host");
    if (!has_token(self) && host && !host_is_plain(host))
        ferry_web_answer_error(answer, 403, "HOST", "this updater is not known by that name", host,
                               "use its address (http://192.168.1.20/) or its name.local, or give it a token");
    else if (!is_safe(request) && !origin_is_ours(request))
        ferry_web_answer_error(answer, 403, "ORIGIN", "another web page made your browser send this", NULL,
                               "open the updater's own page");
    else if (has_token(self) && !token_fits(self, request))
        ferry_web_answer_error(answer, 401, "TOKEN",
                               header(request, "Authorization") ? "this is not the token" : "a token is needed", NULL,
                               "enter the token that was set for this updater");
    else
        return false;
    return true;
}

// ---- GET /api/v1/info ----

static void parts_json(const struct ferry_web *self, struct ferry_web_json *json)
{
    const struct ferry_web_cfg *cfg = &self->cfg;
    static const char *const always[] = {"builds", "upload", "delete", "targets", "jobs", "events", "history"};
    ferry_web_json_open(json, "parts", '[');
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        ferry_web_json_text(json, NULL, always[i]);
    if (cfg->start)
        ferry_web_json_text(json, NULL, "start");
    if (cfg->setting_count)
        ferry_web_json_text(json, NULL, "settings");
    if (cfg->depot)
        ferry_web_json_text(json, NULL, "depot");
    ferry_web_json_close(json, ']');
    ferry_web_json_open(json, "routes", '[');
    if (cfg->rom && cfg->link)
        ferry_web_json_text(json, NULL, "auto");
    if (cfg->rom)
        ferry_web_json_text(json, NULL, "rom");
    if (cfg->link)
        ferry_web_json_text(json, NULL, "link");
    ferry_web_json_close(json, ']');
}

static void info(struct ferry_web *self, const struct ferry_http_request *request, struct ferry_http_answer *answer)
{
    char text[768];
    struct ferry_web_json json = ferry_web_json_begin(text, sizeof text);
    bool known = !has_token(self) || token_fits(self, request);
    ferry_web_json_open(&json, NULL, '{');
    ferry_web_json_text(&json, "kind", "updater");
    ferry_web_json_bool(&json, "auth", has_token(self));
    ferry_web_json_bool(&json, "ok", known);
    if (known) {
        ferry_web_json_text(&json, "name", self->cfg.name ? self->cfg.name : "Ferry");
        ferry_web_json_text(&json, "version", self->cfg.version ? self->cfg.version : "");
        ferry_web_json_number(&json, "boot", self->boot);
        ferry_web_json_number(&json, "limit", self->cfg.upload_limit);
        parts_json(self, &json);
    }
    ferry_web_json_close(&json, '}');
    ferry_web_answer_json(answer, 200, text, json.len);
}

// ---- which part ----

struct route {
    const char *method, *name; // name: what follows /api/v1/
    bool rest;                 // takes "name/..." (else exactly the name)
    ferry_web_get *get;        // without a body
    void (*done)(struct ferry_web_request *self, struct ferry_http_answer *answer);
};

static const struct route routes[] = {
    {"GET", "targets", false, ferry_web_targets, NULL},
    {"GET", "jobs", false, ferry_web_jobs, NULL},
    {"POST", "jobs", false, NULL, ferry_web_job_start},
    {"DELETE", "jobs", true, ferry_web_job_abort, NULL},
    {"GET", "events", false, ferry_web_events, NULL},
    {"GET", "builds", false, ferry_web_builds, NULL},
    {"POST", "builds", false, ferry_web_look, NULL},
    {"DELETE", "builds", true, ferry_web_build_delete, NULL},
    {"PUT", "files", true, NULL, ferry_web_upload_done},
    {"POST", "files", true, ferry_web_files_commit, NULL},
    {"DELETE", "files", true, ferry_web_files_drop, NULL},
    {"GET", "history", false, ferry_web_history, NULL},
    {"GET", "history.csv", false, ferry_web_history_csv, NULL},
    {"GET", "settings", false, ferry_web_settings, NULL},
    {"PUT", "settings", false, NULL, ferry_web_settings_put},
    {"GET", "depot/builds", false, ferry_web_depot_builds, NULL},
};

// What follows the route's name in path, NULL = it is another's.
static const char *match(const struct route *route, const char *path)
{
    size_t len = strlen(route->name);
    if (strncmp(path, route->name, len) != 0)
        return NULL;
    if (!route->rest)
        return path[len] == 0 ? path + len : NULL;
    return path[len] == '/' && path[len + 1] ? path + len + 1 : NULL;
}

// The route that takes this method; NULL: `allowed` has the methods that there are for this path, "" = no such path.
static const struct route *find(const struct ferry_http_request *request, const char **rest, char allowed[40])
{
    const char *path = request->path + strlen(FERRY_WEB_API);
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    size_t at = 0;
    allowed[0] = 0;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        *rest = match(&routes[i], path);
        if (*rest && strcmp(routes[i].method, method) == 0)
            return &routes[i];
        if (*rest)
            at += (size_t)snprintf(allowed + at, 40 - at, "%s%s", at ? ", " : "", routes[i].method);
    }
    return NULL;
}

static void not_found(const struct ferry_http_request *request, const char *allowed, struct ferry_http_answer *answer)
{
    if (!allowed[0]) {
        ferry_web_answer_error(answer, 404, "PATH", "there is no such thing", request->path,
                               "see the API's description");
        return;
    }
    ferry_web_answer_error(answer, 405, "METHOD", "this cannot be done there", request->path,
                           "see the API's description");
    ferry_http_answer_header(answer, "Allow", allowed);
}

static bool begin_body(struct ferry_web *self, const struct route *route, const struct ferry_http_request *http,
                       const char *rest, struct ferry_http_answer *answer, void **state)
{
    struct ferry_web_request *request = calloc(1, sizeof *request);
    if (!request) {
        ferry_web_answer_error(answer, 503, "NO_MEMORY", "no memory for the request", NULL, "try again in a moment");
        return true;
    }
    request->web = self;
    request->http = http;
    request->done = route->done;
    *state = request;
    if (route->done == ferry_web_upload_done)
        return ferry_web_upload_open(request, rest, answer);
    return false;
}

static bool handler_open(void *ctx, const struct ferry_http_request *request, struct ferry_http_answer *answer,
                         void **state)
{
    struct ferry_web *self = ctx;
    const char *rest = NULL;
    char allowed[40];
    *state = NULL;
    if (ferry_web_asset_answer(request, answer))
        return true;
    if (strncmp(request->path, FERRY_WEB_API, strlen(FERRY_WEB_API)) != 0) {
        ferry_web_answer_error(answer, 404, "PATH", "there is no such page", request->path, "the page is at /");
        return true;
    }
    if (strcmp(request->path, FERRY_WEB_API "info") == 0) {
        if (is_safe(request))
            info(self, request, answer);
        else
            not_found(request, "GET", answer);
        return true;
    }
    if (ferry_web_refuses(self, request, answer))
        return true;
    const struct route *route = find(request, &rest, allowed);
    if (!route) {
        not_found(request, allowed, answer);
        return true;
    }
    if (route->done)
        return begin_body(self, route, request, rest, answer, state);
    route->get(self, request, rest, answer);
    return true;
}

static bool handler_body(void *ctx, void *state, const uint8_t *bytes, size_t len, struct ferry_http_answer *answer)
{
    struct ferry_web_request *request = state;
    (void)ctx;
    if (request->upload)
        return ferry_web_upload_body(request, bytes, len, answer);
    if (len > FERRY_WEB_BODY - request->len) {
        ferry_web_answer_error(answer, 413, "TOO_LARGE", "the request is longer than 4096 bytes", NULL, NULL);
        return true;
    }
    memcpy(request->body + request->len, bytes, len);
    request->len += len;
    return false;
}

static void handler_finish(void *ctx, void *state, struct ferry_http_answer *answer)
{
    struct ferry_web_request *request = state;
    (void)ctx;
    request->done(request, answer);
    free(request);
}

static void handler_abort(void *ctx, void *state)
{
    struct ferry_web_request *request = state;
    (void)ctx;
    if (request && request->upload)
        ferry_web_upload_abort(request);
    free(request);
}

struct ferry_http_handler ferry_web_handler(struct ferry_web *self)
{
    return (struct ferry_http_handler){
        .ctx = self, .open = handler_open, .body = handler_body, .finish = handler_finish, .abort = handler_abort};
}
