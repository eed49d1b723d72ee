#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "apps/ferry/cmd_vchip.h"
#include "ferry/base/status.h"

enum { WIRE = FERRY_CLASS_WIRE, USAGE = FERRY_CLASS_CALLER };

static void clear(struct vchip_port *port)
{
    memset(port, 0, sizeof *port);
    port->listener = port->fd = -1;
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// "host:port", "[::1]:port", ":port" (this machine only).
static int split(const char *where, char *host, size_t host_cap, const char **service)
{
    const char *colon = strrchr(where, ':'), *from = where, *to = colon;
    if (colon && colon > where && where[0] == '[' && colon[-1] == ']') {
        from++;
        to--;
    }
    size_t len = colon ? (size_t)(to - from) : host_cap;
    if (len >= host_cap || !colon[1]) {
        fprintf(stderr, "error: --listen %s: not HOST:PORT\n  try: --listen 127.0.0.1:5555\n", where);
        return USAGE;
    }
    memcpy(host, from, len);
    host[len] = 0;
    *service = colon + 1;
    if (len == 0)
        strcpy(host, "127.0.0.1");
    return 0;
}

static int bind_any(const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 8) == 0)
            return fd;
        int why = errno;
        close(fd);
        errno = why;
    }
    return -1;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_storage address;
    char service[16] = "0";
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof service, NI_NUMERICSERV);
    return (unsigned)atoi(service);
}

int vchip_port_listen(struct vchip_port *port, const char *where, bool rfc2217)
{
    char host[100];
    const char *service;
    clear(port);
    if (split(where, host, sizeof host, &service) != 0)
        return USAGE;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    int code = getaddrinfo(host, service, &hints, &list);
    if (code != 0) {
        fprintf(stderr, "error: --listen %s: %s\n  try: --listen 127.0.0.1:5555\n", where, gai_strerror(code));
        return USAGE;
    }
    port->listener = bind_any(list);
    freeaddrinfo(list);
    if (port->listener < 0) {
        fprintf(stderr, "error: cannot listen on %s: %s\n  try: another port, or 0 for a free one\n", where,
                strerror(errno));
        return WIRE;
    }
    set_nonblocking(port->listener);
    snprintf(port->name, sizeof port->name, strchr(host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
             rfc2217 ? "rfc2217" : "socket", host, bound_port(port->listener));
    return 0;
}

static bool make_raw(const char *slave)
{
    int fd = open(slave, O_RDWR | O_NOCTTY);
    struct termios settings;
    bool ok = fd >= 0 && tcgetattr(fd, &settings) == 0;
    if (ok) {
        cfmakeraw(&settings);
        cfsetspeed(&settings, B115200);
        ok = tcsetattr(fd, TCSANOW, &settings) == 0;
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

int vchip_port_pty(struct vchip_port *port, const char *path)
{
    clear(port);
    port->pty = port->waiting = true;
    port->fd = posix_openpt(O_RDWR | O_NOCTTY);
    const char *slave = port->fd >= 0 && grantpt(port->fd) == 0 && unlockpt(port->fd) == 0 ? ptsname(port->fd) : NULL;
    if (!slave || !make_raw(slave)) {
        fprintf(stderr, "error: no pseudo terminal: %s\n", strerror(errno));
        vchip_port_close(port);
        return WIRE;
    }
    set_nonblocking(port->fd);
    char before[160];
    ssize_t n = readlink(path, before, sizeof before - 1);
    if (n > 0 && (before[n] = 0, strncmp(before, "/dev/pts/", 9) == 0))
        unlink(path); // left behind by one that was killed
    if (strlen(path) >= sizeof port->link || symlink(slave, path) != 0) {
        fprintf(stderr, "error: --pty %s: %s\n  try: a path that does not exist yet\n", path, strerror(errno));
        vchip_port_close(port);
        return WIRE;
    }
    strcpy(port->link, path);
    snprintf(port->name, sizeof port->name, "%s", path);
    snprintf(port->peer, sizeof port->peer, "%s", path);
    return 0;
}

void vchip_port_close(struct vchip_port *port)
{
    if (port->fd >= 0)
        close(port->fd);
    if (port->listener >= 0)
        close(port->listener);
    if (port->link[0])
        unlink(port->link);
    port->fd = port->listener = -1;
}

bool vchip_port_has_client(const struct vchip_port *port)
{
    return port->fd >= 0 && !port->waiting;
}

static void name_peer(struct vchip_port *port, const struct sockaddr *address, socklen_t len)
{
    char host[64] = "?", service[16] = "?";
    getnameinfo(address, len, host, sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(port->peer, sizeof port->peer, "%s:%s", host, service);
}

static enum vchip_port_event look_tcp(struct vchip_port *port)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (port->fd >= 0)
        return VCHIP_PORT_SAME;
    int fd = accept(port->listener, (struct sockaddr *)&address, &len);
    if (fd < 0)
        return VCHIP_PORT_SAME;
    set_nonblocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    name_peer(port, (struct sockaddr *)&address, len);
    port->fd = fd;
    return VCHIP_PORT_CAME;
}

// A master whose slave nobody has open is hung up.
static enum vchip_port_event look_pty(struct vchip_port *port)
{
    struct pollfd p = {.fd = port->fd, .events = POLLIN};
    bool closed = poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) && !(p.revents & POLLIN);
    if (closed == port->waiting)
        return VCHIP_PORT_SAME;
    port->waiting = closed;
    return closed ? VCHIP_PORT_WENT : VCHIP_PORT_CAME;
}

enum vchip_port_event vchip_port_look(struct vchip_port *port)
{
    return port->pty ? look_pty(port) : look_tcp(port);
}

void vchip_port_drop(struct vchip_port *port)
{
    if (port->pty) {
        port->waiting = true;
    } else if (port->fd >= 0) {
        close(port->fd);
        port->fd = -1;
    }
}

static int outcome(struct vchip_port *port, ssize_t n)
{
    if (n > 0)
        return (int)n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    vchip_port_drop(port);
    return -1;
}

int vchip_port_read(struct vchip_port *port, uint8_t *buf, size_t cap)
{
    return outcome(port, read(port->fd, buf, cap));
}

int vchip_port_write(struct vchip_port *port, const uint8_t *buf, size_t len)
{
    ssize_t n = port->pty ? write(port->fd, buf, len) : send(port->fd, buf, len, MSG_NOSIGNAL);
    return outcome(port, n);
}
