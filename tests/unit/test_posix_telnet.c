// Telnet and the COM port option as bytes. Anchors: RFC 854 (commands), RFC 2217 (option 44, values and answer codes);
// the server's side of the negotiation is what pyserial's PortManager and ser2net send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ports/posix/telnet.h"

static size_t take(struct ferry_posix_telnet *t, uint8_t *out)
{
    return ferry_posix_telnet_take(t, out, 512);
}

static size_t decode(struct ferry_posix_telnet *t, const uint8_t *in, size_t len, uint8_t *out)
{
    size_t made = 4096;
    assert_int_equal(ferry_posix_telnet_decode(t, in, len, out, &made), len);
    return made;
}

static void start(struct ferry_posix_telnet *t)
{
    uint8_t out[512];
    ferry_posix_telnet_init(t);
    take(t, out);
}

static void test_opening_asks_for_the_com_port(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512];
    ferry_posix_telnet_init(&t);
    static const uint8_t want[] = {255, 251, 0, 255, 251, 3, 255, 251, 44, // WILL BINARY, SGA, COM-PORT
                                   255, 253, 0, 255, 253, 3};              // DO BINARY, SGA
    assert_int_equal(take(&t, out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
    assert_false(ferry_posix_telnet_ready(&t));
    assert_false(ferry_posix_telnet_refused(&t));
}

static void test_do_com_port_makes_it_ready_without_an_answer(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[64];
    start(&t);
    assert_int_equal(decode(&t, (const uint8_t[]){255, 253, 44}, 3, data), 0);
    assert_true(ferry_posix_telnet_ready(&t));
    assert_int_equal(take(&t, out), 0); // we offered it: an answer would start a loop
}

static void test_will_com_port_makes_it_ready_and_is_answered_once(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[64];
    start(&t);
    decode(&t, (const uint8_t[]){255, 251, 44, 255, 251, 44}, 6, data);
    assert_true(ferry_posix_telnet_ready(&t));
    assert_int_equal(take(&t, out), 3);
    assert_memory_equal(out, ((const uint8_t[]){255, 253, 44}), 3);
}

static void test_dont_com_port_is_a_refusal(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t data[64];
    start(&t);
    decode(&t, (const uint8_t[]){255, 254, 44}, 3, data);
    assert_true(ferry_posix_telnet_refused(&t));
}

static void test_unknown_options_are_refused(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[64];
    start(&t);
    decode(&t, (const uint8_t[]){255, 253, 24, 255, 251, 31, 255, 252, 31}, 9, data); // DO TTYPE, WILL NAWS, WONT NAWS
    assert_int_equal(take(&t, out), 6);
    assert_memory_equal(out, ((const uint8_t[]){255, 252, 24, 255, 254, 31}), 6);
}

static void test_we_never_echo(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[64];
    start(&t);
    decode(&t, (const uint8_t[]){255, 253, 1, 255, 251, 1}, 6, data); // DO ECHO, WILL ECHO
    assert_int_equal(take(&t, out), 6);
    assert_memory_equal(out, ((const uint8_t[]){255, 252, 1, 255, 253, 1}), 6);
}

static void test_ff_is_doubled_both_ways(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    static const uint8_t plain[] = {0xc0, 0xff, 0xff, 0x00, 0x0d, 0x0a, 0xff};
    static const uint8_t wire[] = {0xc0, 0xff, 0xff, 0xff, 0xff, 0x00, 0x0d, 0x0a, 0xff, 0xff};
    uint8_t out[64], back[64];
    size_t consumed;
    assert_int_equal(ferry_posix_telnet_encode(plain, sizeof plain, &consumed, out, sizeof out), sizeof wire);
    assert_int_equal(consumed, sizeof plain);
    assert_memory_equal(out, wire, sizeof wire);
    start(&t);
    assert_int_equal(decode(&t, wire, sizeof wire, back), sizeof plain);
    assert_memory_equal(back, plain, sizeof plain);
}

static void test_encode_never_cuts_a_doubled_ff(void **state)
{
    (void)state;
    static const uint8_t plain[] = {0xff, 0xff, 0xff};
    uint8_t out[8];
    size_t consumed;
    assert_int_equal(ferry_posix_telnet_encode(plain, 3, &consumed, out, 1), 0);
    assert_int_equal(consumed, 0);
    assert_int_equal(ferry_posix_telnet_encode(plain, 3, &consumed, out, 5), 4);
    assert_int_equal(consumed, 2);
}

static void test_requests_are_the_bytes_of_the_rfc(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512];
    start(&t);
    ferry_posix_telnet_set_baud(&t, 921600); // 0x000e1000
    ferry_posix_telnet_set_control(&t, FERRY_POSIX_TELNET_DTR_ON);
    ferry_posix_telnet_purge(&t, FERRY_POSIX_TELNET_PURGE_RX);
    static const uint8_t want[] = {255, 250, 44, 1,  0x00, 0x0e, 0x10, 0x00, 255, 240, //
                                   255, 250, 44, 5,  8,    255,  240,                  //
                                   255, 250, 44, 12, 1,    255,  240};
    assert_int_equal(take(&t, out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
}

static void test_a_ff_inside_a_rate_is_doubled(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[8];
    start(&t);
    ferry_posix_telnet_set_baud(&t, 0x0000ff00);
    static const uint8_t want[] = {255, 250, 44, 1, 0, 0, 255, 255, 0, 255, 240};
    assert_int_equal(take(&t, out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
    static const uint8_t answer[] = {255, 250, 44, 101, 0, 0, 255, 255, 0, 255, 240};
    assert_int_equal(decode(&t, answer, sizeof answer, data), 0);
    assert_int_equal(t.bauds, 1);
    assert_int_equal(t.baud, 0xff00);
}

static void test_answers_are_counted(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t data[64];
    start(&t);
    static const uint8_t in[] = {'a', 255, 250, 44,  105, 8,   255, 240, 'b', 255, 250, 44, 105, 11,  255, 240,
                                 255, 250, 44,  112, 3,   255, 240, 255, 250, 44,  107, 0,  255, 240, 'c'};
    assert_int_equal(decode(&t, in, sizeof in, data), 3);
    assert_memory_equal(data, "abc", 3);
    assert_int_equal(t.controls, 2);
    assert_int_equal(t.control, 11);
    assert_int_equal(t.purges, 1);
}

static void test_suspend_and_resume(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t data[8];
    start(&t);
    decode(&t, (const uint8_t[]){255, 250, 44, 108, 255, 240}, 6, data);
    assert_true(t.suspended);
    decode(&t, (const uint8_t[]){255, 250, 44, 109, 255, 240}, 6, data);
    assert_false(t.suspended);
}

static void test_signature_is_told_and_taken(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t out[512], data[8];
    start(&t);
    decode(&t, (const uint8_t[]){255, 250, 44, 100, 's', 'e', 'r', '2', 255, 240}, 10, data);
    assert_string_equal(t.signature, "ser2");
    decode(&t, (const uint8_t[]){255, 250, 44, 100, 255, 240}, 6, data);
    static const uint8_t want[] = {255, 250, 44, 0, 'f', 'e', 'r', 'r', 'y', 255, 240};
    assert_int_equal(take(&t, out), sizeof want);
    assert_memory_equal(out, want, sizeof want);
}

static void test_a_long_subnegotiation_is_dropped_whole(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t in[400] = {255, 250, 44, 101}, data[8];
    start(&t);
    memset(in + 4, 7, 300);
    memcpy(in + 304, ((const uint8_t[]){255, 240, 'x'}), 3);
    assert_int_equal(decode(&t, in, 307, data), 1);
    assert_int_equal(data[0], 'x');
    assert_int_equal(t.bauds, 0);
}

static void test_a_flood_of_requests_is_noticed(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t data[8];
    start(&t);
    for (int i = 0; i < 500 && !t.outbox_overflow; i++)
        decode(&t, (const uint8_t[]){255, 253, 24}, 3, data);
    assert_true(t.outbox_overflow);
}

// Every cut of a mixed input gives the same data, the same answers, the same state.
static void test_all_cuts(void **state)
{
    (void)state;
    static const uint8_t in[] = {'a', 255, 255, 255, 253, 44,  255, 250, 44,  101, 0,   1,   194, 0,   255,
                                 240, 'b', 255, 241, 255, 253, 24,  'c', 255, 250, 44,  105, 255, 255, 255,
                                 240, 'd', 255, 250, 9,   9,   255, 240, 'e', 255, 250, 44,  255, 99,  'f'};
    uint8_t whole[64], out_whole[512], cut[64], out_cut[512];
    struct ferry_posix_telnet a;
    start(&a);
    size_t n = decode(&a, in, sizeof in, whole), answers = take(&a, out_whole);
    assert_int_equal(n, 7);
    assert_memory_equal(whole, "a\377bcdef", 7);
    for (size_t i = 0; i <= sizeof in; i++)
        for (size_t j = i; j <= sizeof in; j++) {
            struct ferry_posix_telnet b;
            start(&b);
            size_t m = decode(&b, in, i, cut);
            m += decode(&b, in + i, j - i, cut + m);
            m += decode(&b, in + j, sizeof in - j, cut + m);
            assert_int_equal(m, n);
            assert_memory_equal(cut, whole, n);
            assert_int_equal(take(&b, out_cut), answers);
            assert_memory_equal(out_cut, out_whole, answers);
            assert_int_equal(b.baud, 115200);
            assert_int_equal(b.controls, 1);
            assert_int_equal(b.control, 255);
        }
}

static void test_a_full_output_loses_nothing(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    static const uint8_t in[] = {'a', 255, 255, 'b', 255, 241, 'c'};
    uint8_t got[8];
    size_t n = 0, at = 0;
    start(&t);
    while (at < sizeof in) {
        size_t room = 1;
        at += ferry_posix_telnet_decode(&t, in + at, sizeof in - at, got + n, &room);
        n += room;
    }
    assert_int_equal(n, 4);
    assert_memory_equal(got, "a\377bc", 4);
}

// Any bytes at all: nothing but a bounded amount of data and answers comes out.
static void test_noise(void **state)
{
    (void)state;
    struct ferry_posix_telnet t;
    uint8_t in[256], out[512], data[256];
    srand(2217);
    start(&t);
    for (int round = 0; round < 4000; round++) {
        for (size_t i = 0; i < sizeof in; i++)
            in[i] = (uint8_t)(rand() % 3 ? 240 + rand() % 16 : rand());
        size_t made = sizeof data;
        assert_int_equal(ferry_posix_telnet_decode(&t, in, sizeof in, data, &made), sizeof in);
        assert_true(made <= sizeof in);
        take(&t, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_asks_for_the_com_port),
        cmocka_unit_test(test_do_com_port_makes_it_ready_without_an_answer),
        cmocka_unit_test(test_will_com_port_makes_it_ready_and_is_answered_once),
        cmocka_unit_test(test_dont_com_port_is_a_refusal),
        cmocka_unit_test(test_unknown_options_are_refused),
        cmocka_unit_test(test_we_never_echo),
        cmocka_unit_test(test_ff_is_doubled_both_ways),
        cmocka_unit_test(test_encode_never_cuts_a_doubled_ff),
        cmocka_unit_test(test_requests_are_the_bytes_of_the_rfc),
        cmocka_unit_test(test_a_ff_inside_a_rate_is_doubled),
        cmocka_unit_test(test_answers_are_counted),
        cmocka_unit_test(test_suspend_and_resume),
        cmocka_unit_test(test_signature_is_told_and_taken),
        cmocka_unit_test(test_a_long_subnegotiation_is_dropped_whole),
        cmocka_unit_test(test_a_flood_of_requests_is_noticed),
        cmocka_unit_test(test_all_cuts),
        cmocka_unit_test(test_a_full_output_loses_nothing),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
