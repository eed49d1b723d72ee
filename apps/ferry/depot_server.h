// A depot's server put together: database handles, the API, the HTTP server.
#ifndef FERRY_APP_DEPOT_SERVER_H
#define FERRY_APP_DEPOT_SERVER_H

#include "depot/api.h"
#include "ports/posix/digest.h"
#include "ports/posix/http_server.h"
#include "updater/fault.h"

struct depot_server_cfg {
    const char *depot; // path or URL
    struct ferry_posix_http_server_cfg http;
    struct ferry_depot_api_cfg api; // depots, digests and clock are filled here
    unsigned handles;               // database connections, 0 = one a thread
};

struct depot_server {
    struct ferry_depot *depots[FERRY_DEPOT_API_HANDLES];
    struct ferry_posix_digest digest_states[FERRY_DEPOT_API_HANDLES];
    struct ferry_digest digests[FERRY_DEPOT_API_HANDLES];
    size_t count;
    struct ferry_clock clock;
    struct ferry_depot_api *api;
    struct ferry_posix_http_server *http;
    _Atomic(struct ferry_posix_http_server *) awake; // http, once it is there: requests may come before start() returns
};

// 0, or a negative status with *fault; then everything is closed again.
int depot_server_start(struct depot_server *self, const struct depot_server_cfg *cfg, struct ferry_fault *fault);
void depot_server_stop(struct depot_server *self, uint32_t grace_ms);

#endif
