// What an updater says to a depot and what it makes of the answers. The requests are held against
// docs/protocol/depot-api.yaml by their member names here (the depot's own tests hold the server against the same
// document); the answers are written by hand, and then broken in every place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "ferry/base/status.h"
#include "updater/depot_client.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define APP "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define BUILD                                                                                                          \
    "{\"id\":\"7\",\"name\":\"blink\",\"project\":\"blink\",\"version\":\"1.1\",\"chips\":[\"esp32c3\"],"              \
    "\"size\":100000,\"file_count\":3,\"sha256\":\"" SHA "\",\"app_sha256\":\"" APP                                    \
    "\",\"added\":\"2026-01-01T00:00:00Z\",\"url\":\"/api/v1/builds/7/app\"}"
#define UPDATE "{\"answer\":\"update\",\"project\":\"blink\",\"channel\":\"stable\",\"build\":" BUILD "}"
#define JOB                                                                                                            \
    "{\"id\":\"12\",\"state\":\"claimed\",\"build\":\"7\",\"project\":\"blink\",\"version\":\"1.1\","                  \
    "\"attempt\":2,\"revision\":5,\"done\":0,\"size\":100000,\"created\":\"2026-01-01T00:00:00Z\"}"

struct server {
    // What it does.
    int open_status, read_status; // negative: fails so; read_status after all bytes
    int http;
    const char *type, *body;
    size_t len, piece; // piece: bytes of one read, 0 = all
    // What happened.
    unsigned opens, closes;
    size_t at;
    char url[400], sent[2000], method[8], headers[600];
};

static int server_open(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct server *s = ctx;
    s->opens++;
    s->at = 0;
    snprintf(s->url, sizeof s->url, "%s", fetch->url);
    snprintf(s->method, sizeof s->method, "%s", fetch->method);
    snprintf(s->sent, sizeof s->sent, "%.*s", (int)fetch->body_len, (const char *)fetch->body);
    s->headers[0] = 0;
    for (const char *const *h = fetch->headers; h && *h; h++) {
        strcat(s->headers, *h);
        strcat(s->headers, "\n");
    }
    *reply = (struct ferry_http_reply){.status = s->http, .length = (int64_t)s->len, .total = -1};
    snprintf(reply->type, sizeof reply->type, "%s", s->type ? s->type : "application/json");
    return s->open_status;
}

static int server_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct server *s = ctx;
    size_t n = s->len - s->at;
    n = n < cap ? n : cap;
    n = s->piece && n > s->piece ? s->piece : n;
    memcpy(buf, s->body + s->at, n);
    s->at += n;
    return n ? (int)n : s->read_status;
}

static void server_close(void *ctx)
{
    struct server *s = ctx;
    s->closes++;
}

static const char *server_reason(void *ctx)
{
    (void)ctx;
    return "no route to the host";
}

struct rig {
    struct server server;
    struct ferry_http_client http;
    struct ferry_depot_client client;
    struct ferry_fault fault;
};

static void make(struct rig *rig, int http, const char *body)
{
    memset(rig, 0, sizeof *rig);
    rig->server = (struct server){.http = http, .body = body, .len = strlen(body)};
    rig->http = (struct ferry_http_client){&rig->server, server_open, server_read, server_close, server_reason};
    struct ferry_depot_client_cfg cfg = {
        .http = &rig->http, .url = "https://depot.local:8470//", .token = "fd_secret", .worker = "bench-1"};
    assert_int_equal(ferry_depot_client_init(&rig->client, &cfg, &rig->fault), FERRY_OK);
}

static const struct ferry_depot_client_device device = {.mac = "02:00:00:00:00:01",
                                                        .chip = "esp32c3",
                                                        .project = "blink",
                                                        .version = "1.0",
                                                        .sha256 = APP,
                                                        .channel = "beta",
                                                        .default_project = "demo",
                                                        .default_channel = "stable"};

static int checkin(struct rig *rig, struct ferry_depot_client_answer *out)
{
    int status = ferry_depot_client_checkin(&rig->client, &device, out, &rig->fault);
    assert_int_equal(rig->server.opens, rig->server.closes);
    if (status < 0)
        assert_true(rig->fault.status == status && rig->fault.what[0] && rig->fault.hint[0]);
    return status;
}

static int claim(struct rig *rig, struct ferry_depot_client_job *out)
{
    int status = ferry_depot_client_claim(&rig->client, "esp32c3", "02:00:00:00:00:01", out, &rig->fault);
    assert_int_equal(rig->server.opens, rig->server.closes);
    return status;
}

static int report(struct rig *rig, const struct ferry_depot_client_report *what)
{
    struct ferry_depot_client_job job = {.id = "12", .attempt = 2};
    int status = ferry_depot_client_report(&rig->client, &job, what, &rig->fault);
    assert_int_equal(rig->server.opens, rig->server.closes);
    return status;
}

// The request's body has these members and no others.
static void expect_sent(const struct rig *rig, const char *const (*members)[2], size_t count)
{
    cJSON *json = cJSON_Parse(rig->server.sent);
    assert_non_null(json);
    assert_int_equal(cJSON_GetArraySize(json), count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, members[i][0]);
        assert_non_null(item);
        char *text = cJSON_IsString(item) ? strdup(item->valuestring) : cJSON_PrintUnformatted(item);
        assert_string_equal(text, members[i][1]);
        free(text);
    }
    cJSON_Delete(json);
}
#define EXPECT_SENT(rig, ...)                                                                                          \
    expect_sent(rig, (const char *const[][2]){__VA_ARGS__},                                                            \
                sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2]))

// ---- what is said ----

static void a_check_in_tells_what_is_known(void **state)
{
    struct rig rig;
    struct ferry_depot_client_answer answer;
    (void)state;
    make(&rig, 200, UPDATE);
    assert_int_equal(checkin(&rig, &answer), FERRY_OK);
    assert_string_equal(rig.server.method, "POST");
    assert_string_equal(rig.server.url, "https://depot.local:8470/api/v1/checkin");
    assert_string_equal(rig.server.headers, "Content-Type: application/json\nAuthorization: Bearer fd_secret\n");
    EXPECT_SENT(&rig, {"mac", "02:00:00:00:00:01"}, {"chip", "esp32c3"}, {"project", "blink"}, {"version", "1.0"},
                {"sha256", APP}, {"channel", "beta"}, {"default_project", "demo"}, {"default_channel", "stable"});
    struct ferry_depot_client_device blank = {.mac = "02:00:00:00:00:02", .chip = "esp32"};
    assert_int_equal(ferry_depot_client_checkin(&rig.client, &blank, &answer, &rig.fault), FERRY_OK);
    EXPECT_SENT(&rig, {"mac", "02:00:00:00:00:02"}, {"chip", "esp32"});
    blank.mac[0] = 0;
    unsigned opens = rig.server.opens;
    assert_int_equal(ferry_depot_client_checkin(&rig.client, &blank, &answer, &rig.fault), FERRY_ERR_ARG);
    assert_int_equal(rig.server.opens, opens);
}

static void the_three_answers(void **state)
{
    struct rig rig;
    struct ferry_depot_client_answer answer;
    (void)state;
    for (size_t piece = 0; piece < 40; piece++) {
        make(&rig, 200, UPDATE);
        rig.server.piece = piece;
        assert_int_equal(checkin(&rig, &answer), FERRY_OK);
        assert_int_equal(answer.verdict, FERRY_DEPOT_CLIENT_UPDATE);
        assert_string_equal(answer.build.id, "7");
        assert_string_equal(answer.build.project, "blink");
        assert_string_equal(answer.build.version, "1.1");
        assert_string_equal(answer.build.sha256, SHA);
        assert_string_equal(answer.build.app_sha256, APP);
        assert_string_equal(answer.project, "blink");
        assert_string_equal(answer.channel, "stable");
    }
    make(&rig, 200, "{\"answer\":\"current\",\"build\":" BUILD "}"); // an older depot
    assert_int_equal(checkin(&rig, &answer), FERRY_OK);
    assert_int_equal(answer.verdict, FERRY_DEPOT_CLIENT_CURRENT);
    assert_string_equal(answer.build.version, "1.1");
    assert_string_equal(answer.channel, "");
    make(&rig, 200, "{\"answer\":\"nothing\",\"channel\":\"b\\u001b[2Jeta\"}");
    assert_int_equal(checkin(&rig, &answer), FERRY_OK);
    assert_int_equal(answer.verdict, FERRY_DEPOT_CLIENT_NOTHING);
    assert_string_equal(answer.build.id, "");
    assert_string_equal(answer.channel, "b?[2Jeta"); // nothing that a terminal would act on
    for (int i = 0; i < 3; i++)
        assert_true(ferry_depot_client_verdict_name((enum ferry_depot_client_verdict)i)[0]);
}

static void a_job_is_claimed(void **state)
{
    struct rig rig;
    struct ferry_depot_client_job job;
    (void)state;
    make(&rig, 200, JOB);
    assert_int_equal(claim(&rig, &job), 1);
    assert_string_equal(rig.server.url, "https://depot.local:8470/api/v1/jobs/claim");
    EXPECT_SENT(&rig, {"worker", "bench-1"}, {"chip", "esp32c3"}, {"mac", "02:00:00:00:00:01"}, {"lease_ms", "60000"});
    assert_string_equal(job.id, "12");
    assert_string_equal(job.build, "7");
    assert_string_equal(job.project, "blink");
    assert_int_equal(job.attempt, 2);
    make(&rig, 204, "");
    assert_int_equal(claim(&rig, &job), 0);
}

static void reports_say_what_their_state_calls_for(void **state)
{
    struct rig rig;
    struct ferry_depot_client_report r = {.state = "running",
                                          .done = 5,
                                          .size = 5000000000u,
                                          .result = "OK",
                                          .text = "words",
                                          .written = 3,
                                          .skipped = 2,
                                          .retries = 1,
                                          .elapsed_ms = 900,
                                          .mac = "02:00:00:00:00:01",
                                          .project = "blink",
                                          .version = "1.1",
                                          .sha256 = SHA};
    (void)state;
    make(&rig, 200, JOB);
    assert_int_equal(report(&rig, &r), FERRY_OK);
    assert_string_equal(rig.server.url, "https://depot.local:8470/api/v1/jobs/12/report");
    EXPECT_SENT(&rig, {"worker", "bench-1"}, {"attempt", "2"}, {"state", "running"}, {"done", "5"},
                {"size", "5000000000"}, {"mac", "02:00:00:00:00:01"});
    r.state = "failed";
    assert_int_equal(report(&rig, &r), FERRY_OK);
    EXPECT_SENT(&rig, {"worker", "bench-1"}, {"attempt", "2"}, {"state", "failed"}, {"done", "5"},
                {"size", "5000000000"}, {"mac", "02:00:00:00:00:01"}, {"result", "OK"}, {"text", "words"},
                {"written", "3"}, {"skipped", "2"}, {"retries", "1"}, {"elapsed_ms", "900"});
    r.state = "done";
    assert_int_equal(report(&rig, &r), FERRY_OK);
    EXPECT_SENT(&rig, {"worker", "bench-1"}, {"attempt", "2"}, {"state", "done"}, {"done", "5"}, {"size", "5000000000"},
                {"mac", "02:00:00:00:00:01"}, {"result", "OK"}, {"text", "words"}, {"written", "3"}, {"skipped", "2"},
                {"retries", "1"}, {"elapsed_ms", "900"}, {"project", "blink"}, {"version", "1.1"}, {"sha256", SHA});
    make(&rig, 409, "{\"error\":\"CANCELLED\",\"what\":\"job 12 is not yours\",\"hint\":\"stop\"}");
    assert_int_equal(report(&rig, &r), FERRY_ERR_CANCELLED);
    assert_non_null(strstr(rig.fault.what, "job 12 is not yours"));
}

// ---- what goes wrong ----

static void what_the_depot_refuses(void **state)
{
    static const struct {
        int http, status;
        bool later;
    } cases[] = {
        {401, FERRY_ERR_STORAGE_READ, false},
        {403, FERRY_ERR_STORAGE_READ, false},
        {404, FERRY_ERR_STORAGE_MISSING, false},
        {409, FERRY_ERR_STORAGE_READ, false},
        {413, FERRY_ERR_STORAGE_READ, false},
        {422, FERRY_ERR_STORAGE_READ, false},
        {429, FERRY_ERR_BUSY, true},
        {500, FERRY_ERR_BUSY, true},
        {503, FERRY_ERR_BUSY, true},
        {302, FERRY_ERR_STORAGE_READ, false},
        {201, FERRY_ERR_STORAGE_READ, false},
        {99, FERRY_ERR_STORAGE_READ, false},
        {999, FERRY_ERR_BUSY, true},
        {-5, FERRY_ERR_STORAGE_READ, false},
    };
    static const char *const bodies[] = {"{\"error\":\"X\",\"what\":\"these are\\nits words\",\"hint\":\"its hint\"}",
                                         "<html><h1>Bad Gateway</h1>", "", "{\"what\":7,\"hint\":[1]}", "[]"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
            struct rig rig;
            struct ferry_depot_client_answer answer;
            make(&rig, cases[i].http, bodies[b]);
            assert_int_equal(checkin(&rig, &answer), cases[i].status);
            assert_int_equal(ferry_depot_client_later(cases[i].status), cases[i].later);
            char number[12];
            snprintf(number, sizeof number, "%d", cases[i].http);
            assert_non_null(strstr(rig.fault.what, number));
            if (b == 0)
                assert_non_null(strstr(rig.fault.what, "these are?its words"));
            if (cases[i].http == 401 || cases[i].http == 403)
                assert_non_null(strstr(rig.fault.hint, "scope device or work"));
        }
}

static void a_depot_that_is_not_reached(void **state)
{
    static const int ways[] = {FERRY_ERR_WIRE_OPEN, FERRY_ERR_WIRE_IO, FERRY_ERR_TIMEOUT};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rig rig;
        struct ferry_depot_client_answer answer;
        make(&rig, 200, UPDATE);
        rig.server.open_status = ways[i];
        assert_int_equal(checkin(&rig, &answer), ways[i]);
        assert_non_null(strstr(rig.fault.what, "no route to the host"));
        assert_true(ferry_depot_client_later(ways[i]));
        make(&rig, 200, UPDATE);
        rig.server.read_status = ways[i]; // the head and the bytes come, the end does not
        assert_int_equal(checkin(&rig, &answer), ways[i]);
        make(&rig, 500, "{\"what\":\"broken\"}");
        rig.server.read_status = ways[i];
        assert_int_equal(checkin(&rig, &answer), ways[i]);
    }
}

// Nothing that is cut off is taken, wherever the cut is.
static void every_cut(void **state)
{
    struct rig rig;
    struct ferry_depot_client_answer answer;
    struct ferry_depot_client_job job;
    (void)state;
    for (size_t len = 0; len < strlen(UPDATE); len++) {
        make(&rig, 200, UPDATE);
        rig.server.len = len;
        assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
        assert_int_equal(answer.verdict, FERRY_DEPOT_CLIENT_NOTHING);
        assert_string_equal(answer.build.sha256, "");
    }
    for (size_t len = 0; len < strlen(JOB); len++) {
        make(&rig, 200, JOB);
        rig.server.len = len;
        assert_int_equal(claim(&rig, &job), FERRY_ERR_MANIFEST);
        assert_string_equal(job.id, "");
    }
}

static const char *const wrong[] = {
    "7",
    "-1",
    "1e300",
    "1e999",
    "99999999999999999999",
    "0.5",
    "true",
    "null",
    "[]",
    "{}",
    "[\"update\"]",
    "\"\"",
    "\"x\"",
    "\"../../etc/passwd\"",
    "\"4294967296\"",
    "\"\\u0000\"",
    "\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaaa\"",
};

// The text with the member's value replaced.
static char *with(const char *text, const char *member, const char *value)
{
    char key[40], *out = malloc(strlen(text) + strlen(value) + 1);
    snprintf(key, sizeof key, "\"%s\":", member);
    const char *at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    const char *end = *at == '"' ? strchr(at + 1, '"') + 1 : *at == '{' ? strrchr(text, '}') : at + strcspn(at, ",}");
    sprintf(out, "%.*s%s%s", (int)(at - text), text, value, end);
    return out;
}

// A NUL inside a text is refused by the reader already.
static bool is_text(const char *value)
{
    return strcmp(value, "null") == 0 || (value[0] == '"' && strlen(value) < 64 && !strstr(value, "u0000"));
}

static bool is_id(const char *value)
{
    return strcmp(value, "\"4294967296\"") == 0;
}

static void every_member_of_a_wrong_kind(void **state)
{
    static const char *const texts[] = {"project", "channel", "version"};
    static const char *const hashes[] = {"sha256", "app_sha256"};
    struct rig rig;
    struct ferry_depot_client_answer answer;
    (void)state;
    for (size_t v = 0; v < sizeof wrong / sizeof wrong[0]; v++) {
        for (size_t i = 0; i < 3; i++) {
            char *body = with(UPDATE, texts[i], wrong[v]);
            make(&rig, 200, body);
            assert_int_equal(checkin(&rig, &answer), is_text(wrong[v]) ? FERRY_OK : FERRY_ERR_MANIFEST);
            free(body);
        }
        for (size_t i = 0; i < 2; i++) {
            bool none = strcmp(wrong[v], "null") == 0 || strcmp(wrong[v], "\"\"") == 0;
            char *body = with(UPDATE, hashes[i], wrong[v]);
            make(&rig, 200, body);
            assert_int_equal(checkin(&rig, &answer), none && i == 1 ? FERRY_OK : FERRY_ERR_MANIFEST);
            free(body);
        }
        for (size_t i = 0; i < 3; i++) {
            char *body = with(UPDATE, (const char *const[]){"answer", "build", "id"}[i], wrong[v]);
            make(&rig, 200, body);
            assert_int_equal(checkin(&rig, &answer), i == 2 && is_id(wrong[v]) ? FERRY_OK : FERRY_ERR_MANIFEST);
            free(body);
        }
    }
}

static void every_member_of_a_job_of_a_wrong_kind(void **state)
{
    struct rig rig;
    struct ferry_depot_client_job job;
    (void)state;
    for (size_t v = 0; v < sizeof wrong / sizeof wrong[0]; v++) {
        char *body = with(JOB, "id", wrong[v]);
        make(&rig, 200, body);
        assert_int_equal(claim(&rig, &job), is_id(wrong[v]) ? 1 : FERRY_ERR_MANIFEST);
        free(body);
        body = with(JOB, "attempt", wrong[v]);
        make(&rig, 200, body);
        assert_int_equal(claim(&rig, &job), strcmp(wrong[v], "7") == 0 ? 1 : FERRY_ERR_MANIFEST);
        free(body);
        body = with(JOB, "build", wrong[v]);
        make(&rig, 200, body);
        bool none = strcmp(wrong[v], "null") == 0 || strcmp(wrong[v], "\"\"") == 0;
        assert_int_equal(claim(&rig, &job), none || is_id(wrong[v]) ? 1 : FERRY_ERR_MANIFEST);
        free(body);
    }
}

static void answers_that_are_none(void **state)
{
    static const char *const bodies[] = {"",
                                         "<!doctype html><title>Sign in</title>",
                                         "OK",
                                         "[]",
                                         "7",
                                         "null",
                                         "\"update\"",
                                         "{}",
                                         UPDATE UPDATE,
                                         "{\"answer\":\"update\"}",
                                         "{\"answer\":\"nothing\",\"answer\":\"update\",\"build\":" BUILD "}"};
    struct rig rig;
    struct ferry_depot_client_answer answer;
    struct ferry_depot_client_job job;
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        make(&rig, 200, bodies[i]);
        rig.server.type = i == 1 ? "text/html; charset=utf-8" : NULL;
        assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
        assert_true(i != 1 || strstr(rig.fault.what, "web page"));
        assert_int_equal(claim(&rig, &job), FERRY_ERR_MANIFEST);
    }
    make(&rig, 204, ""); // means something for a claim only
    assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
}

// Longer than any answer, or deeper, or without end; memory stays bounded.
static void answers_without_measure(void **state)
{
    struct rig rig;
    struct ferry_depot_client_answer answer;
    size_t size = 1u << 20;
    char *body = malloc(size + 1);
    (void)state;
    memset(body, ' ', size);
    body[size] = 0;
    memcpy(body, UPDATE, strlen(UPDATE));
    make(&rig, 200, body);
    assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
    assert_true(rig.server.at <= FERRY_DEPOT_CLIENT_ANSWER + 1);
    rig.server.len = FERRY_DEPOT_CLIENT_ANSWER; // the longest that is taken
    assert_int_equal(checkin(&rig, &answer), FERRY_OK);
    rig.server.len++;
    assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
    memset(body, '[', size);
    rig.server.len = FERRY_DEPOT_CLIENT_ANSWER;
    assert_int_equal(checkin(&rig, &answer), FERRY_ERR_MANIFEST);
    make(&rig, 500, body); // an error without end is still that error
    rig.server.len = size;
    assert_int_equal(checkin(&rig, &answer), FERRY_ERR_BUSY);
    free(body);
}

static void who_may_be_asked(void **state)
{
    static const char *const bad[] = {
        "",           "depot.local", "ftp://depot",      "http://",           "https:///x", "http://?x",
        "http://a b", "http://h\n",  "http://u:p@depot", "https://u@depot/x", "http://h?x", "https://depot#x",
        "HTTP//h",    "////"};
    static const char *const good[] = {"http://h", "https://depot.local:8470/", "http://[::1]:80", "http://h/depot/@x"};
    struct ferry_depot_client client;
    struct ferry_fault fault;
    char long_url[400] = "http://", address[64];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ferry_depot_client_cfg cfg = {.url = bad[i]};
        assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
        assert_true(fault.what[0] && fault.hint[0] && !strstr(fault.what, "u:p"));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct ferry_depot_client_cfg cfg = {.url = good[i]};
        assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_OK);
    }
    memset(long_url + 7, 'h', sizeof long_url - 8);
    struct ferry_depot_client_cfg cfg = {.url = long_url};
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
    cfg = (struct ferry_depot_client_cfg){.url = "http://h", .token = "two words"};
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
    cfg.token = "a\r\nX-Evil: 1";
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
    cfg.token = long_url;
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
    cfg = (struct ferry_depot_client_cfg){.url = "http://h", .worker = long_url};
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_ERR_ARG);
    cfg = (struct ferry_depot_client_cfg){.url = "http://h/"};
    assert_int_equal(ferry_depot_client_init(&client, &cfg, &fault), FERRY_OK);
    assert_true(ferry_depot_client_address(&client, "7", address, sizeof address));
    assert_string_equal(address, "depot:http://h/7");
    assert_false(ferry_depot_client_address(&client, SHA, address, sizeof address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_in_tells_what_is_known),
        cmocka_unit_test(the_three_answers),
        cmocka_unit_test(a_job_is_claimed),
        cmocka_unit_test(reports_say_what_their_state_calls_for),
        cmocka_unit_test(what_the_depot_refuses),
        cmocka_unit_test(a_depot_that_is_not_reached),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(every_member_of_a_wrong_kind),
        cmocka_unit_test(every_member_of_a_job_of_a_wrong_kind),
        cmocka_unit_test(answers_that_are_none),
        cmocka_unit_test(answers_without_measure),
        cmocka_unit_test(who_may_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
