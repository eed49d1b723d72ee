// The updater with the real flasher and virtual chips, in virtual time: many targets from one read, a bench where
// targets come and go, every kind of cargo, kills and resets at every point. What is on the flash is compared with the
// files on the card; what a chip would boot is asked of its boot model (sim/, held against recorded boots of the real
// bootloader).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "tests/support/bench_rig.h"
#include "tests/support/card.h"

static unsigned log_lines(const struct bench_rig *rig, const char *with)
{
    FILE *f = fopen(rig->log.path, "r");
    char line[4096];
    unsigned count = 0;
    while (f && fgets(line, sizeof line, f))
        count += strstr(line, with) != NULL;
    if (f)
        fclose(f);
    return count;
}

static void assert_done(struct bench_rig *rig, unsigned port)
{
    const struct bench_rig_socket *s = &rig->sockets[port];
    if (s->outcome.fault.status < 0)
        print_message("socket %u: %s (%s)\n", port, s->outcome.fault.what, s->outcome.fault.where);
    assert_int_equal(s->outcome.fault.status, FERRY_OK);
    assert_true(s->outcome.result.verified);
    assert_true(s->held);
}

// ---- kinds of cargo ----

static void run_once(const char *chip, const char *dir, struct card_bytes table)
{
    struct bench_rig *rig = bench_rig_new(dir, 1);
    bench_rig_plug(rig, 0, chip, 1, NULL, NULL, true);
    if (table.len)
        memcpy(sim_flash_bytes(rig->sockets[0].flash) + 0x8000, table.bytes, table.len);
    card_free(&table);
    assert_true(bench_rig_run(rig, 300000));
    assert_done(rig, 0);
    assert_int_equal(log_lines(rig, ",ok,"), 1);
    bench_rig_free(rig);
}

static void test_every_kind_of_cargo_on_two_chips(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (unsigned c = 0; c < 2; c++)
        for (unsigned kind = 0; kind < 6; kind++) {
            char *dir = card_new();
            struct card_bytes table = {0};
            if (kind == 0)
                card_put_idf_build(dir, "build", chips[c]);
            else if (kind == 1)
                card_put_web_manifest(dir, NULL);
            else if (kind == 2)
                card_put_arduino(dir, NULL, chips[c], "Blink");
            else if (kind == 3)
                card_put_merged(dir, "merged.bin", chips[c]);
            else if (kind == 4)
                card_put_app(dir, "app.bin", chips[c]);
            else
                card_put_addressed(dir, NULL, chips[c]);
            if (kind == 4)
                table = card_make_factory_table();
            run_once(chips[c], dir, table);
            card_remove(dir);
        }
}

// ---- many at once ----

static void test_eight_targets_from_one_read(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 8);
    for (unsigned i = 0; i < 8; i++)
        bench_rig_plug(rig, i, "esp32c3", (uint8_t)i, NULL, NULL, i % 2);
    assert_true(bench_rig_run(rig, 300000));
    struct ferry_store_stats stats;
    ferry_store_pool_stats(rig->stores, &stats);
    for (unsigned i = 0; i < 8; i++)
        assert_done(rig, i);
    assert_int_equal(stats.plans, 1);
    assert_int_equal(stats.plans_shared, 7);
    assert_int_equal(stats.bytes_read, rig->sockets[0].outcome.result.bytes_total);
    assert_int_equal(rig->updater.ok, 8);
    assert_int_equal(log_lines(rig, ",ok,"), 8);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_different_chips_take_their_own_build_of_a_manifest(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_web_manifest(dir, NULL);
    struct bench_rig *rig = bench_rig_new(dir, 3);
    bench_rig_plug(rig, 0, "esp32", 1, NULL, NULL, false);
    bench_rig_plug(rig, 1, "esp32c3", 2, NULL, NULL, false);
    bench_rig_plug(rig, 2, "esp32h2", 3, NULL, NULL, false); // no build for this one
    assert_true(bench_rig_run(rig, 300000));
    assert_done(rig, 0);
    assert_done(rig, 1);
    assert_int_equal(rig->sockets[2].outcome.fault.status, FERRY_ERR_NO_BUILD_FOR_CHIP);
    assert_false(rig->sockets[2].outcome.result.written);
    assert_int_equal(rig->updater.first_failure.status, FERRY_ERR_NO_BUILD_FOR_CHIP);
    assert_int_equal(sim_flash_sector_erases(rig->sockets[2].flash), 0);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_one_dead_port_does_not_hold_up_the_others(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 3);
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, false);
    rig->sockets[1].vanishes = true; // cannot be opened
    assert_true(bench_rig_run(rig, 300000));
    assert_done(rig, 0);
    assert_int_equal(rig->sockets[1].outcome.fault.status, FERRY_ERR_WIRE_OPEN);
    assert_int_equal(rig->sockets[2].outcome.fault.status, FERRY_ERR_NO_ANSWER); // nothing is connected
    assert_int_equal(rig->updater.ok, 1);
    assert_int_equal(rig->updater.failed, 2);
    assert_int_equal(log_lines(rig, ",WIRE_OPEN,"), 1);
    assert_int_equal(log_lines(rig, ",NO_ANSWER,"), 1);
    bench_rig_free(rig);
    card_remove(dir);
}

// ---- a bench ----

static void wait_for(struct bench_rig *rig, unsigned port, unsigned ended, uint32_t limit_ms)
{
    uint64_t limit = rig->us + 1000ull * limit_ms;
    while (rig->sockets[port].ended < ended && rig->us < limit)
        assert_true(bench_rig_step(rig));
    assert_int_equal(rig->sockets[port].ended, ended);
}

static void test_a_bench_flashes_one_after_the_other(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    for (unsigned vanishes = 0; vanishes < 2; vanishes++) {
        struct bench_rig *rig = bench_rig_new(dir, 1);
        rig->cfg.wait = true;
        rig->sockets[0].vanishes = vanishes;
        assert_false(bench_rig_run(rig, 5000)); // nothing there: it waits, and counts nothing
        assert_int_equal(rig->updater.failed, 0);
        for (uint8_t id = 1; id <= 3; id++) {
            bench_rig_plug(rig, 0, "esp32c3", id, NULL, NULL, true);
            wait_for(rig, 0, id, 120000);
            assert_done(rig, 0);
            assert_int_equal(rig->sockets[0].outcome.mac[5], id);
            assert_false(bench_rig_run(rig, 15000)); // it stays for a while: not done a second time
            assert_int_equal(rig->sockets[0].ended, id);
            sim_flash_free(bench_rig_unplug(rig, 0));
            assert_false(bench_rig_run(rig, id == 2 ? 1 : 8000)); // once the next one comes at once
        }
        assert_int_equal(rig->updater.ok, 3);
        assert_int_equal(rig->updater.failed, 0);
        ferry_updater_cancel(&rig->updater, (uint32_t)(rig->us / 1000));
        assert_int_equal(rig->updater.ok + rig->updater.failed, 3);
        bench_rig_free(rig);
    }
    card_remove(dir);
}

static void test_the_same_target_again_after_it_was_away_is_done_again(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 1);
    rig->cfg.wait = true;
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, false);
    wait_for(rig, 0, 1, 120000);
    struct sim_flash *flash = bench_rig_unplug(rig, 0);
    assert_false(bench_rig_run(rig, 20000));
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, flash, false);
    wait_for(rig, 0, 2, 120000);
    assert_done(rig, 0);
    assert_true(rig->sockets[0].outcome.result.bytes_written <= 0x1000); // otadata: its bootloader has marked it
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_a_target_that_is_refused_is_told_once(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 1);
    rig->cfg.wait = true;
    bench_rig_plug(rig, 0, "esp32s3", 1, NULL, NULL, false);
    assert_false(bench_rig_run(rig, 40000));
    assert_int_equal(rig->updater.failed, 1);
    assert_int_equal(rig->sockets[0].outcome.fault.status, FERRY_ERR_IMAGE_CHIP);
    sim_flash_free(bench_rig_unplug(rig, 0));
    assert_false(bench_rig_run(rig, 10000));
    bench_rig_plug(rig, 0, "esp32c3", 2, NULL, NULL, false);
    wait_for(rig, 0, 2, 120000);
    assert_done(rig, 0);
    bench_rig_free(rig);
    card_remove(dir);
}

static void test_a_target_pulled_out_in_the_middle_fails_and_the_next_is_done(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 1);
    rig->cfg.wait = true;
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, true);
    while (!rig->started || rig->updater.ports[0].job.state != FERRY_JOB_WRITING)
        assert_true(bench_rig_step(rig));
    assert_false(bench_rig_run(rig, 300));
    struct sim_flash *half = bench_rig_unplug(rig, 0);
    wait_for(rig, 0, 1, 120000);
    assert_int_equal(ferry_status_class_of(rig->sockets[0].outcome.fault.status), FERRY_CLASS_WIRE);
    assert_false(rig->sockets[0].outcome.result.verified);
    assert_false(bench_rig_run(rig, 10000));
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, half, false);
    wait_for(rig, 0, 2, 120000);
    assert_done(rig, 0);
    bench_rig_free(rig);
    card_remove(dir);
}

// ---- interrupted ----

// The updater is killed at many points of a session, resumed by a new one: it always ends verified, and what the
// journal listed was not sent again.
static void test_killed_at_every_point_and_resumed(void **state)
{
    (void)state;
    unsigned kills = 0, resumed = 0;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    for (uint32_t at_ms = 5;; at_ms += 53, kills++) {
        struct bench_rig *rig = bench_rig_new(dir, 1);
        bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, true);
        bool ended = bench_rig_run(rig, at_ms);
        bench_rig_kill(rig);
        assert_true(bench_rig_run(rig, 300000));
        assert_done(rig, 0);
        resumed += rig->sockets[0].outcome.result.resumed > 0;
        bench_rig_free(rig);
        if (ended)
            break;
    }
    print_message("killed at %u points of a session; %u resumed from the journal\n", kills, resumed);
    assert_true(kills > 20);
    assert_true(resumed > 0);
    card_remove(dir);
}

// The target is reset (as by a brown-out) at many points: a named error or a proved flash, never a hang, never a wrong
// claim; the next try completes.
static void test_target_reset_at_every_point(void **state)
{
    (void)state;
    unsigned resets = 0, failed = 0;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    for (uint32_t at_ms = 5;; at_ms += 71, resets++) {
        struct bench_rig *rig = bench_rig_new(dir, 1);
        bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, true);
        bool over = bench_rig_run(rig, at_ms);
        sim_chip_power(rig->sockets[0].chip, false);
        sim_chip_power(rig->sockets[0].chip, true);
        assert_true(over || bench_rig_run(rig, 300000));
        const struct ferry_updater_outcome *o = &rig->sockets[0].outcome;
        if (o->fault.status < 0) {
            assert_true(strcmp(ferry_status_name(o->fault.status), "UNKNOWN") != 0);
            assert_true(o->fault.what[0] != 0);
            failed++;
            bench_rig_kill(rig);
            assert_true(bench_rig_run(rig, 300000));
        }
        assert_done(rig, 0);
        bench_rig_free(rig);
        if (over)
            break;
    }
    print_message("target reset at %u points; %u ended in a named error and were completed by the next try\n", resets,
                  failed);
    assert_true(resets > 20);
    card_remove(dir);
}

static void test_a_card_taken_out_in_the_middle_ends_every_job_with_its_name(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 2);
    rig->store_cfg.memory_limit = 1; // as little as possible: the card is needed all the time
    bench_rig_plug(rig, 0, "esp32c3", 1, NULL, NULL, true);
    bench_rig_plug(rig, 1, "esp32c3", 2, NULL, NULL, true);
    char *app = card_path(dir, "demo.bin");
    while (!rig->started || rig->updater.ports[0].job.state != FERRY_JOB_PLANNING)
        if (rig->started && rig->updater.ports[0].job.state > FERRY_JOB_PLANNING)
            break;
        else
            assert_true(bench_rig_step(rig));
    assert_int_equal(truncate(app, 100), 0);
    bool ended = bench_rig_run(rig, 300000);
    assert_true(ended);
    for (unsigned i = 0; i < 2; i++) {
        int status = rig->sockets[i].outcome.fault.status;
        assert_true(status == FERRY_OK || ferry_status_class_of(status) == FERRY_CLASS_STORAGE ||
                    ferry_status_class_of(status) == FERRY_CLASS_IMAGE);
        assert_true(status < 0 || rig->sockets[i].outcome.result.verified);
    }
    free(app);
    bench_rig_free(rig);
    card_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_cargo_on_two_chips),
        cmocka_unit_test(test_eight_targets_from_one_read),
        cmocka_unit_test(test_different_chips_take_their_own_build_of_a_manifest),
        cmocka_unit_test(test_one_dead_port_does_not_hold_up_the_others),
        cmocka_unit_test(test_a_bench_flashes_one_after_the_other),
        cmocka_unit_test(test_the_same_target_again_after_it_was_away_is_done_again),
        cmocka_unit_test(test_a_target_that_is_refused_is_told_once),
        cmocka_unit_test(test_a_target_pulled_out_in_the_middle_fails_and_the_next_is_done),
        cmocka_unit_test(test_killed_at_every_point_and_resumed),
        cmocka_unit_test(test_target_reset_at_every_point),
        cmocka_unit_test(test_a_card_taken_out_in_the_middle_ends_every_job_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
