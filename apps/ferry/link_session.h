// One target that runs a receiver, for the commands of the link route: opens the port, runs operations of the sender
// one after the other, shows what happens. Failures end up in session.fault, ready for cli_display_fault().
#ifndef FERRY_APP_LINK_SESSION_H
#define FERRY_APP_LINK_SESSION_H

#include "apps/ferry/link_wire.h"
#include "ferry/engine/link_sender.h"
#include "ferry/wire/packet.h"
#include "ports/posix/udp.h"

struct link_session {
    struct cli_session session; // port, clock, digest, display, fault
    struct link_wire wire;
    struct ferry_posix_udp udp; // udp:// instead of the port
    struct ferry_datagram datagram;
    struct ferry_wire_packet packet;
    bool packets; // it is used
    struct ferry_stream stream;
    struct ferry_link_sender sender;
    struct ferry_pump pump;
    struct ferry_supply_basic basic;
    struct ferry_supply supply;
    uint32_t hello_ms; // how long to look for a receiver, 0 = the sender's own
    const char *name;  // shown at the bar, NULL: none
    uint8_t frame[FERRY_LINK_WIRE_BUFFER(FERRY_LINK_CHUNK_MAX)];
};

// Display, clock, digests: no port yet. The struct is large: keep it static or on the heap.
void link_session_init(struct link_session *self, const struct cli_options *options);
// Opens the port and readies the sender. 0 or negative with session.fault.
int link_session_open(struct link_session *self);
// Runs one operation; `name` is shown at the bar (NULL: none); source: the bytes of SEND, NULL otherwise. 0 or negative
// with session.fault.
int link_session_run(struct link_session *self, const struct ferry_link_job *job, const char *name,
                     const struct ferry_source *source);
// Forgets the session: the next operation looks for the target, and for the highest rate, from the start.
void link_session_restart(struct link_session *self);
// Shows what hello found.
void link_session_show_target(struct link_session *self);
void link_session_close(struct link_session *self);
// Reports the fault, closes, returns the exit code.
int link_session_fail(struct link_session *self);

// The slot with that flag (enum ferry_slot_flag), NULL = none.
const struct ferry_slot *link_session_slot(const struct ferry_target_info *info, uint8_t flag);

#endif
