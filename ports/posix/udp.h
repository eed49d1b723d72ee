// UDP as a packet wire: udp://HOST:PORT[?mtu=BYTES]. Packets may be lost, doubled, overtake each other.
#ifndef PORTS_POSIX_UDP_H
#define PORTS_POSIX_UDP_H

#include <stdbool.h>
#include <sys/socket.h>

#include "ferry/io/datagram.h"
#include "ports/posix/error.h"

#define FERRY_POSIX_UDP_MTU 1400 // fits one Ethernet frame, in a tunnel too

struct ferry_posix_udp {
    int fd; // for poll(); -1 = closed
    // Private.
    bool waits; // answers whoever has spoken last
    struct sockaddr_storage peer;
    socklen_t peer_len; // 0 = nobody has spoken yet
};

// The name is one of UDP.
bool ferry_posix_udp_is(const char *name);
// Connects to name's address or, with `waits`, waits there for others (port 0 = a free one). Fills *datagram, whose ctx
// is self (which has to stay where it is). 0, or FERRY_ERR_ARG (name; mtu is 20 to 1500), FERRY_ERR_WIRE_OPEN with
// *error. Nobody there is no error: packets are lost.
int ferry_posix_udp_open(struct ferry_posix_udp *self, const char *name, bool waits, struct ferry_datagram *datagram,
                         struct ferry_posix_error *error);
unsigned ferry_posix_udp_port(const struct ferry_posix_udp *self); // that it is bound to
void ferry_posix_udp_close(struct ferry_posix_udp *self);

#endif
