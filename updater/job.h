// A job: one cargo to one target over one wire, from connecting to the line in the log. Steps without blocking, so
// that one thread drives many targets; the command line's `flash` runs one, the updater as many as there are ports.
#ifndef FERRY_UPDATER_JOB_H
#define FERRY_UPDATER_JOB_H

#include "ferry/engine/flasher.h"
#include "ferry/io/digest.h"
#include "ferry/io/lines.h"
#include "ferry/io/stream.h"
#include "ferry/io/trace.h"
#include "ferry/pump/pump.h"
#include "updater/cargo.h"
#include "updater/fault.h"

enum ferry_job_state {
    FERRY_JOB_CONNECTING = 1,
    FERRY_JOB_PLANNING,
    FERRY_JOB_WRITING,
    FERRY_JOB_LEAVING,
    FERRY_JOB_DONE,
    FERRY_JOB_FAILED,
};

struct ferry_store; // shared reader and packer of a plan's bytes: see updater/store.h

struct ferry_job_cfg {
    const char *port_name;            // for display and log
    const struct ferry_stream *stream;
    const struct ferry_lines *lines;  // NULL: none
    const struct ferry_trace *trace;  // NULL: none
    struct ferry_flasher_cfg flasher; // block buffer included
    enum ferry_after after;
    bool no_deflate, no_skip, verify_only, dry_run, erase_all;
    // Chooses the cargo once the target is known; 0 or negative with *fault filled.
    int (*choose)(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault);
    void *choose_ctx;
    struct ferry_cargo_options cargo;
    const char *journal_dir;          // NULL: no journal
    struct ferry_store_pool *stores;  // shared by jobs that run at once; NULL: this job's own
};

#endif
