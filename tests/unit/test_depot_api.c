// The depot's API as a handler, on a real SQLite: who may what, uploads that are torn at every piece, streams, limits.
// What each request must answer is docs/protocol/depot-api.yaml; the database's own command line counts what is stored.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "depot/api_json.h"
#include "depot/api_limit.h"
#include "ferry/base/status.h"
#include "tests/support/api_rig.h"
#include "tests/support/depot_rig.h"

static struct api_rig rig;

static const char *secret(struct depot_rig *depot, unsigned scopes)
{
    static char text[FERRY_DEPOT_SECRET];
    struct ferry_depot_token token;
    assert_int_equal(ferry_depot_token_add(depot->depot, "t", scopes, 0, text, &token), FERRY_OK);
    return text;
}

static int ask(const char *method, const char *target, const char *token, const char *body)
{
    return api_rig_ask(
        &rig,
        &(struct api_rig_ask){
            .method = method, .target = target, .token = token, .body = body, .body_len = body ? strlen(body) : 0});
}

static void start(struct depot_rig *depot, unsigned anonymous)
{
    api_rig_start(&rig, depot->depot, &(struct ferry_depot_api_cfg){.anonymous = anonymous, .rate = UINT32_MAX});
}

static void end(void)
{
    api_rig_end(&rig);
    assert_int_equal(rig.digests, 0);
}

static void scopes_open_what_they_name(void **state)
{
    static const struct {
        const char *method, *target;
        unsigned needs; // bits, any
    } cases[] = {
        {"GET", "/api/v1/builds", FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WORK},
        {"GET", "/api/v1/builds/1", FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WORK | FERRY_DEPOT_SCOPE_DEVICE},
        {"GET", "/api/v1/devices", FERRY_DEPOT_SCOPE_READ},
        {"GET", "/api/v1/events?after=0", FERRY_DEPOT_SCOPE_READ},
        {"PUT", "/api/v1/blobs", FERRY_DEPOT_SCOPE_WRITE},
        {"PUT", "/api/v1/files/a.bin", FERRY_DEPOT_SCOPE_WRITE},
        {"POST", "/api/v1/builds", FERRY_DEPOT_SCOPE_WRITE},
        {"DELETE", "/api/v1/builds/1", FERRY_DEPOT_SCOPE_WRITE},
        {"POST", "/api/v1/checkin", FERRY_DEPOT_SCOPE_DEVICE | FERRY_DEPOT_SCOPE_WORK},
        {"POST", "/api/v1/jobs/claim", FERRY_DEPOT_SCOPE_WORK},
        {"POST", "/api/v1/jobs/1/report", FERRY_DEPOT_SCOPE_WORK},
        {"GET", "/api/v1/tokens", FERRY_DEPOT_SCOPE_ADMIN},
        {"POST", "/api/v1/tokens", FERRY_DEPOT_SCOPE_ADMIN},
        {"GET", "/api/v1/blobs/0000000000000000000000000000000000000000000000000000000000000000",
         FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WORK | FERRY_DEPOT_SCOPE_DEVICE},
    };
    struct depot_rig *depot = *state;
    start(depot, 0);
    for (unsigned bit = 1; bit <= FERRY_DEPOT_SCOPE_ADMIN; bit <<= 1) {
        const char *token = secret(depot, bit);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            int http = ask(cases[i].method, cases[i].target, token, "{");
            bool refused = http == 403;
            if (refused != !(cases[i].needs & bit))
                fail_msg("%s %s with scope %u: %d", cases[i].method, cases[i].target, bit, http);
        }
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ask(cases[i].method, cases[i].target, NULL, "{"), 401);
    end();
}

static void wrong_tokens_run_into_a_limit_and_good_ones_do_not(void **state)
{
    struct depot_rig *depot = *state;
    start(depot, 0);
    const char *good = secret(depot, FERRY_DEPOT_SCOPE_READ);
    assert_int_equal(ask("GET", "/api/v1/builds", good, NULL), 200);
    int last = 0;
    for (int i = 0; i < 100; i++)
        last = ask("GET", "/api/v1/builds", "fd_wrong", NULL);
    assert_int_equal(last, 429);
    rig.now_ms += 6000; // it is no longer remembered as good, but as one that was
    for (int i = 0; i < 100; i++)
        ask("GET", "/api/v1/builds", "fd_wrong", NULL);
    assert_int_equal(ask("GET", "/api/v1/builds", good, NULL), 200);
    end();
}

static void a_token_that_was_removed_works_no_longer(void **state)
{
    struct depot_rig *depot = *state;
    struct ferry_depot_token token;
    char text[FERRY_DEPOT_SECRET];
    start(depot, 0);
    assert_int_equal(ferry_depot_token_add(depot->depot, "t", FERRY_DEPOT_SCOPE_READ, 0, text, &token), FERRY_OK);
    assert_int_equal(ask("GET", "/api/v1/builds", text, NULL), 200);
    assert_int_equal(ferry_depot_token_remove(depot->depot, token.id), FERRY_OK);
    rig.now_ms += 5001;
    assert_int_equal(ask("GET", "/api/v1/builds", text, NULL), 401);
    end();
}

static int from(const char *origin, const char *site, const char *agent, const char *host)
{
    const char *headers[9] = {0};
    size_t n = 0;
    const char *const names[] = {"Origin", "Sec-Fetch-Site", "User-Agent", "Host"},
                      *values[] = {origin, site, agent, host};
    for (size_t i = 0; i < 4; i++)
        if (values[i]) {
            headers[n++] = names[i];
            headers[n++] = values[i];
        }
    return api_rig_ask(&rig, &(struct api_rig_ask){.method = "GET", .target = "/api/v1/builds", .headers = headers});
}

static void other_pages_are_kept_out(void **state)
{
    static const char *const origins[] = {"https://panel.example", NULL}, *const hosts[] = {"depot.example", NULL};
    struct depot_rig *depot = *state;
    api_rig_start(&rig, depot->depot,
                  &(struct ferry_depot_api_cfg){
                      .anonymous = FERRY_DEPOT_SCOPE_READ, .rate = UINT32_MAX, .origins = origins, .hosts = hosts});
    assert_int_equal(from(NULL, NULL, NULL, "whatever"), 200); // no browser
    assert_int_equal(from("http://192.0.2.9:8470", "same-origin", "Mozilla/5.0", NULL), 200);
    assert_int_equal(from("http://evil.example", NULL, "Mozilla/5.0", NULL), 403);
    assert_int_equal(from("null", NULL, NULL, NULL), 403);
    assert_int_equal(from("https://192.0.2.9:8470", NULL, NULL, NULL), 403); // another scheme is another origin
    assert_int_equal(from("https://192.0.2.9:8470", "same-site", NULL, NULL), 403);
    assert_int_equal(from("https://192.0.2.9:8470", "same-origin", NULL, NULL), 200); // a proxy speaks TLS for us
    assert_int_equal(from("https://evil.example", "same-origin", NULL, NULL), 403);
    assert_int_equal(from(NULL, "cross-site", NULL, NULL), 403);
    assert_int_equal(from("https://panel.example", "cross-site", "Mozilla/5.0", NULL), 200);
    assert_string_equal(api_rig_header(&rig, "Access-Control-Allow-Origin"), "https://panel.example");
    assert_int_equal(from(NULL, NULL, "Mozilla/5.0", "evil.example:8470"), 403); // rebinding
    assert_int_equal(from(NULL, NULL, "Mozilla/5.0", "depot.example:8470"), 200);
    assert_int_equal(from(NULL, NULL, "Mozilla/5.0", "localhost:8470"), 200);
    assert_int_equal(from(NULL, NULL, "Mozilla/5.0", "bench.local"), 200);
    assert_int_equal(from(NULL, NULL, "Mozilla/5.0", "[::1]:8470"), 200);
    end();
}

static void torn_uploads_leave_nothing(void **state)
{
    struct depot_rig *depot = *state;
    start(depot, 0);
    const char *token = secret(depot, FERRY_DEPOT_SCOPE_WRITE);
    static uint8_t bytes[200000];
    depot_rig_bytes(bytes, sizeof bytes, 7);
    for (size_t gone = 1; gone < sizeof bytes; gone += 30011) {
        struct api_rig_ask upload = {.method = "PUT",
                                     .target = "/api/v1/blobs",
                                     .token = token,
                                     .body = bytes,
                                     .body_len = sizeof bytes,
                                     .piece = 4099,
                                     .gone_after = gone};
        assert_int_equal(api_rig_ask(&rig, &upload), 0);
        assert_int_equal(rig.digests, 0);
    }
    assert_int_equal(depot_rig_count(depot, "SELECT count(*) FROM blob"), 0);
    struct api_rig_ask whole = {.method = "PUT",
                                .target = "/api/v1/blobs",
                                .token = token,
                                .body = bytes,
                                .body_len = sizeof bytes,
                                .piece = 777};
    assert_int_equal(api_rig_ask(&rig, &whole), 201);
    assert_int_equal(api_rig_ask(&rig, &whole), 200);
    end();
}

static const char *nothing(void *ctx, const char *name)
{
    (void)ctx, (void)name;
    return NULL;
}

static void uploads_are_bounded_in_number_and_size(void **state)
{
    struct depot_rig *depot = *state;
    api_rig_start(&rig, depot->depot,
                  &(struct ferry_depot_api_cfg){
                      .anonymous = FERRY_DEPOT_SCOPE_WRITE, .rate = UINT32_MAX, .uploads = 1, .upload_bytes = 1000});
    char body[1200];
    memset(body, 'x', sizeof body);
    struct api_rig_ask large = {
        .method = "PUT", .target = "/api/v1/blobs", .body = body, .body_len = 1001, .piece = 100};
    assert_int_equal(api_rig_ask(&rig, &large), 413);
    large.body_len = 1000;
    // One under way: the next one has to wait.
    struct ferry_http_answer answer = {0};
    struct ferry_http_request request = {.method = "PUT",
                                         .path = "/api/v1/blobs",
                                         .length = -1,
                                         .peer = "192.0.2.7",
                                         .header = nothing,
                                         .query = nothing};
    void *first = NULL;
    assert_false(rig.handler.open(rig.handler.ctx, &request, &answer, &first));
    assert_int_equal(api_rig_ask(&rig, &large), 503);
    rig.handler.abort(rig.handler.ctx, first);
    assert_int_equal(api_rig_ask(&rig, &large), 201);
    end();
}

static void a_build_is_downloaded_in_any_part(void **state)
{
    struct depot_rig *depot = *state;
    char target[128];
    static uint8_t bytes[150000];
    start(depot, FERRY_DEPOT_SCOPE_READ);
    depot_rig_bytes(bytes, sizeof bytes, 3);
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", sizeof bytes, 3);
    snprintf(target, sizeof target, "/api/v1/builds/%lld/app", (long long)id);
    assert_int_equal(ask("GET", target, NULL, NULL), 200);
    assert_int_equal(rig.len, sizeof bytes);
    assert_memory_equal(rig.body, bytes, sizeof bytes);
    assert_int_equal(ask("HEAD", target, NULL, NULL), 200);
    assert_int_equal(rig.answer.length, sizeof bytes);
    static const struct {
        const char *range;
        size_t first, len;
    } cases[] = {{"bytes=65530-65550", 65530, 21},
                 {"bytes=-1", sizeof bytes - 1, 1},
                 {"bytes=131072-", 131072, sizeof bytes - 131072}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const headers[] = {"Range", cases[i].range, NULL};
        assert_int_equal(
            api_rig_ask(&rig, &(struct api_rig_ask){.method = "GET", .target = target, .headers = headers}), 206);
        assert_int_equal(rig.len, cases[i].len);
        assert_memory_equal(rig.body, bytes + cases[i].first, cases[i].len);
    }
    assert_int_equal(ask("GET", "/api/v1/ota/blink@latest/esp32c3.bin", NULL, NULL), 200);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@latest?chip=ESP32-C3", NULL, NULL), 200);
    assert_int_equal(ask("GET", "/api/v1/ota/blink@latest/esp32.bin", NULL, NULL), 404);
    assert_null(strstr(rig.body, "card"));
    end();
}

static int come_back(const char *last_id)
{
    const char *const last[] = {"Last-Event-ID", last_id, NULL};
    return api_rig_ask(&rig, &(struct api_rig_ask){.method = "GET", .target = "/api/v1/events", .headers = last});
}

static void events_are_told_once_and_in_order(void **state)
{
    struct depot_rig *depot = *state;
    int64_t id = depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3), job;
    char body[64];
    start(depot, FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WRITE | FERRY_DEPOT_SCOPE_WORK);
    assert_int_equal(ask("GET", "/api/v1/events", NULL, NULL), 200); // a stream begins, and what was before is known
    assert_non_null(strstr(rig.body, "retry:"));
    const char *const json[] = {"Accept", "application/json", NULL};
    struct api_rig_ask poll = {.method = "GET", .target = "/api/v1/events?after=0", .headers = json};
    assert_int_equal(api_rig_ask(&rig, &poll), 200);
    snprintf(body, sizeof body, "{\"build\":%lld}", (long long)id);
    assert_int_equal(ask("POST", "/api/v1/jobs", NULL, body), 201);
    assert_int_equal(ask("POST", "/api/v1/jobs/claim", NULL, "{\"worker\":\"w\"}"), 200);
    assert_int_equal(ferry_depot_job_add(depot->depot, id, NULL, &job), FERRY_OK); // by somebody else
    assert_int_equal(ferry_depot_channel_set(depot->depot, "stable", id), FERRY_OK);
    rig.now_ms += 1001;
    poll.target = "/api/v1/events?after=1";
    assert_int_equal(api_rig_ask(&rig, &poll), 200);
    poll.target = "/api/v1/events?after=0";
    assert_int_equal(api_rig_ask(&rig, &poll), 200);
    assert_non_null(strstr(rig.body, "\"events\":[]")); // from now on
    poll.target = "/api/v1/events";
    const char *found = strstr(rig.body, "\"boot\":\"");
    assert_non_null(found);
    char boot[17], known[40], other[40];
    snprintf(boot, sizeof boot, "%.16s", found + 8);
    snprintf(known, sizeof known, "%s-1", boot);
    snprintf(other, sizeof other, "0123456789abcdef-1");
    assert_int_equal(come_back(known), 200);
    assert_non_null(strstr(rig.body, "event: channels"));
    assert_non_null(strstr(rig.body, "\"state\":\"queued\""));
    assert_null(strstr(rig.body, "event: reload"));
    snprintf(known, sizeof known, "id: %s-", boot);
    assert_non_null(strstr(rig.body, known));
    // The server was started again meanwhile, or it never said that: what came since is lost, and that is told.
    static const char *const strange[] = {"1", "x", "-1", "999999999999999999999"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        assert_int_equal(come_back(strange[i]), 200);
        assert_non_null(strstr(rig.body, "event: reload"));
    }
    assert_int_equal(come_back(other), 200);
    assert_non_null(strstr(rig.body, "event: reload"));
    end();
}

static void count_wake(void *ctx)
{
    ++*(int *)ctx;
}

// The stream that looked first had the event at once; those that had asked just before heard of it a second later.
static void all_streams_are_woken_by_what_one_has_found(void **state)
{
    struct depot_rig *depot = *state;
    int wakes = 0;
    depot_rig_build(depot, "blink", "1.0", "esp32c3", 5000, 3);
    api_rig_start(&rig, depot->depot,
                  &(struct ferry_depot_api_cfg){.anonymous = FERRY_DEPOT_SCOPE_READ | FERRY_DEPOT_SCOPE_WRITE,
                                                .rate = UINT32_MAX,
                                                .waker = {&wakes, count_wake}});
    assert_int_equal(ask("GET", "/api/v1/events", NULL, NULL), 200);
    assert_int_equal(ask("POST", "/api/v1/jobs", NULL, "{\"ref\":\"blink@1.0\"}"), 201);
    assert_int_equal(wakes, 1);
    assert_int_equal(ask("GET", "/api/v1/events", NULL, NULL), 200); // which looks, and finds the job
    assert_int_equal(wakes, 2);
    assert_int_equal(ask("GET", "/api/v1/events", NULL, NULL), 200);
    assert_int_equal(wakes, 2);
    end();
}

static void streams_are_bounded(void **state)
{
    struct depot_rig *depot = *state;
    api_rig_start(&rig, depot->depot,
                  &(struct ferry_depot_api_cfg){.anonymous = FERRY_DEPOT_SCOPE_READ, .rate = UINT32_MAX, .streams = 3});
    for (int i = 0; i < 20; i++) // each ends before the next begins: none is left over
        assert_int_equal(ask("GET", "/api/v1/events", NULL, NULL), 200);
    end();
}

static void hostile_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "\"a\"",
        "{",
        "{\"a\":1}x",
        "{\"worker\":\"a\",\"worker\":\"b\"}",
        "{\"worker\":1}",
        "{\"worker\":\"a\\u0000b\"}",
        "{\"worker\":\"a\\nb\"}",
        "{\"worker\":\"\\ud800\"}",
        "{\"worker\":\"\xff\"}",
        "{\"worker\":\"a\",\"lease_ms\":-1}",
        "{\"worker\":\"a\",\"lease_ms\":1e99}",
        "{\"worker\":\"a\",\"lease_ms\":1.5}",
        "{\"worker\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}",
        "{\"worker\":null}",
    };
    struct depot_rig *depot = *state;
    start(depot, FERRY_DEPOT_SCOPE_WORK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int http = ask("POST", "/api/v1/jobs/claim", NULL, bad[i]);
        if (http != 400)
            fail_msg("%s: %d %s", bad[i], http, rig.body);
        assert_non_null(strstr(rig.body, "\"hint\""));
    }
    char *many = malloc(60000);
    strcpy(many, "{\"a\":[");
    for (int i = 0; i < 2000; i++)
        strcat(many, "1,");
    strcat(many, "1]}");
    assert_int_equal(ask("POST", "/api/v1/jobs/claim", NULL, many), 400);
    free(many);
    end();
}

static void requests_a_second_are_bounded(void **state)
{
    struct depot_rig *depot = *state;
    api_rig_start(&rig, depot->depot, &(struct ferry_depot_api_cfg){.anonymous = FERRY_DEPOT_SCOPE_READ, .rate = 10});
    int served = 0;
    for (int i = 0; i < 100; i++)
        served += ask("GET", "/api/v1/info", NULL, NULL) == 200;
    assert_int_equal(served, 40); // the burst
    assert_int_equal(rig.status, 429);
    assert_string_equal(api_rig_header(&rig, "Retry-After"), "1");
    struct api_rig_ask other = {.method = "GET", .target = "/api/v1/info", .peer = "192.0.2.2"};
    assert_int_equal(api_rig_ask(&rig, &other), 200);
    rig.now_ms += 1000;
    served = 0;
    for (int i = 0; i < 100; i++)
        served += ask("GET", "/api/v1/info", NULL, NULL) == 200;
    assert_int_equal(served, 10);
    end();
}

static void buckets_survive_many_strangers_and_a_clock_that_wraps(void **state)
{
    static struct ferry_depot_api_limit limit;
    (void)state;
    ferry_depot_api_limit_init(&limit, 5, 5, 42);
    uint32_t now = UINT32_MAX - 500;
    for (int i = 0; i < 5; i++)
        assert_true(ferry_depot_api_limit_take(&limit, "me", 1, now));
    assert_false(ferry_depot_api_limit_take(&limit, "me", 1, now));
    assert_false(ferry_depot_api_limit_take(&limit, "me", 0, now));
    assert_true(ferry_depot_api_limit_take(&limit, "me", 1, now + 1000)); // past the wrap
    for (int i = 0; i < 100000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_true(ferry_depot_api_limit_take(&limit, key, 1, now + 2000));
    }
}

static void answers_without_a_body_and_methods(void **state)
{
    struct depot_rig *depot = *state;
    start(depot, FERRY_DEPOT_SCOPE_READ);
    assert_int_equal(ask("GET", "/api/v1/nothing", NULL, NULL), 404);
    assert_int_equal(ask("GET", "/nothing", NULL, NULL), 404);
    assert_int_equal(ask("PUT", "/api/v1/builds", NULL, "x"), 405);
    assert_string_equal(api_rig_header(&rig, "Allow"), "OPTIONS, GET, HEAD, POST");
    assert_int_equal(ask("OPTIONS", "/api/v1/builds", NULL, NULL), 204);
    assert_int_equal(ask("GET", "/api/v1/jobs/claim", NULL, NULL), 405);
    assert_int_equal(ask("GET", "/api/v1/builds/7", NULL, NULL), 404);
    assert_int_equal(ask("GET", "/api/v1/builds?limit=1001", NULL, NULL), 400);
    assert_int_equal(ask("GET", "/api/v1/builds?before=x", NULL, NULL), 400);
    assert_int_equal(ask("GET", "/api/v1/jobs?state=queued,odd", NULL, NULL), 400);
    end();
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, depot_rig_fresh, depot_rig_done)
    const struct CMUnitTest tests[] = {
        CASE(scopes_open_what_they_name),
        CASE(wrong_tokens_run_into_a_limit_and_good_ones_do_not),
        CASE(a_token_that_was_removed_works_no_longer),
        CASE(other_pages_are_kept_out),
        CASE(torn_uploads_leave_nothing),
        CASE(uploads_are_bounded_in_number_and_size),
        CASE(a_build_is_downloaded_in_any_part),
        CASE(events_are_told_once_and_in_order),
        CASE(all_streams_are_woken_by_what_one_has_found),
        CASE(streams_are_bounded),
        CASE(hostile_json_is_refused),
        CASE(requests_a_second_are_bounded),
        CASE(buckets_survive_many_strangers_and_a_clock_that_wraps),
        CASE(answers_without_a_body_and_methods),
    };
    return cmocka_run_group_tests(tests, depot_rig_sqlite, depot_rig_end);
}
