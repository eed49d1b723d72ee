// The reset circuit: truth table of esptool's documentation ("Automatic Bootloader"), and the order in which esptool
// and pyserial set DTR and RTS, with the pauses that a network puts between them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/serve/circuit.h"

// Lets time pass to `until`; what the chip samples when EN rises goes to *boot_at_rise (-1 = EN did not rise).
static int pass(struct sim_serve_circuit *c, uint64_t *now, uint64_t until)
{
    int boot_at_rise = -1;
    for (; *now < until; *now += 1000)
        if (sim_serve_circuit_poll(c, *now))
            boot_at_rise = c->boot;
    return boot_at_rise;
}

static void truth_table(void **state)
{
    (void)state;
    struct sim_serve_circuit c = {0};
    sim_serve_circuit_set(&c, true, false, 0);
    assert_true(!c.reset && c.boot);
    sim_serve_circuit_set(&c, true, true, 0);
    assert_true(!c.reset && !c.boot);
    sim_serve_circuit_set(&c, false, true, 0);
    assert_true(c.reset && !c.boot);
    assert_true(sim_serve_circuit_deadline(&c) == UINT64_MAX);
    sim_serve_circuit_set(&c, false, false, 0);
    assert_true(c.reset && !c.boot); // the capacitor
    assert_true(sim_serve_circuit_deadline(&c) == SIM_SERVE_EN_RISE_US);
    assert_true(sim_serve_circuit_poll(&c, SIM_SERVE_EN_RISE_US));
    assert_true(!c.reset);
}

// DTR off, RTS on, 100 ms, DTR on, RTS off, 50 ms, DTR off; `gap` between each two commands.
static void classic_reset_reaches_the_loader(void **state)
{
    (void)state;
    for (uint64_t gap = 0; gap <= 150000; gap += 10000) {
        struct sim_serve_circuit c = {0};
        uint64_t now = 0;
        sim_serve_circuit_set(&c, false, true, now);
        assert_int_equal(pass(&c, &now, now + 100000 + gap), -1);
        sim_serve_circuit_set(&c, true, true, now);
        assert_int_equal(pass(&c, &now, now + gap), -1);
        sim_serve_circuit_set(&c, true, false, now);
        assert_int_equal(pass(&c, &now, now + 50000), 1);
        sim_serve_circuit_set(&c, false, false, now);
        assert_int_equal(pass(&c, &now, now + 1000000), -1);
    }
}

// The other order, through 0 0.
static void other_order_reaches_the_loader(void **state)
{
    (void)state;
    struct sim_serve_circuit c = {0};
    uint64_t now = 0;
    sim_serve_circuit_set(&c, false, true, now);
    pass(&c, &now, 100000);
    sim_serve_circuit_set(&c, false, false, now);
    assert_int_equal(pass(&c, &now, now + 10000), -1);
    sim_serve_circuit_set(&c, true, false, now);
    assert_int_equal(pass(&c, &now, now + 50000), 1);
}

static void hard_reset_starts_the_firmware(void **state)
{
    (void)state;
    struct sim_serve_circuit c = {0};
    uint64_t now = 0;
    sim_serve_circuit_set(&c, false, true, now);
    pass(&c, &now, 100000);
    sim_serve_circuit_set(&c, false, false, now);
    assert_int_equal(pass(&c, &now, now + 500000), 0);
}

static void both_asserted_lets_go_of_reset(void **state)
{
    (void)state;
    struct sim_serve_circuit c = {0};
    uint64_t now = 0;
    sim_serve_circuit_set(&c, false, true, now);
    sim_serve_circuit_set(&c, true, true, now);
    assert_int_equal(pass(&c, &now, 1000000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truth_table),
        cmocka_unit_test(classic_reset_reaches_the_loader),
        cmocka_unit_test(other_order_reaches_the_loader),
        cmocka_unit_test(hard_reset_starts_the_firmware),
        cmocka_unit_test(both_asserted_lets_go_of_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
