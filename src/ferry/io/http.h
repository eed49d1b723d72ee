// HTTP as the web API and the depot's API see it, without a server or client library: the port has that (on Linux a
// server library and libcurl, on the ESP32 esp_http_server and esp_http_client).
//
// Server: the port parses requests and calls a handler; the handler never blocks for the peer. Requests come in pieces
// and answers leave in pieces, so that a 16 MB firmware is nowhere in memory whole.
//
//   open() -> body()* -> finish() -> answer.read()* -> answer.close()
//      |         |            a handler may answer early: open() or body() return true = *answer is filled, the rest of
//      +---------+----------> the body is not wanted (too large, no token, no such thing)
//
// abort() instead of finish() when the peer has gone or was too slow: nothing may be kept of what had come.
#ifndef FERRY_IO_HTTP_H
#define FERRY_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_HTTP_HEADERS 8
#define FERRY_HTTP_TEXT 192

struct ferry_http_request {
    const char *method; // "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"; other methods never reach a handler
    const char *path;   // percent-decoded, begins with '/', no query; NUL-free; "." and ".." segments never reach it
    int64_t length;     // of the body in bytes; -1 = not announced (chunked)
    const char *peer;   // numeric address of the other side, for logs and rate limits
    bool secure;        // came over TLS
    // Value of a header (name without case) or of a query parameter (percent-decoded); NULL = not there. Valid until
    // finish() or abort() has returned.
    const char *(*header)(void *ctx, const char *name);
    const char *(*query)(void *ctx, const char *name);
    void *ctx;
};

struct ferry_http_answer {
    int status; // 200, 206, 304, 404, ...
    struct {
        const char *name; // constant text
        char value[FERRY_HTTP_TEXT];
    } headers[FERRY_HTTP_HEADERS]; // Content-Type among them; Content-Length, Date, Connection are the port's
    uint8_t header_count;
    int64_t length; // of the body; -1 = until read() says it is over (chunked; events)
    // Up to cap bytes from where the last call ended. > 0 = bytes; 0 = none now: ask again when wake() was called or
    // after a second (only with length -1); FERRY_HTTP_OVER = no more; other negative = the peer is cut off. NULL = the
    // body is empty. HEAD: never called.
    int (*read)(void *ctx, uint8_t *buf, size_t cap);
    void (*close)(void *ctx); // once, when the answer has been sent or the peer has gone; NULL allowed
    void *ctx;
};

#define FERRY_HTTP_OVER (-1000)

struct ferry_http_handler {
    void *ctx;
    // A new request; *state is what the handler wants to be given with the next calls (NULL is fine). true = answered.
    bool (*open)(void *ctx, const struct ferry_http_request *request, struct ferry_http_answer *answer, void **state);
    bool (*body)(void *ctx, void *state, const uint8_t *bytes, size_t len, struct ferry_http_answer *answer);
    void (*finish)(void *ctx, void *state, struct ferry_http_answer *answer);
    void (*abort)(void *ctx, void *state); // also after open() or body() answered early: frees state in every case
};

// Client: one request at a time per ctx; calls block, each at most the time the port was made with.
struct ferry_http_fetch {
    const char *method;         // "GET", "PUT", "POST"
    const char *url;            // http:// or https://
    const char *const *headers; // "Name: value", NULL-terminated; NULL = none
    uint64_t offset;            // GET: > 0 asks for the range from there to the end
    const uint8_t *body;        // PUT, POST
    size_t body_len;
};

struct ferry_http_reply {
    int status;                 // of the server, after redirects
    int64_t length;             // of this body; -1 = unknown
    uint64_t offset;            // where the body begins in the whole (206); 0 otherwise
    int64_t total;              // length of the whole; -1 = unknown
    char etag[FERRY_HTTP_TEXT]; // "" = none
    char type[64];              // Content-Type
};

struct ferry_http_client {
    void *ctx;
    // 0 = the reply's head is there. FERRY_ERR_ARG (URL), FERRY_ERR_WIRE_IO (no connection, name, TLS),
    // FERRY_ERR_TIMEOUT.
    int (*open)(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply);
    int (*read)(void *ctx, uint8_t *buf, size_t cap); // > 0 bytes; 0 = the body is over; negative as above
    void (*close)(void *ctx);
    const char *(*reason)(void *ctx); // of the last failure, for people: host, what went wrong
};

#endif
