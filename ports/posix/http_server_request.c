#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/http_server_parts.h"

// A body that nobody wants any more is read to its end when it is this short: a peer that is still sending when its
// connection is closed often loses the answer.
#define SWALLOW_MAX 1048576

static void write_peer(struct MHD_Connection *connection, char *out, size_t cap)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    out[0] = 0;
    if (!info || !info->client_addr)
        return;
    const struct sockaddr *address = info->client_addr;
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, (socklen_t)cap);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out, (socklen_t)cap);
    if (strncmp(out, "::ffff:", 7) == 0 && strchr(out, '.'))
        memmove(out, out + 7, strlen(out + 7) + 1);
}

static const char *get_header(void *ctx, const char *name)
{
    const struct http_server_request *request = ctx;
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static const char *get_query(void *ctx, const char *name)
{
    const struct http_server_request *request = ctx;
    return ferry_http_text_query_get(&request->query, name);
}

// The library takes queries apart too, into the memory of the head, and when some hundred parameters have used that up
// it can neither go on nor answer. We take them apart ourselves, from our copy, and refuse so many: it gets none. (The
// text is the library's to change, and it has not looked at it yet.)
static void spare_library(const char *uri)
{
    char *query = (char *)(uintptr_t)strchr(uri, '?');
    size_t pairs = 0;
    for (const char *at = query; at; at = strchr(at + 1, '&'))
        pairs++;
    if (pairs <= FERRY_HTTP_TEXT_PAIRS)
        return;
    query[0] = 0;
    query[1] = 0;
}

void *http_server_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct ferry_posix_http_server *self = cls;
    struct http_server_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->server = self;
    request->connection = connection;
    request->target = strdup(uri);
    spare_library(uri);
    request->since_ms = http_server_now();
    atomic_fetch_add(&self->requests, 1);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->link = info ? info->socket_context : NULL;
    write_peer(connection, request->peer, sizeof request->peer);
    http_server_limit(request, request->since_ms + self->cfg.head_ms);
    return request;
}

static const char *known_method(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return NULL;
}

// 0, or the status to refuse with.
static int take_target(struct http_server_request *request)
{
    size_t len = strlen(request->target);
    request->path = malloc(len + 2);
    if (!request->path)
        return 500;
    if (strcmp(request->target, "*") == 0)
        memcpy(request->path, "/", 2);
    else if (ferry_http_text_path(request->target, request->path, len + 1) < 0) {
        request->path[0] = 0; // what was refused is shown to nobody, and may have no end
        return 400;
    }
    char *query = strchr(request->target, '?');
    if (query)
        query[1 + strcspn(query + 1, "#")] = 0;
    return query && ferry_http_text_query_parse(query + 1, &request->query) < 0 ? 400 : 0;
}

static int64_t body_length(struct http_server_request *request)
{
    const char *length = get_header(request, "Content-Length");
    if (get_header(request, "Transfer-Encoding"))
        return -1;
    return length ? strtoll(length, NULL, 10) : 0;
}

static int refusal(struct http_server_request *request, const char *method)
{
    struct ferry_http_request *view = &request->view;
    if (!request->target)
        return 500;
    int status = take_target(request);
    view->method = known_method(method);
    view->path = request->path;
    view->length = body_length(request);
    view->peer = request->peer;
    view->secure = request->server->cert != NULL;
    view->header = get_header;
    view->query = get_query;
    view->ctx = request;
    if (status)
        return status;
    if (!view->method)
        return 405;
    return view->length > 0 && (uint64_t)view->length > request->server->cfg.body_bytes ? 413 : 0;
}

static void drop_state(struct http_server_request *request)
{
    struct ferry_http_handler *handler = &request->server->handler;
    if (request->opened)
        handler->abort(handler->ctx, request->state);
    request->opened = false;
}

// Answered before the body has come: says so at once when the peer waits for leave to send it, or has much to send.
static enum MHD_Result answered_early(struct http_server_request *request)
{
    drop_state(request);
    const char *expect = get_header(request, "Expect");
    int64_t length = request->view.length;
    if (expect || length > SWALLOW_MAX)
        return http_server_send(request);
    request->stage = HTTP_SERVER_SWALLOW;
    return MHD_YES;
}

static enum MHD_Result head_is_there(struct http_server_request *request, const char *method, const char *version)
{
    struct ferry_posix_http_server *self = request->server;
    int status = refusal(request, method);
    request->last = !http_server_framing_fits(request, version);
    request->since_ms = http_server_now();
    http_server_limit(request, http_server_by(self, request->since_ms, 0));
    request->stage = HTTP_SERVER_BODY;
    if (request->last) {
        http_server_refuse(request, HTTP_SERVER_FRAMING);
        return http_server_send(request);
    }
    if (status) {
        http_server_refuse(request, status);
        return answered_early(request);
    }
    request->opened = true;
    request->filled = self->handler.open(self->handler.ctx, &request->view, &request->answer, &request->state);
    return request->filled ? answered_early(request) : MHD_YES;
}

static enum MHD_Result take_body(struct http_server_request *request, const char *bytes, size_t len)
{
    struct ferry_posix_http_server *self = request->server;
    request->taken += len;
    http_server_limit(request, http_server_by(self, request->since_ms, request->taken));
    if (request->stage ==
        HTTP_SERVER_SWALLOW) // what was announced has been allowed; unannounced may not go on for ever
        return request->view.length < 0 && request->taken > self->cfg.body_bytes + SWALLOW_MAX ? MHD_NO : MHD_YES;
    if (request->taken > self->cfg.body_bytes)
        http_server_refuse(request, 413);
    else
        request->filled =
            self->handler.body(self->handler.ctx, request->state, (const uint8_t *)bytes, len, &request->answer);
    if (request->filled) {
        drop_state(request);
        request->stage = HTTP_SERVER_SWALLOW;
    }
    return MHD_YES;
}

static enum MHD_Result body_is_there(struct http_server_request *request)
{
    struct ferry_http_handler *handler = &request->server->handler;
    if (request->stage == HTTP_SERVER_BODY) {
        request->opened = false;
        request->filled = true;
        handler->finish(handler->ctx, request->state, &request->answer);
    }
    return http_server_send(request);
}

// From here on it is the peer's turn, when its body is not whole.
static enum MHD_Result wants_more(struct http_server_request *request, enum MHD_Result result)
{
    bool reads = request->stage == HTTP_SERVER_BODY || request->stage == HTTP_SERVER_SWALLOW;
    if (result == MHD_YES && reads && (request->view.length < 0 || request->taken < (uint64_t)request->view.length))
        http_server_wants_body(request);
    return result;
}

enum MHD_Result http_server_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_len, void **slot)
{
    struct http_server_request *request = *slot;
    (void)cls, (void)connection, (void)url;
    if (!request)
        return MHD_NO;
    if (request->stage == HTTP_SERVER_HEAD)
        return wants_more(request, head_is_there(request, method, version));
    if (*upload_len == 0) {
        http_server_limit(request, http_server_by(request->server, request->since_ms, request->taken));
        return body_is_there(request);
    }
    size_t len = *upload_len;
    *upload_len = 0;
    return wants_more(request, take_body(request, upload, len));
}

static void tell_log(struct http_server_request *request, bool complete)
{
    const struct ferry_posix_http_server_cfg *cfg = &request->server->cfg;
    if (!cfg->log)
        return;
    struct ferry_posix_http_server_event event = {
        .peer = request->peer,
        .method = request->view.method ? request->view.method : "",
        .path = request->view.path ? request->view.path : "",
        .status = request->stage == HTTP_SERVER_ANSWERED ? request->answer.status : 0,
        .bytes = request->sent,
        .complete = complete,
    };
    cfg->log(cfg->log_ctx, &event);
}

void http_server_completed(void *cls, struct MHD_Connection *connection, void **slot,
                           enum MHD_RequestTerminationCode code)
{
    struct ferry_posix_http_server *self = cls;
    struct http_server_request *request = *slot;
    (void)connection;
    *slot = NULL;
    if (!request)
        return;
    drop_state(request);
    tell_log(request, code == MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->failed);
    if (request->filled && request->answer.close)
        request->answer.close(request->answer.ctx);
    http_server_idle(request);
    atomic_fetch_add(&self->served, 1);
    atomic_fetch_sub(&self->requests, 1);
    free(request->target);
    free(request->path);
    free(request);
}
