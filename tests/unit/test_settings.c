// Settings from three places. Anchored outside by the JSON that a person writes on the card, value kinds as RFC 8259
// has them; every bound is tried from both sides.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/card.h"
#include "updater/settings.h"

static const struct ferry_web_setting rows[] = {
    {.name = "auto", .kind = FERRY_WEB_CHOICE, .choices = "off|power-on|target"},
    {.name = "baud", .kind = FERRY_WEB_NUMBER, .min = 115200, .max = 2000000},
    {.name = "erase_all", .kind = FERRY_WEB_BOOL},
    {.name = "wifi.ssid", .kind = FERRY_WEB_TEXT, .max = 32},
    {.name = "wifi.password", .kind = FERRY_WEB_SECRET, .min = 8, .max = 63},
};
#define COUNT (sizeof rows / sizeof rows[0])
static const char *const initial[COUNT] = {"off", "921600", "off", "", ""};

static struct ferry_settings_value kept[COUNT], carded[COUNT];
static struct ferry_settings settings = {
    .rows = rows, .initial = initial, .count = COUNT, .kept = kept, .card = carded};
static struct ferry_fault fault;
static char *dir, *path;

static int fresh(void **state)
{
    (void)state;
    dir = card_new();
    path = card_path(dir, "ferry.json");
    memset(&fault, 0, sizeof fault);
    ferry_settings_init(&settings);
    return 0;
}

static int done(void **state)
{
    (void)state;
    card_remove(dir);
    free(path);
    return 0;
}

static int card(const char *json)
{
    card_put_text(dir, "ferry.json", json);
    return ferry_settings_card(&settings, path, &fault);
}

static void the_card_wins_and_lets_go(void **state)
{
    (void)state;
    assert_string_equal(ferry_settings_text(&settings, "baud"), "921600");
    assert_int_equal(ferry_settings_keep(&settings, "baud", "460800", &fault), FERRY_OK);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 460800);
    assert_int_equal(card("{\"baud\": 115200, \"wifi\": {\"ssid\": \"Werkstatt\"}, \"cargo\": \"x\"}"), FERRY_OK);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 115200);
    assert_string_equal(ferry_settings_text(&settings, "wifi.ssid"), "Werkstatt");
    assert_int_equal(ferry_settings_origin_at(&settings, 1), FERRY_SETTINGS_CARD);
    // What a person keeps meanwhile counts as soon as the card does not name it.
    assert_int_equal(ferry_settings_keep(&settings, "baud", "230400", &fault), FERRY_OK);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 115200);
    assert_int_equal(card("{}"), FERRY_OK);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 230400);
    assert_string_equal(ferry_settings_text(&settings, "wifi.ssid"), "");
    assert_int_equal(ferry_settings_keep(&settings, "baud", NULL, &fault), FERRY_OK);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 921600);
    assert_int_equal(ferry_settings_origin_at(&settings, 1), FERRY_SETTINGS_INITIAL);
}

static void no_file_names_nothing(void **state)
{
    (void)state;
    assert_int_equal(ferry_settings_card(&settings, path, &fault), FERRY_OK);
    assert_false(ferry_settings_on(&settings, "erase_all"));
}

static void a_wrong_value_is_told_and_the_others_taken(void **state)
{
    (void)state;
    assert_int_equal(card("{\"auto\": \"sometimes\", \"baud\": 230400, \"erase_all\": 7}"), FERRY_ERR_MANIFEST);
    assert_non_null(strstr(fault.what, "auto"));
    assert_non_null(strstr(fault.what, "sometimes"));
    assert_string_equal(fault.where, "ferry.json");
    assert_string_equal(ferry_settings_text(&settings, "auto"), "off");
    assert_int_equal(ferry_settings_number(&settings, "baud"), 230400);
    assert_int_equal(card("{\"baud\": [1]}"), FERRY_ERR_MANIFEST);
    assert_int_equal(card("{\"baud\": "), FERRY_ERR_MANIFEST);
    assert_int_equal(ferry_settings_number(&settings, "baud"), 921600);
}

static void bounds_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool taken;
    } tries[] = {
        {"auto", "target", true},
        {"auto", "tar", false},
        {"auto", "", false},
        {"auto", "off|power-on", false},
        {"auto", "power-on", true},
        {"baud", "115200", true},
        {"baud", "115199", false},
        {"baud", "2000000", true},
        {"baud", "2000001", false},
        {"baud", "-1", false},
        {"baud", "0x70800", true},
        {"baud", "4294967296", false},
        {"baud", "", false},
        {"erase_all", "on", true},
        {"erase_all", "yes", false},
        {"erase_all", "true", true},
        {"wifi.password", "short", false},
        {"wifi.password", "", true},
        {"wifi.password", "longenough", true},
        {"wifi.ssid", "line\nbreak", false},
        {"wifi.ssid", "12345678901234567890123456789012", true},
        {"wifi.ssid", "123456789012345678901234567890123", false},
        {"wifi", "x", false},
        {"nothing", "x", false},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        int status = ferry_settings_keep(&settings, tries[i].name, tries[i].text, &fault);
        if (status != (tries[i].taken ? FERRY_OK : FERRY_ERR_ARG))
            fail_msg("%s = %s: %d", tries[i].name, tries[i].text, status);
    }
    assert_true(ferry_settings_on(&settings, "erase_all"));
    assert_string_equal(ferry_settings_text(&settings, "erase_all"), "on");
    assert_string_equal(ferry_settings_text(&settings, "auto"), "power-on");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_card_wins_and_lets_go, fresh, done),
        cmocka_unit_test_setup_teardown(no_file_names_nothing, fresh, done),
        cmocka_unit_test_setup_teardown(a_wrong_value_is_told_and_the_others_taken, fresh, done),
        cmocka_unit_test_setup_teardown(bounds_hold, fresh, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
