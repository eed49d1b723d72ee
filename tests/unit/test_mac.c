// A MAC as text: the form that esptool prints and that a depot keeps.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "updater/mac.h"

static void six_pairs_in_lower_case(void **state)
{
    char text[FERRY_MAC_TEXT];
    (void)state;
    assert_string_equal(ferry_mac_text((const uint8_t[6]){0x24, 0x0a, 0xc4, 0x00, 0x01, 0x10}, text),
                        "24:0a:c4:00:01:10");
    assert_string_equal(ferry_mac_text((const uint8_t[6]){0xff, 0xfe, 0xab, 0xcd, 0xef, 0x09}, text),
                        "ff:fe:ab:cd:ef:09");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(six_pairs_in_lower_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
