// The RFC 2217 client over a real TCP connection. The server is a thread of this test with its own reading of RFC 2217
// (it keeps what it was asked, byte for byte), so that it shares nothing with the client.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/port.h"

struct server {
    int listener, fd;
    pthread_t thread;
    char name[96];
    // How it behaves.
    bool mute_control, no_com_port, offers_first;
    uint32_t baud_answer; // 0 = what was asked
    // What it saw.
    uint8_t requests[64][2]; // command, first byte of the value
    unsigned request_count;
    uint32_t baud;
    uint8_t data[256];
    size_t data_len;
};

static void say(struct server *s, const uint8_t *bytes, size_t len)
{
    assert_int_equal(write(s->fd, bytes, len), len);
}

static void on_sub(struct server *s, const uint8_t *sub, size_t len)
{
    if (len < 3 || sub[0] != 44)
        return;
    if (s->request_count < 64) {
        s->requests[s->request_count][0] = sub[1];
        s->requests[s->request_count++][1] = sub[2];
    }
    uint8_t value[8], answer[32] = {255, 250, 44, (uint8_t)(sub[1] + 100)};
    size_t at = 4, value_len = len - 2 < sizeof value ? len - 2 : sizeof value;
    memcpy(value, sub + 2, value_len);
    if (sub[1] == 1) {
        s->baud = (uint32_t)sub[2] << 24 | (uint32_t)sub[3] << 16 | (uint32_t)sub[4] << 8 | sub[5];
        uint32_t told = s->baud_answer ? s->baud_answer : s->baud;
        for (int i = 0; i < 4; i++)
            value[i] = (uint8_t)(told >> (24 - 8 * i));
    }
    if (sub[1] == 5 && s->mute_control)
        return;
    for (size_t i = 0; i < value_len; i++) {
        answer[at++] = value[i];
        if (value[i] == 255)
            answer[at++] = 255;
    }
    memcpy(answer + at, "\xff\xf0", 2);
    say(s, answer, at + 2);
}

static void on_option(struct server *s, uint8_t verb, uint8_t option)
{
    if (verb == 251) // WILL
        say(s, (const uint8_t[]){255, option == 44 && s->no_com_port ? 254 : 253, option}, 3);
    if (verb == 253) // DO
        say(s, (const uint8_t[]){255, 251, option}, 3);
}

// The telnet bytes, in whole connections' worth: state is kept in a flat buffer of what has not been understood yet.
static void *serve(void *arg)
{
    struct server *s = arg;
    uint8_t in[4096];
    size_t have = 0;
    s->fd = accept(s->listener, NULL, NULL);
    if (s->offers_first)
        say(s, (const uint8_t[]){255, 251, 44, 255, 251, 1}, 6);
    for (;;) {
        ssize_t n = read(s->fd, in + have, sizeof in - have);
        if (n <= 0)
            break;
        have += (size_t)n;
        size_t at = 0;
        while (at < have) {
            if (in[at] != 255) {
                s->data[s->data_len++ % sizeof s->data] = in[at++];
                continue;
            }
            if (have - at < 2)
                break;
            if (in[at + 1] == 255) {
                s->data[s->data_len++ % sizeof s->data] = 255;
                at += 2;
            } else if (in[at + 1] == 250) {
                size_t end = at + 2, len = 0;
                uint8_t sub[64];
                while (end + 1 < have && !(in[end] == 255 && in[end + 1] == 240)) {
                    end += in[end] == 255 ? 2 : 1;
                    if (len < sizeof sub)
                        sub[len++] = in[end - 1];
                }
                if (end + 1 >= have)
                    break;
                on_sub(s, sub, len);
                at = end + 2;
            } else {
                if (have - at < 3)
                    break;
                on_option(s, in[at + 1], in[at + 2]);
                at += 3;
            }
        }
        memmove(in, in + at, have - at);
        have -= at;
    }
    close(s->fd);
    return NULL;
}

static void start(struct server *s, const char *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(s->name, sizeof s->name, "rfc2217://127.0.0.1:%u%s", ntohs(address.sin_port), options);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s, struct ferry_posix_port *port)
{
    ferry_posix_port_close(port);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

static bool asked(const struct server *s, uint8_t command, uint8_t value)
{
    for (unsigned i = 0; i < s->request_count; i++)
        if (s->requests[i][0] == command && s->requests[i][1] == value)
            return true;
    return false;
}

static void test_opening_sets_up_the_line(void **state)
{
    (void)state;
    struct server s = {0};
    struct ferry_posix_port port;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, NULL), FERRY_OK);
    assert_true(port.has_lines);
    assert_true(port.has_baud);
    stop(&s, &port);
    assert_int_equal(s.baud, 115200);
    assert_true(asked(&s, 2, 8));  // data size
    assert_true(asked(&s, 3, 1));  // no parity
    assert_true(asked(&s, 4, 1));  // one stop bit
    assert_true(asked(&s, 5, 1));  // no flow control
    assert_true(asked(&s, 12, 3)); // purged
}

static void test_a_server_that_offers_the_option_itself(void **state)
{
    (void)state;
    struct server s = {.offers_first = true};
    struct ferry_posix_port port;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 9600, NULL, NULL), FERRY_OK);
    stop(&s, &port);
    assert_int_equal(s.baud, 9600);
}

static void test_a_server_that_refuses_the_option(void **state)
{
    (void)state;
    struct server s = {.no_com_port = true};
    struct ferry_posix_port port;
    struct ferry_posix_error error;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, &error), FERRY_ERR_WIRE_OPEN);
    assert_non_null(strstr(error.what, "not as an RFC 2217 server"));
    stop(&s, &port);
}

static void test_lines_are_set_dtr_before_rts(void **state)
{
    (void)state;
    struct server s = {0};
    struct ferry_posix_port port;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, NULL), FERRY_OK);
    unsigned from = s.request_count; // the server is idle: everything has been answered
    assert_int_equal(port.lines.set(port.lines.ctx, true, false), FERRY_OK);
    assert_int_equal(port.lines.set(port.lines.ctx, false, true), FERRY_OK);
    for (int i = 0; i < 5; i++) // no change: nothing is asked again
        assert_int_equal(port.lines.set(port.lines.ctx, false, true), FERRY_OK);
    assert_int_equal(port.lines.set(port.lines.ctx, true, true), FERRY_OK);
    assert_int_equal(port.lines.set(port.lines.ctx, false, false), FERRY_OK);
    stop(&s, &port);
    static const uint8_t want[] = {9, 11, 8, 12, 9, 11, 9, 12}; // both asserted: reset wins, the boot pin is let go
    assert_int_equal(s.request_count - from, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(s.requests[from + i][0], 5);
        assert_int_equal(s.requests[from + i][1], want[i]);
    }
}

static void test_a_server_that_answers_no_control(void **state)
{
    (void)state;
    struct server s = {.mute_control = true};
    struct ferry_posix_port port;
    start(&s, "?timeout=0.1");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, NULL), FERRY_OK);
    for (int i = 0; i < 20; i++) // only the first is waited for
        assert_int_equal(port.lines.set(port.lines.ctx, (i & 1) == 0, false), FERRY_OK);
    stop(&s, &port);
    assert_true(asked(&s, 5, 11));
}

static void test_rates(void **state)
{
    (void)state;
    struct server s = {0};
    struct ferry_posix_port port;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, NULL), FERRY_OK);
    assert_int_equal(port.stream.set_baud(port.stream.ctx, 65535), FERRY_OK); // has an FF inside
    assert_int_equal(s.baud, 65535);
    s.baud_answer = 923077; // what a divider gives for 921600
    assert_int_equal(port.stream.set_baud(port.stream.ctx, 921600), FERRY_OK);
    s.baud_answer = 115200;
    assert_int_equal(port.stream.set_baud(port.stream.ctx, 3000000), FERRY_ERR_BAUD);
    stop(&s, &port);
}

static void test_data_passes_unchanged(void **state)
{
    (void)state;
    struct server s = {0};
    struct ferry_posix_port port;
    uint8_t bytes[256], got[256];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    start(&s, "");
    assert_int_equal(ferry_posix_port_open(&port, s.name, 0, NULL, NULL), FERRY_OK);
    for (size_t at = 0; at < 256;)
        at += (size_t)port.stream.write(port.stream.ctx, bytes + at, 256 - at);
    assert_int_equal(port.lines.set(port.lines.ctx, false, false), FERRY_OK); // answered: all data has arrived
    assert_int_equal(s.data_len, 256);
    assert_memory_equal(s.data, bytes, 256);
    say(&s, (const uint8_t *)"\xff\xff\x00\xff\xff\r\n", 7);
    size_t n = 0;
    for (int i = 0; i < 2000 && n < 5; i++) {
        int r = port.stream.read(port.stream.ctx, got + n, sizeof got - n);
        assert_true(r >= 0);
        n += (size_t)r;
        usleep(r ? 0 : 1000);
    }
    assert_int_equal(n, 5);
    assert_memory_equal(got, "\xff\x00\xff\r\n", 5);
    stop(&s, &port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_sets_up_the_line),
        cmocka_unit_test(test_a_server_that_offers_the_option_itself),
        cmocka_unit_test(test_a_server_that_refuses_the_option),
        cmocka_unit_test(test_lines_are_set_dtr_before_rts),
        cmocka_unit_test(test_a_server_that_answers_no_control),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_data_passes_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
