// An HTTP client on libcurl as a struct ferry_http_client: http and https, certificates are checked, a redirect never
// leads from https to http, an Authorization header never goes to another host, port or scheme than that of the URL,
// proxies are not used unless named, nothing is decoded on the way.
#ifndef PORTS_POSIX_HTTP_CLIENT_H
#define PORTS_POSIX_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "ports/posix/error.h"

struct ferry_posix_http_client;

struct ferry_posix_http_client_cfg {
    uint32_t connect_ms;    // name, connection, TLS; 0 = 10000
    uint32_t stall_ms;      // longest time without a byte; 0 = 15000
    uint32_t redirects;     // followed at most, 0 = 5
    const char *ca_file;    // PEM of those who may sign certificates, NULL = the system's
    const char *proxy;      // URL, NULL = none, whatever the environment says
    const char *user_agent; // NULL = "ferry"
    // Asked about every 100 ms while a call waits, by the thread that calls; true = the call ends with
    // FERRY_ERR_CANCELLED. NULL = never.
    bool (*stop)(void *ctx);
    void *stop_ctx;
};

// Texts of cfg are copied. FERRY_ERR_NO_MEMORY, FERRY_ERR_UNSUPPORTED with *error.
int ferry_posix_http_client_new(struct ferry_posix_http_client **out, const struct ferry_posix_http_client_cfg *cfg,
                                struct ferry_posix_error *error);
void ferry_posix_http_client_free(struct ferry_posix_http_client *self); // NULL allowed
// Valid until free. One thread at a time.
struct ferry_http_client ferry_posix_http_client(struct ferry_posix_http_client *self);

#endif
