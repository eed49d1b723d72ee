// Which port is meant when none is named. Anchors: USB vendor ids as the USB-IF lists them (303A Espressif, 10C4
// Silicon Labs, 1A86 QinHeng, 0403 FTDI, 067B Prolific); the lists are those of real computers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/ports.h"

static const struct ferry_posix_ports_entry legacy = {.name = "/dev/ttyS0"},
                                            cp210x = {.name = "/dev/ttyUSB0",
                                                      .usb = true,
                                                      .vid = 0x10c4,
                                                      .pid = 0xea60},
                                            c3 = {.name = "/dev/ttyACM0", .usb = true, .vid = 0x303a, .pid = 0x1001},
                                            modem = {.name = "/dev/ttyACM1", .usb = true, .vid = 0x1199, .pid = 1};

static void test_the_only_board(void **state)
{
    (void)state;
    struct ferry_posix_error error = {0};
    struct ferry_posix_ports_entry list[] = {legacy, modem, cp210x};
    assert_ptr_equal(ferry_posix_ports_choose(list, 3, &error), &list[2]);
}

static void test_the_only_usb_port(void **state)
{
    (void)state;
    struct ferry_posix_error error = {0};
    struct ferry_posix_ports_entry list[] = {legacy, modem};
    assert_ptr_equal(ferry_posix_ports_choose(list, 2, &error), &list[1]);
}

static void test_two_boards(void **state)
{
    (void)state;
    struct ferry_posix_error error = {0};
    struct ferry_posix_ports_entry list[] = {legacy, c3, cp210x, modem};
    assert_null(ferry_posix_ports_choose(list, 4, &error));
    assert_int_equal(error.status, FERRY_ERR_AMBIGUOUS);
    assert_non_null(strstr(error.hint, "/dev/ttyACM0"));
    assert_non_null(strstr(error.hint, "/dev/ttyUSB0"));
    assert_null(strstr(error.hint, "/dev/ttyS0"));
    assert_null(strstr(error.hint, "/dev/ttyACM1"));
}

static void test_none(void **state)
{
    (void)state;
    struct ferry_posix_error error = {0};
    assert_null(ferry_posix_ports_choose(NULL, 0, &error));
    assert_int_equal(error.status, FERRY_ERR_WIRE_OPEN);
    assert_non_null(strstr(error.hint, "--port"));
    assert_null(ferry_posix_ports_choose(&legacy, 1, &error));
    assert_non_null(strstr(error.hint, "/dev/ttyS0"));
}

static void test_many_do_not_overrun_the_hint(void **state)
{
    (void)state;
    static struct ferry_posix_ports_entry list[60];
    struct ferry_posix_error error = {0};
    for (size_t i = 0; i < 60; i++) {
        list[i] = cp210x;
        memset(list[i].description, 'd', sizeof list[i].description - 1);
    }
    assert_null(ferry_posix_ports_choose(list, 60, &error));
    assert_true(memchr(error.hint, 0, sizeof error.hint) != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_only_board),
        cmocka_unit_test(test_the_only_usb_port),
        cmocka_unit_test(test_two_boards),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_many_do_not_overrun_the_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
