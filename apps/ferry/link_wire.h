// A port that may go away and come back in the middle of an update: a TCP target that restarts, a USB port that is
// plugged in again. Meanwhile nothing arrives and what is written is gone; the sender's own timers decide how long that
// may last.
#ifndef FERRY_APP_LINK_WIRE_H
#define FERRY_APP_LINK_WIRE_H

#include "apps/ferry/session.h"

struct link_wire {
    struct cli_session *session; // holds the port, its name and the clock
    uint32_t baud;               // set last, 0 = as it was opened
    bool lost;
    uint32_t try_ms; // when to try to open it again
    uint32_t losses; // how often it went away
};

// The stream over the session's open port; self has to stay where it is.
struct ferry_stream link_wire_stream(struct link_wire *self, struct cli_session *session);

#endif
