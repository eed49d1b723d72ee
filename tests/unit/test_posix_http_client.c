// The HTTP client port against a server that says exactly the bytes of each case: what is right by RFC 9112, and what
// broken and hostile servers say. libcurl does the parsing; what is tried here is what the port makes of it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ports/posix/http_client.h"

// Answers one connection after another with these texts; a text that ends in "\a" leaves the connection open.
struct speaker {
    int fd;
    uint16_t port;
    const char *texts[4];
    char heard[4][2048];
    int count;
    pthread_t thread;
};

static void *speak(void *ctx)
{
    struct speaker *s = ctx;
    for (int i = 0; i < 4 && s->texts[i]; i++) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        size_t n = 0;
        while (n + 1 < sizeof s->heard[i] && !strstr(s->heard[i], "\r\n\r\n")) {
            ssize_t got = recv(fd, s->heard[i] + n, sizeof s->heard[i] - 1 - n, 0);
            if (got <= 0)
                break;
            n += (size_t)got;
        }
        s->count++;
        size_t len = strlen(s->texts[i]);
        bool hold = len && s->texts[i][len - 1] == '\a';
        send(fd, s->texts[i], len - hold, MSG_NOSIGNAL);
        if (hold) {
            char waste[64];
            while (recv(fd, waste, sizeof waste, 0) > 0) {
            }
        }
        close(fd);
    }
    return NULL;
}

static void start(struct speaker *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    getsockname(s->fd, (struct sockaddr *)&at, &len);
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, speak, s);
}

static void end(struct speaker *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

struct result {
    int open, read; // statuses; read: the last one
    struct ferry_http_reply reply;
    char body[4096];
    size_t len;
    char reason[400];
};

static void fetch(struct speaker *s, const struct ferry_http_fetch *how, struct result *r)
{
    struct ferry_posix_http_client *client;
    struct ferry_posix_http_client_cfg cfg = {.connect_ms = 1000, .stall_ms = 600, .redirects = 2};
    char url[64];
    memset(r, 0, sizeof *r);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/f", s->port);
    assert_int_equal(ferry_posix_http_client_new(&client, &cfg, NULL), FERRY_OK);
    struct ferry_http_client io = ferry_posix_http_client(client);
    struct ferry_http_fetch ask = how ? *how : (struct ferry_http_fetch){0};
    ask.method = ask.method ? ask.method : "GET";
    ask.url = ask.url ? ask.url : url;
    r->open = io.open(io.ctx, &ask, &r->reply);
    r->read = r->open < 0 ? r->open : 1;
    while (r->read > 0 && r->len < sizeof r->body) {
        r->read = io.read(io.ctx, (uint8_t *)r->body + r->len, 7);
        r->len += r->read > 0 ? (size_t)r->read : 0;
    }
    snprintf(r->reason, sizeof r->reason, "%s", io.reason(io.ctx));
    io.close(io.ctx);
    ferry_posix_http_client_free(client);
}

static void one(const char *text, const struct ferry_http_fetch *how, struct result *r)
{
    struct speaker s = {.texts = {text}};
    start(&s);
    fetch(&s, how, r);
    end(&s);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void whole_answers_are_read(void **state)
{
    struct result r;
    (void)state;
    one(OK "Content-Length: 11\r\nETag: \"x\"\r\nContent-Type: a/b\r\n\r\nhello world", NULL, &r);
    assert_int_equal(r.open, FERRY_OK);
    assert_int_equal(r.read, 0);
    assert_int_equal(r.reply.status, 200);
    assert_int_equal(r.reply.total, 11);
    assert_string_equal(r.reply.etag, "\"x\"");
    assert_string_equal(r.reply.type, "a/b");
    assert_memory_equal(r.body, "hello world", 11);
    one(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", NULL, &r);
    assert_int_equal(r.read, 0);
    assert_int_equal(r.reply.total, -1);
    assert_int_equal(r.len, 5);
    one("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", NULL, &r);
    assert_int_equal(r.reply.status, 404);
    assert_int_equal(r.len, 2);
}

static void ranges_are_asked_for_and_understood(void **state)
{
    struct result r;
    struct speaker s = {.texts = {"HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes 6-9/10\r\n\r\n6789"}};
    struct ferry_http_fetch how = {.offset = 6, .if_range = "\"x\""};
    (void)state;
    start(&s);
    fetch(&s, &how, &r);
    end(&s);
    assert_non_null(strstr(s.heard[0], "Range: bytes=6-\r\n"));
    assert_non_null(strstr(s.heard[0], "If-Range: \"x\"\r\n"));
    assert_int_equal(r.reply.status, 206);
    assert_int_equal(r.reply.offset, 6);
    assert_int_equal(r.reply.total, 10);
    assert_int_equal(r.reply.length, 4);
    one("HTTP/1.1 206 P\r\nContent-Length: 4\r\nContent-Range: bytes x\r\n\r\n6789", &how, &r);
    assert_int_equal(r.open, FERRY_ERR_WIRE_IO);
}

static void cuts_are_told(void **state)
{
    struct result r;
    (void)state;
    one(OK "Content-Length: 11\r\n\r\nhello", NULL, &r);
    assert_int_equal(r.open, FERRY_OK);
    assert_int_equal(r.read, FERRY_ERR_WIRE_IO);
    assert_int_equal(r.len, 5);
    assert_true(r.reason[0] != 0);
    one(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", NULL, &r);
    assert_int_equal(r.read, FERRY_ERR_WIRE_IO);
    one("", NULL, &r);
    assert_int_equal(r.open, FERRY_ERR_WIRE_IO);
    one("\x16\x03\x01 this is not HTTP at all\r\n\r\n", NULL, &r);
    assert_int_equal(r.open, FERRY_ERR_WIRE_IO);
}

static void silence_is_given_up(void **state)
{
    struct result r;
    (void)state;
    one(OK "Content-Length: 11\r\n\r\nhel\a", NULL, &r);
    assert_int_equal(r.read, FERRY_ERR_TIMEOUT);
    assert_int_equal(r.len, 3);
    one("HTTP/1.1 200\a", NULL, &r);
    assert_int_equal(r.open, FERRY_ERR_TIMEOUT);
}

static void redirects_are_followed_a_few_times(void **state)
{
    struct result r;
    struct speaker s = {.texts = {"HTTP/1.1 302 F\r\nLocation: /g\r\nETag: \"old\"\r\nContent-Length: 0\r\nConnection: "
                                  "close\r\n\r\n",
                                  OK "Content-Length: 2\r\n\r\nok"}};
    (void)state;
    start(&s);
    fetch(&s, NULL, &r);
    end(&s);
    assert_int_equal(r.reply.status, 200);
    assert_string_equal(r.reply.etag, "");
    assert_int_equal(r.len, 2);
    const char *again = "HTTP/1.1 302 F\r\nLocation: /f\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    struct speaker loop = {.texts = {again, again, again, again}};
    start(&loop);
    fetch(&loop, NULL, &r);
    end(&loop);
    assert_int_equal(r.open, FERRY_ERR_WIRE_IO);
    assert_int_equal(loop.count, 3);
    one("HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", NULL, &r);
    assert_int_equal(r.open, FERRY_ERR_WIRE_IO);
}

// The token is for the server that was named: another port, another host, another scheme is another server. libcurl
// keeps it back there (since 7.83, CVE-2022-27774); that is what is held here.
static void a_token_does_not_follow_to_other_servers(void **state)
{
    static const char *const token[] = {"Authorization: Bearer fd_secret", NULL};
    struct speaker here = {0}, there = {.texts = {OK "Content-Length: 2\r\nConnection: close\r\n\r\nok"}};
    struct result r;
    char same[160], other[160];
    (void)state;
    start(&there);
    snprintf(other, sizeof other,
             "HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:%u/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
             there.port);
    snprintf(same, sizeof same, "HTTP/1.1 302 F\r\nLocation: /g\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    here.texts[0] = same;
    here.texts[1] = other;
    start(&here);
    fetch(&here, &(struct ferry_http_fetch){.headers = token}, &r);
    end(&here);
    end(&there);
    assert_int_equal(r.reply.status, 200);
    assert_non_null(strstr(here.heard[0], "fd_secret"));
    assert_non_null(strstr(here.heard[1], "fd_secret"));
    assert_int_equal(there.count, 1);
    assert_null(strstr(there.heard[0], "fd_secret"));
}

static bool stop_at_third(void *ctx)
{
    return ++*(int *)ctx >= 3;
}

static void a_call_that_waits_can_be_stopped(void **state)
{
    static const char *const texts[] = {"HTTP/1.1 200\a", OK "Content-Length: 11\r\n\r\nhel\a"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct speaker s = {.texts = {texts[i]}};
        struct ferry_posix_http_client *client;
        struct ferry_http_reply reply;
        uint8_t buf[16];
        char url[64];
        int asked = 0;
        const struct ferry_posix_http_client_cfg cfg = {.stop = stop_at_third, .stop_ctx = &asked};
        start(&s);
        snprintf(url, sizeof url, "http://127.0.0.1:%u/f", s.port);
        assert_int_equal(ferry_posix_http_client_new(&client, &cfg, NULL), FERRY_OK);
        struct ferry_http_client io = ferry_posix_http_client(client);
        int status = io.open(io.ctx, &(struct ferry_http_fetch){.method = "GET", .url = url}, &reply);
        while (status == FERRY_OK || status > 0)
            status = io.read(io.ctx, buf, sizeof buf);
        assert_int_equal(status, FERRY_ERR_CANCELLED);
        assert_non_null(strstr(io.reason(io.ctx), "stopped"));
        io.close(io.ctx);
        ferry_posix_http_client_free(client);
        end(&s);
    }
}

static void a_password_is_not_shown(void **state)
{
    struct speaker none = {0};
    struct result r;
    (void)state;
    fetch(&none, &(struct ferry_http_fetch){.url = "http://ann:secret@127.0.0.1:1/x?y=z"}, &r);
    assert_int_equal(r.open, FERRY_ERR_WIRE_OPEN);
    assert_null(strstr(r.reason, "secret"));
    assert_non_null(strstr(r.reason, "http://127.0.0.1:1/x: "));
}

static void bad_addresses_and_hosts(void **state)
{
    static const struct {
        const char *url;
        int status;
    } cases[] = {{"ftp://127.0.0.1/x", FERRY_ERR_ARG},
                 {"file:///etc/passwd", FERRY_ERR_ARG},
                 {"http://", FERRY_ERR_ARG},
                 {"http://127.0.0.1:1/x", FERRY_ERR_WIRE_OPEN},
                 {"http://no-such-host.invalid/x", FERRY_ERR_WIRE_OPEN}};
    struct speaker none = {0};
    struct result r;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ferry_http_fetch how = {.url = cases[i].url};
        fetch(&none, &how, &r);
        if (r.open != cases[i].status)
            fail_msg("%s: %d %s", cases[i].url, r.open, r.reason);
        assert_true(r.reason[0] != 0);
    }
    const char *const split[] = {"X: a\r\nY: b", NULL};
    struct ferry_http_fetch how = {.url = "http://127.0.0.1:1/", .headers = split};
    fetch(&none, &how, &r);
    assert_int_equal(r.open, FERRY_ERR_ARG);
}

static void what_the_server_says_is_bounded(void **state)
{
    struct result r;
    char text[600];
    (void)state;
    snprintf(text, sizeof text, OK "ETag: \"%0300d\"\r\nX-Sha256: nonsense\r\nContent-Length: 2\r\n\r\nok", 1);
    one(text, NULL, &r);
    assert_int_equal(r.open, FERRY_OK);
    assert_string_equal(r.reply.etag, ""); // too long to be kept: none
    assert_string_equal(r.reply.sha256, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers_are_read),
        cmocka_unit_test(ranges_are_asked_for_and_understood),
        cmocka_unit_test(cuts_are_told),
        cmocka_unit_test(silence_is_given_up),
        cmocka_unit_test(redirects_are_followed_a_few_times),
        cmocka_unit_test(a_token_does_not_follow_to_other_servers),
        cmocka_unit_test(a_call_that_waits_can_be_stopped),
        cmocka_unit_test(a_password_is_not_shown),
        cmocka_unit_test(bad_addresses_and_hosts),
        cmocka_unit_test(what_the_server_says_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
