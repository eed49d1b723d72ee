// The link as a route of the job: what is not sent, how it is looked for, what is left when it is given up, and what
// the log and the result say. The real receiver on a byte-accurate line; what arrived is compared in its flash.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/link_job.h"

static struct link_job job; // large

static void start(const struct rig_cfg *cfg, uint32_t size)
{
    link_job_new(&job, cfg);
    card_put_bytes(job.dir, "app.bin",
                   card_make_image(&(struct card_image){
                       .chip_id = FERRY_CHIP_ESP32C3, .project = "blink", .version = "2.0", .data_size = size}));
}

static bool log_has(const char *what)
{
    char line[4096];
    bool found = false;
    FILE *f = fopen(job.log.path, "r");
    while (f && fgets(line, sizeof line, f))
        found = found || strstr(line, what);
    if (f)
        fclose(f);
    return found;
}

static void the_result_and_the_log_are_as_on_the_other_route(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 1}, 40000);
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    const struct ferry_job_result *r = ferry_job_result(&job.job);
    assert_int_equal(ferry_job_route(&job.job), FERRY_JOB_ROUTE_LINK);
    assert_true(r->verified && r->written && r->confirmed);
    assert_int_equal(r->bytes_written + r->bytes_skipped, r->bytes_total);
    assert_string_equal(r->slot, "ota_1");
    assert_true(rig_confirmed(job.rig));
    assert_true(link_job_holds(&job, "app.bin"));
    assert_true(log_has(",esp32c3,v0.4,port,blink,2.0,"));
    assert_true(log_has(",ok,"));
    link_job_free(&job);
}

static void what_runs_already_is_not_sent(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 2}, 40000);
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    uint64_t sent = rig_bytes(job.rig, RIG_TO_TARGET);
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    const struct ferry_job_result *r = ferry_job_result(&job.job);
    assert_true(r->verified && r->confirmed && !r->written);
    assert_int_equal(r->bytes_skipped, r->bytes_total);
    assert_true(rig_bytes(job.rig, RIG_TO_TARGET) - sent < 1000);
    assert_true(link_job_says(&job, "runs this firmware already"));
    assert_string_equal(r->slot, "ota_0"); // where the rig's target runs from
    // On trial, left so by --no-confirm: the same once more confirms it.
    rig_info(job.rig)->boot_state = FERRY_BOOT_TRIAL;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    assert_int_equal(rig_info(job.rig)->boot_state, FERRY_BOOT_CONFIRMED);
    link_job_free(&job);
}

static void no_confirm_no_reboot_dry_run(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 3}, 30000);
    job.cfg.link.no_confirm = true;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    assert_false(rig_confirmed(job.rig) || ferry_job_result(&job.job)->confirmed);
    assert_int_equal(rig_info(job.rig)->boot_state, FERRY_BOOT_TRIAL);
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 4}, 30000);
    job.cfg.link.no_reboot = true;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    assert_int_equal(rig_reboots(job.rig), 0);
    assert_true(link_job_holds(&job, "app.bin") && ferry_job_result(&job.job)->verified);
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 5}, 30000);
    job.cfg.dry_run = true;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    assert_int_equal(rig_erases(job.rig), 0);
    assert_false(ferry_job_result(&job.job)->written);
    assert_true(log_has(",planned,"));
    link_job_free(&job);
}

static void a_receiver_is_found_at_another_start_rate(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 6, .baud = 921600, .start_baud = 57600}, 20000);
    job.cfg.link.sender.start_baud = 115200;
    job.cfg.link.sender.hello_ms = 1000;
    assert_int_not_equal(link_job_run(&job, 60, 0), FERRY_OK);
    job.cfg.link.start_rates[0] = 230400;
    job.cfg.link.start_rates[1] = 57600;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    assert_true(link_job_holds(&job, "app.bin"));
    link_job_free(&job);
}

// Nobody answers and the loader cannot be reached: it is not tried.
static void without_lines_there_is_no_other_route(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 7, .dead = {false, true}}, 20000);
    job.cfg.route = FERRY_JOB_ROUTE_AUTO;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_ERR_NO_ANSWER);
    assert_int_equal(ferry_job_route(&job.job), FERRY_JOB_ROUTE_LINK);
    assert_false(link_job_says(&job, "trying the serial loader"));
    assert_true(log_has(",failed,NO_ANSWER,"));
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 8, .dead = {false, true}}, 20000);
    job.cfg.route = FERRY_JOB_ROUTE_AUTO;
    job.cfg.flasher.has_lines = true;
    job.cfg.flasher.connect_attempts = 1;
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_ERR_NO_ANSWER);
    assert_int_equal(ferry_job_route(&job.job), FERRY_JOB_ROUTE_ROM);
    assert_true(link_job_says(&job, "trying the serial loader"));
    link_job_free(&job);
}

static void cancelled_the_target_goes_on(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 9}, 100000);
    assert_int_equal(link_job_run(&job, 60, 30000), FERRY_ERR_CANCELLED);
    ferry_job_cancel(&job.job, (uint32_t)(rig_now_us(job.rig) / 1000));
    assert_int_equal(ferry_job_fault(&job.job)->status, FERRY_ERR_CANCELLED);
    assert_non_null(strstr(ferry_job_fault(&job.job)->hint, "goes on with the firmware that it runs"));
    assert_int_equal(rig_reboots(job.rig), 0);
    assert_true(log_has(",failed,CANCELLED,"));
    link_job_free(&job);
}

static void refusals_of_the_target_are_told_in_words(void **state)
{
    (void)state;
    static const struct {
        int refusal;
        uint8_t boot_state;
        int status;
        const char *what;
    } rows[] = {
        {FERRY_ERR_STATE, FERRY_BOOT_TRIAL, FERRY_ERR_BUSY, "is itself on trial"},
        {FERRY_ERR_NO_SLOT, 0, FERRY_ERR_NO_SLOT, "no second OTA slot"},
        {FERRY_ERR_IMAGE_REVISION, 0, FERRY_ERR_IMAGE_REVISION, "chip revision"},
        {FERRY_ERR_UNSUPPORTED, 0, FERRY_ERR_UNSUPPORTED, "not supported by this target"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(&(struct rig_cfg){.seed = 10 + i}, 20000);
        rig_info(job.rig)->boot_state = rows[i].boot_state;
        rig_refuse(job.rig, rows[i].refusal);
        assert_int_equal(link_job_run(&job, 60, 0), rows[i].status);
        assert_non_null(strstr(job.fault.what, rows[i].what));
        assert_true(job.fault.hint[0] != 0);
        assert_false(ferry_job_result(&job.job)->written);
        link_job_free(&job);
    }
}

// What is read of the card for a job: to check it, to hash it, and once more while it is sent.
static void a_file_that_changes_in_between_is_noticed(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 20}, 200000);
    assert_int_equal(link_job_run(&job, 60, 20000), FERRY_ERR_CANCELLED);
    struct ferry_store_stats stats;
    ferry_store_pool_stats(job.job.pool, &stats);
    assert_true(stats.bytes_read < ferry_job_result(&job.job)->bytes_total); // only what was asked for
    char *path = card_path(job.dir, "app.bin");
    FILE *f = fopen(path, "r+b");
    fseek(f, 150000, SEEK_SET);
    fputc('!', f);
    fclose(f);
    free(path);
    uint32_t wait_ms;
    for (int i = 0; i < 100000 && !ferry_job_ended(&job.job); i++) {
        ferry_job_step(&job.job, (uint32_t)(rig_now_us(job.rig) / 1000), &wait_ms);
        rig_let_run(job.rig, 500);
    }
    assert_int_equal(ferry_job_fault(&job.job)->status, FERRY_ERR_STORAGE_CHANGED);
    assert_int_equal(rig_reboots(job.rig), 0);
    link_job_free(&job);
}

// Meanwhile the receiver goes back to its start rate, and forgets the session.
static void reading_the_card_may_take_its_time(void **state)
{
    (void)state;
    static const uint32_t ms[] = {100, 700, 1400, 1600, 2500, 9000};
    for (unsigned i = 0; i < sizeof ms / sizeof ms[0]; i++) {
        start(&(struct rig_cfg){.seed = 30 + i, .start_baud = 115200}, 30000);
        job.plan_ms = ms[i];
        assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
        assert_false(link_job_says(&job, "warning: contact was lost"));
        assert_true(link_job_holds(&job, "app.bin"));
        link_job_free(&job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_and_the_log_are_as_on_the_other_route),
        cmocka_unit_test(what_runs_already_is_not_sent),
        cmocka_unit_test(no_confirm_no_reboot_dry_run),
        cmocka_unit_test(a_receiver_is_found_at_another_start_rate),
        cmocka_unit_test(without_lines_there_is_no_other_route),
        cmocka_unit_test(cancelled_the_target_goes_on),
        cmocka_unit_test(refusals_of_the_target_are_told_in_words),
        cmocka_unit_test(reading_the_card_may_take_its_time),
        cmocka_unit_test(a_file_that_changes_in_between_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
