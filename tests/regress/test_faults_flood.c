// A peer that always has more bytes kept the pump busy for ever: time never came to an engine's deadlines. (A bridge
// that floods its socket; the slower kind, bytes without a pause of 25 ms, is in test_faults_hostile.c.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static const char *flood_of;

static int flood(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    size_t len = strlen(flood_of);
    for (size_t i = 0; i < cap; i++)
        buf[i] = (uint8_t)flood_of[i % len];
    return (int)cap;
}

static void a_peer_that_never_pauses_is_named(void **state)
{
    (void)state;
    static const char *const floods[] = {"\x80", "\xc0", "\xc0\x01\x08\x04", "Hello, I am no loader\r\n"};
    for (size_t i = 0; i < 4; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .limit_ms = 120000});
        struct ferry_stream stream = *world_pump(w)->stream;
        stream.read = flood;
        world_pump(w)->stream = &stream;
        flood_of = floods[i];
        struct world_result r = world_connect(w);
        assert_false(r.hung);
        assert_int_equal(r.status, i == 3 ? FERRY_ERR_BOOT_MODE : FERRY_ERR_GARBAGE);
        world_free(w);
    }
}

static void a_flood_in_the_middle_of_a_job_ends_it(void **state)
{
    (void)state;
    static uint8_t image[5000];
    world_firmware(image, sizeof image, 3);
    const struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .limit_ms = 120000});
    assert_int_equal(world_connect(w).status, 0);
    struct ferry_stream stream = *world_pump(w)->stream;
    stream.read = flood;
    world_pump(w)->stream = &stream;
    flood_of = "\x55\xaa";
    struct world_result r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, &part, 1);
    assert_false(r.hung);
    assert_true(r.status < 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_never_pauses_is_named),
        cmocka_unit_test(a_flood_in_the_middle_of_a_job_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
