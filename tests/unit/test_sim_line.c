// The serial line model, against arithmetic: ten bits a byte, rates that fit within a few percent (the usual tolerance
// of a UART), faults exactly where they were put.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/line/line.h"

#define NEVER UINT64_MAX

static size_t take_all(struct sim_line *line, uint64_t now_ns, uint32_t baud, uint8_t *out)
{
    size_t n = 0;
    while (sim_line_take(line, now_ns, baud, out + n)) {
        n++;
    }
    return n;
}

static void put_all(struct sim_line *line, const uint8_t *bytes, size_t len, uint32_t baud)
{
    for (size_t i = 0; i < len; i++) {
        sim_line_put(line, bytes[i], 0, baud);
    }
}

static void bytes_take_ten_bits(void **state)
{
    (void)state;
    struct sim_line *line = sim_line_new(&(struct sim_line_cfg){.latency_us = 100}, false, false, 1);
    uint8_t out[64];
    put_all(line, (const uint8_t *)"abc", 3, 115200);
    assert_int_equal(sim_line_unsent(line, 0), 2); // one is on the wire
    assert_int_equal(sim_line_next(line), 86805 + 100000);
    assert_int_equal(take_all(line, 186804, 115200, out), 0);
    assert_int_equal(take_all(line, 186805, 115200, out), 1);
    assert_int_equal(take_all(line, 3 * 86805 + 100000, 115200, out + 1), 2);
    assert_memory_equal(out, "abc", 3);
    assert_int_equal(sim_line_next(line), NEVER);
    sim_line_free(line);
}

static void rates_that_differ_give_garbage(void **state)
{
    (void)state;
    static const struct {
        uint32_t sender, receiver;
        bool good;
    } CASES[] = {{115200, 115200, true}, {115200, 117000, true},  {115200, 112700, true}, {115200, 120000, false},
                 {115200, 74880, false}, {115200, 921600, false}, {921600, 115200, false}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct sim_line *line = sim_line_new(&(struct sim_line_cfg){0}, true, false, 1);
        const uint8_t sent[] = "rst:0x1 (POWERON_RESET),boot:0x13";
        uint8_t out[512];
        put_all(line, sent, sizeof sent, CASES[i].sender);
        size_t n = take_all(line, 1u << 30, CASES[i].receiver, out);
        assert_int_equal(n == sizeof sent && !memcmp(out, sent, n), CASES[i].good);
        if (CASES[i].sender > 2 * CASES[i].receiver) {
            assert_true(n < sizeof sent); // several bytes within one of the receiver's
        }
        if (CASES[i].receiver > 2 * CASES[i].sender) {
            assert_true(n > sizeof sent);
        }
        sim_line_free(line);
    }
}

static void faults_happen_where_they_were_put(void **state)
{
    (void)state;
    const struct sim_fault faults[] = {{.kind = SIM_FAULT_DROP, .at_byte = 1},
                                       {.kind = SIM_FAULT_FLIP, .at_byte = 2, .flip_mask = 0x81},
                                       {.kind = SIM_FAULT_DOUBLE, .at_byte = 4},
                                       {.kind = SIM_FAULT_STALL, .at_byte = 5, .stall_us = 2000000},
                                       {.kind = SIM_FAULT_DROP, .at_byte = 0, .to_host = true}};
    struct sim_line *line = sim_line_new(&(struct sim_line_cfg){.faults = faults, .fault_count = 5}, false, false, 1);
    uint8_t out[16];
    put_all(line, (const uint8_t[]){0, 1, 2, 3, 4, 5, 6}, 7, 1000000);
    assert_int_equal(take_all(line, 1000000, 1000000, out), 5);
    assert_memory_equal(out, ((const uint8_t[]){0, 0x83, 3, 4, 4}), 5);
    assert_int_equal(take_all(line, 2000000000, 1000000, out), 0);
    assert_int_equal(take_all(line, 2000200000, 1000000, out), 2);
    assert_memory_equal(out, ((const uint8_t[]){5, 6}), 2);
    sim_line_free(line);
}

static void one_error_in_so_many_bytes(void **state)
{
    (void)state;
    struct sim_line *line = sim_line_new(&(struct sim_line_cfg){.error_every = 100}, false, true, 1);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t byte = 0;
        sim_line_put(line, 0x5a, 0, 0);
        assert_true(sim_line_take(line, 0, 0, &byte));
        assert_int_equal(byte != 0x5a, i % 100 == 99);
        wrong += byte != 0x5a;
    }
    assert_int_equal(wrong, 10);
    sim_line_free(line);
}

// 200,000 bytes at a bit error rate of 1e-4: 160 bytes hit on average, +- 12; the same seed hits the same ones.
static void noise_keeps_its_rate_and_its_seed(void **state)
{
    (void)state;
    unsigned wrong[3] = {0};
    uint64_t trace[3] = {0};
    for (unsigned run = 0; run < 3; run++) {
        struct sim_line *line =
            sim_line_new(&(struct sim_line_cfg){.ber_to_chip = 1e-4}, false, true, run == 2 ? 99 : 5);
        for (uint64_t i = 0; i < 200000; i++) {
            uint8_t byte = 0;
            sim_line_put(line, 0, 0, 0);
            assert_true(sim_line_take(line, 0, 0, &byte));
            wrong[run] += byte != 0;
            trace[run] = byte ? trace[run] * 31 + i : trace[run];
        }
        assert_in_range(wrong[run], 100, 220);
        sim_line_free(line);
    }
    assert_true(trace[0] == trace[1]);
    assert_true(trace[0] != trace[2]);
}

static void lost_bytes_and_jitter(void **state)
{
    (void)state;
    struct sim_line_cfg cfg = {.drop_to_host = 0.01, .jitter_us = 500};
    struct sim_line *line = sim_line_new(&cfg, true, false, 3);
    uint8_t out[1];
    unsigned got = 0;
    uint64_t last = 0;
    for (unsigned i = 0; i < 20000; i++) {
        sim_line_put(line, (uint8_t)i, 0, 115200);
    }
    for (uint64_t at = sim_line_next(line); at != NEVER; at = sim_line_next(line)) {
        assert_true(at >= last); // order is kept
        last = at;
        assert_true(sim_line_take(line, at, 115200, out));
        got++;
    }
    assert_in_range(got, 19700, 19900);
    sim_line_free(line);
}

static void a_sender_that_stops_keeps_its_bytes(void **state)
{
    (void)state;
    struct sim_line *line = sim_line_new(&(struct sim_line_cfg){0}, true, false, 3);
    uint8_t out[8];
    put_all(line, (const uint8_t *)"abcdef", 6, 1000000);
    sim_line_silence(line, 25000); // in the third byte
    assert_int_equal(take_all(line, 1000000, 1000000, out), 3);
    sim_line_free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_take_ten_bits),
        cmocka_unit_test(rates_that_differ_give_garbage),
        cmocka_unit_test(faults_happen_where_they_were_put),
        cmocka_unit_test(one_error_in_so_many_bytes),
        cmocka_unit_test(noise_keeps_its_rate_and_its_seed),
        cmocka_unit_test(lost_bytes_and_jitter),
        cmocka_unit_test(a_sender_that_stops_keeps_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
