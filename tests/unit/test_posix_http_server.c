// The HTTP server port. What it must do is RFC 9110 and 9112, and ports/posix/http_server.h; the peer is a raw socket,
// so that nothing tidies up what is sent.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/io/http_answer.h"
#include "ports/posix/http_server.h"
#include "tests/support/http_probe.h"

#define THING 300000u

static uint8_t thing_at(uint64_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

struct served { // what the handler of these tests remembers
    atomic_int opens, finishes, aborts, closes;
    pthread_mutex_t lock;
    char news[64]; // for /events; "" = none
    bool over;
    struct ferry_posix_http_server *server;
    uint16_t port;
};

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
        buf[i] = thing_at(r->at + i);
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
        if (ferry_http_answer_part(answer, q, THING, "\"t1\"", &part))
            start_reading(served, answer, part.offset, part.length);
    } else if (strcmp(q->path, "/breaks") == 0) {
        answer->status = 200;
        answer->length = THING;
        start_reading(served, answer, 0, THING)->fail_at = 100000;
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

static void serve(struct served *served, const struct ferry_posix_http_server_cfg *cfg)
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
static void end(struct served *served)
{
    ferry_posix_http_server_stop(served->server, 1000);
    assert_int_equal(served->opens, served->finishes + served->aborts);
    pthread_mutex_destroy(&served->lock);
}

static const struct ferry_posix_http_server_cfg two_threads = {.threads = 2};

static void expect(uint16_t port, const char *request, int status, const char *body)
{
    struct http_probe_answer answer;
    http_probe_ask(port, request, &answer);
    if (answer.status != status || (body && !strstr(answer.body ? answer.body : "", body)))
        fail_msg("%s -> %s %s", request, answer.head, answer.body ? answer.body : "(none)");
    http_probe_free(&answer);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

static void requests_reach_the_handler_decoded(void **state)
{
    struct served served;
    (void)state;
    serve(&served, &two_threads);
    expect(served.port, GET("/show"), 200, "GET /show len=0 peer=127.0.0.1 secure=0 a=(none) x=(none)");
    expect(served.port, GET("/sho%77?a=x%26y+z"), 200, "GET /show len=0 peer=127.0.0.1 secure=0 a=x&y z");
    expect(served.port, "GET http://other/show HTTP/1.1\r\nHost: x\r\nX-THING: 7\r\n\r\n", 200, "x=7");
    expect(served.port, "POST /show HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 200, "POST /show len=2");
    expect(served.port, "PUT /show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200,
           "PUT /show len=-1");
    expect(served.port, "DELETE /show HTTP/1.0\r\n\r\n", 200, "DELETE /show");
    expect(served.port, GET("/none"), 404, "none");
    expect(served.port, GET("/nothing"), 500, "the server has no answer");
    end(&served);
}

static void odd_targets_never_reach_it(void **state)
{
    static const char *const odd[] = {
        "/../show", "/a/../show",  "/./show",   "/%2e%2e/show", "/.%2E/show",    "/a%2fshow", "/a%5cshow", "/a\\show",
        "//show",   "/show%00",    "/show%",    "/show%4",      "/show%zz",      "/show%0a",  "/%ff",      "/%c0%ae",
        "/%c0%af",  "/%ed%a0%80x", "/show?a=%", "/show?a=%00",  "/show?a=1&a=2", "/show?=1",  "show",      "/..",
    };
    struct served served;
    (void)state;
    serve(&served, &two_threads);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", odd[i]);
        expect(served.port, request, 400, NULL);
    }
    expect(served.port, "TRACE /show HTTP/1.1\r\nHost: x\r\n\r\n", 405, "no such method");
    expect(served.port, "GET /show HTTP/1.1\r\n\r\n", 400, NULL); // 1.1 without Host
    assert_int_equal(served.opens, 0);
    end(&served);
}

static void ranges_are_served(void **state)
{
    struct {
        const char *headers;
        int status;
        uint64_t first, len;
        const char *content_range;
    } cases[] = {
        {"", 200, 0, THING, NULL},
        {"Range: bytes=0-0\r\n", 206, 0, 1, "bytes 0-0/300000"},
        {"Range: bytes=100-199\r\n", 206, 100, 100, "bytes 100-199/300000"},
        {"Range: bytes=299999-\r\n", 206, 299999, 1, "bytes 299999-299999/300000"},
        {"Range: bytes=200000-999999999999999999999999\r\n", 206, 200000, 100000, "bytes 200000-299999/300000"},
        {"Range: bytes=-10\r\n", 206, 299990, 10, "bytes 299990-299999/300000"},
        {"Range: bytes=-999999\r\n", 206, 0, THING, "bytes 0-299999/300000"},
        {"Range: bytes=300000-\r\n", 416, 0, 0, "bytes */300000"},
        {"Range: bytes=-0\r\n", 416, 0, 0, "bytes */300000"},
        {"Range: bytes=5-4\r\n", 200, 0, THING, NULL},
        {"Range: bytes=0-1,5-6\r\n", 200, 0, THING, NULL},
        {"Range: lines=0-1\r\n", 200, 0, THING, NULL},
        {"Range: bytes=10-19\r\nIf-Range: \"t1\"\r\n", 206, 10, 10, "bytes 10-19/300000"},
        {"Range: bytes=10-19\r\nIf-Range: \"t0\"\r\n", 200, 0, THING, NULL},
        {"If-None-Match: \"t0\", W/\"t1\"\r\n", 304, 0, 0, NULL},
        {"If-None-Match: *\r\nRange: bytes=1-2\r\n", 304, 0, 0, NULL},
        {"If-None-Match: \"t0\"\r\n", 200, 0, THING, NULL},
    };
    struct served served;
    (void)state;
    serve(&served, &two_threads);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_probe_answer answer;
        char value[64];
        http_probe_send(served.port, "GET", "/thing", cases[i].headers, NULL, 0, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(answer.whole);
        assert_int_equal(answer.body_len, cases[i].len);
        for (size_t k = 0; k < answer.body_len; k++)
            assert_int_equal((uint8_t)answer.body[k], thing_at(cases[i].first + k));
        const char *range = http_probe_header(&answer, "Content-Range", value, sizeof value);
        if (cases[i].content_range)
            assert_string_equal(range, cases[i].content_range);
        else
            assert_null(range);
        http_probe_free(&answer);
    }
    end(&served);
}

static void head_tells_the_length_and_sends_nothing(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char value[64];
    (void)state;
    serve(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    for (int i = 0; i < 2; i++) { // twice on one connection: a stray body would be taken for the second answer
        const char *request = "HEAD /thing HTTP/1.1\r\nHost: x\r\n\r\n";
        http_probe_say(fd, request, strlen(request));
        http_probe_hear(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(http_probe_header(&answer, "Content-Length", value, sizeof value), "300000");
        assert_string_equal(http_probe_header(&answer, "ETag", value, sizeof value), "\"t1\"");
        http_probe_free(&answer);
    }
    close(fd);
    end(&served);
}

static void bodies_come_whole_and_in_order(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char want[64];
    uint64_t sum = 0;
    (void)state;
    uint8_t *body = malloc(THING);
    for (uint32_t i = 0; i < THING; i++) {
        body[i] = thing_at(i);
        sum = sum * 131 + body[i];
    }
    serve(&served, &two_threads);
    snprintf(want, sizeof want, "%u %llu\n", THING, (unsigned long long)sum);
    http_probe_send(served.port, "PUT", "/sum", NULL, body, THING, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, want);
    http_probe_free(&answer);
    end(&served);
    free(body);
}

static void early_answers_keep_the_connection(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    serve(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    const struct {
        const char *request;
        int status;
    } talk[] = {
        {"POST /locked HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecret", 401},
        {"POST /picky HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecret", 422},
        {"POST /picky HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", 422},
        {"GET /show HTTP/1.1\r\nHost: x\r\n\r\n", 200},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_true(http_probe_say(fd, talk[i].request, strlen(talk[i].request)));
        http_probe_hear(fd, false, &answer);
        assert_int_equal(answer.status, talk[i].status);
        http_probe_free(&answer);
    }
    close(fd);
    assert_int_equal(served.finishes, 1);
    end(&served);
}

// The peer asks for leave ("Expect: 100-continue", as curl does) and is told no before it has sent anything.
static void nobody_sends_what_is_not_wanted(void **state)
{
    struct served served;
    (void)state;
    serve(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .body_bytes = 1000});
    expect(served.port, "POST /locked HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\nExpect: 100-continue\r\n\r\n", 401,
           "locked");
    expect(served.port, "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413,
           "larger than this server takes");
    expect(served.port, "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n", 413, NULL);
    assert_int_equal(served.opens, 1);
    end(&served);
}

static void a_body_without_a_length_is_bounded_too(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    serve(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .body_bytes = 1000});
    int fd = http_probe_connect(served.port);
    const char *head = "POST /sum HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    http_probe_say(fd, head, strlen(head));
    char chunk[5 + 600 + 2];
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "258\r\n", 5);
    memcpy(chunk + 605, "\r\n", 2);
    http_probe_say(fd, chunk, sizeof chunk);
    http_probe_say(fd, chunk, sizeof chunk);
    http_probe_say(fd, "0\r\n\r\n", 5);
    http_probe_hear(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    http_probe_free(&answer);
    // One that goes on for ever is cut off.
    http_probe_say(fd, head, strlen(head));
    bool cut = false;
    for (int i = 0; i < 100000 && !cut; i++)
        cut = !http_probe_say(fd, chunk, sizeof chunk);
    assert_true(cut);
    close(fd);
    assert_int_equal(served.finishes, 0);
    end(&served);
}

static void a_torn_body_is_aborted(void **state)
{
    struct served served;
    (void)state;
    serve(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    const char *torn = "PUT /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this";
    http_probe_say(fd, torn, strlen(torn));
    while (served.opens == 0)
        usleep(1000);
    close(fd);
    for (int i = 0; i < 3000 && served.aborts == 0; i++)
        usleep(1000);
    assert_int_equal(served.aborts, 1);
    assert_int_equal(served.finishes, 0);
    end(&served);
}

static void a_read_that_fails_cuts_the_answer(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    serve(&served, &two_threads);
    http_probe_ask(served.port, GET("/breaks"), &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.whole);
    assert_true(answer.body_len >= 50000 && answer.body_len < THING);
    http_probe_free(&answer);
    end(&served);
    assert_int_equal(served.closes, 1);
}

static void too_large_a_head_is_refused(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    serve(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .head_bytes = 4096});
    char *request = malloc(20000);
    size_t n = (size_t)snprintf(request, 20000, "GET /show HTTP/1.1\r\nHost: x\r\nX-Thing: ");
    memset(request + n, 'x', 10000);
    memcpy(request + n + 10000, "\r\n\r\n", 5);
    http_probe_ask(served.port, request, &answer);
    assert_true(answer.status == 431 || answer.status == 0);
    http_probe_free(&answer);
    n = (size_t)snprintf(request, 20000, "GET /");
    memset(request + n, 'x', 10000);
    memcpy(request + n + 10000, " HTTP/1.1\r\nHost: x\r\n\r\n", 23);
    http_probe_ask(served.port, request, &answer);
    assert_true(answer.status == 414 || answer.status == 0);
    http_probe_free(&answer);
    assert_int_equal(served.opens, 0);
    end(&served);
    free(request);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void let_in_time(int fd, const char *trickle)
{
    int64_t start = now_ms();
    bool cut = false;
    while (!cut && now_ms() - start < 8000) {
        char byte;
        cut = !http_probe_say(fd, trickle, strlen(trickle)) || recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
        usleep(20000);
    }
    assert_true(cut);
    close(fd);
}

// One byte now and then keeps a plain idle limit content for ever.
static void slow_peers_are_cut_off(void **state)
{
    struct served served;
    struct ferry_posix_http_server_stats stats;
    (void)state;
    serve(&served,
          &(struct ferry_posix_http_server_cfg){.threads = 1, .head_ms = 300, .idle_ms = 1000, .least_rate = 100000});
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, "GET /sh", 7);
    let_in_time(fd, "o");
    fd = http_probe_connect(served.port);
    const char *head = "GET /show HTTP/1.1\r\nHost: x\r\n";
    http_probe_say(fd, head, strlen(head));
    let_in_time(fd, "X-Thing: 1\r\n");
    fd = http_probe_connect(served.port);
    const char *body = "PUT /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    http_probe_say(fd, body, strlen(body));
    let_in_time(fd, "x");
    ferry_posix_http_server_stats(served.server, &stats);
    assert_int_equal(stats.cut, 3);
    expect(served.port, GET("/show"), 200, NULL); // others are served
    assert_int_equal(served.aborts, 1);
    end(&served);
}

static void count_open(const struct ferry_posix_http_server_cfg *cfg, int want)
{
    struct served served;
    int fds[12], open = 0;
    serve(&served, cfg);
    for (int i = 0; i < 12; i++) {
        struct http_probe_answer answer = {0};
        fds[i] = http_probe_connect(served.port);
        const char *request = GET("/show");
        if (fds[i] >= 0 && http_probe_say(fds[i], request, strlen(request)))
            http_probe_hear(fds[i], false, &answer);
        open += answer.status == 200;
        http_probe_free(&answer);
    }
    assert_int_equal(open, want);
    for (int i = 0; i < 12; i++)
        close(fds[i]);
    end(&served);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 1, .connections = 40, .connections_per_peer = 4}, 4);
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 3, .connections = 5, .connections_per_peer = 40}, 5);
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 4, .connections = 12, .connections_per_peer = 12}, 12);
}

static void set_news(struct served *served, const char *news, bool over)
{
    pthread_mutex_lock(&served->lock);
    snprintf(served->news, sizeof served->news, "%s", news);
    served->over = over;
    pthread_mutex_unlock(&served->lock);
    ferry_posix_http_server_wake(served->server);
}

static void events_come_when_there_are_some(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char buf[256] = "";
    size_t got = 0;
    (void)state;
    serve(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, GET("/events"), strlen(GET("/events")));
    for (int i = 0; i < 20; i++) {
        char word[16];
        snprintf(word, sizeof word, "event-%d;", i);
        set_news(&served, word, false);
        while (!strstr(buf, word)) {
            ssize_t n = recv(fd, buf + got, sizeof buf - 1 - got, 0);
            assert_true(n > 0);
            got += (size_t)n;
            buf[got] = 0;
            if (strstr(buf, word)) {
                got = 0;
                memset(buf, 0, sizeof buf);
                break;
            }
        }
    }
    set_news(&served, "", true);
    while (recv(fd, buf, sizeof buf, 0) > 0 && !strstr(buf, "0\r\n\r\n")) {
    }
    expect(served.port, GET("/show"), 200, NULL);
    close(fd);
    (void)answer;
    end(&served);
    assert_int_equal(served.closes, 1);
}

static void stopping_ends_events_and_lets_downloads_finish(void **state)
{
    struct served served;
    (void)state;
    serve(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, GET("/events"), strlen(GET("/events")));
    while (served.opens == 0)
        usleep(1000);
    usleep(50000);
    int64_t start = now_ms();
    end(&served);
    assert_true(now_ms() - start < 900); // it did not use up its grace
    assert_int_equal(served.closes, 1);
    close(fd);
    assert_int_equal(http_probe_connect(served.port), -1);
}

struct stepping {
    struct served served;
    atomic_bool stop;
};

static void *ask_alongside(void *ctx)
{
    struct stepping *s = ctx;
    expect(s->served.port, GET("/thing"), 200, NULL);
    expect(s->served.port, GET("/show?a=1"), 200, "a=1");
    atomic_store(&s->stop, true);
    return NULL;
}

static void a_program_can_step_it_without_threads(void **state)
{
    struct stepping s;
    pthread_t peer;
    (void)state;
    serve(&s.served, &(struct ferry_posix_http_server_cfg){.threads = 0});
    assert_true(ferry_posix_http_server_fd(s.served.server) >= 0);
    atomic_init(&s.stop, false);
    pthread_create(&peer, NULL, ask_alongside, &s);
    int64_t start = now_ms();
    while (!atomic_load(&s.stop) && now_ms() - start < 10000) {
        assert_true(ferry_posix_http_server_step(s.served.server) <= 200);
        usleep(500);
    }
    pthread_join(peer, NULL);
    end(&s.served);
}

static void a_server_says_why_it_cannot_start(void **state)
{
    struct served served;
    struct ferry_posix_http_server *other = NULL;
    struct ferry_posix_error error;
    struct ferry_http_handler handler = {0};
    (void)state;
    serve(&served, &two_threads);
    struct ferry_posix_http_server_cfg cfg = {.threads = 1, .port = served.port};
    assert_int_equal(ferry_posix_http_server_start(&other, &cfg, &handler, &error), FERRY_ERR_WIRE_OPEN);
    assert_null(other);
    assert_non_null(strstr(error.what, "in use"));
    cfg = (struct ferry_posix_http_server_cfg){.threads = 1, .tls_cert = "/nonexistent", .tls_key = "/nonexistent"};
    assert_int_equal(ferry_posix_http_server_start(&other, &cfg, &handler, &error), FERRY_ERR_STORAGE_READ);
    cfg.tls_key = NULL;
    assert_int_equal(ferry_posix_http_server_start(&other, &cfg, &handler, &error), FERRY_ERR_ARG);
    cfg = (struct ferry_posix_http_server_cfg){.bind = "no such host.invalid"};
    assert_int_equal(ferry_posix_http_server_start(&other, &cfg, &handler, &error), FERRY_ERR_WIRE_OPEN);
    end(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_reach_the_handler_decoded),
        cmocka_unit_test(odd_targets_never_reach_it),
        cmocka_unit_test(ranges_are_served),
        cmocka_unit_test(head_tells_the_length_and_sends_nothing),
        cmocka_unit_test(bodies_come_whole_and_in_order),
        cmocka_unit_test(early_answers_keep_the_connection),
        cmocka_unit_test(nobody_sends_what_is_not_wanted),
        cmocka_unit_test(a_body_without_a_length_is_bounded_too),
        cmocka_unit_test(a_torn_body_is_aborted),
        cmocka_unit_test(a_read_that_fails_cuts_the_answer),
        cmocka_unit_test(too_large_a_head_is_refused),
        cmocka_unit_test(slow_peers_are_cut_off),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(events_come_when_there_are_some),
        cmocka_unit_test(stopping_ends_events_and_lets_downloads_finish),
        cmocka_unit_test(a_program_can_step_it_without_threads),
        cmocka_unit_test(a_server_says_why_it_cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
