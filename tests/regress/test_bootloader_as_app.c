// Bug: a bootloader from before ESP-IDF v5.2, which does not say that it is one, was taken for an app when its app was
// missing on the card, and written over the app that the target starts. Real example: a PlatformIO folder of
// bootloader.bin, partitions.bin and boot_app0.bin whose firmware.bin had got lost. An app without a description, as
// ESP-IDF before v4.0 made them, has its constants and code mapped from flash and stays one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/card.h"
#include "updater/cargo.h"

static struct ferry_cargo_list list;
static struct ferry_fault fault;

static int new_card(void **state)
{
    *state = card_new();
    return 0;
}

static int drop_card(void **state)
{
    card_remove(*state);
    return 0;
}

static void old_bootloader_is_no_app(void **state)
{
    static const char *const chips[] = {"esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c6", "esp32h2"};
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        struct card_image cfg = {.chip_id = card_chip_id(chips[i]), .bootloader = true, .no_desc = true};
        card_put_bytes(*state, "bootloader.bin", card_make_image(&cfg));
        assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
        assert_int_equal(list.count, 0);
        assert_int_equal(list.refused_count, 1);
        assert_int_equal(list.refused[0].status, FERRY_ERR_NO_PLACE);
        assert_non_null(strstr(list.refused[0].what, "is no app"));
        assert_true(*list.refused[0].hint);
    }
}

static void app_without_description_is_an_app(void **state)
{
    static const char *const chips[] = {"esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c6", "esp8266"};
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        struct card_image cfg = {.chip_id = card_chip_id(chips[i]), .no_desc = true};
        card_put_bytes(*state, "firmware.bin", card_make_image(&cfg));
        assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
        assert_int_equal(list.refused_count, 0);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.items[0].kind, FERRY_CARGO_APP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_bootloader_is_no_app, new_card, drop_card),
        cmocka_unit_test_setup_teardown(app_without_description_is_an_app, new_card, drop_card)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
