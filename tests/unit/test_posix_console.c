// The progress line, as text. Anchor: what a terminal of that width can show (columns are counted here on their own).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ports/posix/console.h"

static size_t columns(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static struct ferry_posix_console_bar half(void)
{
    return (struct ferry_posix_console_bar){
        .name = "app (ota_0)", .done = 524288, .size = 1048576, .rate = 65536, .seconds_left = 8};
}

static void test_what_a_person_reads(void **state)
{
    (void)state;
    struct ferry_posix_console console = {.width = 100};
    struct ferry_posix_console_bar bar = half();
    char text[512];
    ferry_posix_console_bar(&console, &bar, text, sizeof text);
    assert_non_null(strstr(text, "app (ota_0)"));
    assert_non_null(strstr(text, " 50%"));
    assert_non_null(strstr(text, "512 KB of 1.00 MB"));
    assert_non_null(strstr(text, "64 KB/s"));
    assert_non_null(strstr(text, "0:08 left"));
    assert_int_equal(count(text, "#"), count(text, ".") - 1); // half full; one full stop is in "1.00"
}

static void test_any_width_fits(void **state)
{
    (void)state;
    static const char *const names[] = {"", "a", "bootloader", "größe (日本)",
                                        "a name that is much too long to be shown"};
    for (unsigned utf8 = 0; utf8 < 2; utf8++)
        for (unsigned width = 1; width < 250; width++)
            for (size_t i = 0; i < 5; i++) {
                struct ferry_posix_console console = {.width = width, .utf8 = utf8 != 0};
                struct ferry_posix_console_bar bar = half();
                bar.name = names[i];
                char text[1024];
                size_t n = ferry_posix_console_bar(&console, &bar, text, sizeof text);
                assert_int_equal(n, strlen(text));
                if (columns(text) > (width > 8 ? width - 1 : 7))
                    fail_msg("width %u: '%s'", width, text);
                if (!strstr(text, "50%"))
                    fail_msg("width %u: %s", width, text);
            }
}

static void test_ends(void **state)
{
    (void)state;
    struct ferry_posix_console console = {.width = 80, .utf8 = true};
    struct ferry_posix_console_bar bar = {.name = "x", .done = 0, .size = 1000, .seconds_left = -1, .note = "erasing"};
    char text[512];
    ferry_posix_console_bar(&console, &bar, text, sizeof text);
    assert_non_null(strstr(text, "   0%"));
    assert_non_null(strstr(text, "erasing"));
    assert_null(strstr(text, "left"));
    assert_int_equal(count(text, "█"), 0);
    bar.done = 1000;
    ferry_posix_console_bar(&console, &bar, text, sizeof text);
    assert_non_null(strstr(text, " 100%"));
    assert_true(count(text, "█") >= 8);
    bar.done = 5000; // more than there is
    ferry_posix_console_bar(&console, &bar, text, sizeof text);
    assert_non_null(strstr(text, " 100%"));
    bar = (struct ferry_posix_console_bar){.name = "empty", .size = 0};
    ferry_posix_console_bar(&console, &bar, text, sizeof text);
    assert_non_null(strstr(text, " 100%"));
}

static void test_ascii_has_no_other_bytes(void **state)
{
    (void)state;
    struct ferry_posix_console console = {.width = 120};
    struct ferry_posix_console_bar bar = half();
    char text[512];
    size_t n = ferry_posix_console_bar(&console, &bar, text, sizeof text);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)text[i] >= 32 && (unsigned char)text[i] < 127);
}

static void test_a_small_buffer_is_respected(void **state)
{
    (void)state;
    struct ferry_posix_console console = {.width = 200, .utf8 = true};
    struct ferry_posix_console_bar bar = half();
    char text[40];
    memset(text, 0x5a, sizeof text);
    size_t n = ferry_posix_console_bar(&console, &bar, text, 20);
    assert_true(n < 20);
    assert_int_equal(text[n], 0);
    assert_int_equal(text[20], 0x5a);
}

static void test_rate(void **state)
{
    (void)state;
    struct ferry_posix_console_rate rate;
    ferry_posix_console_rate_reset(&rate);
    assert_int_equal(ferry_posix_console_rate_get(&rate), 0);
    uint32_t now = UINT32_MAX - 300; // the clock wraps on the way
    for (uint32_t i = 0; i < 100; i++)
        ferry_posix_console_rate_add(&rate, now + i * 100, i * 5000);
    assert_int_equal(ferry_posix_console_rate_get(&rate), 50000);
    ferry_posix_console_rate_add(&rate, now + 99 * 100 + 50, 999999999); // too soon: no jump
    assert_int_equal(ferry_posix_console_rate_get(&rate), 50000);
}

static void test_environment(void **state)
{
    (void)state;
    struct ferry_posix_console console;
    setenv("LC_ALL", "C", 1);
    setenv("COLUMNS", "47", 1);
    ferry_posix_console_detect(&console, -1);
    assert_false(console.tty);
    assert_false(console.colour);
    assert_false(console.utf8);
    assert_int_equal(console.width, 47);
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    setenv("COLUMNS", "nonsense", 1);
    ferry_posix_console_detect(&console, -1);
    assert_true(console.utf8);
    assert_int_equal(console.width, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_person_reads),
        cmocka_unit_test(test_any_width_fits),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_ascii_has_no_other_bytes),
        cmocka_unit_test(test_a_small_buffer_is_respected),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
