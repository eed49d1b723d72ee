#include "ports/esp-idf/http_server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "esp_http_server.h"
#include "esp_log.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "lwip/inet.h"
#include "lwip/sockets.h"

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "ferry/io/http_answer.h"

#define PIECE 2048  // bytes of a body that are read or sent at once
#define HEAD 1400   // bytes of an answer's head
#define ARENA 1024  // bytes of header values, path and query of one request
#define ASKED 12    // headers of one request that a handler may look at
#define STREAMS 3   // answers without an end at the same time
#define PATIENCE 4  // timeouts (recv_wait_timeout each) before a silent peer is given up
#define DRAIN 16384 // bytes of an unwanted body that are read away, so that the peer gets to see the answer
#define EVERY_US 1000000

// An answer that goes on: events.
struct stream {
    bool used;
    int fd;
    struct ferry_http_answer answer;
};

struct ferry_idf_http_server {
    httpd_handle_t httpd;
    struct ferry_http_handler handler;
    struct ferry_http_answer answer; // of the request that is served
    struct stream streams[STREAMS];
    esp_timer_handle_t timer;
    atomic_bool queued; // a turn of the streams waits in the server's queue
    atomic_uint stack_left;
    char piece[PIECE + 16]; // with room for a chunk's frame
    char head[HEAD];
};

struct request {
    httpd_req_t *r;
    struct ferry_http_request view;
    char peer[48];
    char *path;
    struct ferry_http_text_query query;
    struct {
        const char *name, *value;
    } asked[ASKED];
    size_t asked_count, used;
    char arena[ARENA];
};

static const char *const method_names[] = {[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
                                           [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};

// ---- sending ----

static bool send_all(httpd_handle_t httpd, int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        int n = httpd_socket_send(httpd, fd, bytes, len, 0);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *text;
    } phrases[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {206, "Partial Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {416, "Range Not Satisfiable"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"},
                   {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return "Status";
}

static size_t put(char *out, size_t cap, size_t at, const char *name, const char *value)
{
    int n = snprintf(out + at, cap - at, "%s: %s\r\n", name, value);
    return n > 0 && (size_t)n < cap - at ? at + (size_t)n : at;
}

// The answer's head; its length.
static size_t make_head(char *out, size_t cap, const struct ferry_http_answer *answer, bool close)
{
    char length[24];
    size_t at = (size_t)snprintf(out, cap, "HTTP/1.1 %d %s\r\n", answer->status, reason_phrase(answer->status));
    for (size_t i = 0; i < answer->header_count; i++)
        at = put(out, cap - 2, at, answer->headers[i].name, ferry_http_answer_value(answer, i));
    if (answer->length < 0)
        at = put(out, cap - 2, at, "Transfer-Encoding", "chunked");
    else if (answer->status != 204 && answer->status != 304) {
        snprintf(length, sizeof length, "%lld", (long long)answer->length);
        at = put(out, cap - 2, at, "Content-Length", length);
    }
    if (close)
        at = put(out, cap - 2, at, "Connection", "close");
    memcpy(out + at, "\r\n", 2);
    return at + 2;
}

// len bytes lie at piece + 8: a chunk's frame is put around them.
static bool send_chunk(struct ferry_idf_http_server *self, int fd, size_t len)
{
    char frame[8];
    int n = snprintf(frame, sizeof frame, "%x\r\n", (unsigned)len);
    memcpy(self->piece + 8 - n, frame, (size_t)n);
    memcpy(self->piece + 8 + len, "\r\n", 2);
    return send_all(self->httpd, fd, self->piece + 8 - n, (size_t)n + len + 2);
}

static bool send_last_chunk(struct ferry_idf_http_server *self, int fd)
{
    return send_all(self->httpd, fd, "0\r\n\r\n", 5);
}

// ---- answers without an end ----

static void end_stream(struct ferry_idf_http_server *self, struct stream *stream, bool close_session)
{
    if (!stream->used)
        return;
    stream->used = false;
    if (stream->answer.close)
        stream->answer.close(stream->answer.ctx);
    if (close_session)
        httpd_sess_trigger_close(self->httpd, stream->fd);
}

// What there is now; false = the stream has ended, one way or the other.
static bool pump_stream(struct ferry_idf_http_server *self, struct stream *stream)
{
    for (int i = 0; i < 8; i++) { // a chatty one must not hold up the others
        int n = stream->answer.read(stream->answer.ctx, (uint8_t *)self->piece + 8, PIECE);
        if (n == 0)
            return true;
        if (n == FERRY_HTTP_OVER)
            send_last_chunk(self, stream->fd);
        if (n < 0 || !send_chunk(self, stream->fd, (size_t)n))
            return false;
    }
    return true;
}

static void pump_all(void *arg)
{
    struct ferry_idf_http_server *self = arg;
    atomic_store(&self->queued, false);
    for (size_t i = 0; i < STREAMS; i++)
        if (self->streams[i].used && !pump_stream(self, &self->streams[i]))
            end_stream(self, &self->streams[i], true);
    atomic_store(&self->stack_left, (unsigned)uxTaskGetStackHighWaterMark(NULL));
}

static void wake(void *ctx)
{
    struct ferry_idf_http_server *self = ctx;
    if (!atomic_exchange(&self->queued, true) && httpd_queue_work(self->httpd, pump_all, self) != ESP_OK)
        atomic_store(&self->queued, false);
}

struct ferry_http_waker ferry_idf_http_server_waker(struct ferry_idf_http_server *self)
{
    return (struct ferry_http_waker){.ctx = self, .wake = wake};
}

// The connection goes on with this answer when the request's handler has returned. false: too many already.
static bool keep_stream(struct ferry_idf_http_server *self, int fd, const struct ferry_http_answer *answer)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (!self->streams[i].used) {
            self->streams[i] = (struct stream){.used = true, .fd = fd, .answer = *answer};
            return true;
        }
    return false;
}

static void session_closed(httpd_handle_t httpd, int fd)
{
    struct ferry_idf_http_server *self = httpd_get_global_user_ctx(httpd);
    for (size_t i = 0; i < STREAMS; i++)
        if (self->streams[i].fd == fd)
            end_stream(self, &self->streams[i], false);
    close(fd);
}

// ---- one answer ----

static bool send_read(struct ferry_idf_http_server *self, int fd, struct ferry_http_answer *answer, bool *kept)
{
    int64_t left = answer->length;
    while (answer->length < 0 || left > 0) {
        size_t cap = left > 0 && left < PIECE ? (size_t)left : PIECE;
        int n = answer->read(answer->ctx, (uint8_t *)self->piece + 8, cap);
        if (n == FERRY_HTTP_OVER && answer->length < 0)
            return send_last_chunk(self, fd);
        if (n == 0 && answer->length < 0)
            return *kept = keep_stream(self, fd, answer);
        if (n <= 0 || !(answer->length < 0 ? send_chunk(self, fd, (size_t)n)
                                           : send_all(self->httpd, fd, self->piece + 8, (size_t)n)))
            return false;
        left -= n;
    }
    return true;
}

// Sends the answer and closes it, unless it goes on. false: the connection is of no use any more.
static bool send_answer(struct ferry_idf_http_server *self, httpd_req_t *r, struct ferry_http_answer *answer,
                        bool close_after)
{
    int fd = httpd_req_to_sockfd(r);
    bool kept = false;
    if (answer->status == 0)
        answer->status = 500;
    bool body = r->method != HTTP_HEAD && answer->status != 204 && answer->status != 304;
    size_t len = make_head(self->head, sizeof self->head, answer, close_after);
    bool good = send_all(self->httpd, fd, self->head, len);
    if (good && body && answer->bytes)
        good = send_all(self->httpd, fd, (const char *)answer->bytes, (size_t)answer->length);
    else if (good && body && answer->read)
        good = send_read(self, fd, answer, &kept);
    if (!kept && answer->close)
        answer->close(answer->ctx);
    return good;
}

// ---- one request ----

static char *reserve(struct request *request, size_t len)
{
    if (len > ARENA - request->used)
        return NULL;
    char *at = request->arena + request->used;
    request->used += len;
    return at;
}

static const char *find_header(void *ctx, const char *name)
{
    struct request *request = ctx;
    for (size_t i = 0; i < request->asked_count; i++)
        if (strcmp(request->asked[i].name, name) == 0)
            return request->asked[i].value;
    size_t len = httpd_req_get_hdr_value_len(request->r, name);
    char *value = len > 0 && request->asked_count < ASKED ? reserve(request, len + 1) : NULL;
    if (!value || httpd_req_get_hdr_value_str(request->r, name, value, len + 1) != ESP_OK)
        return NULL;
    request->asked[request->asked_count].name = name;
    request->asked[request->asked_count++].value = value;
    return value;
}

static const char *find_query(void *ctx, const char *name)
{
    struct request *request = ctx;
    return ferry_http_text_query_get(&request->query, name);
}

static void name_peer(struct request *request)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    request->peer[0] = 0;
    if (getpeername(httpd_req_to_sockfd(request->r), (struct sockaddr *)&address, &len) != 0)
        return;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, request->peer, sizeof request->peer);
#if CONFIG_LWIP_IPV6
    if (address.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, request->peer, sizeof request->peer);
        if (strncmp(request->peer, "::FFFF:", 7) == 0 || strncmp(request->peer, "::ffff:", 7) == 0)
            memmove(request->peer, request->peer + 7, strlen(request->peer + 7) + 1);
    }
#endif
}

// 0, or the HTTP status of a request that no handler should see.
static int take_request(struct request *request, httpd_req_t *r)
{
    request->r = r;
    size_t size = strlen(r->uri) + 1;
    request->path = reserve(request, size);
    const char *mark = strchr(r->uri, '?');
    char *query = mark ? reserve(request, strlen(mark)) : NULL;
    if (!request->path || (mark && !query) || ferry_http_text_path(r->uri, request->path, size) < 0)
        return 400;
    if (query)
        memcpy(query, mark + 1, strlen(mark));
    if (ferry_http_text_query_parse(query, &request->query) < 0)
        return 400;
    if (find_header(request, "Transfer-Encoding"))
        return 411;
    name_peer(request);
    request->view = (struct ferry_http_request){.method = method_names[r->method],
                                                .path = request->path,
                                                .length = (int64_t)r->content_len,
                                                .peer = request->peer,
                                                .header = find_header,
                                                .query = find_query,
                                                .ctx = request};
    return 0;
}

enum came { CAME_WHOLE, CAME_ANSWERED, CAME_NOT };

static int receive(httpd_req_t *r, char *buf, size_t cap)
{
    for (int i = 0; i < PATIENCE; i++) {
        int n = httpd_req_recv(r, buf, cap);
        if (n != HTTPD_SOCK_ERR_TIMEOUT)
            return n;
    }
    return HTTPD_SOCK_ERR_TIMEOUT;
}

static enum came take_body(struct ferry_idf_http_server *self, httpd_req_t *r, void *state, size_t *left)
{
    while (*left > 0) {
        int n = receive(r, self->piece, *left < PIECE ? *left : PIECE);
        if (n <= 0)
            return CAME_NOT;
        *left -= (size_t)n;
        if (self->handler.body(self->handler.ctx, state, (const uint8_t *)self->piece, (size_t)n, &self->answer))
            return CAME_ANSWERED;
    }
    return CAME_WHOLE;
}

static void drain(struct ferry_idf_http_server *self, httpd_req_t *r, size_t left)
{
    size_t drained = 0;
    while (left > 0 && drained < DRAIN) {
        int n = httpd_req_recv(r, self->piece, left < PIECE ? left : PIECE);
        if (n <= 0)
            return;
        left -= (size_t)n;
        drained += (size_t)n;
    }
}

static esp_err_t refuse(struct ferry_idf_http_server *self, httpd_req_t *r, int status)
{
    const char *text = reason_phrase(status);
    ferry_http_answer_bytes(&self->answer, status, "text/plain", text, strlen(text));
    send_answer(self, r, &self->answer, true);
    return ESP_FAIL; // closes the connection
}

static esp_err_t serve(struct ferry_idf_http_server *self, struct request *request, httpd_req_t *r)
{
    const struct ferry_http_handler *h = &self->handler;
    void *state = NULL;
    size_t left = r->content_len;
    enum came came = CAME_ANSWERED;
    int refused = take_request(request, r);
    if (refused)
        return refuse(self, r, refused);
    if (!h->open(h->ctx, &request->view, &self->answer, &state))
        came = take_body(self, r, state, &left);
    if (came == CAME_WHOLE)
        h->finish(h->ctx, state, &self->answer);
    else
        h->abort(h->ctx, state);
    if (came == CAME_NOT)
        return ESP_FAIL;
    bool good = send_answer(self, r, &self->answer, left > 0);
    if (left > 0)
        drain(self, r, left);
    return good && left == 0 ? ESP_OK : ESP_FAIL;
}

static esp_err_t on_request(httpd_req_t *r)
{
    struct ferry_idf_http_server *self = r->user_ctx;
    struct request *request = calloc(1, sizeof *request);
    memset(&self->answer, 0, sizeof self->answer);
    esp_err_t result = request ? serve(self, request, r) : refuse(self, r, 503);
    free(request);
    atomic_store(&self->stack_left, (unsigned)uxTaskGetStackHighWaterMark(NULL));
    return result;
}

// ---- starting and stopping ----

static void free_nothing(void *ctx)
{
    (void)ctx; // the server's context is the program's
}

static esp_err_t start(struct ferry_idf_http_server *self, const struct ferry_idf_http_server_cfg *cfg)
{
    static const httpd_method_t methods[] = {HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS};
    httpd_config_t config = HTTPD_DEFAULT_CONFIG();
    config.server_port = cfg->port ? cfg->port : 80;
    config.stack_size = cfg->stack ? cfg->stack : FERRY_IDF_HTTP_SERVER_STACK;
    config.max_open_sockets = cfg->connections ? cfg->connections : 5;
    config.lru_purge_enable = true; // a browser keeps connections open that it does not use
    config.uri_match_fn = httpd_uri_match_wildcard;
    config.global_user_ctx = self;
    config.global_user_ctx_free_fn = free_nothing;
    config.close_fn = session_closed;
    esp_log_level_set("httpd_uri", ESP_LOG_ERROR); // it warns of every connection that is closed on purpose
    esp_err_t error = httpd_start(&self->httpd, &config);
    for (size_t i = 0; error == ESP_OK && i < sizeof methods / sizeof methods[0]; i++) {
        httpd_uri_t all = {.uri = "/*", .method = methods[i], .handler = on_request, .user_ctx = self};
        error = httpd_register_uri_handler(self->httpd, &all);
    }
    const esp_timer_create_args_t timer = {.callback = wake, .arg = self, .name = "ferry_http"};
    if (error == ESP_OK)
        error = esp_timer_create(&timer, &self->timer);
    return error == ESP_OK ? esp_timer_start_periodic(self->timer, EVERY_US) : error;
}

struct ferry_idf_http_server *ferry_idf_http_server_start(const struct ferry_idf_http_server_cfg *cfg,
                                                          struct ferry_idf_error *error)
{
    struct ferry_idf_http_server *self = calloc(1, sizeof *self);
    esp_err_t result = ESP_ERR_NO_MEM;
    if (self) {
        self->handler = cfg->handler;
        result = start(self, cfg);
    }
    if (result == ESP_OK)
        return self;
    ferry_idf_http_server_stop(self);
    ferry_idf_fail(error, result == ESP_ERR_NO_MEM ? FERRY_ERR_NO_MEMORY : FERRY_ERR_WIRE_OPEN, result, NULL,
                   "the web server cannot be started on port %u", (unsigned)(cfg->port ? cfg->port : 80));
    return NULL;
}

void ferry_idf_http_server_stop(struct ferry_idf_http_server *self)
{
    if (!self)
        return;
    if (self->timer) {
        esp_timer_stop(self->timer);
        esp_timer_delete(self->timer);
    }
    if (self->httpd)
        httpd_stop(self->httpd); // closes every session, and with them the streams
    free(self);
}

uint32_t ferry_idf_http_server_stack_left(const struct ferry_idf_http_server *self)
{
    return (uint32_t)atomic_load(&self->stack_left);
}
