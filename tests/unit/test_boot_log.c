// What a target says while it starts. The lines are those that ROMs, ESP-IDF's bootloader and its panic handler print,
// copied from boards' logs; cut into pieces in every way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "updater/boot_log.h"

static struct ferry_boot_log boot_log;

static void feed(const char *text, size_t piece)
{
    size_t len = strlen(text);
    ferry_boot_log_reset(&boot_log);
    for (size_t at = 0; at < len; at += piece)
        ferry_boot_log_feed(&boot_log, (const uint8_t *)text + at, len - at < piece ? len - at : piece);
}

static const struct {
    const char *text;
    enum ferry_boot_log_verdict verdict;
    const char *said, *meaning;
} rows[] = {
    {"ESP-ROM:esp32c3-api1-20210207\r\nrst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\r\nentry 0x403cc710\r\n",
     FERRY_BOOT_LOG_STARTS, "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)", ""},
    {"\x1b[0;32mI (55) boot: Loaded app from partition at offset 0x10000\x1b[0m\r\n", FERRY_BOOT_LOG_LOADED,
     "I (55) boot: Loaded app from partition at offset 0x10000", ""},
    {"rst:0x3 (SW_RESET)\r\n\r\nBrownout detector was triggered\r\n\r\nets Jun  8 2016\r\n", FERRY_BOOT_LOG_FAILED,
     "Brownout detector was triggered", "supply"},
    {"Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\r\n", FERRY_BOOT_LOG_FAILED,
     "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.", "crashes"},
    {"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download", FERRY_BOOT_LOG_FAILED,
     "waiting for download", "serial loader"},
    {"E (40) boot: No bootable app partitions in the partition table\r\n", FERRY_BOOT_LOG_FAILED,
     "E (40) boot: No bootable app partitions in the partition table", "no app"},
    {"I (312) app: hello\r\n", FERRY_BOOT_LOG_SILENT, "", ""},
};

static void every_line_is_known_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t piece = 1; piece < 100; piece++) {
            feed(rows[i].text, piece);
            assert_int_equal(boot_log.verdict, rows[i].verdict);
            assert_string_equal(boot_log.said, rows[i].said);
            assert_non_null(strstr(boot_log.meaning, rows[i].meaning));
            assert_int_equal(boot_log.hint[0] != 0, rows[i].verdict == FERRY_BOOT_LOG_FAILED);
        }
}

static void the_worst_line_counts_and_lines_are_cut(void **state)
{
    (void)state;
    char text[2000] = "abort() was called at PC 0x400d1234 on core 0\n";
    memset(text + strlen(text), 'x', 1500);
    memcpy(text + 1600, "\nrst:0x1\nLoaded app from partition\n", 36);
    feed(text, 64);
    assert_int_equal(boot_log.verdict, FERRY_BOOT_LOG_FAILED);
    assert_string_equal(boot_log.said, "abort() was called at PC 0x400d1234 on core 0");
}

static void noise_and_frames_between_the_lines_do_no_harm(void **state)
{
    (void)state;
    static const uint8_t noise[] = {0x00, 0x05, 0xff, 0x80, 'a', 'b', 0x00};
    ferry_boot_log_reset(&boot_log);
    for (int i = 0; i < 300; i++)
        ferry_boot_log_feed(&boot_log, noise, sizeof noise);
    assert_int_equal(boot_log.verdict, FERRY_BOOT_LOG_SILENT);
    ferry_boot_log_feed(&boot_log, (const uint8_t *)"flash read err, 1000\n", 21);
    assert_string_equal(boot_log.said, "flash read err, 1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_known_in_any_pieces),
        cmocka_unit_test(the_worst_line_counts_and_lines_are_cut),
        cmocka_unit_test(noise_and_frames_between_the_lines_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
