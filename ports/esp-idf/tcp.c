#include "ports/esp-idf/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ports/esp-idf/socket.h"

// A partner that is heard takes this long to be given up for a new one; one that is quiet longer may have vanished.
enum { SILENT_MS = 3000, DIAL_MS = 10000, AGAIN_MS = 5000 };

static void watch(struct ferry_idf_tcp *self, int socket)
{
    if (self->clock)
        (void)ferry_idf_clock_add(self->clock, socket);
}

static void unwatch(struct ferry_idf_tcp *self, int socket)
{
    if (self->clock)
        ferry_idf_clock_remove(self->clock, socket);
}

static void hang_up(struct ferry_idf_tcp *self)
{
    if (self->socket < 0)
        return;
    unwatch(self, self->socket);
    close(self->socket);
    self->socket = -1;
    self->connecting = false;
    self->since_ms = ferry_idf_clock_now();
}

// Answers leave at once; a partner that has vanished is noticed in about half a minute.
static void tune(int socket)
{
    int on = 1, idle = 10, interval = 5, count = 4;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static void take(struct ferry_idf_tcp *self, int socket)
{
    hang_up(self);
    self->socket = socket;
    self->heard_ms = ferry_idf_clock_now();
    tune(socket);
    watch(self, socket);
}

static void accept_one(struct ferry_idf_tcp *self)
{
    int s;
    if (self->socket >= 0 && !ferry_time_reached(ferry_idf_clock_now(), self->heard_ms + SILENT_MS))
        return;
    if ((s = accept(self->listener, NULL, NULL)) >= 0)
        take(self, s);
}

// ---- dialling

static int start(struct ferry_idf_tcp *self)
{
    struct sockaddr_storage address;
    socklen_t len;
    self->since_ms = ferry_idf_clock_now();
    if (!ferry_idf_socket_address(self->host, self->port, &address, &len))
        return FERRY_ERR_WIRE_OPEN;
    int s = ferry_idf_socket_new(&address, SOCK_STREAM);
    if (s < 0)
        return FERRY_ERR_WIRE_OPEN;
    if (connect(s, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
        close(s);
        return FERRY_ERR_WIRE_OPEN;
    }
    self->socket = s;
    self->connecting = true;
    return FERRY_OK;
}

// 1: connected, 0: not yet, -1: refused or too late.
static int connected(struct ferry_idf_tcp *self)
{
    struct timeval none = {0};
    fd_set writable;
    int error = 0;
    socklen_t len = sizeof error;
    FD_ZERO(&writable);
    FD_SET(self->socket, &writable);
    if (select(self->socket + 1, NULL, &writable, NULL, &none) <= 0)
        return ferry_time_reached(ferry_idf_clock_now(), self->since_ms + DIAL_MS) ? -1 : 0;
    if (getsockopt(self->socket, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error)
        return -1;
    return 1;
}

static int go_on(struct ferry_idf_tcp *self)
{
    int done = connected(self);
    if (done < 0) {
        hang_up(self);
        return FERRY_ERR_WIRE_OPEN;
    }
    if (done > 0) {
        int s = self->socket;
        self->connecting = false;
        self->socket = -1;
        take(self, s);
    }
    return FERRY_OK;
}

// ---- the stream

// 1: there is a partner, 0: none now, negative: there will be none.
static int partner(struct ferry_idf_tcp *self)
{
    int status = FERRY_OK;
    if (self->listener >= 0)
        accept_one(self);
    else if (self->connecting)
        status = go_on(self);
    else if (self->socket < 0 && self->again && ferry_time_reached(ferry_idf_clock_now(), self->since_ms + AGAIN_MS))
        (void)start(self);
    else if (self->socket < 0 && !self->again)
        status = FERRY_ERR_WIRE_CLOSED;
    if (status < 0)
        return self->again ? 0 : status;
    return self->socket >= 0 && !self->connecting;
}

static int lost(struct ferry_idf_tcp *self)
{
    hang_up(self);
    return self->listener >= 0 || self->again ? 0 : FERRY_ERR_WIRE_CLOSED;
}

static int read_bytes(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_tcp *self = ctx;
    int there = partner(self);
    if (there <= 0)
        return there;
    ssize_t n = recv(self->socket, buf, cap, MSG_DONTWAIT);
    if (n > 0) {
        self->heard_ms = ferry_idf_clock_now();
        return (int)n;
    }
    return n < 0 && ferry_idf_socket_later() ? 0 : lost(self);
}

static int write_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
    struct ferry_idf_tcp *self = ctx;
    if (self->socket < 0 || self->connecting) {
        if (self->listener >= 0 || self->again)
            return (int)len; // nobody hears it
        return self->connecting ? 0 : FERRY_ERR_WIRE_CLOSED;
    }
    ssize_t n = send(self->socket, bytes, len, MSG_DONTWAIT);
    if (n >= 0)
        return (int)n;
    return ferry_idf_socket_later() ? 0 : lost(self);
}

static struct ferry_stream stream_of(struct ferry_idf_tcp *self)
{
    return (struct ferry_stream){.ctx = self, .read = read_bytes, .write = write_bytes};
}

// ---- opening

int ferry_idf_tcp_serve(struct ferry_idf_tcp *self, uint16_t port, struct ferry_idf_clock *clock,
                        struct ferry_stream *stream, struct ferry_idf_error *error)
{
    struct sockaddr_storage address;
    socklen_t len;
    int on = 1;
    *self = (struct ferry_idf_tcp){.listener = -1, .socket = -1, .clock = clock};
    self->port = port ? port : FERRY_IDF_TCP_PORT;
    (void)ferry_idf_socket_address(NULL, self->port, &address, &len);
    int s = ferry_idf_socket_new(&address, SOCK_STREAM);
    if (s >= 0)
        (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (s < 0 || bind(s, (struct sockaddr *)&address, len) != 0 || listen(s, 1) != 0) {
        int cause = errno;
        if (s >= 0)
            close(s);
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_OK,
                              "is something else on that port, or are the sockets used up (CONFIG_LWIP_MAX_SOCKETS)?",
                              "TCP port %u: %s", self->port, strerror(cause));
    }
    self->listener = s;
    watch(self, s);
    *stream = stream_of(self);
    return FERRY_OK;
}

int ferry_idf_tcp_dial(struct ferry_idf_tcp *self, const char *host, uint16_t port, bool again,
                       struct ferry_idf_clock *clock, struct ferry_stream *stream, struct ferry_idf_error *error)
{
    *self = (struct ferry_idf_tcp){.listener = -1, .socket = -1, .clock = clock, .again = again};
    self->port = port ? port : FERRY_IDF_TCP_PORT;
    if (!host || !*host || strlen(host) >= sizeof self->host)
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "a name or numeric address of up to 63 characters",
                              "no host to connect to");
    snprintf(self->host, sizeof self->host, "%s", host);
    if (start(self) < 0 && !again)
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_OK, "check the name and the network",
                              "%s cannot be reached", self->host);
    *stream = stream_of(self);
    return FERRY_OK;
}

bool ferry_idf_tcp_ready(struct ferry_idf_tcp *self)
{
    return partner(self) > 0;
}

void ferry_idf_tcp_close(struct ferry_idf_tcp *self)
{
    hang_up(self);
    self->again = false;
    if (self->listener < 0)
        return;
    unwatch(self, self->listener);
    close(self->listener);
    self->listener = -1;
}
