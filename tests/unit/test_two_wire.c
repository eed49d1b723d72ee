// The clocked two-wire at the level of edges: it must not depend on time, so the ends tick at rates far apart, with
// jitter, and stop. The anchor is a slot drawn by hand from the header.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/wire/two_wire.h"
#include "tests/support/pins.h"

struct pair {
    struct pins pins;
    struct ferry_wire_two_wire wire[2];
    struct ferry_stream stream[2];
};

static void tick(void *wire)
{
    ferry_wire_two_wire_tick(wire);
}

static void pair_init(struct pair *p, const struct pins_cfg *cfg)
{
    memset(p, 0, sizeof *p);
    pins_init(&p->pins, cfg);
    for (int e = 0; e < 2; e++) {
        const struct ferry_pin *pin = p->pins.end[e].pin;
        p->wire[e] = (struct ferry_wire_two_wire){.clock = &pin[0], .data = &pin[1], .clocks = e == 0};
        p->stream[e] = ferry_wire_two_wire_stream(&p->wire[e]);
        pins_attach(&p->pins, e, tick, &p->wire[e]);
    }
}

// Follows the two wires as somebody with an oscilloscope would: a start, then the level of data at each rising clock.
static void draws_the_slot(void **state)
{
    static const char slot[] = "010100110"  // 0, then 0x65 lowest bit first
                               "001000001"; // 0, then 0x82
    struct pins_cfg cfg = {.tick_ns = {1000, 1000}, .seed = 1};
    static struct pair p;
    uint8_t a = 0x65, b = 0x82;
    char seen[32];
    size_t n = 99;
    bool clock = true, data = true, was_clock, was_data;
    (void)state;
    pair_init(&p, &cfg);
    assert_int_equal(p.stream[0].write(p.stream[0].ctx, &a, 1), 1);
    assert_int_equal(p.stream[1].write(p.stream[1].ctx, &b, 1), 1);
    for (uint64_t ns = 0; n != 18; ns += 500) {
        assert_true(ns < 1000000);
        pins_run(&p.pins, ns);
        was_clock = clock;
        was_data = data;
        clock = !p.pins.low[0][0];
        data = !p.pins.low[1][0] && !p.pins.low[1][1];
        if (clock && was_clock && was_data && !data && n == 99)
            n = 0;
        else if (clock && !was_clock && n < 18)
            seen[n++] = data ? '1' : '0';
    }
    assert_memory_equal(seen, slot, 18);
}

struct count {
    size_t right, lost, wrong;
};

// Numbered bytes both ways at once; the target stops now and then when stall is not 0.
static void exchange(struct pair *p, size_t bytes, bool stall, struct count *c)
{
    size_t out[2] = {0, 0};
    uint8_t next[2] = {0, 0}, byte;
    memset(c, 0, sizeof *c);
    for (uint64_t ns = 0, quiet = 0; quiet < 100; ns += 50000) {
        pins_run(&p->pins, ns);
        p->pins.deaf = stall && ns % 30000000 > 29000000;
        quiet++;
        for (int e = 0; e < 2; e++) {
            byte = (uint8_t)out[e];
            if (out[e] < bytes && p->stream[e].write(p->stream[e].ctx, &byte, 1))
                out[e]++, quiet = 0;
            while (p->stream[e].read(p->stream[e].ctx, &byte, 1)) {
                uint8_t skipped = (uint8_t)(byte - next[e]);
                c->right++;
                c->lost += skipped;
                c->wrong += skipped > 16;
                next[e] = (uint8_t)(byte + 1);
                quiet = 0;
            }
        }
    }
}

static void ticks_at_any_rate(void **state)
{
    static const double target[] = {150, 500, 900, 980, 1000, 1020, 1100, 2000, 2500};
    (void)state;
    for (size_t i = 0; i < sizeof target / sizeof target[0]; i++)
        for (uint32_t jitter = 0; jitter <= 600; jitter += 300) {
            struct pins_cfg cfg = {.tick_ns = {1000, target[i]}, .jitter_ns = jitter, .seed = i + 1};
            static struct pair p;
            struct count c;
            pair_init(&p, &cfg);
            exchange(&p, 1000, false, &c);
            assert_int_equal(c.right, 2000);
            assert_int_equal(c.lost + c.wrong, 0);
        }
}

static void a_target_ten_times_slower_does_not_work(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 10000}, .seed = 3};
    static struct pair p;
    struct count c;
    (void)state;
    pair_init(&p, &cfg);
    exchange(&p, 300, false, &c);
    assert_true(c.right < 600 || c.lost + c.wrong > 0); // so the test before can fail
}

static void lost_edges_cost_a_slot(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 700}, .seed = 7};
    static struct pair p;
    struct count c;
    (void)state;
    pair_init(&p, &cfg);
    // Every 30 ms the target stops for 1 ms (6 slots) in the middle of whatever it does, also while it holds data low.
    exchange(&p, 5000, true, &c);
    assert_true(c.lost > 0);
    assert_true(c.right > 10000 - 10000 / 10);
}

static void either_end_may_start_first(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 1000}, .seed = 2};
    (void)state;
    for (int late = 0; late < 2; late++) {
        static struct pair p;
        struct count c;
        pair_init(&p, &cfg);
        pins_attach(&p.pins, late, NULL, NULL);
        pins_run(&p.pins, 3333000);
        pins_attach(&p.pins, late, tick, &p.wire[late]);
        pins_run(&p.pins, 5000000);
        exchange(&p, 500, false, &c);
        assert_int_equal(c.right, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_the_slot),
        cmocka_unit_test(ticks_at_any_rate),
        cmocka_unit_test(a_target_ten_times_slower_does_not_work),
        cmocka_unit_test(lost_edges_cost_a_slot),
        cmocka_unit_test(either_end_may_start_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
