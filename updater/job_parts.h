// Between job.c (states, events, the end) and job_plan.c (choosing, reading the target, planning). Not for others.
#ifndef FERRY_UPDATER_JOB_PARTS_H
#define FERRY_UPDATER_JOB_PARTS_H

#include "updater/job.h"

// job.c
void ferry_job_push(struct ferry_job *self, enum ferry_event_kind kind, const char *text, const uint32_t *a);
void ferry_job_warn(struct ferry_job *self, const struct ferry_fault *fault);
// Starts an operation and enters the state; false: the job has ended.
bool ferry_job_begin(struct ferry_job *self, enum ferry_job_state state, const struct ferry_rom_job *op,
                     uint32_t now_ms);
void ferry_job_leave(struct ferry_job *self, uint32_t now_ms);
void ferry_job_write(struct ferry_job *self, uint32_t now_ms); // or verify
void ferry_job_erase_all(struct ferry_job *self, uint32_t now_ms);
void ferry_job_end(struct ferry_job *self, uint32_t now_ms); // well, or not when the fault is set

// job_route.c
int ferry_job_use_route(struct ferry_job *self); // the one to begin with: 0, or what the engine's init() says
void ferry_job_make_pump(struct ferry_job *self);
// Link: the wire gets the rate at which the receiver waits.
void ferry_job_set_start_rate(struct ferry_job *self);
// CONNECT has failed on the link: another start rate, then the other route. False: neither.
bool ferry_job_connect_again(struct ferry_job *self, uint32_t now_ms);
// AUTO, when the loader can be reached: forgets the link and connects to the ROM loader. False: not possible.
bool ferry_job_other_route(struct ferry_job *self, const char *why, uint32_t now_ms);
void ferry_job_link_outcome(struct ferry_job *self);  // at the end: resumed, confirmed, warnings
void ferry_job_take_boot_log(struct ferry_job *self); // the target's own words into the fault

// job_plan.c
// State PLANNING: on to READING, ERASING, WRITING or LEAVING.
void ferry_job_make_ready(struct ferry_job *self, uint32_t now_ms);
int ferry_job_take_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len); // for the pump; ctx = job
void ferry_job_read_done(struct ferry_job *self, uint32_t now_ms);

#endif
