// An HTTP/1.1 server on libmicrohttpd that calls a struct ferry_http_handler.
//
// What a stranger can make it spend is bounded: connections, in all and per address; bytes of a request's head; bytes
// of a body; time for the head (slow or silent peers are cut off) and a least rate for bodies and answers. What it
// refuses itself it answers in the form of the APIs: {"error":"...","what":"...","hint":"..."}.
#ifndef PORTS_POSIX_HTTP_SERVER_H
#define PORTS_POSIX_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "ports/posix/error.h"

struct ferry_posix_http_server;

struct ferry_posix_http_server_event { // one request that is over
    const char *peer, *method, *path;  // path "" = the target was refused or never came
    int status;                        // that was sent, 0 = none
    uint64_t bytes;                    // of the answer's body that left read(), or its length
    bool complete;                     // false: the peer went, was cut off, or the answer failed
};

struct ferry_posix_http_server_cfg {
    const char *bind;               // name or numeric address, NULL = "127.0.0.1", "*" = every address of the machine
    uint16_t port;                  // 0 = a free one
    const char *tls_cert, *tls_key; // PEM files, both or neither; the paths stay the caller's until stop()
    unsigned threads;               // 0 = none: the program calls step(); else 1..64 of its own
    uint32_t connections;           // at once, 1..65536, 0 = 512
    uint32_t connections_per_peer;  // at once from one address, 0 = half of connections
    uint32_t head_bytes;            // request line and headers, 1024..1048576, 0 = 32768
    uint64_t body_bytes;            // larger ones are answered 413, 0 = 64 MiB
    uint32_t head_ms;               // a request's head must be there in this time, 0 = 10000
    uint32_t idle_ms;               // no byte either way: cut off. Also between requests. Whole seconds, 0 = 30000
    uint32_t least_rate;            // bytes a second that a body, or an answer of known length, must average after a
                                    // first idle_ms; 0 = 512
    // Called when a request is over; by any of the server's threads. NULL = not.
    void (*log)(void *ctx, const struct ferry_posix_http_server_event *event);
    void *log_ctx;
};

// Listens, and answers from here on (threads > 0). cfg and *handler are copied. FERRY_ERR_ARG (a value, the TLS
// files), FERRY_ERR_WIRE_OPEN (address), FERRY_ERR_STORAGE_READ (TLS files), FERRY_ERR_NO_MEMORY; then *out is NULL.
int ferry_posix_http_server_start(struct ferry_posix_http_server **out, const struct ferry_posix_http_server_cfg *cfg,
                                  const struct ferry_http_handler *handler, struct ferry_posix_error *error);
uint16_t ferry_posix_http_server_port(const struct ferry_posix_http_server *self);

// Reads the TLS files again: connections that begin from now on have the new certificate, those that are there go on
// with theirs. On failure (FERRY_ERR_STATE: no TLS; FERRY_ERR_ARG, FERRY_ERR_STORAGE_READ) everything stays as it is.
int ferry_posix_http_server_reload(struct ferry_posix_http_server *self, struct ferry_posix_error *error);

// Without threads of its own: serves what is there, without waiting; every call of the handler comes from here. Returns
// after how many ms (0..200) it wants to be called again at the latest; earlier when fd() is readable.
unsigned ferry_posix_http_server_step(struct ferry_posix_http_server *self);
int ferry_posix_http_server_fd(const struct ferry_posix_http_server *self); // for poll(), -1 = has threads

// For handlers with events. Valid until stop().
struct ferry_http_waker ferry_posix_http_server_waker(struct ferry_posix_http_server *self);
void ferry_posix_http_server_wake(struct ferry_posix_http_server *self);

struct ferry_posix_http_server_stats {
    uint32_t connections; // now
    uint32_t requests;    // under way now
    uint64_t served;      // requests that are over
    uint64_t cut;         // connections ended because the peer was too slow
};
void ferry_posix_http_server_stats(struct ferry_posix_http_server *self, struct ferry_posix_http_server_stats *out);

// Takes no new connections, ends event streams, gives requests under way up to grace_ms, closes and frees. NULL
// allowed.
void ferry_posix_http_server_stop(struct ferry_posix_http_server *self, uint32_t grace_ms);

#endif
