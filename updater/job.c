#include "updater/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"

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

static void push_event(struct ferry_job *self, enum ferry_event_kind kind, const char *text, const uint32_t *a)
{
    if (self->event_count == FERRY_JOB_EVENTS) {
        self->event_at = (uint8_t)((self->event_at + 1) % FERRY_JOB_EVENTS);
        self->event_count--;
        self->events_lost++;
    }
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

static void warn_fault(struct ferry_job *self, const struct ferry_fault *fault)
{
    char text[FERRY_JOB_TEXT];
    snprintf(text, sizeof text, "%.150s%s%.80s", fault->what, fault->where[0] ? ": " : "", fault->where);
    push_event(self, FERRY_EVENT_WARNING, text, NULL);
}

// What the target has proved goes into the journal at once.
static void journal_segment(struct ferry_job *self, const uint32_t *a)
{
    bool was_well = self->journal.status == FERRY_OK;
    if (self->journal.file && ferry_journal_add(&self->journal, (uint8_t)a[0], a[1], a[2]) != FERRY_OK && was_well) {
        struct ferry_fault fault;
        ferry_fault_set(&fault, FERRY_ERR_STORAGE_WRITE, self->journal.path,
                        "the journal cannot be written any more; an interrupted job will check everything again");
        warn_fault(self, &fault);
    }
}

static void take_events(struct ferry_job *self)
{
    struct ferry_event event;
    while (self->route.ops->event(self->route.engine, &event)) {
        if (event.kind == FERRY_EVENT_SEGMENT) {
            if (self->state == FERRY_JOB_WRITING)
                journal_segment(self, event.a);
            continue;
        }
        if (event.kind == FERRY_EVENT_REGION && self->state == FERRY_JOB_WRITING)
            self->proved_regions++;
        push_event(self, event.kind, event.text, event.a);
    }
}

static void take_progress(struct ferry_job *self)
{
    self->route.ops->progress(self->route.engine, &self->progress);
    self->result.wire_bytes = self->progress.wire_bytes;
    self->result.retries = self->progress.retries;
    if (self->state != FERRY_JOB_WRITING)
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

static void write_log(struct ferry_job *self)
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
    if (ferry_log_append(self->cfg.log, &entry, &fault) != FERRY_OK)
        warn_fault(self, &fault);
    if (self->cfg.log->repaired)
        push_event(self, FERRY_EVENT_NOTE, "the log ended in half a line; it was cut off", NULL);
    if (self->cfg.log->moved[0]) {
        char text[FERRY_JOB_TEXT];
        snprintf(text, sizeof text, "the log had other columns; it was moved to %.180s", self->cfg.log->moved);
        push_event(self, FERRY_EVENT_WARNING, text, NULL);
        self->cfg.log->moved[0] = 0;
    }
}

static void end(struct ferry_job *self, uint32_t now_ms)
{
    if (self->ended)
        return;
    self->ended = true;
    self->result.status = self->fault.status;
    self->result.elapsed_ms = self->started ? now_ms - self->started_ms : 0;
    ferry_journal_close(&self->journal, self->result.verified && !self->cfg.verify_only);
    if (self->cfg.log)
        write_log(self);
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
    else
        ferry_fault_engine(&self->fault, &error);
    if (self->state == FERRY_JOB_LEAVING && self->result.verified)
        ferry_fault_hint(&self->fault,
                         "the firmware is written and proved; press the target's reset button to start it");
}

// ---- operations ----

static bool begin(struct ferry_job *self, enum ferry_job_state state, const struct ferry_rom_job *op, uint32_t now_ms)
{
    int status = self->route.start(self->route.engine, op, now_ms);
    self->state = state;
    if (status == FERRY_OK)
        return true;
    if (self->fault.status == FERRY_OK)
        ferry_fault_set(&self->fault, status, "", "the operation \"%s\" cannot be started: %s",
                        ferry_job_state_name(state), ferry_status_text(status));
    end(self, now_ms);
    return false;
}

static void leave(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_rom_job op = {.op = FERRY_ROM_LEAVE, .after = self->cfg.after};
    begin(self, FERRY_JOB_LEAVING, &op, now_ms);
}

static void write_or_verify(struct ferry_job *self, uint32_t now_ms)
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
    self->result.written = self->result.written || !self->cfg.verify_only;
    begin(self, FERRY_JOB_WRITING, &op, now_ms);
}

static void erase_all(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_rom_job op = {.op = FERRY_ROM_ERASE_CHIP};
    self->result.written = true;
    begin(self, FERRY_JOB_ERASING, &op, now_ms);
}

// ---- reading what the plan wants to see of the target's flash ----

static const uint8_t *have_read(const struct ferry_job *self, uint32_t address, size_t len)
{
    for (int i = 0; i < self->read_count - (self->read_open ? 1 : 0); i++) {
        const struct ferry_store_read *r = &self->reads[i];
        if (address >= r->address && address - r->address <= r->len && len <= r->len - (address - r->address))
            return r->bytes + (address - r->address);
    }
    return NULL;
}

static int want_read(struct ferry_job *self, uint32_t address, size_t len)
{
    if (self->read_open)
        return FERRY_ERR_STATE; // one at a time; the plan is made again after it
    if (self->read_count == FERRY_JOB_READS || len == 0 || len > FERRY_JOB_READ_MAX)
        return FERRY_ERR_ARG;
    struct ferry_store_read *r = &self->reads[self->read_count];
    *r = (struct ferry_store_read){.address = address, .len = (uint32_t)len, .bytes = malloc(len)};
    if (!r->bytes)
        return FERRY_ERR_NO_MEMORY;
    self->read_count++;
    self->read_open = true;
    self->read_got = 0;
    return FERRY_ERR_STATE;
}

static int read_target(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    struct ferry_job *self = ctx;
    const struct ferry_target *target = ferry_job_target(self);
    const uint8_t *bytes = have_read(self, address, len);
    if (bytes) {
        memcpy(buf, bytes, len);
        return FERRY_OK;
    }
    if (self->cfg.cargo.read_target)
        return self->cfg.cargo.read_target(self->cfg.cargo.read_ctx, address, buf, len);
    if (target->secure_download)
        return FERRY_ERR_SECURE_DOWNLOAD;
    if (target->chip && !self->cfg.route && !ferry_chip_can(target->chip, FERRY_CAP_READ_FLASH_SLOW))
        return FERRY_ERR_UNSUPPORTED;
    return want_read(self, address, len);
}

static void start_read(struct ferry_job *self, uint32_t now_ms)
{
    const struct ferry_store_read *r = &self->reads[self->read_count - 1];
    self->read_region = (struct ferry_region){.address = r->address, .size = r->len};
    struct ferry_rom_job op = {.op = FERRY_ROM_READ, .regions = &self->read_region, .region_count = 1};
    begin(self, FERRY_JOB_READING, &op, now_ms);
}

// The pump hands over what the engine has read; offsets count from the start of the region.
static int take_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_job *self = ctx;
    if (!self->read_open)
        return FERRY_OK;
    struct ferry_store_read *r = &self->reads[self->read_count - 1];
    if (offset > r->len || len > r->len - offset)
        return FERRY_ERR_PROTOCOL;
    memcpy(r->bytes + offset, bytes, len);
    self->read_got += (uint32_t)len;
    return FERRY_OK;
}

static void read_done(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_store_read *r = &self->reads[self->read_count - 1];
    if (self->read_got != r->len) {
        ferry_fault_set(&self->fault, FERRY_ERR_PROTOCOL, "", "the target gave %lu of %lu bytes of its flash at 0x%lx",
                        (unsigned long)self->read_got, (unsigned long)r->len, (unsigned long)r->address);
        end(self, now_ms);
        return;
    }
    self->read_open = false;
    self->state = FERRY_JOB_PLANNING;
}

// ---- planning ----

static void plan_refused(struct ferry_job *self, int status, uint32_t now_ms)
{
    if (self->fault.status >= 0)
        ferry_fault_set(&self->fault, status, "", "%s", ferry_status_text(status));
    leave(self, now_ms);
}

static int choose(struct ferry_job *self)
{
    if (self->has_chosen)
        return FERRY_OK;
    int status = self->cfg.choose(self->cfg.choose_ctx, ferry_job_target(self), &self->chosen, &self->fault);
    self->has_chosen = status >= 0;
    return status;
}

static struct ferry_store_key store_key(const struct ferry_job *self)
{
    return (struct ferry_store_key){
        .cargo = &self->chosen, .target = ferry_job_target(self), .reads = self->reads, .read_count = self->read_count};
}

// A plan of our own. OK with self->store set, or with read_open set: bytes of the target are wanted first.
static int make_plan(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for the plan");
    struct ferry_cargo_options options = self->cfg.cargo;
    options.read_target = read_target;
    options.read_ctx = self;
    int status = ferry_cargo_plan(&self->chosen, ferry_job_target(self), &options, plan, &self->fault);
    if (status < 0 || self->read_open) {
        if (status >= 0)
            ferry_plan_close(plan);
        free(plan);
        if (self->read_open)
            memset(&self->fault, 0, sizeof self->fault);
        return self->read_open ? FERRY_OK : status;
    }
    struct ferry_store_key key = store_key(self);
    self->store = ferry_store_open(self->pool, plan, &key, now_ms);
    return self->store ? FERRY_OK : ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for the store");
}

static int find_or_make_plan(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_store_key key = store_key(self);
    struct ferry_store_read missing = {0};
    self->store = ferry_store_find(self->pool, &key, now_ms, &missing);
    if (self->store)
        return FERRY_OK;
    if (missing.len && !have_read(self, missing.address, missing.len) && !self->cfg.cargo.read_target) {
        uint8_t nothing;
        if (read_target(self, missing.address, &nothing, missing.len) == FERRY_ERR_STATE && self->read_open)
            return FERRY_OK;
    }
    return make_plan(self, now_ms);
}

static int64_t utc(const struct ferry_job *self)
{
    if (self->cfg.log && self->cfg.log->utc)
        return self->cfg.log->utc(self->cfg.log->utc_ctx);
    return (int64_t)time(NULL);
}

static void note_journal(struct ferry_job *self)
{
    char text[FERRY_JOB_TEXT];
    if (self->journal.found == FERRY_JOURNAL_DAMAGED)
        push_event(self, FERRY_EVENT_WARNING, "the journal of an interrupted job is damaged and was ignored", NULL);
    if (self->journal.found != FERRY_JOURNAL_RESUMED && self->journal.found != FERRY_JOURNAL_TORN)
        return;
    self->result.resumed = self->journal.proved_bytes;
    snprintf(text, sizeof text, "an earlier job was interrupted: %lu of %lu bytes were proved; going on from there",
             (unsigned long)self->journal.proved_bytes, (unsigned long)self->result.bytes_total);
    push_event(self, FERRY_EVENT_NOTE, text, NULL);
}

static void open_journal(struct ferry_job *self)
{
    const struct ferry_plan *plan = ferry_job_plan(self);
    const struct ferry_target *target = ferry_job_target(self);
    if (!self->cfg.journal_dir || self->cfg.verify_only || self->cfg.erase_all || !target->mac_known)
        return; // a chip erase starts from nothing each time
    struct ferry_journal_key key = {.regions = plan->regions, .region_count = plan->count};
    memcpy(key.mac, target->mac, sizeof key.mac);
    memcpy(key.sha256, plan->sha256, sizeof key.sha256);
    struct ferry_fault fault;
    if (ferry_journal_open(&self->journal, self->cfg.journal_dir, &key, utc(self), self->proved, sizeof self->proved,
                           &fault) != FERRY_OK)
        warn_fault(self, &fault);
    note_journal(self);
}

static void use_plan(struct ferry_job *self, uint32_t now_ms)
{
    const struct ferry_plan *plan = ferry_job_plan(self);
    for (uint8_t i = 0; i < plan->warning_count; i++)
        push_event(self, FERRY_EVENT_WARNING, plan->warnings[i], NULL);
    for (uint8_t i = 0; i < plan->count; i++)
        self->result.bytes_total += plan->regions[i].size;
    self->supply = ferry_store_supply(self->store);
    self->pump.supply = &self->supply;
    if (self->cfg.dry_run) {
        leave(self, now_ms);
        return;
    }
    open_journal(self);
    if (self->cfg.erase_all && !self->cfg.verify_only)
        erase_all(self, now_ms);
    else
        write_or_verify(self, now_ms);
}

static void make_ready(struct ferry_job *self, uint32_t now_ms)
{
    memset(&self->fault, 0, sizeof self->fault);
    int status = choose(self);
    if (status >= 0)
        status = find_or_make_plan(self, now_ms);
    if (status < 0)
        plan_refused(self, status, now_ms);
    else if (self->read_open)
        start_read(self, now_ms);
    else
        use_plan(self, now_ms);
}

// ---- stepping ----

static void operation_done(struct ferry_job *self, uint32_t now_ms)
{
    switch (self->state) {
    case FERRY_JOB_CONNECTING:
        self->state = FERRY_JOB_PLANNING;
        break;
    case FERRY_JOB_READING:
        read_done(self, now_ms);
        break;
    case FERRY_JOB_ERASING:
        write_or_verify(self, now_ms);
        break;
    case FERRY_JOB_WRITING:
        self->result.verified = self->proved_regions >= ferry_job_plan(self)->count;
        leave(self, now_ms);
        break;
    default:
        end(self, now_ms);
    }
}

static void first_step(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_rom_job op = {.op = FERRY_ROM_CONNECT};
    self->started = true;
    self->started_ms = now_ms;
    begin(self, FERRY_JOB_CONNECTING, &op, now_ms);
}

// One operation's turn; true when the next one may go on at once.
static bool turn(struct ferry_job *self, uint32_t now_ms, uint32_t *wait_ms)
{
    if (self->state == FERRY_JOB_PLANNING) {
        make_ready(self, now_ms);
        return true;
    }
    uint32_t wants = ferry_pump_step(&self->pump, now_ms, wait_ms);
    take_events(self);
    take_progress(self);
    if (wants & FERRY_WANT_FAILED) {
        take_engine_error(self);
        end(self, now_ms);
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
    if (self->result.written && !self->result.verified)
        ferry_fault_hint(&self->fault, "the target's firmware is incomplete: start again; what was proved is not "
                                       "written again");
    end(self, now_ms);
}

// ---- making and closing ----

static int rom_start(void *engine, const struct ferry_rom_job *job, uint32_t now_ms)
{
    return ferry_flasher_start(engine, job, now_ms);
}

static const struct ferry_target *rom_target(const void *engine)
{
    return ferry_flasher_target(engine);
}

static int take_route(struct ferry_job *self)
{
    if (self->cfg.route) {
        self->route = *self->cfg.route;
        return self->route.ops && self->route.start && self->route.target ? FERRY_OK : FERRY_ERR_ARG;
    }
    self->route = (struct ferry_job_route){
        .ops = &ferry_flasher_ops, .start = rom_start, .target = rom_target, .engine = &self->flasher};
    return ferry_flasher_init(&self->flasher, &self->cfg.flasher);
}

int ferry_job_init(struct ferry_job *self, const struct ferry_job_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->state = FERRY_JOB_CONNECTING;
    if (!cfg->stream || !cfg->choose || !cfg->cargo.digest)
        return FERRY_ERR_ARG;
    int status = take_route(self);
    if (status != FERRY_OK)
        return status;
    self->pool = cfg->stores;
    if (!self->pool) {
        struct ferry_store_cfg store = {.digest = cfg->cargo.digest, .deflate = cfg->deflate};
        self->pool = ferry_store_pool_new(&store);
        self->own_pool = true;
    }
    self->pump = (struct ferry_pump){.engine = self->route.engine,
                                     .ops = self->route.ops,
                                     .stream = cfg->stream,
                                     .lines = cfg->lines,
                                     .trace = cfg->trace,
                                     .output = take_output,
                                     .output_ctx = self};
    return self->pool ? FERRY_OK : FERRY_ERR_NO_MEMORY;
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
    const struct ferry_target *target = self->route.target ? self->route.target(self->route.engine) : NULL;
    return target && target->chip ? target : NULL;
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
