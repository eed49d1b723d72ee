// The HTTP server port. What it must do is RFC 9110 and 9112, and ports/posix/http_server.h; the peer is a raw socket,
// so that nothing tidies up what is sent.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ports/posix/http_server.h"
#include "tests/support/http_probe.h"
#include "tests/support/served.h"

static const struct ferry_posix_http_server_cfg two_threads = {.threads = 2};

static void requests_reach_the_handler_decoded(void **state)
{
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
    served_expect(served.port, SERVED_GET("/show"), 200, "GET /show len=0 peer=127.0.0.1 secure=0 a=(none) x=(none)");
    served_expect(served.port, SERVED_GET("/sho%77?a=x%26y+z"), 200, "GET /show len=0 peer=127.0.0.1 secure=0 a=x&y z");
    served_expect(served.port, "GET http://other/show HTTP/1.1\r\nHost: x\r\nX-THING: 7\r\n\r\n", 200, "x=7");
    served_expect(served.port, "POST /show HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", 200,
                  "POST /show len=2");
    served_expect(served.port,
                  "PUT /show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200,
                  "PUT /show len=-1");
    served_expect(served.port, "DELETE /show HTTP/1.0\r\n\r\n", 200, "DELETE /show");
    served_expect(served.port, SERVED_GET("/none"), 404, "none");
    served_expect(served.port, SERVED_GET("/nothing"), 500, "the server has no answer");
    served_end(&served);
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
    served_start(&served, &two_threads);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", odd[i]);
        served_expect(served.port, request, 400, NULL);
    }
    served_expect(served.port, "TRACE /show HTTP/1.1\r\nHost: x\r\n\r\n", 405, "no such method");
    served_expect(served.port, "GET /show HTTP/1.1\r\n\r\n", 400, NULL); // 1.1 without Host
    assert_int_equal(served.opens, 0);
    served_end(&served);
}

// What can be read in two ways must not be read in either (RFC 9112, 6.1, 6.3 and 11.2): it is answered 400, once, and
// what follows is nobody's request.
static void heads_that_end_in_two_places_are_refused(void **state)
{
    static const char *const heads[] = {
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n",
        "Content-Length : 4\r\n",
        " Content-Length: 4\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: \vchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\rContent-Length: 4\r\n",
        "X@Y: 1\r\n",
        "Host: other\r\n",
    };
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char request[300], rest[64];
        struct http_probe_answer answer;
        snprintf(request, sizeof request,
                 "POST /sum HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\nGET /show HTTP/1.1\r\nHost: x\r\n\r\n", heads[i]);
        int fd = http_probe_connect(served.port);
        http_probe_say(fd, request, strlen(request));
        http_probe_hear(fd, false, &answer);
        if (answer.status != 400 || !strstr(answer.body, "more than one way"))
            fail_msg("%s: %d %s", heads[i], answer.status, answer.body);
        assert_true(recv(fd, rest, sizeof rest, 0) <= 0);
        http_probe_free(&answer);
        close(fd);
    }
    served_expect(served.port, "GET /show HTTP/1.1\r\n\r\n", 400, "one Host");
    served_expect(served.port, "POST /sum HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
                  "more than one way");
    served_expect(served.port, "POST /sum HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", 200,
                  NULL);
    assert_int_equal(served.opens, 1);
    served_end(&served);
}

static void keep_path(void *ctx, const struct ferry_posix_http_server_event *event)
{
    char *kept = ctx;
    snprintf(kept, 300, "%s|%d", event->path, event->status);
}

// The log was handed the piece that had been decoded before the refusal, without an end: it read what lay behind.
static void a_refused_target_is_not_logged(void **state)
{
    static const struct {
        const char *target, *logged;
    } cases[] = {
        {"/%2e%2e/%2e%2e/etc/passwd", "|400"},
        {"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%zz", "|400"},
        {"/show%0abbb", "|400"},
        {"/show?a=%zz", "/show|400"},
        {"/sho%77", "/show|200"},
    };
    struct served served;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[160], logged[300] = "";
        served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .log = keep_path, .log_ctx = logged});
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
        served_expect(served.port, request, strstr(cases[i].logged, "200") ? 200 : 400, NULL);
        served_end(&served);
        assert_string_equal(logged, cases[i].logged);
    }
}

static void ranges_are_served(void **state)
{
    struct {
        const char *headers;
        int status;
        uint64_t first, len;
        const char *content_range;
    } cases[] = {
        {"", 200, 0, SERVED_THING, NULL},
        {"Range: bytes=0-0\r\n", 206, 0, 1, "bytes 0-0/300000"},
        {"Range: bytes=100-199\r\n", 206, 100, 100, "bytes 100-199/300000"},
        {"Range: bytes=299999-\r\n", 206, 299999, 1, "bytes 299999-299999/300000"},
        {"Range: bytes=200000-999999999999999999999999\r\n", 206, 200000, 100000, "bytes 200000-299999/300000"},
        {"Range: bytes=-10\r\n", 206, 299990, 10, "bytes 299990-299999/300000"},
        {"Range: bytes=-999999\r\n", 206, 0, SERVED_THING, "bytes 0-299999/300000"},
        {"Range: bytes=300000-\r\n", 416, 0, 0, "bytes */300000"},
        {"Range: bytes=-0\r\n", 416, 0, 0, "bytes */300000"},
        {"Range: bytes=5-4\r\n", 200, 0, SERVED_THING, NULL},
        {"Range: bytes=0-1,5-6\r\n", 200, 0, SERVED_THING, NULL},
        {"Range: lines=0-1\r\n", 200, 0, SERVED_THING, NULL},
        {"Range: bytes=10-19\r\nIf-Range: \"t1\"\r\n", 206, 10, 10, "bytes 10-19/300000"},
        {"Range: bytes=10-19\r\nIf-Range: \"t0\"\r\n", 200, 0, SERVED_THING, NULL},
        {"If-None-Match: \"t0\", W/\"t1\"\r\n", 304, 0, 0, NULL},
        {"If-None-Match: *\r\nRange: bytes=1-2\r\n", 304, 0, 0, NULL},
        {"If-None-Match: \"t0\"\r\n", 200, 0, SERVED_THING, NULL},
    };
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_probe_answer answer;
        char value[64];
        http_probe_send(served.port, "GET", "/thing", cases[i].headers, NULL, 0, &answer);
        assert_int_equal(answer.status, cases[i].status);
        assert_true(answer.whole);
        assert_int_equal(answer.body_len, cases[i].len);
        for (size_t k = 0; k < answer.body_len; k++)
            assert_int_equal((uint8_t)answer.body[k], served_thing(cases[i].first + k));
        const char *range = http_probe_header(&answer, "Content-Range", value, sizeof value);
        if (cases[i].content_range)
            assert_string_equal(range, cases[i].content_range);
        else
            assert_null(range);
        http_probe_free(&answer);
    }
    served_end(&served);
}

static void head_tells_the_length_and_sends_nothing(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char value[64];
    (void)state;
    served_start(&served, &two_threads);
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
    served_end(&served);
}

static void bodies_come_whole_and_in_order(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char want[64];
    uint64_t sum = 0;
    (void)state;
    uint8_t *body = malloc(SERVED_THING);
    for (uint32_t i = 0; i < SERVED_THING; i++) {
        body[i] = served_thing(i);
        sum = sum * 131 + body[i];
    }
    served_start(&served, &two_threads);
    snprintf(want, sizeof want, "%u %llu\n", SERVED_THING, (unsigned long long)sum);
    http_probe_send(served.port, "PUT", "/sum", NULL, body, SERVED_THING, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, want);
    http_probe_free(&answer);
    served_end(&served);
    free(body);
}

static void early_answers_keep_the_connection(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    served_start(&served, &two_threads);
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
    served_end(&served);
}

static void events_come_when_there_are_some(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    char buf[256] = "";
    size_t got = 0;
    (void)state;
    served_start(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, SERVED_GET("/events"), strlen(SERVED_GET("/events")));
    for (int i = 0; i < 20; i++) {
        char word[16];
        snprintf(word, sizeof word, "event-%d;", i);
        served_news(&served, word, false);
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
    served_news(&served, "", true);
    while (recv(fd, buf, sizeof buf, 0) > 0 && !strstr(buf, "0\r\n\r\n")) {
    }
    served_expect(served.port, SERVED_GET("/show"), 200, NULL);
    close(fd);
    (void)answer;
    served_end(&served);
    assert_int_equal(served.closes, 1);
}

static void stopping_ends_events_and_lets_downloads_finish(void **state)
{
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, SERVED_GET("/events"), strlen(SERVED_GET("/events")));
    while (served.opens == 0)
        usleep(1000);
    usleep(50000);
    int64_t start = served_now_ms();
    served_end(&served);
    assert_true(served_now_ms() - start < 900); // it did not use up its grace
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
    served_expect(s->served.port, SERVED_GET("/thing"), 200, NULL);
    served_expect(s->served.port, SERVED_GET("/show?a=1"), 200, "a=1");
    atomic_store(&s->stop, true);
    return NULL;
}

static void a_program_can_step_it_without_threads(void **state)
{
    struct stepping s;
    pthread_t peer;
    (void)state;
    served_start(&s.served, &(struct ferry_posix_http_server_cfg){.threads = 0});
    assert_true(ferry_posix_http_server_fd(s.served.server) >= 0);
    atomic_init(&s.stop, false);
    pthread_create(&peer, NULL, ask_alongside, &s);
    int64_t start = served_now_ms();
    while (!atomic_load(&s.stop) && served_now_ms() - start < 10000) {
        assert_true(ferry_posix_http_server_step(s.served.server) <= 200);
        usleep(500);
    }
    pthread_join(peer, NULL);
    served_end(&s.served);
}

static void a_server_says_why_it_cannot_start(void **state)
{
    struct served served;
    struct ferry_posix_http_server *other = NULL;
    struct ferry_posix_error error;
    struct ferry_http_handler handler = {0};
    (void)state;
    served_start(&served, &two_threads);
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
    served_end(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_reach_the_handler_decoded),
        cmocka_unit_test(odd_targets_never_reach_it),
        cmocka_unit_test(heads_that_end_in_two_places_are_refused),
        cmocka_unit_test(a_refused_target_is_not_logged),
        cmocka_unit_test(ranges_are_served),
        cmocka_unit_test(head_tells_the_length_and_sends_nothing),
        cmocka_unit_test(bodies_come_whole_and_in_order),
        cmocka_unit_test(early_answers_keep_the_connection),
        cmocka_unit_test(events_come_when_there_are_some),
        cmocka_unit_test(stopping_ends_events_and_lets_downloads_finish),
        cmocka_unit_test(a_program_can_step_it_without_threads),
        cmocka_unit_test(a_server_says_why_it_cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
