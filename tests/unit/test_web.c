// The web API's requests: who may, what is told, what is asked of the updater. The outside anchors: the Fetch
// Standard's and RFC 6750's headers (Origin, Sec-Fetch-Site, Authorization), cJSON as the reader of every answer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "tests/support/web_rig.h"
#include "updater/web_json.h"

static int status_of(struct web_rig *rig, const struct web_probe *probe)
{
    struct web_probe_answer answer = web_probe_call(rig->web, probe);
    int status = answer.status;
    if (status >= 400 && strcmp(probe->path, "/") != 0)
        assert_true(web_probe_text(answer.json, "error")[0] && web_probe_text(answer.json, "what")[0]);
    web_probe_free(&answer);
    return status;
}

// ---- who may ----

static void test_the_token(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench("correct horse");
    static const struct {
        const char *authorization;
        int status;
    } cases[] = {
        {NULL, 401},
        {"Bearer correct horse", 200},
        {"bearer correct horse", 200}, // the scheme's name is without case
        {"Bearer correct hors", 401},
        {"Bearer correct horsex", 401},
        {"Bearer ", 401},
        {"Basic correct horse", 401},
        {"correct horse", 401},
        {"", 401},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char *const paths[] = {"/api/v1/builds", "/api/v1/targets", "/api/v1/history.csv",
                                            "/api/v1/settings"};
        for (size_t p = 0; p < 4; p++) {
            struct web_probe probe = {
                .method = "GET", .path = paths[p], .headers = {{"Authorization", cases[i].authorization}}};
            assert_int_equal(status_of(rig, &probe), cases[i].status);
        }
        struct web_probe put = {.method = "PUT",
                                .path = "/api/v1/files/x.bin",
                                .body = "x",
                                .len = 1,
                                .headers = {{"Authorization", cases[i].authorization}},
                                .query = {{"replace", "1"}}};
        assert_int_equal(status_of(rig, &put), cases[i].status == 200 ? 201 : 401);
        struct web_probe info = {
            .method = "GET", .path = "/api/v1/info", .headers = {{"Authorization", cases[i].authorization}}};
        struct web_probe_answer answer = web_probe_call(rig->web, &info);
        assert_int_equal(answer.status, 200);
        assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(answer.json, "ok")), cases[i].status == 200);
        assert_int_equal(cJSON_HasObjectItem(answer.json, "name"), cases[i].status == 200);
        web_probe_free(&answer);
    }
    struct web_probe page = {.method = "GET", .path = "/"};
    assert_int_equal(status_of(rig, &page), 200);
    struct web_probe nothing = {.method = "GET", .path = "/api/v1/nothing"};
    assert_int_equal(status_of(rig, &nothing), 401); // what there is is nobody's business
    web_rig_free(rig);
}

static void test_other_web_pages_cannot_use_this_browser(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    static const struct {
        const char *host, *origin, *site;
        int status;
    } cases[] = {
        {"192.168.1.9:8080", NULL, NULL, 202}, // curl
        {"192.168.1.9:8080", "http://192.168.1.9:8080", "same-origin", 202},
        {"ferry.local", "http://ferry.local", NULL, 202},
        {"localhost:80", "http://localhost:80", NULL, 202},
        {"[fe80::1]:8080", "http://[fe80::1]:8080", NULL, 202},
        {"192.168.1.9:8080", "http://evil.example", NULL, 403},
        {"192.168.1.9:8080", "http://192.168.1.9:8081", NULL, 403},
        {"192.168.1.9:8080", "null", NULL, 403},
        {"192.168.1.9:8080", NULL, "cross-site", 403},
        {"192.168.1.9:8080", NULL, "same-site", 403},
        {"192.168.1.9:8080", "http://192.168.1.9:8080.evil.example", NULL, 403},
        {"evil.example", "http://evil.example", "same-origin", 403}, // a name that was pointed here
        {"127.0.0.1.evil.example", NULL, NULL, 403},
        {"localhost.evil.example", NULL, NULL, 403},
        {"evil.example:80", NULL, NULL, 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_probe probe = {
            .method = "POST",
            .path = "/api/v1/jobs",
            .body = "{\"target\":\"0\"}",
            .len = 14,
            .headers = {{"Host", cases[i].host}, {"Origin", cases[i].origin}, {"Sec-Fetch-Site", cases[i].site}}};
        if (!cases[i].origin) {
            probe.headers[1] = probe.headers[2];
            probe.headers[2].name = NULL;
            if (!cases[i].site)
                probe.headers[1].name = NULL;
        } else if (!cases[i].site) {
            probe.headers[2].name = NULL;
        }
        struct ferry_web_command command;
        int status = status_of(rig, &probe);
        if (status != cases[i].status)
            fail_msg("case %zu (%s, %s): %d", i, cases[i].host, cases[i].origin ? cases[i].origin : "", status);
        assert_int_equal(ferry_web_take(rig->web, &command), status == 202);
        struct ferry_updater_outcome outcome = {0};
        ferry_web_tell_ended(rig->web, 0, NULL, &outcome);
    }
    web_rig_free(rig);
}

static void test_what_there_is_not(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    static const struct {
        const char *method, *path;
        int status;
    } cases[] = {
        {"GET", "/nothing", 404},
        {"GET", "/api/v1/", 404},
        {"GET", "/api/v1/buildsx", 404},
        {"GET", "/api/v1/builds/x", 405},
        {"POST", "/", 405},
        {"DELETE", "/api/v1/settings", 405},
        {"PUT", "/api/v1/files", 404},
        {"PUT", "/api/v1/files/", 404},
        {"DELETE", "/api/v1/jobs/1", 404},
        {"DELETE", "/api/v1/jobs/x", 404},
        {"DELETE", "/api/v1/builds/x", 404},
        {"HEAD", "/api/v1/builds", 200},
        {"OPTIONS", "/api/v1/jobs", 405},
        {"GET", "/api/v1/depot/builds", 404},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_probe probe = {.method = cases[i].method, .path = cases[i].path};
        struct web_probe_answer answer = web_probe_call(rig->web, &probe);
        if (answer.status != cases[i].status)
            fail_msg("%s %s: %d", cases[i].method, cases[i].path, answer.status);
        assert_int_equal(answer.status == 405, web_probe_header(&answer, "Allow")[0] != 0); // RFC 9110, 15.5.6
        web_probe_free(&answer);
    }
    static const struct web_probe_pair queries[] = {{"limit", "0"},   {"limit", "201"}, {"limit", "x"},   {"limit", ""},
                                                    {"before", "-1"}, {"before", "1x"}, {"result", "bad"}};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct web_probe probe = {.method = "GET", .path = "/api/v1/history", .query = {queries[i]}};
        assert_int_equal(status_of(rig, &probe), 422);
    }
    web_rig_free(rig);
}

static void test_the_page_brings_nothing_from_elsewhere(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench("t");
    struct web_probe_answer page = web_probe_get(rig->web, "/", 200);
    const char *policy = web_probe_header(&page, "Content-Security-Policy");
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "http"));
    assert_string_equal(web_probe_header(&page, "Content-Encoding"), "gzip");
    assert_memory_equal(page.text, "\x1f\x8b", 2);
    struct web_probe again = {
        .method = "GET", .path = "/index.html", .headers = {{"If-None-Match", web_probe_header(&page, "ETag")}}};
    assert_int_equal(status_of(rig, &again), 304);
    web_probe_free(&page);
    web_rig_free(rig);
}

// ---- jobs ----

static struct web_probe_answer start(struct web_rig *rig, const char *body)
{
    struct web_probe probe = {.method = "POST", .path = "/api/v1/jobs", .body = body, .len = strlen(body), .piece = 5};
    return web_probe_call(rig->web, &probe);
}

static void expect_start(struct web_rig *rig, const char *body, int status)
{
    struct web_probe_answer answer = start(rig, body);
    if (answer.status != status)
        fail_msg("%s: %d instead of %d: %s", body, answer.status, status, answer.text);
    web_probe_free(&answer);
}

static void test_wishes_reach_the_updater_once(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_web_command command;
    char id[FERRY_WEB_ID], body[200];
    card_put_app(rig->dir, "app.bin", "esp32c3");
    struct ferry_fault fault;
    ferry_card_open(&rig->card, rig->dir, NULL, &fault);
    ferry_web_build_id(&rig->card, &rig->card.list.items[0], id);
    snprintf(body, sizeof body, "{\"target\":\"1\",\"build\":\"%s\",\"erase_all\":true,\"route\":\"rom\"}", id);
    assert_false(ferry_web_take(rig->web, &command));
    expect_start(rig, body, 202);
    expect_start(rig, body, 409);
    expect_start(rig, "{\"target\":\"0\",\"kind\":\"probe\"}", 202);
    expect_start(rig, "{\"target\":\"2\",\"kind\":\"verify\"}", 202);
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_PROBE);
    assert_int_equal(command.port, 0);
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_START);
    assert_int_equal(command.port, 1);
    assert_string_equal(command.build, id);
    assert_true(command.erase_all && !command.force && !command.verify_only);
    assert_ptr_equal(ferry_web_build(rig->web, command.build), &rig->card.list.items[0]);
    assert_true(ferry_web_take(rig->web, &command));
    assert_true(command.verify_only);
    assert_false(ferry_web_take(rig->web, &command));
    web_rig_free(rig);
}

static void test_wishes_that_make_no_sense(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"", 422},
        {"{", 422},
        {"[]", 404},
        {"null", 404},
        {"{}", 404},
        {"{\"target\":0}", 404},
        {"{\"target\":\"3\"}", 404},
        {"{\"target\":\"-1\"}", 404},
        {"{\"target\":\"4294967296\"}", 404},
        {"{\"target\":\"0\",\"build\":\"none\"}", 404},
        {"{\"target\":\"0\",\"build\":\"depot:x\"}", 404},
        {"{\"target\":\"0\",\"kind\":\"burn\"}", 422},
        {"{\"target\":\"0\",\"route\":\"link\"}", 422},
        {"{\"target\":\"0\",\"route\":\"moon\"}", 422},
        {"{\"target\":\"0\",\"target\":\"1\"}", 422},
        {"{\"target\":\"0\"}trailing", 422},
    };
    struct ferry_web_command command;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_start(rig, cases[i].body, cases[i].status);
    char *large = malloc(6000);
    memset(large, ' ', 6000);
    large[5999] = 0;
    expect_start(rig, large, 413);
    free(large);
    assert_false(ferry_web_take(rig->web, &command));
    web_rig_free(rig);
}

static void expect_job(struct web_rig *rig, int port, const char *state, const char *step, double done, double size)
{
    struct web_probe_answer answer = web_probe_get(rig->web, "/api/v1/targets", 200);
    const cJSON *target = cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "targets"), port);
    const cJSON *job = cJSON_GetObjectItem(target, "job");
    assert_string_equal(web_probe_text(job, "state"), state);
    assert_string_equal(web_probe_text(job, "step"), step);
    assert_true(cJSON_GetObjectItem(job, "done")->valuedouble == done);
    assert_true(cJSON_GetObjectItem(job, "size")->valuedouble == size);
    web_probe_free(&answer);
}

static int stop(struct web_rig *rig, const char *id)
{
    char path[64];
    snprintf(path, sizeof path, "/api/v1/jobs/%s", id);
    struct web_probe probe = {.method = "DELETE", .path = path};
    return status_of(rig, &probe);
}

static void test_stopping(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_web_command command;
    expect_start(rig, "{\"target\":\"0\"}", 202);
    assert_int_equal(stop(rig, "1"), 202); // the updater never hears of it
    assert_false(ferry_web_take(rig->web, &command));
    expect_start(rig, "{\"target\":\"0\"}", 202);
    assert_true(ferry_web_take(rig->web, &command));
    web_rig_tell(rig, 0, FERRY_JOB_WRITING);
    assert_int_equal(stop(rig, "1"), 404); // an old one
    assert_int_equal(stop(rig, "2"), 202);
    struct web_probe_answer jobs = web_probe_get(rig->web, "/api/v1/jobs", 200);
    assert_string_equal(web_probe_text(cJSON_GetArrayItem(cJSON_GetObjectItem(jobs.json, "jobs"), 0), "state"),
                        "stopping");
    web_probe_free(&jobs);
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_ABORT);
    assert_int_equal(command.job, 2);
    struct ferry_updater_outcome outcome = {.result.written = true};
    ferry_fault_set(&outcome.fault, FERRY_ERR_CANCELLED, "", "cancelled");
    ferry_web_tell_ended(rig->web, 0, NULL, &outcome);
    assert_int_equal(stop(rig, "2"), 404);
    expect_start(rig, "{\"target\":\"0\"}", 202);
    web_rig_free(rig);
}

// A build that has to be fetched first is a state of the job with figures of its own.
static void test_fetching_is_a_state(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_web_command command;
    expect_start(rig, "{\"target\":\"1\"}", 202);
    assert_true(ferry_web_take(rig->web, &command));
    web_rig_tell(rig, 1, FERRY_JOB_CONNECTING);
    ferry_web_tell_fetching(rig->web, 1, "app.bin\n", 300, 1000);
    web_rig_tell(rig, 1, FERRY_JOB_CONNECTING); // the job waits meanwhile, and is told as before
    expect_job(rig, 1, "fetching", "app.bin?", 300, 1000);
    unsigned wakes = rig->wakes;
    for (uint64_t done = 300; done < 304; done++)
        ferry_web_tell_fetching(rig->web, 1, "app.bin\n", done, 1000);
    assert_int_equal(rig->wakes, wakes); // not every piece is an event
    ferry_web_tell_fetching(rig->web, 1, "app.bin\n", 5000000000, 6000000000);
    expect_job(rig, 1, "fetching", "app.bin?", 5e9, 6e9);
    assert_int_equal(stop(rig, "1"), 202);
    expect_job(rig, 1, "stopping", "app.bin?", 5e9, 6e9);
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_ABORT);
    struct ferry_updater_outcome outcome = {0};
    ferry_fault_set(&outcome.fault, FERRY_ERR_CANCELLED, "", "cancelled");
    ferry_web_tell_ended(rig->web, 1, NULL, &outcome);
    expect_job(rig, 1, "failed", "", 0, 0);
    ferry_web_tell_fetching(rig->web, 0, "", 0, 0); // nobody asked on the page: a job all the same
    expect_job(rig, 0, "fetching", "firmware", 0, 0);
    ferry_web_tell_fetching(rig->web, 0, NULL, 0, 0);
    expect_job(rig, 0, "queued", "", 0, 0);
    ferry_web_tell_fetching(rig->web, 2, NULL, 0, 0); // nothing was fetched there
    struct web_probe_answer jobs = web_probe_get(rig->web, "/api/v1/jobs", 200);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(jobs.json, "jobs")), 2);
    web_probe_free(&jobs);
    web_rig_free(rig);
}

static const struct ferry_target *target_of(const void *engine)
{
    return engine;
}

static void expect_who(struct web_rig *rig, const char *chip, const char *mac, const char *running)
{
    struct web_probe_answer answer = web_probe_get(rig->web, "/api/v1/targets", 200);
    const cJSON *target = cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "targets"), 1);
    assert_string_equal(web_probe_text(target, "chip"), chip);
    assert_string_equal(web_probe_text(target, "mac"), mac);
    assert_string_equal(web_probe_text(target, "running"), running);
    web_probe_free(&answer);
}

// An updater that looks by itself, again and again: no job is made of it, and only what differs is told.
static void test_looks_that_nobody_asked_for(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_target target = {.chip = ferry_chip_by_name("esp32c3"), .mac = {2, 0, 0, 0, 0, 7}, .mac_known = true};
    static struct ferry_job job;
    memset(&job, 0, sizeof job);
    job.engine.target = target_of;
    job.engine.engine = &target;
    struct ferry_running running = {.state = FERRY_RUNNING_KNOWN, .project = "kettle", .version = "1.1"};
    ferry_web_tell_seen(rig->web, 1, &job, &running);
    expect_who(rig, "esp32c3", "02:00:00:00:00:07", "kettle");
    unsigned wakes = rig->wakes;
    for (int i = 0; i < 5; i++)
        ferry_web_tell_seen(rig->web, 1, &job, i % 2 ? &running : NULL);
    assert_int_equal(rig->wakes, wakes);
    target.mac[5] = 8; // another one: what the first one ran is not what it runs
    ferry_web_tell_seen(rig->web, 1, &job, NULL);
    expect_who(rig, "esp32c3", "02:00:00:00:00:08", "");
    assert_int_equal(rig->wakes, wakes + 1);
    expect_start(rig, "{\"target\":\"1\"}", 202);
    ferry_web_tell_seen(rig->web, 1, &job, &running); // while a job is there it counts for nothing
    expect_who(rig, "esp32c3", "02:00:00:00:00:08", "");
    struct ferry_updater_outcome outcome = {.running = running};
    ferry_web_tell_ended(rig->web, 1, &job, &outcome);
    expect_who(rig, "esp32c3", "02:00:00:00:00:08", "kettle");
    outcome = (struct ferry_updater_outcome){.result.written = true};
    ferry_web_tell_ended(rig->web, 1, &job, &outcome); // other bytes are there now
    expect_who(rig, "esp32c3", "02:00:00:00:00:08", "");
    ferry_web_tell_gone(rig->web, 1);
    expect_who(rig, "", "", "");
    web_rig_free(rig);
}

// ---- what is told ----

static void test_builds_wait_for_the_look_at_the_card(void **state)
{
    (void)state;
    struct web_rig *rig = web_rig_bench(NULL);
    struct ferry_web_command command;
    struct web_probe probe = {.method = "POST", .path = "/api/v1/builds", .idle_most = 3};
    struct web_probe_answer answer = web_probe_call(rig->web, &probe);
    assert_true(answer.open); // nothing yet: the card is being looked at
    assert_int_equal(answer.len, 0);
    web_probe_free(&answer);
    card_put_idf_build(rig->dir, "kettle", "esp32c3");
    card_put_text(rig->dir, "torn/flasher_args.json", "{\"flash_files\"");
    assert_true(ferry_web_take(rig->web, &command));
    assert_int_equal(command.wish, FERRY_WEB_LOOK);
    web_rig_look(rig);
    answer = web_probe_get(rig->web, "/api/v1/builds", 200);
    const cJSON *build = cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "builds"), 0);
    assert_string_equal(web_probe_text(build, "kind"), "idf-build");
    assert_string_equal(web_probe_text(build, "path"), "kettle/flasher_args.json");
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(build, "chips"), 0)->valuestring, "esp32c3");
    const cJSON *refused = cJSON_GetArrayItem(cJSON_GetObjectItem(answer.json, "refused"), 0);
    assert_true(web_probe_text(refused, "what")[0] && web_probe_text(refused, "hint")[0]);
    assert_false(cJSON_HasObjectItem(answer.json, "fault"));
    web_probe_free(&answer);
    web_rig_free(rig);
}

static void test_json_of_any_bytes_is_json(void **state)
{
    (void)state;
    uint32_t seed = 20260501;
    for (int round = 0; round < 3000; round++) {
        char text[64], out[900];
        size_t len = 0;
        for (; len < sizeof text - 1; len++) {
            seed = seed * 1664525 + 1013904223;
            text[len] = (char)(seed >> 24);
            if (seed % 61 == 0 || !text[len])
                break;
        }
        text[len] = 0;
        struct ferry_web_json json = ferry_web_json_begin(out, sizeof out);
        ferry_web_json_open(&json, NULL, '{');
        ferry_web_json_text(&json, text, text);
        ferry_web_json_number(&json, "n", -5);
        ferry_web_json_close(&json, '}');
        cJSON *parsed = cJSON_Parse(out);
        if (json.full || !parsed || !ferry_http_text_utf8(out, json.len))
            fail_msg("round %d: %s", round, out);
        if (ferry_http_text_utf8(text, len) && text[0])
            assert_string_equal(web_probe_text(parsed, text), text);
        cJSON_Delete(parsed);
        struct ferry_web_json small = ferry_web_json_begin(out, 16); // never beyond its end
        ferry_web_json_text(&small, text, text);
        assert_true(small.len < 16 && out[small.len] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_token),
        cmocka_unit_test(test_other_web_pages_cannot_use_this_browser),
        cmocka_unit_test(test_what_there_is_not),
        cmocka_unit_test(test_the_page_brings_nothing_from_elsewhere),
        cmocka_unit_test(test_wishes_reach_the_updater_once),
        cmocka_unit_test(test_wishes_that_make_no_sense),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_fetching_is_a_state),
        cmocka_unit_test(test_looks_that_nobody_asked_for),
        cmocka_unit_test(test_builds_wait_for_the_look_at_the_card),
        cmocka_unit_test(test_json_of_any_bytes_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
