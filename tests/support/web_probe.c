#include "tests/support/web_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ferry/base/http_text.h"
#include "ferry/io/http_answer.h"

static const char *look_up(const struct web_probe_pair *pairs, const char *name, bool any_case)
{
    for (unsigned i = 0; i < 8 && pairs[i].name; i++)
        if ((any_case ? strcasecmp : strcmp)(pairs[i].name, name) == 0)
            return pairs[i].value;
    return NULL;
}

static const char *header(void *ctx, const char *name)
{
    return look_up(((const struct web_probe *)ctx)->headers, name, true);
}

static const char *query(void *ctx, const char *name)
{
    return look_up(((const struct web_probe *)ctx)->query, name, false);
}

static void append(struct web_probe_answer *out, const uint8_t *bytes, size_t len)
{
    out->text = realloc(out->text, out->len + len + 1);
    assert_non_null(out->text);
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    out->text[out->len] = 0;
}

static void read_body(const struct web_probe *probe, struct web_probe_answer *out)
{
    uint8_t buf[4096];
    size_t cap = probe->answer_cap ? probe->answer_cap : sizeof buf;
    unsigned idle = 0;
    append(out, buf, 0);
    if (out->head.bytes)
        append(out, out->head.bytes, (size_t)out->head.length);
    while (!out->head.bytes && out->head.read && strcmp(probe->method, "HEAD") != 0) {
        int len = out->head.read(out->head.ctx, buf, cap);
        out->cut = len < 0 && len != FERRY_HTTP_OVER;
        out->open = len == 0 && idle++ >= probe->idle_most;
        if (len < 0 || out->open)
            break;
        assert_true((size_t)len <= cap);
        append(out, buf, (size_t)len);
    }
    if (out->head.close)
        out->head.close(out->head.ctx);
}

static void take_json(struct web_probe_answer *out)
{
    const char *type = web_probe_header(out, "Content-Type");
    assert_true(ferry_http_text_utf8(out->text, out->len) || strncmp(type, "application/json", 16) != 0);
    if (strcmp(type, "application/json") != 0 || out->len == 0 || out->cut)
        return;
    out->json = cJSON_ParseWithLength(out->text, out->len);
    if (!out->json && !out->open)
        fail_msg("this is no JSON: %s", out->text);
}

// True when it was answered early.
static bool send_body(const struct ferry_http_handler *handler, const struct web_probe *probe, void *state,
                      struct web_probe_answer *out, bool *gone)
{
    size_t piece = probe->piece ? probe->piece : probe->len;
    for (size_t at = 0; at < probe->len; at += piece) {
        size_t len = probe->len - at < piece ? probe->len - at : piece;
        *gone = probe->torn && at + len >= probe->torn;
        if (*gone)
            len = probe->torn - 1 - at;
        if (len && handler->body(handler->ctx, state, (const uint8_t *)probe->body + at, len, &out->head))
            return true;
        if (*gone)
            return false;
    }
    return false;
}

struct ferry_http_request web_probe_request(struct web_probe *probe)
{
    return (struct ferry_http_request){
        .method = probe->method,
        .path = probe->path,
        .length = probe->announced ? probe->announced : (int64_t)probe->len,
        .peer = "127.0.0.1",
        .header = header,
        .query = query,
        .ctx = probe,
    };
}

struct web_probe_answer web_probe_call(struct ferry_web *web, const struct web_probe *probe)
{
    struct web_probe copy = *probe;
    struct web_probe_answer out = {0};
    struct ferry_http_handler handler = ferry_web_handler(web);
    struct ferry_http_request request = web_probe_request(&copy);
    void *state = NULL;
    bool gone = false;
    out.refused = handler.open(handler.ctx, &request, &out.head, &state);
    if (!out.refused)
        out.refused = send_body(&handler, probe, state, &out, &gone);
    if (out.refused || gone)
        handler.abort(handler.ctx, state);
    else
        handler.finish(handler.ctx, state, &out.head);
    out.status = out.head.status;
    read_body(probe, &out);
    take_json(&out);
    return out;
}

void web_probe_free(struct web_probe_answer *answer)
{
    cJSON_Delete(answer->json);
    free(answer->text);
    *answer = (struct web_probe_answer){0};
}

struct web_probe_answer web_probe_get(struct ferry_web *web, const char *path, int status)
{
    struct web_probe probe = {.method = "GET", .path = path};
    struct web_probe_answer answer = web_probe_call(web, &probe);
    if (answer.status != status)
        fail_msg("GET %s: %d instead of %d: %s", path, answer.status, status, answer.text);
    return answer;
}

const char *web_probe_text(const cJSON *json, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(value) ? value->valuestring : "";
}

const char *web_probe_header(const struct web_probe_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->head.header_count; i++)
        if (strcasecmp(answer->head.headers[i].name, name) == 0)
            return ferry_http_answer_value(&answer->head, i);
    return "";
}
