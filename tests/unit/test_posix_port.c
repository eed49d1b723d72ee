// Ports opened by name, against what the kernel gives: a TCP listener, a pty, things that are no ports.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/port.h"

static int listen_somewhere(char *name, size_t cap, const char *scheme)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(name, cap, "%s://127.0.0.1:%u", scheme, ntohs(address.sin_port));
    return fd;
}

// Reads until `want` bytes came or an error; returns the bytes or the error.
static int read_some(const struct ferry_stream *stream, uint8_t *buf, size_t want)
{
    size_t got = 0;
    for (int i = 0; i < 2000 && got < want; i++) {
        int n = stream->read(stream->ctx, buf + got, want - got);
        if (n < 0)
            return n;
        got += (size_t)n;
        if (n == 0)
            usleep(1000);
    }
    return (int)got;
}

static void test_socket(void **state)
{
    (void)state;
    char name[64];
    uint8_t buf[16];
    struct ferry_posix_port port;
    struct ferry_posix_clock clock_state;
    struct ferry_clock clock = ferry_posix_clock_init(&clock_state);
    int listener = listen_somewhere(name, sizeof name, "socket");
    assert_int_equal(ferry_posix_port_open(&port, name, 0, &clock_state, NULL), FERRY_OK);
    int peer = accept(listener, NULL, NULL);
    assert_false(port.has_lines);
    assert_false(port.has_baud);
    assert_null(ferry_posix_port_lines(&port));
    assert_int_equal(port.stream.read(port.stream.ctx, buf, sizeof buf), 0);
    assert_int_equal(write(peer, "\xc0\xff\x00", 3), 3);
    clock.wait(clock.ctx, 2000);
    assert_int_equal(read_some(&port.stream, buf, 3), 3);
    assert_memory_equal(buf, "\xc0\xff\x00", 3);
    assert_int_equal(port.stream.write(port.stream.ctx, (const uint8_t *)"abc", 3), 3);
    assert_int_equal(read(peer, buf, 3), 3);
    close(peer);
    assert_int_equal(read_some(&port.stream, buf, 1), FERRY_ERR_WIRE_CLOSED);
    ferry_posix_port_close(&port);
    ferry_posix_port_close(&port);
    assert_int_equal(clock_state.count, 0);
    close(listener);
}

static void test_a_full_socket_takes_nothing_more(void **state)
{
    (void)state;
    char name[64];
    static uint8_t junk[65536];
    struct ferry_posix_port port;
    int listener = listen_somewhere(name, sizeof name, "socket");
    assert_int_equal(ferry_posix_port_open(&port, name, 0, NULL, NULL), FERRY_OK);
    int n = 1;
    for (int i = 0; i < 10000 && n > 0; i++)
        n = port.stream.write(port.stream.ctx, junk, sizeof junk);
    assert_int_equal(n, 0);
    assert_true(port.stream.pending(port.stream.ctx) > 0);
    ferry_posix_port_close(&port);
    close(listener);
}

static void test_pty_has_no_lines(void **state)
{
    (void)state;
    uint8_t buf[16];
    struct ferry_posix_port port;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ferry_posix_port_open(&port, ptsname(master), 0, NULL, NULL), FERRY_OK);
    assert_false(port.has_lines);
    assert_int_equal(port.stream.set_baud(port.stream.ctx, 921600), FERRY_OK);
    assert_int_equal(write(master, "\r\n\x03\x11\xff", 5), 5); // nothing is interpreted
    assert_int_equal(read_some(&port.stream, buf, 5), 5);
    assert_memory_equal(buf, "\r\n\x03\x11\xff", 5);
    assert_int_equal(port.stream.write(port.stream.ctx, (const uint8_t *)"\n\xff", 2), 2);
    assert_int_equal(read(master, buf, sizeof buf), 2);
    assert_memory_equal(buf, "\n\xff", 2);
    close(master);
    assert_int_equal(read_some(&port.stream, buf, 1), FERRY_ERR_WIRE_CLOSED);
    ferry_posix_port_close(&port);
}

static void expect_error(const char *name, int status, const char *word)
{
    struct ferry_posix_port port;
    struct ferry_posix_error error = {0};
    assert_int_equal(ferry_posix_port_open(&port, name, 0, NULL, &error), status);
    assert_int_equal(error.status, status);
    if (!strstr(error.what, word))
        fail_msg("'%s' is not in: %s", word, error.what);
    assert_true(error.hint[0] != 0);
    ferry_posix_port_close(&port);
}

static void test_what_is_no_port(void **state)
{
    (void)state;
    char name[64];
    expect_error("/dev/ttyNOTHERE0", FERRY_ERR_WIRE_OPEN, "no such port");
    expect_error("/tmp", FERRY_ERR_WIRE_OPEN, "a folder");
    expect_error("/proc/self/exe", FERRY_ERR_WIRE_OPEN, "a file");
    expect_error("/dev/null", FERRY_ERR_WIRE_OPEN, "cannot open");
    expect_error("gopher://x:1", FERRY_ERR_ARG, "not a port");
    int listener = listen_somewhere(name, sizeof name, "socket");
    close(listener);
    expect_error(name, FERRY_ERR_WIRE_OPEN, "refused");
}

// A server that speaks no telnet: told in the time that the name gives.
static void test_plain_server_is_no_rfc2217_server(void **state)
{
    (void)state;
    char name[64];
    int listener = listen_somewhere(name, sizeof name, "rfc2217");
    strcat(name, "?timeout=0.2");
    expect_error(name, FERRY_ERR_WIRE_OPEN, "not as an RFC 2217 server");
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_a_full_socket_takes_nothing_more),
        cmocka_unit_test(test_pty_has_no_lines),
        cmocka_unit_test(test_what_is_no_port),
        cmocka_unit_test(test_plain_server_is_no_rfc2217_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
