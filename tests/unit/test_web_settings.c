// Settings over the web API: ferry.json as cJSON reads it afterwards is the anchor. What is not ours in the file stays,
// secrets do not come back, wrong values change nothing, and a file that is half replaced is brought to an end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/web_rig.h"

static const struct ferry_web_setting rows[] = {
    {.name = "cargo", .kind = FERRY_WEB_BUILD_NAME, .label = "Firmware"},
    {.name = "wifi.ssid", .kind = FERRY_WEB_TEXT, .label = "Network", .min = 1, .max = 32},
    {.name = "wifi.password", .kind = FERRY_WEB_SECRET, .label = "Password", .min = 8, .max = 63},
    {.name = "baud", .kind = FERRY_WEB_NUMBER, .label = "Rate", .min = 9600, .max = 2000000, .unit = "baud"},
    {.name = "auto", .kind = FERRY_WEB_BOOL, .label = "By itself"},
    {.name = "route", .kind = FERRY_WEB_CHOICE, .label = "Route", .choices = "rom|link|auto", .restart = true},
};

static const struct ferry_web_cfg cfg = {.settings = rows, .setting_count = sizeof rows / sizeof rows[0]};

static char *file(const struct web_rig *rig, const char *name)
{
    static char text[2000];
    char *path = card_path(rig->dir, name);
    FILE *f = fopen(path, "r");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[len] = 0;
    if (f)
        fclose(f);
    free(path);
    return text;
}

static char *compact(const struct web_rig *rig)
{
    static char out[2000];
    cJSON *json = cJSON_Parse(file(rig, "ferry.json"));
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    snprintf(out, sizeof out, "%s", text ? text : "");
    cJSON_free(text);
    cJSON_Delete(json);
    return out;
}

static struct web_probe_answer put(struct web_rig *rig, const char *body)
{
    struct web_probe probe = {
        .method = "PUT", .path = "/api/v1/settings", .body = body, .len = strlen(body), .piece = 9};
    return web_probe_call(rig->web, &probe);
}

static void expect(struct web_rig *rig, const char *body, int status)
{
    struct web_probe_answer answer = put(rig, body);
    if (answer.status != status)
        fail_msg("%s: %d instead of %d: %s", body, answer.status, status, answer.text);
    web_probe_free(&answer);
}

static void test_what_is_set_is_in_the_file_and_the_rest_stays(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(&cfg, "{\"mine\":[1,2],\"wifi\":{\"country\":\"NZ\"},\"baud\":115200}");
    struct ferry_web_command command;
    expect(
        rig,
        "{\"wifi.ssid\":\"caf\xc3\xa9\",\"wifi.password\":\"12345678\",\"auto\":true,\"route\":\"link\",\"baud\":null}",
        200);
    assert_string_equal(compact(rig),
                        "{\"mine\":[1,2],\"wifi\":{\"country\":\"NZ\",\"ssid\":\"caf\xc3\xa9\",\"password\":"
                        "\"12345678\"},\"auto\":true,\"route\":\"link\"}");
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_APPLY);
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_LOOK);
    expect(rig, "{\"wifi.ssid\":null,\"auto\":false}", 200);
    assert_string_equal(
        compact(rig),
        "{\"mine\":[1,2],\"wifi\":{\"country\":\"NZ\",\"password\":\"12345678\"},\"route\":\"link\",\"auto\":false}");
    web_rig_free(rig);
}

static void test_secrets_are_never_told(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_new(&cfg, NULL);
    struct web_probe_answer answer = put(rig, "{\"wifi.password\":\"very secret\",\"baud\":9600}");
    assert_int_equal(answer.status, 200);
    for (int round = 0; round < 2; round++) {
        assert_null(strstr(answer.text, "very secret"));
        const cJSON *list = cJSON_GetObjectItem(answer.json, "settings");
        assert_int_equal(cJSON_GetArraySize(list), 6);
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 2), "set")));
        assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 3), "value")->valueint, 9600);
        assert_true(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "value")));
        web_probe_free(&answer);
        answer = web_probe_get(rig->web, "/api/v1/settings", 200);
    }
    web_probe_free(&answer);
    web_rig_free(rig);
}

static void test_wrong_values_change_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"other\":1}",
        "{\"wifi\":{\"ssid\":\"x\"}}",
        "{\"__proto__\":1}",
        "{\"wifi.ssid\":\"\"}",
        "{\"wifi.ssid\":7}",
        "{\"wifi.ssid\":\"123456789012345678901234567890123\"}",
        "{\"wifi.ssid\":\"a\\nb\"}",
        "{\"wifi.ssid\":\"\\ud800\"}",
        "{\"wifi.password\":\"short\"}",
        "{\"baud\":9599}",
        "{\"baud\":2000001}",
        "{\"baud\":9600.5}",
        "{\"baud\":1e99}",
        "{\"baud\":-9600}",
        "{\"baud\":\"9600\"}",
        "{\"auto\":1}",
        "{\"route\":\"ro\"}",
        "{\"route\":\"rom|link\"}",
        "{\"route\":\"\"}",
        "{\"baud\":9600,\"route\":\"x\"}",
        "{\"baud\":9600,\"baud\":9600}",
        "{\"cargo\":\"\"}",
        "{\"cargo\":\"../x\"}",
        "{\"cargo\":\"a/../../x\"}",
        "{\"cargo\":\"a/..\"}",
        "{\"cargo\":\"/x\"}",
    };
    struct web_rig *rig = web_rig_new(&cfg, "{\"baud\":115200}");
    struct ferry_web_command command;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect(rig, bad[i], 422);
        assert_string_equal(file(rig, "ferry.json"), "{\"baud\":115200}");
    }
    assert_false(ferry_web_take(rig->web, &command));
    web_rig_free(rig);
}

static void test_a_damaged_file_is_told_and_left(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"baud\":", "[1]", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < 3; i++) {
        struct web_rig *rig = web_rig_new(&cfg, bad[i]);
        struct web_probe_answer answer = web_probe_get(rig->web, "/api/v1/settings", 422);
        assert_string_equal(web_probe_text(answer.json, "error"), "MANIFEST");
        web_probe_free(&answer);
        expect(rig, "{\"baud\":9600}", 422);
        assert_string_equal(file(rig, "ferry.json"), bad[i]);
        web_rig_free(rig);
    }
}

static void test_a_replacement_cut_off_by_the_power(void **state)
{
    (void)state;
    static const struct {
        const char *old, *fresh, *after;
    } cases[] = {
        {"{\"baud\":1}", "{\"baud\":2}", "{\"baud\":1}"}, // before anything was replaced
        {"{\"baud\":1}", "{\"bau", "{\"baud\":1}"},       // while it was written
        {NULL, "{\"baud\":2}", "{\"baud\":2}"},           // between remove and rename, as on FAT
        {NULL, "{\"bau", ""},
        {"{\"baud\":1}", NULL, "{\"baud\":1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_rig *rig = web_rig_new(&cfg, cases[i].old);
        if (cases[i].fresh)
            card_put_text(rig->dir, ".ferry/ferry.json.new", cases[i].fresh);
        web_rig_restart(rig, &cfg);
        assert_string_equal(file(rig, "ferry.json"), cases[i].after);
        assert_string_equal(file(rig, ".ferry/ferry.json.new"), "");
        web_rig_free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_set_is_in_the_file_and_the_rest_stays),
        cmocka_unit_test(test_secrets_are_never_told),
        cmocka_unit_test(test_wrong_values_change_nothing),
        cmocka_unit_test(test_a_damaged_file_is_told_and_left),
        cmocka_unit_test(test_a_replacement_cut_off_by_the_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
