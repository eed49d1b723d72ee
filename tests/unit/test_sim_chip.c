// The chip on a real line, in virtual time: rate detection, busy times, receive ring, reset and boot lines, power. The
// figures are those of the ROMs' code (ring sizes, edges counted, dividers) and of flash.h; texts are those that the
// chips' documentation shows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "sim/chip/app.h"
#include "sim/chip/chip.h"

#define FLASH_SIZE (4u << 20)

struct bench {
    struct sim_flash *flash;
    struct sim_chip *chip;
    uint8_t got[65536];
    size_t got_len;
};

static struct bench *start(struct sim_chip_cfg cfg)
{
    static struct bench b;
    memset(&b, 0, sizeof b);
    b.flash = sim_flash_new(&(struct sim_flash_cfg){.size = FLASH_SIZE});
    assert_non_null(b.flash);
    cfg.flash = b.flash;
    b.chip = sim_chip_new(&cfg);
    assert_non_null(b.chip);
    return &b;
}

static void stop(struct bench *b)
{
    sim_chip_free(b->chip);
    sim_flash_free(b->flash);
}

// Lets time pass and keeps what came, as text too.
static const char *listen(struct bench *b, uint64_t us)
{
    sim_chip_run(b->chip, sim_chip_now(b->chip) + us);
    b->got_len = sim_chip_host_read(b->chip, b->got, sizeof b->got - 1);
    b->got[b->got_len] = 0;
    return (const char *)b->got;
}

static void send(struct bench *b, const uint8_t *bytes, size_t len)
{
    assert_int_equal(sim_chip_host_write(b->chip, bytes, len), len);
}

static void send_sync(struct bench *b)
{
    uint8_t sync[46] = {0xc0, 0x00, 0x08, 0x24, 0, 0, 0, 0, 0, 0x07, 0x07, 0x12, 0x20};
    memset(sync + 13, 0x55, 32);
    sync[45] = 0xc0;
    send(b, sync, sizeof sync);
}

// A request without bytes that SLIP would have to escape.
static void send_words(struct bench *b, uint8_t op, const uint32_t *words, size_t count)
{
    uint8_t frame[80] = {0xc0, 0x00, op, (uint8_t)(count * 4)};
    for (size_t i = 0; i < count; i++) {
        ferry_store32le(frame + 9 + 4 * i, words[i]);
    }
    frame[9 + 4 * count] = 0xc0;
    send(b, frame, 10 + 4 * count);
}

#define SEND(b, op, ...)                                                                                               \
    send_words(b, op, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static struct bench *connected(struct sim_chip_cfg cfg, uint32_t baud)
{
    cfg.boot_download = true;
    struct bench *b = start(cfg);
    (void)listen(b, 100000);
    sim_chip_host_baud(b->chip, baud);
    send_sync(b);
    (void)listen(b, 100000);
    send_sync(b);
    (void)listen(b, 100000);
    return b;
}

static void the_first_sync_is_swallowed(void **state)
{
    (void)state;
    static const uint32_t RATES[] = {9600, 74880, 115200, 460800, 921600};
    static const char *const CHIPS[] = {"esp32", "esp32c3", "esp32s2"};
    for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++) {
        struct bench *b = start((struct sim_chip_cfg){.chip = CHIPS[i % 3], .boot_download = true});
        assert_non_null(strstr(listen(b, 100000), "waiting for download\r\n"));
        assert_int_equal(sim_chip_baud(b->chip), 0);
        sim_chip_host_baud(b->chip, RATES[i]);
        send_sync(b);
        (void)listen(b, 200000);
        assert_int_equal(b->got_len, 0);
        assert_in_range(sim_chip_baud(b->chip), RATES[i] * 98 / 100, RATES[i] * 102 / 100);
        send_sync(b);
        (void)listen(b, 400000);
        assert_int_equal(b->got_len, 8 * 14);
        stop(b);
    }
}

static void a_rate_it_cannot_measure_never_connects(void **state)
{
    (void)state;
    struct bench *b = start((struct sim_chip_cfg){.chip = "esp32", .boot_download = true});
    (void)listen(b, 100000);
    sim_chip_host_baud(b->chip, 3000000);
    for (int i = 0; i < 20; i++) {
        send_sync(b);
        (void)listen(b, 50000);
        assert_int_equal(b->got_len, 0);
    }
    assert_int_equal(sim_chip_baud(b->chip), 0);
    stop(b);
}

static void changes_its_rate_after_the_answer(void **state)
{
    (void)state;
    struct bench *b = connected((struct sim_chip_cfg){.chip = "esp32c3"}, 115200);
    SEND(b, 0x0f, 921600, 0);
    (void)listen(b, 50000);
    assert_int_equal(b->got_len, 16); // with an empty frame
    assert_in_range(sim_chip_baud(b->chip), 912000, 931000);
    send_sync(b);
    (void)listen(b, 50000);
    assert_int_equal(b->got_len, 0); // the host is still at the old one
    sim_chip_host_baud(b->chip, 921600);
    for (int i = 0; i < 2; i++) { // garbage of the old rate may have begun a frame
        send_sync(b);
        (void)listen(b, 50000);
    }
    assert_int_equal(b->got_len, 8 * 14);
    SEND(b, 0x0f, 640000000 / 115200, 1); // low byte of the second word not 0: the first is the divider itself, in 1/16
    (void)listen(b, 50000);
    assert_in_range(sim_chip_baud(b->chip), 115000, 115400);
    stop(b);
}

// The ESP32-C2's ROM takes a crystal of 40 MHz for granted.
static void a_wrong_crystal_shows(void **state)
{
    (void)state;
    struct bench *b = start((struct sim_chip_cfg){.chip = "esp32c2", .boot_download = true, .xtal_mhz = 26});
    sim_chip_host_baud(b->chip, 115200);
    assert_null(strstr(listen(b, 100000), "waiting"));
    stop(b);
    b = start((struct sim_chip_cfg){.chip = "esp32c2", .boot_download = true, .xtal_mhz = 26});
    sim_chip_host_baud(b->chip, 74880);
    assert_non_null(strstr(listen(b, 100000), "waiting"));
    sim_chip_host_baud(b->chip, 115200);
    send_sync(b);
    send_sync(b);
    (void)listen(b, 100000);
    assert_int_equal(b->got_len, 8 * 14); // measured, so right
    SEND(b, 0x0f, 460800, 0);
    (void)listen(b, 50000);
    assert_in_range(sim_chip_baud(b->chip), 460800 * 26 / 40 - 3000, 460800 * 26 / 40 + 3000);
    stop(b);
}

static void answers_leave_when_the_work_is_done(void **state)
{
    (void)state;
    struct bench *b = connected((struct sim_chip_cfg){.chip = "esp32"}, 115200);
    uint64_t from = sim_chip_now(b->chip);
    SEND(b, 0x02, 0x10000, 64, 1024, 0x10000);
    while (!listen(b, 1000) || !b->got_len) {
    }
    uint64_t took = sim_chip_now(b->chip) - from; // 16 sectors of 45 ms, and 26 + 1 bytes on the line
    assert_in_range(took, 720000 + 2300, 720000 + 5000);
    from = sim_chip_now(b->chip);
    (void)listen(b, 10000);
    SEND(b, 0x13, 0x10000, 0x100000, 0, 0);
    while (!listen(b, 1000) || !b->got_len) {
    }
    took = sim_chip_now(b->chip) - from - 10000;
    assert_in_range(took, 1000000, 1010000); // MD5 at 1 MiB/s
    stop(b);
}

// While the ROM erases it takes nothing out of its ring: what does not fit is gone, a whole lap at a time.
static void the_ring_overflows(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        size_t extra;
        bool survives;
    } ROWS[] = {{"esp32", 200, true},    {"esp32", 300, false},    {"esp32s2", 1000, true}, {"esp32s2", 1100, false},
                {"esp32c3", 2000, true}, {"esp32c3", 2100, false}, {"esp32s3", 2000, true}, {"esp32p4", 2100, false}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        static uint8_t request[4096];
        struct bench *b = connected((struct sim_chip_cfg){.chip = ROWS[i].chip}, 115200);
        const uint32_t words[] = {0x10000, 64, 1024, 0x10000, 0};
        send_words(b, 0x02, words, strcmp(ROWS[i].chip, "esp32") ? 5 : 4);
        memset(request, 0x11, sizeof request); // an unknown command of that many bytes: refused, if it arrives
        request[0] = 0xc0;
        request[1] = 0x00;
        request[2] = 0x7f;
        request[ROWS[i].extra - 1] = 0xc0;
        send(b, request, ROWS[i].extra);
        (void)listen(b, 2000000);
        assert_int_equal(b->got_len, ROWS[i].survives ? 28 : 14);
        assert_int_equal(sim_chip_ring_lost(b->chip) > 0, !ROWS[i].survives);
        stop(b);
    }
}

static void prints_why_it_was_reset_and_how_it_boots(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        bool boot_asserted;
        const char *text;
    } ROWS[] = {
        {"esp32", true, "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for"},
        {"esp32", false, "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"},
        {"esp32c3", true, "rst:0x1 (POWERON),boot:0x5 (DOWNLOAD(USB/UART0/1))\r\nwaiting for download\r\n"},
        {"esp32c3", false, "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\r\n"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct bench *b = start((struct sim_chip_cfg){.chip = ROWS[i].chip, .reset_rise_us = 5000});
        sim_chip_lines(b->chip, true, ROWS[i].boot_asserted);
        assert_string_equal(listen(b, 100000), "");
        sim_chip_lines(b->chip, false, ROWS[i].boot_asserted);
        assert_string_equal(listen(b, 5000), ""); // EN is still rising
        assert_non_null(strstr(listen(b, 50000), ROWS[i].text));
        assert_int_equal(sim_chip_in_loader(b->chip), ROWS[i].boot_asserted);
        stop(b);
    }
}

// The boot line counts at the moment the reset line rises, not before and not after.
static void the_boot_line_is_sampled_when_reset_rises(void **state)
{
    (void)state;
    struct bench *b = start((struct sim_chip_cfg){.chip = "esp32", .reset_rise_us = 1000});
    sim_chip_lines(b->chip, true, false);
    sim_chip_lines(b->chip, false, true);
    (void)listen(b, 500);
    sim_chip_lines(b->chip, false, false); // let go too early
    (void)listen(b, 50000);
    assert_false(sim_chip_in_loader(b->chip));
    sim_chip_lines(b->chip, true, false);
    sim_chip_lines(b->chip, false, true);
    (void)listen(b, 1500);
    sim_chip_lines(b->chip, false, false);
    (void)listen(b, 50000);
    assert_true(sim_chip_in_loader(b->chip));
    stop(b);
}

static void a_blank_flash_boots_for_ever(void **state)
{
    (void)state;
    struct bench *b = start((struct sim_chip_cfg){.chip = "esp32"});
    const char *text = listen(b, 3000000);
    assert_non_null(strstr(text, "invalid header: 0xffffffff"));
    assert_non_null(strstr(text, "rst:0x10 (RTCWDT_RTC_RESET)")); // the watchdog, again and again
    assert_string_equal(sim_chip_booted(b->chip), "none");
    assert_false(sim_chip_in_loader(b->chip));
    stop(b);
}

static void a_power_cut_tears_what_is_under_way(void **state)
{
    (void)state;
    struct bench *b = connected((struct sim_chip_cfg){.chip = "esp32"}, 115200);
    memset(sim_flash_bytes(b->flash), 0, FLASH_SIZE);
    SEND(b, 0x02, 0x10000, 64, 1024, 0x10000);
    (void)listen(b, 200000); // four sectors done, the fifth begun
    sim_chip_power(b->chip, false);
    const uint8_t *at = sim_flash_bytes(b->flash) + 0x10000;
    assert_int_equal(at[0x3fff], 0xff);
    assert_int_equal(at[0x4000], 0xff);
    assert_int_equal(at[0x4fff], 0);
    assert_int_equal(at[0x5000], 0);
    assert_int_equal(sim_flash_erases(b->flash, 0x14), 1);
    assert_int_equal(sim_flash_erases(b->flash, 0x15), 0);
    send_sync(b);
    assert_string_equal(listen(b, 1000000), "");
    sim_chip_power(b->chip, true);
    assert_non_null(strstr(listen(b, 100000), "rst:0x1 (POWERON_RESET)"));
    stop(b);
}

static void a_reset_lets_the_flash_finish_its_sector(void **state)
{
    (void)state;
    struct bench *b = connected((struct sim_chip_cfg){.chip = "esp32"}, 115200);
    memset(sim_flash_bytes(b->flash), 0, FLASH_SIZE);
    SEND(b, 0x02, 0x10000, 64, 1024, 0x10000);
    (void)listen(b, 200000);
    sim_chip_lines(b->chip, true, true);
    assert_int_equal(sim_flash_bytes(b->flash)[0x14fff], 0xff);
    assert_int_equal(sim_flash_bytes(b->flash)[0x15000], 0);
    stop(b);
}

// A cut laid into the flash beforehand takes the whole chip's power.
static void a_cut_of_the_flash_is_a_cut_of_all(void **state)
{
    (void)state;
    struct bench *b = connected((struct sim_chip_cfg){.chip = "esp32c3"}, 115200);
    memset(sim_flash_bytes(b->flash), 0, FLASH_SIZE);
    sim_flash_cut_at(b->flash, 2, SIM_FLASH_CUT_BEFORE, 0);
    SEND(b, 0x02, 0x10000, 64, 1024, 0x10000, 0);
    assert_string_equal(listen(b, 3000000), "");
    assert_int_equal(sim_flash_bytes(b->flash)[0x11fff], 0xff);
    assert_int_equal(sim_flash_bytes(b->flash)[0x12000], 0);
    assert_false(sim_chip_in_loader(b->chip));
    sim_chip_power(b->chip, false);
    sim_chip_power(b->chip, true);
    (void)listen(b, 100000);
    assert_true(sim_chip_in_loader(b->chip));
    stop(b);
}

static void power_on_prints_the_same_every_time(void **state)
{
    (void)state;
    static char first[sizeof((struct bench *)0)->got];
    struct bench *b = start((struct sim_chip_cfg){.chip = "esp32c3", .boot_download = true});
    (void)snprintf(first, sizeof first, "%s", listen(b, 100000));
    for (int i = 0; i < 1000; i++) {
        sim_chip_power(b->chip, false);
        sim_chip_power(b->chip, true);
        assert_string_equal(listen(b, 100000), first);
    }
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sync_is_swallowed),
        cmocka_unit_test(a_rate_it_cannot_measure_never_connects),
        cmocka_unit_test(changes_its_rate_after_the_answer),
        cmocka_unit_test(a_wrong_crystal_shows),
        cmocka_unit_test(answers_leave_when_the_work_is_done),
        cmocka_unit_test(the_ring_overflows),
        cmocka_unit_test(prints_why_it_was_reset_and_how_it_boots),
        cmocka_unit_test(the_boot_line_is_sampled_when_reset_rises),
        cmocka_unit_test(a_blank_flash_boots_for_ever),
        cmocka_unit_test(a_power_cut_tears_what_is_under_way),
        cmocka_unit_test(a_reset_lets_the_flash_finish_its_sector),
        cmocka_unit_test(a_cut_of_the_flash_is_a_cut_of_all),
        cmocka_unit_test(power_on_prints_the_same_every_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
