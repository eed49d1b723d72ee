// Where `ferry receive` waits for updaters, as one stream: a TCP socket or a pty (one updater after the other), UDP,
// or a port that --port names.
#ifndef FERRY_APP_LINK_PORT_H
#define FERRY_APP_LINK_PORT_H

#include "apps/ferry/cmd_vchip.h"
#include "apps/ferry/session.h"
#include "ferry/wire/packet.h"
#include "ports/posix/udp.h"

struct link_port {
    struct cli_session *session; // holds the port of --port, and the display
    bool served;                 // --listen or --pty
    struct vchip_port port;
    struct ferry_posix_udp udp;
    struct ferry_datagram datagram; // mtu 0 = not UDP
    struct ferry_wire_packet packet;
    char udp_name[120];
    struct ferry_stream stream;
    bool has_baud;    // the wire has a rate
    unsigned clients; // that have come
};

// Opens what the options name. -1: go on; else the exit code after an error that has been reported.
int link_port_open(struct link_port *self, struct cli_session *session);
void link_port_close(struct link_port *self);
// Looks for an updater that comes or goes.
void link_port_look(struct link_port *self);
bool link_port_has_client(const struct link_port *self);
// Sleeps up to ms, less when something comes.
void link_port_wait(struct link_port *self, uint32_t ms);
// What the updater has to name: "socket://127.0.0.1:3232".
const char *link_port_name(const struct link_port *self);

#endif
