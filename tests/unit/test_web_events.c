// What the web API tells of targets and jobs, as a stream and when it is asked. The outside anchor is the event-stream
// format of the HTML Standard, taken apart here by its rules; cJSON reads every text.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/web_rig.h"

static void test_hostile_texts_stay_texts(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_job_event event = {.kind = FERRY_EVENT_WARNING};
    snprintf(event.text, sizeof event.text, "</script><img src=x>\"\\\x01\xff\xc0\xaf & \xe8\x8c\xb6");
    web_rig_tell(rig, 2, FERRY_JOB_WRITING);
    ferry_web_tell_event(rig->web, 2, &event);
    struct ferry_updater_outcome outcome = {0};
    ferry_fault_set(&outcome.fault, FERRY_ERR_IMAGE_CHIP, "<b>where</b>", "<script>alert(1)</script>");
    ferry_web_tell_ended(rig->web, 2, NULL, &outcome);
    struct web_probe_answer answer = web_probe_get(rig->web, "/api/v1/targets", 200);
    assert_null(strchr(answer.text, '<'));
    const cJSON *target = cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "targets"), 2);
    const cJSON *job = cJSON_GetObjectItem(target, "job");
    assert_string_equal(web_probe_text(cJSON_GetObjectItem(job, "fault"), "what"), "<script>alert(1)</script>");
    assert_string_equal(web_probe_text(cJSON_GetObjectItem(job, "fault"), "error"), "IMAGE_CHIP");
    assert_string_equal(web_probe_text(cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "targets"), 1), "port"),
                        web_rig_ports[1]);
    web_probe_free(&answer);
    web_rig_free(rig);
}

// Takes an event stream apart: "target 0 writing" for every event, in order.
static char *told(const char *text)
{
    static char out[4000];
    char name[32] = "";
    size_t at = 0;
    out[0] = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (strncmp(text, "event: ", 7) == 0)
            snprintf(name, sizeof name, "%.*s", (int)(len - 7), text + 7);
        if (strncmp(text, "data: ", 6) == 0) {
            cJSON *json = cJSON_ParseWithLength(text + 6, len - 6);
            assert_non_null(json);
            const cJSON *job = cJSON_GetObjectItem(json, "job");
            at +=
                (size_t)snprintf(out + at, sizeof out - at, "%s%s%s%s%s;", name, *web_probe_text(json, "id") ? " " : "",
                                 web_probe_text(json, "id"), job ? " " : "", job ? web_probe_text(job, "state") : "");
            cJSON_Delete(json);
        }
        text += len + (text[len] == '\n');
    }
    return out;
}

static void expect_events(struct web_rig *rig, const char *after, const char *expected)
{
    for (size_t cap = 1; cap < 5000; cap = cap * 7 + 3) { // however the server asks for it
        struct web_probe probe = {.method = "GET",
                                  .path = "/api/v1/events",
                                  .answer_cap = cap < 4096 ? cap : 4096,
                                  .headers = {{"Accept", "text/event-stream"}},
                                  .query = {{"after", after}}};
        struct web_probe_answer answer = web_probe_call(rig->web, &probe);
        assert_string_equal(web_probe_header(&answer, "Content-Type"), "text/event-stream");
        assert_true(answer.open);
        assert_string_equal(told(answer.text), expected);
        web_probe_free(&answer);
    }
}

static void test_events_tell_every_last_state_in_order(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    expect_events(rig, "0", "target 0;target 1;target 2;builds;");
    expect_events(rig, "4", "");
    expect_events(rig, "99", "target 0;target 1;target 2;builds;"); // of an earlier run
    web_rig_tell(rig, 1, FERRY_JOB_CONNECTING);
    web_rig_tell(rig, 0, FERRY_JOB_CONNECTING);
    web_rig_tell(rig, 1, FERRY_JOB_WRITING); // the step in between is missed, the last state is not
    expect_events(rig, "4", "target 0 connecting;target 1 writing;");
    expect_events(rig, "2", "target 2;builds;target 0 connecting;target 1 writing;");
    struct ferry_updater_outcome outcome = {0};
    ferry_web_tell_ended(rig->web, 1, NULL, &outcome);
    ferry_web_tell_card(rig->web, NULL);
    expect_events(rig, "7", "target 1 done;history;builds;");
    web_rig_tell(rig, 1, FERRY_JOB_CONNECTING); // another job, by itself
    expect_events(rig, "10", "target 1 connecting;");
    assert_true(rig->wakes >= 5);
    web_rig_free(rig);
}

static void test_polling_tells_the_same(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    web_rig_tell(rig, 1, FERRY_JOB_CONNECTING);
    struct web_probe probe = {.method = "GET",
                              .path = "/api/v1/events",
                              .headers = {{"Accept", "application/json"}},
                              .query = {{"after", "0"}}};
    struct web_probe_answer answer = web_probe_call(rig->web, &probe);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer.json, "events")), 4);
    assert_int_equal(cJSON_GetObjectItem(answer.json, "seq")->valueint, 5);
    web_probe_free(&answer);
    probe.query[0].value = "5";
    answer = web_probe_call(rig->web, &probe);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer.json, "events")), 0);
    assert_int_equal(cJSON_GetObjectItem(answer.json, "seq")->valueint, 5);
    web_probe_free(&answer);
    web_rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_texts_stay_texts),
        cmocka_unit_test(test_events_tell_every_last_state_in_order),
        cmocka_unit_test(test_polling_tells_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
