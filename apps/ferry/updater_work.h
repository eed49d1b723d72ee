// `ferry updater --work`: does the jobs that a depot has for the targets on its ports, beside the loop that drives the
// targets. A thread talks to the depot (claims, builds, reports), so that no wire waits for the network.
//
// A port: who is there is looked at; jobs for that chip and MAC are claimed; the job's build is fetched; the loop
// starts it; while it runs its lease is renewed; its result is reported. A target that answers no more, or another one,
// is looked at again, and what was claimed for it is given back.
#ifndef FERRY_APP_UPDATER_WORK_H
#define FERRY_APP_UPDATER_WORK_H

#include <stdbool.h>

#include "apps/ferry/cmd_updater_screen.h"
#include "updater/updater.h"

struct updater_work;

struct updater_work_cfg {
    bool work;          // --work was given
    bool once;          // until there is no job left
    const char *worker; // NULL = the computer's name
    uint32_t lease_s;   // 0 = 60
    const char *depot;  // http:// or https://
    unsigned port_count;
    struct ferry_updater *updater; // initialised, with hold
    struct cmd_updater_screen *screen;
};

// Takes argv[*i] when it is an option of this. 1: taken, 0: not ours, else the exit code.
int updater_work_option(struct updater_work_cfg *cfg, int argc, char **argv, int *i);
// What does not go together; -1: well, else the exit code.
int updater_work_check(const struct updater_work_cfg *cfg, bool wait, bool web);

// The thread runs from here on. 0, or negative with *fault; then *out is NULL.
int updater_work_open(struct updater_work **out, const struct updater_work_cfg *cfg, struct ferry_fault *fault);
// In the loop, after every step. False: it is over; *fault says why (status 0: no job is left).
bool updater_work_poll(struct updater_work *self, struct ferry_fault *fault);
// The firmware of the job that was started on this port. 1, or negative with *fault.
int updater_work_choose(struct updater_work *self, unsigned port, const struct ferry_target *target,
                        struct ferry_cargo *out, struct ferry_fault *fault);
// From ferry_updater_cfg.ended.
void updater_work_ended(struct updater_work *self, unsigned port, const struct ferry_updater_outcome *outcome);
// Reports what is still to be told, once, and gives back what has not ended. NULL allowed.
void updater_work_close(struct updater_work *self);

#endif
