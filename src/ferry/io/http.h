// HTTP as the web API and the depot's API see it, without a server or client library: the port has that (on Linux
// libmicrohttpd and libcurl, on the ESP32 esp_http_server and esp_http_client).
//
// Server: the port parses requests and calls a handler; the handler never blocks for the peer. Requests come in pieces
// and answers leave in pieces, so that a 16 MB firmware is nowhere in memory whole.
//
//   open() -> body()* -> finish() -> answer.read()* -> answer.close()
//      |         |            a handler may answer early: open() or body() return true = *answer is filled, the rest of
//      +---------+----------> the body is not wanted (too large, no token, no such thing)
//
// For every open() there is exactly one finish() or abort(): abort() when the handler has answered early, or when the
// peer has gone or was too slow; nothing may be kept of what had come. For every answer with a close() there is exactly
// one close().
//
// Calls that belong to one request come one after the other. A server with one thread (or none of its own) makes all
// calls from that one; a server with several calls the handler for different requests at the same time.
//
// ferry/io/http_answer.h fills answers; ferry/base/http_text.h has the parsing that ports share.
#ifndef FERRY_IO_HTTP_H
#define FERRY_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_HTTP_HEADERS 14
#define FERRY_HTTP_HEADER_TEXT 640 // of all values of one answer together, each with its end
#define FERRY_HTTP_TEXT 192

struct ferry_http_request {
    const char *method; // "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"; other methods never reach a handler
    // Percent-decoded, begins with '/', no query, UTF-8; no control characters, no backslash, no "//" and no "." or
    // ".." segments: such requests are answered 400 by the port (ferry_http_text_path).
    const char *path;
    int64_t length;   // of the body in bytes; 0 = none; -1 = not announced (chunked)
    const char *peer; // numeric address of the other side, for logs and rate limits
    bool secure;      // came over TLS
    // Value of a header (name without case) or of a query parameter (percent-decoded); NULL = not there. They and the
    // request itself are valid until finish() or abort() has returned.
    const char *(*header)(void *ctx, const char *name);
    const char *(*query)(void *ctx, const char *name);
    void *ctx;
};

// Plain data: may be copied while it is being filled.
struct ferry_http_answer {
    int status; // 200, 206, 304, 404, ...; 0 = nothing was filled: the port says 500
    // Content-Type among them; Content-Length, Transfer-Encoding, Date and Connection are the port's. Filled by
    // ferry_http_answer_header(): names are constant texts, values are copied into text.
    struct {
        const char *name;
        uint16_t value; // where it begins in text
    } headers[FERRY_HTTP_HEADERS];
    uint8_t header_count;
    uint16_t text_used;
    char text[FERRY_HTTP_HEADER_TEXT];
    int64_t length; // of the body; -1 = until read() says it is over (chunked; events)
    // The body, one of: bytes (length of them, unchanged until close()), read, or neither (length 0; for HEAD and 304
    // the length that the body would have).
    const uint8_t *bytes;
    // Up to cap bytes from where the last call ended. > 0 = bytes; 0 = none now: asked again after wake() or about a
    // second (only with length -1); FERRY_HTTP_OVER = no more; other negative = the peer is cut off (also when less
    // than length bytes have come). HEAD: never called.
    int (*read)(void *ctx, uint8_t *buf, size_t cap);
    void (*close)(void *ctx); // once, when the answer has been sent or the peer has gone; NULL allowed
    void *ctx;                // of read() and close()
};

#define FERRY_HTTP_OVER (-1000)

struct ferry_http_handler {
    void *ctx;
    // A new request; *state is what the handler wants to be given with the next calls (NULL is fine). true = answered.
    bool (*open)(void *ctx, const struct ferry_http_request *request, struct ferry_http_answer *answer, void **state);
    // Bytes of the body, len > 0. true = answered.
    bool (*body)(void *ctx, void *state, const uint8_t *bytes, size_t len, struct ferry_http_answer *answer);
    // The whole request is there: fills *answer and frees state (or hands it to answer->ctx).
    void (*finish)(void *ctx, void *state, struct ferry_http_answer *answer);
    void (*abort)(void *ctx, void *state); // frees state
};

// Tells the server that answers whose read() said "none now" have something. Quick; from any thread. The server's port
// makes one; handlers with events are given it by the program that wires both.
struct ferry_http_waker {
    void *ctx;
    void (*wake)(void *ctx);
};

// Client: one request at a time per ctx; calls block, each at most the time the port was made with.
struct ferry_http_fetch {
    const char *method;         // "GET", "HEAD", "PUT", "POST"
    const char *url;            // http:// or https://
    const char *const *headers; // "Name: value", NULL-terminated; NULL = none
    uint64_t offset;            // GET: > 0 asks for the range from there to the end
    const char *if_range;       // with offset: the ETag that the whole must still have (If-Range); NULL = none
    const uint8_t *body;        // PUT, POST
    size_t body_len;
};

struct ferry_http_reply {
    int status;                 // of the server, after redirects
    int64_t length;             // of this body; -1 = unknown
    uint64_t offset;            // where the body begins in the whole (206); 0 otherwise
    int64_t total;              // length of the whole; -1 = unknown
    char etag[FERRY_HTTP_TEXT]; // as sent, with its quotes; "" = none
    char type[64];              // Content-Type
    char sha256[65];            // of the whole in hex, when the server tells it (X-Sha256, Repr-Digest); "" = not
};

struct ferry_http_client {
    void *ctx;
    // 0 = the reply's head is there, whatever its status. FERRY_ERR_ARG (URL), FERRY_ERR_WIRE_OPEN (no such host, no
    // connection, TLS), FERRY_ERR_WIRE_IO (cut, or not HTTP), FERRY_ERR_TIMEOUT.
    int (*open)(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply);
    // > 0 bytes; 0 = the body is over, and as long as announced; FERRY_ERR_WIRE_IO (cut), FERRY_ERR_TIMEOUT.
    int (*read)(void *ctx, uint8_t *buf, size_t cap);
    void (*close)(void *ctx);         // ends the request; open() may be called again
    const char *(*reason)(void *ctx); // of the last failure, for people: host, what went wrong; "" = none
};

#endif
