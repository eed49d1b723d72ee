// otadata decides as ESP-IDF's own bootloader was seen to decide: every recorded boot (tests/vectors/boot) in which all
// images are good, so that otadata alone determines what starts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/otadata.h"

static void from_hex(const char *hex, struct ferry_otadata_entry *out)
{
    uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    ferry_otadata_decode(out, bytes);
}

static const char *text(const cJSON *o, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : "";
}

// OTA slots if otadata alone decides in this case, 0 if not.
static uint8_t slots_of(const cJSON *c)
{
    const cJSON *slot;
    uint8_t slots = 0;
    static const char *const tables[] = {"factory", "no_factory", "factory_3ota", "no_factory_3ota", "swapped_rows"};
    bool known = false;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        known |= strcmp(text(c, "table"), tables[i]) == 0;
    if (!known || cJSON_HasObjectItem(c, "table_defect") || cJSON_HasObjectItem(c, "anti_rollback"))
        return 0;
    cJSON_ArrayForEach(slot, cJSON_GetObjectItemCaseSensitive(c, "slots"))
    {
        if (strcmp(slot->valuestring, "good") != 0)
            return 0;
        slots = (uint8_t)(slots + (strncmp(slot->string, "ota_", 4) == 0));
    }
    return slots;
}

static void check(const cJSON *c, uint8_t slots, const cJSON *hex, const char *boots)
{
    struct ferry_otadata_entry entries[2];
    bool rollback = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c, "rollback"));
    for (int i = 0; i < 2; i++) {
        from_hex(cJSON_GetArrayItem(hex, i)->valuestring, &entries[i]);
        if (rollback && entries[i].state == FERRY_OTADATA_PENDING_VERIFY)
            entries[i].state = FERRY_OTADATA_ABORTED; // what such a bootloader does before anything else
    }
    struct ferry_otadata_choice choice = ferry_otadata_choose(entries, slots);
    char expected[16] = "factory";
    if (choice.slot >= 0)
        snprintf(expected, sizeof expected, "ota_%d", choice.slot);
    else if (strncmp(text(c, "table"), "no_factory", 10) == 0)
        strcpy(expected, "ota_0");
    if (strcmp(expected, boots) != 0)
        fail_msg("%s %s: %s, the bootloader started %s", text(c, "chip"), text(c, "name"), expected, boots);
    bool says = strstr(text(c, "message"), "ota data partition invalid") != NULL;
    if (hex == cJSON_GetObjectItemCaseSensitive(c, "otadata") && strcmp(expected, "factory") == 0)
        assert_int_equal(says, choice.damaged);
}

static void as_the_real_bootloader(void **state)
{
    (void)state;
    static char line[8192];
    unsigned first = 0, second = 0;
    FILE *f = fopen(FERRY_TESTS_DIR "/vectors/boot/boot-vectors.jsonl", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        cJSON *c = cJSON_Parse(line);
        assert_non_null(c);
        uint8_t slots = slots_of(c);
        const cJSON *again = cJSON_GetObjectItemCaseSensitive(c, "second_boot");
        if (slots) {
            check(c, slots, cJSON_GetObjectItemCaseSensitive(c, "otadata"), text(c, "boots"));
            first++;
        }
        if (slots && again) {
            check(c, slots, cJSON_GetObjectItemCaseSensitive(c, "otadata_after"), text(again, "boots"));
            second++;
        }
        cJSON_Delete(c);
    }
    fclose(f);
    printf("otadata decided %u first and %u second boots as recorded\n", first, second);
    assert_true(first > 100 && second > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_real_bootloader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
