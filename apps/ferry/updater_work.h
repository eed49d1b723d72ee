// `ferry updater --work` and `--check-in`: what a depot that is served says to do, beside the loop that drives the
// targets. A thread talks to the depot and another one fetches builds (updater_fetch.h), so that no wire waits for the
// network.
//
// --work: who is on a port is looked at; jobs for that chip and MAC are claimed; the job's build is fetched; the loop
// starts it; while it runs its lease is renewed; its result is reported. A target that answers no more, or another one,
// is looked at again, and what was claimed for it is given back.
//
// --check-in: who is on a port, and what it runs, is looked at; the depot says what it should run; that is fetched and
// started. Afterwards the depot is told what runs now.
//
// A page (updater_web.h) may stand beside both: what is done shows there and can be stopped there. Nothing is started
// from the page on a port where this works, and nothing is done here where the page works.
#ifndef FERRY_APP_UPDATER_WORK_H
#define FERRY_APP_UPDATER_WORK_H

#include <stdbool.h>

#include "apps/ferry/cmd_updater_screen.h"
#include "apps/ferry/updater_fetch.h"
#include "updater/updater.h"

struct updater_work;
struct updater_web;

struct updater_work_cfg {
    bool work, check_in; // --work, --check-in
    bool once;           // --once: until there is no job left
    bool wait;           // targets come and go
    bool dry;            // --dry-run
    const char *worker;  // NULL = the computer's name
    uint32_t lease_s;    // 0 = 60
    const char *project; // check-in: "PROJECT[@CHANNEL]" for targets that have none, NULL = none
    uint32_t every_s;    // check-in, wait: how often the depot is asked again about one that stays; 0 = 60
    uint32_t probe_ms;   // wait: how often it is looked whether the target has gone; 0 = 3000
    const char *depot;   // http:// or https://
    unsigned port_count;
    struct ferry_updater *updater; // initialised, with hold
    struct cmd_updater_screen *screen;
    struct updater_fetch *fetch;
    struct updater_web *web; // NULL: no page
};

// Takes argv[*i] when it is an option of this. 1: taken, 0: not ours, else the exit code.
int updater_work_option(struct updater_work_cfg *cfg, int argc, char **argv, int *i);
// What does not go together; -1: well, else the exit code.
int updater_work_check(const struct updater_work_cfg *cfg);

// The thread runs from here on. 0, or negative with *fault; then *out is NULL.
int updater_work_open(struct updater_work **out, const struct updater_work_cfg *cfg, struct ferry_fault *fault);
// In the loop, after every step. False: it is over; *fault says why (status 0: nothing is left to do).
bool updater_work_poll(struct updater_work *self, struct ferry_fault *fault);
// The firmware of what was started on this port. 1; 0: it was started by somebody else; negative with *fault.
int updater_work_choose(struct updater_work *self, unsigned port, const struct ferry_target *target,
                        struct ferry_cargo *out, struct ferry_fault *fault);
// From ferry_updater_cfg.ended. False: what has ended was somebody else's.
bool updater_work_ended(struct updater_work *self, unsigned port, const struct ferry_updater_outcome *outcome);
// What runs on the port is a look at who is there (of this), and nothing that anybody has asked for.
bool updater_work_looks(struct updater_work *self, unsigned port);
// A build is on its way to this port's target, or is written to it.
bool updater_work_busy(struct updater_work *self, unsigned port);
// A person wants it to stop: what has not begun yet ends here, and true is returned (the page is told); what runs is
// for the caller to abort, and is reported as stopped.
bool updater_work_stop(struct updater_work *self, unsigned port);
// Check-in: of the first target that nothing could be brought to, or that is not there; status 0 = none.
struct ferry_fault updater_work_first(struct updater_work *self);
// Reports what is still to be told, once, and gives back what has not ended. NULL allowed.
void updater_work_close(struct updater_work *self);

#endif
