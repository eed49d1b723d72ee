// A port as jobs and the link route see it: one stream over what --port names, UDP packets among them.
//
// On the link route a port may go away and come back in the middle of an update: a TCP target that restarts, a USB port
// that is plugged in again. Meanwhile nothing arrives and what is written is gone; the sender's own timers decide how
// long that may last. The ROM route gets the port's errors as they are.
#ifndef FERRY_APP_LINK_WIRE_H
#define FERRY_APP_LINK_WIRE_H

#include "apps/ferry/options.h"
#include "ferry/engine/link_sender.h"
#include "ferry/io/clock.h"
#include "ferry/wire/packet.h"
#include "ports/posix/port.h"
#include "ports/posix/udp.h"
#include "updater/fault.h"

struct ferry_job_cfg;

struct link_wire {
    // The caller's; to be set before open(), and to stay where they are.
    const char *name;
    struct ferry_posix_port *port;
    struct ferry_posix_clock *posix_clock;
    struct ferry_clock clock;
    bool (*patient)(void *ctx);                // may the port go away now? NULL: always
    void (*note)(void *ctx, const char *text); // worth a line for those who look closely; NULL: nobody does
    void *ctx;
    // Of an open one.
    struct ferry_stream stream;
    bool packets; // UDP: no lines, no rate
    // Private from here on.
    struct ferry_posix_udp udp;
    struct ferry_datagram datagram;
    struct ferry_wire_packet packet;
    uint32_t baud; // set last, 0 = as it was opened
    bool lost;
    uint32_t try_ms; // when to try to open it again
};

// 0 or negative with *fault.
int link_wire_open(struct link_wire *self, struct ferry_fault *fault);
void link_wire_close(struct link_wire *self); // may be called twice
// The sender's configuration that options and port ask for, but for its frame buffer.
void link_wire_sender_cfg(const struct link_wire *self, const struct cli_options *options,
                          struct ferry_link_sender_cfg *out);
// The job's stream, lines, link and explain. The flasher's part is the caller's.
void link_wire_job_cfg(struct link_wire *self, const struct cli_options *options, struct ferry_job_cfg *out);
// What the wire knows better about a failure: it went away and did not come back. ctx is a struct link_wire.
void link_wire_explain(void *ctx, struct ferry_fault *fault);

#endif
