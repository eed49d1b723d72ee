// The thread that talks to the depot: claims, reports, check-ins. Under the mutex but for the requests themselves.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apps/ferry/updater_work_parts.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"

enum {
    IDLE_MS = 1000,  // between claims for one target; more with many ports
    TICK_MS = 20,    // the thread's
    PAUSE_MS = 1000, // after the first failure, doubled up to a quarter of the lease
    ONCE_PAUSE_MS = 400,
    ONCE_FAILURES = 3, // --once and a single check-in: so many trials to reach the depot
    GIVE_BACKS = 4,    // attempts of a job before "nobody answers" counts as its failure
    EVERY_S = 60,
};

void work_over(struct work_slot *slot)
{
    slot->phase = WORK_OVER;
    slot->over_ms = work_now_ms();
}

uint32_t work_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static uint32_t renew_ms(const struct updater_work *self)
{
    return self->client.lease_ms / 4;
}

// ---- the depot's answers ----

static void answered(struct updater_work *self)
{
    if (self->failures) {
        struct work_told *t = work_tell(self, WORK_SAID_REACHED, -1);
        snprintf(t->text, sizeof t->text, "the depot answers again");
    }
    self->failures = 0;
    self->reached = true;
}

// A result is told before a run ends, for as long as the claim holds; what is under way is finished first.
static bool has_to_tell(const struct updater_work *self, uint32_t now)
{
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        const struct work_slot *slot = &self->slots[i];
        bool under_way = slot->phase == WORK_FETCHING || slot->phase == WORK_READY || slot->phase == WORK_RUNNING;
        bool untold = slot->phase == WORK_OVER && !ferry_time_reached(now, slot->over_ms + self->client.lease_ms);
        if (!slot->lost && (under_way || untold))
            return true;
    }
    return false;
}

// "Busy" is said of targets elsewhere.
static void end_for(struct updater_work *self, const struct ferry_fault *fault)
{
    self->fatal = *fault;
    if (fault->status == FERRY_ERR_BUSY)
        self->fatal.status = FERRY_ERR_STORAGE_READ;
}

static void unreachable(struct updater_work *self, const struct ferry_fault *fault)
{
    uint32_t shift = self->failures < 5 ? self->failures : 5, most = renew_ms(self);
    bool once = self->cfg.once || (work_checks_in(self) && !self->cfg.wait);
    uint32_t pause = (uint32_t)(once ? ONCE_PAUSE_MS : PAUSE_MS) << shift;
    if (self->failures++ == 0) {
        struct work_told *t = work_tell(self, WORK_SAID_UNREACHED, -1);
        snprintf(t->text, sizeof t->text, "%.180s: tried again until it does", fault->what);
        snprintf(t->hint, sizeof t->hint, "%s", fault->hint);
    }
    uint32_t now = work_now_ms();
    if (once && self->failures >= ONCE_FAILURES && !has_to_tell(self, now))
        end_for(self, fault);
    self->retry_ms = now + (pause < most ? pause : most);
}

// True when it is to be tried again later. What makes no sense may be a proxy's page: one that was a depot before is
// given time.
static bool later(struct updater_work *self, int status, const struct ferry_fault *fault)
{
    if (ferry_depot_client_later(status) || (status == FERRY_ERR_MANIFEST && self->reached)) {
        unreachable(self, fault);
        return true;
    }
    answered(self);
    return false;
}

// ---- jobs ----

static void lose(struct updater_work *self, struct work_slot *slot)
{
    struct work_told *t = work_tell(self, WORK_SAID_LOST, (int)slot->index);
    slot->lost = true;
    snprintf(t->job, sizeof t->job, "%s", slot->job.id);
    snprintf(t->text, sizeof t->text, "job %s is lost: it was cancelled, or somebody else has it%s", slot->job.id,
             slot->phase == WORK_RUNNING ? "; what is being written is finished" : "");
}

static void tell_report(struct updater_work *self, const struct work_slot *slot)
{
    if (strcmp(slot->report.state, "running") == 0)
        return;
    struct work_told *t = work_tell(self, WORK_SAID_REPORT, (int)slot->index);
    snprintf(t->job, sizeof t->job, "%s", slot->job.id);
    snprintf(t->state, sizeof t->state, "%s", slot->report.state);
    snprintf(t->result, sizeof t->result, "%s", slot->report.result ? slot->report.result : "");
    snprintf(t->text, sizeof t->text, "%s", slot->report.text);
}

// 0: told (or the depot does not want it); 1: to be tried again.
static int report(struct updater_work *self, struct work_slot *slot)
{
    struct ferry_depot_client_report sent = slot->report;
    struct ferry_depot_client_job job = slot->job;
    struct ferry_fault fault;
    work_unlock(self);
    int status = ferry_depot_client_report(&self->client, &job, &sent, &fault);
    work_lock(self);
    if (later(self, status, &fault))
        return 1;
    if (status == FERRY_ERR_CANCELLED)
        lose(self, slot);
    else if (status < 0)
        work_say(self, (int)slot->index, true, "job %s: %.180s", job.id, fault.what);
    else
        tell_report(self, slot);
    return 0;
}

static bool renew(struct updater_work *self, struct work_slot *slot)
{
    uint32_t now = work_now_ms();
    bool held = slot->phase == WORK_FETCHING || slot->phase == WORK_READY || slot->phase == WORK_RUNNING;
    if (!held || slot->lost || !ferry_time_reached(now, slot->next_ms))
        return false;
    slot->report.state = "running";
    slot->next_ms = now + renew_ms(self);
    report(self, slot);
    return true;
}

static void after(struct updater_work *self, struct work_slot *slot, uint32_t pause_ms)
{
    slot->phase = slot->known ? WORK_IDLE : WORK_UNKNOWN;
    slot->looked = slot->none = false;
    slot->next_ms = work_now_ms() + pause_ms;
    slot->look_ms = slot->next_ms + (self->cfg.probe_ms ? self->cfg.probe_ms : 3000);
}

static void conclude_job(struct updater_work *self, struct work_slot *slot)
{
    if (!slot->lost && report(self, slot) != 0)
        return;
    bool given_back = strcmp(slot->report.state, "queued") == 0;
    after(self, slot, given_back && slot->known ? 3 * IDLE_MS : 0);
}

// Nobody answers, or this computer's disk has failed: another updater, or this one later, may do better.
static bool may_come_back(const struct work_slot *slot, const struct ferry_fault *fault)
{
    enum ferry_status_class class = ferry_status_class_of(fault->status);
    if (slot->swapped || (fault->status == FERRY_ERR_CANCELLED && !slot->stopped))
        return true;
    bool local = class == FERRY_CLASS_STORAGE && fault->status != FERRY_ERR_STORAGE_MISSING;
    return (class == FERRY_CLASS_WIRE || local) && slot->job.attempt < GIVE_BACKS;
}

void work_end_job(struct work_slot *slot, const struct ferry_fault *fault, bool altered)
{
    struct ferry_depot_client_report *r = &slot->report;
    bool cancelled = fault->status == FERRY_ERR_CANCELLED;
    r->state = fault->status >= 0                                      ? "done"
               : (!altered || cancelled) && may_come_back(slot, fault) ? "queued"
                                                                       : "failed";
    r->result = ferry_status_name(fault->status < 0 ? fault->status : FERRY_OK);
    snprintf(r->text, sizeof r->text, "%s%.200s", slot->stopped && cancelled ? "stopped on the updater's page: " : "",
             fault->status < 0 ? fault->what : "");
    work_over(slot);
}

static void take_job(struct updater_work *self, struct work_slot *slot, const struct ferry_depot_client_job *job)
{
    slot->job = *job;
    slot->report = (struct ferry_depot_client_report){.state = "running"};
    memcpy(slot->report.mac, slot->mac, sizeof slot->report.mac);
    slot->lost = slot->swapped = slot->stopped = slot->begun = false;
    slot->phase = WORK_FETCHING;
    slot->next_ms = work_now_ms() + renew_ms(self);
    struct work_told *t = work_tell(self, WORK_SAID_CLAIM, (int)slot->index);
    memcpy(t->job, job->id, sizeof t->job);
    memcpy(t->project, job->project, sizeof t->project);
    memcpy(t->version, job->version, sizeof t->version);
    t->attempt = job->attempt;
}

static void claim(struct updater_work *self, struct work_slot *slot)
{
    struct ferry_fault fault;
    struct ferry_depot_client_job job;
    char chip[sizeof slot->chip_name], mac[sizeof slot->mac];
    memcpy(chip, slot->chip_name, sizeof chip);
    memcpy(mac, slot->mac, sizeof mac);
    slot->asking = true;
    work_unlock(self);
    int status = ferry_depot_client_claim(&self->client, chip, mac, &job, &fault);
    work_lock(self);
    slot->asking = false;
    slot->next_ms = work_now_ms() + IDLE_MS + 20 * self->cfg.port_count;
    if (later(self, status, &fault))
        return;
    slot->none = status == 0;
    if (status < 0)
        self->fatal = fault;
    if (status > 0)
        take_job(self, slot, &job);
}

// ---- check-ins ----

static void describe(const struct updater_work *self, const struct work_slot *slot,
                     struct ferry_depot_client_device *device)
{
    *device = (struct ferry_depot_client_device){0};
    memcpy(device->mac, slot->mac, sizeof device->mac);
    memcpy(device->chip, slot->chip_name, sizeof device->chip);
    if (slot->running.state == FERRY_RUNNING_KNOWN) {
        snprintf(device->project, sizeof device->project, "%s", slot->running.project);
        snprintf(device->version, sizeof device->version, "%s", slot->running.version);
        memcpy(device->sha256, slot->hash, sizeof device->sha256);
    }
    memcpy(device->default_project, self->project, sizeof device->default_project);
    memcpy(device->default_channel, self->channel, sizeof device->default_channel);
}

static void tell_checkin(struct updater_work *self, const struct work_slot *slot)
{
    struct work_told *t = work_tell(self, WORK_SAID_CHECKIN, (int)slot->index);
    t->answer = slot->answer;
    t->running = slot->running;
    t->again = slot->again;
    memcpy(t->chip, slot->chip_name, sizeof t->chip);
    memcpy(t->label, slot->label, sizeof t->label);
    memcpy(t->mac, slot->mac, sizeof t->mac);
    memcpy(t->hash, slot->hash, sizeof t->hash);
}

static void rest(struct updater_work *self, struct work_slot *slot)
{
    uint32_t now = work_now_ms();
    slot->phase = WORK_RESTING;
    slot->look_ms = now + (self->cfg.probe_ms ? self->cfg.probe_ms : 3000);
    slot->ask_ms = now + 1000 * (self->cfg.every_s ? self->cfg.every_s : EVERY_S);
}

// What was brought already, or has failed, is not brought again to a target that stays.
static void take_answer(struct updater_work *self, struct work_slot *slot,
                        const struct ferry_depot_client_answer *answer)
{
    bool same = slot->answer.verdict == answer->verdict &&
                strcmp(slot->answer.build.sha256, answer->build.sha256) == 0 && slot->told;
    bool update = answer->verdict == FERRY_DEPOT_CLIENT_UPDATE && strcmp(slot->tried, answer->build.sha256) != 0;
    slot->answer = *answer;
    if (!same)
        tell_checkin(self, slot);
    slot->told = true;
    if (answer->verdict == FERRY_DEPOT_CLIENT_NOTHING && self->first.status >= 0) {
        ferry_fault_set(&self->first, FERRY_ERR_NO_BUILD_FOR_CHIP, "", "the depot has nothing for %s %s", slot->label,
                        slot->mac);
    }
    if (!update) {
        rest(self, slot);
        return;
    }
    slot->lost = slot->swapped = slot->stopped = slot->begun = false;
    memcpy(slot->tried, answer->build.sha256, sizeof slot->tried);
    slot->phase = WORK_FETCHING;
}

static void check_in(struct updater_work *self, struct work_slot *slot)
{
    struct ferry_depot_client_device device;
    struct ferry_depot_client_answer answer;
    struct ferry_fault fault;
    describe(self, slot, &device);
    slot->asking = true;
    work_unlock(self);
    int status = ferry_depot_client_checkin(&self->client, &device, &answer, &fault);
    work_lock(self);
    slot->asking = false;
    if (later(self, status, &fault))
        return;
    if (status < 0)
        self->fatal = fault;
    else
        take_answer(self, slot, &answer);
}

static void conclude_checkin(struct updater_work *self, struct work_slot *slot)
{
    if (!slot->known)
        after(self, slot, 0);
    else if (slot->again)
        check_in(self, slot);
    else
        rest(self, slot);
}

// ---- the thread ----

static void serve(struct updater_work *self, struct work_slot *slot)
{
    bool jobs = !work_checks_in(self);
    if (!ferry_time_reached(work_now_ms(), self->retry_ms) || (jobs && renew(self, slot)))
        return;
    if (slot->phase == WORK_OVER)
        (jobs ? conclude_job : conclude_checkin)(self, slot);
    else if (slot->phase == WORK_IDLE && self->fatal.status >= 0 && ferry_time_reached(work_now_ms(), slot->next_ms))
        (jobs ? claim : check_in)(self, slot);
}

static void last_words(struct updater_work *self)
{
    self->last = true;
    for (unsigned i = 0; i < self->cfg.port_count && !work_checks_in(self); i++)
        if (self->slots[i].phase == WORK_OVER && !self->slots[i].lost && report(self, &self->slots[i]) != 0) {
            const struct work_slot *slot = &self->slots[i];
            work_say(self, (int)i, true,
                     "job %s: the depot could not be told any more that it %s; it will be done again", slot->job.id,
                     strcmp(slot->report.state, "done") == 0 ? "is done" : "has ended");
        }
}

void *work_talk(void *ctx)
{
    struct updater_work *self = ctx;
    struct timespec tick = {0, TICK_MS * 1000000L};
    work_lock(self);
    while (!self->stop) {
        for (unsigned i = 0; i < self->cfg.port_count && !self->stop; i++)
            serve(self, &self->slots[i]);
        work_unlock(self);
        nanosleep(&tick, NULL);
        work_lock(self);
    }
    last_words(self);
    work_unlock(self);
    return NULL;
}
