// UDP as a packet wire. Packets may be lost, doubled, overtake each other.
#ifndef PORTS_ESP_IDF_UDP_H
#define PORTS_ESP_IDF_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/datagram.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/error.h"
#include "sys/socket.h"

#define FERRY_IDF_UDP_MTU 1400 // fits one Ethernet frame, in a tunnel too

struct ferry_idf_udp {
    int socket; // -1 = closed
    bool waits; // answers whoever has spoken last
    struct ferry_idf_clock *clock;
    struct sockaddr_storage peer;
    socklen_t peer_len; // 0 = nobody has spoken yet
};

// host NULL: waits on the port (0 = FERRY_IDF_TCP_PORT) and answers whoever has spoken last. Else talks to host and
// port. Fills *datagram, whose ctx is self (which has to stay where it is). 0, FERRY_ERR_ARG, FERRY_ERR_WIRE_OPEN with
// *error. Nobody there is no error: packets are lost.
int ferry_idf_udp_open(struct ferry_idf_udp *self, const char *host, uint16_t port, struct ferry_idf_clock *clock,
                       struct ferry_datagram *datagram, struct ferry_idf_error *error);
void ferry_idf_udp_close(struct ferry_idf_udp *self); // twice is harmless

#endif
