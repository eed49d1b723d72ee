// What strangers can make the HTTP server port spend: bytes, time, connections. The bounds are those of
// ports/posix/http_server.h; the peer is a raw socket that breaks off, trickles, and never stops.
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

// The peer asks for leave ("Expect: 100-continue", as curl does) and is told no before it has sent anything.
static void nobody_sends_what_is_not_wanted(void **state)
{
    struct served served;
    (void)state;
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .body_bytes = 1000});
    served_expect(served.port,
                  "POST /locked HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\nExpect: 100-continue\r\n\r\n", 401,
                  "locked");
    served_expect(served.port, "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
                  413, "larger than this server takes");
    served_expect(served.port, "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n", 413, NULL);
    assert_int_equal(served.opens, 1);
    served_end(&served);
}

static void a_body_without_a_length_is_bounded_too(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .body_bytes = 1000});
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
    served_end(&served);
}

static void a_torn_body_is_aborted(void **state)
{
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
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
    served_end(&served);
}

static void a_read_that_fails_cuts_the_answer(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    served_start(&served, &two_threads);
    http_probe_ask(served.port, SERVED_GET("/breaks"), &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.whole);
    assert_true(answer.body_len >= 50000 && answer.body_len < SERVED_THING);
    http_probe_free(&answer);
    served_end(&served);
    assert_int_equal(served.closes, 1);
}

static void too_large_a_head_is_refused(void **state)
{
    struct served served;
    struct http_probe_answer answer;
    (void)state;
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .head_bytes = 4096});
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
    served_end(&served);
    free(request);
}

// The library had no memory left for an answer, and nobody was told anything for ten seconds.
static void many_parameters_are_refused_at_once(void **state)
{
    struct served served;
    (void)state;
    served_start(&served, &two_threads);
    for (int pairs = 15; pairs < 6000; pairs = pairs < 20 ? pairs + 1 : pairs * 3) {
        char *request = malloc(32768);
        size_t n = (size_t)snprintf(request, 32768, "GET /show?a=b");
        for (int i = 1; i < pairs; i++)
            n += (size_t)snprintf(request + n, 32768 - n, "&p%x", i);
        snprintf(request + n, 32768 - n, " HTTP/1.1\r\nHost: x\r\n\r\n");
        int64_t begun = served_now_ms();
        served_expect(served.port, request, pairs <= 16 ? 200 : 400, NULL);
        assert_true(served_now_ms() - begun < 5000); // the head's time is ten seconds
        free(request);
    }
    served_end(&served);
}

static bool ends_within(int fd, int64_t ms)
{
    char rest[4096];
    int64_t begun = served_now_ms();
    while (recv(fd, rest, sizeof rest, 0) > 0)
        continue;
    return served_now_ms() - begun < ms;
}

// They stayed for the idle time, thirty seconds, when the close came along with the request; streams until the next
// sign of life had gone unheard.
static void who_has_closed_its_side_is_let_go(void **state)
{
    struct served served;
    struct ferry_posix_http_server_stats stats;
    (void)state;
    served_start(&served, &two_threads);
    for (int i = 0; i < 6; i++) {
        int fd = http_probe_connect(served.port);
        const char *request = i == 5 ? SERVED_GET("/events") : SERVED_GET("/show");
        http_probe_say(fd, request, strlen(request));
        if (i % 2)
            usleep(20000);
        shutdown(fd, SHUT_WR);
        assert_true(ends_within(fd, 8000));
        close(fd);
    }
    for (int i = 0; i < 8000; i++) {
        ferry_posix_http_server_stats(served.server, &stats);
        if (stats.connections == 0)
            break;
        usleep(1000);
    }
    assert_int_equal(stats.connections, 0);
    served_end(&served);
}

// A hang-up that comes along with a piece of the body was missed now and then, and what had come of the upload stayed
// for the idle time.
static void who_hangs_up_within_a_body_is_let_go(void **state)
{
    static const char head[] = "PUT /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n";
    static const char body[50000];
    enum { PEERS = 40 };
    struct served served;
    (void)state;
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 2, .connections = 100});
    for (int i = 0; i < PEERS; i++) {
        int fd = http_probe_connect(served.port);
        http_probe_say(fd, head, sizeof head - 1);
        http_probe_say(fd, body, (size_t)i * 1000);
        usleep((useconds_t)(i % 5) * 1000);
        http_probe_say(fd, body, 1000);
        if (i % 2)
            shutdown(fd, SHUT_WR);
        close(fd);
    }
    for (int i = 0; i < 8000 && atomic_load(&served.aborts) < PEERS; i++)
        usleep(1000);
    assert_int_equal(served.aborts, PEERS);
    assert_int_equal(served.finishes, 0);
    served_end(&served);
}

// Whoever has sent all and closes only that side gets an answer; so does who pauses for longer than the server looks.
static void a_half_closed_peer_with_all_its_body_is_answered(void **state)
{
    static const char head[] = "PUT /sum HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n1234";
    struct served served;
    char answer[2048];
    size_t got = 0;
    (void)state;
    served_start(&served, &two_threads);
    int fd = http_probe_connect(served.port);
    http_probe_say(fd, head, sizeof head - 1);
    usleep(2500000);
    http_probe_say(fd, "5678", 4);
    shutdown(fd, SHUT_WR);
    for (ssize_t n; got < sizeof answer - 1 && (n = recv(fd, answer + got, sizeof answer - 1 - got, 0)) > 0;)
        got += (size_t)n;
    answer[got] = 0;
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
    close(fd);
    served_end(&served);
}

static void let_in_time(int fd, const char *trickle)
{
    int64_t start = served_now_ms();
    bool cut = false;
    while (!cut && served_now_ms() - start < 8000) {
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
    served_start(&served, &(struct ferry_posix_http_server_cfg){
                              .threads = 1, .head_ms = 300, .idle_ms = 1000, .least_rate = 100000});
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
    served_expect(served.port, SERVED_GET("/show"), 200, NULL); // others are served
    assert_int_equal(served.aborts, 1);
    served_end(&served);
}

static void count_open(const struct ferry_posix_http_server_cfg *cfg, int want)
{
    struct served served;
    int fds[12], open = 0;
    served_start(&served, cfg);
    for (int i = 0; i < 12; i++) {
        struct http_probe_answer answer = {0};
        fds[i] = http_probe_connect(served.port);
        const char *request = SERVED_GET("/show");
        if (fds[i] >= 0 && http_probe_say(fds[i], request, strlen(request)))
            http_probe_hear(fds[i], false, &answer);
        open += answer.status == 200;
        http_probe_free(&answer);
    }
    assert_int_equal(open, want);
    for (int i = 0; i < 12; i++)
        close(fds[i]);
    served_end(&served);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 1, .connections = 40, .connections_per_peer = 4}, 4);
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 3, .connections = 5, .connections_per_peer = 40}, 5);
    count_open(&(struct ferry_posix_http_server_cfg){.threads = 4, .connections = 12, .connections_per_peer = 12}, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_sends_what_is_not_wanted),
        cmocka_unit_test(a_body_without_a_length_is_bounded_too),
        cmocka_unit_test(a_torn_body_is_aborted),
        cmocka_unit_test(a_read_that_fails_cuts_the_answer),
        cmocka_unit_test(too_large_a_head_is_refused),
        cmocka_unit_test(slow_peers_are_cut_off),
        cmocka_unit_test(many_parameters_are_refused_at_once),
        cmocka_unit_test(who_has_closed_its_side_is_let_go),
        cmocka_unit_test(who_hangs_up_within_a_body_is_let_go),
        cmocka_unit_test(a_half_closed_peer_with_all_its_body_is_answered),
        cmocka_unit_test(connections_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
