// Slow and silent peers, and answers that wait for news.
//
// The library cuts off a peer that sends nothing for a time; one byte now and then keeps it content for ever. So each
// connection has a deadline as well: for the head as a whole, and for bodies and answers by the bytes that have passed.
// Cutting is shutdown() of the socket: the library finds it closed and frees all that hangs on it. The descriptor is
// ours to touch until the library has called us with NOTIFY_CLOSED, which it does before it closes it.
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "ports/posix/http_server_parts.h"

#define CLOSED_MS 1000 // after which a connection that waits for its peer is looked at

int64_t http_server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void link_add(struct ferry_posix_http_server *self, struct http_server_link *link)
{
    pthread_mutex_lock(&self->guard);
    link->next = self->links;
    if (self->links)
        self->links->prev = link;
    self->links = link;
    pthread_mutex_unlock(&self->guard);
}

static void link_remove(struct ferry_posix_http_server *self, struct http_server_link *link)
{
    pthread_mutex_lock(&self->guard);
    if (link->prev)
        link->prev->next = link->next;
    else
        self->links = link->next;
    if (link->next)
        link->next->prev = link->prev;
    http_server_tls_drop(link->tls);
    pthread_mutex_unlock(&self->guard);
    free(link);
}

void http_server_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                            enum MHD_ConnectionNotificationCode code)
{
    struct ferry_posix_http_server *self = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            link_remove(self, *socket_context);
        *socket_context = NULL;
        atomic_fetch_sub(&self->connections, 1);
        return;
    }
    bool too_many = atomic_fetch_add(&self->connections, 1) >= self->cfg.connections;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_server_link *link = calloc(1, sizeof *link);
    *socket_context = link;
    if (!link || !info || too_many) {
        if (info)
            shutdown(info->connect_fd, SHUT_RDWR);
        free(link);
        *socket_context = NULL;
        return;
    }
    link->fd = info->connect_fd;
    link->deadline_ms = http_server_now() + self->cfg.head_ms;
    link->idle_ms = http_server_now();
    http_server_tls_use(self, connection, link);
    link_add(self, link);
}

void http_server_limit(struct http_server_request *request, int64_t deadline_ms)
{
    if (!request->link)
        return;
    pthread_mutex_lock(&request->server->guard);
    request->link->deadline_ms = deadline_ms;
    request->link->idle_ms = 0;
    pthread_mutex_unlock(&request->server->guard);
}

void http_server_idle(struct http_server_request *request)
{
    int64_t now = http_server_now();
    if (!request->link)
        return;
    // The next request on this connection: a while of silence, then a head in its time.
    pthread_mutex_lock(&request->server->guard);
    request->link->deadline_ms = now + request->server->cfg.idle_ms + request->server->cfg.head_ms;
    request->link->idle_ms = now;
    pthread_mutex_unlock(&request->server->guard);
}

void http_server_wants_body(struct http_server_request *request)
{
    if (!request->link)
        return;
    pthread_mutex_lock(&request->server->guard);
    request->link->idle_ms = http_server_now();
    pthread_mutex_unlock(&request->server->guard);
}

int64_t http_server_by(const struct ferry_posix_http_server *self, int64_t since_ms, uint64_t bytes)
{
    return since_ms + self->cfg.idle_ms + (int64_t)(bytes / self->cfg.least_rate * 1000);
}

bool http_server_gone(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// All that the peer has sent was read.
static bool drained(int fd)
{
    int waiting = 0;
    return ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 0;
}

// The library hears of a peer that has closed its side only while it reads, and misses it when that came along with the
// last bytes of a request or with a piece of a body: such a connection would stay for the idle time, and what has come
// of an upload as long. One that waits for its peer, whose every byte was read, is ended.
static void cut_closed(struct ferry_posix_http_server *self, int64_t now)
{
    pthread_mutex_lock(&self->guard);
    for (struct http_server_link *link = self->links; link; link = link->next)
        if (link->idle_ms && now - link->idle_ms >= CLOSED_MS && http_server_gone(link->fd) && drained(link->fd)) {
            link->idle_ms = 0;
            shutdown(link->fd, SHUT_RDWR);
        }
    pthread_mutex_unlock(&self->guard);
}

static void cut_late(struct ferry_posix_http_server *self, int64_t now)
{
    pthread_mutex_lock(&self->guard);
    for (struct http_server_link *link = self->links; link; link = link->next)
        if (link->deadline_ms && now >= link->deadline_ms) {
            link->deadline_ms = 0;
            shutdown(link->fd, SHUT_RDWR);
            atomic_fetch_add(&self->cut, 1);
        }
    pthread_mutex_unlock(&self->guard);
}

void http_server_tick(struct ferry_posix_http_server *self)
{
    int64_t now = http_server_now();
    if (now - self->ticked_ms < HTTP_SERVER_TICK_MS)
        return;
    self->ticked_ms = now;
    cut_late(self, now);
    if (now - self->woken_ms >= 1000) {
        self->woken_ms = now;
        cut_closed(self, now);
        ferry_posix_http_server_wake(self);
    }
}

unsigned http_server_wakes(struct ferry_posix_http_server *self)
{
    pthread_mutex_lock(&self->park);
    unsigned wakes = self->wakes;
    pthread_mutex_unlock(&self->park);
    return wakes;
}

bool http_server_park(struct http_server_request *request, unsigned seen)
{
    struct ferry_posix_http_server *self = request->server;
    pthread_mutex_lock(&self->park);
    bool quiet = self->wakes == seen;
    if (quiet) {
        request->next_parked = self->parked;
        self->parked = request;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&self->park);
    return quiet;
}

void ferry_posix_http_server_wake(struct ferry_posix_http_server *self)
{
    pthread_mutex_lock(&self->park);
    self->wakes++;
    while (self->parked) {
        struct http_server_request *request = self->parked;
        self->parked = request->next_parked;
        MHD_resume_connection(request->connection);
    }
    pthread_mutex_unlock(&self->park);
}

static void wake(void *ctx)
{
    ferry_posix_http_server_wake(ctx);
}

struct ferry_http_waker ferry_posix_http_server_waker(struct ferry_posix_http_server *self)
{
    return (struct ferry_http_waker){self, wake};
}
