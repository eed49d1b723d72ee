#include "depot/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"
#include "web/assets.h"

#define ROOT "/api/v1/"

uint32_t api_now(const struct ferry_depot_api *self)
{
    return self->cfg.clock->now_ms(self->cfg.clock->ctx);
}

// Any handle that is free, from a place on that moves; when none is, the next one in turn.
struct ferry_depot *api_take(struct ferry_depot_api *self, unsigned *which)
{
    unsigned first = atomic_fetch_add(&self->turn, 1), count = (unsigned)self->cfg.depot_count;
    for (unsigned i = 0; i < count; i++) {
        *which = (first + i) % count;
        if (pthread_mutex_trylock(&self->depots[*which].lock) == 0)
            return self->depots[*which].depot;
    }
    *which = first % count;
    pthread_mutex_lock(&self->depots[*which].lock);
    return self->depots[*which].depot;
}

void api_give(struct ferry_depot_api *self, unsigned which)
{
    pthread_mutex_unlock(&self->depots[which].lock);
}

// ---- routes ----

static bool take_arg(struct api_call *call, int *args, const char *part, size_t len)
{
    if (*args == 2 || len == 0 || len >= API_ARG)
        return false;
    memcpy(call->arg[*args], part, len);
    call->arg[(*args)++][len] = 0;
    return true;
}

static bool path_fits(struct api_call *call, const char *pattern, const char *path)
{
    int args = 0;
    for (;;) {
        size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
        if (strcmp(pattern, "**") == 0)
            return take_arg(call, &args, path, strlen(path));
        bool fits =
            pattern[0] == '*' ? take_arg(call, &args, path, have) : want == have && memcmp(pattern, path, want) == 0;
        if (!fits || pattern[want] != path[have])
            return false;
        if (!pattern[want])
            return true;
        pattern += want + 1;
        path += have + 1;
    }
}

// A path that is written out in the table ("jobs/claim") is not an id in another one ("jobs/*").
static bool route_fits(struct api_call *call, size_t i, const char *path)
{
    if (!path_fits(call, api_routes[i].path, path))
        return false;
    for (size_t k = 0; strchr(api_routes[i].path, '*') && k < api_routes_count; k++)
        if (strcmp(api_routes[k].path, path) == 0)
            return false;
    return true;
}

static bool method_fits(const struct api_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void wrong_method(struct api_call *call, const char *path)
{
    char allow[64] = "OPTIONS";
    for (size_t i = 0; i < api_routes_count; i++)
        if (route_fits(call, i, path) && !strstr(allow, api_routes[i].method))
            snprintf(allow + strlen(allow), sizeof allow - strlen(allow), ", %s%s", api_routes[i].method,
                     strcmp(api_routes[i].method, "GET") == 0 ? ", HEAD" : "");
    if (strcmp(call->request->method, "OPTIONS") == 0)
        api_answer_none(call);
    else
        api_fail(call, 405, "UNSUPPORTED", "this address does not take that method", call->request->path,
                 "the Allow header lists what it takes");
    ferry_http_answer_header(call->answer, "Allow", allow);
}

// The route of this request; NULL = answered.
static const struct api_route *find_route(struct api_call *call)
{
    const char *path = call->request->path;
    bool known = false;
    if (strncmp(path, ROOT, strlen(ROOT)) == 0) {
        path += strlen(ROOT);
        for (size_t i = 0; i < api_routes_count; i++) {
            if (!route_fits(call, i, path))
                continue;
            if (method_fits(&api_routes[i], call->request->method))
                return &api_routes[i];
            known = true;
        }
    }
    if (known)
        wrong_method(call, path);
    else
        api_fail(call, 404, "STORAGE_MISSING", "there is nothing at this address", call->request->path,
                 "the API is below /api/v1/");
    return NULL;
}

// ---- the handler ----

static void run(struct api_call *call)
{
    call->depot = api_take(call->api, &call->which);
    call->route->run(call);
    if (call->depot)
        api_give(call->api, call->which);
    call->depot = NULL;
}

static void free_call(struct api_call *call)
{
    api_upload_abort(call);
    cJSON_Delete(call->json);
    free(call->text);
    free(call);
}

static bool announced_too_much(struct api_call *call)
{
    int64_t limit = call->route->body == API_JSON     ? (int64_t)FERRY_DEPOT_API_JSON_MAX
                    : call->route->body == API_STREAM ? (int64_t)call->api->cfg.upload_bytes
                                                      : INT64_MAX;
    if (call->request->length <= limit)
        return false;
    api_fail(call, 413, "NO_SPACE", "the body is larger than this request may have", NULL,
             "JSON bodies have at most 64 KB; the server's --upload-limit says how large a file may be");
    return true;
}

// True = answered.
static bool begin(struct api_call *call)
{
    call->route = find_route(call);
    if (!call->route || !api_admit(call) || announced_too_much(call))
        return true;
    if (call->route->body == API_STREAM)
        return call->route->begin(call);
    if (call->route->body == API_JSON)
        return false;
    run(call);
    return true;
}

static bool on_open(void *ctx, const struct ferry_http_request *request, struct ferry_http_answer *answer, void **state)
{
    struct ferry_depot_api *self = ctx;
    if (self->cfg.page && ferry_web_asset_answer(request, answer))
        return true;
    struct api_call *call = calloc(1, sizeof *call);
    *state = call;
    if (!call) {
        answer->status = 503;
        return true;
    }
    call->api = self;
    call->request = request;
    call->answer = answer;
    return begin(call);
}

static bool take_json(struct api_call *call, const uint8_t *bytes, size_t len)
{
    if (!call->text)
        call->text = malloc(FERRY_DEPOT_API_JSON_MAX);
    if (!call->text || len > FERRY_DEPOT_API_JSON_MAX - call->len) {
        api_fail(call, call->text ? 413 : 503, call->text ? "NO_SPACE" : "NO_MEMORY",
                 call->text ? "the JSON body is larger than 64 KB" : "the server is out of memory", NULL,
                 "send less at once");
        return true;
    }
    memcpy(call->text + call->len, bytes, len);
    call->len += len;
    return false;
}

static bool on_body(void *ctx, void *state, const uint8_t *bytes, size_t len, struct ferry_http_answer *answer)
{
    struct api_call *call = state;
    (void)ctx;
    call->answer = answer;
    return call->route->body == API_JSON ? take_json(call, bytes, len) : api_upload_body(call, bytes, len);
}

static void on_finish(void *ctx, void *state, struct ferry_http_answer *answer)
{
    struct api_call *call = state;
    const char *why = NULL;
    (void)ctx;
    call->answer = answer;
    if (call->route->body == API_JSON)
        call->json = ferry_depot_api_json_parse(call->text ? call->text : "", call->len, &why);
    if (why) {
        char what[160];
        snprintf(what, sizeof what, "the body is not what this request takes: %s", why);
        api_fail(call, 400, "ARG", what, NULL, "a JSON object is wanted; docs/protocol/depot-api.yaml says which");
    } else {
        run(call);
    }
    free_call(call);
}

static void on_abort(void *ctx, void *state)
{
    (void)ctx;
    if (state)
        free_call(state);
}

struct ferry_http_handler ferry_depot_api_handler(struct ferry_depot_api *self)
{
    return (struct ferry_http_handler){self, on_open, on_body, on_finish, on_abort};
}

// ---- life ----

static void take_cfg(struct ferry_depot_api *self, const struct ferry_depot_api_cfg *cfg)
{
    struct ferry_depot_api_cfg *own = &self->cfg;
    *own = *cfg;
    own->name = cfg->name ? cfg->name : "Ferry depot";
    own->version = cfg->version ? cfg->version : "";
    own->upload_bytes = cfg->upload_bytes ? cfg->upload_bytes : 32u << 20;
    own->uploads = cfg->uploads ? cfg->uploads : 8;
    own->streams = cfg->streams ? cfg->streams : 64;
    own->rate = cfg->rate ? cfg->rate : 200;
    own->cache_bytes = cfg->cache_bytes ? cfg->cache_bytes : 16u << 20;
    own->depots = NULL;
    for (size_t i = 0; i < cfg->depot_count; i++) {
        self->depots[i].depot = cfg->depots[i];
        pthread_mutex_init(&self->depots[i].lock, NULL);
    }
    pthread_mutex_init(&self->lock, NULL);
}

struct ferry_depot_api *ferry_depot_api_new(const struct ferry_depot_api_cfg *cfg)
{
    if (cfg->depot_count == 0 || cfg->depot_count > FERRY_DEPOT_API_HANDLES)
        return NULL;
    struct ferry_depot_api *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    uint64_t chance[2] = {0, 0};
    if (getrandom(chance, sizeof chance, 0) != sizeof chance) {
        free(self);
        return NULL;
    }
    take_cfg(self, cfg);
    uint32_t rate = self->cfg.rate;
    ferry_depot_api_limit_init(&self->limit, rate, rate < UINT32_MAX / 4 ? rate * 4 : rate, chance[0]);
    ferry_depot_api_limit_init(&self->failures, 2, 40, ~chance[0]);
    snprintf(self->boot, sizeof self->boot, "%016llx", (unsigned long long)chance[1]);
    api_news_init(self);
    self->cache = api_cache_new(self->cfg.cache_bytes);
    if (self->cache)
        return self;
    ferry_depot_api_free(self);
    return NULL;
}

void ferry_depot_api_free(struct ferry_depot_api *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->cfg.depot_count; i++)
        pthread_mutex_destroy(&self->depots[i].lock);
    pthread_mutex_destroy(&self->lock);
    api_news_free(self);
    api_cache_free(self->cache);
    explicit_bzero(self->tokens, sizeof self->tokens);
    free(self);
}
