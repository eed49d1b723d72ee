#include "apps/ferry/depot_server.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"

#define BUSY_MS 3000 // of SQLite: how long a request waits for another writer

static struct ferry_digest new_digest(void *ctx)
{
    struct ferry_posix_digest *state = malloc(sizeof *state);
    (void)ctx;
    return state ? ferry_posix_digest_init(state) : (struct ferry_digest){0};
}

static void free_digest(void *ctx, const struct ferry_digest *digest)
{
    (void)ctx;
    ferry_posix_digest_close(digest->ctx);
    free(digest->ctx);
}

static uint32_t now_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static int open_depots(struct depot_server *self, const struct depot_server_cfg *cfg, struct ferry_fault *fault)
{
    unsigned wanted = cfg->handles ? cfg->handles : cfg->http.threads ? cfg->http.threads : 1;
    wanted = wanted < FERRY_DEPOT_API_HANDLES ? wanted : FERRY_DEPOT_API_HANDLES;
    for (; self->count < wanted; self->count++) {
        struct ferry_depot_error error;
        self->digests[self->count] = ferry_posix_digest_init(&self->digest_states[self->count]);
        struct ferry_depot_cfg depot = {.url = cfg->depot, .digest = &self->digests[self->count], .busy_ms = BUSY_MS};
        int status = ferry_depot_open(&self->depots[self->count], &depot, &error);
        if (status >= 0)
            continue;
        ferry_posix_digest_close(&self->digest_states[self->count]);
        ferry_fault_set(fault, status, error.where, "%s", error.what);
        if (error.hint[0])
            ferry_fault_hint(fault, "%s", error.hint);
        return status;
    }
    return FERRY_OK;
}

static void wake(void *ctx)
{
    struct depot_server *self = ctx;
    struct ferry_posix_http_server *http = atomic_load(&self->awake);
    if (http)
        ferry_posix_http_server_wake(http);
}

static int start_api(struct depot_server *self, const struct depot_server_cfg *cfg, struct ferry_fault *fault)
{
    struct ferry_depot_api_cfg api = cfg->api;
    self->clock.now_ms = now_ms;
    api.depots = self->depots;
    api.depot_count = self->count;
    api.digest_new = new_digest;
    api.digest_free = free_digest;
    api.clock = &self->clock;
    api.waker = (struct ferry_http_waker){self, wake};
    self->api = ferry_depot_api_new(&api);
    return self->api ? FERRY_OK : ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the server");
}

static int start_http(struct depot_server *self, const struct depot_server_cfg *cfg, struct ferry_fault *fault)
{
    struct ferry_http_handler handler = ferry_depot_api_handler(self->api);
    struct ferry_posix_error error;
    int status = ferry_posix_http_server_start(&self->http, &cfg->http, &handler, &error);
    if (status < 0) {
        ferry_fault_set(fault, status, error.where, "%s", error.what);
        ferry_fault_hint(fault, "%s", error.hint);
        return status;
    }
    atomic_store(&self->awake, self->http);
    return FERRY_OK;
}

int depot_server_start(struct depot_server *self, const struct depot_server_cfg *cfg, struct ferry_fault *fault)
{
    memset(self, 0, sizeof *self);
    int status = open_depots(self, cfg, fault);
    if (status >= 0)
        status = start_api(self, cfg, fault);
    if (status >= 0)
        status = start_http(self, cfg, fault);
    if (status < 0)
        depot_server_stop(self, 0);
    return status;
}

void depot_server_stop(struct depot_server *self, uint32_t grace_ms)
{
    ferry_posix_http_server_stop(self->http, grace_ms);
    ferry_depot_api_free(self->api);
    for (size_t i = 0; i < self->count; i++) {
        ferry_depot_close(self->depots[i]);
        ferry_posix_digest_close(&self->digest_states[i]);
    }
    memset(self, 0, sizeof *self);
}
