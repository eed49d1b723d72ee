// Names of ports. Anchor: the address forms of pyserial's serial_for_url (socket://, rfc2217:// and their options).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/url.h"

static void test_devices(void **state)
{
    (void)state;
    struct ferry_posix_url url;
    assert_int_equal(ferry_posix_url_parse("/dev/ttyUSB0", &url, NULL), FERRY_OK);
    assert_int_equal(url.kind, FERRY_POSIX_URL_SERIAL);
    assert_string_equal(url.path, "/dev/ttyUSB0");
    assert_int_equal(ferry_posix_url_parse("a port:7", &url, NULL), FERRY_OK); // a file name may hold anything
    assert_int_equal(url.kind, FERRY_POSIX_URL_SERIAL);
}

static void test_network(void **state)
{
    (void)state;
    struct ferry_posix_url url;
    assert_int_equal(ferry_posix_url_parse("socket://10.0.0.7:3333", &url, NULL), FERRY_OK);
    assert_int_equal(url.kind, FERRY_POSIX_URL_SOCKET);
    assert_string_equal(url.host, "10.0.0.7");
    assert_int_equal(url.port, 3333);
    assert_int_equal(url.timeout_ms, 3000);
    assert_int_equal(ferry_posix_url_parse("RFC2217://bench.local:65535/", &url, NULL), FERRY_OK);
    assert_int_equal(url.kind, FERRY_POSIX_URL_RFC2217);
    assert_string_equal(url.host, "bench.local");
    assert_int_equal(url.port, 65535);
    assert_int_equal(ferry_posix_url_parse("rfc2217://[fe80::1]:1?ign_set_control", &url, NULL), FERRY_OK);
    assert_string_equal(url.host, "fe80::1");
    assert_true(url.ign_set_control);
}

static void test_options(void **state)
{
    (void)state;
    struct ferry_posix_url url;
    assert_int_equal(
        ferry_posix_url_parse("rfc2217://h:1?ign_set_control&timeout=0.5&poll_modem&logging=debug", &url, NULL), 0);
    assert_true(url.ign_set_control);
    assert_true(url.poll_modem);
    assert_int_equal(url.timeout_ms, 500);
    assert_int_equal(ferry_posix_url_parse("socket://h:1?logging=debug&timeout=2", &url, NULL), 0);
    assert_int_equal(url.timeout_ms, 2000);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "socket://",
        "socket://:1",
        "socket://h",
        "socket://h:",
        "socket://h:0",
        "socket://h:65536",
        "socket://h:1x",
        "socket://h:-1",
        "socket://h: 1",
        "socket://h:99999999999999999999",
        "socket://[::1:7",
        "socket://[]:7",
        "socket://h:1?ign_set_control",
        "rfc2217://h:1?nonsense",
        "rfc2217://h:1?timeout=0",
        "rfc2217://h:1?timeout=x",
        "rfc2217://h:1?timeout=-1",
        "rfc2217://h:1?timeout=nan",
        "http://h:1",
        "spy://x",
        "rfc2217://h:1/x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ferry_posix_url url;
        struct ferry_posix_error error = {0};
        if (ferry_posix_url_parse(bad[i], &url, &error) != FERRY_ERR_ARG)
            fail_msg("accepted: '%s'", bad[i]);
        assert_int_equal(error.status, FERRY_ERR_ARG);
        assert_true(strlen(error.what) > 0 && strlen(error.hint) > 0);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    char text[600] = "socket://";
    struct ferry_posix_url url;
    memset(text + 9, 'h', 300);
    strcpy(text + 309, ":1");
    assert_int_equal(ferry_posix_url_parse(text, &url, NULL), FERRY_ERR_ARG);
    memset(text, 'd', 500);
    text[500] = 0;
    assert_int_equal(ferry_posix_url_parse(text, &url, NULL), FERRY_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices), cmocka_unit_test(test_network),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
