#include "tests/support/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/io/http_answer.h"
#include "tests/support/http_probe.h"

uint8_t served_thing(uint64_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

struct reading {
    struct served *served;
    uint64_t at, left;
    int fail_at; // > 0: the read after this many bytes fails
};

static int read_thing(void *ctx, uint8_t *buf, size_t cap)
{
    struct reading *r = ctx;
    if (r->fail_at && r->at >= (uint64_t)r->fail_at)
        return FERRY_ERR_STORAGE_READ;
    size_t n = r->left < cap ? (size_t)r->left : cap;
    for (size_t i = 0; i < n; i++)
        buf[i] = served_thing(r->at + i);
    r->at += n;
    r->left -= n;
    return n ? (int)n : FERRY_HTTP_OVER;
}

static int read_news(void *ctx, uint8_t *buf, size_t cap)
{
    struct served *served = ((struct reading *)ctx)->served;
    pthread_mutex_lock(&served->lock);
    size_t n = strlen(served->news);
    assert_true(n <= cap);
    memcpy(buf, served->news, n);
    served->news[0] = 0;
    int result = n ? (int)n : served->over ? FERRY_HTTP_OVER : 0;
    pthread_mutex_unlock(&served->lock);
    return result;
}

static void close_reading(void *ctx)
{
    struct reading *r = ctx;
    atomic_fetch_add(&r->served->closes, 1);
    free(r);
}

struct call {
    char method[8], path[64];
    char shown[256];
    uint64_t body, sum;
};

static struct reading *start_reading(struct served *served, struct ferry_http_answer *answer, uint64_t at, uint64_t len)
{
    struct reading *r = calloc(1, sizeof *r);
    *r = (struct reading){served, at, len, 0};
    answer->read = read_thing;
    answer->close = close_reading;
    answer->ctx = r;
    return r;
}

static void answer_get(struct served *served, const struct ferry_http_request *q, struct ferry_http_answer *answer)
{
    struct ferry_http_part part;
    if (strcmp(q->path, "/thing") == 0) {
        ferry_http_answer_header(answer, "Content-Type", "application/octet-stream");
        if (ferry_http_answer_part(answer, q, SERVED_THING, "\"t1\"", &part))
            start_reading(served, answer, part.offset, part.length);
    } else if (strcmp(q->path, "/breaks") == 0) {
        answer->status = 200;
        answer->length = SERVED_THING;
        start_reading(served, answer, 0, SERVED_THING)->fail_at = 100000;
    } else if (strcmp(q->path, "/events") == 0) {
        answer->status = 200;
        answer->length = -1;
        start_reading(served, answer, 0, 0);
        answer->read = read_news;
    } else {
        ferry_http_answer_bytes(answer, 404, "text/plain", "none\n", 5);
    }
}

static bool on_open(void *ctx, const struct ferry_http_request *q, struct ferry_http_answer *answer, void **state)
{
    struct served *served = ctx;
    atomic_fetch_add(&served->opens, 1);
    struct call *call = calloc(1, sizeof *call);
    *state = call;
    snprintf(call->method, sizeof call->method, "%s", q->method);
    snprintf(call->path, sizeof call->path, "%s", q->path);
    const char *a = q->query(q->ctx, "a"), *h = q->header(q->ctx, "x-thing");
    snprintf(call->shown, sizeof call->shown, "%s %s len=%lld peer=%s secure=%d a=%s x=%s", q->method, q->path,
             (long long)q->length, q->peer, q->secure, a ? a : "(none)", h ? h : "(none)");
    if (strcmp(q->path, "/locked") == 0) {
        ferry_http_answer_bytes(answer, 401, "text/plain", "locked\n", 7);
        return true;
    }
    if (strcmp(q->path, "/show") != 0 && strcmp(q->path, "/sum") != 0 && strcmp(q->path, "/picky") != 0 &&
        strcmp(q->path, "/nothing") != 0) {
        answer_get(served, q, answer);
        return true;
    }
    return false;
}

static bool on_body(void *ctx, void *state, const uint8_t *bytes, size_t len, struct ferry_http_answer *answer)
{
    struct call *call = state;
    (void)ctx;
    assert_true(len > 0);
    for (size_t i = 0; i < len; i++)
        call->sum = call->sum * 131 + bytes[i];
    call->body += len;
    if (strcmp(call->path, "/picky") != 0)
        return false;
    ferry_http_answer_bytes(answer, 422, "text/plain", "picky\n", 6);
    return true;
}

static void free_text(void *ctx)
{
    free(ctx);
}

static void on_finish(void *ctx, void *state, struct ferry_http_answer *answer)
{
    struct served *served = ctx;
    struct call *call = state;
    atomic_fetch_add(&served->finishes, 1);
    if (strcmp(call->path, "/nothing") != 0) {
        char *text = malloc(400);
        int n = strcmp(call->path, "/sum") == 0
                    ? snprintf(text, 400, "%llu %llu\n", (unsigned long long)call->body, (unsigned long long)call->sum)
                    : snprintf(text, 400, "%s\n", call->shown);
        ferry_http_answer_bytes(answer, 200, "text/plain", text, (size_t)n);
        answer->close = free_text;
        answer->ctx = text;
    }
    free(call);
}

static void on_abort(void *ctx, void *state)
{
    struct served *served = ctx;
    atomic_fetch_add(&served->aborts, 1);
    free(state);
}

void served_start(struct served *served, const struct ferry_posix_http_server_cfg *cfg)
{
    struct ferry_posix_error error;
    struct ferry_http_handler handler = {served, on_open, on_body, on_finish, on_abort};
    memset(served, 0, sizeof *served);
    pthread_mutex_init(&served->lock, NULL);
    int status = ferry_posix_http_server_start(&served->server, cfg, &handler, &error);
    if (status < 0)
        fail_msg("%s", error.what);
    served->port = ferry_posix_http_server_port(served->server);
    assert_int_not_equal(served->port, 0);
}

// Every open() must have had its finish() or abort() by now.
void served_end(struct served *served)
{
    ferry_posix_http_server_stop(served->server, 1000);
    assert_int_equal(served->opens, served->finishes + served->aborts);
    pthread_mutex_destroy(&served->lock);
}

void served_expect(uint16_t port, const char *request, int status, const char *body)
{
    struct http_probe_answer answer;
    http_probe_ask(port, request, &answer);
    if (answer.status != status || (body && !strstr(answer.body ? answer.body : "", body)))
        fail_msg("%s -> %s %s", request, answer.head, answer.body ? answer.body : "(none)");
    http_probe_free(&answer);
}

void served_news(struct served *served, const char *news, bool over)
{
    pthread_mutex_lock(&served->lock);
    snprintf(served->news, sizeof served->news, "%s", news);
    served->over = over;
    pthread_mutex_unlock(&served->lock);
    ferry_posix_http_server_wake(served->server);
}

int64_t served_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
