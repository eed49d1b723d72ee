// One target that runs a receiver, for operations of the sender that are no job (link-test): opens the port, runs them
// one after the other, shows what happens. Failures end up in session.fault, ready for cli_display_fault().
#ifndef FERRY_APP_LINK_SESSION_H
#define FERRY_APP_LINK_SESSION_H

#include "apps/ferry/session.h"
#include "ferry/engine/link_sender.h"

struct link_session {
    struct cli_session session; // port, clock, display, fault
    struct ferry_link_sender sender;
    struct ferry_pump pump;
};

// Opens the port and readies the sender. 0 or negative with session.fault. The struct is large: keep it static or on
// the heap.
int link_session_open(struct link_session *self, const struct cli_options *options);
// Runs one operation that needs no data. 0 or negative with session.fault.
int link_session_run(struct link_session *self, enum ferry_link_sender_op op);
// Forgets the session: the next operation looks for the target, and for the highest rate, from the start.
void link_session_restart(struct link_session *self);
// Reports the fault when status is negative, closes, returns the exit code.
int link_session_end(struct link_session *self, int status);

#endif
