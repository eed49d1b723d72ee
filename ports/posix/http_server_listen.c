#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/http_server_parts.h"

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char service[16];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof service, NI_NUMERICSERV) != 0)
        return 0;
    return (uint16_t)atoi(service);
}

// SO_REUSEADDR: a server that is started again need not wait for connections of the last one to be forgotten. "*" is
// the IPv6 address that takes IPv4 as well, where the machine has IPv6.
static int try_address(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 1024) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int listen_failed(const char *shown, const char *why, struct ferry_posix_error *error)
{
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, shown, "cannot listen on %.120s: %s", shown, why);
    ferry_posix_error_hint(error, "is another program using that port? choose another one, or an address that this "
                                  "computer has");
    return FERRY_ERR_WIRE_OPEN;
}

static int any_address(const struct addrinfo *list, int family)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        if (family == AF_UNSPEC || a->ai_family == family) {
            int fd = try_address(a);
            if (fd >= 0)
                return fd;
        }
    return -1;
}

int http_server_listen(const char *name, uint16_t port, uint16_t *got, struct ferry_posix_error *error)
{
    bool all = name && strcmp(name, "*") == 0;
    char service[16], shown[160];
    snprintf(service, sizeof service, "%u", port);
    snprintf(shown, sizeof shown, "%.120s:%u", name ? name : "127.0.0.1", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    int rc = getaddrinfo(all ? NULL : name ? name : "127.0.0.1", service, &hints, &list);
    if (rc != 0)
        return listen_failed(shown, gai_strerror(rc), error);
    int fd = all ? any_address(list, AF_INET6) : -1;
    if (fd < 0)
        fd = any_address(list, AF_UNSPEC);
    int why = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return listen_failed(shown, strerror(why), error);
    *got = port_of(fd);
    return fd;
}
