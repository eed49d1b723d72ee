// What the depot decides: a target is looked at, the depot is asked what it should run (check-in) or whether there is a
// job for it, and that is fetched, written and reported. The target runs on while its firmware is fetched.
#include "depot_parts.h"

#include "sdkconfig.h"

#if CONFIG_FERRY_UPDATER_DEPOT
#include <stdio.h>
#include <string.h>

#include "bench_ports.h"
#include "depot.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/chip/chip.h"
#include "kept.h"
#include "network.h"
#include "tell.h"
#include "updater/mac.h"

#define LOOK_MS 3000   // between looks at a port where nobody answers, or where a target is done
#define CLAIM_MS 5000  // between questions for a job
#define RENEW_MS 10000 // between reports of a job that runs
#define AGAIN_MS 10000 // after the depot was not reached
#define GIVE_BACKS 4   // attempts of a job before "nobody answers" counts as its failure
#define OWN "depot:"   // a wish's cargo: what this file has fetched

enum phase {
    OFF = 0,   // nothing to do here
    UNKNOWN,   // to be looked at
    LOOKING,   // the look runs
    KNOWN,     // jobs: to be asked for
    ASKING,    // check-in or claim is with the task
    FETCHING,  // the build is with the task
    RUNNING,   // the job runs
    ENDED,     // how it went (final) waits for the task to be free
    REPORTING, // how it went is with the task
    DONE,      // check-in: this target has what it should have
};

static struct worker {
    enum phase phase;
    bool once; // somebody has asked for it: afterwards OFF
    bool told; // of the trouble that goes on
    bool lost; // the job is not ours any more
    bool job;  // of the depot's list; else a check-in
    uint32_t next_ms;
    struct ferry_depot_client_device device; // who was there at the last look
    char done_mac[FERRY_DEPOT_CLIENT_MAC];   // DONE: who that was
    uint64_t at, size;                       // of the job that runs
    struct ferry_depot_client_report final;  // how it went
} workers[BOARD_TARGETS];

static struct ferry_updater *updater;

static const char *use(void)
{
    return ferry_settings_text(kept_settings(), "depot.use");
}

// By itself, again and again?
static bool goes_on(void)
{
    bool target = strcmp(ferry_settings_text(kept_settings(), "auto"), "target") == 0;
    return strcmp(use(), "jobs") == 0 || (strcmp(use(), "check-in") == 0 && target);
}

static bool serves_jobs(const struct worker *w)
{
    return !w->once && strcmp(use(), "jobs") == 0;
}

static void rest(struct worker *w, enum phase phase, uint32_t now_ms, uint32_t ms)
{
    w->phase = w->once && (phase == UNKNOWN || phase == KNOWN || phase == DONE) ? OFF : phase;
    w->once = w->once && w->phase != OFF;
    w->next_ms = now_ms + ms;
}

static void hand_over(unsigned port, enum errand_what what, enum phase phase)
{
    depot_errands[port].what = what;
    workers[port].phase = phase;
    depot_hand_over(port);
}

static bool is_done(unsigned port)
{
    depot_lock();
    bool done = depot_errands[port].phase == ERRAND_DONE;
    if (done)
        depot_errands[port].phase = ERRAND_REST;
    depot_unlock();
    return done;
}

static bool at_rest(unsigned port)
{
    depot_lock();
    bool rests = depot_errands[port].phase == ERRAND_REST;
    depot_unlock();
    return rests;
}

// ---- a look ----

static void look(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct ferry_updater_wish wish = {.probe = true, .running = true, .set = true};
    const char *route = ferry_settings_text(kept_settings(), "route");
    wish.route = bench_ports_only_link(port) || strcmp(route, "link") == 0 ? FERRY_JOB_ROUTE_LINK
                 : strcmp(route, "auto") == 0                              ? FERRY_JOB_ROUTE_AUTO
                                                                           : FERRY_JOB_ROUTE_ROM;
    if (ferry_updater_start(updater, port, &wish) == FERRY_OK)
        w->phase = LOOKING;
    else
        w->next_ms = now_ms + LOOK_MS;
}

static void take_device(struct worker *w, const struct ferry_updater_outcome *o)
{
    struct ferry_depot_client_device *d = &w->device;
    const struct ferry_settings *s = kept_settings();
    const struct ferry_chip *chip = ferry_chip_by_name(o->chip);
    memset(d, 0, sizeof *d);
    snprintf(d->chip, sizeof d->chip, "%.15s", chip ? chip->name : o->chip);
    ferry_mac_text(o->mac, d->mac);
    snprintf(d->default_project, sizeof d->default_project, "%s", ferry_settings_text(s, "depot.project"));
    snprintf(d->default_channel, sizeof d->default_channel, "%s", ferry_settings_text(s, "depot.channel"));
    if (o->running.state != FERRY_RUNNING_KNOWN)
        return;
    snprintf(d->project, sizeof d->project, "%s", o->running.project);
    snprintf(d->version, sizeof d->version, "%s", o->running.version);
    ferry_running_hex(&o->running, d->sha256);
}

static void looked(unsigned port, const struct ferry_updater_outcome *o, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    bool found = o->fault.status >= 0 && o->chip[0] && o->mac_known;
    if (!found) {
        if (!w->told)
            tell("%s: %s", board_target_names[port],
                 o->fault.status < 0 ? o->fault.what : "the target does not say who it is: the depot is not asked");
        w->told = true;
        w->done_mac[0] = 0;
        rest(w, UNKNOWN, now_ms, LOOK_MS);
        return;
    }
    w->told = false;
    take_device(w, o);
    if (!w->once && strcmp(w->device.mac, w->done_mac) == 0) {
        rest(w, DONE, now_ms, LOOK_MS);
        return;
    }
    bool known = o->running.state == FERRY_RUNNING_KNOWN;
    tell("%s: %s %s %s %s %s", board_target_names[port], w->device.chip, w->device.mac,
         known                                     ? "runs"
         : o->running.state == FERRY_RUNNING_BLANK ? "is blank"
                                                   : "does not say what it runs",
         w->device.project, w->device.version);
    w->phase = KNOWN;
    w->next_ms = now_ms;
}

static void ask(unsigned port)
{
    struct worker *w = &workers[port];
    if (!at_rest(port))
        return;
    w->job = serves_jobs(w);
    w->lost = false;
    depot_errands[port].device = w->device;
    hand_over(port, w->job ? ERRAND_CLAIM : ERRAND_CHECK_IN, ASKING);
}

// ---- answers ----

static void fetch(unsigned port, const char *reference)
{
    struct errand *e = &depot_errands[port];
    snprintf(e->reference, sizeof e->reference, "depot:%s", reference);
    hand_over(port, ERRAND_FETCH, FETCHING);
}

static void unreachable(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    if (!w->told)
        tell_fault(board_target_names[port], &depot_errands[port].fault);
    w->told = true;
    rest(w, KNOWN, now_ms, AGAIN_MS);
}

static void checked_in(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    const struct ferry_depot_client_answer *a = &depot_errands[port].answer;
    const char *name = board_target_names[port];
    if (a->verdict == FERRY_DEPOT_CLIENT_UPDATE) {
        tell("%s: should run %s %s (%s)", name, a->build.project, a->build.version, a->channel);
        fetch(port, a->build.sha256);
        return;
    }
    if (a->verdict == FERRY_DEPOT_CLIENT_CURRENT)
        tell("%s: runs what it should: %s %s", name, a->build.project, a->build.version);
    else
        tell("%s: the depot has nothing for it (project %s, channel %s): point a channel of its project at a build "
             "(ferry depot channel); depot.project and depot.channel count for targets that are new there",
             name, a->project[0] ? a->project : "not known", a->channel[0] ? a->channel : "none");
    memcpy(w->done_mac, w->device.mac, sizeof w->done_mac);
    rest(w, DONE, now_ms, LOOK_MS);
}

static void answered(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    if (e->status < 0) {
        unreachable(port, now_ms);
        return;
    }
    w->told = false;
    if (!w->job) {
        checked_in(port, now_ms);
    } else if (e->status == 0) {
        rest(w, KNOWN, now_ms, CLAIM_MS);
    } else {
        tell("%s: job %s: %s %s", board_target_names[port], e->job.id, e->job.project, e->job.version);
        w->at = w->size = 0;
        fetch(port, e->job.build);
    }
}

// ---- reports ----

static void fill_report(const struct worker *w, struct ferry_depot_client_report *r, const char *state)
{
    r->state = state;
    r->done = w->at;
    r->size = w->size;
    memcpy(r->mac, w->device.mac, sizeof r->mac);
}

static const char *state_of(const struct errand *e, const struct ferry_fault *fault, bool written)
{
    bool again = fault->status == FERRY_ERR_CANCELLED ||
                 (ferry_status_class_of(fault->status) == FERRY_CLASS_WIRE && e->job.attempt < GIVE_BACKS);
    if (fault->status >= 0)
        return "done";
    return again && (!written || fault->status == FERRY_ERR_CANCELLED) ? "queued" : "failed";
}

static void conclude(unsigned port, const struct ferry_fault *fault, const struct ferry_job_result *result,
                     uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    struct ferry_depot_client_report *r = &w->final;
    memset(r, 0, sizeof *r);
    r->result = ferry_status_name(fault->status);
    snprintf(r->text, sizeof r->text, "%s", fault->status < 0 ? fault->what : "");
    if (result) {
        r->written = result->bytes_written;
        r->skipped = result->bytes_skipped;
        r->retries = result->retries;
        r->elapsed_ms = result->elapsed_ms;
    }
    fill_report(w, r, state_of(e, fault, result && result->written));
    bool tell_it = w->job ? !w->lost : fault->status >= 0 && e->answer.build.app_sha256[0];
    if (tell_it)
        w->phase = ENDED;
    else
        rest(w, UNKNOWN, now_ms, fault->status < 0 ? AGAIN_MS : LOOK_MS);
}

// A check-in tells what the target runs now by checking in once more.
static void tell_depot(unsigned port)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    (void)is_done(port); // a report that it runs, which counts no more
    if (!at_rest(port))
        return;
    e->report = w->final;
    e->device = w->device;
    snprintf(e->device.project, sizeof e->device.project, "%s", e->answer.build.project);
    snprintf(e->device.version, sizeof e->device.version, "%s", e->answer.build.version);
    snprintf(e->device.sha256, sizeof e->device.sha256, "%s", e->answer.build.app_sha256);
    hand_over(port, w->job ? ERRAND_REPORT : ERRAND_CHECK_IN, REPORTING);
}

static void reported(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    const struct errand *e = &depot_errands[port];
    if (e->status < 0 && w->job && ferry_depot_client_later(e->status)) {
        if (!w->told)
            tell_fault(board_target_names[port], &e->fault);
        w->told = true;
        w->next_ms = now_ms + AGAIN_MS;
        w->phase = ENDED; // until the depot answers, or says that the lease has run out
        return;
    }
    if (e->status < 0)
        tell_fault(board_target_names[port], &e->fault);
    bool well = strcmp(w->final.state, "done") == 0;
    memcpy(w->done_mac, w->device.mac, sizeof w->done_mac);
    rest(w, !w->job ? DONE : well ? KNOWN : UNKNOWN, now_ms, LOOK_MS);
}

// ---- the job ----

static void fetched(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    struct ferry_updater_wish wish = {.set = true, .cargo = OWN};
    const char *route = ferry_settings_text(kept_settings(), "route");
    network_tell_fetching(port, NULL, 0, 0);
    if (e->status >= 0) {
        wish.route = bench_ports_only_link(port) || strcmp(route, "link") == 0 ? FERRY_JOB_ROUTE_LINK
                     : strcmp(route, "auto") == 0                              ? FERRY_JOB_ROUTE_AUTO
                                                                               : FERRY_JOB_ROUTE_ROM;
        wish.erase_all = ferry_settings_on(kept_settings(), "erase_all");
        w->phase = RUNNING;
        w->next_ms = now_ms;
        tell("%s: %s %s fetched, %lu KB over the network", board_target_names[port], e->cargo.name, e->cargo.version,
             (unsigned long)(e->fetched + 512) / 1024);
        if (ferry_updater_start(updater, port, &wish) == FERRY_OK)
            return;
        ferry_fault_set(&e->fault, FERRY_ERR_BUSY, board_target_names[port], "another job runs there");
    }
    struct ferry_updater_outcome outcome = {.fault = e->fault};
    tell_fault(board_target_names[port], &e->fault);
    network_tell_ended(port, NULL, &outcome);
    conclude(port, &outcome.fault, NULL, now_ms);
}

// While it runs its lease is renewed; a job that is somebody else's now ends.
static void renew(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    if (!w->job)
        return;
    if (is_done(port) && e->status == FERRY_ERR_CANCELLED) {
        w->lost = true;
        tell("%s: job %s was taken back", board_target_names[port], e->job.id);
        ferry_updater_abort(updater, port, now_ms);
        return;
    }
    if (!at_rest(port) || !ferry_time_reached(now_ms, w->next_ms))
        return;
    w->next_ms = now_ms + RENEW_MS;
    memset(&e->report, 0, sizeof e->report);
    fill_report(w, &e->report, "running");
    hand_over(port, ERRAND_REPORT, RUNNING);
}

static void poll(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    bool due = ferry_time_reached(now_ms, w->next_ms);
    if (w->phase == OFF && goes_on() && bench_ports_used(port)) {
        w->phase = UNKNOWN;
        w->next_ms = now_ms;
    } else if ((w->phase == UNKNOWN || w->phase == DONE || w->phase == KNOWN) && !w->once && !goes_on()) {
        w->phase = OFF;
    } else if ((w->phase == UNKNOWN || w->phase == DONE) && due) {
        look(port, now_ms);
    } else if (w->phase == KNOWN && due) {
        ask(port);
    } else if (w->phase == RUNNING) {
        renew(port, now_ms);
    } else if (w->phase == ENDED && due) {
        tell_depot(port);
    } else if (w->phase == ASKING && is_done(port)) {
        answered(port, now_ms);
    } else if (w->phase == FETCHING && is_done(port)) {
        fetched(port, now_ms);
    } else if (w->phase == REPORTING && is_done(port)) {
        reported(port, now_ms);
    }
}

void depot_work_poll(uint32_t now_ms)
{
    for (unsigned i = 0; depot_url()[0] && i < BOARD_TARGETS; i++)
        poll(i, now_ms);
}

// ---- for the bench ----

void depot_work_start(struct ferry_updater *of_bench)
{
    updater = of_bench;
}

int depot_work_ask(unsigned port)
{
    struct worker *w = &workers[port];
    if (w->phase != OFF && w->phase != UNKNOWN && w->phase != KNOWN && w->phase != DONE)
        return FERRY_ERR_BUSY;
    w->phase = UNKNOWN;
    w->once = !goes_on();
    w->told = false;
    w->done_mac[0] = 0;
    w->next_ms = ferry_idf_clock_now();
    return FERRY_OK;
}

bool depot_work_has(unsigned port)
{
    enum phase phase = workers[port].phase;
    return phase == ASKING || phase == FETCHING || phase == RUNNING || phase == ENDED || phase == REPORTING;
}

bool depot_work_looks(unsigned port)
{
    return workers[port].phase == LOOKING;
}

int depot_work_choose(unsigned port, const struct ferry_target *target, struct ferry_cargo *out,
                      struct ferry_fault *fault)
{
    const struct worker *w = &workers[port];
    char mac[FERRY_DEPOT_CLIENT_MAC] = "";
    if (w->phase != RUNNING)
        return FERRY_ERR_BUSY;
    if (target && target->mac_known)
        ferry_mac_text(target->mac, mac);
    if (mac[0] && strcmp(mac, w->device.mac) != 0)
        return ferry_fault_set(fault, FERRY_ERR_STATE, "", "another target (%s) than the firmware was fetched for (%s)",
                               mac, w->device.mac);
    *out = depot_errands[port].cargo;
    return FERRY_OK;
}

void depot_work_job(unsigned port, const struct ferry_job *job)
{
    struct worker *w = &workers[port];
    struct ferry_progress progress;
    if (w->phase != RUNNING)
        return;
    ferry_job_progress(job, &progress);
    w->at = progress.total_done;
    w->size = progress.total_size;
}

bool depot_work_ended(unsigned port, const struct ferry_updater_outcome *outcome, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    if (w->phase == LOOKING) {
        looked(port, outcome, now_ms);
        return true;
    }
    if (w->phase != RUNNING)
        return false;
    if (outcome->fault.status >= 0)
        w->at = w->size = outcome->result.bytes_total;
    w->told = false;
    w->next_ms = now_ms;
    conclude(port, &outcome->fault, &outcome->result, now_ms);
    return true;
}

bool depot_work_abort(unsigned port, uint32_t now_ms)
{
    struct worker *w = &workers[port];
    struct errand *e = &depot_errands[port];
    struct ferry_updater_outcome outcome = {0};
    if (w->phase != ASKING && w->phase != FETCHING)
        return false;
    depot_lock();
    e->stop = e->phase == ERRAND_AT_WORK;
    if (!e->stop)
        e->phase = ERRAND_REST;
    depot_unlock();
    ferry_fault_set(&outcome.fault, FERRY_ERR_CANCELLED, board_target_names[port], "stopped while it was fetched");
    tell_fault(board_target_names[port], &outcome.fault);
    network_tell_fetching(port, NULL, 0, 0);
    network_tell_ended(port, NULL, &outcome);
    memcpy(w->done_mac, w->device.mac, sizeof w->done_mac); // not at once again
    rest(w, DONE, now_ms, LOOK_MS);
    return true;
}
#endif
