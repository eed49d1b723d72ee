// Frames in a stream that also carries log output and garbage. Anchor: frames built here byte by byte, with a CRC made
// bit by bit from the polynomial.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/codec/link_frame.h"

static uint32_t slow_crc(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void by_hand(void **state)
{
    // type 4, session 0x2211, body 33 44; nothing in it is 0, so COBS puts one code byte in front.
    uint8_t plain[9] = {4, 0x11, 0x22, 0x33, 0x44}, wire[32];
    struct ferry_link_writer w;
    (void)state;
    uint32_t crc = slow_crc(plain, 5);
    for (int i = 0; i < 4; i++)
        plain[5 + i] = (uint8_t)(crc >> (8 * i));
    assert_null(memchr(plain, 0, 9));
    ferry_link_writer_begin(&w, wire, sizeof wire, true, 4, 0x2211);
    ferry_link_writer_put(&w, plain + 3, 2);
    assert_int_equal(ferry_link_writer_end(&w), 12);
    assert_int_equal(wire[0], 0);
    assert_int_equal(wire[1], 10);
    assert_memory_equal(wire + 2, plain, 9);
    assert_int_equal(wire[11], 0);
    for (size_t cap = 0; cap < 12; cap++) {
        ferry_link_writer_begin(&w, wire, cap, true, 4, 0x2211);
        ferry_link_writer_put(&w, plain + 3, 2);
        assert_int_equal(ferry_link_writer_end(&w), 0);
    }
}

static size_t put_frame(uint8_t *out, uint8_t body)
{
    struct ferry_link_writer w;
    ferry_link_writer_begin(&w, out, 64, true, FERRY_LINK_ACK, 7);
    ferry_link_writer_put(&w, &body, 1);
    return ferry_link_writer_end(&w);
}

static unsigned count_frames(const uint8_t *bytes, size_t len, size_t piece, struct ferry_link_reader *r)
{
    static uint8_t buf[64];
    unsigned found = 0;
    struct ferry_link_frame f;
    ferry_link_reader_init(r, buf, sizeof buf);
    for (size_t at = 0; at < len;) {
        size_t n = piece < len - at ? piece : len - at, used;
        if (ferry_link_reader_push(r, bytes + at, n, &used, &f)) {
            assert_int_equal(f.body[0], found);
            assert_int_equal(f.session, 7);
            found++;
        }
        at += used;
    }
    return found;
}

static void among_log_output(void **state)
{
    static const char log[] = "\x1b[0;32mI (345) wifi: connected\x1b[0m\r\n";
    uint8_t stream[2000];
    size_t len = 0;
    struct ferry_link_reader r;
    (void)state;
    for (uint8_t i = 0; i < 20; i++) {
        memcpy(stream + len, log, sizeof log - 1);
        len += sizeof log - 1;
        len += put_frame(stream + len, i);
    }
    for (size_t piece = 1; piece < 100; piece++) {
        assert_int_equal(count_frames(stream, len, piece, &r), 20);
        assert_int_equal(r.damaged, 0); // log lines are no damaged frames
        assert_int_equal(r.stray, 20 * (sizeof log - 1));
    }
}

static void after_garbage(void **state)
{
    uint8_t stream[4000];
    struct ferry_link_reader r;
    (void)state;
    srand(3);
    for (int round = 0; round < 300; round++) {
        size_t len = 0;
        for (uint8_t i = 0; i < 10; i++) {
            for (int g = rand() % 200; g > 0; g--)
                stream[len++] = (uint8_t)rand();
            len += put_frame(stream + len, i);
        }
        assert_int_equal(count_frames(stream, len, 1 + (size_t)rand() % 50, &r), 10);
    }
}

static void every_single_bit_error_is_seen(void **state)
{
    uint8_t wire[64], bad[64];
    struct ferry_link_reader r;
    (void)state;
    size_t len = put_frame(wire, 0);
    for (size_t bit = 8; bit < (len - 1) * 8; bit++) {
        memcpy(bad, wire, len);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bad[len] = 0;
        assert_int_equal(count_frames(bad, len + 1, 64, &r), 0);
    }
}

static void too_short_or_wrong(void **state)
{
    uint8_t plain[7] = {1, 2, 3};
    struct ferry_link_frame f;
    (void)state;
    uint32_t crc = slow_crc(plain, 3);
    for (int i = 0; i < 4; i++)
        plain[3 + i] = (uint8_t)(crc >> (8 * i));
    assert_int_equal(ferry_link_frame_parse(&f, plain, 7), FERRY_OK);
    assert_int_equal(f.body_len, 0);
    for (size_t n = 0; n < 7; n++)
        assert_int_equal(ferry_link_frame_parse(&f, plain, n), FERRY_ERR_PROTOCOL);
    plain[0] ^= 1;
    assert_int_equal(ferry_link_frame_parse(&f, plain, 7), FERRY_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(among_log_output), cmocka_unit_test(after_garbage),
        cmocka_unit_test(every_single_bit_error_is_seen), cmocka_unit_test(too_short_or_wrong)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
