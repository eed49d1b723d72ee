// Which cargo of a card is meant. The cards are made by tests/support/card.h in the shapes in which firmware comes.
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
#include "updater/card.h"

static struct ferry_card card; // large
static struct ferry_fault fault;

static struct ferry_target target_of(uint16_t chip)
{
    return (struct ferry_target){.chip = ferry_chip_by_id(chip), .flash_size = 4u << 20};
}

static int pick(uint16_t chip, size_t *index)
{
    struct ferry_target target = target_of(chip);
    return ferry_card_pick(&card, &target, index, &fault);
}

static char *two_builds(void)
{
    char *dir = card_new();
    card_put_idf_build(dir, "blink", "esp32c3");
    card_put_idf_build(dir, "relay", "esp32c3");
    return dir;
}

static void test_the_only_one_is_taken_whatever_the_chip(void **state)
{
    (void)state;
    char *dir = card_new();
    size_t index = 9;
    card_put_idf_build(dir, "blink", "esp32c3");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_false(ferry_card_ambiguous(&card));
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_int_equal(index, 0);
    assert_int_equal(pick(FERRY_CHIP_ESP32, &index), FERRY_OK); // the plan says what is wrong with it
    card_remove(dir);
}

static void test_several_need_a_name(void **state)
{
    (void)state;
    char *dir = two_builds();
    size_t index;
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_true(ferry_card_ambiguous(&card));
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_ERR_AMBIGUOUS);
    assert_non_null(strstr(fault.what, "blink/"));
    assert_non_null(strstr(fault.what, "relay/"));
    assert_non_null(strstr(fault.hint, "--cargo"));
    assert_int_equal(ferry_card_pick(&card, NULL, &index, &fault), FERRY_ERR_AMBIGUOUS);
    ferry_card_want(&card, 1);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_int_equal(index, 1);
    card_remove(dir);
}

static void test_a_folder_a_path_and_a_name_all_name_it(void **state)
{
    (void)state;
    char *dir = two_builds();
    static const char *const names[] = {"relay", "relay/", "relay/flasher_args.json"};
    for (size_t i = 0; i < 3; i++) {
        size_t index = 9;
        assert_int_equal(ferry_card_open(&card, dir, names[i], &fault), FERRY_OK);
        assert_false(ferry_card_ambiguous(&card));
        assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
        assert_non_null(strstr(card.list.items[index].path, "relay"));
    }
    assert_int_equal(ferry_card_open(&card, dir, "nosuch", &fault), FERRY_ERR_NO_CARGO);
    assert_non_null(strstr(fault.what, "nosuch"));
    assert_non_null(strstr(fault.hint, "blink"));
    card_remove(dir);
}

static void test_ferry_json_names_it_and_the_person_goes_before(void **state)
{
    (void)state;
    char *dir = two_builds();
    size_t index;
    card_put_text(dir, "ferry.json", "{\"cargo\": \"relay\"}");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_non_null(strstr(card.list.items[index].path, "relay"));
    assert_int_equal(ferry_card_open(&card, dir, "blink", &fault), FERRY_OK);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_non_null(strstr(card.list.items[index].path, "blink"));
    card_put_text(dir, "ferry.json", "{\"cargo\": \"gone\"}");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_ERR_NO_CARGO);
    assert_non_null(strstr(fault.what, "ferry.json"));
    card_remove(dir);
}

static void test_ferry_json_can_be_the_cargo_itself(void **state)
{
    (void)state;
    char *dir = two_builds();
    size_t index = 9;
    struct card_image image = {.chip_id = FERRY_CHIP_ESP32C3};
    card_put_bytes(dir, "gate.bin", card_make_image(&image));
    card_put_text(dir, "ferry.json",
                  "{\"name\": \"Gate\", \"chip\": \"esp32c3\", \"files\": {\"0x10000\": \"gate.bin\"}}");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_string_equal(card.list.items[index].name, "Gate");
    assert_int_equal(ferry_card_open(&card, dir, "relay", &fault), FERRY_OK);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_non_null(strstr(card.list.items[index].path, "relay"));
    card_remove(dir);
}

// However the card's folder is written, its files are named below it.
static void test_a_slash_behind_the_cards_name(void **state)
{
    (void)state;
    char *dir = two_builds(), *slash = card_path(dir, "");
    size_t index;
    assert_int_equal(ferry_card_open(&card, slash, "relay", &fault), FERRY_OK);
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_string_equal(ferry_card_shown(&card, &card.list.items[index]), "relay/flasher_args.json");
    free(slash);
    card_remove(dir);
}

static void test_a_damaged_ferry_json_is_told(void **state)
{
    (void)state;
    char *dir = two_builds();
    static const char *const bad[] = {"{\"cargo\": ", "{\"cargo\": 7}", "{\"cargo\": \"\"}", "[", "{\"cargo\": null}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        card_put_text(dir, "ferry.json", bad[i]);
        assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_ERR_MANIFEST);
        assert_non_null(strstr(fault.where, "ferry.json"));
    }
    card_put_text(dir, "ferry.json", "{\"other\": 1}"); // nothing said about the cargo
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    card_remove(dir);
}

static void test_the_chip_decides_when_each_has_its_own(void **state)
{
    (void)state;
    char *dir = card_new();
    size_t index;
    card_put_idf_build(dir, "a", "esp32");
    card_put_idf_build(dir, "b", "esp32c3");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_false(ferry_card_ambiguous(&card));
    assert_int_equal(pick(FERRY_CHIP_ESP32, &index), FERRY_OK);
    assert_non_null(strstr(card.list.items[index].path, "/a/"));
    assert_int_equal(pick(FERRY_CHIP_ESP32C3, &index), FERRY_OK);
    assert_non_null(strstr(card.list.items[index].path, "/b/"));
    assert_int_equal(pick(FERRY_CHIP_ESP32S3, &index), FERRY_ERR_NO_BUILD_FOR_CHIP);
    assert_non_null(strstr(fault.what, "ESP32-S3"));
    card_remove(dir);
}

static void test_empty_and_missing_cards(void **state)
{
    (void)state;
    char *dir = card_new(), *gone = card_path(dir, "gone");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_ERR_NO_CARGO);
    assert_int_equal(ferry_card_open(&card, gone, NULL, &fault), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_card_open(&card, "", NULL, &fault), FERRY_ERR_STORAGE_MISSING);
    card_put_text(dir, "flasher_args.json", "{ \"flash_files\": ");
    assert_true(ferry_card_open(&card, dir, NULL, &fault) < 0);
    assert_true(card.list.refused_count > 0); // nothing is refused silently
    assert_non_null(strstr(fault.where, "flasher_args.json"));
    free(gone);
    card_remove(dir);
}

// What the updater itself leaves on the card is no cargo and no refused file.
static void test_the_updaters_own_files_are_no_cargo(void **state)
{
    (void)state;
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    card_put_text(dir, "ferry-log.csv", "time,mac\n");
    card_put_text(dir, "ferry.json", "{}");
    card_put_text(dir, ".ferry/0102030405fe-c8c9cacbcccdcecf.fjr", "FERJ");
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_int_equal(card.list.count, 1);
    for (size_t i = 0; i < card.list.refused_count; i++)
        print_message("refused: %s %s\n", card.list.refused[i].what, card.list.refused[i].where);
    assert_int_equal(card.list.refused_count, 0);
    card_remove(dir);
}

static void test_names_are_found_and_counted(void **state)
{
    (void)state;
    char *dir = two_builds();
    size_t index = 9;
    assert_int_equal(ferry_card_open(&card, dir, NULL, &fault), FERRY_OK);
    assert_int_equal(ferry_card_named(&card, "relay", &index), 1);
    assert_string_equal(ferry_card_shown(&card, &card.list.items[index]), "relay/flasher_args.json");
    assert_int_equal(ferry_card_named(&card, "relay/flasher_args.json", &index), 1);
    assert_int_equal(ferry_card_named(&card, "rel", &index), 0);
    assert_int_equal(ferry_card_named(&card, card.list.items[0].name, &index), 2); // both builds are called the same
    assert_int_equal(index, 0);
    card_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_only_one_is_taken_whatever_the_chip),
        cmocka_unit_test(test_several_need_a_name),
        cmocka_unit_test(test_a_folder_a_path_and_a_name_all_name_it),
        cmocka_unit_test(test_ferry_json_names_it_and_the_person_goes_before),
        cmocka_unit_test(test_ferry_json_can_be_the_cargo_itself),
        cmocka_unit_test(test_a_slash_behind_the_cards_name),
        cmocka_unit_test(test_a_damaged_ferry_json_is_told),
        cmocka_unit_test(test_the_chip_decides_when_each_has_its_own),
        cmocka_unit_test(test_empty_and_missing_cards),
        cmocka_unit_test(test_the_updaters_own_files_are_no_cargo),
        cmocka_unit_test(test_names_are_found_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
