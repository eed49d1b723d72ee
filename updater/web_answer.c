// Answers of the web API: rows, JSON, errors.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/web_work.h"

#define ERROR_TEXT 2048

static void plain_headers(struct ferry_http_answer *answer, const char *type)
{
    ferry_http_answer_header(answer, "Content-Type", type);
    ferry_http_answer_header(answer, "Cache-Control", "no-store");
    ferry_http_answer_header(answer, "X-Content-Type-Options", "nosniff");
}

static int stream_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_web_stream *self = ctx;
    if (self->at == self->len) {
        int len = self->row(self, self->text, sizeof self->text);
        if (len <= 0)
            return len;
        self->at = 0;
        self->len = (size_t)len;
    }
    size_t take = self->len - self->at < cap ? self->len - self->at : cap;
    memcpy(buf, self->text + self->at, take);
    self->at += take;
    return (int)take;
}

static void stream_close(void *ctx)
{
    struct ferry_web_stream *self = ctx;
    if (self->end)
        self->end(self);
    free(self);
}

struct ferry_web_stream *ferry_web_stream(struct ferry_web *self, const char *type,
                                          int (*row)(struct ferry_web_stream *self, char *out, size_t cap),
                                          struct ferry_http_answer *answer)
{
    struct ferry_web_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        ferry_web_answer_error(answer, 503, "NO_MEMORY", "no memory for the answer", NULL, "try again in a moment");
        return NULL;
    }
    stream->web = self;
    stream->row = row;
    memset(answer, 0, sizeof *answer);
    answer->status = 200;
    answer->length = -1;
    answer->read = stream_read;
    answer->close = stream_close;
    answer->ctx = stream;
    plain_headers(answer, type);
    return stream;
}

void ferry_web_answer_json(struct ferry_http_answer *answer, int status, const char *text, size_t len)
{
    char *copy = malloc(len);
    memset(answer, 0, sizeof *answer);
    answer->status = copy ? status : 503;
    if (!copy)
        return;
    memcpy(copy, text, len);
    answer->bytes = (const uint8_t *)copy;
    answer->length = (int64_t)len;
    answer->close = free;
    answer->ctx = copy;
    plain_headers(answer, "application/json");
}

void ferry_web_json_fault(struct ferry_web_json *json, const struct ferry_fault *fault)
{
    ferry_web_json_text(json, "error", ferry_status_name(fault->status));
    ferry_web_json_text(json, "what", fault->what[0] ? fault->what : ferry_status_text(fault->status));
    ferry_web_json_text(json, "where", fault->where);
    ferry_web_json_text(json, "hint", fault->hint[0] ? fault->hint : ferry_status_hint(fault->status));
    if (fault->peer_code > 0)
        ferry_web_json_number(json, "peer_code", fault->peer_code);
}

void ferry_web_answer_error(struct ferry_http_answer *answer, int status, const char *name, const char *what,
                            const char *where, const char *hint)
{
    char *text = malloc(ERROR_TEXT);
    memset(answer, 0, sizeof *answer);
    answer->status = status;
    if (!text)
        return;
    struct ferry_web_json json = ferry_web_json_begin(text, ERROR_TEXT);
    ferry_web_json_open(&json, NULL, '{');
    ferry_web_json_text(&json, "error", name);
    ferry_web_json_text(&json, "what", what);
    ferry_web_json_text(&json, "where", where ? where : "");
    ferry_web_json_text(&json, "hint", hint ? hint : "");
    ferry_web_json_close(&json, '}');
    answer->bytes = (const uint8_t *)text;
    answer->length = (int64_t)json.len;
    answer->close = free;
    answer->ctx = text;
    plain_headers(answer, "application/json");
    if (status == 401)
        ferry_http_answer_header(answer, "WWW-Authenticate", "Bearer");
}

static int http_status(int status)
{
    switch (status) {
    case FERRY_ERR_STORAGE_MISSING:
    case FERRY_ERR_NO_CARGO:
        return 404;
    case FERRY_ERR_BUSY:
    case FERRY_ERR_STATE:
    case FERRY_ERR_AMBIGUOUS:
        return 409;
    case FERRY_ERR_STORAGE_WRITE:
    case FERRY_ERR_NO_SPACE:
        return 507;
    case FERRY_ERR_NO_MEMORY:
        return 503;
    case FERRY_ERR_STORAGE_READ:
    case FERRY_ERR_STORAGE_DAMAGED:
        return 500;
    default:
        return 422;
    }
}

void ferry_web_answer_fault(struct ferry_http_answer *answer, const struct ferry_fault *fault)
{
    ferry_web_answer_error(answer, http_status(fault->status), ferry_status_name(fault->status),
                           fault->what[0] ? fault->what : ferry_status_text(fault->status), fault->where,
                           fault->hint[0] ? fault->hint : ferry_status_hint(fault->status));
}
