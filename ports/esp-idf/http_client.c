#include "ports/esp-idf/http_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "http_parser.h"

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/http_link.h"

#define REDIRECTS 5
#define TIMEOUT_MS 15000
#define PIECE 2048    // bytes that are received at once; also the longest request without its body
#define HEAD_MAX 8192 // bytes of an answer's head
#define NAME 48       // of a header
#define ADDRESS 640   // of a redirect, too

struct ferry_idf_http_client_work {
    struct http_link link;
    char host[100];
    uint16_t port;
    bool secure;
    // The request.
    const struct ferry_http_fetch *fetch; // during open()
    char url[ADDRESS];                    // of this step of the redirects
    bool strange;                         // another server than the one that was asked for
    struct ferry_http_reply *reply;       // during open()
    uint32_t deadline_ms;                 // of the head
    // The answer.
    http_parser parser;
    char name[NAME], value[ADDRESS], location[ADDRESS];
    bool in_value, interim, head_done, done, reusable;
    size_t at, have; // of piece, what the parser has not seen
    uint8_t *out;    // where the body goes
    size_t out_len;
    char piece[PIECE];
};

typedef struct ferry_idf_http_client_work work_t;

static int failed(work_t *w, int status, const char *what)
{
    return http_link_fail(&w->link, status, "%s", what);
}

// ---- the answer's head ----

static void take_text(char *out, size_t cap, const char *value)
{
    snprintf(out, cap, "%.*s", (int)(cap - 1), value);
}

static void take_header(work_t *w)
{
    struct ferry_http_reply *reply = w->reply;
    const char *name = w->name, *value = w->value;
    uint64_t first = 0, last = 0;
    if (strlen(value) == sizeof w->value - 1)
        return; // cut: worth nothing
    if (ferry_http_text_same(name, "ETag") && strlen(value) < sizeof reply->etag)
        take_text(reply->etag, sizeof reply->etag, value);
    else if (ferry_http_text_same(name, "Content-Type"))
        take_text(reply->type, sizeof reply->type, value);
    else if (ferry_http_text_same(name, "X-Sha256") && strlen(value) == 64)
        take_text(reply->sha256, sizeof reply->sha256, value);
    else if (ferry_http_text_same(name, "Location"))
        take_text(w->location, sizeof w->location, value);
    else if (ferry_http_text_same(name, "Content-Range") &&
             ferry_http_text_content_range(value, &first, &last, &reply->total))
        reply->offset = first;
}

static void end_header(work_t *w)
{
    if (w->in_value && w->reply)
        take_header(w);
    w->in_value = false;
    w->name[0] = w->value[0] = 0;
}

static void append(char *text, size_t cap, const char *at, size_t len)
{
    size_t have = strlen(text), room = cap - 1 - have;
    len = len < room ? len : room;
    memcpy(text + have, at, len);
    text[have + len] = 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    work_t *w = parser->data;
    if (w->in_value)
        end_header(w);
    append(w->name, sizeof w->name, at, len);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    work_t *w = parser->data;
    w->in_value = true;
    append(w->value, sizeof w->value, at, len);
    return 0;
}

static int on_head(http_parser *parser)
{
    work_t *w = parser->data;
    end_header(w);
    w->interim = parser->status_code < 200;
    if (w->interim) {
        *w->reply = (struct ferry_http_reply){.length = -1, .total = -1};
        return 1;
    }
    w->head_done = true;
    http_parser_pause(parser, 1); // what follows waits for read()
    return strcmp(w->fetch->method, "HEAD") == 0 ? 1 : 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    work_t *w = parser->data;
    memcpy(w->out + w->out_len, at, len); // never more than was fed, which fits
    w->out_len += len;
    return 0;
}

static int on_end(http_parser *parser)
{
    work_t *w = parser->data;
    if (w->interim)
        return 0;
    w->done = true;
    w->reusable = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1); // nothing after it is ours
    return 0;
}

// Feeds len bytes at piece + at (0: the other side has closed). 0 or FERRY_ERR_WIRE_IO.
static int parse(work_t *w, size_t len)
{
    static const http_parser_settings settings = {.on_header_field = on_name,
                                                  .on_header_value = on_value,
                                                  .on_headers_complete = on_head,
                                                  .on_body = on_body,
                                                  .on_message_complete = on_end};
    w->at += http_parser_execute(&w->parser, &settings, w->piece + w->at, len);
    enum http_errno error = HTTP_PARSER_ERRNO(&w->parser);
    if (error == HPE_PAUSED)
        http_parser_pause(&w->parser, 0);
    else if (error != HPE_OK)
        return http_link_fail(&w->link, FERRY_ERR_WIRE_IO, "the answer is not HTTP: %s", http_errno_description(error));
    return FERRY_OK;
}

static int receive_head(work_t *w)
{
    size_t total = 0;
    http_parser_init(&w->parser, HTTP_RESPONSE);
    w->parser.data = w;
    while (!w->head_done) {
        int n = http_link_receive(&w->link, w->piece, PIECE, w->deadline_ms);
        if (n < 0)
            return n;
        if (n == 0)
            return failed(w, FERRY_ERR_WIRE_IO,
                          total ? "the connection was cut in the middle of the answer's head"
                                : "the server closed the connection without an answer");
        total += (size_t)n;
        w->at = 0;
        w->have = (size_t)n;
        int status = parse(w, (size_t)n);
        if (status < 0)
            return status;
        if (total > HEAD_MAX && !w->head_done)
            return failed(w, FERRY_ERR_WIRE_IO, "the answer's headers are longer than 8 KB");
    }
    return FERRY_OK;
}

static void take_lengths(work_t *w)
{
    struct ferry_http_reply *reply = w->reply;
    bool known = !(w->parser.flags & F_CHUNKED) && w->parser.content_length <= INT64_MAX;
    reply->status = w->parser.status_code;
    reply->length = known ? (int64_t)w->parser.content_length : -1;
    if (reply->status != 206 && reply->total < 0)
        reply->total = reply->length;
}

// ---- the request ----

static bool plain_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

// Host, port and scheme of w->url; *path is what the request line names.
static bool take_url(work_t *w, const char **path, char host[sizeof((work_t *)0)->host], uint16_t *port, bool *secure)
{
    struct http_parser_url u;
    http_parser_url_init(&u);
    *secure = strncmp(w->url, "https://", 8) == 0;
    if (!*secure && strncmp(w->url, "http://", 7) != 0)
        return false;
    if (!plain_text(w->url) || http_parser_parse_url(w->url, strlen(w->url), 0, &u) != 0)
        return false;
    size_t len = u.field_data[UF_HOST].len;
    if (!(u.field_set & 1 << UF_HOST) || u.field_set & 1 << UF_USERINFO || len == 0 || len >= sizeof w->host)
        return false;
    memcpy(host, w->url + u.field_data[UF_HOST].off, len);
    host[len] = 0;
    *port = u.field_set & 1 << UF_PORT ? u.port : *secure ? 443 : 80;
    char *end = w->url + strcspn(w->url, "#");
    *end = 0;
    *path = u.field_set & 1 << UF_PATH ? w->url + u.field_data[UF_PATH].off : "/";
    return *port != 0;
}

static size_t put(char *out, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static size_t put(char *out, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = at < PIECE ? vsnprintf(out + at, PIECE - at, format, args) : 0;
    va_end(args);
    return n >= 0 && at + (size_t)n < PIECE ? at + (size_t)n : PIECE;
}

// The request's head in w->piece; its length, PIECE = does not fit.
static size_t make_request(work_t *w, const char *path, const char *agent, bool keep)
{
    const struct ferry_http_fetch *f = w->fetch;
    char *out = w->piece;
    bool six = strchr(w->host, ':') != NULL, usual = w->port == (w->secure ? 443 : 80);
    size_t at = put(out, 0, "%s %s HTTP/1.1\r\nHost: %s%s%s", f->method, path, six ? "[" : "", w->host, six ? "]" : "");
    at = usual ? at : put(out, at, ":%u", (unsigned)w->port);
    at = put(out, at, "\r\nUser-Agent: %s\r\nConnection: %s\r\n", agent, keep ? "keep-alive" : "close");
    for (const char *const *line = f->headers; line && *line; line++)
        if (!w->strange || strncmp(*line, "Authorization:", 14) != 0)
            at = put(out, at, "%s\r\n", *line);
    if (f->offset > 0)
        at = put(out, at, "Range: bytes=%llu-\r\n", (unsigned long long)f->offset);
    if (f->offset > 0 && f->if_range)
        at = put(out, at, "If-Range: %s\r\n", f->if_range);
    if (f->body_len > 0 || strcmp(f->method, "POST") == 0 || strcmp(f->method, "PUT") == 0)
        at = put(out, at, "Content-Length: %u\r\n", (unsigned)f->body_len);
    return put(out, at, "\r\n");
}

static int send_request(work_t *w, const char *path, const struct ferry_idf_http_client_cfg *cfg)
{
    size_t len = make_request(w, path, cfg->agent ? cfg->agent : "ferry", cfg->keep);
    if (len >= PIECE)
        return failed(w, FERRY_ERR_ARG, "the address and headers are too long");
    int status = http_link_send(&w->link, w->piece, len, w->deadline_ms);
    if (status >= 0 && w->fetch->body_len > 0)
        status = http_link_send(&w->link, w->fetch->body, w->fetch->body_len, w->deadline_ms);
    return status;
}

static uint32_t timeout_ms(const struct ferry_idf_http_client *self)
{
    return self->cfg.timeout_ms ? self->cfg.timeout_ms : TIMEOUT_MS;
}

static void forget_answer(work_t *w)
{
    *w->reply = (struct ferry_http_reply){.length = -1, .total = -1};
    w->name[0] = w->value[0] = w->location[0] = 0;
    w->in_value = w->interim = w->head_done = w->done = w->reusable = false;
    w->at = w->have = 0;
}

static int try_once(struct ferry_idf_http_client *self, const char *path)
{
    work_t *w = self->work;
    int status = FERRY_OK;
    forget_answer(w);
    if (!w->link.tls)
        status = http_link_open(&w->link, w->host, w->port, w->secure, timeout_ms(self));
    w->deadline_ms = ferry_idf_clock_now() + timeout_ms(self);
    if (status >= 0)
        status = send_request(w, path, &self->cfg);
    if (status >= 0)
        status = receive_head(w);
    if (status >= 0)
        take_lengths(w);
    return status;
}

// Asks for w->url. A kept connection may have ended just now: once more, where asking twice does no harm.
static int ask(struct ferry_idf_http_client *self)
{
    work_t *w = self->work;
    const char *path = NULL;
    char host[sizeof w->host] = "";
    uint16_t port = 0;
    bool secure = false;
    if (!take_url(w, &path, host, &port, &secure))
        return failed(w, FERRY_ERR_ARG, "the address is none that can be asked: http:// or https://, host, path");
    bool same = strcmp(host, w->host) == 0 && port == w->port && secure == w->secure;
    if (!same || !http_link_idle(&w->link))
        http_link_close(&w->link);
    memcpy(w->host, host, sizeof w->host);
    w->port = port;
    w->secure = secure;
    bool kept = w->link.tls != NULL, twice = w->fetch->method[0] == 'G' || w->fetch->method[0] == 'H';
    int status = try_once(self, path);
    if (status == FERRY_ERR_WIRE_IO && kept && twice && w->have == 0) {
        http_link_close(&w->link);
        status = try_once(self, path);
    }
    return status;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Where the answer points, as the next w->url.
static int follow(work_t *w)
{
    const char *to = w->location;
    char origin[sizeof w->url], old_host[sizeof w->host], host[sizeof w->host];
    uint16_t port = 0;
    bool secure = false;
    const char *path = NULL;
    memcpy(old_host, w->host, sizeof old_host);
    size_t len = strcspn(w->url + (w->secure ? 8 : 7), "/?") + (w->secure ? 8u : 7u);
    snprintf(origin, sizeof origin, "%.*s", (int)len, w->url);
    bool whole = strncmp(to, "http://", 7) == 0 || strncmp(to, "https://", 8) == 0;
    if (!whole && (to[0] != '/' || to[1] == '/'))
        return failed(w, FERRY_ERR_WIRE_IO, "the server sends to an address that makes no sense");
    int n = snprintf(w->url, sizeof w->url, "%s%s", whole ? "" : origin, to);
    if (n < 0 || (size_t)n >= sizeof w->url || !take_url(w, &path, host, &port, &secure))
        return failed(w, FERRY_ERR_WIRE_IO, "the server sends to an address that cannot be used");
    if (w->secure && !secure)
        return failed(w, FERRY_ERR_WIRE_IO, "the server sends from https to http, which is not followed");
    w->strange = w->strange || strcmp(host, old_host) != 0 || port != w->port || secure != w->secure;
    return FERRY_OK;
}

static int make_work(struct ferry_idf_http_client *self)
{
    if (!self->work)
        self->work = calloc(1, sizeof *self->work);
    if (!self->work) {
        snprintf(self->reason, sizeof self->reason, "no memory for a connection");
        return FERRY_ERR_NO_MEMORY;
    }
    struct http_link *link = &self->work->link;
    link->certificate = self->cfg.certificate;
    link->stop = self->cfg.stop;
    link->stop_ctx = self->cfg.stop_ctx;
    link->reason = self->reason;
    link->reason_size = sizeof self->reason;
    return FERRY_OK;
}

static int open_request(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct ferry_idf_http_client *self = ctx;
    self->reason[0] = 0;
    int status = make_work(self);
    if (status < 0)
        return status;
    work_t *w = self->work;
    w->fetch = fetch;
    w->reply = reply;
    w->strange = false;
    if (strlen(fetch->url) >= sizeof w->url)
        return failed(w, FERRY_ERR_ARG, "the address is too long");
    strcpy(w->url, fetch->url);
    for (int i = 0;; i++) {
        status = ask(self);
        if (status < 0 || !is_redirect(reply->status) || fetch->body_len > 0)
            break;
        http_link_close(&w->link);
        status =
            i < REDIRECTS ? follow(w) : failed(w, FERRY_ERR_WIRE_IO, "the server sends from one address to the next");
        if (status < 0)
            break;
    }
    w->reply = NULL;
    w->fetch = NULL;
    if (status < 0)
        ferry_idf_http_client_close(self);
    return status;
}

// ---- the body ----

static int read_body(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_http_client *self = ctx;
    work_t *w = self->work;
    uint32_t deadline_ms = ferry_idf_clock_now() + timeout_ms(self);
    if (!w || !w->link.tls)
        return FERRY_ERR_WIRE_IO;
    w->out = buf;
    w->out_len = 0;
    while (!w->done && w->out_len == 0 && cap > 0) {
        int n = 0;
        if (w->at == w->have) {
            n = http_link_receive(&w->link, w->piece, PIECE, deadline_ms);
            if (n < 0)
                return n;
            w->at = 0;
            w->have = (size_t)n;
        }
        size_t left = w->have - w->at;
        if (parse(w, left < cap ? left : cap) < 0 || (left == 0 && !w->done))
            return failed(w, FERRY_ERR_WIRE_IO, "the connection was cut");
    }
    return (int)w->out_len;
}

static void close_request(void *ctx)
{
    struct ferry_idf_http_client *self = ctx;
    work_t *w = self->work;
    if (!w || !self->cfg.keep || !w->done || !w->reusable || w->at != w->have)
        ferry_idf_http_client_close(self);
}

static const char *reason(void *ctx)
{
    const struct ferry_idf_http_client *self = ctx;
    return self->reason;
}

void ferry_idf_http_client_init(struct ferry_idf_http_client *self, const struct ferry_idf_http_client_cfg *cfg,
                                struct ferry_http_client *out)
{
    static const char *const tags[] = {"esp-tls", "esp-tls-mbedtls"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        esp_log_level_set(tags[i], ESP_LOG_NONE); // reason() says it
    memset(self, 0, sizeof *self);
    if (cfg)
        self->cfg = *cfg;
    *out = (struct ferry_http_client){
        .ctx = self, .open = open_request, .read = read_body, .close = close_request, .reason = reason};
}

void ferry_idf_http_client_close(struct ferry_idf_http_client *self)
{
    if (!self->work)
        return;
    http_link_close(&self->work->link);
    free(self->work);
    self->work = NULL;
}
