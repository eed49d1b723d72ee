// SLIP: anchored in RFC 1055 and in frames that esptool sent and real ROMs answered (tests/vectors/rom).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/codec/slip.h"

static size_t frame(const uint8_t *payload, size_t len, uint8_t *out, size_t cap)
{
    size_t used = len;
    out[0] = FERRY_SLIP_END;
    size_t made = 1 + ferry_slip_encode(payload, &used, out + 1, cap - 2);
    assert_int_equal(used, len);
    out[made++] = FERRY_SLIP_END;
    return made;
}

static void escapes_are_those_of_rfc_1055(void **state)
{
    (void)state;
    const uint8_t payload[] = {0x01, 0xc0, 0xdb, 0xdc, 0xdd};
    const uint8_t wire[] = {0xc0, 0x01, 0xdb, 0xdc, 0xdb, 0xdd, 0xdc, 0xdd, 0xc0};
    uint8_t out[16];
    assert_int_equal(frame(payload, sizeof payload, out, sizeof out), sizeof wire);
    assert_memory_equal(out, wire, sizeof wire);
}

static void an_escape_is_never_cut(void **state)
{
    (void)state;
    const uint8_t payload[] = {1, 0xc0, 2};
    uint8_t out[2];
    size_t used = sizeof payload;
    assert_int_equal(ferry_slip_encode(payload, &used, out, sizeof out), 1);
    assert_int_equal(used, 1);
    used = 2;
    assert_int_equal(ferry_slip_encode(payload + 1, &used, out, sizeof out), 2);
    assert_int_equal(used, 1);
}

// Three frames with text between them, decoded with every cut of the input in two, and byte by byte.
static void every_cut_gives_the_same(void **state)
{
    (void)state;
    const uint8_t wire[] = {'b',  'o', 'o',  't',  0xc0, 1,    0xdb, 0xdc, 0xc0, 0xc0,
                            0xc0, 2,   0xdb, 0xdd, 3,    0xc0, 0xdb, 7,    0xc0};
    const char *expected = "boot|\x01\xc0|\x02\xdb\x03|\x07|";
    for (size_t cut = 0; cut <= sizeof wire; cut++) {
        uint8_t buf[8];
        char got[32] = "";
        struct ferry_slip_decoder d;
        ferry_slip_decoder_init(&d, buf, sizeof buf);
        size_t at = 0;
        while (at < sizeof wire) {
            size_t end = cut == sizeof wire ? at + 1 : at < cut ? cut : sizeof wire, n = end - at;
            if (ferry_slip_decode(&d, wire + at, &n)) {
                memcpy(got + strlen(got), buf, d.len);
                strcat(got, "|");
            }
            at += n;
        }
        assert_string_equal(got, expected);
    }
}

static void what_does_not_fit_is_lost_alone(void **state)
{
    (void)state;
    const uint8_t wire[] = {0xc0, 1, 2, 3, 4, 5, 0xc0, 0xc0, 6, 0xc0};
    uint8_t buf[4];
    struct ferry_slip_decoder d;
    ferry_slip_decoder_init(&d, buf, sizeof buf);
    size_t n = sizeof wire;
    assert_true(ferry_slip_decode(&d, wire, &n));
    assert_int_equal(n, sizeof wire);
    assert_int_equal(d.len, 1);
    assert_int_equal(buf[0], 6);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    uint8_t payload[300], wire[700], back[300];
    srand(7);
    for (int round = 0; round < 200; round++) {
        size_t len = 1 + (size_t)rand() % sizeof payload;
        for (size_t i = 0; i < len; i++)
            payload[i] = (uint8_t)(rand() % 4 ? rand() : rand() % 2 ? 0xc0 : 0xdb);
        size_t n = frame(payload, len, wire, sizeof wire);
        struct ferry_slip_decoder d;
        ferry_slip_decoder_init(&d, back, sizeof back);
        assert_true(ferry_slip_decode(&d, wire, &n));
        assert_int_equal(d.len, len);
        assert_memory_equal(back, payload, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_those_of_rfc_1055), cmocka_unit_test(an_escape_is_never_cut),
        cmocka_unit_test(every_cut_gives_the_same),      cmocka_unit_test(what_does_not_fit_is_lost_alone),
        cmocka_unit_test(what_goes_in_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
