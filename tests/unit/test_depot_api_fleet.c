// The depot's API for devices and workers, on a real SQLite: check-ins, what reports say about devices, and the forms
// in which others fetch: ESPHome's MD5 and manifest (as esphome's http_request reads them), passwords instead of bearer
// tokens. What each request must answer is docs/protocol/depot-api.yaml; the depot itself says what is stored.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "depot/api_json.h"
#include "ferry/base/status.h"
#include "tests/support/api_rig.h"
#include "tests/support/depot_rig.h"

#define MAC "24:0a:c4:00:01:10"

static struct api_rig rig;

static int ask(const char *method, const char *target, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int ask(const char *method, const char *target, const char *format, ...)
{
    char body[600];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(body, sizeof body, format, args);
    va_end(args);
    return api_rig_ask(&rig,
                       &(struct api_rig_ask){.method = method, .target = target, .body = body, .body_len = (size_t)n});
}

static void start(struct depot_rig *depot)
{
    unsigned all = FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WRITE | FERRY_DEPOT_SCOPE_WORK | FERRY_DEPOT_SCOPE_DEVICE;
    api_rig_start(&rig, depot->depot, &(struct ferry_depot_api_cfg){.anonymous = all, .rate = UINT32_MAX});
}

static void end(void)
{
    api_rig_end(&rig);
    assert_int_equal(rig.digests, 0);
}

static void answer_has(const char *name, const char *value)
{
    cJSON *json = cJSON_Parse(rig.body);
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (!text || strcmp(text, value) != 0)
        fail_msg("%s is %s, not %s: %s", name, text ? text : "(none)", value, rig.body);
    cJSON_Delete(json);
}

// A job that is done; what it says about the device.
static void work(const char *job_mac, const char *said)
{
    assert_int_equal(ask("POST", "/api/v1/jobs", "{\"ref\":\"blink@latest\"%s%s%s}", job_mac ? ",\"mac\":\"" : "",
                         job_mac ? job_mac : "", job_mac ? "\"" : ""),
                     201);
    cJSON *job = cJSON_Parse(rig.body);
    char target[80];
    snprintf(target, sizeof target, "/api/v1/jobs/%s/report",
             cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "id")));
    cJSON_Delete(job);
    assert_int_equal(ask("POST", "/api/v1/jobs/claim", "{\"worker\":\"w\"}"), 200);
    assert_int_equal(ask("POST", target, "{\"worker\":\"w\",\"attempt\":1,\"state\":\"done\"%s}", said), 200);
}

static void a_done_report_says_what_the_device_runs(void **state)
{
    struct depot_rig *depot = *state;
    struct ferry_depot_device device;
    struct ferry_depot_build build;
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    start(depot);
    assert_int_equal(ferry_depot_build_get(depot->depot, id, &build), FERRY_OK);
    work(MAC, "");
    assert_int_equal(ferry_depot_device_get(depot->depot, MAC, &device), FERRY_OK);
    assert_string_equal(device.project, "blink");
    assert_string_equal(device.version, "1.0");
    assert_memory_equal(device.running_sha256, build.app_sha256, sizeof build.app_sha256);
    work(NULL, ",\"mac\":\"" MAC "\",\"project\":\"sensor\",\"version\":\"2\",\"sha256\":"
               "\"1111111111111111111111111111111111111111111111111111111111111111\"");
    assert_int_equal(ferry_depot_device_get(depot->depot, MAC, &device), FERRY_OK);
    assert_string_equal(device.project, "sensor");
    assert_string_equal(device.version, "2");
    assert_int_equal(device.running_sha256[31], 0x11);
    assert_int_equal(ask("GET", "/api/v1/devices/" MAC, "%s", ""), 200);
    answer_has("project", "sensor");
    end();
}

static void a_device_that_says_no_project_has_its_stored_one(void **state)
{
    struct depot_rig *depot = *state;
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    start(depot);
    assert_int_equal(ferry_depot_channel_set(depot->depot, "stable", id), FERRY_OK);
    assert_int_equal(ask("POST", "/api/v1/checkin", "{\"mac\":\"%s\",\"chip\":\"esp32c3\"}", MAC), 200);
    answer_has("answer", "nothing");
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"project\":\"blink\",\"channel\":\"stable\"}"), 200);
    assert_int_equal(ask("POST", "/api/v1/checkin", "{\"mac\":\"%s\",\"chip\":\"esp32c3\"}", MAC), 200);
    answer_has("answer", "update");
    assert_int_equal(ask("POST", "/api/v1/checkin", "{\"mac\":\"%s\",\"chip\":\"esp32c3\",\"project\":\"\"}", MAC),
                     200);
    answer_has("answer", "update");
    end();
}

static void check_in(const char *said, const char *answer, const char *project, const char *channel)
{
    assert_int_equal(ask("POST", "/api/v1/checkin", "{\"mac\":\"24-0A-C4-00-01-10\",\"chip\":\"ESP32-C3\"%s}", said),
                     200);
    answer_has("answer", answer);
    cJSON *json = cJSON_Parse(rig.body);
    const char *got = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "project"));
    assert_string_equal(got ? got : "", project);
    got = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "channel"));
    assert_string_equal(got ? got : "", channel);
    cJSON_Delete(json);
}

static void the_operators_channel_wins_until_it_is_taken_back(void **state)
{
    struct depot_rig *depot = *state;
    int64_t old = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    int64_t new = depot_rig_build(depot, "blink", "2.0", "esp32c3", 5000, 4);
    start(depot);
    assert_int_equal(ferry_depot_channel_set(depot->depot, "stable", old), FERRY_OK);
    assert_int_equal(ferry_depot_channel_set(depot->depot, "beta", new), FERRY_OK);
    check_in(",\"project\":\"blink\",\"channel\":\"stable\"", "update", "blink", "stable");
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"channel\":\"beta\"}"), 200);
    assert_non_null(strstr(rig.body, "\"assigned\":true"));
    check_in(",\"project\":\"blink\",\"channel\":\"stable\"", "update", "blink", "beta");
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"channel\":null}"), 200);
    assert_null(strstr(rig.body, "assigned"));
    check_in(",\"project\":\"blink\",\"channel\":\"stable\"", "update", "blink", "stable");
    assert_int_equal(ask("GET", "/api/v1/devices?project=blink&channel=stable", "%s", ""), 200);
    assert_non_null(strstr(rig.body, MAC));
    assert_int_equal(ask("GET", "/api/v1/devices?project=blink&channel=beta", "%s", ""), 200);
    assert_null(strstr(rig.body, MAC));
    end();
}

static void defaults_are_for_devices_that_have_nothing(void **state)
{
    struct depot_rig *depot = *state;
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    start(depot);
    assert_int_equal(ferry_depot_channel_set(depot->depot, "stable", id), FERRY_OK);
    check_in("", "nothing", "", "");
    check_in(",\"default_project\":\"blink\"", "nothing", "blink", "");
    check_in(",\"default_project\":\"blink\",\"default_channel\":\"stable\"", "update", "blink", "stable");
    // Factory firmware that the depot has never heard of.
    check_in(",\"project\":\"arduino-lib-builder\",\"default_project\":\"blink\"", "update", "blink", "stable");
    assert_int_equal(ask("POST", "/api/v1/checkin", "{\"mac\":\"%s\",\"chip\":\"esp32c3\",\"default_project\":1}", MAC),
                     400);
    end();
}

static void a_device_is_told_of_before_it_is_seen(void **state)
{
    struct depot_rig *depot = *state;
    start(depot);
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"name\":\"hall\"}"), 404);
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"name\":\"hall\",\"chip\":\"esp32c3\"}"), 200);
    answer_has("name", "hall");
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"chip\":\"esp99\"}"), 400);
    assert_int_equal(ask("PUT", "/api/v1/devices/" MAC, "{\"name\":\"a\\u0007b\"}"), 400);
    assert_non_null(strstr(rig.body, "\\\"name\\\"")); // which one it is
    assert_null(strstr(rig.body, "channel"));
    end();
}

static void what_esphome_and_web_tools_ask_for(void **state)
{
    struct depot_rig *depot = *state;
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    start(depot);
    depot_rig_build(depot, "blink", "1.0", "esp32", 6000, 4);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@1.0/esp32c3.md5", "%s", ""), 200);
    char sum[34];
    assert_int_equal(rig.len, 33);
    memcpy(sum, rig.body, 34);
    assert_int_equal(strspn(sum, "0123456789abcdef"), 32);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@1.0/esp32c3.bin", "%s", ""), 200);
    assert_int_equal(strncmp(api_rig_header(&rig, "x-MD5"), sum, 32), 0);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@1.0/manifest.json", "%s", ""), 200);
    cJSON *json = cJSON_Parse(rig.body), *build;
    int seen = 0;
    cJSON_ArrayForEach(build, cJSON_GetObjectItem(json, "builds"))
    {
        const cJSON *ota = cJSON_GetObjectItem(build, "ota");
        const char *chip = cJSON_GetStringValue(cJSON_GetObjectItem(build, "chipFamily"));
        const char *path = cJSON_GetStringValue(cJSON_GetObjectItem(ota, "path"));
        seen += strcmp(chip, "ESP32-C3") == 0 || strcmp(chip, "ESP32") == 0;
        assert_int_equal(ask("GET", path, "%s", ""), 200);
        assert_string_equal(api_rig_header(&rig, "x-MD5"), cJSON_GetStringValue(cJSON_GetObjectItem(ota, "md5")));
    }
    cJSON_Delete(json);
    assert_int_equal(seen, 2);
    assert_int_equal(ask("GET", "/api/v1/ota/nothing/manifest.json", "%s", ""), 404);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@1.0/esp32s3.md5", "%s", ""), 404);
    (void)id;
    end();
}

static int ask_as(const char *method, const char *authorization)
{
    const char *const headers[] = {"Authorization", authorization, NULL};
    return api_rig_ask(
        &rig, &(struct api_rig_ask){.method = method,
                                    .target = strcmp(method, "GET") == 0 ? "/api/v1/builds" : "/api/v1/builds/1",
                                    .headers = headers});
}

static void base64(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 3) {
        unsigned long three = (unsigned long)(unsigned char)text[i] << 16;
        three |= i + 1 < len ? (unsigned long)(unsigned char)text[i + 1] << 8 : 0;
        three |= i + 2 < len ? (unsigned char)text[i + 2] : 0;
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[three & 63] : '=';
    }
    *out = 0;
}

static void a_password_is_a_token_for_reading(void **state)
{
    struct depot_rig *depot = *state;
    struct ferry_depot_token token;
    char secret[FERRY_DEPOT_SECRET], text[100], header[200] = "Basic ";
    api_rig_start(&rig, depot->depot, &(struct ferry_depot_api_cfg){.rate = UINT32_MAX});
    unsigned scopes = FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WRITE;
    assert_int_equal(ferry_depot_token_add(depot->depot, "t", scopes, 0, secret, &token), FERRY_OK);
    snprintf(text, sizeof text, "whoever:%s", secret);
    base64(text, header + 6);
    assert_int_equal(ask_as("GET", header), 200);
    assert_int_equal(ask_as("DELETE", header), 401); // what a browser may send by itself changes nothing
    assert_null(strstr(api_rig_header(&rig, "WWW-Authenticate"), "Basic"));
    base64("whoever:fd_wrong", header + 6);
    assert_int_equal(ask_as("GET", header), 401);
    assert_int_equal(ask_as("GET", "Basic !!!"), 401);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_done_report_says_what_the_device_runs, depot_rig_fresh, depot_rig_done),
        cmocka_unit_test_setup_teardown(a_device_that_says_no_project_has_its_stored_one, depot_rig_fresh,
                                        depot_rig_done),
        cmocka_unit_test_setup_teardown(the_operators_channel_wins_until_it_is_taken_back, depot_rig_fresh,
                                        depot_rig_done),
        cmocka_unit_test_setup_teardown(defaults_are_for_devices_that_have_nothing, depot_rig_fresh, depot_rig_done),
        cmocka_unit_test_setup_teardown(a_device_is_told_of_before_it_is_seen, depot_rig_fresh, depot_rig_done),
        cmocka_unit_test_setup_teardown(what_esphome_and_web_tools_ask_for, depot_rig_fresh, depot_rig_done),
        cmocka_unit_test_setup_teardown(a_password_is_a_token_for_reading, depot_rig_fresh, depot_rig_done),
    };
    return cmocka_run_group_tests(tests, depot_rig_sqlite, depot_rig_end);
}
