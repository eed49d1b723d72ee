// TCP as a stream, over whatever network esp_netif has: Wi-Fi, Ethernet, PPP.
//
//   serve   waits on a port for one partner after the other; a new one takes the place of one that has been silent
//   dial    connects to a host; ready() and the stream say how that goes
//
// Nothing blocks but looking up a name: give a numeric address where that matters.
#ifndef PORTS_ESP_IDF_TCP_H
#define PORTS_ESP_IDF_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/stream.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/error.h"

#define FERRY_IDF_TCP_PORT 3232 // where receivers listen; TCP and UDP
#define FERRY_IDF_TCP_HOST 64

struct ferry_idf_tcp {
    int listener, socket; // -1 = none
    struct ferry_idf_clock *clock;
    uint32_t heard_ms; // when the partner has sent something last
    // dial
    char host[FERRY_IDF_TCP_HOST];
    uint16_t port;
    bool connecting, again;
    uint32_t since_ms; // the attempt, or the end of the last connection
};

// A server on all addresses. Fills *stream, whose ctx is self (which has to stay where it is): read() takes a new
// partner, gives 0 while there is none, and never fails; what is written then is dropped. port 0 = FERRY_IDF_TCP_PORT.
// 0, FERRY_ERR_WIRE_OPEN with *error. esp_netif_init() must have been called; the network may come and go later.
int ferry_idf_tcp_serve(struct ferry_idf_tcp *self, uint16_t port, struct ferry_idf_clock *clock,
                        struct ferry_stream *stream, struct ferry_idf_error *error);
// Connects to host (a name or numeric address) and port. again = false: read() and write() return FERRY_ERR_WIRE_CLOSED
// or FERRY_ERR_WIRE_OPEN when it is over or could not be had within 10 s. again = true: a connection that is lost or
// could not be had is tried every 5 s; until then as with serve(). 0, FERRY_ERR_ARG, FERRY_ERR_WIRE_OPEN (name).
int ferry_idf_tcp_dial(struct ferry_idf_tcp *self, const char *host, uint16_t port, bool again,
                       struct ferry_idf_clock *clock, struct ferry_stream *stream, struct ferry_idf_error *error);
// There is a partner.
bool ferry_idf_tcp_ready(struct ferry_idf_tcp *self);
void ferry_idf_tcp_close(struct ferry_idf_tcp *self); // twice is harmless

#endif
