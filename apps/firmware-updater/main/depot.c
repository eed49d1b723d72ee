#include "depot.h"

#if CONFIG_FERRY_UPDATER_DEPOT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench_card.h"
#include "depot_parts.h"
#include "ferry/base/status.h"
#include "kept.h"
#include "network.h"
#include "tell.h"
#include "updater/download.h"

#define STEP 10 // per cent between lines on the console

static struct {
    bool ready;
    uint32_t percent[DEPOT_ERRANDS]; // told last
    char file[DEPOT_ERRANDS][40];    // of this file
    bool shown[BOARD_TARGETS];       // on the page
    uint32_t megabytes;              // of the cache, as it was told to the task
} self;

static const char *name_of(unsigned i)
{
    return i < BOARD_TARGETS ? board_target_names[i] : "fetch";
}

static uint32_t megabytes(void)
{
    return ferry_settings_number(kept_settings(), "depot.cache");
}

void depot_start(struct ferry_updater *updater)
{
    self.megabytes = megabytes();
    self.ready = depot_task_start((uint64_t)self.megabytes << 20);
    if (!self.ready)
        tell("no memory for the depot");
    depot_work_start(updater);
}

const struct ferry_web_depot *depot_of_page(bool *secure)
{
    *secure = false;
    return self.ready ? depot_task_page(secure) : NULL;
}

bool depot_names(const char *cargo)
{
    return strncmp(cargo, "depot:", 6) == 0 || ferry_download_is_url(cargo);
}

bool depot_decides(void)
{
    return self.ready && depot_url()[0] && strcmp(ferry_settings_text(kept_settings(), "depot.use"), "off") != 0;
}

// ---- errands of people: a page, a console ----

static enum errand_phase phase_of(unsigned i)
{
    depot_lock();
    enum errand_phase phase = depot_errands[i].phase;
    depot_unlock();
    return phase;
}

static void ask(unsigned i, const char *what, const char *chip)
{
    struct errand *e = &depot_errands[i];
    e->what = ERRAND_FETCH;
    snprintf(e->reference, sizeof e->reference, "%s", what);
    snprintf(e->device.chip, sizeof e->device.chip, "%s", chip);
    self.percent[i] = 0;
    self.file[i][0] = 0;
    depot_hand_over(i);
}

int depot_choose(unsigned port, const char *cargo, const struct ferry_target *target, struct ferry_cargo *out,
                 struct ferry_fault *fault)
{
    struct errand *e = &depot_errands[port];
    if (!self.ready)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "there was no memory for the depot");
    if (!bench_card_there())
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, BOARD_CARD_PATH,
                               "no card is in the socket, and what is fetched is kept on it");
    if (depot_work_has(port))
        return depot_work_choose(port, target, out, fault);
    if (phase_of(port) == ERRAND_REST)
        ask(port, cargo, target && target->chip ? target->chip->name : "");
    if (phase_of(port) != ERRAND_DONE)
        return FERRY_ERR_BUSY;
    if (e->status < 0) {
        *fault = e->fault;
        return e->status;
    }
    *out = e->cargo;
    return FERRY_OK;
}

int depot_ask(unsigned port)
{
    return self.ready ? depot_work_ask(port) : FERRY_ERR_NO_MEMORY;
}

int depot_fetch(const char *what)
{
    if (!self.ready || phase_of(DEPOT_CONSOLE) != ERRAND_REST)
        return FERRY_ERR_BUSY;
    ask(DEPOT_CONSOLE, what, "");
    return FERRY_OK;
}

static bool stop(unsigned i)
{
    depot_lock();
    enum errand_phase phase = depot_errands[i].phase;
    if (phase == ERRAND_AT_WORK)
        depot_errands[i].stop = true;
    else
        depot_errands[i].phase = ERRAND_REST;
    depot_unlock();
    return phase == ERRAND_ASKED || phase == ERRAND_AT_WORK;
}

bool depot_abort(unsigned port)
{
    bool any = false;
    if (!self.ready)
        return false;
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (port == i || port == BENCH_ALL)
            any = depot_work_abort(i, ferry_idf_clock_now()) || any;
    if (port == BENCH_ALL && stop(DEPOT_CONSOLE)) {
        tell("fetch: stopped; what has come is kept");
        return true;
    }
    return any;
}

bool depot_busy(void)
{
    bool busy = false;
    for (unsigned i = 0; self.ready && i < DEPOT_ERRANDS; i++) {
        enum errand_phase phase = phase_of(i);
        busy = busy || phase == ERRAND_ASKED || phase == ERRAND_AT_WORK;
    }
    return busy;
}

bool depot_holds(unsigned port)
{
    return self.ready && depot_work_has(port);
}

bool depot_looks(unsigned port)
{
    return self.ready && depot_work_looks(port);
}

void depot_job(unsigned port, const struct ferry_job *job)
{
    if (self.ready)
        depot_work_job(port, job);
}

void depot_ended(unsigned port, const struct ferry_updater_outcome *outcome, uint32_t now_ms)
{
    if (!self.ready || depot_work_ended(port, outcome, now_ms))
        return;
    network_tell_fetching(port, NULL, 0, 0);
    stop(port);
}

// ---- telling ----

static void tell_progress(unsigned i, const char *file, uint32_t at, uint32_t size)
{
    uint32_t percent = size ? (uint32_t)((uint64_t)at * 100 / size) : 0;
    if (strcmp(file, self.file[i]) != 0) {
        snprintf(self.file[i], sizeof self.file[i], "%s", file);
        self.percent[i] = 0;
    }
    if (percent < self.percent[i] + STEP)
        return;
    self.percent[i] = percent - percent % STEP;
    tell("%s: fetching %s %3" PRIu32 " %%  %" PRIu32 " of %" PRIu32 " KB", name_of(i), file, self.percent[i], at / 1024,
         size / 1024);
}

static void show(unsigned i)
{
    char file[40];
    depot_lock();
    const struct errand *e = &depot_errands[i];
    bool fetching = (e->phase == ERRAND_ASKED || e->phase == ERRAND_AT_WORK) && e->what == ERRAND_FETCH && !e->stop;
    uint32_t at = e->at, size = e->size;
    snprintf(file, sizeof file, "%s", e->file);
    depot_unlock();
    if (i < BOARD_TARGETS && (fetching || self.shown[i]))
        network_tell_fetching(i, fetching ? file : NULL, at, size);
    if (i < BOARD_TARGETS)
        self.shown[i] = fetching;
    if (fetching && file[0])
        tell_progress(i, file, at, size);
}

static void fetched(void)
{
    struct errand *e = &depot_errands[DEPOT_CONSOLE];
    if (e->status < 0)
        tell_fault("fetch", &e->fault);
    else
        tell("fetch: %s %s is in the card's cache, %" PRIu32 " KB fetched%s", e->cargo.name, e->cargo.version,
             (e->fetched + 512) / 1024,
             e->kept      ? ", the rest was there"
             : e->fetched ? ""
                          : ": it was there");
    depot_lock();
    e->phase = ERRAND_REST;
    depot_unlock();
}

void depot_poll(bool card, uint32_t now_ms)
{
    if (!self.ready)
        return;
    if (megabytes() != self.megabytes) {
        self.megabytes = megabytes();
        depot_task_limit((uint64_t)self.megabytes << 20);
    }
    for (unsigned i = 0; i < DEPOT_ERRANDS; i++)
        show(i);
    if (phase_of(DEPOT_CONSOLE) == ERRAND_DONE)
        fetched();
    if (card)
        depot_work_poll(now_ms);
}

void depot_tell_status(void)
{
    if (!self.ready)
        return;
    tell("depot: %s, %s; stack of its task: %" PRIu32 " left", depot_url()[0] ? depot_url() : "none",
         ferry_settings_text(kept_settings(), "depot.use"), depot_task_stack_left());
}
#endif
