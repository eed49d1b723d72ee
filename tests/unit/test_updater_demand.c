// Jobs on demand (cfg.hold, ferry_updater_start, ferry_updater_abort) with the real flasher and virtual chips in
// virtual time. What is on the flash and what the log says is the anchor; a chip that nobody asked for must not even be
// reset.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/bench_rig.h"
#include "tests/support/card.h"

static unsigned log_lines(const struct bench_rig *rig)
{
    FILE *f = fopen(rig->log.path, "r");
    unsigned count = 0;
    for (int c; f && (c = getc(f)) != EOF;)
        count += c == '\n';
    if (f)
        fclose(f);
    return count ? count - 1 : 0; // without the header
}

static void run_for(struct bench_rig *rig, uint64_t ms)
{
    uint64_t until = rig->us + ms * 1000;
    while (rig->us < until && bench_rig_step(rig))
        continue;
}

static void run_until_ended(struct bench_rig *rig, unsigned port, unsigned ended)
{
    uint64_t until = rig->us + 120000000u;
    while (rig->sockets[port].ended < ended && rig->us < until)
        assert_true(bench_rig_step(rig)); // with hold it never is over
    assert_int_equal(rig->sockets[port].ended, ended);
}

static struct bench_rig *rig_new(char **dir, unsigned ports)
{
    *dir = card_new();
    card_put_idf_build(*dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(*dir, ports);
    for (unsigned i = 0; i < ports; i++)
        bench_rig_plug(rig, i, "esp32c3", (uint8_t)(i + 1), NULL, NULL, false);
    return rig;
}

static void test_nothing_happens_unasked_and_each_port_by_itself(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 3);
    struct ferry_updater_wish wish = {0};
    rig->cfg.hold = true;
    run_for(rig, 20000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rig->sockets[i].ended, 0);
        assert_false(rig->sockets[i].open);
    }
    assert_int_equal(ferry_updater_start(&rig->updater, 1, &wish), FERRY_OK);
    assert_int_equal(ferry_updater_start(&rig->updater, 1, &wish), FERRY_ERR_BUSY);
    run_until_ended(rig, 1, 1);
    assert_int_equal(rig->sockets[1].outcome.fault.status, FERRY_OK);
    assert_true(rig->sockets[1].held);
    run_for(rig, 20000);
    assert_int_equal(rig->sockets[1].ended, 1); // once
    assert_int_equal(rig->sockets[0].ended + rig->sockets[2].ended, 0);
    assert_int_equal(sim_flash_sector_erases(rig->sockets[0].flash), 0);
    assert_int_equal(ferry_updater_start(&rig->updater, 1, &wish), FERRY_OK); // again
    run_until_ended(rig, 1, 2);
    assert_true(rig->sockets[1].outcome.result.bytes_written <= 0x1000); // but for what the firmware itself has changed
    assert_true(rig->sockets[1].outcome.result.bytes_skipped > 0x4000);
    assert_int_equal(log_lines(rig), 2);
    assert_int_equal(ferry_updater_start(&rig->updater, 3, &wish), FERRY_ERR_ARG);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_a_probe_tells_who_is_there_and_changes_nothing(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 1);
    struct ferry_updater_wish wish = {.probe = true};
    rig->cfg.hold = true;
    run_for(rig, 100);
    assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
    run_until_ended(rig, 0, 1);
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_OK);
    assert_string_equal(rig->sockets[0].outcome.chip, "ESP32-C3");
    assert_true(rig->sockets[0].outcome.mac_known);
    assert_int_equal(sim_flash_sector_erases(rig->sockets[0].flash), 0);
    assert_int_equal(log_lines(rig), 0);
    assert_int_equal(rig->updater.ok + rig->updater.failed, 0);
    sim_flash_free(bench_rig_unplug(rig, 0));
    assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
    run_until_ended(rig, 0, 2);
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_ERR_NO_ANSWER);
    assert_int_equal(log_lines(rig), 0);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_stopping_at_many_points_and_going_on(void **state)
{
    (void)state;
    for (uint64_t after = 0; after < 4000; after += 311) {
        char *dir;
        struct bench_rig *rig = rig_new(&dir, 2);
        struct ferry_updater_wish wish = {0};
        rig->cfg.hold = true;
        run_for(rig, 50);
        assert_int_equal(ferry_updater_abort(&rig->updater, 0, (uint32_t)(rig->us / 1000)), FERRY_ERR_STATE);
        assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
        assert_int_equal(ferry_updater_start(&rig->updater, 1, &wish), FERRY_OK);
        if (after)
            run_for(rig, after);
        bool over = rig->sockets[0].ended > 0;
        assert_int_equal(ferry_updater_abort(&rig->updater, 0, (uint32_t)(rig->us / 1000)),
                         over ? FERRY_ERR_STATE : FERRY_OK);
        assert_int_equal(rig->sockets[0].ended, 1);
        assert_int_equal(rig->sockets[0].outcome.fault.status, over ? FERRY_OK : FERRY_ERR_CANCELLED);
        assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
        run_until_ended(rig, 0, 2);
        assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_OK);
        assert_true(rig->sockets[0].held);
        if (rig->sockets[1].ended == 0)
            run_until_ended(rig, 1, 1);
        assert_true(rig->sockets[1].held); // the neighbour was not disturbed
        bench_rig_free(rig);
        card_remove(dir);
    }
}

static void test_a_port_that_cannot_be_opened(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 1);
    struct ferry_updater_wish wish = {0};
    rig->cfg.hold = true;
    rig->sockets[0].vanishes = true;
    sim_flash_free(bench_rig_unplug(rig, 0));
    run_for(rig, 100);
    for (unsigned i = 1; i <= 2; i++) {
        wish.probe = i == 2;
        assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
        run_until_ended(rig, 0, i);
        assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_ERR_WIRE_OPEN);
        assert_int_equal(log_lines(rig), 1); // the probe is no job
    }
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_a_wish_on_a_bench_is_for_the_target_that_is_done_as_well(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 1);
    struct ferry_updater_wish wish = {0};
    rig->cfg.wait = true;
    run_until_ended(rig, 0, 1);
    run_for(rig, 10000);
    assert_int_equal(rig->sockets[0].ended, 1);
    assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
    run_until_ended(rig, 0, 2);
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_OK);
    run_for(rig, 10000);
    assert_int_equal(rig->sockets[0].ended, 2); // and no more than that
    assert_int_equal(ferry_updater_abort(&rig->updater, 0, 0), FERRY_ERR_STATE);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_only_compare(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 1);
    struct ferry_updater_wish wish = {.set = true, .verify_only = true};
    rig->cfg.hold = true;
    run_for(rig, 50);
    assert_int_equal(ferry_updater_start(&rig->updater, 0, &wish), FERRY_OK);
    run_until_ended(rig, 0, 1);
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_ERR_VERIFY);
    assert_int_equal(sim_flash_sector_erases(rig->sockets[0].flash), 0);
    bench_rig_free(rig);
    card_remove(dir);
}

static int choose_none(void *ctx, unsigned port, const struct ferry_updater_wish *wish,
                       const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    (void)ctx, (void)out;
    assert_non_null(target);
    return ferry_fault_set(fault, FERRY_ERR_NO_CARGO, NULL, "port %u wants %s", port, wish->cargo);
}

static void test_the_wish_reaches_the_program_that_chooses(void **state)
{
    (void)state;
    char *dir;
    struct bench_rig *rig = rig_new(&dir, 2);
    struct ferry_updater_wish wish = {.cargo = "depot:kettle@stable"};
    rig->cfg.hold = true;
    rig->cfg.choose = choose_none;
    run_for(rig, 50);
    assert_int_equal(ferry_updater_start(&rig->updater, 1, &wish), FERRY_OK);
    run_until_ended(rig, 1, 1);
    assert_string_equal(rig->sockets[1].outcome.fault.what, "port 1 wants depot:kettle@stable");
    assert_false(rig->sockets[1].outcome.result.written);
    bench_rig_free(rig);
    card_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_happens_unasked_and_each_port_by_itself),
        cmocka_unit_test(test_a_probe_tells_who_is_there_and_changes_nothing),
        cmocka_unit_test(test_stopping_at_many_points_and_going_on),
        cmocka_unit_test(test_a_port_that_cannot_be_opened),
        cmocka_unit_test(test_a_wish_on_a_bench_is_for_the_target_that_is_done_as_well),
        cmocka_unit_test(test_only_compare),
        cmocka_unit_test(test_the_wish_reaches_the_program_that_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
