#include "apps/ferry/updater_work.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apps/ferry/cargo_from_url.h"
#include "apps/ferry/cmd_updater_options.h"
#include "apps/ferry/updater_work_depot.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/chip/chip.h"
#include "ports/posix/number.h"

enum {
    LEASE_S = 60,
    LOOK_MS = 3000,    // between looks at a port where nobody answers
    IDLE_MS = 1000,    // between claims for one target; more with many ports
    TICK_MS = 50,      // the thread's
    PAUSE_MS = 1000,   // after the first failure, doubled up to a quarter of the lease
    ONCE_FAILURES = 3, // --once: so many trials to reach the depot
    GIVE_BACKS = 4,    // attempts of a job before "nobody answers" counts as its failure
    SAID = 8,
};

enum phase { UNKNOWN, LOOKING, IDLE, FETCHING, READY, RUNNING, OVER };

struct slot {
    enum phase phase;
    unsigned index;
    uint32_t next_ms; // UNKNOWN: look, IDLE: claim, FETCHING to RUNNING: report
    bool looked;      // at least once
    bool none;        // the last claim found nothing
    bool known;       // OVER: it is still the target below
    bool lost;        // the job is not ours any more
    bool swapped;     // another target than the job was claimed for
    bool told;        // that nobody answers
    uint16_t chip;
    char chip_name[16], mac[18];
    struct updater_work_job job;
    struct updater_work_report report;
    struct ferry_cargo cargo;
};

struct said {
    int port; // -1 = of the depot
    bool warning;
    char text[256];
};

struct updater_work {
    struct updater_work_cfg cfg;
    struct updater_work_depot depot; // the thread's
    char worker[64];
    pthread_t thread;
    pthread_mutex_t mutex; // all below
    bool stop;
    uint32_t failures, retry_ms;
    struct ferry_fault fatal; // status 0 = none
    struct said said[SAID];
    unsigned said_count;
    struct slot slots[];
};

static uint32_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void lock(struct updater_work *self)
{
    pthread_mutex_lock(&self->mutex);
}

static void unlock(struct updater_work *self)
{
    pthread_mutex_unlock(&self->mutex);
}

__attribute__((format(printf, 4, 5))) static void say(struct updater_work *self, int port, bool warning,
                                                      const char *format, ...)
{
    if (self->said_count == SAID)
        memmove(self->said, self->said + 1, --self->said_count * sizeof *self->said);
    struct said *s = &self->said[self->said_count++];
    va_list args;
    va_start(args, format);
    vsnprintf(s->text, sizeof s->text, format, args);
    va_end(args);
    s->port = port;
    s->warning = warning;
}

static uint32_t renew_ms(const struct updater_work *self)
{
    return self->depot.lease_ms / 4;
}

// ---- the thread: the depot's answers (locked, but for the request itself) ----

static void answered(struct updater_work *self)
{
    if (self->failures)
        say(self, -1, false, "the depot answers again");
    self->failures = 0;
}

static void unreachable(struct updater_work *self, const struct ferry_fault *fault)
{
    uint32_t shift = self->failures < 5 ? self->failures : 5, most = renew_ms(self);
    uint32_t pause = (uint32_t)PAUSE_MS << shift;
    if (self->failures++ == 0)
        say(self, -1, true, "%.180s: tried again until it does", fault->what);
    if (self->cfg.once && self->failures >= ONCE_FAILURES)
        self->fatal = *fault;
    self->retry_ms = now_ms() + (pause < most ? pause : most);
}

static void lose(struct updater_work *self, struct slot *slot)
{
    slot->lost = true;
    say(self, (int)slot->index, true, "job %s is lost: it was cancelled, or somebody else has it%s", slot->job.id,
        slot->phase == RUNNING ? "; what is being written is finished" : "");
    if (slot->phase == READY) {
        slot->phase = IDLE;
        slot->next_ms = now_ms();
    }
}

// 0: told (or the depot does not want it); 1: to be tried again.
static int report(struct updater_work *self, struct slot *slot)
{
    struct updater_work_report sent = slot->report;
    struct updater_work_job job = slot->job;
    struct ferry_fault fault;
    unlock(self);
    int status = updater_work_depot_report(&self->depot, &job, &sent, &fault);
    lock(self);
    if (updater_work_depot_later(status)) {
        unreachable(self, &fault);
        return 1;
    }
    answered(self);
    if (status == FERRY_ERR_CANCELLED)
        lose(self, slot);
    else if (status < 0)
        say(self, (int)slot->index, true, "job %s: %.180s", job.id, fault.what);
    return 0;
}

static bool renew(struct updater_work *self, struct slot *slot)
{
    uint32_t now = now_ms();
    bool held = slot->phase == FETCHING || slot->phase == READY || slot->phase == RUNNING;
    if (!held || slot->lost || !ferry_time_reached(now, slot->next_ms) || !ferry_time_reached(now, self->retry_ms))
        return false;
    slot->report.state = "running";
    slot->next_ms = now + renew_ms(self);
    report(self, slot);
    return true;
}

static void conclude(struct updater_work *self, struct slot *slot)
{
    if (!slot->lost && report(self, slot) != 0)
        return;
    slot->phase = slot->known ? IDLE : UNKNOWN;
    slot->looked = slot->none = false;
    slot->next_ms = now_ms() + (strcmp(slot->report.state, "queued") == 0 && slot->known ? LOOK_MS : 0);
}

static bool fetching(void *ctx, const char *name, uint32_t done, uint32_t size)
{
    struct slot *slot = ctx;
    struct updater_work *self =
        (struct updater_work *)(void *)((char *)(slot - slot->index) - offsetof(struct updater_work, slots));
    (void)name, (void)done, (void)size;
    lock(self);
    for (unsigned i = 0; i < self->cfg.port_count; i++)
        renew(self, &self->slots[i]);
    bool end = self->stop || slot->lost;
    unlock(self);
    return end;
}

static bool may_come_back(const struct slot *slot, const struct ferry_fault *fault)
{
    if (fault->status == FERRY_ERR_CANCELLED || slot->swapped)
        return true;
    return ferry_status_class_of(fault->status) == FERRY_CLASS_WIRE && slot->job.attempt < GIVE_BACKS;
}

static void end_job(struct slot *slot, const struct ferry_fault *fault, bool altered)
{
    struct updater_work_report *r = &slot->report;
    bool cancelled = fault->status == FERRY_ERR_CANCELLED;
    r->state = fault->status >= 0                                      ? "done"
               : (!altered || cancelled) && may_come_back(slot, fault) ? "queued"
                                                                       : "failed";
    r->result = ferry_status_name(fault->status < 0 ? fault->status : FERRY_OK);
    snprintf(r->text, sizeof r->text, "%s", fault->status < 0 ? fault->what : "");
    slot->phase = OVER;
}

// Fetches the claimed job's build; unlocked meanwhile.
static void fetch(struct updater_work *self, struct slot *slot)
{
    char url[sizeof self->depot.url + 40];
    struct ferry_fault fault = {0};
    struct cargo_from_url_teller teller = {.progress = fetching, .ctx = slot};
    struct ferry_cargo_list *list = calloc(1, sizeof *list);
    int status = list ? FERRY_OK : ferry_fault_set(&fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the build");
    snprintf(url, sizeof url, "depot:%s/%s", self->depot.url, slot->job.build);
    unlock(self);
    if (status >= 0)
        status = cargo_from_url_telling(url, slot->chip, &teller, list, &fault);
    lock(self);
    if (status >= 0)
        slot->cargo = list->items[0];
    free(list);
    slot->known = true;
    if (status < 0)
        say(self, (int)slot->index, true, "job %s: %.180s", slot->job.id, fault.what);
    if (status < 0 || self->stop)
        end_job(slot, &fault, false);
    else if (slot->lost)
        slot->phase = OVER;
    else
        slot->phase = READY;
    if (self->stop)
        slot->report.state = "queued";
}

static void claim(struct updater_work *self, struct slot *slot)
{
    struct ferry_fault fault;
    struct updater_work_job job;
    char chip[sizeof slot->chip_name], mac[sizeof slot->mac];
    memcpy(chip, slot->chip_name, sizeof chip);
    memcpy(mac, slot->mac, sizeof mac);
    unlock(self);
    int status = updater_work_depot_claim(&self->depot, chip, mac, &job, &fault);
    lock(self);
    slot->next_ms = now_ms() + IDLE_MS + 20 * self->cfg.port_count;
    if (updater_work_depot_later(status)) {
        unreachable(self, &fault);
        return;
    }
    answered(self);
    slot->none = status == 0;
    if (status < 0)
        self->fatal = fault;
    if (status <= 0)
        return;
    slot->job = job;
    slot->report = (struct updater_work_report){.state = "running"};
    slot->lost = slot->swapped = false;
    slot->phase = FETCHING;
    slot->next_ms = now_ms() + renew_ms(self);
    say(self, (int)slot->index, false, "job %s: %s", job.id, job.what);
    fetch(self, slot);
}

static void serve(struct updater_work *self, struct slot *slot)
{
    if (!ferry_time_reached(now_ms(), self->retry_ms) || renew(self, slot))
        return;
    if (slot->phase == OVER)
        conclude(self, slot);
    else if (slot->phase == IDLE && self->fatal.status >= 0 && ferry_time_reached(now_ms(), slot->next_ms))
        claim(self, slot);
}

static void *talk(void *ctx)
{
    struct updater_work *self = ctx;
    struct timespec tick = {0, TICK_MS * 1000000L};
    lock(self);
    while (!self->stop) {
        for (unsigned i = 0; i < self->cfg.port_count && !self->stop; i++)
            serve(self, &self->slots[i]);
        unlock(self);
        nanosleep(&tick, NULL);
        lock(self);
    }
    for (unsigned i = 0; i < self->cfg.port_count; i++)
        if (self->slots[i].phase == OVER && !self->slots[i].lost && report(self, &self->slots[i]) != 0)
            break;
    unlock(self);
    return NULL;
}

// ---- the loop ----

static void show(struct updater_work *self, const struct said *s)
{
    struct cmd_updater_screen *screen = self->cfg.screen;
    if (s->warning && s->port >= 0) {
        cmd_updater_screen_warning(screen, (unsigned)s->port, s->text);
        return;
    }
    cmd_updater_screen_wipe(screen);
    if (s->warning)
        cli_display_warning(&screen->display, s->text);
    else
        cli_display_line(&screen->display, "%s%s%s", s->port >= 0 ? screen->names[s->port] : "",
                         s->port >= 0 ? ": " : "", s->text);
}

static void show_all(struct updater_work *self)
{
    struct said said[SAID];
    lock(self);
    unsigned count = self->said_count;
    memcpy(said, self->said, count * sizeof *said);
    self->said_count = 0;
    unlock(self);
    for (unsigned i = 0; i < count; i++)
        show(self, &said[i]);
}

static void step(struct updater_work *self, struct slot *slot)
{
    const struct ferry_updater_port *port = &self->cfg.updater->ports[slot->index];
    struct ferry_updater_wish wish = {.probe = slot->phase == UNKNOWN};
    struct ferry_progress progress;
    if (slot->phase == UNKNOWN && (self->fatal.status < 0 || !ferry_time_reached(now_ms(), slot->next_ms)))
        return;
    if ((slot->phase == UNKNOWN || slot->phase == READY) &&
        ferry_updater_start(self->cfg.updater, slot->index, &wish) == FERRY_OK)
        slot->phase = slot->phase == UNKNOWN ? LOOKING : RUNNING;
    if (slot->phase != RUNNING || !port->job_open)
        return;
    ferry_job_progress(&port->job, &progress);
    slot->report.done = progress.total_done;
    slot->report.size = progress.total_size;
}

static bool busy(const struct updater_work *self, const struct slot *slot)
{
    if (slot->phase == UNKNOWN || slot->phase == IDLE)
        return self->fatal.status >= 0 && !(slot->phase == IDLE ? slot->none : slot->looked);
    return slot->phase != OVER || self->fatal.status >= 0;
}

bool updater_work_poll(struct updater_work *self, struct ferry_fault *fault)
{
    bool going = false;
    lock(self);
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        step(self, &self->slots[i]);
        going = going || busy(self, &self->slots[i]);
    }
    bool over = !going && (self->cfg.once || self->fatal.status < 0);
    if (over)
        *fault = self->fatal;
    unlock(self);
    show_all(self);
    return !over;
}

static void mac_text(const uint8_t *mac, char *out, size_t cap)
{
    snprintf(out, cap, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

// A target without a MAC gets those jobs that name none: nobody has this one.
static void take_target(struct slot *slot, const struct ferry_chip *chip, const struct ferry_updater_outcome *outcome)
{
    static const uint8_t nobody[6];
    slot->chip = chip->id;
    snprintf(slot->chip_name, sizeof slot->chip_name, "%s", chip->name);
    mac_text(outcome->mac_known ? outcome->mac : nobody, slot->mac, sizeof slot->mac);
}

static void looked(struct updater_work *self, struct slot *slot, const struct ferry_updater_outcome *outcome)
{
    const struct ferry_chip *chip = outcome->chip[0] ? ferry_chip_by_name(outcome->chip) : NULL;
    bool found = outcome->fault.status >= 0;
    slot->looked = true;
    slot->phase = found && chip ? IDLE : UNKNOWN;
    slot->none = false;
    slot->next_ms = now_ms() + (slot->phase == IDLE ? 0 : LOOK_MS);
    if (slot->phase == IDLE) {
        take_target(slot, chip, outcome);
        say(self, (int)slot->index, false, "%s %s, ready for jobs", outcome->chip, slot->mac);
    } else if (!slot->told) {
        say(self, (int)slot->index, true, "%.200s",
            found ? "the target does not say which chip it is: no jobs are claimed for it" : outcome->fault.what);
    }
    slot->told = slot->phase != IDLE;
}

int updater_work_choose(struct updater_work *self, unsigned port, const struct ferry_target *target,
                        struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct slot *slot = &self->slots[port];
    char mac[18];
    int status = 1;
    lock(self);
    if (target && target->mac_known) {
        mac_text(target->mac, mac, sizeof mac);
        slot->swapped = strcmp(mac, slot->mac) != 0;
    }
    if (slot->swapped)
        status = ferry_fault_set(fault, FERRY_ERR_STATE, "", "another target (%s) than job %s was claimed for (%s)",
                                 mac, slot->job.id, slot->mac);
    else
        *out = slot->cargo;
    unlock(self);
    return status;
}

void updater_work_ended(struct updater_work *self, unsigned port, const struct ferry_updater_outcome *outcome)
{
    struct slot *slot = &self->slots[port];
    const struct ferry_job_result *result = &outcome->result;
    struct updater_work_report *r = &slot->report;
    lock(self);
    if (slot->phase == LOOKING)
        looked(self, slot, outcome);
    else if (slot->phase == RUNNING) {
        r->written = result->bytes_written;
        r->skipped = result->bytes_skipped;
        r->retries = result->retries;
        r->elapsed_ms = result->elapsed_ms;
        r->done = outcome->fault.status >= 0 ? result->bytes_total : r->done;
        r->size = result->bytes_total;
        if (outcome->mac_known)
            mac_text(outcome->mac, r->mac, sizeof r->mac);
        slot->known = outcome->fault.status >= 0;
        end_job(slot, &outcome->fault, result->written);
    }
    unlock(self);
}

// ---- open and close ----

int updater_work_option(struct updater_work_cfg *cfg, int argc, char **argv, int *i)
{
    bool missing = false;
    if (strcmp(argv[*i], "--work") == 0)
        return cfg->work = true;
    if (strcmp(argv[*i], "--once") == 0)
        return cfg->once = true;
    const char *worker = cmd_updater_value("--worker", argc, argv, i, &missing);
    const char *lease = worker ? NULL : cmd_updater_value("--lease", argc, argv, i, &missing);
    if (!worker && !lease)
        return 0;
    if (missing)
        return cli_usage_error("updater", NULL, "%s needs a value", worker ? "--worker" : "--lease");
    if (worker && (!*worker || strlen(worker) > 63))
        return cli_usage_error("updater", "1 to 63 characters", "'%s' is no name for --worker", worker);
    if (lease && !ferry_posix_number_in(lease, 1, 3600, &cfg->lease_s))
        return cli_usage_error("updater", "1 to 3600", "'%s' is no number of seconds for --lease", lease);
    cfg->worker = worker ? worker : cfg->worker;
    return 1;
}

int updater_work_check(const struct updater_work_cfg *cfg, bool wait, bool web)
{
    bool http = cfg->depot && (strncmp(cfg->depot, "http://", 7) == 0 || strncmp(cfg->depot, "https://", 8) == 0);
    if (!cfg->work && (cfg->once || cfg->worker || cfg->lease_s))
        return cli_usage_error("updater", "--depot URL --work", "--once, --worker and --lease go with --work");
    if (cfg->work && !http)
        return cli_usage_error("updater", "--depot https://depot.local:8470",
                               "--work needs --depot with the address of a ferry depot serve");
    if (cfg->work && (wait || web))
        return cli_usage_error("updater", "leave it out", "--work and %s exclude each other",
                               wait ? "--wait" : "--web");
    return -1;
}

int updater_work_open(struct updater_work **out, const struct updater_work_cfg *cfg, struct ferry_fault *fault)
{
    struct updater_work *self = calloc(1, sizeof *self + cfg->port_count * sizeof self->slots[0]);
    *out = NULL;
    if (!self)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory for the depot's jobs");
    self->cfg = *cfg;
    if (cfg->worker)
        snprintf(self->worker, sizeof self->worker, "%s", cfg->worker);
    else if (gethostname(self->worker, sizeof self->worker - 1) != 0)
        snprintf(self->worker, sizeof self->worker, "updater");
    uint32_t now = self->retry_ms = now_ms();
    for (unsigned i = 0; i < cfg->port_count; i++) {
        self->slots[i].index = i;
        self->slots[i].next_ms = now;
    }
    pthread_mutex_init(&self->mutex, NULL);
    uint32_t lease_ms = (cfg->lease_s ? cfg->lease_s : LEASE_S) * 1000;
    int status = updater_work_depot_open(&self->depot, cfg->depot, self->worker, lease_ms, fault);
    if (status >= 0 && pthread_create(&self->thread, NULL, talk, self) != 0)
        status = ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no thread for the depot's jobs");
    if (status >= 0) {
        *out = self;
        return status;
    }
    updater_work_depot_close(&self->depot);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return status;
}

void updater_work_close(struct updater_work *self)
{
    if (!self)
        return;
    lock(self);
    self->stop = true;
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        struct slot *slot = &self->slots[i];
        if (slot->phase == READY || slot->phase == RUNNING) { // never begun
            slot->report.state = "queued";
            slot->phase = OVER;
        }
    }
    unlock(self);
    pthread_join(self->thread, NULL);
    show_all(self);
    updater_work_depot_close(&self->depot);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
