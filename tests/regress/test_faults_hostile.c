// Peers that are no chip, or one that lies: each ends in a named error, in bounded virtual time, and never in success.
// Each is met from the first byte on, and once more by a flasher that has connected to an honest chip before. Anchored
// in the virtual chip (the honest one answers as the recorded ROM does) and in what its flash holds in the end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/faults.h"
#include "tests/support/hostile.h"

#define BOUND_US 180000000ull // of virtual time; the longest of all is printed

struct expected {
    enum hostile_kind kind;
    int at_connect[3], at_write[4]; // statuses that name it; 0 = no more. Empty: harmless there
};

static const struct expected all[] = {
    {HOSTILE_SILENCE, {FERRY_ERR_NO_ANSWER}, {FERRY_ERR_TIMEOUT}},
    {HOSTILE_RANDOM, {FERRY_ERR_GARBAGE}, {FERRY_ERR_TIMEOUT, FERRY_ERR_GARBAGE}},
    {HOSTILE_ECHO, {FERRY_ERR_GARBAGE}, {FERRY_ERR_TIMEOUT, FERRY_ERR_GARBAGE}},
    {HOSTILE_SYNCS, {FERRY_ERR_TIMEOUT}, {FERRY_ERR_TIMEOUT}},
    {HOSTILE_OVERLONG, {FERRY_ERR_BOOT_MODE}, {FERRY_ERR_TIMEOUT, FERRY_ERR_BOOT_MODE}}, // it is one of text
    {HOSTILE_ENDS, {FERRY_ERR_GARBAGE}, {FERRY_ERR_TIMEOUT, FERRY_ERR_GARBAGE}},
    {HOSTILE_REFUSALS, {FERRY_ERR_GARBAGE}, {FERRY_ERR_REFUSED}},
    {HOSTILE_YES, {FERRY_ERR_PROTOCOL}, {FERRY_ERR_PROTOCOL}},
    {HOSTILE_BLOCKED, {FERRY_ERR_WIRE_IO}, {FERRY_ERR_WIRE_IO}},
    {HOSTILE_DEAF_CHIP, {FERRY_ERR_TX_PATH}, {FERRY_ERR_TIMEOUT, FERRY_ERR_TX_PATH}},
    {HOSTILE_LENGTH_FIELD, {FERRY_ERR_TX_PATH}, {FERRY_ERR_TIMEOUT, FERRY_ERR_TX_PATH}},
    {HOSTILE_SHORT, {FERRY_ERR_TX_PATH}, {FERRY_ERR_TX_PATH, FERRY_ERR_REFUSED}},
    {HOSTILE_LONG, {FERRY_ERR_TX_PATH}, {FERRY_ERR_TIMEOUT, FERRY_ERR_TX_PATH}},
    {HOSTILE_OTHER_OP, {FERRY_ERR_TX_PATH}, {FERRY_ERR_TIMEOUT, FERRY_ERR_TX_PATH}},
    {HOSTILE_MD5_SHORT, {FERRY_ERR_PROTOCOL}, {FERRY_ERR_PROTOCOL}},
    {HOSTILE_MD5_LONG, {FERRY_ERR_PROTOCOL}, {FERRY_ERR_PROTOCOL}},
    {HOSTILE_MD5_RAW, {FERRY_ERR_PROTOCOL}, {FERRY_ERR_PROTOCOL}},
    {HOSTILE_MD5_LETTERS, {FERRY_ERR_PROTOCOL}, {FERRY_ERR_PROTOCOL}},
    {HOSTILE_MD5_WRONG, {FERRY_ERR_VERIFY}, {FERRY_ERR_VERIFY}},
    {HOSTILE_CHANGING, {FERRY_ERR_NOISE}, {0}},
    {HOSTILE_LIAR, {FERRY_ERR_VERIFY}, {FERRY_ERR_VERIFY}},
    {HOSTILE_LIAR_ERASES, {FERRY_ERR_VERIFY}, {FERRY_ERR_VERIFY}},
};

static struct hostile hostile;

static bool among(int status, const int *list, size_t count)
{
    for (size_t i = 0; i < count && list[i] != 0; i++)
        if (list[i] == status)
            return true;
    return list[0] == 0 && status == 0;
}

static unsigned long met, wrong;
static uint64_t longest_us;

static void meet(const struct expected *e, const char *chip, bool plain, bool no_lines, bool only_write)
{
    struct faults_setup setup = {.name = chip, .chip = chip, .plain = plain, .window = 1, .no_lines = no_lines};
    struct world_cfg cfg = faults_world(&setup);
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    struct world *w = world_new(&cfg);
    hostile_attach(&hostile, w, e->kind, only_write);
    struct world_result r = hostile_flash(&hostile, parts, count);
    struct faults_outcome out = faults_judge(w, &r);
    bool named = only_write ? among(r.status, e->at_write, 4) : among(r.status, e->at_connect, 3);
    met++;
    longest_us = r.us > longest_us ? r.us : longest_us;
    if (!named || out.bad[0] != '\0' || r.us > BOUND_US) {
        wrong++;
        print_error("%s%s, %s%s%s: %s at \"%s\" (%s), %.1f s; %s\n", hostile_name(e->kind),
                    only_write ? " after CONNECT" : "", chip, plain ? ", plain" : "", no_lines ? ", no lines" : "",
                    ferry_status_name(r.status), r.error.step, r.error.detail, (double)r.us / 1e6, out.bad);
    }
    world_free(w);
}

static void each_ends_in_a_named_error(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t c = 0; c < 2; c++)
            for (unsigned bits = 0; bits < 8; bits++)
                meet(&all[i], chips[c], bits & 1, bits & 2, bits & 4);
    print_message("%lu meetings, the longest took %.1f s of virtual time\n", met, (double)longest_us / 1e6);
    assert_int_equal(wrong, 0);
}

// TX and RX joined sounds like a chip at the wrong rate, if one does not look at what arrives.
static void an_echo_is_told_from_garbage(void **state)
{
    (void)state;
    for (unsigned no_lines = 0; no_lines < 2; no_lines++) {
        struct faults_setup setup = {.name = "", .chip = "esp32c3", .no_lines = no_lines};
        struct world_cfg cfg = faults_world(&setup);
        struct world *w = world_new(&cfg);
        hostile_attach(&hostile, w, HOSTILE_ECHO, false);
        struct world_result r = hostile_flash(&hostile, NULL, 0);
        assert_int_equal(r.status, FERRY_ERR_GARBAGE);
        assert_non_null(strstr(r.error.detail, "comes back"));
        assert_non_null(strstr(r.error.hint, "TX and RX"));
        world_free(w);
    }
}

// Everything takes 1.5 s each way. Late is not never: it ends verified or in a named error, and it ends.
static void answers_that_come_three_seconds_late(void **state)
{
    (void)state;
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    for (unsigned bits = 0; bits < 4; bits++) {
        struct faults_setup setup = {.name = "", .chip = bits & 1 ? "esp32" : "esp32c3", .no_lines = bits & 2};
        struct world_cfg cfg = faults_world(&setup);
        cfg.sim.line.latency_us = 1500000;
        struct world *w = world_new(&cfg);
        struct world_result r = world_flash(w, parts, count);
        struct faults_outcome out = faults_judge(w, &r);
        print_message("3 s late, %s%s: %s at \"%s\", %.1f s\n", setup.chip, setup.no_lines ? ", no lines" : "",
                      ferry_status_name(r.status), r.error.step, (double)r.us / 1e6);
        assert_string_equal(out.bad, "");
        assert_true(r.us < BOUND_US);
        world_free(w);
    }
}

static int (*drive)(void *, bool, bool);

static int without_boot(void *ctx, bool reset_asserted, bool boot_asserted)
{
    (void)boot_asserted; // the wire to the boot pin is off
    return drive(ctx, reset_asserted, false);
}

// An ESP8266's ROM takes its crystal for 40 MHz; with the usual 26 its boot log comes at 74880 baud.
static void a_boot_log_at_another_rate_is_garbage(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        uint8_t xtal_mhz;
        int status;
    } rows[] = {{"esp8266", 26, FERRY_ERR_GARBAGE}, {"esp32", 40, FERRY_ERR_BOOT_MODE}};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = rows[i].chip, .sim = {.xtal_mhz = rows[i].xtal_mhz}});
        struct ferry_lines lines = *world_pump(w)->lines;
        drive = lines.set;
        lines.set = without_boot;
        world_pump(w)->lines = &lines;
        struct world_result r = world_connect(w);
        print_message("%s at %u MHz starts its program: %s (%s)\n", rows[i].chip, rows[i].xtal_mhz,
                      ferry_status_name(r.status), r.error.detail);
        assert_int_equal(r.status, rows[i].status);
        world_free(w);
    }
}

static void an_honest_chip_passes(void **state)
{
    (void)state;
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    struct faults_setup setup = {.name = "", .chip = "esp32c3", .window = 1};
    struct world_cfg cfg = faults_world(&setup);
    struct world *w = world_new(&cfg);
    hostile_attach(&hostile, w, HOSTILE_NONE, false);
    struct world_result r = hostile_flash(&hostile, parts, count);
    assert_int_equal(r.status, 0);
    assert_true(world_holds(w, parts, count));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_chip_passes),
        cmocka_unit_test(each_ends_in_a_named_error),
        cmocka_unit_test(an_echo_is_told_from_garbage),
        cmocka_unit_test(a_boot_log_at_another_rate_is_garbage),
        cmocka_unit_test(answers_that_come_three_seconds_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
