// Bug: a host that was late (asleep past a deadline) took an answer that already lay in the port for a time-out,
// because the pump let time pass before it read; the loader was then asked again while it went on. Peer: the virtual
// chip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/world.h"

static uint8_t image[60000];

// The thread runs every 1300 ms only, later than the time-out of a digest.
static void a_late_host_repeats_nothing(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 8);
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    assert_int_equal(world_connect(w).status, 0);
    uint64_t next;
    world_begin(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, &part, 1);
    while (world_step(w, &next))
        world_advance(w, world_now_us(w) + 1300000);
    struct world_result r = world_finish(w);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.retries, 0);
    assert_true(world_holds(w, &part, 1));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_late_host_repeats_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
