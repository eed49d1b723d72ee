// The updater: many ports, one card, one thread. Runs one job per port at the same time from one read of the card; with
// cfg.wait it stays, and flashes whatever is connected next (a bench).
//
// A port's life on a bench: it is opened and tried again and again (port_ms apart) until a target answers; the job
// runs; then the target is tried every probe_ms until it is gone: the port vanished, nothing answers any more, or
// another MAC answers, which is the next target at once. A failed target is not tried again while it stays connected.
// Trying a target means to say hello to its receiver (AUTO, LINK) or to reset it into its loader and, when it is the
// one that was just done, out of it again (ROM, and AUTO when no receiver answers).
//
// With cfg.hold nothing is done to a port until ferry_updater_start() asks for it, again and again: somebody decides
// (a page, a button) what each target gets, and when.
#ifndef FERRY_UPDATER_UPDATER_H
#define FERRY_UPDATER_UPDATER_H

#include <stdbool.h>
#include <stdint.h>

#include "updater/job.h"
#include "updater/running.h"

#define FERRY_UPDATER_MAX_PORTS 256

enum ferry_updater_state {
    FERRY_UPDATER_CLOSED = 0, // to be opened (again); hold: nobody has asked for anything
    FERRY_UPDATER_SEEKING,    // wait: trying whether a target answers
    FERRY_UPDATER_WORKING,    // a job runs
    FERRY_UPDATER_LEAVING,    // wait: the target that is done (or failed) is still there
    FERRY_UPDATER_ENDED,      // without wait: the port's job has ended
};

#define FERRY_UPDATER_CARGO 96

// What somebody wants of one port, once.
struct ferry_updater_wish {
    bool probe;                      // only see who is there, and let it run on: nothing is chosen, counted or logged
    bool running;                    // probe: also see what it runs (outcome.running); takes a moment on the ROM route
    char cargo[FERRY_UPDATER_CARGO]; // which firmware, in whatever terms cfg.choose understands; "" = as usual
    bool set;                        // the members below count, instead of those of cfg.job
    enum ferry_job_route route;
    bool verify_only, erase_all, force;
};

// What became of a job; kept after it was closed.
struct ferry_updater_outcome {
    struct ferry_job_result result;
    struct ferry_fault fault;   // status 0 = well
    enum ferry_job_route route; // ROM or LINK: the one that it went
    uint8_t mac[6];
    bool mac_known;
    char chip[24], cargo[FERRY_CARGO_NAME], version[FERRY_CARGO_NAME];
    struct ferry_running running; // link: what the target says, after its restart; ROM: with wish.running only
};

struct ferry_updater_cfg {
    unsigned port_count; // 1 .. FERRY_UPDATER_MAX_PORTS
    const char *const *port_names;
    // Opens port i and fills stream, lines, trace and flasher.block of *job. 0 or negative with *fault filled; it may
    // block for as long as opening takes. Called again after close when it failed or the target went (wait).
    int (*open)(void *ctx, unsigned port, struct ferry_job_cfg *job, struct ferry_fault *fault);
    void (*close)(void *ctx, unsigned port);
    // A job has ended (outcome is final, the job is still there for its events); called before the port is closed.
    // job is NULL when the port could not even be opened. May be NULL.
    void (*ended)(void *ctx, unsigned port, struct ferry_job *job, const struct ferry_updater_outcome *outcome);
    void *ctx;
    // Instead of job.choose, when not NULL: also told the port and what is wished for there.
    int (*choose)(void *ctx, unsigned port, const struct ferry_updater_wish *wish, const struct ferry_target *target,
                  struct ferry_cargo *out, struct ferry_fault *fault);
    struct ferry_job_cfg job; // what all jobs have in common; log is used by the updater itself
    bool wait;
    bool hold;
    uint32_t port_ms;  // wait: between attempts to open or find; 0 = 500
    uint32_t probe_ms; // wait: between trials of a target that is done; 0 = 3000
};

struct ferry_updater_port {
    enum ferry_updater_state state;
    struct ferry_job job;
    bool job_open, port_open;
    bool resting; // CLOSED until next_ms
    uint32_t next_ms;
    struct ferry_updater_outcome last; // of the last job that counted
    bool has_last;
    uint32_t silences; // trials in a row that nobody answered
    bool staying;      // wait: the last target has not gone yet
    bool same;         // the target that answers is the last one
    int trouble;       // wait: why seeking fails, when it is not plain silence; 0 = nothing to tell
    uint32_t ok, failed;
    struct ferry_updater_wish wish;
    bool wished;                  // wish counts: it waits for its job, or its job runs
    bool found;                   // probe: somebody was there
    struct ferry_running running; // probe: read from its flash
    struct ferry_updater *updater;
    unsigned index;
};

struct ferry_updater {
    struct ferry_updater_cfg cfg;
    struct ferry_updater_port *ports;
    struct ferry_fault first_failure; // status 0 = none
    uint32_t ok, failed;
    uint32_t log_lost; // lines that could not be written
    bool cancelled;
};

// 0; FERRY_ERR_ARG, FERRY_ERR_NO_MEMORY. Copies cfg; what it points to stays the caller's.
int ferry_updater_init(struct ferry_updater *self, const struct ferry_updater_cfg *cfg);
// Steps every port; false when all have ended (never with wait or hold, before cancel). *wait_ms as in ferry_job_step.
bool ferry_updater_step(struct ferry_updater *self, uint32_t now_ms, uint32_t *wait_ms);
// Asks for a job on one port. With hold it begins with the next step; with wait it is for the target that answers next,
// also when that is the one that was just done. 0; FERRY_ERR_ARG (no such port), FERRY_ERR_BUSY (a job runs there, or
// is asked for), FERRY_ERR_STATE (neither hold nor wait).
int ferry_updater_start(struct ferry_updater *self, unsigned port, const struct ferry_updater_wish *wish);
// Ends what runs on one port with FERRY_ERR_CANCELLED, or takes back what was asked for. A target that was not written
// to stays in its loader: cfg.ended() may reset it, for the port is still open then. FERRY_ERR_ARG; FERRY_ERR_STATE:
// nothing to end.
int ferry_updater_abort(struct ferry_updater *self, unsigned port, uint32_t now_ms);
// Ends everything at once: jobs that write are cancelled (and counted), ports closed.
void ferry_updater_cancel(struct ferry_updater *self, uint32_t now_ms);
void ferry_updater_close(struct ferry_updater *self);

#endif
