// What people stumble over when they update a running board, one test each: provoked on a byte-accurate line against
// the real receiver, or on the card, and the updater has to name the cause. The anchor is what users reported, with the
// places where they asked: numbers are those of the list in docs/guide/link.md. Number 13 (many targets, which are
// done?) needs many: tests/e2e/updater_link.sh.
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

static void start(const struct rig_cfg *cfg)
{
    link_job_new(&job, cfg);
}

static void put_app(uint32_t size, uint32_t seed)
{
    card_put_bytes(
        job.dir, "app.bin",
        card_make_image(&(struct card_image){
            .chip_id = FERRY_CHIP_ESP32C3, .project = "blink", .version = "2.0", .data_size = size, .seed = seed}));
}

static void show(int status)
{
    const struct ferry_fault *fault = &job.fault;
    print_message("%s: %s (try: %s)\n%s", ferry_status_name(status), fault->what, fault->hint, job.told);
}

static void assert_done(int status)
{
    if (status != FERRY_OK)
        show(status);
    assert_int_equal(status, FERRY_OK);
    assert_true(ferry_job_result(&job.job)->verified);
    assert_true(link_job_holds(&job, "app.bin"));
}

// The cause, a word of the message and a word of the hint.
static void assert_fails(int status, int expected, const char *what, const char *hint)
{
    const struct ferry_fault *fault = &job.fault;
    if (status != expected || !strstr(fault->what, what) || !strstr(fault->hint, hint))
        show(status);
    assert_int_equal(status, expected);
    assert_non_null(strstr(fault->what, what));
    assert_non_null(strstr(fault->hint, hint));
}

static void assert_says(const char *text)
{
    if (!link_job_says(&job, text))
        show(0);
    assert_true(link_job_says(&job, text));
}

// ---- 1. "Written: N successfully", and then "invalid segment length" ----
// arduino-esp32 #4147: bytes lost or shifted on the wire, found at the very end. Here each is found at once.

static void bytes_lost_on_the_wire_are_sent_again_and_told(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 1, .drop = {2e-4, 2e-4}, .insert = {2e-4, 0}, .withheld = 24});
    put_app(150000, 1);
    assert_done(link_job_run(&job, 120, 0));
    assert_says("warning: the line loses bytes");
    assert_says("ferry link-test");
    link_job_free(&job);
}

static void a_file_damaged_on_the_card_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    struct card_bytes image = card_make_image(&(struct card_image){.chip_id = FERRY_CHIP_ESP32C3, .data_size = 60000});
    static const size_t cut[] = {0, 30000};
    for (unsigned i = 0; i < 2; i++) {
        start(&(struct rig_cfg){.seed = 1});
        image.bytes[20000] ^= i == 0; // shifted bits; cut off
        card_put(job.dir, "app.bin", image.bytes, cut[i] ? cut[i] : image.len);
        int status = link_job_run(&job, 20, 0);
        if (i == 0)
            assert_fails(status, FERRY_ERR_IMAGE_CHECKSUM, "the checksum is", "the file is damaged");
        else
            assert_fails(status, FERRY_ERR_IMAGE_TRUNCATED, "cut off", "copy it again");
        assert_int_equal(rig_erases(job.rig), 0);
        assert_false(ferry_job_result(&job.job)->written);
        image.bytes[20000] ^= i == 0;
        link_job_free(&job);
    }
    card_free(&image);
}

// ---- 2. Bytes lost while the flash is erased ----
// esp-idf #2424, #4984, #16158: cache off, 128 bytes of FIFO.

static void a_target_that_hears_nothing_while_it_erases(void **state)
{
    (void)state;
    for (unsigned hidden = 0; hidden < 2; hidden++) {
        start(&(struct rig_cfg){.seed = 2, .deaf = !hidden, .hidden_deaf = hidden, .window = 8192});
        put_app(200000, 2);
        assert_done(link_job_run(&job, 120, 0));
        if (hidden)
            assert_says("loses bytes while it erases");
        else
            assert_int_equal(rig_lost_in_erase(job.rig), 0); // it says so, and nothing is sent meanwhile
        link_job_free(&job);
    }
}

// ---- 3. Fixed delays instead of flow control ----
// A receiver that takes its time, and an updater that does.

static void neither_side_has_to_keep_a_pace(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 3, .page_us = 20000, .wire_buffer = 4096}); // 13 kB/s at 921600 baud
    put_app(60000, 3);
    job.pause_every_ms = 700;
    job.pause_ms = 900;
    assert_done(link_job_run(&job, 120, 0));
    if (link_job_says(&job, "warning"))
        show(0);
    assert_false(link_job_says(&job, "warning"));
    link_job_free(&job);
}

// ---- 4. Chunk sizes, the last piece, log output in the stream ----

static void any_size_arrives_whole_beside_log_output(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1000, 4095, 4096, 4097, 40001};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start(&(struct rig_cfg){.seed = 4 + i, .log = true, .chunk = i % 2 ? 1024 : 4096, .window = 16384});
        put_app(sizes[i], i);
        assert_done(link_job_run(&job, 60, 0));
        link_job_free(&job);
    }
}

// ---- 5. Which file? ----
// esp-idf #12108, "mismatch chip ID, expected 0, found 5".

static void put_bootloader(void)
{
    card_put_bytes(job.dir, "bootloader.bin",
                   card_make_image(&(struct card_image){.chip_id = FERRY_CHIP_ESP32C3, .bootloader = true}));
}

static void put_merged(void)
{
    card_put_merged(job.dir, "merged.bin", "esp32c3");
}

static void put_other_chip(void)
{
    card_put_app(job.dir, "app.bin", "esp32");
}

static void put_signed(void)
{
    struct card_bytes image = card_make_image(&(struct card_image){.chip_id = FERRY_CHIP_ESP32C3});
    image.bytes = realloc(image.bytes, image.len + 4096);
    memset(image.bytes + image.len, 0xe7, 4096);
    image.len += 4096;
    card_put_bytes(job.dir, "app.bin", image);
}

static void a_file_that_is_no_application_of_this_chip_is_named(void **state)
{
    (void)state;
    static const struct {
        void (*put)(void);
        int status;
        const char *what, *hint;
    } rows[] = {
        {put_merged, FERRY_ERR_NO_PLACE, "merged.bin is a merged image", "--route rom"},
        {put_bootloader, FERRY_ERR_NO_PLACE, "bootloader.bin is a bootloader without its app", "whole build folder"},
        {put_other_chip, FERRY_ERR_IMAGE_CHIP, "app.bin is for ESP32, connected is ESP32-C3", "build for the chip"},
        {put_signed, FERRY_ERR_NO_PLACE, "more behind its image", "--route rom"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(&(struct rig_cfg){.seed = 5});
        rows[i].put();
        assert_fails(link_job_run(&job, 20, 0), rows[i].status, rows[i].what, rows[i].hint);
        assert_int_equal(rig_erases(job.rig), 0);
        link_job_free(&job);
    }
}

static void of_a_build_folder_the_application_is_taken(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 5});
    card_put_idf_build(job.dir, NULL, "esp32c3");
    assert_int_equal(link_job_run(&job, 60, 0), FERRY_OK);
    const struct ferry_plan *plan = ferry_job_plan(&job.job);
    assert_int_equal(plan->count, 1);
    assert_int_equal(plan->cargo.kind, FERRY_CARGO_IDF_BUILD);
    assert_string_equal(ferry_job_result(&job.job)->slot, "ota_1");
    link_job_free(&job);
}

// ---- 6. No second slot, or one that is too small ----
// 0x104, 0x1506: errors that say a number.

static void no_second_slot_and_a_small_one(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 6});
    put_app(100000, 6);
    rig_info(job.rig)->slot_count = 1;
    strcpy(rig_info(job.rig)->slots[0].label, "factory");
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_NO_SLOT, "no second OTA slot", "--route rom");
    assert_says("runs from factory");
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 6});
    put_app(100000, 6);
    rig_info(job.rig)->slots[1].size = 0x10000;
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_TOO_LARGE_PARTITION, "the slot ota_1 only 65536", "larger slots");
    assert_int_equal(rig_erases(job.rig), 0);
    link_job_free(&job);
}

// ---- 7. It worked, and is gone after a power cycle ----
// esphome #16762, esp32FOTA #148: never confirmed, or rolled back by a brownout at the first start.

static void given_up(enum ferry_give_up reason, const char *what, const char *hint)
{
    start(&(struct rig_cfg){.seed = 7});
    put_app(30000, 7);
    link_job_trial(&job, reason); // the target comes back with the old firmware, and says why
    assert_fails(link_job_run(&job, 60, 0), FERRY_ERR_NOT_CONFIRMED, what, hint);
    assert_false(ferry_job_result(&job.job)->confirmed);
    link_job_free(&job);
}

static void why_the_new_firmware_is_gone(void **state)
{
    (void)state;
    given_up(FERRY_GIVE_UP_NOT_CONFIRMED, "nobody confirmed it within the set time", "has to confirm");
    given_up(FERRY_GIVE_UP_CRASHED, "it reset before it was confirmed", "weak supply");
    given_up(FERRY_GIVE_UP_INVALID, "the bootloader refused the image", "signed or encrypted");
}

// ---- 8. Interrupted: from zero again ----
// esp-idf #17520: devices that are on for a few minutes at a time never finish.

static void an_interrupted_update_goes_on(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 8, .withheld = 24});
    put_app(200000, 8);
    assert_int_equal(link_job_run(&job, 60, 120000), FERRY_ERR_CANCELLED);
    rig_reset_target(job.rig); // both sides have lost their memory
    rig_info(job.rig)->unfinished = true;
    memcpy(rig_info(job.rig)->unfinished_sha256, ferry_job_plan(&job.job)->manifest.sha256, 32);
    assert_done(link_job_run(&job, 60, 0));
    assert_says("note: an earlier update was interrupted");
    const struct ferry_job_result *r = ferry_job_result(&job.job);
    assert_true(r->resumed >= 100000);
    assert_true(r->bytes_written <= r->bytes_total - 100000);
    link_job_free(&job);
}

// ---- 9. Limits of time while the flash is erased ----
// BLE supervision time-outs, watchdogs of 30 s.

static void an_erase_may_take_its_time(void **state)
{
    (void)state;
    static const uint16_t mtus[] = {0, 244, 20};
    for (unsigned i = 0; i < 3; i++) {
        start(&(struct rig_cfg){
            .seed = 9 + i, .mtu = mtus[i], .block_erase_us = 9000000, .sector_erase_us = 3000000, .deaf = true});
        put_app(i == 2 ? 4000 : 70000, 9);
        assert_done(link_job_run(&job, 400, 0));
        link_job_free(&job);
    }
}

// ---- 10. The new firmware has no receiver ----
// esp-now #24: never again.

static void a_firmware_without_a_receiver_is_not_confirmed(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 10});
    put_app(30000, 10);
    job.cfg.link.sender.boot_ms = 15000;
    link_job_trial(&job, LINK_JOB_NO_RECEIVER);
    assert_fails(link_job_run(&job, 60, 0), FERRY_ERR_NOT_CONFIRMED, "has no receiver", "with the receiver in it");
    assert_true(ferry_job_result(&job.job)->verified); // what is in its slot is right, all the same
    link_job_free(&job);
}

// ---- 11. Flash encryption ----
// esp-idf #12553: unaligned pieces fail, 8 KiB take 400 ms.

static void writes_of_whole_encryption_blocks(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 11, .page_us = 12500});
    rig_info(job.rig)->write_unit = 32;
    put_app(50003, 11);
    assert_done(link_job_run(&job, 120, 0));
    link_job_free(&job);
}

// ---- 12. Valid at once: no way back ----
// Arduino's start code marks every firmware valid unless verifyRollbackLater() is overridden.

static void a_firmware_that_marks_itself_valid_is_told(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 12});
    put_app(30000, 12);
    link_job_trial(&job, LINK_JOB_VALID_AT_ONCE);
    assert_done(link_job_run(&job, 60, 0));
    assert_says("warning: the new firmware was not on trial");
    assert_says("verifyRollbackLater");
    link_job_free(&job);
}

// ---- 14. Wires, levels, strapping pins, supply ----

static void a_wire_that_is_not_there(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 14, .dead = {false, true}});
    put_app(30000, 14);
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_NO_ANSWER, "nothing was received at all",
                 "TX and RX are crossed");
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 14, .dead = {true, false}, .beacon_ms = 500});
    put_app(30000, 14);
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_TX_PATH, "the receiver runs but hears nothing", "our TX");
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 14, .target_real_baud = 576000, .log = true});
    put_app(30000, 14);
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_GARBAGE, "wrong baud rate", "baud");
    link_job_free(&job);
}

static void what_the_target_prints_instead(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"\r\nBrownout detector was triggered\r\n\r\n", "the supply voltage of the target drops", "stronger supply"},
        {"rst:0x1 (POWERON),boot:0x4\r\nwaiting for download\r\n", "is in its serial loader", "release BOOT"},
        {"Guru Meditation Error: Core 0 panic'ed (Load access fault)\r\n", "the firmware on the target crashes", "log"},
        {"I (31) app: hello\r\nI (32) app: temperature 21\r\n", "no receiver answers", "--route rom"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(&(struct rig_cfg){.seed = 14});
        put_app(30000, 14);
        job.says = rows[i][0];
        rig_stop(job.rig, 1, 60000000); // there is no receiver in it
        assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_TX_PATH, rows[i][1], rows[i][2]);
        link_job_free(&job);
    }
}

// ---- 15. "Only my firmware" ----

static void another_project_is_told_and_a_signature_is_no_filler(void **state)
{
    (void)state;
    start(&(struct rig_cfg){.seed = 15});
    put_app(30000, 15);
    strcpy(rig_info(job.rig)->project, "door-lock");
    assert_done(link_job_run(&job, 60, 0));
    assert_says("warning: the target runs the project door-lock; this is blink");
    link_job_free(&job);
    start(&(struct rig_cfg){.seed = 15});
    put_app(30000, 15);
    rig_refuse(job.rig, FERRY_ERR_SECURE_BOOT); // a sink that takes signed firmware only
    assert_fails(link_job_run(&job, 20, 0), FERRY_ERR_SECURE_BOOT, "only signed firmware starts", "signed firmware");
    assert_int_equal(rig_erases(job.rig), 0);
    link_job_free(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_lost_on_the_wire_are_sent_again_and_told),
        cmocka_unit_test(a_file_damaged_on_the_card_is_refused_before_anything_is_erased),
        cmocka_unit_test(a_target_that_hears_nothing_while_it_erases),
        cmocka_unit_test(neither_side_has_to_keep_a_pace),
        cmocka_unit_test(any_size_arrives_whole_beside_log_output),
        cmocka_unit_test(a_file_that_is_no_application_of_this_chip_is_named),
        cmocka_unit_test(of_a_build_folder_the_application_is_taken),
        cmocka_unit_test(no_second_slot_and_a_small_one),
        cmocka_unit_test(why_the_new_firmware_is_gone),
        cmocka_unit_test(an_interrupted_update_goes_on),
        cmocka_unit_test(an_erase_may_take_its_time),
        cmocka_unit_test(a_firmware_without_a_receiver_is_not_confirmed),
        cmocka_unit_test(writes_of_whole_encryption_blocks),
        cmocka_unit_test(a_firmware_that_marks_itself_valid_is_told),
        cmocka_unit_test(a_wire_that_is_not_there),
        cmocka_unit_test(what_the_target_prints_instead),
        cmocka_unit_test(another_project_is_told_and_a_signature_is_no_filler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
