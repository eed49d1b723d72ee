#include "apps/ferry/updater_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/ferry/updater_web.h"
#include "apps/ferry/updater_work_parts.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/chip/chip.h"
#include "updater/mac.h"

enum {
    LEASE_S = 60,
    LOOK_MS = 3000,     // between looks at a port where nobody answers
    LOOK_WAIT_MS = 500, // the same with wait
    TIME_MS = 5000,     // for the depot to answer
    TOLD_EACH = 8,      // things to be told that are kept, for each port
};

// As the command line says, but that nobody says hello again to a receiver that is not there.
static struct ferry_updater_wish wish_of(const struct updater_work *self, const struct work_slot *slot)
{
    const struct ferry_job_cfg *job = &self->cfg.updater->cfg.job;
    bool rom = slot->by_rom && slot->phase != WORK_UNKNOWN;
    return (struct ferry_updater_wish){.set = rom, .route = FERRY_JOB_ROUTE_ROM, .erase_all = job->erase_all};
}

// ---- looking who is there ----

static void look(struct updater_work *self, struct work_slot *slot, uint32_t now)
{
    // Who stays is not read again: what runs there is known since it was told to the depot.
    struct ferry_updater_wish wish = wish_of(self, slot);
    wish.probe = true;
    wish.running = work_checks_in(self) && slot->phase == WORK_UNKNOWN;
    if (ferry_updater_start(self->cfg.updater, slot->index, &wish) != FERRY_OK)
        return;
    slot->before = slot->phase;
    slot->phase = WORK_LOOKING;
    slot->look_ms = now + (self->cfg.probe_ms ? self->cfg.probe_ms : 3000);
}

static bool is_due_to_look(const struct updater_work *self, const struct work_slot *slot, uint32_t now)
{
    if (slot->asking || self->fatal.status < 0)
        return false;
    if (slot->phase == WORK_UNKNOWN)
        return ferry_time_reached(now, slot->next_ms);
    return self->cfg.wait && (slot->phase == WORK_IDLE || slot->phase == WORK_RESTING) &&
           ferry_time_reached(now, slot->look_ms);
}

// A target without a MAC gets those jobs that name none: nobody has this one.
static void outcome_mac(const struct ferry_updater_outcome *outcome, char out[FERRY_DEPOT_CLIENT_MAC])
{
    static const uint8_t nobody[6];
    ferry_mac_text(outcome->mac_known ? outcome->mac : nobody, out);
}

static void greet(struct updater_work *self, struct work_slot *slot)
{
    if (work_checks_in(self))
        return; // what the depot says about it tells who it is
    work_say(self, (int)slot->index, false, "%s %s, ready for jobs", slot->label, slot->mac);
}

static void take_target(struct updater_work *self, struct work_slot *slot, const struct ferry_chip *chip,
                        const struct ferry_updater_outcome *outcome)
{
    slot->chip = chip->id;
    snprintf(slot->chip_name, sizeof slot->chip_name, "%s", chip->name);
    snprintf(slot->label, sizeof slot->label, "%s", chip->label);
    outcome_mac(outcome, slot->mac);
    slot->running = outcome->running;
    ferry_running_hex(&slot->running, slot->hash);
    slot->tried[0] = 0;
    slot->again = slot->told = slot->none = false;
    slot->next_ms = work_now_ms();
    slot->phase = WORK_IDLE;
    if (work_checks_in(self) && !outcome->mac_known) {
        work_say(self, (int)slot->index, true, "the target does not tell its MAC: it cannot check in");
        slot->phase = WORK_RESTING;
    }
    greet(self, slot);
}

static void found(struct updater_work *self, struct work_slot *slot, const struct ferry_chip *chip,
                  const struct ferry_updater_outcome *outcome)
{
    char mac[FERRY_DEPOT_CLIENT_MAC];
    outcome_mac(outcome, mac);
    slot->silent = 0;
    slot->by_rom = outcome->route == FERRY_JOB_ROUTE_ROM;
    if (slot->before == WORK_UNKNOWN) {
        take_target(self, slot, chip, outcome);
    } else if (strcmp(mac, slot->mac) != 0) {
        slot->phase = WORK_UNKNOWN; // another one: what it runs is to be read as well
        slot->next_ms = work_now_ms();
    } else {
        bool ask = slot->before == WORK_RESTING && ferry_time_reached(work_now_ms(), slot->ask_ms);
        slot->phase = ask ? WORK_IDLE : slot->before;
        if (outcome->running.state == FERRY_RUNNING_KNOWN) { // the link says it each time
            slot->running = outcome->running;
            ferry_running_hex(&slot->running, slot->hash);
        }
    }
}

static bool is_silence(const struct ferry_fault *fault)
{
    return ferry_status_class_of(fault->status) == FERRY_CLASS_WIRE;
}

// With wait silence is what is waited through; else it is told once.
static void not_found(struct updater_work *self, struct work_slot *slot, const struct ferry_fault *fault)
{
    bool stays = slot->before != WORK_UNKNOWN && slot->silent++ == 0 && fault->status != FERRY_ERR_WIRE_OPEN;
    slot->phase = stays ? slot->before : WORK_UNKNOWN;
    slot->next_ms = work_now_ms() + (self->cfg.wait ? LOOK_WAIT_MS : LOOK_MS);
    if (stays)
        return;
    if (fault->status < 0)
        cmd_updater_screen_word(self->cfg.screen, slot->index, ferry_status_name(fault->status), "", "");
    bool tell = !slot->told && !(self->cfg.wait && is_silence(fault)) && fault->status != FERRY_ERR_CANCELLED;
    if (tell)
        work_say(self, (int)slot->index, true, "%.200s",
                 fault->status < 0 ? fault->what
                                   : "the target does not say which chip it is: the depot cannot be asked about it");
    slot->told = tell || (slot->told && slot->before == WORK_UNKNOWN);
    if (self->first.status >= 0 && fault->status < 0)
        self->first = *fault;
}

static void looked(struct updater_work *self, struct work_slot *slot, const struct ferry_updater_outcome *outcome)
{
    const struct ferry_chip *chip = outcome->chip[0] ? ferry_chip_by_name(outcome->chip) : NULL;
    slot->looked = true;
    if (outcome->fault.status >= 0 && chip)
        found(self, slot, chip, outcome);
    else
        not_found(self, slot, &outcome->fault);
}

// ---- fetching ----

static void fetch_failed(struct updater_work *self, struct work_slot *slot, const struct ferry_fault *fault)
{
    slot->known = true;
    if (work_checks_in(self)) {
        struct work_told *t = work_tell(self, WORK_SAID_WARNING, (int)slot->index);
        snprintf(t->text, sizeof t->text, "the build cannot be fetched: %.180s", fault->what);
        snprintf(t->hint, sizeof t->hint, "%s", fault->hint);
        if (self->first.status >= 0)
            self->first = *fault;
        slot->again = false;
        work_over(slot);
        return;
    }
    work_say(self, (int)slot->index, true, "job %s: %.180s", slot->job.id, fault->what);
    work_end_job(slot, fault, false);
}

static void tell_build(struct work_told *t, const struct work_slot *slot, bool by_checkin)
{
    memcpy(t->job, slot->job.id, sizeof t->job);
    memcpy(t->project, by_checkin ? slot->answer.build.project : slot->job.project, sizeof t->project);
    memcpy(t->version, by_checkin ? slot->answer.build.version : slot->job.version, sizeof t->version);
}

static void fetched(struct updater_work *self, struct work_slot *slot)
{
    struct ferry_fault fault = {0};
    if (!slot->cargo)
        slot->cargo = malloc(sizeof *slot->cargo);
    int status = slot->cargo ? updater_fetch_take(self->cfg.fetch, slot->index, slot->cargo, &fault)
                             : ferry_fault_set(&fault, FERRY_ERR_NO_MEMORY, "", "no memory for the depot's build");
    if (status < 0) {
        fetch_failed(self, slot, &fault);
        return;
    }
    slot->phase = WORK_READY;
    tell_build(work_tell(self, WORK_SAID_READY, (int)slot->index), slot, work_checks_in(self));
}

static void begin_fetch(struct updater_work *self, struct work_slot *slot)
{
    char url[FERRY_DEPOT_CLIENT_URL + 80];
    struct ferry_fault fault;
    const char *reference = work_checks_in(self) ? slot->answer.build.sha256 : slot->job.build;
    slot->begun = true;
    tell_build(work_tell(self, WORK_SAID_FETCH, (int)slot->index), slot, work_checks_in(self));
    if (!reference[0] || !ferry_depot_client_address(&self->client, reference, url, sizeof url)) {
        ferry_fault_set(&fault, FERRY_ERR_STORAGE_MISSING, "", "the build was removed from the depot meanwhile");
        fetch_failed(self, slot, &fault);
        return;
    }
    updater_fetch_begin(self->cfg.fetch, slot->index, url, slot->chip);
}

static void watch_fetch(struct updater_work *self, struct work_slot *slot)
{
    struct updater_fetch_progress p;
    if (!slot->begun)
        begin_fetch(self, slot);
    if (slot->phase != WORK_FETCHING)
        return;
    enum updater_fetch_phase phase = updater_fetch_look(self->cfg.fetch, slot->index, &p);
    if (slot->lost) {
        updater_fetch_stop(self->cfg.fetch, slot->index);
        slot->known = true;
        work_over(slot);
    } else if (phase == UPDATER_FETCH_READY || phase == UPDATER_FETCH_FAILED) {
        fetched(self, slot);
    } else if (self->cfg.web) {
        updater_web_fetching(self->cfg.web, slot->index, p.file, p.done, p.size);
    }
}

static void leave_fetch(struct updater_work *self, struct work_slot *slot)
{
    if (self->cfg.web)
        updater_web_fetching(self->cfg.web, slot->index, NULL, 0, 0);
}

// ---- the loop ----

static void start(struct updater_work *self, struct work_slot *slot)
{
    struct ferry_updater_wish wish = wish_of(self, slot);
    if (slot->lost) {
        slot->phase = WORK_IDLE;
        slot->next_ms = work_now_ms();
    } else if (ferry_updater_start(self->cfg.updater, slot->index, &wish) == FERRY_OK) {
        slot->phase = WORK_RUNNING;
    }
}

static void watch_job(struct updater_work *self, struct work_slot *slot)
{
    const struct ferry_updater_port *port = &self->cfg.updater->ports[slot->index];
    struct ferry_progress progress;
    if (!port->job_open)
        return;
    ferry_job_progress(&port->job, &progress);
    slot->report.done = progress.total_done;
    slot->report.size = progress.total_size;
}

// Somebody else has the port: afterwards the target is looked at anew.
static bool hold(struct updater_work *self, struct work_slot *slot)
{
    const struct ferry_updater_port *port = &self->cfg.updater->ports[slot->index];
    bool theirs = port->wished && slot->phase != WORK_LOOKING && slot->phase != WORK_RUNNING;
    bool ours = slot->phase == WORK_FETCHING || slot->phase == WORK_READY || slot->phase == WORK_OVER || slot->asking;
    if (theirs && !ours)
        slot->phase = WORK_HELD;
    else if (slot->phase == WORK_HELD && !port->wished) {
        slot->phase = WORK_UNKNOWN;
        slot->next_ms = work_now_ms();
    }
    return theirs || slot->phase == WORK_HELD;
}

static void step(struct updater_work *self, struct work_slot *slot)
{
    enum work_phase phase = slot->phase;
    uint32_t now = work_now_ms();
    if (hold(self, slot))
        return;
    if (is_due_to_look(self, slot, now))
        look(self, slot, now);
    else if (slot->phase == WORK_FETCHING)
        watch_fetch(self, slot);
    else if (slot->phase == WORK_READY)
        start(self, slot);
    else if (slot->phase == WORK_RUNNING)
        watch_job(self, slot);
    if (phase == WORK_FETCHING && slot->phase != WORK_FETCHING)
        leave_fetch(self, slot);
    work_show_slot(self, slot);
}

static bool busy(const struct updater_work *self, const struct work_slot *slot)
{
    bool fatal = self->fatal.status < 0;
    if (slot->phase == WORK_UNKNOWN)
        return !fatal && (self->cfg.wait || !slot->looked);
    if (slot->phase == WORK_IDLE)
        return !fatal && !slot->none;
    if (slot->phase == WORK_RESTING)
        return false;
    return slot->phase != WORK_OVER || !fatal;
}

bool updater_work_poll(struct updater_work *self, struct ferry_fault *fault)
{
    bool going = false, ends = self->cfg.once || (self->cfg.check_in && !self->cfg.wait);
    work_lock(self);
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        step(self, &self->slots[i]);
        going = going || busy(self, &self->slots[i]);
    }
    bool fatal = self->fatal.status < 0, over = !going && (ends || fatal);
    if (over && fatal)
        *fault = self->fatal;
    work_unlock(self);
    work_show_all(self);
    return !over;
}

// ---- what becomes of it ----

static void ended(struct work_slot *slot, const struct ferry_updater_outcome *outcome)
{
    const struct ferry_job_result *result = &outcome->result;
    struct ferry_depot_client_report *r = &slot->report;
    r->written = result->bytes_written;
    r->skipped = result->bytes_skipped;
    r->retries = result->retries;
    r->elapsed_ms = result->elapsed_ms;
    r->done = outcome->fault.status >= 0 ? result->bytes_total : r->done;
    r->size = result->bytes_total;
    if (outcome->mac_known)
        ferry_mac_text(outcome->mac, r->mac);
    if (outcome->running.state == FERRY_RUNNING_KNOWN) { // the link says it after the restart
        snprintf(r->project, sizeof r->project, "%s", outcome->running.project);
        snprintf(r->version, sizeof r->version, "%s", outcome->running.version);
        ferry_running_hex(&outcome->running, r->sha256);
    }
    slot->known = outcome->fault.status >= 0;
    work_end_job(slot, &outcome->fault, result->written);
}

// What runs now: the target's own word, or what was proved to be in its flash.
static void take_running(const struct updater_work *self, struct work_slot *slot,
                         const struct ferry_updater_outcome *outcome)
{
    const struct ferry_depot_client_build *build = &slot->answer.build;
    slot->again = !self->cfg.dry;
    slot->running = outcome->running;
    ferry_running_hex(&slot->running, slot->hash);
    if (slot->running.state == FERRY_RUNNING_KNOWN && slot->hash[0])
        return;
    slot->running.state = FERRY_RUNNING_KNOWN;
    snprintf(slot->running.project, sizeof slot->running.project, "%s", build->project);
    snprintf(slot->running.version, sizeof slot->running.version, "%s", build->version);
    memcpy(slot->hash, build->app_sha256, sizeof slot->hash);
}

static void brought(const struct updater_work *self, struct work_slot *slot,
                    const struct ferry_updater_outcome *outcome)
{
    bool well = outcome->fault.status >= 0;
    work_over(slot);
    slot->again = false;
    slot->known = well || outcome->mac_known || !self->cfg.wait;
    if (well)
        take_running(self, slot, outcome);
    else if (slot->swapped && self->cfg.wait)
        slot->known = false;
}

bool updater_work_ended(struct updater_work *self, unsigned port, const struct ferry_updater_outcome *outcome)
{
    struct work_slot *slot = &self->slots[port];
    work_lock(self);
    bool ours = slot->phase == WORK_LOOKING || slot->phase == WORK_RUNNING;
    if (slot->phase == WORK_RUNNING)
        slot->by_rom = false; // the new firmware may have a receiver
    if (slot->phase == WORK_LOOKING)
        looked(self, slot, outcome);
    else if (slot->phase == WORK_RUNNING && work_checks_in(self))
        brought(self, slot, outcome);
    else if (slot->phase == WORK_RUNNING)
        ended(slot, outcome);
    work_unlock(self);
    return ours;
}

int updater_work_choose(struct updater_work *self, unsigned port, const struct ferry_target *target,
                        struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct work_slot *slot = &self->slots[port];
    char mac[FERRY_DEPOT_CLIENT_MAC];
    work_lock(self);
    int status = slot->phase == WORK_RUNNING;
    if (status && target && target->mac_known) {
        ferry_mac_text(target->mac, mac);
        slot->swapped = strcmp(mac, slot->mac) != 0;
    }
    if (status && slot->swapped)
        status = ferry_fault_set(fault, FERRY_ERR_STATE, "", "another target (%s) than the firmware was meant for (%s)",
                                 mac, slot->mac);
    else if (status)
        *out = *slot->cargo;
    work_unlock(self);
    return status;
}

// ---- who else may do what ----

bool updater_work_looks(struct updater_work *self, unsigned port)
{
    work_lock(self);
    bool looks = self->slots[port].phase == WORK_LOOKING;
    work_unlock(self);
    return looks;
}

bool updater_work_busy(struct updater_work *self, unsigned port)
{
    work_lock(self);
    enum work_phase phase = self->slots[port].phase;
    bool is = phase == WORK_FETCHING || phase == WORK_READY || phase == WORK_RUNNING || phase == WORK_OVER;
    work_unlock(self);
    return is;
}

bool updater_work_stop(struct updater_work *self, unsigned port)
{
    struct work_slot *slot = &self->slots[port];
    struct ferry_fault fault;
    work_lock(self);
    bool waits = slot->phase == WORK_FETCHING || slot->phase == WORK_READY;
    if (waits || slot->phase == WORK_RUNNING)
        slot->stopped = true;
    if (waits) {
        updater_fetch_stop(self->cfg.fetch, port);
        ferry_fault_set(&fault, FERRY_ERR_CANCELLED, "", "before anything was written");
        slot->known = true;
        slot->again = false;
        if (work_checks_in(self))
            work_over(slot);
        else
            work_end_job(slot, &fault, false);
    }
    work_unlock(self);
    return waits;
}

// ---- open and close ----

// At the end there is one trial more for what is still to be told; nothing is waited for but that.
static bool stopped(void *ctx)
{
    struct updater_work *self = ctx;
    work_lock(self);
    bool stop = self->stop && !self->last;
    work_unlock(self);
    return stop;
}

static int open_client(struct updater_work *self, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    char name[FERRY_DEPOT_CLIENT_TEXT] = "";
    const char *ca = getenv("FERRY_CA");
    struct ferry_posix_http_client_cfg posix = {.ca_file = ca && *ca ? ca : NULL,
                                                .stop = stopped,
                                                .stop_ctx = self,
                                                .connect_ms = TIME_MS,
                                                .stall_ms = TIME_MS};
    if (gethostname(name, sizeof name - 1) != 0 || !name[0])
        snprintf(name, sizeof name, "updater");
    struct ferry_depot_client_cfg cfg = {
        .http = &self->http,
        .url = self->cfg.depot,
        .token = getenv("FERRY_TOKEN"),
        .worker = self->cfg.worker ? self->cfg.worker : name,
        .lease_ms = (self->cfg.lease_s ? self->cfg.lease_s : LEASE_S) * 1000,
    };
    int status = ferry_depot_client_init(&self->client, &cfg, fault);
    if (status < 0)
        return status;
    status = ferry_posix_http_client_new(&self->posix_client, &posix, &error);
    if (status < 0)
        return ferry_fault_set(fault, status, self->cfg.depot, "%s", error.what);
    self->http = ferry_posix_http_client(self->posix_client);
    return FERRY_OK;
}

// "PROJECT[@CHANNEL]"; without a channel it is "stable".
static void take_project(struct updater_work *self)
{
    const char *text = self->cfg.project, *at = text ? strchr(text, '@') : NULL;
    if (!text)
        return;
    snprintf(self->project, sizeof self->project, "%.*s", (int)(at ? at - text : (ptrdiff_t)strlen(text)), text);
    snprintf(self->channel, sizeof self->channel, "%s", at ? at + 1 : "stable");
}

static void give_up(struct updater_work *self)
{
    ferry_posix_http_client_free(self->posix_client);
    pthread_mutex_destroy(&self->mutex);
    for (unsigned i = 0; i < self->cfg.port_count; i++)
        free(self->slots[i].cargo);
    free(self->told);
    free(self);
}

int updater_work_open(struct updater_work **out, const struct updater_work_cfg *cfg, struct ferry_fault *fault)
{
    struct updater_work *self = calloc(1, sizeof *self + cfg->port_count * sizeof self->slots[0]);
    *out = NULL;
    if (!self)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the depot's jobs");
    self->cfg = *cfg;
    pthread_mutex_init(&self->mutex, NULL);
    take_project(self);
    uint32_t now = self->retry_ms = work_now_ms();
    for (unsigned i = 0; i < cfg->port_count; i++) {
        self->slots[i].index = i;
        self->slots[i].next_ms = now;
    }
    self->told_cap = TOLD_EACH * (cfg->port_count + 1);
    self->told = calloc(self->told_cap, sizeof *self->told);
    int status = self->told ? open_client(self, fault) : FERRY_ERR_NO_MEMORY;
    if (status >= 0 && pthread_create(&self->thread, NULL, work_talk, self) == 0) {
        *out = self;
        return FERRY_OK;
    }
    if (status >= 0 || !self->told)
        status = ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no thread for the depot's jobs");
    give_up(self);
    return status;
}

struct ferry_fault updater_work_first(struct updater_work *self)
{
    work_lock(self);
    struct ferry_fault fault = self->first;
    work_unlock(self);
    return fault;
}

void updater_work_close(struct updater_work *self)
{
    if (!self)
        return;
    work_lock(self);
    self->stop = true;
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        struct work_slot *slot = &self->slots[i];
        updater_fetch_stop(self->cfg.fetch, i);
        if (slot->phase == WORK_FETCHING || slot->phase == WORK_READY || slot->phase == WORK_RUNNING) { // never begun
            slot->report.state = "queued";
            work_over(slot);
        }
    }
    work_unlock(self);
    pthread_join(self->thread, NULL);
    work_show_all(self);
    give_up(self);
}
