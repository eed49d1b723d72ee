#include "ports/esp-idf/udp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/esp-idf/socket.h"
#include "ports/esp-idf/tcp.h"

static int receive(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_udp *self = ctx;
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(self->socket, buf, cap, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    if (n < 0)
        return ferry_idf_socket_later() || errno == ECONNREFUSED || errno == ECONNRESET ? 0 : FERRY_ERR_WIRE_IO;
    if (self->waits) {
        self->peer = from;
        self->peer_len = from_len;
    }
    return (int)n;
}

static int transmit(void *ctx, const uint8_t *packet, size_t len)
{
    struct ferry_idf_udp *self = ctx;
    if (self->peer_len == 0)
        return (int)len; // nobody hears it
    ssize_t n = sendto(self->socket, packet, len, MSG_DONTWAIT, (struct sockaddr *)&self->peer, self->peer_len);
    if (n < 0 && ferry_idf_socket_later())
        return 0;
    return (int)len; // an address that cannot be reached just now: the packet is lost
}

int ferry_idf_udp_open(struct ferry_idf_udp *self, const char *host, uint16_t port, struct ferry_idf_clock *clock,
                       struct ferry_datagram *datagram, struct ferry_idf_error *error)
{
    struct sockaddr_storage address;
    socklen_t len;
    *self = (struct ferry_idf_udp){.socket = -1, .waits = !host, .clock = clock};
    port = port ? port : FERRY_IDF_TCP_PORT;
    if (!ferry_idf_socket_address(host, port, &address, &len))
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_OK, "check the name and the network", "no address for %s",
                              host);
    self->socket = ferry_idf_socket_new(&address, SOCK_DGRAM);
    if (self->socket < 0 || (self->waits && bind(self->socket, (struct sockaddr *)&address, len) != 0)) {
        int cause = errno;
        ferry_idf_udp_close(self);
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_OK,
                              "is something else on that port, or are the sockets used up (CONFIG_LWIP_MAX_SOCKETS)?",
                              "UDP port %u: %s", port, strerror(cause));
    }
    if (!self->waits) {
        self->peer = address;
        self->peer_len = len;
    }
    if (clock)
        (void)ferry_idf_clock_add(clock, self->socket);
    *datagram = (struct ferry_datagram){.ctx = self, .mtu = FERRY_IDF_UDP_MTU, .recv = receive, .send = transmit};
    return FERRY_OK;
}

void ferry_idf_udp_close(struct ferry_idf_udp *self)
{
    if (self->socket < 0)
        return;
    if (self->clock)
        ferry_idf_clock_remove(self->clock, self->socket);
    close(self->socket);
    self->socket = -1;
}
