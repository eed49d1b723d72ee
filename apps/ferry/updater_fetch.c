#include "apps/ferry/updater_fetch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cargo_from_url.h"
#include "ferry/base/status.h"
#include "updater/download.h"

struct request {
    enum updater_fetch_phase phase;
    unsigned ticket; // another one = what was asked for is not wanted any more
    uint16_t chip;
    char url[FERRY_DOWNLOAD_URL];
    struct updater_fetch_progress progress;
    struct ferry_cargo *cargo; // READY
    struct ferry_fault fault;  // FAILED
};

struct updater_fetch {
    pthread_t thread;
    pthread_mutex_t mutex; // all below
    pthread_cond_t asked;
    bool stop;
    unsigned tickets, port_count;
    struct request requests[];
};

// What the thread works on.
struct work {
    struct updater_fetch *self;
    struct request *request;
    unsigned ticket;
};

static bool unwanted(const struct work *work)
{
    return work->self->stop || work->request->ticket != work->ticket;
}

static bool stopped(void *ctx)
{
    const struct work *work = ctx;
    pthread_mutex_lock(&work->self->mutex);
    bool stop = unwanted(work);
    pthread_mutex_unlock(&work->self->mutex);
    return stop;
}

static bool progress(void *ctx, const char *name, uint32_t done, uint32_t size)
{
    struct work *work = ctx;
    pthread_mutex_lock(&work->self->mutex);
    bool stop = unwanted(work);
    if (!stop) {
        struct updater_fetch_progress *p = &work->request->progress;
        snprintf(p->file, sizeof p->file, "%s", name);
        p->done = done;
        p->size = size;
    }
    pthread_mutex_unlock(&work->self->mutex);
    return stop;
}

// Unlocked. The cargo, NULL with *fault.
static struct ferry_cargo *fetch(struct work *work, const char *url, uint16_t chip, struct ferry_fault *fault)
{
    struct cargo_from_url_teller teller = {.progress = progress, .stop = stopped, .ctx = work};
    struct ferry_cargo_list *list = calloc(1, sizeof *list);
    struct ferry_cargo *cargo = malloc(sizeof *cargo);
    int status = list && cargo ? cargo_from_url_telling(url, chip, &teller, list, fault)
                               : ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory for the depot's build");
    if (status >= 0)
        *cargo = list->items[0];
    free(list);
    if (status >= 0)
        return cargo;
    free(cargo);
    return NULL;
}

static void serve(struct work *work)
{
    char url[FERRY_DOWNLOAD_URL];
    struct ferry_fault fault = {0};
    struct request *r = work->request;
    uint16_t chip = r->chip;
    r->phase = UPDATER_FETCH_COMING;
    memcpy(url, r->url, sizeof url);
    pthread_mutex_unlock(&work->self->mutex);
    struct ferry_cargo *cargo = fetch(work, url, chip, &fault);
    pthread_mutex_lock(&work->self->mutex);
    if (unwanted(work)) {
        free(cargo);
        return;
    }
    r->cargo = cargo;
    r->fault = fault;
    r->phase = cargo ? UPDATER_FETCH_READY : UPDATER_FETCH_FAILED;
}

// The one that was asked for first; NULL = none.
static struct request *next(struct updater_fetch *self)
{
    struct request *first = NULL;
    for (unsigned i = 0; i < self->port_count; i++) {
        struct request *r = &self->requests[i];
        if (r->phase == UPDATER_FETCH_WAITING && (!first || r->ticket - first->ticket > UINT32_MAX / 2))
            first = r;
    }
    return first;
}

static void *run(void *ctx)
{
    struct updater_fetch *self = ctx;
    pthread_mutex_lock(&self->mutex);
    while (!self->stop) {
        struct work work = {.self = self, .request = next(self)};
        if (work.request) {
            work.ticket = work.request->ticket;
            serve(&work);
        } else {
            pthread_cond_wait(&self->asked, &self->mutex);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

// ---- for the others ----

static void forget(struct updater_fetch *self, struct request *r)
{
    free(r->cargo);
    r->cargo = NULL;
    r->phase = UPDATER_FETCH_NONE;
    r->ticket = ++self->tickets;
    memset(&r->progress, 0, sizeof r->progress);
}

void updater_fetch_begin(struct updater_fetch *self, unsigned port, const char *url, uint16_t chip)
{
    struct request *r = &self->requests[port];
    pthread_mutex_lock(&self->mutex);
    forget(self, r);
    snprintf(r->url, sizeof r->url, "%s", url);
    r->chip = chip;
    r->phase = UPDATER_FETCH_WAITING;
    pthread_cond_signal(&self->asked);
    pthread_mutex_unlock(&self->mutex);
}

void updater_fetch_stop(struct updater_fetch *self, unsigned port)
{
    pthread_mutex_lock(&self->mutex);
    forget(self, &self->requests[port]);
    pthread_mutex_unlock(&self->mutex);
}

enum updater_fetch_phase updater_fetch_look(struct updater_fetch *self, unsigned port,
                                            struct updater_fetch_progress *out)
{
    pthread_mutex_lock(&self->mutex);
    const struct request *r = &self->requests[port];
    enum updater_fetch_phase phase = r->phase;
    if (out)
        *out = r->progress;
    pthread_mutex_unlock(&self->mutex);
    return phase;
}

int updater_fetch_take(struct updater_fetch *self, unsigned port, struct ferry_cargo *out, struct ferry_fault *fault)
{
    int status = FERRY_ERR_STATE;
    struct request *r = &self->requests[port];
    pthread_mutex_lock(&self->mutex);
    if (r->phase == UPDATER_FETCH_READY) {
        *out = *r->cargo;
        status = FERRY_OK;
    } else if (r->phase == UPDATER_FETCH_FAILED) {
        *fault = r->fault;
        status = fault->status;
    }
    if (status != FERRY_ERR_STATE)
        forget(self, r);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

int updater_fetch_open(struct updater_fetch **out, unsigned port_count, struct ferry_fault *fault)
{
    struct updater_fetch *self = *out = calloc(1, sizeof *self + port_count * sizeof self->requests[0]);
    if (!self)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory to fetch builds");
    self->port_count = port_count;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->asked, NULL);
    if (pthread_create(&self->thread, NULL, run, self) == 0)
        return FERRY_OK;
    pthread_cond_destroy(&self->asked);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    *out = NULL;
    return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no thread to fetch builds");
}

void updater_fetch_close(struct updater_fetch *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->stop = true;
    pthread_cond_signal(&self->asked);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    for (unsigned i = 0; i < self->port_count; i++)
        free(self->requests[i].cargo);
    pthread_cond_destroy(&self->asked);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
