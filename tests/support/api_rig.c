#include "tests/support/api_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ferry/base/http_text.h"
#include "ferry/io/http_answer.h"
#include "ports/posix/digest.h"

struct view {
    const struct api_rig_ask *ask;
    struct ferry_http_text_query query;
    char bearer[400];
};

static const char *get_header(void *ctx, const char *name)
{
    const struct view *v = ctx;
    if (strcasecmp(name, "Authorization") == 0 && v->ask->token)
        return v->bearer;
    for (const char *const *h = v->ask->headers; h && *h; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return strcasecmp(name, "Host") == 0 ? "192.0.2.9:8470" : NULL;
}

static const char *get_query(void *ctx, const char *name)
{
    const struct view *v = ctx;
    return ferry_http_text_query_get(&v->query, name);
}

static uint32_t now(void *ctx)
{
    return ((struct api_rig *)ctx)->now_ms;
}

static struct ferry_digest new_digest(void *ctx)
{
    struct ferry_posix_digest *state = malloc(sizeof *state);
    ((struct api_rig *)ctx)->digests++;
    return ferry_posix_digest_init(state);
}

static void free_digest(void *ctx, const struct ferry_digest *digest)
{
    ((struct api_rig *)ctx)->digests--;
    ferry_posix_digest_close(digest->ctx);
    free(digest->ctx);
}

void api_rig_start(struct api_rig *rig, struct ferry_depot *depot, const struct ferry_depot_api_cfg *cfg)
{
    struct ferry_depot_api_cfg own = *cfg;
    memset(rig, 0, sizeof *rig);
    rig->now_ms = 1000;
    rig->clock = (struct ferry_clock){rig, now, NULL};
    own.depots = &depot;
    own.depot_count = 1;
    own.digest_new = new_digest;
    own.digest_free = free_digest;
    own.digest_ctx = rig;
    own.clock = &rig->clock;
    rig->api = ferry_depot_api_new(&own);
    rig->handler = ferry_depot_api_handler(rig->api);
}

void api_rig_end(struct api_rig *rig)
{
    ferry_depot_api_free(rig->api);
}

static void read_answer(struct api_rig *rig, bool head, size_t reads)
{
    struct ferry_http_answer *a = &rig->answer;
    rig->status = a->status;
    rig->whole = true;
    if (!head && a->bytes && a->length > 0) {
        rig->len = (size_t)a->length < API_RIG_BODY ? (size_t)a->length : API_RIG_BODY;
        memcpy(rig->body, a->bytes, rig->len);
    }
    for (size_t i = 0; !head && a->read && rig->len < API_RIG_BODY && (!reads || i < reads); i++) {
        int n = a->read(a->ctx, (uint8_t *)rig->body + rig->len, API_RIG_BODY - rig->len);
        rig->len += n > 0 ? (size_t)n : 0;
        rig->whole = n == FERRY_HTTP_OVER || n == 0;
        if (n <= 0)
            break;
    }
    rig->whole = rig->whole && (head || a->length < 0 || (size_t)a->length == rig->len || a->status == 304);
    rig->body[rig->len] = 0;
    if (a->close)
        a->close(a->ctx);
}

// True = answered, or the peer has gone.
static bool send_body(struct api_rig *rig, const struct api_rig_ask *ask, void *state, bool *gone)
{
    size_t piece = ask->piece ? ask->piece : ask->body_len;
    for (size_t at = 0; at < ask->body_len; at += piece) {
        size_t n = ask->body_len - at < piece ? ask->body_len - at : piece;
        *gone = ask->gone_after && at >= ask->gone_after;
        if (*gone)
            return true;
        if (rig->handler.body(rig->handler.ctx, state, (const uint8_t *)ask->body + at, n, &rig->answer))
            return true;
    }
    return false;
}

int api_rig_ask(struct api_rig *rig, const struct api_rig_ask *ask)
{
    struct view view = {.ask = ask};
    char *target = strdup(ask->target), *path = malloc(strlen(ask->target) + 2), *query = strchr(target, '?');
    struct ferry_http_request request = {.method = ask->method,
                                         .path = path,
                                         .length = ask->body ? (int64_t)ask->body_len : 0,
                                         .peer = ask->peer ? ask->peer : "192.0.2.1",
                                         .header = get_header,
                                         .query = get_query,
                                         .ctx = &view};
    void *state = NULL;
    bool gone = false;
    memset(&rig->answer, 0, sizeof rig->answer);
    rig->len = 0;
    rig->status = -1;
    snprintf(view.bearer, sizeof view.bearer, "Bearer %.380s", ask->token ? ask->token : "");
    if (ferry_http_text_path(ask->target, path, strlen(ask->target) + 2) >= 0 &&
        ferry_http_text_query_parse(query ? query + 1 : NULL, &view.query) >= 0) {
        const struct ferry_http_handler *h = &rig->handler;
        bool early = h->open(h->ctx, &request, &rig->answer, &state);
        if (early || send_body(rig, ask, state, &gone))
            h->abort(h->ctx, state);
        else
            h->finish(h->ctx, state, &rig->answer);
        rig->status = 0;
        if (!gone)
            read_answer(rig, strcmp(ask->method, "HEAD") == 0, ask->reads);
    }
    free(target);
    free(path);
    return rig->status;
}

const char *api_rig_header(const struct api_rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->answer.header_count; i++)
        if (strcasecmp(rig->answer.headers[i].name, name) == 0)
            return ferry_http_answer_value(&rig->answer, i);
    return NULL;
}
