// JSON within bounds: positions are those that an editor shows; limits hold exactly where the header says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/json.h"

static struct ferry_fault fault;

static int parse(const char *text)
{
    cJSON *json;
    int status = ferry_json_parse(text, strlen(text), "m.json", &json, &fault);
    assert_int_equal(status >= 0, json != NULL);
    cJSON_Delete(json);
    return status;
}

static void positions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } cases[] = {{"{\n  \"a\": x}", "m.json:2:8"},
                 {"{} x", "m.json:1:4"},
                 {"{\"a\": 1,\n\"b\": 2,\n\"a\": 3}", "m.json:3:1"},
                 {"{\n\"a\\u0000b\": 1}", "m.json:2:3"},
                 {"{\"a\": \"b\\u0000c\"}", "m.json:1:9"},
                 {"", "m.json:1:1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text), FERRY_ERR_MANIFEST);
        assert_string_equal(fault.where, cases[i].where);
    }
}

static int nested(size_t depth)
{
    char text[200];
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = 0;
    return parse(text);
}

static int values(size_t count)
{
    char *text = malloc(2 * count + 4), *p = text;
    *p++ = '[';
    for (size_t i = 0; i < count; i++) {
        *p++ = '1';
        *p++ = ',';
    }
    p[-1] = ']';
    *p = 0;
    int status = parse(text);
    free(text);
    return status;
}

static void limits(void **state)
{
    (void)state;
    assert_int_equal(nested(FERRY_JSON_MAX_DEPTH), 0);
    assert_int_equal(nested(FERRY_JSON_MAX_DEPTH + 1), FERRY_ERR_MANIFEST);
    assert_int_equal(values(FERRY_JSON_MAX_VALUES), 0);
    assert_int_equal(values(FERRY_JSON_MAX_VALUES + 1), FERRY_ERR_MANIFEST);
    assert_int_equal(parse("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), 0); // in a text they are no nesting
    assert_int_equal(parse("{\"a\": \"\\\"[[[[[[[[[[[[[[[[[[[[[[\"}"), 0);
    assert_int_equal(parse("{\"a\": \"\\\\u0000\"}"), 0); // a backslash and letters, no zero character
    cJSON *json;
    assert_int_equal(ferry_json_parse("{\0}", 3, "m.json", &json, &fault), FERRY_ERR_MANIFEST);
}

static bool number(const char *json, uint32_t *out)
{
    cJSON *value = cJSON_Parse(json);
    bool good = ferry_json_address(value, out);
    cJSON_Delete(value);
    return good;
}

static void addresses(void **state)
{
    (void)state;
    uint32_t n;
    assert_true(number("65536", &n) && n == 65536);
    assert_true(number("\"0x10000\"", &n) && n == 65536);
    assert_true(number("\"65536\"", &n) && n == 65536);
    assert_true(number("4294967295", &n) && n == UINT32_MAX);
    assert_true(number("\"0xffffffff\"", &n) && n == UINT32_MAX);
    static const char *const bad[] = {
        "-1",     "1.5",    "1e10",    "4294967296", "1e999", "\"0x\"", "\"\"", "\"0x100000000\"", "\" 1\"",
        "\"1 \"", "\"-1\"", "\"1.0\"", "true",       "null",  "[]",     "{}",   "\"ten\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(number(bad[i], &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions),
        cmocka_unit_test(limits),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
