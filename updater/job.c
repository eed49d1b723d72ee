#include "updater/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "updater/job_parts.h"

#define CHOOSE_MS 50u // until choose() is asked again

static const char *const state_names[] = {
    [FERRY_JOB_CONNECTING] = "connecting",
    [FERRY_JOB_READING] = "reading",
    [FERRY_JOB_PLANNING] = "checking",
    [FERRY_JOB_ERASING] = "erasing",
    [FERRY_JOB_WRITING] = "writing",
    [FERRY_JOB_LEAVING] = "leaving",
    [FERRY_JOB_DONE] = "done",
    [FERRY_JOB_FAILED] = "failed",
};

const char *ferry_job_state_name(enum ferry_job_state state)
{
    return state >= FERRY_JOB_CONNECTING && state <= FERRY_JOB_FAILED ? state_names[state] : "";
}

// ---- events ----

static struct ferry_job_event *event_number(struct ferry_job *self, unsigned i)
{
    return &self->events[(self->event_at + i) % FERRY_JOB_EVENTS];
}

static unsigned oldest_of(struct ferry_job *self, enum ferry_event_kind kind)
{
    unsigned i = 0;
    while (i < self->event_count && event_number(self, i)->kind != kind)
        i++;
    return i;
}

// Makes room: the oldest step goes, else the oldest note, else the oldest of all.
static void drop_event(struct ferry_job *self)
{
    unsigned victim = oldest_of(self, FERRY_EVENT_STEP);
    if (victim == self->event_count)
        victim = oldest_of(self, FERRY_EVENT_NOTE);
    for (unsigned i = victim % self->event_count; i + 1u < self->event_count; i++)
        *event_number(self, i) = *event_number(self, i + 1);
    self->event_count--;
    self->events_lost++;
}

void ferry_job_push(struct ferry_job *self, enum ferry_event_kind kind, const char *text, const uint32_t *a)
{
    if (self->event_count == FERRY_JOB_EVENTS)
        drop_event(self);
    struct ferry_job_event *event = &self->events[(self->event_at + self->event_count++) % FERRY_JOB_EVENTS];
    event->kind = kind;
    snprintf(event->text, sizeof event->text, "%s", text);
    for (int i = 0; i < 3; i++)
        event->a[i] = a ? a[i] : 0;
}

bool ferry_job_event(struct ferry_job *self, struct ferry_job_event *out)
{
    if (self->event_count == 0)
        return false;
    *out = self->events[self->event_at];
    self->event_at = (uint8_t)((self->event_at + 1) % FERRY_JOB_EVENTS);
    self->event_count--;
    return true;
}

void ferry_job_warn(struct ferry_job *self, const struct ferry_fault *fault)
{
    char text[FERRY_JOB_TEXT];
    snprintf(text, sizeof text, "%.150s%s%.80s", fault->what, fault->where[0] ? ": " : "", fault->where);
    ferry_job_push(self, FERRY_EVENT_WARNING, text, NULL);
}

// What the target has proved goes into the journal at once.
static void journal_segment(struct ferry_job *self, const uint32_t *a)
{
    bool was_well = self->journal.status == FERRY_OK;
    if (self->journal.file && ferry_journal_add(&self->journal, (uint8_t)a[0], a[1], a[2]) != FERRY_OK && was_well) {
        struct ferry_fault fault;
        ferry_fault_set(&fault, FERRY_ERR_STORAGE_WRITE, self->journal.path,
                        "the journal cannot be written any more; an interrupted job will check everything again");
        ferry_job_warn(self, &fault);
    }
}

// Link: the target has proved and selected what was sent; what follows is its restart.
static void link_region(struct ferry_job *self, const uint32_t *a)
{
    self->result.bytes_written = a[1];
    self->result.bytes_skipped = a[2];
    self->result.verified = true;
    self->retries = self->result.retries; // those for want of an answer after the restart say nothing about the line
    self->state = FERRY_JOB_LEAVING;
}

static void take_events(struct ferry_job *self)
{
    struct ferry_event event;
    while (self->engine.ops->event(self->engine.engine, &event)) {
        if (self->by_link)
            ferry_link_route_event(&self->in.link, &event);
        if (self->by_link && event.kind == FERRY_EVENT_REGION)
            link_region(self, event.a);
        if (event.kind == FERRY_EVENT_SEGMENT) {
            if (self->state == FERRY_JOB_WRITING)
                journal_segment(self, event.a);
            continue;
        }
        ferry_job_push(self, event.kind, event.text, event.a);
    }
}

static void take_progress(struct ferry_job *self)
{
    self->engine.ops->progress(self->engine.engine, &self->progress);
    self->result.wire_bytes = self->progress.wire_bytes;
    self->result.retries = self->progress.retries;
    if (self->state != FERRY_JOB_WRITING || (self->by_link && self->in.link.there))
        return;
    uint32_t done = self->progress.total_done, skipped = self->progress.skipped;
    self->result.bytes_skipped = skipped;
    self->result.bytes_written = self->cfg.verify_only || done < skipped ? 0 : done - skipped;
}

// ---- the end ----

static const char *result_word(const struct ferry_job *self)
{
    if (self->fault.status < 0)
        return "failed";
    if (self->cfg.dry_run)
        return "planned";
    if (self->cfg.verify_only)
        return "verified";
    return self->result.verified ? "ok" : "unverified";
}

static void fault_line(const struct ferry_fault *fault, char *out, size_t cap)
{
    char peer[40] = "";
    if (fault->peer_code >= 0)
        snprintf(peer, sizeof peer, " (the target's error byte: 0x%02x)", (unsigned)fault->peer_code & 0xffu);
    snprintf(out, cap, "%s%s%s%s", fault->what, fault->where[0] ? ": " : "", fault->where, peer);
}

void ferry_job_log(struct ferry_job *self, struct ferry_log *log)
{
    const struct ferry_target *target = ferry_job_target(self);
    const struct ferry_plan *plan = ferry_job_plan(self);
    char message[512] = "";
    if (self->fault.status < 0)
        fault_line(&self->fault, message, sizeof message);
    struct ferry_log_entry entry = {
        .mac = target && target->mac_known ? target->mac : NULL,
        .chip = target && target->chip ? target->chip->name : NULL,
        .revision = target ? target->revision : -1,
        .port = self->cfg.port_name,
        .cargo = self->has_chosen ? self->chosen.name : NULL,
        .version = plan && plan->version[0] ? plan->version
                   : self->has_chosen       ? self->chosen.version
                                            : NULL,
        .sha256 = plan ? plan->sha256 : NULL,
        .written = self->result.bytes_written,
        .skipped = self->result.bytes_skipped,
        .elapsed_ms = self->result.elapsed_ms,
        .result = result_word(self),
        .status = self->fault.status,
        .message = message,
    };
    struct ferry_fault fault;
    if (ferry_log_append(log, &entry, &fault) != FERRY_OK)
        ferry_job_warn(self, &fault);
    if (log->repaired)
        ferry_job_push(self, FERRY_EVENT_NOTE, "the log ended in half a line; it was cut off", NULL);
    if (log->moved[0]) {
        char text[FERRY_JOB_TEXT];
        snprintf(text, sizeof text, "the log had other columns; it was moved to %.180s", log->moved);
        ferry_job_push(self, FERRY_EVENT_WARNING, text, NULL);
        log->moved[0] = 0;
    }
}

void ferry_job_end(struct ferry_job *self, uint32_t now_ms)
{
    if (self->ended)
        return;
    self->ended = true;
    if (self->fault.status < 0 && self->cfg.explain)
        self->cfg.explain(self->cfg.explain_ctx, &self->fault);
    if (self->fault.status < 0 && self->cfg.lines && !self->by_link) // never leave a target held in reset
        self->cfg.lines->set(self->cfg.lines->ctx, false, false);
    self->result.status = self->fault.status;
    self->result.elapsed_ms = self->started ? now_ms - self->started_ms : 0;
    ferry_journal_close(&self->journal, self->result.verified && !self->cfg.verify_only);
    if (self->by_link)
        ferry_job_link_outcome(self);
    if (self->cfg.log)
        ferry_job_log(self, self->cfg.log);
    self->state = self->fault.status < 0 ? FERRY_JOB_FAILED : FERRY_JOB_DONE;
}

// The engine's own error, or the store's when it was the card that failed.
static void take_engine_error(struct ferry_job *self)
{
    struct ferry_error error;
    const struct ferry_fault *storage = self->store ? ferry_store_fault(self->store) : NULL;
    ferry_pump_error(&self->pump, &error);
    if (self->fault.status < 0)
        return; // the first cause stays
    if (storage && storage->status < 0 && error.status == storage->status)
        self->fault = *storage;
    else if (self->by_link)
        ferry_link_route_fault(&self->in.link, ferry_job_plan(self), self->state == FERRY_JOB_LEAVING, &error,
                               &self->fault);
    else
        ferry_fault_engine(&self->fault, &error);
    ferry_job_take_boot_log(self);
    if (!self->by_link && !self->cfg.flasher.has_lines)
        ferry_fault_by_hand(&self->fault);
    if (self->state == FERRY_JOB_LEAVING && self->result.verified && !self->by_link)
        ferry_fault_hint(&self->fault,
                         "the firmware is written and proved; press the target's reset button to start it");
}

// ---- operations ----

bool ferry_job_begin(struct ferry_job *self, enum ferry_job_state state, const struct ferry_rom_job *op,
                     uint32_t now_ms)
{
    int status = self->by_link ? ferry_link_route_start(&self->in.link, op->op, ferry_job_plan(self), now_ms)
                               : self->engine.start(self->engine.engine, op, now_ms);
    self->state = state;
    if (status == FERRY_OK)
        return true;
    if (self->fault.status == FERRY_OK)
        ferry_fault_set(&self->fault, status, "", "the operation \"%s\" cannot be started: %s",
                        ferry_job_state_name(state), ferry_status_text(status));
    ferry_job_end(self, now_ms);
    return false;
}

void ferry_job_leave(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_rom_job op = {.op = FERRY_ROM_LEAVE, .after = self->cfg.after};
    ferry_job_begin(self, FERRY_JOB_LEAVING, &op, now_ms);
}

void ferry_job_write(struct ferry_job *self, uint32_t now_ms)
{
    const struct ferry_plan *plan = ferry_job_plan(self);
    struct ferry_rom_job op = {
        .op = self->cfg.verify_only ? FERRY_ROM_VERIFY : FERRY_ROM_WRITE,
        .regions = plan->regions,
        .region_count = plan->count,
        .no_deflate = self->cfg.no_deflate || !self->cfg.deflate,
        .no_skip = self->cfg.no_skip,
        .proved = self->result.resumed ? self->proved : NULL,
    };
    if (!self->by_link) // on the link it is written when the target has accepted it
        self->result.written = self->result.written || !self->cfg.verify_only;
    if (ferry_job_begin(self, FERRY_JOB_WRITING, &op, now_ms) && self->by_link && self->in.link.there) {
        const struct ferry_slot *runs = ferry_link_route_slot(ferry_job_info(self), FERRY_SLOT_RUNNING);
        snprintf(self->result.slot, sizeof self->result.slot, "%s", runs ? runs->label : "");
        self->result.verified = true; // by the hash of what runs
        self->result.bytes_skipped = self->result.bytes_total;
        ferry_job_push(self, FERRY_EVENT_NOTE, "the target runs this firmware already", NULL);
    }
}

void ferry_job_erase_all(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_rom_job op = {.op = FERRY_ROM_ERASE_CHIP};
    self->result.written = true;
    ferry_job_begin(self, FERRY_JOB_ERASING, &op, now_ms);
}

// ---- stepping ----

// A write that has ended well was proved, unless the loader gives no digests.
static bool can_prove(const struct ferry_target *target)
{
    return target && !target->secure_download && ferry_chip_can(target->chip, FERRY_CAP_MD5);
}

static void operation_done(struct ferry_job *self, uint32_t now_ms)
{
    switch (self->state) {
    case FERRY_JOB_CONNECTING:
        if (self->by_link)
            ferry_link_route_connected(&self->in.link);
        self->state = FERRY_JOB_PLANNING;
        break;
    case FERRY_JOB_READING:
        ferry_job_read_done(self, now_ms);
        break;
    case FERRY_JOB_ERASING:
        ferry_job_write(self, now_ms);
        break;
    case FERRY_JOB_WRITING:
        if (!self->by_link)
            self->result.verified = can_prove(ferry_job_target(self));
        ferry_job_leave(self, now_ms);
        break;
    default:
        ferry_job_end(self, now_ms);
    }
}

static void first_step(struct ferry_job *self, uint32_t now_ms)
{
    ferry_job_set_start_rate(self);
    struct ferry_rom_job op = {.op = FERRY_ROM_CONNECT};
    self->started = true;
    self->started_ms = now_ms;
    ferry_job_begin(self, FERRY_JOB_CONNECTING, &op, now_ms);
}

// One operation's turn; true when the next one may go on at once.
static bool turn(struct ferry_job *self, uint32_t now_ms, uint32_t *wait_ms)
{
    if (self->state == FERRY_JOB_PLANNING) {
        ferry_job_make_ready(self, now_ms);
        *wait_ms = self->state != FERRY_JOB_PLANNING || self->planned ? 0 : CHOOSE_MS;
        return self->state != FERRY_JOB_PLANNING; // else the card took its time: the clock is to be looked at again
    }
    uint32_t wants = ferry_pump_step(&self->pump, now_ms, wait_ms);
    take_events(self);
    take_progress(self);
    if (wants & FERRY_WANT_FAILED && ferry_job_connect_again(self, now_ms))
        return true;
    if (wants & FERRY_WANT_FAILED) {
        take_engine_error(self);
        ferry_job_end(self, now_ms);
    } else if (wants & FERRY_WANT_DONE) {
        operation_done(self, now_ms);
        return true;
    }
    return false;
}

enum ferry_job_state ferry_job_step(struct ferry_job *self, uint32_t now_ms, uint32_t *wait_ms)
{
    uint32_t wait = 0;
    if (!self->started)
        first_step(self, now_ms);
    // Few turns a step, so that other jobs of this thread are not kept waiting.
    for (int i = 0; i < 3 && !ferry_job_ended(self); i++)
        if (!turn(self, now_ms, &wait))
            break;
        else
            wait = 0;
    if (!self->ended)
        self->result.elapsed_ms = now_ms - self->started_ms;
    if (wait_ms)
        *wait_ms = ferry_job_ended(self) ? FERRY_NEVER_MS : wait;
    return self->state;
}

int ferry_job_run(struct ferry_job *self, const struct ferry_clock *clock, int (*tick)(void *ctx), void *tick_ctx)
{
    uint32_t wait_ms = 0;
    for (;;) {
        ferry_job_step(self, clock->now_ms(clock->ctx), &wait_ms);
        bool cancel = tick && tick(tick_ctx) != 0;
        if (ferry_job_ended(self))
            return self->fault.status;
        if (cancel)
            ferry_job_cancel(self, clock->now_ms(clock->ctx));
        else if (wait_ms)
            clock->wait(clock->ctx, wait_ms);
    }
}

void ferry_job_cancel(struct ferry_job *self, uint32_t now_ms)
{
    if (ferry_job_ended(self))
        return;
    if (self->fault.status >= 0)
        ferry_fault_set(&self->fault, FERRY_ERR_CANCELLED, self->cfg.port_name, "cancelled while %s",
                        ferry_job_state_name(self->state));
    if (self->by_link)
        ferry_fault_hint(&self->fault,
                         "the target goes on with the firmware that it runs; start again: what has arrived "
                         "is not sent again");
    else if (self->result.written && !self->result.verified)
        ferry_fault_hint(&self->fault, "the target's firmware is incomplete: start again; what was proved is not "
                                       "written again");
    ferry_job_end(self, now_ms);
}

// ---- making and closing ----

// Between the pump and the store: each segment begins with a request, so events are taken before the engine's short
// queue overflows, however much the pump does in one step.
static int serve(void *ctx, const struct ferry_request *request,
                 void (*answer)(void *to, uint32_t offset, const uint8_t *bytes, size_t len), void *to)
{
    struct ferry_job *self = ctx;
    take_events(self);
    if (self->by_link && request->kind == FERRY_REQUEST_RAW)
        self->result.written = true;
    return self->data.serve(self->data.ctx, request, answer, to);
}

int ferry_job_init(struct ferry_job *self, const struct ferry_job_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->state = FERRY_JOB_CONNECTING;
    if (!cfg->stream || !cfg->choose || !cfg->cargo.digest)
        return FERRY_ERR_ARG;
    int status = ferry_job_use_route(self);
    if (status != FERRY_OK)
        return status;
    self->pool = cfg->stores;
    if (!self->pool) {
        struct ferry_store_cfg store = {.digest = cfg->cargo.digest, .deflate = cfg->deflate};
        self->pool = ferry_store_pool_new(&store);
        self->own_pool = true;
    }
    if (!self->pool)
        return FERRY_ERR_NO_MEMORY;
    self->data = ferry_store_pool_supply(self->pool);
    self->supply = (struct ferry_supply){.ctx = self, .serve = serve};
    ferry_job_make_pump(self);
    return FERRY_OK;
}

void ferry_job_close(struct ferry_job *self)
{
    if (self->pool && self->started)
        ferry_job_cancel(self, self->started_ms + self->result.elapsed_ms);
    ferry_journal_close(&self->journal, false);
    ferry_store_release(self->store);
    self->store = NULL;
    for (int i = 0; i < self->read_count; i++)
        free(self->reads[i].bytes);
    self->read_count = 0;
    self->read_open = false;
    if (self->own_pool)
        ferry_store_pool_free(self->pool);
    self->pool = NULL;
}

// ---- looking ----

const struct ferry_target *ferry_job_target(const struct ferry_job *self)
{
    const struct ferry_target *target = NULL;
    if (self->by_link)
        target = ferry_link_route_target(&self->in.link);
    else if (self->engine.target)
        target = self->engine.target(self->engine.engine);
    return target && target->chip ? target : NULL;
}

const struct ferry_target_info *ferry_job_info(const struct ferry_job *self)
{
    return self->by_link ? ferry_link_route_info(&self->in.link) : NULL;
}

enum ferry_job_route ferry_job_route(const struct ferry_job *self)
{
    return self->by_link ? FERRY_JOB_ROUTE_LINK : FERRY_JOB_ROUTE_ROM;
}

const char *ferry_job_route_name(enum ferry_job_route route)
{
    static const char *const names[] = {"rom", "link", "auto"};
    return route <= FERRY_JOB_ROUTE_AUTO ? names[route] : "";
}

const struct ferry_plan *ferry_job_plan(const struct ferry_job *self)
{
    return self->store ? ferry_store_plan(self->store) : NULL;
}

const struct ferry_fault *ferry_job_fault(const struct ferry_job *self)
{
    return &self->fault;
}

const struct ferry_job_result *ferry_job_result(const struct ferry_job *self)
{
    return &self->result;
}

void ferry_job_progress(const struct ferry_job *self, struct ferry_progress *out)
{
    *out = self->progress;
    if (!out->step)
        out->step = "";
}
