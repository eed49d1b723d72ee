// A depot's builds on the updater's page: what is asked of the depot, what is passed on, what is said when it does not
// answer. The anchor is RFC 3986: of a query nothing but unreserved characters and percent-encoded bytes may come.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "tests/support/web_rig.h"

struct peer {
    char url[900], authorization[300];
    const char *body;
    size_t at, cut; // cut > 0: the line breaks after so many bytes
    int opening, status;
    unsigned opens, closes;
};

static int peer_open(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct peer *peer = ctx;
    assert_string_equal(fetch->method, "GET");
    snprintf(peer->url, sizeof peer->url, "%s", fetch->url);
    peer->authorization[0] = 0;
    for (unsigned i = 0; fetch->headers && fetch->headers[i]; i++)
        if (strncmp(fetch->headers[i], "Authorization", 13) == 0)
            snprintf(peer->authorization, sizeof peer->authorization, "%s", fetch->headers[i]);
    peer->opens++;
    peer->at = 0;
    *reply = (struct ferry_http_reply){.status = peer->status, .length = -1, .total = -1};
    return peer->opening;
}

static int peer_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct peer *peer = ctx;
    size_t len = strlen(peer->body) - peer->at;
    if (peer->cut && peer->at >= peer->cut)
        return FERRY_ERR_WIRE_IO;
    len = len < cap ? len : cap;
    len = len < 7 ? len : 7;
    memcpy(buf, peer->body + peer->at, len);
    peer->at += len;
    return (int)len;
}

static void peer_close(void *ctx)
{
    struct peer *peer = ctx;
    peer->closes++;
}

static const char *peer_reason(void *ctx)
{
    (void)ctx;
    return "nobody there";
}

static struct peer peer;
static const struct ferry_http_client client = {&peer, peer_open, peer_read, peer_close, peer_reason};
static const struct ferry_web_depot depot = {.client = &client, .url = "http://depot.local:8470", .token = "fd_x"};
static const struct ferry_web_cfg cfg = {.depot = &depot};

static struct web_rig *begin(void)
{
    peer = (struct peer){.body = "{\"builds\":[{\"id\":\"1\"}]}", .status = 200};
    return web_rig_new(&cfg, NULL);
}

static struct web_probe_answer ask(struct web_rig *rig, const char *name, const char *value)
{
    struct web_probe probe = {.method = "GET", .path = "/api/v1/depot/builds", .query = {{name, value}}};
    struct web_probe_answer answer = web_probe_call(rig->web, &probe);
    assert_int_equal(peer.opens, peer.closes);
    return answer;
}

static void test_its_answer_is_passed_on(void **state)
{
    (void)state;
    struct web_rig *rig = begin();
    struct web_probe_answer answer = ask(rig, "x", "y");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.text, peer.body);
    assert_string_equal(peer.url, "http://depot.local:8470/api/v1/builds");
    assert_string_equal(peer.authorization, "Authorization: Bearer fd_x");
    web_probe_free(&answer);
    web_rig_free(rig);
}

static void test_what_is_asked_for_cannot_become_another_request(void **state)
{
    (void)state;
    struct web_rig *rig = begin();
    static const struct {
        const char *name, *value, *sent;
    } cases[] = {
        {"text", "tea pot", "?text=tea%20pot"},
        {"text", "a&limit=9#x", "?text=a%26limit%3D9%23x"},
        {"text", "\r\nHost: evil", "?text=%0D%0AHost%3A%20evil"},
        {"text", "\xc3\xbc/..", "?text=%C3%BC%2F%2E%2E"},
        {"before", "77", "?before=77"},
        {"limit", "5", "?limit=5"},
        {"other", "5", ""},
        {"text", "", "?text="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct web_probe_answer answer = ask(rig, cases[i].name, cases[i].value);
        assert_int_equal(answer.status, 200);
        assert_string_equal(peer.url + strlen("http://depot.local:8470/api/v1/builds"), cases[i].sent);
        web_probe_free(&answer);
    }
    struct web_probe all = {
        .method = "GET", .path = "/api/v1/depot/builds", .query = {{"limit", "5"}, {"text", "x"}, {"before", "7"}}};
    struct web_probe_answer answer = web_probe_call(rig->web, &all);
    assert_string_equal(strchr(peer.url, '?'), "?text=x&before=7&limit=5");
    web_probe_free(&answer);
    char large[600];
    memset(large, '%', sizeof large - 1);
    large[sizeof large - 1] = 0;
    for (size_t len = 0; len < sizeof large; len++) { // of any length: all of it, or an error
        unsigned opens = peer.opens;
        answer = ask(rig, "text", large + sizeof large - 1 - len);
        if (answer.status == 422)
            assert_int_equal(peer.opens, opens);
        else
            assert_int_equal(strlen(strchr(peer.url, '=') + 1), 3 * len);
        web_probe_free(&answer);
    }
    web_rig_free(rig);
}

static void test_a_depot_that_does_not_answer(void **state)
{
    (void)state;
    struct web_rig *rig = begin();
    static const struct {
        int opening, status;
        const char *error;
    } cases[] = {
        {FERRY_ERR_WIRE_OPEN, 0, "WIRE_OPEN"},
        {FERRY_ERR_TIMEOUT, 0, "TIMEOUT"},
        {0, 401, "TOKEN"},
        {0, 403, "TOKEN"},
        {0, 500, "DEPOT"},
        {0, 304, "DEPOT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peer.opening = cases[i].opening;
        peer.status = cases[i].status;
        struct web_probe_answer answer = ask(rig, "text", "x");
        assert_int_equal(answer.status, 502);
        assert_string_equal(web_probe_text(answer.json, "error"), cases[i].error);
        assert_true(web_probe_text(answer.json, "hint")[0]);
        assert_null(strstr(answer.text, "fd_x"));
        web_probe_free(&answer);
    }
    peer.opening = 0;
    peer.status = 200;
    peer.cut = 8;
    struct web_probe_answer answer = ask(rig, "text", "x");
    assert_true(answer.cut); // never a torn list that looks whole
    web_probe_free(&answer);
    peer.cut = 0;
    answer = ask(rig, "text", "x"); // and it is asked again afterwards
    assert_int_equal(answer.status, 200);
    web_probe_free(&answer);
    web_rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_answer_is_passed_on),
        cmocka_unit_test(test_what_is_asked_for_cannot_become_another_request),
        cmocka_unit_test(test_a_depot_that_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
