// COBS against the examples of the article (Cheshire and Baker) as Wikipedia lists them, and by round trips.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/codec/cobs.h"

static size_t encode(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
    struct ferry_cobs_encoder e;
    ferry_cobs_begin(&e, out, cap);
    ferry_cobs_put(&e, in, len);
    return ferry_cobs_finish(&e);
}

static int decode(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
    struct ferry_cobs_decoder d;
    ferry_cobs_start(&d, out, cap);
    ferry_cobs_take(&d, in, len);
    return ferry_cobs_end(&d);
}

static void check(const char *plain, size_t len, const char *stuffed, size_t stuffed_len)
{
    uint8_t out[600], back[600];
    assert_int_equal(encode((const uint8_t *)plain, len, out, sizeof out), stuffed_len);
    assert_memory_equal(out, stuffed, stuffed_len);
    assert_int_equal(decode(out, stuffed_len, back, sizeof back), len);
    assert_memory_equal(back, plain, len);
}

static void examples(void **state)
{
    (void)state;
    check("", 0, "\x01", 1);
    check("\0", 1, "\x01\x01", 2);
    check("\0\0", 2, "\x01\x01\x01", 3);
    check("\0\x11\0", 3, "\x01\x02\x11\x01", 4);
    check("\x11\x22\0\x33", 4, "\x03\x11\x22\x02\x33", 5);
    check("\x11\x22\x33\x44", 4, "\x05\x11\x22\x33\x44", 5);
    check("\x11\0\0\0", 4, "\x02\x11\x01\x01\x01", 5);
}

static void long_blocks(void **state)
{
    uint8_t in[600], out[700], back[600];
    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i % 255 + 1);
    assert_int_equal(encode(in, 254, out, sizeof out), 255); // 01 .. FE: FF 01 .. FE, no code byte hangs behind
    assert_int_equal(out[0], 255);
    assert_int_equal(encode(in, 255, out, sizeof out), 257); // 01 .. FF: FF 01 .. FE 02 FF
    assert_int_equal(out[255], 2);
    for (size_t len = 250; len < 520; len++) {
        size_t n = encode(in, len, out, sizeof out);
        assert_true(n <= FERRY_COBS_SIZE(len));
        assert_null(memchr(out, 0, n));
        assert_int_equal(decode(out, n, back, sizeof back), len);
        assert_memory_equal(back, in, len);
    }
}

static void any_cut_gives_the_same(void **state)
{
    uint8_t in[300], out[320], back[300];
    struct ferry_cobs_decoder d;
    (void)state;
    srand(1);
    for (int round = 0; round < 500; round++) {
        size_t len = (size_t)rand() % sizeof in;
        for (size_t i = 0; i < len; i++)
            in[i] = (uint8_t)(rand() % 3 ? rand() : 0);
        size_t n = encode(in, len, out, sizeof out);
        ferry_cobs_start(&d, back, sizeof back);
        for (size_t at = 0; at < n;) {
            size_t piece = 1 + (size_t)rand() % 7;
            piece = piece < n - at ? piece : n - at;
            ferry_cobs_take(&d, out + at, piece);
            at += piece;
        }
        assert_int_equal(ferry_cobs_end(&d), len);
        assert_memory_equal(back, in, len);
    }
}

static void what_is_no_frame(void **state)
{
    uint8_t back[4];
    (void)state;
    assert_int_equal(decode((const uint8_t *)"", 0, back, 4), FERRY_ERR_PROTOCOL);
    assert_int_equal(decode((const uint8_t *)"\x05\x11", 2, back, 4), FERRY_ERR_PROTOCOL);
    assert_int_equal(decode((const uint8_t *)"\x03\x11\0", 3, back, 4), FERRY_ERR_PROTOCOL);
    assert_int_equal(decode((const uint8_t *)"\x06\x11\x22\x33\x44\x55", 6, back, 4), FERRY_ERR_BUFFER);
    assert_int_equal(decode((const uint8_t *)"\x05\x11\x22\x33\x44", 5, back, 4), 4);
}

static void too_small_a_buffer(void **state)
{
    uint8_t in[40], out[64];
    (void)state;
    memset(in, 7, sizeof in);
    for (size_t cap = 0; cap < 41; cap++) {
        memset(out, 0xee, sizeof out);
        assert_int_equal(encode(in, sizeof in, out, cap), 0);
        assert_int_equal(out[cap], 0xee);
    }
    assert_int_equal(encode(in, sizeof in, out, 41), 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(long_blocks),
                                       cmocka_unit_test(any_cut_gives_the_same), cmocka_unit_test(what_is_no_frame),
                                       cmocka_unit_test(too_small_a_buffer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
