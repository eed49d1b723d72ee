// Updates from hello to selected on the rig: what arrives in flash is compared with the image byte by byte, and the
// number of bytes asked from the source tells what was sent twice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/rig.h"

#define SLOT 0x110000u

static uint8_t image[200000];

static int make_image(void **state)
{
    uint32_t x = 1;
    (void)state;
    for (size_t i = 0; i < sizeof image; i++) {
        x = x * 1664525u + 1013904223u;
        image[i] = (uint8_t)(x >> 24);
    }
    image[0] = 0xe9;
    return 0;
}

static struct ferry_error cause(struct rig *r)
{
    struct ferry_error e;
    ferry_link_sender_ops.error(rig_sender(r), &e);
    return e;
}

static void sizes(void **state)
{
    static const uint32_t sizes[] = {1,    15,   16,    17,    255,   256,    257,   4095,
                                     4096, 4097, 65535, 65536, 65537, 131072, 199999};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (uint16_t withheld = 0; withheld <= 16; withheld = (uint16_t)(withheld + 16)) {
            struct rig_cfg c = {.seed = 1, .instant_flash = true, .withheld = withheld};
            struct rig *r = rig_new(&c, image, sizes[i]);
            assert_int_equal(rig_run(r, NULL, 30), FERRY_OK);
            assert_true(rig_selected(r));
            assert_true(rig_data_bytes(r) <= sizes[i] + 24); // and the head, for the manifest
            rig_free(r);
        }
}

static void old_bytes_around_it_stay(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true};
    struct rig *r = rig_new(&c, image, 70000);
    (void)state;
    assert_int_equal(rig_run(r, NULL, 30), FERRY_OK);
    const uint8_t *flash = sim_flash_bytes(rig_flash(r)) + SLOT;
    for (uint32_t i = 70000; i < 73728; i++)
        assert_int_equal(flash[i], 0xff); // the rest of the last sector
    for (uint32_t i = 73728; i < 80000; i++)
        assert_int_equal(flash[i], 0x5a); // no sector beyond it was erased
    rig_free(r);
}

static void over_bad_lines(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 25; seed++) {
        struct rig_cfg c = {.seed = seed,
                            .baud = seed % 2 ? 115200 : 921600,
                            .round_trip_us = seed % 5 * 4000,
                            .instant_flash = true,
                            .withheld = 16,
                            .in_order = seed % 4 < 2,
                            .log = seed % 3 == 0};
        c.ber[0] = c.ber[1] = seed % 4 * 1e-4;
        if (seed % 2)
            c.drop[0] = c.drop[1] = c.insert[0] = c.insert[1] = 0.001;
        if (seed % 3)
            c.loss_back = 0.3;
        if (seed % 5 == 0)
            c.burst_ms = 10, c.burst_every_ms = 300;
        struct rig *r = rig_new(&c, image, 60000);
        int status = rig_run(r, NULL, 300);
        if (status || !rig_selected(r))
            print_message("seed %u: %s %s\n", seed, ferry_status_name(status), cause(r).detail);
        assert_int_equal(status, FERRY_OK);
        assert_true(rig_selected(r));
        rig_free(r);
    }
}

// A chunk is lost: what follows goes to flash meanwhile, and the sender goes on. With a sink that wants its pages in
// order it stands still for half a round trip and more.
static void a_hole_does_not_stop_the_sender(void **state)
{
    uint64_t took_us[2];
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        struct rig_cfg c = {.seed = 1, .round_trip_us = 60000, .instant_flash = true, .in_order = in_order};
        struct rig *r = rig_new(&c, image, 100000);
        assert_int_equal(rig_start(r, NULL), FERRY_OK);
        while (rig_sender(r)->received < 50000)
            assert_true(rig_turn(r, 60000000));
        rig_hit(r, RIG_TO_TARGET, rig_bytes(r, RIG_TO_TARGET) + 100);
        while (!rig_ended(r))
            assert_true(rig_turn(r, 60000000));
        assert_int_equal(cause(r).status, FERRY_OK);
        assert_true(rig_selected(r));
        took_us[in_order] = rig_now_us(r);
        rig_free(r);
    }
    assert_true(took_us[0] + 30000 < took_us[1]);
}

static void over_packets(void **state)
{
    static const uint16_t mtus[] = {20, 23, 64, 185, 250, 512, 1500};
    (void)state;
    for (size_t i = 0; i < 14; i++) {
        struct rig_cfg c = {
            .seed = (uint32_t)i + 1, .mtu = mtus[i % 7], .round_trip_us = 4000, .instant_flash = true, .withheld = 16};
        if (i >= 7)
            for (int d = 0; d < 2; d++)
                c.packet_loss[d] = 0.2, c.packet_double[d] = 0.1, c.packet_swap[d] = 0.2;
        struct rig *r = rig_new(&c, image, c.mtu < 64 ? 9000 : 60000);
        int status = rig_run(r, NULL, 300);
        if (status)
            print_message("mtu %u: %s %s\n", c.mtu, ferry_status_name(status), cause(r).detail);
        assert_int_equal(status, FERRY_OK);
        assert_true(rig_selected(r));
        rig_free(r);
    }
}

// A reset of either side at many places; then the update is completed, and no more than a sector and a window is sent
// twice (what the target holds in RAM is gone; what it has in flash is proved).
static void resumes(void **state)
{
    (void)state;
    for (uint64_t at = 100; at < 121000; at += 4999)
        for (int host = 0; host < 2; host++) {
            struct rig_cfg c = {.seed = 1, .instant_flash = true, .withheld = 16, .round_trip_us = 2000};
            struct rig *r = rig_new(&c, image, 120000);
            assert_int_equal(rig_start(r, NULL), FERRY_OK);
            while (!rig_ended(r) && rig_bytes(r, RIG_TO_TARGET) < at)
                rig_turn(r, 60000000);
            assert_false(rig_ended(r));
            if (host)
                rig_reset_host(r);
            else
                rig_reset_target(r);
            if (host)
                assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
            while (!rig_ended(r))
                assert_true(rig_turn(r, 120000000));
            assert_int_equal(cause(r).status, FERRY_OK);
            assert_true(rig_selected(r));
            assert_true(rig_data_bytes(r) <= 120000 + 4096 + 4096 + 2 * 24 + 16);
            rig_free(r);
        }
}

static void altered_data_is_found_and_sent_again(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true};
    struct rig *r = rig_new(&c, image, 200000);
    (void)state;
    assert_int_equal(rig_start(r, NULL), FERRY_OK);
    while (rig_sender(r)->received < 150000)
        assert_true(rig_turn(r, 60000000));
    rig_reset_host(r);
    sim_flash_bytes(rig_flash(r))[SLOT + 70001] ^= 1; // somebody has been at it
    uint64_t before = rig_data_bytes(r);
    assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
    assert_true(rig_selected(r));
    uint64_t sent = rig_data_bytes(r) - before;
    assert_true(sent > 4096 + 40000);
    assert_true(sent <= 50000 + 4096 + 4096 + 4096 + 24);
    rig_free(r);
}

static void damage_in_flash_is_repaired_at_the_end(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true};
    struct rig *r = rig_new(&c, image, 200000);
    (void)state;
    assert_int_equal(rig_start(r, NULL), FERRY_OK);
    while (rig_sender(r)->received < 150000)
        assert_true(rig_turn(r, 60000000));
    sim_flash_bytes(rig_flash(r))[SLOT + 1000] ^= 1; // a bit of the flash that does not hold
    while (!rig_ended(r))
        assert_true(rig_turn(r, 60000000));
    assert_int_equal(cause(r).status, FERRY_OK);
    assert_true(rig_selected(r));
    assert_true(rig_data_bytes(r) <= 200000 + 4096 + 24);
    rig_free(r);
}

static void nothing_is_lost_while_it_erases(void **state)
{
    (void)state;
    for (int deaf = 0; deaf < 2; deaf++) {
        struct rig_cfg c = {.seed = 1, .round_trip_us = 3000, .withheld = 16, .deaf = deaf, .wire_buffer = 8192};
        c.wire_buffer = deaf ? 0 : 8192;
        struct rig *r = rig_new(&c, image, 200000);
        assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
        assert_true(rig_selected(r));
        assert_int_equal(rig_data_bytes(r), 200000 + 24 + 0); // every byte went once (and the head)
        assert_true(rig_erases(r) >= 3);
        rig_free(r);
    }
}

static void a_receiver_that_does_not_know_that_it_is_deaf_learns_it(void **state)
{
    struct rig_cfg c = {.seed = 1, .round_trip_us = 3000, .hidden_deaf = true, .block_erase_us = 150000};
    struct rig *r = rig_new(&c, image, 200000);
    struct ferry_link_job test = {.op = FERRY_LINK_SENDER_TEST};
    (void)state;
    // Four sectors one by one and three blocks: enough erases to be sure.
    struct ferry_event event;
    unsigned warnings = 0;
    assert_int_equal(rig_start(r, NULL), FERRY_OK);
    while (!rig_ended(r)) {
        assert_true(rig_turn(r, 120000000));
        while (ferry_link_sender_ops.event(rig_sender(r), &event))
            warnings += event.kind == FERRY_EVENT_WARNING && strstr(event.text, "loses bytes while it erases");
    }
    assert_int_equal(warnings, 1);
    assert_int_equal(cause(r).status, FERRY_OK);
    assert_true(rig_selected(r));
    assert_true(rig_lost_in_erase(r) > 0);
    assert_int_equal(rig_run(r, &test, 60), FERRY_ERR_OVERRUN);
    assert_non_null(strstr(cause(r).detail, "overrun"));
    rig_free(r);
}

static void steps_up_and_falls_back(void **state)
{
    static const uint32_t limits[] = {0, 2000000, 1000000, 500000, 200000};
    static const uint32_t best[] = {3000000, 2000000, 1000000, 460800, 115200};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct rig_cfg c = {.seed = 1,
                            .baud = 3000000,
                            .start_baud = 115200,
                            .line_max_baud = limits[i],
                            .round_trip_us = 2000,
                            .instant_flash = true};
        struct rig *r = rig_new(&c, image, 60000);
        assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
        assert_true(rig_selected(r));
        assert_int_equal(rig_sender(r)->baud, best[i]);
        assert_int_equal(rig_receiver(r)->baud, best[i]);
        rig_free(r);
    }
}

static void meet_again_at_the_start_rate(void **state)
{
    (void)state;
    for (int host = 0; host < 2; host++) {
        struct rig_cfg c = {.seed = 1,
                            .baud = 921600,
                            .start_baud = 115200,
                            .round_trip_us = 2000,
                            .instant_flash = true,
                            .hello_ms = 6000};
        struct rig *r = rig_new(&c, image, 200000);
        assert_int_equal(rig_start(r, NULL), FERRY_OK);
        while (rig_sender(r)->received < 50000)
            assert_true(rig_turn(r, 60000000));
        if (host) {
            rig_reset_host(r);
            assert_int_equal(rig_run(r, NULL, 60), FERRY_OK);
        } else {
            rig_reset_target(r);
            while (!rig_ended(r))
                assert_true(rig_turn(r, 60000000));
        }
        assert_int_equal(cause(r).status, FERRY_OK);
        assert_true(rig_selected(r));
        rig_free(r);
    }
}

static void trial_boot_is_confirmed(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true, .start_baud = 115200};
    struct rig *r = rig_new(&c, image, 60000);
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true, .confirm = true};
    (void)state;
    rig_manifest(r, &job.manifest);
    assert_int_equal(rig_run(r, &job, 60), FERRY_OK);
    assert_true(rig_confirmed(r));
    assert_int_equal(rig_reboots(r), 1);
    rig_let_run(r, 100000000);
    assert_false(rig_reverted(r));
    rig_free(r);
}

static void unconfirmed_firmware_goes_back(void **state)
{
    struct rig_cfg c = {.seed = 1, .instant_flash = true, .confirm_ms = 5000};
    struct rig *r = rig_new(&c, image, 60000);
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND, .reboot = true};
    (void)state;
    rig_manifest(r, &job.manifest);
    assert_int_equal(rig_run(r, &job, 60), FERRY_OK);
    assert_int_equal(rig_info(r)->boot_state, FERRY_BOOT_TRIAL);
    rig_let_run(r, 8000000);
    assert_true(rig_reverted(r));
    assert_int_equal(rig_info(r)->give_up, FERRY_GIVE_UP_NOT_CONFIRMED);
    assert_int_equal(rig_reboots(r), 2);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(old_bytes_around_it_stay),
        cmocka_unit_test(over_bad_lines),
        cmocka_unit_test(a_hole_does_not_stop_the_sender),
        cmocka_unit_test(over_packets),
        cmocka_unit_test(resumes),
        cmocka_unit_test(altered_data_is_found_and_sent_again),
        cmocka_unit_test(damage_in_flash_is_repaired_at_the_end),
        cmocka_unit_test(nothing_is_lost_while_it_erases),
        cmocka_unit_test(a_receiver_that_does_not_know_that_it_is_deaf_learns_it),
        cmocka_unit_test(steps_up_and_falls_back),
        cmocka_unit_test(meet_again_at_the_start_rate),
        cmocka_unit_test(trial_boot_is_confirmed),
        cmocka_unit_test(unconfirmed_firmware_goes_back),
    };
    return cmocka_run_group_tests(tests, make_image, NULL);
}
