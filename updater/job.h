// A job: one cargo to one target over one wire, from connecting to the line in the log. Steps without blocking, so
// that one thread drives many targets; the command line's `flash` and `send` run one, the updater as many as there are
// ports.
//
//   CONNECTING -> READING* -> PLANNING -> ERASING* -> WRITING -> LEAVING -> DONE     (* only when needed)
//        |            |           |          |           |          |
//        +------------+-----------+----------+-----------+----------+------> FAILED
//
// READING fetches what the plan wants to see of the target's flash (the partition table, for a single app image).
// Nothing is erased or written before PLANNING has ended well. When it has not, the target is reset into what it ran
// before (LEAVING), and the job then ends FAILED with the first cause.
//
// Two routes, one course:
//   ROM    the target's mask ROM loader: the whole cargo. LEAVING resets the target into it.
//   LINK   a receiver in the running firmware (link_route.h): the cargo's application, into the slot that does not run
//          (or a file, or the contents of a partition). No READING, no ERASING, no journal. LEAVING begins when the
//          target has proved and selected it: it restarts, and what runs then is read back and confirmed.
//   AUTO   LINK, and ROM when no receiver answers, or when the cargo or the target's partitions are nothing for the
//          link, provided that the loader can be reached (reset lines, or a person at the boot button).
#ifndef FERRY_UPDATER_JOB_H
#define FERRY_UPDATER_JOB_H

#include "ferry/engine/flasher.h"
#include "ferry/io/clock.h"
#include "ferry/io/deflate.h"
#include "ferry/io/digest.h"
#include "ferry/io/lines.h"
#include "ferry/io/stream.h"
#include "ferry/io/trace.h"
#include "ferry/pump/pump.h"
#include "updater/boot_log.h"
#include "updater/cargo.h"
#include "updater/fault.h"
#include "updater/journal.h"
#include "updater/link_route.h"
#include "updater/log.h"
#include "updater/store.h"

enum ferry_job_state {
    FERRY_JOB_CONNECTING = 1, // reset, sync, identify
    FERRY_JOB_READING,        // fetching what the plan needs from the target's flash
    FERRY_JOB_PLANNING,       // choosing the cargo for this chip and checking everything (in one step)
    FERRY_JOB_ERASING,        // the whole chip, cfg.erase_all
    FERRY_JOB_WRITING,        // or verifying, cfg.verify_only
    FERRY_JOB_LEAVING,        // resetting into the firmware
    FERRY_JOB_DONE,
    FERRY_JOB_FAILED,
};

enum ferry_job_route { FERRY_JOB_ROUTE_ROM = 0, FERRY_JOB_ROUTE_LINK, FERRY_JOB_ROUTE_AUTO };

// Another engine in place of the ROM loader's: operations in the terms of struct ferry_rom_job.
struct ferry_job_engine {
    const struct ferry_engine_ops *ops;
    int (*start)(void *engine, const struct ferry_rom_job *job, uint32_t now_ms);
    const struct ferry_target *(*target)(const void *engine); // valid after CONNECT has ended well
    void *engine;                                             // initialised by the caller
};

struct ferry_job_cfg {
    const char *port_name; // for display and log; NULL = "". The caller's, as long as the job lives
    const struct ferry_stream *stream;
    const struct ferry_lines *lines; // NULL: none
    const struct ferry_trace *trace; // NULL: none
    enum ferry_job_route route;
    struct ferry_flasher_cfg flasher;      // block buffer included; its `chip` counts on both routes
    struct ferry_link_route_cfg link;      // not used by ROM
    const struct ferry_job_engine *engine; // in place of the flasher; NULL: the flasher
    // Called when the job fails, before the log line is written: the port may know better why. NULL: it does not.
    void (*explain)(void *ctx, struct ferry_fault *fault);
    void *explain_ctx;
    enum ferry_after after;
    bool no_deflate, no_skip, verify_only, dry_run, erase_all;
    // Chooses the cargo once the target is known; 0 or negative with *fault filled. target NULL (link): it is there,
    // and does not say which chip it is. FERRY_ERR_BUSY: not yet (it is being fetched); asked again some 50 ms later.
    // FERRY_ERR_STATE out of ferry_job_read_target(): asked again when the bytes are there.
    int (*choose)(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault);
    void *choose_ctx;
    // Digest must be given. read_target may be left NULL: the job reads from its target itself.
    struct ferry_cargo_options cargo;
    const struct ferry_deflate *deflate; // NULL: nothing is packed
    const char *journal_dir;             // NULL: no journal
    struct ferry_log *log;               // NULL: no log
    struct ferry_store_pool *stores;     // shared by jobs that run at once; NULL: this job's own
};

struct ferry_job_result {
    int status;             // 0 or the negative status of fault()
    bool written;           // the target's flash may have been altered (an erase or write was begun)
    bool verified;          // every region was proved by the target's own digest (DONE, and the target has digests)
    uint32_t bytes_written; // bytes of the regions that were sent
    uint32_t bytes_skipped; // bytes found unchanged
    uint32_t bytes_total;   // bytes of all regions; 0 = no plan
    uint32_t wire_bytes;    // bytes sent on the wire, all included
    uint32_t retries;
    uint32_t resumed;    // bytes of an interrupted job that need not be sent again: those that the journal listed as
                         // proved; link: those that the target has proved
    uint32_t elapsed_ms; // from the first step to the end (or to the last step)
    bool confirmed;      // link: the firmware runs, and is there to stay
    char slot[FERRY_MANIFEST_TEXT]; // link: the partition (or file) that it went to, "" = unknown
};

#define FERRY_JOB_TEXT 240

struct ferry_job_event {
    enum ferry_event_kind kind; // STEP, NOTE, WARNING, REGION
    char text[FERRY_JOB_TEXT];
    uint32_t a[3]; // REGION: as in engine.h
};

#define FERRY_JOB_READS 24
#define FERRY_JOB_READ_MAX 0x4000u
#define FERRY_JOB_SEGMENTS 1024

struct ferry_job {
    struct ferry_job_cfg cfg;
    enum ferry_job_state state;
    // Private from here on.
    union {
        struct ferry_flasher flasher;
        struct ferry_link_route link;
    } in; // the route in use
    bool by_link;
    struct ferry_job_engine engine;
    struct ferry_pump pump;
    struct ferry_trace trace; // the pump's: what the target says while it starts, then cfg.trace
    struct ferry_boot_log says;
    struct ferry_supply supply;    // the pump's: takes events, then asks data
    struct ferry_supply data;      // the store's
    struct ferry_store_pool *pool; // cfg.stores, or own
    bool own_pool;
    bool planned;              // PLANNING has ended well; what follows begins with the next step
    struct ferry_store *store; // holds the plan
    struct ferry_cargo chosen;
    bool has_chosen;
    struct ferry_store_read reads[FERRY_JOB_READS]; // what was read from the target's flash, for the plan
    uint8_t read_count;
    bool read_open; // the last of them is still wanted
    uint32_t read_got;
    struct ferry_region read_region;
    struct ferry_journal journal;
    uint8_t proved[FERRY_JOB_SEGMENTS / 8];
    struct ferry_fault fault;
    struct ferry_job_result result;
    struct ferry_progress progress;
    uint32_t started_ms;
    uint32_t retries; // link: until all was there
    bool started, ended, cancelled;
    struct ferry_job_event events[FERRY_JOB_EVENTS];
    uint8_t event_at, event_count;
    uint32_t events_lost;
};

// 0, FERRY_ERR_ARG (a field that must be given is missing, or the engine's init refuses), FERRY_ERR_NO_MEMORY. Copies
// cfg; what it points to stays the caller's until ferry_job_close(). self must not be moved afterwards.
int ferry_job_init(struct ferry_job *self, const struct ferry_job_cfg *cfg);
// Does all that can be done now; returns the state. *wait_ms (NULL allowed) = how long until the next call at the
// latest (earlier when bytes arrive). Blocks only as long as the card takes to be read.
enum ferry_job_state ferry_job_step(struct ferry_job *self, uint32_t now_ms, uint32_t *wait_ms);
static inline bool ferry_job_ended(const struct ferry_job *self)
{
    return self->state == FERRY_JOB_DONE || self->state == FERRY_JOB_FAILED;
}
// Ends the job at once with FERRY_ERR_CANCELLED (log line and journal included). No effect on one that has ended.
void ferry_job_cancel(struct ferry_job *self, uint32_t now_ms);
// Appends the line of a job that has ended to a log that is not cfg.log; failing is told by a WARNING event.
void ferry_job_log(struct ferry_job *self, struct ferry_log *log);
// Frees what the job holds; cancels it first when it is still going.
void ferry_job_close(struct ferry_job *self);

// From choose() only: bytes of the target's flash, FERRY_JOB_READ_MAX at most, of FERRY_JOB_READS places in all. 0;
// FERRY_ERR_STATE: they are being read, to be returned by choose(). FERRY_ERR_UNSUPPORTED (link, or this loader cannot
// read), FERRY_ERR_SECURE_DOWNLOAD, FERRY_ERR_ARG (too many, too long), FERRY_ERR_NO_MEMORY.
int ferry_job_read_target(struct ferry_job *self, uint32_t address, uint8_t *buf, size_t len);

// Steps until the job has ended; 0 or its status. tick (NULL allowed) is called after every step; non-zero cancels.
int ferry_job_run(struct ferry_job *self, const struct ferry_clock *clock, int (*tick)(void *ctx), void *tick_ctx);

// NULL before CONNECTING has ended well, and when the target does not say which chip it is (link).
const struct ferry_target *ferry_job_target(const struct ferry_job *self);
// Link: what the target says about itself (what runs, slots), fresh after its restart. NULL on the ROM route, and
// before CONNECTING has ended well.
const struct ferry_target_info *ferry_job_info(const struct ferry_job *self);
// The route in use: ROM or LINK. With AUTO it may change from LINK to ROM until PLANNING has ended.
enum ferry_job_route ferry_job_route(const struct ferry_job *self);
const char *ferry_job_route_name(enum ferry_job_route route);            // "rom", "link", "auto"
const struct ferry_plan *ferry_job_plan(const struct ferry_job *self);   // NULL before PLANNING has ended well
const struct ferry_fault *ferry_job_fault(const struct ferry_job *self); // status 0 unless FAILED
const struct ferry_job_result *ferry_job_result(const struct ferry_job *self);
const char *ferry_job_state_name(enum ferry_job_state state); // "connecting", ... for people
void ferry_job_progress(const struct ferry_job *self, struct ferry_progress *out);
// Takes the oldest event; false = none. When nobody takes them, old steps and notes are dropped first.
bool ferry_job_event(struct ferry_job *self, struct ferry_job_event *out);

#endif
