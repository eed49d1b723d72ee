// The job, driven by an engine made for the test: a target with a flash in memory that does one thing a step, counts
// what it is asked for, and fails or is killed where the test says. The cargo is real (tests/support/card.h), so the
// truth about what has to be on the flash is the files on the card, read by the test itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "tests/support/card.h"
#include "tests/support/fake_target.h"
#include "updater/card.h"
#include "updater/job.h"

// ---- the rig around it ----

struct rig {
    char *dir;
    struct fake fake;
    struct ferry_job_engine engine;
    struct ferry_stream stream;
    struct ferry_posix_digest digest_state;
    struct ferry_digest digest;
    struct ferry_posix_deflate deflate_state;
    struct ferry_deflate deflate;
    struct ferry_card card;
    struct ferry_log log;
    struct ferry_job_cfg cfg;
    struct ferry_job job;
    uint32_t now_ms;
};

static int no_bytes(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx, (void)buf, (void)cap;
    return 0;
}

static int all_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx, (void)bytes;
    return (int)len;
}

// A card with an ESP-IDF build for the ESP32-C3, a blank target.
static struct rig *rig_new(void (*fill)(const char *dir))
{
    struct rig *r = calloc(1, sizeof *r);
    struct ferry_fault fault;
    r->dir = card_new();
    fill(r->dir);
    fake_new(&r->fake, NULL);
    r->engine = (struct ferry_job_engine){&fake_ops, fake_start, fake_target, &r->fake};
    r->stream = (struct ferry_stream){.read = no_bytes, .write = all_bytes};
    r->digest = ferry_posix_digest_init(&r->digest_state);
    r->deflate = ferry_posix_deflate_init(&r->deflate_state, NULL);
    assert_int_equal(ferry_card_open(&r->card, r->dir, NULL, &fault), FERRY_OK);
    assert_int_equal(ferry_log_init(&r->log, r->dir), FERRY_OK);
    char *journal = card_path(r->dir, ".ferry");
    r->cfg = (struct ferry_job_cfg){.port_name = "port",
                                    .stream = &r->stream,
                                    .engine = &r->engine,
                                    .choose = ferry_card_choose,
                                    .choose_ctx = &r->card,
                                    .cargo = {.digest = &r->digest},
                                    .deflate = &r->deflate,
                                    .journal_dir = journal,
                                    .log = &r->log};
    return r;
}

static void rig_free(struct rig *r)
{
    free((char *)r->cfg.journal_dir);
    free(r->fake.flash);
    ferry_posix_digest_close(&r->digest_state);
    ferry_posix_deflate_close(&r->deflate_state);
    card_remove(r->dir);
    free(r);
}

static void fill_build(const char *dir)
{
    card_put_idf_build(dir, NULL, "esp32c3");
}

static void fill_app(const char *dir)
{
    card_put_app(dir, "app.bin", "esp32c3");
}

static void step(struct rig *r)
{
    uint32_t wait_ms = 0;
    ferry_job_step(&r->job, r->now_ms, &wait_ms);
    r->now_ms += wait_ms && wait_ms < FERRY_NEVER_MS ? wait_ms : 1;
}

static enum ferry_job_state run(struct rig *r)
{
    assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
    for (unsigned i = 0; i < 100000 && !ferry_job_ended(&r->job); i++)
        step(r);
    assert_true(ferry_job_ended(&r->job));
    return r->job.state;
}

// The same target again, after whatever happened: its flash stays.
static void again(struct rig *r)
{
    fake_new(&r->fake, r->fake.flash);
}

// True when every region's file content is on the flash; sizes and addresses from a plan of the test's own.
static bool flash_is_right(struct rig *r)
{
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    struct ferry_cargo cargo;
    struct ferry_fault fault;
    struct ferry_cargo_options options = {.digest = &r->digest};
    assert_int_equal(ferry_card_choose(&r->card, &r->fake.target, &cargo, &fault), FERRY_OK);
    assert_int_equal(ferry_cargo_plan(&cargo, &r->fake.target, &options, plan, &fault), FERRY_OK);
    bool right = true;
    for (uint8_t i = 0; i < plan->count; i++) {
        uint8_t *bytes = malloc(plan->regions[i].size);
        assert_int_equal(plan->sources[i].read(plan->sources[i].ctx, 0, bytes, plan->regions[i].size), FERRY_OK);
        right = right && memcmp(bytes, r->fake.flash + plan->regions[i].address, plan->regions[i].size) == 0;
        free(bytes);
    }
    ferry_plan_close(plan);
    free(plan);
    return right;
}

static unsigned journals(const struct rig *r)
{
    unsigned count = 0;
    DIR *folder = opendir(r->cfg.journal_dir);
    for (struct dirent *e; folder && (e = readdir(folder));)
        count += strstr(e->d_name, ".fjr") != NULL;
    if (folder)
        closedir(folder);
    return count;
}

static char *log_text(const struct rig *r)
{
    FILE *f = fopen(r->log.path, "rb");
    char *text = calloc(1, 65536);
    if (f) {
        size_t n = fread(text, 1, 65535, f);
        text[n] = 0;
        fclose(f);
    }
    return text;
}

static bool log_has(const struct rig *r, const char *what)
{
    char *text = log_text(r);
    bool has = strstr(text, what) != NULL;
    free(text);
    return has;
}

static bool told(struct rig *r, enum ferry_event_kind kind, const char *what)
{
    struct ferry_job_event event;
    bool found = false;
    while (ferry_job_event(&r->job, &event))
        found = found || (event.kind == kind && strstr(event.text, what));
    return found;
}

// ---- tests ----

static void test_a_build_is_written_proved_and_logged(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    assert_int_equal(run(r), FERRY_JOB_DONE);
    const struct ferry_job_result *result = ferry_job_result(&r->job);
    assert_true(result->verified);
    assert_true(result->written);
    assert_int_equal(result->bytes_written + result->bytes_skipped, result->bytes_total);
    assert_true(result->bytes_written > result->bytes_skipped); // a blank otadata is there already
    assert_true(flash_is_right(r));
    static const unsigned order[] = {FERRY_ROM_CONNECT, FERRY_ROM_WRITE, FERRY_ROM_LEAVE};
    assert_int_equal(r->fake.order_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(r->fake.order[i], order[i]);
    assert_int_equal(journals(r), 0);
    assert_true(log_has(r, ",02:04:06:08:0a:0c,esp32c3,v0.4,port,"));
    assert_true(log_has(r, ",ok,,"));
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_unchanged_is_skipped_and_counted(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    assert_int_equal(run(r), FERRY_JOB_DONE);
    ferry_job_close(&r->job);
    again(r);
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_int_equal(ferry_job_result(&r->job)->bytes_written, 0);
    assert_int_equal(ferry_job_result(&r->job)->bytes_skipped, ferry_job_result(&r->job)->bytes_total);
    assert_true(ferry_job_result(&r->job)->verified);
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_dry_run_and_verify_change_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    r->cfg.dry_run = true;
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_int_equal(r->fake.starts[FERRY_ROM_WRITE], 0);
    assert_int_equal(r->fake.starts[FERRY_ROM_LEAVE], 1);
    assert_false(ferry_job_result(&r->job)->written);
    assert_true(log_has(r, ",planned,"));
    ferry_job_close(&r->job);
    again(r);
    r->cfg.dry_run = false;
    r->cfg.verify_only = true;
    assert_int_equal(run(r), FERRY_JOB_FAILED);
    assert_int_equal(ferry_job_fault(&r->job)->status, FERRY_ERR_VERIFY);
    assert_false(ferry_job_result(&r->job)->verified);
    assert_int_equal(journals(r), 0);
    for (uint32_t i = 0; i < FAKE_FLASH_SIZE; i++)
        assert_int_equal(r->fake.flash[i], 0xff);
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_erase_all_comes_before_the_write(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    memset(r->fake.flash, 0, FAKE_FLASH_SIZE);
    r->cfg.erase_all = true;
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_int_equal(r->fake.order[1], FERRY_ROM_ERASE_CHIP);
    assert_int_equal(r->fake.order[2], FERRY_ROM_WRITE);
    assert_int_equal(r->fake.flash[FAKE_FLASH_SIZE - 1], 0xff);
    assert_true(flash_is_right(r));
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_no_proof_is_not_called_verified(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    r->fake.target.secure_download = true;
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_false(ferry_job_result(&r->job)->verified);
    assert_true(log_has(r, ",unverified,"));
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_the_wrong_chip_is_refused_and_the_target_started_again(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    r->fake.target.chip = ferry_chip_by_id(FERRY_CHIP_ESP32S3);
    assert_int_equal(run(r), FERRY_JOB_FAILED);
    assert_int_equal(ferry_status_class_of(ferry_job_fault(&r->job)->status), FERRY_CLASS_IMAGE);
    assert_int_equal(r->fake.starts[FERRY_ROM_WRITE], 0);
    assert_int_equal(r->fake.starts[FERRY_ROM_LEAVE], 1);
    assert_false(ferry_job_result(&r->job)->written);
    assert_true(log_has(r, ",failed,"));
    assert_true(log_has(r, ferry_status_name(ferry_job_fault(&r->job)->status)));
    ferry_job_close(&r->job);
    rig_free(r);
}

// A build that has to be fetched first: the target waits, unwritten, and the job can be ended meanwhile.
static unsigned not_yet; // choose() says so this often

static int choose_later(void *ctx, const struct ferry_target *target, struct ferry_cargo *out,
                        struct ferry_fault *fault)
{
    if (not_yet-- > 0)
        return ferry_fault_set(fault, FERRY_ERR_BUSY, "", "not yet");
    return ferry_card_choose(ctx, target, out, fault);
}

static void test_the_firmware_may_come_later(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    r->cfg.choose = choose_later;
    not_yet = 20;
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_true(not_yet == UINT_MAX && r->now_ms >= 20 * 20); // asked now and then, not all the time
    assert_int_equal(r->fake.starts[FERRY_ROM_CONNECT], 1);
    assert_true(flash_is_right(r));
    ferry_job_close(&r->job);
    again(r);
    assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
    for (unsigned i = 0; i < 100; i++)
        step(r);
    assert_int_equal(r->job.state, FERRY_JOB_PLANNING);
    ferry_job_cancel(&r->job, r->now_ms);
    assert_true(ferry_job_fault(&r->job)->status == FERRY_ERR_CANCELLED && r->fake.starts[FERRY_ROM_WRITE] == 0);
    ferry_job_close(&r->job);
    rig_free(r);
}

static void put_table(struct rig *r, struct card_bytes table)
{
    memcpy(r->fake.flash + 0x8000, table.bytes, table.len);
    card_free(&table);
}

static void test_a_single_app_goes_where_the_targets_own_table_says(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_app);
    put_table(r, card_make_factory_table());
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_true(r->fake.starts[FERRY_ROM_READ] >= 1);
    assert_int_equal(ferry_job_plan(&r->job)->regions[0].address, 0x10000);
    assert_int_equal(r->fake.flash[0x10000], 0xe9);
    assert_true(ferry_job_result(&r->job)->verified);
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_a_single_app_without_a_table_is_refused(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_app);
    assert_int_equal(run(r), FERRY_JOB_FAILED);
    assert_int_equal(r->fake.starts[FERRY_ROM_WRITE], 0);
    assert_true(ferry_job_fault(&r->job)->what[0] != 0);
    ferry_job_close(&r->job);
    rig_free(r);
}

// The engine fails at step i, for every i: never "done", the cause is kept, the log has its line; then the same job
// again ends well, and what the first one had proved is not sent a second time.
static void test_a_failure_at_every_step(void **state)
{
    (void)state;
    unsigned count = 0;
    struct rig *smooth = rig_new(fill_build);
    assert_int_equal(run(smooth), FERRY_JOB_DONE);
    uint32_t needed = smooth->fake.sent;
    ferry_job_close(&smooth->job);
    rig_free(smooth);
    for (unsigned i = 1;; i++, count++) {
        struct rig *r = rig_new(fill_build);
        r->fake.fail_at = i;
        r->fake.failure = i % 2 ? FERRY_ERR_TARGET_RESET : FERRY_ERR_TIMEOUT;
        enum ferry_job_state ended = run(r);
        if (r->fake.steps < i) {
            assert_int_equal(ended, FERRY_JOB_DONE);
            ferry_job_close(&r->job);
            rig_free(r);
            break;
        }
        assert_int_equal(ended, FERRY_JOB_FAILED);
        assert_int_equal(ferry_job_fault(&r->job)->status, r->fake.failure);
        assert_true(log_has(r, i % 2 ? ",TARGET_RESET," : ",TIMEOUT,"));
        const char *hint = ferry_job_fault(&r->job)->hint; // this port has no lines
        assert_true(i % 2 || strstr(hint, "hold BOOT") || strstr(hint, "press the target's reset button"));
        uint32_t sent = r->fake.sent;
        ferry_job_close(&r->job);
        again(r);
        assert_int_equal(run(r), FERRY_JOB_DONE);
        assert_true(flash_is_right(r));
        assert_int_equal(sent + r->fake.sent, needed);
        assert_int_equal(journals(r), 0);
        ferry_job_close(&r->job);
        rig_free(r);
    }
    print_message("failed at %u steps, one at a time\n", count);
    assert_true(count > 5);
}

// Nothing is closed: the job's memory is as good as gone, and only what the system has of the files is left.
static void kill_job(struct rig *r)
{
    if (r->job.journal.file)
        fclose(r->job.journal.file); // the descriptor is closed by the system; all bytes are there already
    r->job.journal.file = NULL;
    r->job.journal.path[0] = 0;
    r->job.cfg.log = NULL;
    ferry_job_close(&r->job);
}

// The updater is killed after step i, for every i; a new one takes over, and is told by the journal what was proved.
static void test_a_kill_after_every_step(void **state)
{
    (void)state;
    unsigned count = 0, resumed = 0;
    for (unsigned i = 0;; i++, count++) {
        struct rig *r = rig_new(fill_build);
        assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
        for (unsigned k = 0; k < i && !ferry_job_ended(&r->job); k++)
            step(r);
        bool ended = ferry_job_ended(&r->job);
        uint32_t proved = r->fake.done;
        kill_job(r);
        again(r);
        assert_int_equal(run(r), FERRY_JOB_DONE);
        assert_true(flash_is_right(r));
        assert_true(ferry_job_result(&r->job)->resumed <= proved);
        if (ferry_job_result(&r->job)->resumed) {
            resumed++;
            assert_true(told(r, FERRY_EVENT_NOTE, "interrupted"));
        }
        assert_int_equal(journals(r), 0);
        ferry_job_close(&r->job);
        rig_free(r);
        if (ended)
            break;
    }
    print_message("killed after %u steps, one at a time; %u resumed from the journal\n", count, resumed);
    assert_true(resumed > 0);
}

static void test_the_journal_becomes_the_flashers_proved_bits(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
    while (r->fake.region == 0 && !ferry_job_ended(&r->job))
        step(r);
    uint32_t proved = r->fake.done;
    kill_job(r);
    again(r);
    assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
    while (r->job.state != FERRY_JOB_WRITING)
        step(r);
    assert_int_equal(r->fake.proved_bits & 1, 1); // the first segment of the first region
    assert_int_equal(ferry_job_result(&r->job)->resumed, proved);
    ferry_job_cancel(&r->job, r->now_ms);
    assert_int_equal(ferry_job_fault(&r->job)->status, FERRY_ERR_CANCELLED);
    assert_true(log_has(r, ",CANCELLED,"));
    assert_int_equal(journals(r), 1); // for the next time
    ferry_job_close(&r->job);
    rig_free(r);
}

static void damage_journal(struct rig *r)
{
    DIR *folder = opendir(r->cfg.journal_dir);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));)
        if (strstr(e->d_name, ".fjr")) {
            char *path = card_path(r->cfg.journal_dir, e->d_name);
            FILE *f = fopen(path, "r+b");
            fseek(f, 20, SEEK_SET);
            fputc(0x5a, f);
            fputc(0xa5, f);
            fclose(f);
            free(path);
        }
    closedir(folder);
}

static void test_a_damaged_journal_is_told_and_ignored(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
    while (r->fake.done == 0)
        step(r);
    kill_job(r);
    damage_journal(r);
    again(r);
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_true(told(r, FERRY_EVENT_WARNING, "journal"));
    assert_int_equal(ferry_job_result(&r->job)->resumed, 0);
    assert_true(flash_is_right(r));
    ferry_job_close(&r->job);
    rig_free(r);
}

static void test_a_card_that_takes_no_log_and_no_journal_is_told_and_the_job_goes_on(void **state)
{
    (void)state;
    struct rig *r = rig_new(fill_build);
    card_put_text(r->dir, "ferry-log.csv/x", "in the way");
    card_put_text(r->dir, ".ferry", "in the way");
    assert_int_equal(run(r), FERRY_JOB_DONE);
    assert_true(flash_is_right(r));
    bool journal = false, log = false;
    for (struct ferry_job_event e; ferry_job_event(&r->job, &e);) {
        journal = journal || (e.kind == FERRY_EVENT_WARNING && strstr(e.text, "journal"));
        log = log || (e.kind == FERRY_EVENT_WARNING && strstr(e.text, "log cannot be written"));
    }
    assert_true(journal);
    assert_true(log);
    ferry_job_close(&r->job);
    rig_free(r);
}

// The card is pulled out (its files vanish, shrink, change) after step i, for every i.
static void spoil(const char *dir, unsigned how)
{
    char *app = card_path(dir, "demo.bin");
    if (how == 0)
        remove(app);
    else if (how == 1)
        assert_int_equal(truncate(app, 1000), 0);
    else {
        FILE *f = fopen(app, "r+b");
        fseek(f, 20000, SEEK_SET);
        fputs("other bytes than before", f);
        fclose(f);
    }
    free(app);
}

static void test_a_card_spoilt_after_every_step(void **state)
{
    (void)state;
    unsigned told_errors = 0, well = 0;
    for (unsigned how = 0; how < 3; how++)
        for (unsigned i = 0;; i++) {
            struct rig *r = rig_new(fill_build);
            assert_int_equal(ferry_job_init(&r->job, &r->cfg), FERRY_OK);
            for (unsigned k = 0; k < i && !ferry_job_ended(&r->job); k++)
                step(r);
            bool before = ferry_job_ended(&r->job);
            char *app = card_path(r->dir, "demo.bin");
            if (access(app, F_OK) == 0)
                spoil(r->dir, how);
            free(app);
            while (!ferry_job_ended(&r->job))
                step(r);
            if (r->job.state == FERRY_JOB_DONE) {
                well++; // all bytes had been read, and it is the old file, whole
            } else {
                int cls = ferry_status_class_of(ferry_job_fault(&r->job)->status);
                assert_true(cls == FERRY_CLASS_STORAGE || cls == FERRY_CLASS_IMAGE);
                assert_true(ferry_job_fault(&r->job)->where[0] != 0);
                told_errors++;
            }
            ferry_job_close(&r->job);
            rig_free(r);
            if (before)
                break;
        }
    print_message("spoilt: %u named errors, %u ended well\n", told_errors, well);
    assert_true(told_errors > 2);
}

static void test_cfg_that_lacks_something_is_refused(void **state)
{
    (void)state;
    struct ferry_job job;
    struct ferry_job_cfg cfg = {0};
    assert_int_equal(ferry_job_init(&job, &cfg), FERRY_ERR_ARG);
    ferry_job_close(&job);
    assert_null(ferry_job_target(&job));
    assert_null(ferry_job_plan(&job));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_build_is_written_proved_and_logged),
        cmocka_unit_test(test_unchanged_is_skipped_and_counted),
        cmocka_unit_test(test_dry_run_and_verify_change_nothing),
        cmocka_unit_test(test_erase_all_comes_before_the_write),
        cmocka_unit_test(test_no_proof_is_not_called_verified),
        cmocka_unit_test(test_the_wrong_chip_is_refused_and_the_target_started_again),
        cmocka_unit_test(test_the_firmware_may_come_later),
        cmocka_unit_test(test_a_single_app_goes_where_the_targets_own_table_says),
        cmocka_unit_test(test_a_single_app_without_a_table_is_refused),
        cmocka_unit_test(test_a_failure_at_every_step),
        cmocka_unit_test(test_a_kill_after_every_step),
        cmocka_unit_test(test_the_journal_becomes_the_flashers_proved_bits),
        cmocka_unit_test(test_a_damaged_journal_is_told_and_ignored),
        cmocka_unit_test(test_a_card_that_takes_no_log_and_no_journal_is_told_and_the_job_goes_on),
        cmocka_unit_test(test_a_card_spoilt_after_every_step),
        cmocka_unit_test(test_cfg_that_lacks_something_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
