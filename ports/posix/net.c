#include "ports/posix/net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry/base/status.h"

// 0 or errno.
static int finish_connect(int fd, uint32_t timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n = poll(&p, 1, (int)timeout_ms);
    if (n == 0)
        return ETIMEDOUT;
    if (n < 0)
        return errno;
    int result = 0;
    socklen_t len = sizeof result;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) == 0 ? result : errno;
}

// The descriptor, or -errno.
static int connect_one(const struct addrinfo *a, uint32_t timeout_ms)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -errno;
    int on = 1, result = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        result = errno == EINPROGRESS ? finish_connect(fd, timeout_ms) : errno;
    if (result == 0)
        return fd;
    close(fd);
    return -result;
}

static void explain(const struct ferry_posix_url *url, int cause, struct ferry_posix_error *error)
{
    if (cause == ECONNREFUSED)
        ferry_posix_error_hint(error,
                               "nothing listens on port %u of %s; is the server (ferry vchip, "
                               "esp_rfc2217_server, ser2net, the bridge) running?",
                               url->port, url->host);
    else
        ferry_posix_error_hint(error, "check the address, and that the host can be reached (ping %s)", url->host);
}

int ferry_posix_net_connect(const struct ferry_posix_url *url, const char *name, struct ferry_posix_error *error)
{
    char service[8];
    snprintf(service, sizeof service, "%u", url->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = 0;
    int result = getaddrinfo(url->host, service, &hints, &list);
    if (result != 0) {
        ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "the host %s is not known: %s", url->host,
                              gai_strerror(result));
        ferry_posix_error_hint(error, "check the spelling of the host's name, or use its address");
        return FERRY_ERR_WIRE_OPEN;
    }
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a, url->timeout_ms);
    freeaddrinfo(list);
    if (fd >= 0)
        return fd;
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "cannot connect: %s", strerror(-fd));
    explain(url, -fd, error);
    return FERRY_ERR_WIRE_OPEN;
}

static int wire_error(void)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return errno == ECONNRESET || errno == EPIPE ? FERRY_ERR_WIRE_CLOSED : FERRY_ERR_WIRE_IO;
}

int ferry_posix_net_read(int fd, uint8_t *buf, size_t cap)
{
    if (cap == 0)
        return 0;
    ssize_t n = recv(fd, buf, cap > INT_MAX ? INT_MAX : cap, 0);
    if (n > 0)
        return (int)n;
    return n == 0 ? FERRY_ERR_WIRE_CLOSED : wire_error();
}

int ferry_posix_net_write(int fd, const uint8_t *bytes, size_t len)
{
    ssize_t n = send(fd, bytes, len > INT_MAX ? INT_MAX : len, MSG_NOSIGNAL);
    return n >= 0 ? (int)n : wire_error();
}

int ferry_posix_net_pending(int fd)
{
    int n = 0;
    return ioctl(fd, SIOCOUTQ, &n) == 0 ? n : 0;
}
