// The link route as a job sees it (job.h): a target that runs a receiver (ferry/engine/link_sender.h).
//
// A job's operations on it: CONNECT finds the receiver, at one start rate after the other; WRITE sends the plan's
// manifest and bytes, has them proved and selected, restarts the target, reads back what runs and confirms it; LEAVE
// does nothing, for the target runs all the time. Nothing has to be sent when the firmware runs already.
//
// There is no journal: the target itself proves what it holds, after a reset of either side or from another updater.
//
// Memory: sizeof(struct ferry_link_route), about 5 KB, and a frame buffer for one chunk.
#ifndef FERRY_UPDATER_LINK_ROUTE_H
#define FERRY_UPDATER_LINK_ROUTE_H

#include "ferry/engine/flasher.h"
#include "ferry/engine/link_sender.h"
#include "updater/cargo.h"
#include "updater/fault.h"

#define FERRY_LINK_ROUTE_RATES 3

struct ferry_link_route_cfg {
    // As link_sender.h has it. frame NULL: the job lends it the flasher's block buffer (they are never used at once).
    // hello_ms 0: 3000, or 2500 where the ROM loader is tried next.
    struct ferry_link_sender_cfg sender;
    uint32_t start_rates[FERRY_LINK_ROUTE_RATES]; // more start rates to look at, hello_ms each, until a 0
    bool no_reboot;  // firmware: selected only; the target starts it when it restarts for another reason
    bool no_confirm; // firmware: leaves it to its own self test
};

struct ferry_link_route {
    struct ferry_link_sender sender;
    // Private from here on.
    struct ferry_link_route_cfg cfg;
    struct ferry_target target;
    unsigned rate; // 0: cfg.sender.start_baud; then cfg.start_rates[rate - 1]
    bool known;    // CONNECT has ended well
    bool there;    // the target runs this firmware already
    bool on_trial; // the new firmware was on trial when it answered
};

// 0 or what ferry_link_sender_init() says. Copies cfg.
int ferry_link_route_init(struct ferry_link_route *self, const struct ferry_link_route_cfg *cfg);
// Begins CONNECT, WRITE or LEAVE; FERRY_ERR_UNSUPPORTED for the others. The plan is for WRITE (ferry_cargo_plan_link).
int ferry_link_route_start(struct ferry_link_route *self, enum ferry_rom_op op, const struct ferry_plan *plan,
                           uint32_t now_ms);
// The rate at which CONNECT begins, and which the wire has to have then (the sender takes it for granted); 0 = the wire
// has none.
uint32_t ferry_link_route_start_baud(const struct ferry_link_route *self);
// After CONNECT has failed: looks at the next start rate; false when there is none.
bool ferry_link_route_next(struct ferry_link_route *self, uint32_t now_ms);
// To be called when CONNECT has ended well.
void ferry_link_route_connected(struct ferry_link_route *self);
// What it found, in the terms of the ROM loader; chip NULL: not connected, or the receiver does not name one.
const struct ferry_target *ferry_link_route_target(const struct ferry_link_route *self);
// What the target says about itself; NULL before CONNECT has ended well. Fresh after the restart.
const struct ferry_target_info *ferry_link_route_info(const struct ferry_link_route *self);
// The slot with that flag (enum ferry_slot_flag), NULL = none.
const struct ferry_slot *ferry_link_route_slot(const struct ferry_target_info *info, uint8_t flag);

// Whether this target can take this plan: what can be told better here than by its refusal. 0; FERRY_ERR_NO_SLOT,
// FERRY_ERR_TOO_LARGE_PARTITION with *fault.
int ferry_link_route_check(const struct ferry_link_route *self, const struct ferry_plan *plan,
                           struct ferry_fault *fault);
// Worth a warning before anything is sent (another project), and when all has ended well: the new firmware was not on
// trial; the line is bad (retries: of the sender's progress). False: nothing to tell.
bool ferry_link_route_warn_project(const struct ferry_link_route *self, const struct ferry_plan *plan, char *out,
                                   size_t cap);
bool ferry_link_route_warn_trial(const struct ferry_link_route *self, const struct ferry_plan *plan, char *out,
                                 size_t cap);
bool ferry_link_route_warn_line(const struct ferry_plan *plan, uint32_t retries, char *out, size_t cap);
// Takes an event of the sender: it is where a trial can be seen.
void ferry_link_route_event(struct ferry_link_route *self, const struct ferry_event *event);
// The sender's error in the words of a person; plan NULL = none yet, restarted: the target was restarted into what was
// sent. Returns the status.
int ferry_link_route_fault(const struct ferry_link_route *self, const struct ferry_plan *plan, bool restarted,
                           const struct ferry_error *error, struct ferry_fault *fault);

#endif
