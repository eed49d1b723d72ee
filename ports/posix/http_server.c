#include "ports/posix/http_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/http_server_parts.h"

#define THREADS_MAX 64

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

static void take_cfg(struct ferry_posix_http_server_cfg *cfg)
{
    cfg->connections = or_default(cfg->connections, 512);
    cfg->connections_per_peer = or_default(cfg->connections_per_peer, (cfg->connections + 1) / 2);
    cfg->head_bytes = or_default(cfg->head_bytes, 32768);
    cfg->body_bytes = cfg->body_bytes ? cfg->body_bytes : 64u << 20;
    cfg->head_ms = or_default(cfg->head_ms, 10000);
    cfg->idle_ms = or_default(cfg->idle_ms, 30000);
    cfg->least_rate = or_default(cfg->least_rate, 512);
}

static int check_cfg(const struct ferry_posix_http_server_cfg *cfg, struct ferry_posix_error *error)
{
    if (cfg->threads > THREADS_MAX || cfg->connections > 65536 || cfg->connections < cfg->threads)
        return ferry_posix_error_set(error, FERRY_ERR_ARG, NULL, "threads are 0 to %d, connections %u to 65536",
                                     THREADS_MAX, cfg->threads ? cfg->threads : 1);
    if (cfg->head_bytes < 1024 || cfg->head_bytes > 1048576)
        return ferry_posix_error_set(error, FERRY_ERR_ARG, NULL, "a request's head has 1024 to 1048576 bytes");
    if (!cfg->tls_cert != !cfg->tls_key)
        return ferry_posix_error_set(error, FERRY_ERR_ARG, NULL, "TLS needs both a certificate and its key");
    return FERRY_OK;
}

static int load_tls(struct ferry_posix_http_server *self, struct ferry_posix_error *error)
{
    if (!self->cfg.tls_cert)
        return FERRY_OK;
    int status = http_server_load_pem(self->cfg.tls_cert, &self->cert, error);
    return status < 0 ? status : http_server_load_pem(self->cfg.tls_key, &self->key, error);
}

static void on_complaint(void *cls, const char *format, va_list args)
{
    struct ferry_posix_http_server *self = cls;
    if (!self->daemon)
        vsnprintf(self->complaint, sizeof self->complaint, format, args);
}

// Paths and queries are decoded by our own rules, from the target as it was sent.
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls, (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct ferry_posix_http_server *self)
{
    const struct ferry_posix_http_server_cfg *cfg = &self->cfg;
    unsigned flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (cfg->threads ? MHD_USE_EPOLL_INTERNAL_THREAD : MHD_USE_EPOLL) | (self->cert ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem more[6];
    size_t n = 0;
    // The library gives each thread its share of the limit, and a thread whose share is used up closes what it accepts
    // while others have room. So each may have all of them, and http_server_connection() counts.
    unsigned all = cfg->connections * (cfg->threads ? cfg->threads : 1);
    if (cfg->threads > 1)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)cfg->threads, NULL};
    if (self->cert) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, self->cert};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, self->key};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                            (void *)(uintptr_t) "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"};
    }
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    // The logger stands first: what is wrong with the other options is told to it.
    return MHD_start_daemon(flags, self->port, NULL, NULL, http_server_access, self, MHD_OPTION_EXTERNAL_LOGGER,
                            on_complaint, self, MHD_OPTION_LISTEN_SOCKET, self->listener, MHD_OPTION_CONNECTION_LIMIT,
                            all, MHD_OPTION_PER_IP_CONNECTION_LIMIT, cfg->connections_per_peer,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)cfg->head_bytes, MHD_OPTION_CONNECTION_TIMEOUT,
                            (cfg->idle_ms + 999) / 1000, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK,
                            http_server_target, self, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, http_server_completed, self, MHD_OPTION_NOTIFY_CONNECTION,
                            http_server_connection, self, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

static void *tick_along(void *ctx)
{
    struct ferry_posix_http_server *self = ctx;
    pthread_mutex_lock(&self->sleep);
    while (self->has_ticker) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += HTTP_SERVER_TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&self->alarm, &self->sleep, &until);
        pthread_mutex_unlock(&self->sleep);
        http_server_tick(self);
        pthread_mutex_lock(&self->sleep);
    }
    pthread_mutex_unlock(&self->sleep);
    return NULL;
}

static void end_ticker(struct ferry_posix_http_server *self)
{
    if (!self->has_ticker)
        return;
    pthread_mutex_lock(&self->sleep);
    self->has_ticker = false;
    pthread_cond_signal(&self->alarm);
    pthread_mutex_unlock(&self->sleep);
    pthread_join(self->ticker, NULL);
}

static void discard(struct ferry_posix_http_server *self)
{
    end_ticker(self);
    if (self->daemon)
        MHD_stop_daemon(self->daemon);
    if (self->listener >= 0)
        close(self->listener);
    pthread_mutex_destroy(&self->guard);
    pthread_mutex_destroy(&self->park);
    pthread_mutex_destroy(&self->sleep);
    pthread_cond_destroy(&self->alarm);
    http_server_tls_drop(self->tls);
    free(self->cert);
    http_server_free_secret(self->key);
    free(self);
}

static int not_started(const struct ferry_posix_http_server *self, struct ferry_posix_error *error)
{
    const char *file = self->cert ? self->cfg.tls_cert : "";
    ferry_posix_error_set(error, FERRY_ERR_ARG, file, "the server cannot start: %.*s",
                          (int)strcspn(self->complaint, "\n"),
                          self->complaint[0] ? self->complaint : "the library does not say why");
    if (self->cert)
        ferry_posix_error_hint(error, "do certificate and key belong together, and are both PEM?");
    return FERRY_ERR_ARG;
}

static int start(struct ferry_posix_http_server *self, struct ferry_posix_error *error)
{
    int status = check_cfg(&self->cfg, error);
    if (status >= 0)
        status = load_tls(self, error);
    if (status < 0)
        return status;
    self->listener = http_server_listen(self->cfg.bind, self->cfg.port, &self->port, error);
    if (self->listener < 0)
        return self->listener;
    self->daemon = start_daemon(self);
    if (!self->daemon)
        return not_started(self, error);
    if (!self->cfg.threads)
        return FERRY_OK;
    self->has_ticker = true;
    if (pthread_create(&self->ticker, NULL, tick_along, self) == 0)
        return FERRY_OK;
    self->has_ticker = false;
    return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, NULL, "no thread for the server");
}

int ferry_posix_http_server_start(struct ferry_posix_http_server **out, const struct ferry_posix_http_server_cfg *cfg,
                                  const struct ferry_http_handler *handler, struct ferry_posix_error *error)
{
    struct ferry_posix_http_server *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, NULL, "no memory for the server");
    self->cfg = *cfg;
    self->handler = *handler;
    self->listener = -1;
    take_cfg(&self->cfg);
    pthread_mutex_init(&self->guard, NULL);
    pthread_mutex_init(&self->park, NULL);
    pthread_mutex_init(&self->sleep, NULL);
    pthread_cond_init(&self->alarm, NULL);
    int status = start(self, error);
    if (status < 0)
        discard(self);
    else
        *out = self;
    return status;
}

uint16_t ferry_posix_http_server_port(const struct ferry_posix_http_server *self)
{
    return self->port;
}

int ferry_posix_http_server_fd(const struct ferry_posix_http_server *self)
{
    if (self->cfg.threads)
        return -1;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

unsigned ferry_posix_http_server_step(struct ferry_posix_http_server *self)
{
    MHD_UNSIGNED_LONG_LONG wait = HTTP_SERVER_TICK_MS;
    MHD_run(self->daemon);
    http_server_tick(self);
    if (MHD_get_timeout(self->daemon, &wait) != MHD_YES || wait > HTTP_SERVER_TICK_MS)
        wait = HTTP_SERVER_TICK_MS;
    return (unsigned)wait;
}

void ferry_posix_http_server_stats(struct ferry_posix_http_server *self, struct ferry_posix_http_server_stats *out)
{
    out->connections = atomic_load(&self->connections);
    out->requests = atomic_load(&self->requests);
    out->served = atomic_load(&self->served);
    out->cut = atomic_load(&self->cut);
}

void ferry_posix_http_server_stop(struct ferry_posix_http_server *self, uint32_t grace_ms)
{
    if (!self)
        return;
    int64_t until = http_server_now() + grace_ms;
    atomic_store(&self->stopping, true);
    MHD_quiesce_daemon(self->daemon);
    do {
        ferry_posix_http_server_wake(self);
        if (!self->cfg.threads)
            ferry_posix_http_server_step(self);
        if (atomic_load(&self->requests) == 0)
            break;
        usleep(5000);
    } while (http_server_now() < until);
    ferry_posix_http_server_wake(self);
    discard(self);
}
