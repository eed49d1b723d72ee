// The wires over pins, simulated at the level of pin edges: two ends with clocks of their own, off by up to 2 %, with
// jitter. Bytes both ways at once come out as they went in; the anchor for the UART is a waveform drawn by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/wire/two_wire.h"

struct wire {
    bool drive[2]; // what each end drives
};

struct pin {
    struct wire *wire;
    int end;
};

static bool pin_read(void *ctx)
{
    struct pin *p = ctx;
    return p->wire->drive[0] && p->wire->drive[1];
}

static void pin_write(void *ctx, bool level)
{
    struct pin *p = ctx;
    p->wire->drive[p->end] = level;
}

static struct ferry_wire_pin pin_of(struct pin *p, struct wire *w, int end)
{
    *p = (struct pin){w, end};
    w->drive[end] = true;
    return (struct ferry_wire_pin){p, pin_read, pin_write};
}

static void waveform(void **state)
{
    static const char bits[] = "0101001101"; // start, 0x65 lowest bit first (1010 0110), stop
    struct wire w;
    struct pin a, b;
    struct ferry_wire_pin tx = pin_of(&a, &w, 0), rx = pin_of(&b, &w, 1);
    struct ferry_wire_soft_uart u = {.tx = &tx, .rx = &rx};
    struct ferry_stream s = ferry_wire_soft_uart_stream(&u);
    uint8_t byte = 0x65;
    (void)state;
    assert_int_equal(s.write(s.ctx, &byte, 1), 1);
    for (int t = 0; t < 80; t++) {
        ferry_wire_soft_uart_tick(&u);
        assert_int_equal(pin_read(&a), bits[t / 8] == '1');
    }
}

typedef void tick(void *self);

// Random bytes both ways until all have come; ends tick with their own periods.
static void exchange(tick *tick_a, void *a, struct ferry_stream sa, tick *tick_b, void *b, struct ferry_stream sb,
                     int permille, unsigned jitter)
{
    enum { COUNT = 3000 };
    static uint8_t sent[2][COUNT], got[2][COUNT];
    size_t out[2] = {0, 0}, in[2] = {0, 0};
    uint64_t next[2] = {0, 333}, period[2] = {1000, (uint64_t)(1000 + permille)};
    struct ferry_stream s[2] = {sa, sb};
    for (int i = 0; i < COUNT; i++)
        sent[0][i] = (uint8_t)rand(), sent[1][i] = (uint8_t)rand();
    for (uint64_t round = 0; round < 3000000 && (in[0] < COUNT || in[1] < COUNT); round++) {
        int who = next[0] <= next[1] ? 0 : 1;
        (who ? tick_b : tick_a)(who ? b : a);
        uint64_t nominal = period[who];
        next[who] += nominal;
        if (jitter && rand() % 8 == 0) { // one tick is late, the next is on time again
            uint64_t late = (uint64_t)rand() % jitter;
            next[!who] = next[!who] > late ? next[!who] - late : 0;
            next[who] = next[who] > late ? next[who] - late : 0;
        }
        if (round % 16)
            continue;
        for (int e = 0; e < 2; e++) {
            out[e] += (size_t)s[e].write(s[e].ctx, sent[e] + out[e], COUNT - out[e]);
            in[e] += (size_t)s[e].read(s[e].ctx, got[e] + in[e], COUNT - in[e]);
        }
    }
    assert_int_equal(in[0], COUNT);
    assert_int_equal(in[1], COUNT);
    assert_memory_equal(got[0], sent[1], COUNT);
    assert_memory_equal(got[1], sent[0], COUNT);
}

static void tick_uart(void *self)
{
    ferry_wire_soft_uart_tick(self);
}

static void tick_two_wire(void *self)
{
    ferry_wire_two_wire_tick(self);
}

static void uart_with_clock_errors(void **state)
{
    (void)state;
    srand(4);
    for (int permille = -20; permille <= 20; permille += 5)
        for (unsigned jitter = 0; jitter <= 300; jitter += 150) {
            struct wire w[2];
            struct pin p[4];
            struct ferry_wire_pin tx0 = pin_of(&p[0], &w[0], 0), rx0 = pin_of(&p[1], &w[1], 0);
            struct ferry_wire_pin tx1 = pin_of(&p[2], &w[1], 1), rx1 = pin_of(&p[3], &w[0], 1);
            struct ferry_wire_soft_uart a = {.tx = &tx0, .rx = &rx0}, b = {.tx = &tx1, .rx = &rx1};
            exchange(tick_uart, &a, ferry_wire_soft_uart_stream(&a), tick_uart, &b, ferry_wire_soft_uart_stream(&b),
                     permille, jitter);
            assert_int_equal(a.framing + b.framing, 0);
        }
}

static void two_wires_with_clock_errors(void **state)
{
    (void)state;
    srand(5);
    for (int permille = -400; permille <= 400; permille += 100)
        for (unsigned jitter = 0; jitter <= 600; jitter += 300) {
            struct wire w[2];
            struct pin p[4];
            struct ferry_wire_pin c0 = pin_of(&p[0], &w[0], 0), d0 = pin_of(&p[1], &w[1], 0);
            struct ferry_wire_pin c1 = pin_of(&p[2], &w[0], 1), d1 = pin_of(&p[3], &w[1], 1);
            struct ferry_wire_two_wire a = {.clock = &c0, .data = &d0, .clocks = true}, b = {.clock = &c1, .data = &d1};
            exchange(tick_two_wire, &a, ferry_wire_two_wire_stream(&a), tick_two_wire, &b,
                     ferry_wire_two_wire_stream(&b), permille, jitter);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(waveform), cmocka_unit_test(uart_with_clock_errors),
                                       cmocka_unit_test(two_wires_with_clock_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
