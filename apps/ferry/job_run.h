// One job of the updater on one port, with what a person or a program sees of it: `ferry flash`, `verify` and `send`.
#ifndef FERRY_APP_JOB_RUN_H
#define FERRY_APP_JOB_RUN_H

#include "apps/ferry/session.h"
#include "updater/job.h"

struct job_run {
    struct cli_session session;
    struct ferry_job job;
    // Private from here on.
    bool target_shown, plan_shown;
    enum ferry_job_route route; // shown last
    const char *step;
    uint32_t proved; // bit per region
};

// Display, clock, digests: no port yet. The struct is large: keep it on the heap.
void job_run_init(struct job_run *self, const struct cli_options *options);
// Opens the port and runs the job that cfg describes: route, verify_only, choose, cargo.kind and cargo.name are the
// command's, the rest comes from the options and the port. Tells how it ended, closes; the exit code.
int job_run(struct job_run *self, const struct ferry_job_cfg *cfg);
// Before a port was opened: reports session.fault, closes; the exit code.
int job_run_fail(struct job_run *self);

#endif
