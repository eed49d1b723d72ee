// A job of the updater by the link in virtual time: a card folder, the real job and sender on one side; on the other
// the real receiver behind a byte-accurate line and a NOR flash (rig.h).
#ifndef TESTS_SUPPORT_LINK_JOB_H
#define TESTS_SUPPORT_LINK_JOB_H

#include "ports/posix/digest.h"
#include "rig.h"
#include "tests/support/card.h"
#include "updater/card.h"
#include "updater/job.h"

struct link_job {
    char *dir;
    struct rig *rig;
    struct ferry_posix_digest digest_state;
    struct ferry_digest digest;
    struct ferry_card card;
    struct ferry_log log;
    uint8_t block[16384];
    struct ferry_job_cfg cfg; // change it before link_job_run()
    struct ferry_job job;
    bool open;
    struct ferry_fault fault;          // of the job, or of the card
    char told[8192];                   // every warning and note, a line each: "warning: ..."
    uint32_t pause_every_ms, pause_ms; // the updater's one thread does something else for so long, so often
    uint32_t plan_ms;                  // it takes so long to read the card for the plan
    const char *says;                  // what the target prints all the time, NULL = nothing
};

// The rig around an empty card; the target is an ESP32-C3 with two slots. Fill self->dir with cargo, then
// link_job_run().
void link_job_new(struct link_job *self, const struct rig_cfg *cfg);
void link_job_free(struct link_job *self);
// Looks at the card, runs the job to its end (or until it has written so many bytes, then kills it: 0 = not); its
// status. FERRY_ERR_TIMEOUT: seconds of virtual time were not enough.
int link_job_run(struct link_job *self, double seconds, uint32_t kill_at);
// What becomes of the new firmware when the target restarts, instead of a trial that waits to be confirmed.
enum link_job_trial {
    LINK_JOB_NO_RECEIVER = -1, // it answers to nothing
    LINK_JOB_VALID_AT_ONCE = 0,
    // Positive, enum ferry_give_up: the old one is back, for that reason.
};
void link_job_trial(struct link_job *self, int trial);
// True when the slot of the target holds the file, whole.
bool link_job_holds(struct link_job *self, const char *name);
// The fault or one of the warnings and notes says it.
bool link_job_says(const struct link_job *self, const char *text);

#endif
