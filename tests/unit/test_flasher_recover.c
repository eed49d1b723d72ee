// Trouble on the way: damaged, lost, doubled and delayed bytes, a target that resets, noise. Ends proved or in a named
// error, never hangs, never claims what is not so. The peer is the virtual chip with faults on its line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static uint8_t image[20000], large[4u << 20];

static int fill(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 11);
    world_firmware(large, sizeof large, 12);
    return 0;
}

static const struct world_part parts[] = {{0x8000, image + 50, 3072}, {0x10000, image, sizeof image}};

static void one_error_per_100_kb_of_4_mib(void **state)
{
    (void)state;
    struct world_part part = {0, large, sizeof large};
    struct world *w =
        world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true, .sim = {.line = {.error_every = 100000}}});
    struct world_result r = world_flash(w, &part, 1);
    assert_int_equal(r.status, 0);
    assert_true(world_holds(w, &part, 1));
    assert_true(r.retries > 10);
    print_message("4 MiB with an error per 100 KB: %.1f s, %u repetitions\n", (double)r.us / 1e6, (unsigned)r.retries);
    world_free(w);
}

static void random_noise_ends_well_or_named(void **state)
{
    (void)state;
    static const double rates[] = {1e-6, 1e-5, 5e-5, 2e-4, 1e-3};
    for (size_t i = 0; i < 5; i++) {
        for (uint32_t seed = 1; seed <= 3; seed++) {
            struct world *w = world_new(
                &(struct world_cfg){.chip = seed % 2 ? "esp32c3" : "esp32",
                                    .used_flash = true,
                                    .sim = {.seed = seed, .line = {.ber_to_chip = rates[i], .ber_to_host = rates[i]}}});
            struct world_result r = world_flash(w, parts, 2);
            if (r.hung || (r.status == 0 && !world_holds(w, parts, 2)))
                print_error("rate %g seed %u\n", rates[i], seed);
            assert_false(r.hung);
            if (r.status == 0)
                assert_true(world_holds(w, parts, 2));
            world_free(w);
        }
    }
}

struct resetter {
    uint64_t at_us;
    bool done;
    bool power;
};

static void reset_once(void *ctx, struct world *w)
{
    struct resetter *self = ctx;
    if (self->done || world_now_us(w) < self->at_us)
        return;
    self->done = true;
    if (self->power) {
        sim_chip_power(world_chip(w), false);
        sim_flash_power_on(world_flash_chip(w));
        sim_chip_power(world_chip(w), true);
    } else {
        sim_chip_lines(world_chip(w), true, false);
        sim_chip_lines(world_chip(w), false, false);
    }
}

static void a_target_that_resets_at_any_time(void **state)
{
    (void)state;
    for (int power = 0; power < 2; power++) {
        for (uint64_t at = 1000; at < 1200000; at += 37000) {
            struct resetter resetter = {.at_us = at, .power = power};
            struct world *w = world_new(&(struct world_cfg){.chip = at % 2000 ? "esp32c3" : "esp32",
                                                            .used_flash = true,
                                                            .each_step = reset_once,
                                                            .ctx = &resetter});
            struct world_result r = world_flash(w, parts, 2);
            if (r.status != 0 || r.hung || !world_holds(w, parts, 2))
                print_error("reset at %llu us: %s\n", (unsigned long long)at, ferry_status_name(r.status));
            assert_false(r.hung);
            assert_int_equal(r.status, 0);
            assert_true(world_holds(w, parts, 2));
            world_free(w);
        }
    }
}

static void a_target_that_resets_and_has_no_lines(void **state)
{
    (void)state;
    struct resetter resetter = {.at_us = 700000};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3",
                                                    .used_flash = true,
                                                    .no_lines = true,
                                                    .sim = {.boot_download = false},
                                                    .each_step = reset_once,
                                                    .ctx = &resetter});
    // Boot is held until the loader runs.
    sim_chip_lines(world_chip(w), true, true);
    sim_chip_lines(world_chip(w), false, true);
    struct world_result r = world_flash(w, parts, 2);
    assert_false(r.hung);
    assert_true(r.status == FERRY_ERR_TIMEOUT || r.status == FERRY_ERR_TARGET_RESET);
    world_free(w);
}

static void another_target_in_the_middle(void **state)
{
    (void)state;
    // The flasher must not go on with a chip that has another MAC: seen through the compare of what CONNECT read.
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    assert_int_equal(world_connect(w).status, 0);
    world_flasher(w)->mac_before[5] ^= 1;
    sim_chip_lines(world_chip(w), true, false);
    sim_chip_lines(world_chip(w), false, false);
    struct world_result r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, parts, 2);
    assert_int_equal(r.status, FERRY_ERR_WRONG_CHIP);
    world_free(w);
}

static void stuck_bits(void *ctx, struct world *w)
{
    (void)ctx;
    sim_flash_bytes(world_flash_chip(w))[0x12345] &= 0xfe;
}

static void flash_that_does_not_take_it_is_named(void **state)
{
    (void)state;
    static uint8_t ones[20000];
    memset(ones, 0x55, sizeof ones); // bit 0 must be 1 where the flash has it stuck at 0
    struct world_part part = {0x10000, ones, sizeof ones};
    for (int plain = 0; plain < 2; plain++) {
        struct world *w = world_new(
            &(struct world_cfg){.chip = "esp32c3", .used_flash = true, .no_deflate = plain, .each_step = stuck_bits});
        struct world_result r = world_flash(w, &part, 1);
        assert_true(r.status == FERRY_ERR_VERIFY || r.status == FERRY_ERR_WRITE_FAILED);
        assert_int_equal(r.error.address, 0x10000);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_error_per_100_kb_of_4_mib),    cmocka_unit_test(random_noise_ends_well_or_named),
        cmocka_unit_test(a_target_that_resets_at_any_time), cmocka_unit_test(a_target_that_resets_and_has_no_lines),
        cmocka_unit_test(another_target_in_the_middle),     cmocka_unit_test(flash_that_does_not_take_it_is_named),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
