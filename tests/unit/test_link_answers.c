// Answers that never come: the target has done what was asked, and the updater cannot know. The way back is cut, or the
// target restarts, at every byte of the end of an update; then everything must come out as if nothing had been lost.
//
// Anchor: the rig's sink counts what the target was told (bytes written, restarts, confirmations), the engines do not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/rig.h"

#define SIZE 9000u

static uint8_t image[SIZE];

static int make_image(void **state)
{
    uint32_t x = 7;
    (void)state;
    for (size_t i = 0; i < sizeof image; i++) {
        x = x * 1664525u + 1013904223u;
        image[i] = (uint8_t)(x >> 24);
    }
    image[0] = 0xe9;
    return 0;
}

static int status_of(struct rig *r)
{
    struct ferry_error e;
    ferry_link_sender_ops.error(rig_sender(r), &e);
    return e.status;
}

static struct rig *new_rig(void)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true, .withheld = 16, .round_trip_us = 2000};
    return rig_new(&c, image, SIZE);
}

static void start(struct rig *r, bool reboot)
{
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = reboot, .confirm = reboot};
    rig_manifest(r, &job.manifest);
    assert_int_equal(rig_start(r, &job), FERRY_OK);
}

static void finish(struct rig *r)
{
    uint64_t limit = rig_now_us(r) + 60000000;
    while (!rig_ended(r))
        assert_true(rig_turn(r, limit));
}

// Bytes that the target has sent when all was received, and when the update had ended.
static void measure(bool reboot, uint64_t *from, uint64_t *to)
{
    struct rig *r = new_rig();
    start(r, reboot);
    while (rig_sender(r)->received < SIZE && !rig_ended(r))
        rig_turn(r, 60000000);
    *from = rig_bytes(r, RIG_TO_HOST);
    finish(r);
    *to = rig_bytes(r, RIG_TO_HOST);
    assert_int_equal(status_of(r), FERRY_OK);
    rig_free(r);
}

static void run_until(struct rig *r, uint64_t bytes)
{
    while (!rig_ended(r) && rig_bytes(r, RIG_TO_HOST) < bytes)
        assert_true(rig_turn(r, 60000000));
}

// The way back falls silent for longer than contact lasts, from each byte on.
static void the_way_back_is_cut(void **state)
{
    (void)state;
    for (int reboot = 0; reboot < 2; reboot++) {
        uint64_t from, to;
        measure(reboot, &from, &to);
        assert_true(to > from + 50);
        for (uint64_t at = from; at < to; at++) {
            struct rig *r = new_rig();
            start(r, reboot);
            run_until(r, at);
            rig_cut(r, RIG_TO_HOST, true);
            uint64_t until = rig_now_us(r) + 4000000;
            while (!rig_ended(r) && rig_turn(r, until))
                ;
            rig_cut(r, RIG_TO_HOST, false);
            finish(r);
            if (status_of(r) || rig_reboots(r) != (unsigned)reboot || rig_data_bytes(r) > SIZE + 24 + 16)
                print_message("reboot %d, cut at byte %u of %u .. %u: status %s, %u restarts, %u bytes\n", reboot,
                              (unsigned)at, (unsigned)from, (unsigned)to, ferry_status_name(status_of(r)),
                              rig_reboots(r), (unsigned)rig_data_bytes(r));
            assert_int_equal(status_of(r), FERRY_OK);
            assert_int_equal(rig_reboots(r), reboot);
            assert_int_equal(rig_confirmed(r), reboot);
            assert_true(rig_data_bytes(r) <= SIZE + 24 + 16); // nothing but what the target kept in RAM went twice
            rig_free(r);
        }
    }
}

// The target restarts by itself at each byte: before it has selected the image it starts the old firmware, afterwards
// the new one.
static void the_target_restarts(void **state)
{
    uint64_t from, to;
    (void)state;
    measure(true, &from, &to);
    for (uint64_t at = from; at < to; at++) {
        struct rig *r = new_rig();
        start(r, true);
        run_until(r, at);
        bool selected = rig_selected(r);
        if (!rig_ended(r) && rig_reboots(r) == 0) {
            rig_restart_target(r);
            finish(r);
            assert_int_equal(status_of(r), FERRY_OK);
            assert_true(rig_confirmed(r));
            // With the image selected its restart is the one that is wanted.
            assert_int_equal(rig_reboots(r), selected ? 1 : 2);
        }
        rig_free(r);
    }
}

// Another updater process comes, which knows nothing of the first.
static void another_updater_finds_it_on_trial(void **state)
{
    struct rig *r = new_rig();
    (void)state;
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true};
    rig_manifest(r, &job.manifest);
    assert_int_equal(rig_run(r, &job, 60), FERRY_OK);
    assert_false(rig_confirmed(r));
    rig_reset_host(r);
    uint64_t before = rig_data_bytes(r);
    job.confirm = true;
    assert_int_equal(rig_run(r, &job, 60), FERRY_OK);
    assert_true(rig_confirmed(r));
    assert_int_equal(rig_data_bytes(r), before);
    assert_int_equal(rig_reboots(r), 1);
    rig_free(r);
}

// CONFIRM: its answer is lost, the firmware stays; or it was given up before the question came: that is not the same.
static void confirm_again(void **state)
{
    struct ferry_link_job confirm = {.op = FERRY_LINK_SENDER_CONFIRM};
    (void)state;
    for (int reverted = 0; reverted < 2; reverted++) {
        struct rig *r = new_rig();
        struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true};
        rig_manifest(r, &job.manifest);
        assert_int_equal(rig_run(r, &job, 60), FERRY_OK);
        assert_int_equal(rig_start(r, &confirm), FERRY_OK);
        rig_cut(r, reverted ? RIG_TO_TARGET : RIG_TO_HOST, true);
        uint64_t until = rig_now_us(r) + 4000000;
        while (rig_turn(r, until))
            ;
        assert_int_equal(rig_confirmed(r), !reverted);
        if (reverted) {
            rig_info(r)->boot_state = FERRY_BOOT_REVERTED;
            rig_info(r)->give_up = FERRY_GIVE_UP_CRASHED;
            memset(rig_info(r)->sha256, 0x11, 32);
            rig_reset_target(r);
        }
        rig_cut(r, RIG_TO_TARGET, false);
        rig_cut(r, RIG_TO_HOST, false);
        finish(r);
        assert_int_equal(status_of(r), reverted ? FERRY_ERR_NOT_CONFIRMED : FERRY_OK);
        rig_free(r);
    }
}

// The firmware that runs, confirmed, is sent once more because somebody wants it so: contact lost after END is then no
// proof that the copy was selected.
static void the_same_firmware_again(void **state)
{
    struct rig *r = new_rig();
    (void)state;
    start(r, true);
    finish(r);
    assert_int_equal(status_of(r), FERRY_OK);
    uint64_t before = rig_data_bytes(r);
    start(r, false);
    while (!rig_selected(r) && !rig_ended(r))
        assert_true(rig_turn(r, 120000000));
    assert_true(rig_data_bytes(r) - before >= 24);
    rig_cut(r, RIG_TO_HOST, true);
    uint64_t until = rig_now_us(r) + 4000000;
    while (rig_turn(r, until))
        ;
    rig_cut(r, RIG_TO_HOST, false);
    finish(r);
    assert_int_equal(status_of(r), FERRY_OK);
    assert_true(rig_selected(r));
    rig_free(r);
}

// A rate that falls back because nobody speaks is no sign of life: the session ends when it should.
static void falling_back_does_not_prolong_a_session(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true, .start_baud = 115200, .baud = 921600};
    struct rig *r = rig_new(&c, image, SIZE);
    (void)state;
    assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
    assert_int_equal(rig_receiver(r)->baud, 921600);
    rig_let_run(r, 9000000);
    assert_int_equal(rig_receiver(r)->baud, 115200);
    assert_true(rig_receiver(r)->session != 0);
    rig_let_run(r, 2000000);
    assert_int_equal(rig_receiver(r)->session, 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_back_is_cut),
        cmocka_unit_test(the_target_restarts),
        cmocka_unit_test(another_updater_finds_it_on_trial),
        cmocka_unit_test(confirm_again),
        cmocka_unit_test(the_same_firmware_again),
        cmocka_unit_test(falling_back_does_not_prolong_a_session),
    };
    return cmocka_run_group_tests(tests, make_image, NULL);
}
