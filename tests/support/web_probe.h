// The web API called as a server would call it, without a server: a request in pieces of any size, the answer in pieces
// of any size. Every JSON answer must be JSON, and UTF-8.
#ifndef TESTS_SUPPORT_WEB_PROBE_H
#define TESTS_SUPPORT_WEB_PROBE_H

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "updater/web.h"

struct web_probe_pair {
    const char *name, *value;
};

struct web_probe {
    const char *method, *path;
    struct web_probe_pair headers[8], query[8];
    const void *body;
    size_t len;
    int64_t announced;  // 0 = len; -1 = not announced
    size_t piece;       // of the body, 0 = whole
    size_t answer_cap;  // of each read(), 0 = 4096
    size_t torn;        // > 0: the peer goes after torn - 1 bytes
    unsigned idle_most; // read() may say "none now" so often; then the answer is left
};

struct web_probe_answer {
    int status;
    char *text; // whole body, ended by a NUL; freed by web_probe_free
    size_t len;
    cJSON *json;  // NULL: the body is no JSON
    bool cut;     // read() failed
    bool open;    // left while it could have gone on
    bool refused; // answered before the body was there
    struct ferry_http_answer head;
};

// The request alone, for calls that are woven into one another; probe must stay.
struct ferry_http_request web_probe_request(struct web_probe *probe);
struct web_probe_answer web_probe_call(struct ferry_web *web, const struct web_probe *probe);
void web_probe_free(struct web_probe_answer *answer);
// GET of a path, with the status that must come.
struct web_probe_answer web_probe_get(struct ferry_web *web, const char *path, int status);
const char *web_probe_text(const cJSON *json, const char *name); // "" = it is not there
const char *web_probe_header(const struct web_probe_answer *answer, const char *name);

#endif
