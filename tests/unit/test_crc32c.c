// CRC-32C against the check value of the CRC catalogue and the test patterns of RFC 3720, appendix B.4.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/codec/crc32c.h"

static void known_values(void **state)
{
    uint8_t b[32];
    (void)state;
    assert_int_equal(ferry_crc32c(0, (const uint8_t *)"123456789", 9), 0xe3069283u);
    memset(b, 0, 32);
    assert_int_equal(ferry_crc32c(0, b, 32), 0x8a9136aau);
    memset(b, 0xff, 32);
    assert_int_equal(ferry_crc32c(0, b, 32), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        b[i] = i;
    assert_int_equal(ferry_crc32c(0, b, 32), 0x46dd794eu);
}

static void in_pieces(void **state)
{
    const uint8_t *text = (const uint8_t *)"123456789";
    (void)state;
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(ferry_crc32c(ferry_crc32c(0, text, cut), text + cut, 9 - cut), 0xe3069283u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_values), cmocka_unit_test(in_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
