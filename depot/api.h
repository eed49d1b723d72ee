// The depot over HTTP: REST and JSON as a struct ferry_http_handler, on depot.h (docs/protocol/depot-api.yaml is the
// reference, docs/guide/depot-server.md the way in). Any server port can call it, from one thread or several.
//
// Who may what: a request carries "Authorization: Bearer SECRET" of one of the depot's tokens, or has cfg.anonymous.
// Requests that a web page of another origin makes a browser send are refused, with and without a token.
//
// Memory: cfg.cache_bytes for pieces of firmware that are being fetched, 64 KB a JSON body, 64 KB an upload; nothing
// grows with what the depot holds or with what a stranger sends.
#ifndef FERRY_DEPOT_API_H
#define FERRY_DEPOT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "depot/depot.h"
#include "ferry/io/clock.h"
#include "ferry/io/digest.h"
#include "ferry/io/http.h"

#define FERRY_DEPOT_API_HANDLES 64
#define FERRY_DEPOT_API_ORIGINS 8

struct ferry_depot_api;

struct ferry_depot_api_cfg {
    // As many requests as there are handles reach the database at the same time; 1 .. FERRY_DEPOT_API_HANDLES. All of
    // one database. They stay the caller's and are used by nobody else until ferry_depot_api_free().
    struct ferry_depot *const *depots;
    size_t depot_count;
    // Makes a digest (MD5 and SHA-256) for one upload or one look at a firmware, and gives it back. ctx NULL in *out =
    // no memory. From any thread.
    struct ferry_digest (*digest_new)(void *ctx);
    void (*digest_free)(void *ctx, const struct ferry_digest *digest);
    void *digest_ctx;
    const struct ferry_clock *clock; // now_ms from any thread; wait is not used
    const char *name, *version;      // for people; NULL = "Ferry depot", not told
    unsigned anonymous;              // scopes of requests without a token (enum ferry_depot_scope)
    uint32_t upload_bytes;           // of one file, 0 = 32 MiB
    uint32_t uploads;                // at the same time, 0 = 8
    uint32_t streams;                // event streams at the same time, 0 = 64
    uint32_t rate;                   // requests a second of one address, and of one token, on average; a burst
                                     // may be four times that. 0 = 200, UINT32_MAX = no limit
    uint32_t cache_bytes;            // 0 = 16 MiB
    const char *const *origins;      // other web pages that may use this API ("https://host"), NULL-terminated
    const char *const *hosts;        // names by which browsers may call this server without a token besides its
                                     // addresses, localhost and *.local; NULL-terminated
    struct ferry_http_waker waker;   // wake NULL = event streams look once a second
    bool page;                       // serve the page under /
};

// Copies cfg. NULL: no memory, or a count out of range.
struct ferry_depot_api *ferry_depot_api_new(const struct ferry_depot_api_cfg *cfg);
// When no request is open any more. NULL allowed.
void ferry_depot_api_free(struct ferry_depot_api *self);
struct ferry_http_handler ferry_depot_api_handler(struct ferry_depot_api *self);

#endif
