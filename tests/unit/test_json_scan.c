// The look at JSON before it is parsed, by the grammar of RFC 8259, and against what cJSON makes of a text: what it
// would cut off, how deep and how much it would build.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/codec/json_scan.h"

static const struct ferry_json_scan_limits limits = {.depth = 3, .values = 5};

static enum ferry_json_scan scan(const char *text, size_t *at)
{
    return ferry_json_scan(text, strlen(text), &limits, at);
}

static void what_is_found_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ferry_json_scan found;
        size_t at;
    } cases[] = {
        {"", FERRY_JSON_SCAN_FINE, 0},
        {"[[[1]]]", FERRY_JSON_SCAN_FINE, 7},
        {"[[[[1]]]]", FERRY_JSON_SCAN_DEEP, 3},
        {"[{\"a\":[{", FERRY_JSON_SCAN_DEEP, 7},
        {"[1,2,3,4,5]", FERRY_JSON_SCAN_FINE, 11},
        {"[1,2,3,4,5,6]", FERRY_JSON_SCAN_MANY, 10},
        {"\"[[[[[,,,,,,,{{{{\"", FERRY_JSON_SCAN_FINE, 18},
        {"\"\\\"[[[[[\"", FERRY_JSON_SCAN_FINE, 9},
        {"\"\\\\\"[[[[", FERRY_JSON_SCAN_DEEP, 7},
        {"\"a\\u0000\"", FERRY_JSON_SCAN_ESCAPED, 2},
        {"{\"\\u0000\":1}", FERRY_JSON_SCAN_ESCAPED, 2},
        {"\"\\\\u0000\"", FERRY_JSON_SCAN_FINE, 9},
        {"\"\\\\\\u0000\"", FERRY_JSON_SCAN_ESCAPED, 3},
        {"\"\\u00001\"", FERRY_JSON_SCAN_ESCAPED, 1},
        {"\"\\u0001\\u1000\"", FERRY_JSON_SCAN_FINE, 14},
        {"\\u0000", FERRY_JSON_SCAN_FINE, 6}, // not in a text: no JSON, which the parser says
        {"]]]][[[", FERRY_JSON_SCAN_FINE, 7},
        {"\"\\", FERRY_JSON_SCAN_FINE, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = 99;
        enum ferry_json_scan found = scan(cases[i].text, &at);
        if (found != cases[i].found || at != cases[i].at)
            fail_msg("%s: %d at %zu", cases[i].text, (int)found, at);
    }
}

static void zero_bytes_anywhere(void **state)
{
    (void)state;
    const char text[] = "{\"a\\\\b\": [\"\\\"c\"]}";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char copy[sizeof text];
        size_t at;
        memcpy(copy, text, sizeof text);
        copy[i] = 0;
        assert_int_equal(ferry_json_scan(copy, sizeof text - 1, &limits, &at), FERRY_JSON_SCAN_ZERO);
        assert_int_equal(at, i);
    }
}

// Every text of six of these bytes: what cJSON would cut off, or build beyond a limit, is never called fine.
static unsigned depth_of(const cJSON *item)
{
    unsigned deepest = 0;
    for (const cJSON *child = item->child; child; child = child->next)
        deepest = depth_of(child) > deepest ? depth_of(child) : deepest;
    return deepest + (cJSON_IsArray(item) || cJSON_IsObject(item));
}

static unsigned values_of(const cJSON *item)
{
    unsigned count = 1;
    for (const cJSON *child = item->child; child; child = child->next)
        count += values_of(child);
    return count;
}

static void every_short_text_against_the_parser(void **state)
{
    (void)state;
    static const char alphabet[] = "[]{}\",\\1:";
    static const struct ferry_json_scan_limits tight = {.depth = 2, .values = 2};
    enum { LEN = 6, LETTERS = sizeof alphabet - 1 };
    unsigned fine = 0, refused = 0;
    for (unsigned n = 0; n < 531441; n++) { // LETTERS to the power of LEN
        char text[LEN + 1] = "";
        for (unsigned i = 0, rest = n; i < LEN; i++, rest /= LETTERS)
            text[i] = alphabet[rest % LETTERS];
        cJSON *json = cJSON_ParseWithLength(text, LEN);
        if (!json)
            continue;
        bool within = ferry_json_scan(text, LEN, &tight, NULL) == FERRY_JSON_SCAN_FINE;
        // cJSON stops at the end of the value; what follows only makes a scan stricter.
        if (within && (depth_of(json) > tight.depth || values_of(json) > tight.values + 1))
            fail_msg("%s was called fine", text);
        *(within ? &fine : &refused) += 1;
        cJSON_Delete(json);
    }
    assert_true(fine > 100 && refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_and_where),
        cmocka_unit_test(zero_bytes_anywhere),
        cmocka_unit_test(every_short_text_against_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
