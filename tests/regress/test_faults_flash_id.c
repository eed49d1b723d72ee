// The flash id was taken from one run of the SPI registers' little program: one damaged WRITE_REG (requests carry no
// checksum) made a healthy flash chip "000000" or of unknown size, and the session ended there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/faults.h"

static void one_damaged_byte_never_makes_another_flash_id(void **state)
{
    (void)state;
    static const char *const setups[] = {"c3-deflate-w1", "32-deflate-w1"};
    for (size_t s = 0; s < 2; s++) {
        struct faults_case c;
        char id[FAULTS_ID_SIZE];
        snprintf(id, sizeof id, "%s:flip:chip:0", setups[s]);
        assert_true(faults_parse(id, &c));
        struct world_cfg cfg = faults_world(faults_setup(c.setup));
        struct world *w = world_new(&cfg);
        struct world_result clean = world_connect(w);
        const uint32_t flash_id = ferry_flasher_target(world_flasher(w))->flash_id;
        assert_int_equal(clean.status, 0);
        world_free(w);
        for (uint64_t at = 0; at < clean.sent_bytes; at++) {
            struct sim_fault fault = {.kind = SIM_FAULT_FLIP, .at_byte = at};
            cfg.sim.line.faults = &fault;
            cfg.sim.line.fault_count = 1;
            w = world_new(&cfg);
            struct world_result r = world_connect(w);
            if (r.status != 0)
                print_error("%s: byte %u flipped: %s\n", setups[s], (unsigned)at, ferry_status_name(r.status));
            assert_int_equal(r.status, 0);
            assert_int_equal(ferry_flasher_target(world_flasher(w))->flash_id, flash_id);
            world_free(w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_damaged_byte_never_makes_another_flash_id)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
