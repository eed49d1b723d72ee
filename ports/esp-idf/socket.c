#include "ports/esp-idf/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

bool ferry_idf_socket_address(const char *host, uint16_t port, struct sockaddr_storage *out, socklen_t *len)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    memset(out, 0, sizeof *out);
    if (!host) {
        struct sockaddr_in *any = (struct sockaddr_in *)out;
        any->sin_family = AF_INET;
        any->sin_port = htons(port);
        any->sin_addr.s_addr = htonl(INADDR_ANY);
        *len = sizeof *any;
        return true;
    }
    if (getaddrinfo(host, NULL, &hints, &found) != 0 || !found)
        return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    if (out->ss_family == AF_INET)
        ((struct sockaddr_in *)out)->sin_port = htons(port);
#if LWIP_IPV6
    else if (out->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)out)->sin6_port = htons(port);
#endif
    return true;
}

int ferry_idf_socket_new(const struct sockaddr_storage *address, int type)
{
    int s = socket(address->ss_family, type, 0);
    if (s < 0)
        return -1;
    int flags = fcntl(s, F_GETFL, 0);
    if (flags >= 0 && fcntl(s, F_SETFL, flags | O_NONBLOCK) == 0)
        return s;
    close(s);
    return -1;
}

bool ferry_idf_socket_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS || errno == ENOMEM || errno == ENOBUFS;
}
