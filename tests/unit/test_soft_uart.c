// The software UART at the level of edges: two ends with clocks of their own, up to 2 % apart, with jitter and spikes.
// Bytes both ways at once come out as they went in; the anchors are waveforms drawn by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/wire/soft_uart.h"
#include "tests/support/pins.h"

struct pair {
    struct pins pins;
    struct ferry_wire_soft_uart uart[2];
    struct ferry_stream stream[2];
};

static void tick(void *wire)
{
    ferry_wire_soft_uart_tick(wire);
}

static void pair_init(struct pair *p, const struct pins_cfg *cfg)
{
    memset(p, 0, sizeof *p);
    pins_init(&p->pins, cfg);
    for (int e = 0; e < 2; e++) {
        const struct ferry_pin *pin = p->pins.end[e].pin;
        p->uart[e] = (struct ferry_wire_soft_uart){.tx = &pin[e], .rx = &pin[!e]};
        p->stream[e] = ferry_wire_soft_uart_stream(&p->uart[e]);
        pins_attach(&p->pins, e, tick, &p->uart[e]);
    }
}

static bool line_level;

static bool level_read(void *ctx)
{
    (void)ctx;
    return line_level;
}

static void level_write(void *ctx, bool level)
{
    *(bool *)ctx = level;
}

static void sends_the_waveform(void **state)
{
    static const char bits[] = "0101001101"; // start, 0x65 lowest bit first (1010 0110), stop
    bool level = false;
    struct ferry_pin tx = {&level, NULL, level_write}, rx = {NULL, level_read, NULL};
    struct ferry_wire_soft_uart u = {.tx = &tx, .rx = &rx};
    struct ferry_stream s = ferry_wire_soft_uart_stream(&u);
    uint8_t byte = 0x65;
    (void)state;
    line_level = true;
    assert_true(level); // idle
    assert_int_equal(s.write(s.ctx, &byte, 1), 1);
    for (int t = 0; t < 80; t++) {
        assert_int_not_equal(s.pending(s.ctx), 0);
        ferry_wire_soft_uart_tick(&u);
        assert_int_equal(level, bits[t / 8] == '1');
    }
    ferry_wire_soft_uart_tick(&u);
    assert_true(level);
    assert_int_equal(s.pending(s.ctx), 0);
}

// One character is one tick. Returns what was received; at most one byte each time.
static int hear(struct ferry_wire_soft_uart *u, const char *ticks, uint8_t *byte)
{
    static bool level;
    static struct ferry_pin tx = {&level, NULL, level_write}, rx = {NULL, level_read, NULL};
    *u = (struct ferry_wire_soft_uart){.tx = &tx, .rx = &rx};
    struct ferry_stream s = ferry_wire_soft_uart_stream(u);
    for (; *ticks; ticks++) {
        line_level = *ticks == '1';
        ferry_wire_soft_uart_tick(u);
    }
    return s.read(s.ctx, byte, 1);
}

#define LOW "00000000"
#define HIGH "11111111"

static void receives_the_waveform(void **state)
{
    struct ferry_wire_soft_uart u;
    uint8_t byte;
    (void)state;
    assert_int_equal(hear(&u, HIGH LOW HIGH LOW HIGH LOW LOW HIGH HIGH LOW HIGH, &byte), 1);
    assert_int_equal(byte, 0x65);
    // A spike in the middle of each bit changes nothing.
    assert_int_equal(hear(&u,
                          HIGH "00001000"
                               "11110111"
                               "00001000"
                               "11110111"
                               "00001000"
                               "00001000"
                               "11110111"
                               "11110111"
                               "00001000"
                               "11110111" HIGH,
                          &byte),
                     1);
    assert_int_equal(byte, 0x65);
}

static void what_is_no_byte_is_none(void **state)
{
    struct ferry_wire_soft_uart u;
    uint8_t byte;
    (void)state;
    // Spikes on an idle line.
    assert_int_equal(hear(&u, HIGH "0" HIGH HIGH "00" HIGH HIGH HIGH HIGH HIGH HIGH HIGH HIGH HIGH HIGH HIGH, &byte),
                     0);
    assert_int_equal(u.framing, 0);
    // A break: one framing error, and the byte after it is heard.
    assert_int_equal(hear(&u,
                          HIGH LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW LOW HIGH
                              LOW LOW LOW LOW LOW LOW LOW LOW HIGH HIGH HIGH,
                          &byte),
                     1);
    assert_int_equal(u.framing, 1);
    assert_int_equal(byte, 0x80);
}

static void a_full_ring_loses_the_rest_and_counts_it(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 1000}, .seed = 1};
    static struct pair p;
    uint8_t bytes[300], got[300];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    pair_init(&p, &cfg);
    size_t sent = 0;
    for (uint64_t ns = 0; ns < 40000000; ns += 100000) {
        sent += (size_t)p.stream[0].write(p.stream[0].ctx, bytes + sent, sizeof bytes - sent);
        pins_run(&p.pins, ns);
    }
    assert_int_equal(sent, 300);
    assert_int_equal(p.uart[1].overruns, 45);
    assert_int_equal(p.stream[1].read(p.stream[1].ctx, got, sizeof got), 255);
    assert_memory_equal(got, bytes, 255);
}

// Random bytes both ways at once. Returns how many came out right before the first difference.
static size_t exchange(struct pair *p, size_t count)
{
    static uint8_t sent[2][3000], got[2][3000];
    size_t out[2] = {0, 0}, in[2] = {0, 0};
    for (size_t i = 0; i < count; i++)
        sent[0][i] = (uint8_t)rand(), sent[1][i] = (uint8_t)rand();
    for (uint64_t ns = 0; ns < count * 90000 && (in[0] < count || in[1] < count); ns += 50000) {
        pins_run(&p->pins, ns);
        for (int e = 0; e < 2; e++) {
            out[e] += (size_t)p->stream[e].write(p->stream[e].ctx, sent[e] + out[e], count - out[e]);
            in[e] += (size_t)p->stream[e].read(p->stream[e].ctx, got[e] + in[e], count - in[e]);
        }
    }
    size_t right = 0;
    while (right < count && right < in[0] && right < in[1] && got[0][right] == sent[1][right] &&
           got[1][right] == sent[0][right])
        right++;
    return right;
}

static void clocks_up_to_2_percent_apart(void **state)
{
    (void)state;
    srand(4);
    for (int permille = -20; permille <= 20; permille += 5)
        for (uint32_t jitter = 0; jitter <= 300; jitter += 150) {
            struct pins_cfg cfg = {.tick_ns = {1000, 1000 + permille}, .jitter_ns = jitter, .seed = jitter + 1};
            static struct pair p;
            pair_init(&p, &cfg);
            assert_int_equal(exchange(&p, 3000), 3000);
            assert_int_equal(p.uart[0].framing + p.uart[1].framing, 0);
        }
}

static void clocks_8_percent_apart_do_not_work(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 1080}, .seed = 3};
    static struct pair p;
    (void)state;
    srand(5);
    pair_init(&p, &cfg);
    assert_true(exchange(&p, 3000) < 3000); // so the test before can fail
}

static void spikes_of_a_tick_are_outvoted(void **state)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 1000}, .spike_every_us = 500, .seed = 9};
    static struct pair p;
    (void)state;
    srand(6);
    pair_init(&p, &cfg);
    // A spike shortly before a start bit may still move it; most bytes are hit without harm: 500 ticks a spike, 80 a
    // byte.
    assert_true(exchange(&p, 3000) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_the_waveform),
        cmocka_unit_test(receives_the_waveform),
        cmocka_unit_test(what_is_no_byte_is_none),
        cmocka_unit_test(a_full_ring_loses_the_rest_and_counts_it),
        cmocka_unit_test(clocks_up_to_2_percent_apart),
        cmocka_unit_test(clocks_8_percent_apart_do_not_work),
        cmocka_unit_test(spikes_of_a_tick_are_outvoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
