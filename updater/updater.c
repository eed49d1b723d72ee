#include "updater/updater.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"

static uint32_t port_ms(const struct ferry_updater *self)
{
    return self->cfg.port_ms ? self->cfg.port_ms : 500;
}

static uint32_t probe_ms(const struct ferry_updater *self)
{
    return self->cfg.probe_ms ? self->cfg.probe_ms : 3000;
}

// ---- what became of a job ----

static void fill_outcome(struct ferry_updater_port *port, struct ferry_updater_outcome *out)
{
    const struct ferry_target *target = ferry_job_target(&port->job);
    const struct ferry_plan *plan = ferry_job_plan(&port->job);
    memset(out, 0, sizeof *out);
    out->result = *ferry_job_result(&port->job);
    out->fault = *ferry_job_fault(&port->job);
    out->route = ferry_job_route(&port->job);
    if (target) {
        memcpy(out->mac, target->mac, sizeof out->mac);
        out->mac_known = target->mac_known;
        snprintf(out->chip, sizeof out->chip, "%s", target->chip->label);
    }
    if (port->job.has_chosen)
        snprintf(out->cargo, sizeof out->cargo, "%s", port->job.chosen.name);
    if (plan)
        snprintf(out->version, sizeof out->version, "%s", plan->version);
    out->running = port->running;
    if (out->route == FERRY_JOB_ROUTE_LINK)
        ferry_running_from_info(ferry_job_info(&port->job), &out->running);
}

static void count(struct ferry_updater *self, struct ferry_updater_port *port, struct ferry_job *job,
                  const struct ferry_updater_outcome *outcome)
{
    bool well = outcome->fault.status >= 0;
    port->last = *outcome;
    port->has_last = true;
    *(well ? &port->ok : &port->failed) += 1;
    *(well ? &self->ok : &self->failed) += 1;
    if (!well && self->first_failure.status >= 0)
        self->first_failure = outcome->fault;
    if (self->cfg.ended)
        self->cfg.ended(self->cfg.ctx, port->index, job, outcome);
}

static void log_job(struct ferry_updater *self, struct ferry_updater_port *port)
{
    if (!self->cfg.job.log)
        return;
    uint32_t lines = self->cfg.job.log->lines;
    ferry_job_log(&port->job, self->cfg.job.log);
    if (self->cfg.job.log->lines == lines)
        self->log_lost++;
}

// The port could not be opened: there is no job to tell of.
static void log_open_failure(struct ferry_updater *self, unsigned index, const struct ferry_fault *fault)
{
    if (!self->cfg.job.log)
        return;
    struct ferry_log_entry entry = {.revision = -1,
                                    .port = self->cfg.port_names[index],
                                    .result = "failed",
                                    .status = fault->status,
                                    .message = fault->what};
    if (ferry_log_append(self->cfg.job.log, &entry, NULL) != FERRY_OK)
        self->log_lost++;
}

// ---- choosing: where a bench sees who answers ----

static bool is_last_target(const struct ferry_updater_port *port, const struct ferry_target *target)
{
    if (!port->staying)
        return false;
    if (!target || !target->mac_known || !port->last.mac_known)
        return true; // it answered all the time and does not say who it is
    return memcmp(target->mac, port->last.mac, sizeof target->mac) == 0;
}

static int read_target(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    return ferry_job_read_target(ctx, address, buf, len);
}

// Ends the probe, but for what is still to be read from the target.
static int probed(struct ferry_updater_port *port, const struct ferry_target *target, struct ferry_fault *fault)
{
    bool rom = ferry_job_route(&port->job) == FERRY_JOB_ROUTE_ROM;
    if (port->wish.running && rom && target &&
        ferry_running_read(read_target, &port->job, target->chip->bootloader_offset, &port->running) == FERRY_ERR_STATE)
        return FERRY_ERR_STATE;
    return ferry_fault_set(fault, FERRY_ERR_CANCELLED, "", "only looked who is there");
}

static int choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct ferry_updater_port *port = ctx;
    const struct ferry_updater_cfg *cfg = &port->updater->cfg;
    port->found = true;
    if (port->wished && port->wish.probe)
        return probed(port, target, fault);
    port->same = !port->wished && is_last_target(port, target);
    if (port->same)
        return ferry_fault_set(fault, FERRY_ERR_CANCELLED, "", "the same target as before");
    port->staying = false;
    port->trouble = 0;
    port->state = FERRY_UPDATER_WORKING;
    if (cfg->choose)
        return cfg->choose(cfg->ctx, port->index, &port->wish, target, out, fault);
    return cfg->job.choose(cfg->job.choose_ctx, target, out, fault);
}

// ---- a port's life ----

static bool waits(const struct ferry_updater *self)
{
    return self->cfg.wait && !self->cfg.hold;
}

static void close_job(struct ferry_updater_port *port)
{
    if (port->job_open)
        ferry_job_close(&port->job);
    port->job_open = false;
    if (port->port_open)
        port->updater->cfg.close(port->updater->cfg.ctx, port->index);
    port->port_open = false;
}

static void rest(struct ferry_updater_port *port, uint32_t now_ms, uint32_t delay_ms)
{
    close_job(port);
    port->state = port->updater->cfg.wait || port->updater->cfg.hold ? FERRY_UPDATER_CLOSED : FERRY_UPDATER_ENDED;
    port->next_ms = now_ms + delay_ms;
    port->resting = true;
}

// What was asked for is over without having been a job: nothing is logged or counted, and whoever asked is told.
static void end_uncounted(struct ferry_updater *self, struct ferry_updater_port *port, const struct ferry_fault *fault)
{
    struct ferry_updater_outcome outcome = {0};
    if (port->job_open)
        fill_outcome(port, &outcome);
    outcome.fault = *fault;
    outcome.result.status = fault->status;
    if (self->cfg.ended)
        self->cfg.ended(self->cfg.ctx, port->index, port->job_open ? &port->job : NULL, &outcome);
    port->wished = false;
}

static void open_failed(struct ferry_updater *self, struct ferry_updater_port *port, const struct ferry_fault *fault,
                        uint32_t now_ms)
{
    port->staying = false; // the port has vanished, and the target with it
    if (port->wished && port->wish.probe) {
        end_uncounted(self, port, fault);
    } else if (!waits(self)) {
        struct ferry_updater_outcome outcome = {.fault = *fault};
        outcome.result.status = fault->status;
        log_open_failure(self, port->index, fault);
        count(self, port, NULL, &outcome);
        port->wished = false;
    }
    rest(port, now_ms, port_ms(self));
}

static void take_wish(const struct ferry_updater_port *port, struct ferry_job_cfg *job)
{
    if (!port->wished || !port->wish.set)
        return;
    job->route = port->wish.route;
    job->verify_only = port->wish.verify_only;
    job->erase_all = port->wish.erase_all;
    job->cargo.force = job->cargo.force || port->wish.force;
}

static void start_job(struct ferry_updater *self, struct ferry_updater_port *port, uint32_t now_ms)
{
    struct ferry_fault fault = {0};
    struct ferry_job_cfg cfg = self->cfg.job;
    cfg.port_name = self->cfg.port_names[port->index];
    cfg.choose = choose;
    cfg.choose_ctx = port;
    cfg.log = NULL;
    take_wish(port, &cfg);
    if (waits(self))
        cfg.flasher.connect_attempts = 1;
    port->found = false;
    memset(&port->running, 0, sizeof port->running);
    int status = self->cfg.open(self->cfg.ctx, port->index, &cfg, &fault);
    port->port_open = status >= 0;
    if (status >= 0) {
        status = ferry_job_init(&port->job, &cfg);
        port->job_open = true;
        if (status < 0)
            ferry_fault_set(&fault, status, cfg.port_name, "the job cannot be started: %s", ferry_status_text(status));
    }
    port->same = false;
    port->resting = false;
    port->state = !waits(self) ? FERRY_UPDATER_WORKING : port->staying ? FERRY_UPDATER_LEAVING : FERRY_UPDATER_SEEKING;
    if (status < 0)
        open_failed(self, port, &fault, now_ms);
}

// Nobody was there, or the last target still is: nothing that counts. A target is gone when the port fails, or when
// it is silent twice (once may be a hiccup of a target that is still there).
static void trial_ended(struct ferry_updater *self, struct ferry_updater_port *port, uint32_t now_ms)
{
    int status = ferry_job_fault(&port->job)->status;
    bool vanished = status == FERRY_ERR_WIRE_CLOSED || status == FERRY_ERR_WIRE_IO;
    bool silent = vanished || status == FERRY_ERR_NO_ANSWER;
    port->silences = silent ? port->silences + 1 : 0;
    if (vanished || port->silences >= 2)
        port->staying = false;
    port->trouble = silent || port->staying ? 0 : status;
    rest(port, now_ms, port->staying && !silent ? probe_ms(self) : port_ms(self));
}

// True when the job was only a trial of who is there, and nobody new is.
static bool was_trial(const struct ferry_updater_port *port)
{
    const struct ferry_target *target = ferry_job_target(&port->job);
    if (!waits(port->updater) || port->state == FERRY_UPDATER_WORKING)
        return port->same;
    return port->same || ferry_status_class_of(port->job.fault.status) == FERRY_CLASS_WIRE ||
           (port->staying && (!target || is_last_target(port, target)));
}

// Who was there is known, or why not; the target that was the last one is no longer taken for it.
static void probe_ended(struct ferry_updater *self, struct ferry_updater_port *port, uint32_t now_ms)
{
    struct ferry_fault fault = {0};
    if (!port->found || port->job.fault.status != FERRY_ERR_CANCELLED || port->job.cancelled)
        fault = *ferry_job_fault(&port->job);
    end_uncounted(self, port, &fault);
    rest(port, now_ms, port_ms(self));
}

static void job_ended(struct ferry_updater *self, struct ferry_updater_port *port, uint32_t now_ms)
{
    struct ferry_updater_outcome outcome;
    if (port->wished && port->wish.probe) {
        probe_ended(self, port, now_ms);
        return;
    }
    if (was_trial(port)) {
        trial_ended(self, port, now_ms);
        return;
    }
    fill_outcome(port, &outcome);
    log_job(self, port);
    count(self, port, &port->job, &outcome);
    port->wished = false;
    port->staying = true;
    port->silences = 0;
    rest(port, now_ms, probe_ms(self));
}

static void step_port(struct ferry_updater *self, struct ferry_updater_port *port, uint32_t now_ms, uint32_t *wait_ms)
{
    *wait_ms = FERRY_NEVER_MS;
    if (port->state == FERRY_UPDATER_ENDED || (self->cfg.hold && !port->wished && !port->job_open))
        return;
    if (port->resting && !ferry_time_reached(now_ms, port->next_ms)) {
        *wait_ms = port->next_ms - now_ms;
        return;
    }
    if (!port->job_open)
        start_job(self, port, now_ms);
    if (!port->job_open) {
        *wait_ms = port->state == FERRY_UPDATER_ENDED ? FERRY_NEVER_MS : port->next_ms - now_ms;
        return;
    }
    ferry_job_step(&port->job, now_ms, wait_ms);
    if (ferry_job_ended(&port->job)) {
        job_ended(self, port, now_ms);
        *wait_ms = 0;
    }
}

bool ferry_updater_step(struct ferry_updater *self, uint32_t now_ms, uint32_t *wait_ms)
{
    uint32_t least = FERRY_NEVER_MS;
    bool going = false;
    for (unsigned i = 0; i < self->cfg.port_count && !self->cancelled; i++) {
        uint32_t wait = 0;
        step_port(self, &self->ports[i], now_ms, &wait);
        least = wait < least ? wait : least;
        going = going || self->ports[i].state != FERRY_UPDATER_ENDED;
    }
    *wait_ms = least;
    return going;
}

int ferry_updater_start(struct ferry_updater *self, unsigned index, const struct ferry_updater_wish *wish)
{
    if (index >= self->cfg.port_count)
        return FERRY_ERR_ARG;
    struct ferry_updater_port *port = &self->ports[index];
    if (!self->cfg.hold && !self->cfg.wait)
        return FERRY_ERR_STATE;
    if (port->wished || port->state == FERRY_UPDATER_WORKING)
        return FERRY_ERR_BUSY;
    close_job(port); // a trial, which was begun without the wish
    port->state = FERRY_UPDATER_CLOSED;
    port->wish = *wish;
    port->wished = true;
    port->resting = false;
    return FERRY_OK;
}

int ferry_updater_abort(struct ferry_updater *self, unsigned index, uint32_t now_ms)
{
    if (index >= self->cfg.port_count)
        return FERRY_ERR_ARG;
    struct ferry_updater_port *port = &self->ports[index];
    bool works = port->job_open && port->state == FERRY_UPDATER_WORKING;
    if (!works && !port->wished)
        return FERRY_ERR_STATE;
    if (port->job_open)
        ferry_job_cancel(&port->job, now_ms);
    if (works) {
        job_ended(self, port, now_ms);
    } else {
        struct ferry_fault fault;
        ferry_fault_set(&fault, FERRY_ERR_CANCELLED, self->cfg.port_names[index], "stopped before it began");
        end_uncounted(self, port, &fault);
        rest(port, now_ms, port_ms(self));
    }
    return FERRY_OK;
}

void ferry_updater_cancel(struct ferry_updater *self, uint32_t now_ms)
{
    self->cancelled = true;
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        struct ferry_updater_port *port = &self->ports[i];
        if (port->job_open) {
            ferry_job_cancel(&port->job, now_ms);
            bool trying = waits(self) && port->state != FERRY_UPDATER_WORKING;
            if (!trying)
                job_ended(self, port, now_ms);
        }
        close_job(port);
        port->state = FERRY_UPDATER_ENDED;
    }
}

int ferry_updater_init(struct ferry_updater *self, const struct ferry_updater_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    if (cfg->port_count == 0 || cfg->port_count > FERRY_UPDATER_MAX_PORTS || !cfg->open || !cfg->close ||
        (!cfg->job.choose && !cfg->choose))
        return FERRY_ERR_ARG;
    self->ports = calloc(cfg->port_count, sizeof *self->ports);
    if (!self->ports)
        return FERRY_ERR_NO_MEMORY;
    for (unsigned i = 0; i < cfg->port_count; i++) {
        self->ports[i].updater = self;
        self->ports[i].index = i;
    }
    return FERRY_OK;
}

void ferry_updater_close(struct ferry_updater *self)
{
    for (unsigned i = 0; self->ports && i < self->cfg.port_count; i++)
        close_job(&self->ports[i]);
    free(self->ports);
    self->ports = NULL;
}
