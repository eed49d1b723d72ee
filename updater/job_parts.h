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
// AUTO, when the loader can be reached: forgets the link and connects to the ROM loader. False: not possible.
bool ferry_job_other_route(struct ferry_job *self, const char *why, uint32_t now_ms);
void ferry_job_leave(struct ferry_job *self, uint32_t now_ms);
void ferry_job_write(struct ferry_job *self, uint32_t now_ms); // or verify
void ferry_job_erase_all(struct ferry_job *self, uint32_t now_ms);
void ferry_job_end(struct ferry_job *self, uint32_t now_ms); // well, or not when the fault is set

// job_plan.c
// State PLANNING: on to READING, ERASING, WRITING or LEAVING.
void ferry_job_make_ready(struct ferry_job *self, uint32_t now_ms);
int ferry_job_take_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len); // for the pump; ctx = job
void ferry_job_read_done(struct ferry_job *self, uint32_t now_ms);

#endif
