#include "ports/posix/udp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ferry/base/status.h"

static const char scheme[] = "udp://";

struct address {
    char host[200], service[8];
    size_t mtu;
};

bool ferry_posix_udp_is(const char *name)
{
    return strncasecmp(name, scheme, sizeof scheme - 1) == 0;
}

static bool take_number(const char **at, unsigned long least, unsigned long most, unsigned long *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    *out = strtoul(*at, &end, 10);
    *at = end;
    return *out >= least && *out <= most;
}

static const char *take_host(const char *at, struct address *out)
{
    bool bracket = *at == '[';
    size_t len = strcspn(at + bracket, bracket ? "]" : ":/?");
    if (len == 0 || len >= sizeof out->host || (bracket && at[1 + len] != ']'))
        return 0;
    memcpy(out->host, at + bracket, len);
    out->host[len] = 0;
    return at + len + (bracket ? 2 : 0);
}

// HOST:PORT[/][?mtu=BYTES] behind the scheme.
static bool parse(const char *at, struct address *out)
{
    unsigned long number;
    at = take_host(at, out);
    if (!at || *at++ != ':' || !take_number(&at, 0, 65535, &number))
        return false;
    snprintf(out->service, sizeof out->service, "%lu", number);
    out->mtu = FERRY_POSIX_UDP_MTU;
    at += *at == '/';
    if (strncasecmp(at, "?mtu=", 5) != 0)
        return *at == 0;
    at += 5;
    if (!take_number(&at, 20, 1500, &number))
        return false;
    out->mtu = number;
    return *at == 0;
}

// 0 = none now, negative status. What tells that nobody is there is a lost packet.
static int outcome(void)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNREFUSED || errno == EHOSTUNREACH ||
        errno == ENETUNREACH || errno == ENOBUFS)
        return 0;
    return FERRY_ERR_WIRE_IO;
}

static int udp_recv(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_posix_udp *self = ctx;
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(self->fd, buf, cap, MSG_TRUNC, (struct sockaddr *)&from, &len);
    if (n < 0)
        return outcome();
    if (n == 0 || (size_t)n > cap) // nothing of this protocol
        return 0;
    if (self->waits) {
        self->peer = from;
        self->peer_len = len;
    }
    return (int)n;
}

static int udp_send(void *ctx, const uint8_t *packet, size_t len)
{
    struct ferry_posix_udp *self = ctx;
    if (self->waits && self->peer_len == 0) // nobody to send to
        return (int)len;
    const struct sockaddr *to = self->waits ? (const struct sockaddr *)&self->peer : 0;
    ssize_t n = sendto(self->fd, packet, len, MSG_NOSIGNAL, to, self->waits ? self->peer_len : 0);
    if (n >= 0)
        return (int)len;
    bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
    int status = outcome();
    return status < 0 ? status : later ? 0 : (int)len;
}

static int open_any(const struct addrinfo *list, bool waits)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        if ((waits ? bind(fd, a->ai_addr, a->ai_addrlen) : connect(fd, a->ai_addr, a->ai_addrlen)) == 0)
            return fd;
        int cause = errno;
        close(fd);
        errno = cause;
    }
    return -1;
}

int ferry_posix_udp_open(struct ferry_posix_udp *self, const char *name, bool waits, struct ferry_datagram *datagram,
                         struct ferry_posix_error *error)
{
    struct address address;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = waits ? AI_PASSIVE : 0}, *list;
    memset(self, 0, sizeof *self);
    self->fd = -1;
    self->waits = waits;
    if (!ferry_posix_udp_is(name) || !parse(name + sizeof scheme - 1, &address)) {
        ferry_posix_error_set(error, FERRY_ERR_ARG, name, "not an address of UDP");
        ferry_posix_error_hint(error, "udp://HOST:PORT, or udp://HOST:PORT?mtu=250 (20 to 1500 bytes a packet)");
        return FERRY_ERR_ARG;
    }
    int result = getaddrinfo(address.host, address.service, &hints, &list);
    if (result != 0)
        return ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "the host %.60s is not known: %s", address.host,
                                     gai_strerror(result));
    self->fd = open_any(list, waits);
    freeaddrinfo(list);
    if (self->fd < 0)
        return ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "cannot be opened: %s", strerror(errno));
    *datagram = (struct ferry_datagram){.ctx = self, .mtu = address.mtu, .recv = udp_recv, .send = udp_send};
    return FERRY_OK;
}

unsigned ferry_posix_udp_port(const struct ferry_posix_udp *self)
{
    struct sockaddr_storage own;
    char service[8] = "0";
    socklen_t len = sizeof own;
    if (getsockname(self->fd, (struct sockaddr *)&own, &len) == 0)
        getnameinfo((struct sockaddr *)&own, len, NULL, 0, service, sizeof service, NI_NUMERICSERV | NI_DGRAM);
    return (unsigned)atoi(service);
}

void ferry_posix_udp_close(struct ferry_posix_udp *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}
