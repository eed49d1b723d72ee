// Numbers as people type them. Anchors: esptool's arg_auto_int (0x, 0o, 0b, decimal, underscores) and its flash size
// names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ports/posix/number.h"

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t value;
    } cases[] = {
        {"0", 0},
        {"0x10000", 0x10000},
        {"0X1f", 31},
        {"65536", 65536},
        {"64k", 65536},
        {"64K", 65536},
        {"4MB", 4u << 20},
        {"4M", 4u << 20},
        {"4MiB", 4u << 20},
        {"1G", 1u << 30},
        {"256KB", 256u << 10},
        {"0x1000k", 0x400000},
        {"1_000_000", 1000000},
        {"0x3f40_0000", 0x3f400000},
        {"0b101", 5},
        {"0o17", 15},
        {"010", 10},
        {"4294967295", UINT32_MAX},
        {"0xffffffff", UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t value = 12345;
        if (!ferry_posix_number_parse(cases[i].text, &value) || value != cases[i].value)
            fail_msg("'%s' gives %u", cases[i].text, value);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " ",    "-1", "+1",         "0x",          "x10",  "1 0", " 10",
                                      "10 ",  "4MBx", "4T", "4294967296", "0x100000000", "4G",   "_1",  "1_",
                                      "1__0", "k",    "MB", "12ab",       "1.5M",        "0xfg", "1kk", "0b2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t value = 12345;
        if (ferry_posix_number_parse(bad[i], &value))
            fail_msg("accepted: '%s' as %u", bad[i], value);
        assert_int_equal(value, 12345);
    }
}

static void test_limits(void **state)
{
    (void)state;
    uint32_t value = 7;
    assert_true(ferry_posix_number_in("300", 300, 400, &value));
    assert_int_equal(value, 300);
    assert_false(ferry_posix_number_in("299", 300, 400, &value));
    assert_false(ferry_posix_number_in("401", 300, 400, &value));
    assert_int_equal(value, 300);
}

static void test_display(void **state)
{
    (void)state;
    char buf[24];
    assert_string_equal(ferry_posix_number_bytes(0, buf, sizeof buf), "0 B");
    assert_string_equal(ferry_posix_number_bytes(4096, buf, sizeof buf), "4096 B");
    assert_string_equal(ferry_posix_number_bytes(65536, buf, sizeof buf), "64 KB");
    assert_string_equal(ferry_posix_number_bytes(4u << 20, buf, sizeof buf), "4.00 MB");
    assert_string_equal(ferry_posix_number_bytes(UINT32_MAX, buf, sizeof buf), "4095 MB");
    assert_string_equal(ferry_posix_number_duration(7, buf, sizeof buf), "0:07");
    assert_string_equal(ferry_posix_number_duration(750, buf, sizeof buf), "12:30");
    assert_string_equal(ferry_posix_number_duration(3723, buf, sizeof buf), "1:02:03");
    for (uint64_t n = 1; n < UINT32_MAX; n = n * 3 + 1)
        assert_true(strlen(ferry_posix_number_bytes(n, buf, sizeof buf)) <= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_display),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
