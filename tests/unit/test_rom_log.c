// Boot logs: anchored in what real ROMs print (first lines of tests/vectors/rom and of Espressif's documentation).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/codec/rom_log.h"

static struct ferry_rom_log after(const char *text)
{
    struct ferry_rom_log log;
    ferry_rom_log_init(&log);
    for (const char *p = text; *p; p++) // byte by byte: any cut
        ferry_rom_log_feed(&log, (const uint8_t *)p, 1);
    return log;
}

static void silence(void **state)
{
    (void)state;
    struct ferry_rom_log log = after("");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_NO_ANSWER);
}

static void wrong_boot_mode_with_its_number(void **state)
{
    (void)state;
    struct ferry_rom_log log =
        after("ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_BOOT_MODE);
    assert_int_equal(log.boot_mode, 0x13);
    assert_int_equal(log.resets, 1);
}

static void download_mode_without_an_answer(void **state)
{
    (void)state;
    struct ferry_rom_log log = after("ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:0x1 (POWERON),boot:0x7 "
                                     "(USB/UART0)\r\nwait uart download\r\n");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_TX_PATH);
    struct ferry_rom_log esp32 =
        after("rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0))\r\nwaiting for download\r\n");
    assert_int_equal(ferry_rom_log_verdict(&esp32), FERRY_ERR_TX_PATH);
}

static void the_last_reset_counts(void **state)
{
    (void)state;
    struct ferry_rom_log log =
        after("rst:0x1 (POWERON),boot:0x7 (X)\r\nwaiting for download\r\nrst:0x1 (POWERON),boot:0xf (Y)\r\n");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_BOOT_MODE);
    assert_int_equal(log.boot_mode, 0xf);
}

static void a_program_that_talks(void **state)
{
    (void)state;
    struct ferry_rom_log log = after("I (312) main: hello world\r\nI (322) main: counting 1\r\n");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_BOOT_MODE);
    assert_int_equal(log.boot_mode, -1);
}

static void garbage(void **state)
{
    (void)state;
    struct ferry_rom_log log = after("\xf8\x06\x80\x78\x1e\xff\x80\x66\xe6\x98\xf8\x07");
    assert_int_equal(ferry_rom_log_verdict(&log), FERRY_ERR_GARBAGE);
}

static void a_number_without_end_is_no_number(void **state)
{
    (void)state;
    struct ferry_rom_log log = after("boot:0x123456789abcdef0123456789");
    assert_true(log.boot_mode < 0x10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence),
        cmocka_unit_test(wrong_boot_mode_with_its_number),
        cmocka_unit_test(download_mode_without_an_answer),
        cmocka_unit_test(the_last_reset_counts),
        cmocka_unit_test(a_program_that_talks),
        cmocka_unit_test(garbage),
        cmocka_unit_test(a_number_without_end_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
