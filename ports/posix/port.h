// Opens what --port names: a serial port (or pty), socket://HOST:PORT, rfc2217://HOST:PORT.
//
// All streams of this port: non-blocking, one thread. Lines and a line rate exist only where the wire has them:
//   serial port        lines (DTR, RTS) and rate
//   pty                a rate, in the terminal settings, for the other end to look at; no lines
//   socket://          neither
//   rfc2217://         both, each change acknowledged by the server (one round trip, at most 3 s)
//
// Lines follow the usual two-transistor circuit of development boards: EN is low while RTS is on and DTR is off, the
// boot pin is low while DTR is on and RTS is off. Both asserted cannot be expressed there: reset wins. A board that has
// DTR and RTS wired straight (through inverters) to the pins works too.
#ifndef PORTS_POSIX_PORT_H
#define PORTS_POSIX_PORT_H

#include <stdbool.h>

#include "ferry/io/lines.h"
#include "ferry/io/stream.h"
#include "ports/posix/clock.h"
#include "ports/posix/error.h"
#include "ports/posix/url.h"

struct ferry_posix_port {
    struct ferry_posix_url url;
    struct ferry_stream stream;
    struct ferry_lines lines; // only if has_lines
    bool has_lines;
    bool has_baud; // the rate of the wire can be changed
    int fd;        // for poll()
    // Private.
    void *impl;
    void (*close)(void *impl);
    struct ferry_posix_clock *clock;
};

// Opens the port at `baud` (0 = 115200) and adds it to *clock (may be NULL). 0, or FERRY_ERR_ARG (name),
// FERRY_ERR_WIRE_OPEN, FERRY_ERR_BAUD, FERRY_ERR_NO_MEMORY with *error filled. What was received before is dropped.
int ferry_posix_port_open(struct ferry_posix_port *self, const char *name, uint32_t baud,
                          struct ferry_posix_clock *clock, struct ferry_posix_error *error);
// Closing twice, or a zeroed struct, is harmless.
void ferry_posix_port_close(struct ferry_posix_port *self);
// stream / lines as the engines' pump wants them: NULL when the port has none.
static inline const struct ferry_lines *ferry_posix_port_lines(const struct ferry_posix_port *self)
{
    return self->has_lines ? &self->lines : 0;
}

#endif
