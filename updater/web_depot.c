// What a depot has: its own answer, passed on as it comes. The browser does not ask the depot itself, which may be on a
// network that only the updater reaches, and whose token is the updater's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/web_work.h"

#define ADDRESS 300
#define QUERY 400

struct passing {
    char url[ADDRESS + QUERY], token[ADDRESS];
    const char *headers[3];
};

static void release(struct ferry_web *self)
{
    ferry_web_lock(self);
    self->depot_busy = false;
    ferry_web_unlock(self);
}

static int pass_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    const struct ferry_http_client *client = self->web->cfg.depot->client;
    int len = client->read(client->ctx, (uint8_t *)out, cap);
    return len > 0 ? len : len == 0 ? FERRY_HTTP_OVER : -1;
}

static void pass_end(struct ferry_web_stream *self)
{
    const struct ferry_http_client *client = self->web->cfg.depot->client;
    client->close(client->ctx);
    free(self->extra);
    release(self->web);
}

static bool take_client(struct ferry_web *self)
{
    ferry_web_lock(self);
    bool taken = !self->depot_busy;
    self->depot_busy = true;
    ferry_web_unlock(self);
    return taken;
}

// "?limit=100&text=tea%20pot": what the page may ask the depot for. False: too long.
static bool put_query(const struct ferry_http_request *request, char *out, size_t cap)
{
    static const char *const names[] = {"text", "before", "limit"};
    static const char hex[] = "0123456789ABCDEF";
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = request->query(request->ctx, names[i]);
        if (!value)
            continue;
        if (at + 3 * strlen(value) + 10 > cap)
            return false;
        at += (size_t)snprintf(out + at, cap - at, "%c%s=", at ? '&' : '?', names[i]);
        for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
            bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
            if (plain) {
                out[at++] = (char)*c;
            } else {
                out[at++] = '%';
                out[at++] = hex[*c >> 4];
                out[at++] = hex[*c & 15];
            }
        }
        out[at] = 0;
    }
    return true;
}

// Opens the request to the depot; 0 = its answer is good and can be read. On failure the client is closed.
static int ask(const struct ferry_web_depot *depot, struct passing *p, const char *query,
               struct ferry_http_answer *answer)
{
    struct ferry_http_reply reply;
    snprintf(p->url, sizeof p->url, "%s/api/v1/builds%s", depot->url, query);
    snprintf(p->token, sizeof p->token, "Authorization: Bearer %s", depot->token ? depot->token : "");
    p->headers[0] = "Accept: application/json";
    p->headers[1] = depot->token && depot->token[0] ? p->token : NULL;
    struct ferry_http_fetch fetch = {.method = "GET", .url = p->url, .headers = p->headers};
    int status = depot->client->open(depot->client->ctx, &fetch, &reply);
    if (status < 0)
        ferry_web_answer_error(answer, 502, ferry_status_name(status), "the depot does not answer",
                               depot->client->reason(depot->client->ctx), "is it running? see the updater's settings");
    else if (reply.status != 200)
        ferry_web_answer_error(answer, 502, reply.status == 401 || reply.status == 403 ? "TOKEN" : "DEPOT",
                               reply.status == 401 || reply.status == 403
                                   ? "the depot does not take the updater's token"
                                   : "the depot answers with an error",
                               depot->url, "see the updater's settings");
    else
        return FERRY_OK;
    depot->client->close(depot->client->ctx);
    return FERRY_ERR_WIRE_IO;
}

void ferry_web_depot_builds(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                            struct ferry_http_answer *answer)
{
    (void)rest;
    char query[QUERY];
    if (!put_query(request, query, sizeof query)) {
        ferry_web_answer_error(answer, 422, "ARG", "what is searched for is too long", NULL, "search for less");
        return;
    }
    struct passing *p = self->cfg.depot ? calloc(1, sizeof *p) : NULL;
    if (!p || !take_client(self)) {
        bool none = !self->cfg.depot;
        free(p);
        ferry_web_answer_error(answer, none ? 404 : 503, none ? "PATH" : "BUSY",
                               none ? "this updater has no depot" : "the depot is being asked already", NULL,
                               none ? "set one in the settings" : "try again in a moment");
        return;
    }
    struct ferry_web_stream *stream = NULL;
    if (ask(self->cfg.depot, p, query, answer) == FERRY_OK)
        stream = ferry_web_stream(self, "application/json", pass_row, answer);
    if (!stream) {
        free(p);
        release(self);
        return;
    }
    stream->extra = p;
    stream->end = pass_end;
}
