// What a worker says to a depot (docs/protocol/depot-api.yaml: jobs/claim, jobs/ID/report), one request at a time.
#ifndef FERRY_APP_UPDATER_WORK_DEPOT_H
#define FERRY_APP_UPDATER_WORK_DEPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/posix/http_client.h"
#include "updater/fault.h"

struct updater_work_depot {
    struct ferry_posix_http_client *client;
    struct ferry_http_client io;
    char url[256], bearer[300];
    const char *worker; // the caller's
    uint32_t lease_ms;
};

struct updater_work_job {
    char id[24], build[24], what[130]; // what: project and version, for people
    uint32_t attempt;
};

struct updater_work_report {
    const char *state;  // "running", "done", "failed", "queued"; static strings
    const char *result; // a status name, NULL = none; static string
    char text[240], mac[18];
    uint32_t done, size, written, skipped, retries, elapsed_ms;
};

// 0, or negative with *fault. $FERRY_TOKEN is sent, $FERRY_CA names certificates.
int updater_work_depot_open(struct updater_work_depot *self, const char *url, const char *worker, uint32_t lease_ms,
                            struct ferry_fault *fault);
void updater_work_depot_close(struct updater_work_depot *self);
// A job for this chip and MAC. 1: *out is it; 0: there is none; negative as below.
int updater_work_depot_claim(struct updater_work_depot *self, const char *chip, const char *mac,
                             struct updater_work_job *out, struct ferry_fault *fault);
// 0; FERRY_ERR_CANCELLED: the job is somebody else's now, or over; else negative, with *fault.
int updater_work_depot_report(struct updater_work_depot *self, const struct updater_work_job *job,
                              const struct updater_work_report *report, struct ferry_fault *fault);
// What a later trial may do better: the depot is not reached, or too busy. False: it says no.
bool updater_work_depot_later(int status);

#endif
