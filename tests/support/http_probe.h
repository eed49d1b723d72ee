// A raw HTTP peer for tests of servers: says exactly the bytes it is told to, and hears what comes back. No library is
// in between, so that nothing is tidied up on the way.
#ifndef TESTS_SUPPORT_HTTP_PROBE_H
#define TESTS_SUPPORT_HTTP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_probe_answer {
    int status;      // 0 = no answer: the connection was closed
    char head[8192]; // status line and headers
    char *body;      // freed by http_probe_free()
    size_t body_len; // as received, without the framing of chunks
    bool whole;      // as long as announced
};

// A connection to 127.0.0.1:port with a receive limit of 10 s; -1 when refused.
int http_probe_connect(uint16_t port);
bool http_probe_say(int fd, const void *bytes, size_t len);
// The answer to one request; head = the request was HEAD.
void http_probe_hear(int fd, bool head, struct http_probe_answer *out);
// connect, say (text), hear, close. The text needs its own "\r\n\r\n".
void http_probe_ask(uint16_t port, const char *request, struct http_probe_answer *out);
// The same for a formatted request with a body.
void http_probe_send(uint16_t port, const char *method, const char *path, const char *headers, const void *body,
                     size_t body_len, struct http_probe_answer *out);
// The value of a header into out; NULL when it is not there.
const char *http_probe_header(const struct http_probe_answer *answer, const char *name, char *out, size_t cap);
void http_probe_free(struct http_probe_answer *answer);

#endif
