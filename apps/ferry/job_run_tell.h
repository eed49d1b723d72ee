// What job_run says at the beginning and at the end. For job_run.c only.
#ifndef FERRY_APP_JOB_RUN_TELL_H
#define FERRY_APP_JOB_RUN_TELL_H

#include "apps/ferry/job_run.h"

void job_run_tell_plan(struct job_run *self, const struct ferry_plan *plan);
// "app (ota_1)": the region as it is shown.
void job_run_region_name(const struct job_run *self, uint32_t region, char *out, size_t cap);
uint32_t job_run_baud(const struct job_run *self); // rate in use, 0 = the wire has none
int job_run_tell_success(struct job_run *self);    // the exit code: 0
int job_run_tell_failure(struct job_run *self);    // the exit code

#endif
