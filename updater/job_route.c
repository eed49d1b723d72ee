// The two routes of a job: which engine, how it is connected, and what only one of them has to tell.
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/job_parts.h"

#define HELLO_BEFORE_ROM_MS 2500u // one that is still at a higher rate has come back to its start rate by then

// ---- engines ----

static int rom_start(void *engine, const struct ferry_rom_job *job, uint32_t now_ms)
{
    return ferry_flasher_start(engine, job, now_ms);
}

static const struct ferry_target *rom_target(const void *engine)
{
    return ferry_flasher_target(engine);
}

static int use_rom(struct ferry_job *self)
{
    self->by_link = false;
    if (self->cfg.engine) {
        self->engine = *self->cfg.engine;
        return self->engine.ops && self->engine.start && self->engine.target ? FERRY_OK : FERRY_ERR_ARG;
    }
    self->engine = (struct ferry_job_engine){
        .ops = &ferry_flasher_ops, .start = rom_start, .target = rom_target, .engine = &self->in.flasher};
    return ferry_flasher_init(&self->in.flasher, &self->cfg.flasher);
}

static int use_link(struct ferry_job *self)
{
    struct ferry_link_route_cfg cfg = self->cfg.link;
    if (!cfg.sender.frame) {
        cfg.sender.frame = self->cfg.flasher.block;
        cfg.sender.frame_size = self->cfg.flasher.block_size;
    }
    if (!cfg.sender.hello_ms && self->cfg.route == FERRY_JOB_ROUTE_AUTO)
        cfg.sender.hello_ms = HELLO_BEFORE_ROM_MS;
    self->by_link = true;
    self->engine = (struct ferry_job_engine){.ops = &ferry_link_sender_ops, .engine = &self->in.link.sender};
    return ferry_link_route_init(&self->in.link, &cfg);
}

static void on_trace(void *ctx, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes, size_t len)
{
    struct ferry_job *self = ctx;
    bool starts = self->state == FERRY_JOB_CONNECTING || self->state == FERRY_JOB_LEAVING;
    if (dir == FERRY_TRACE_FROM_TARGET && starts)
        ferry_boot_log_feed(&self->says, bytes, len);
    if (self->cfg.trace)
        self->cfg.trace->bytes(self->cfg.trace->ctx, now_ms, dir, bytes, len);
}

void ferry_job_make_pump(struct ferry_job *self)
{
    self->trace = (struct ferry_trace){.ctx = self, .bytes = on_trace};
    ferry_boot_log_reset(&self->says);
    self->pump = (struct ferry_pump){.engine = self->engine.engine,
                                     .ops = self->engine.ops,
                                     .stream = self->cfg.stream,
                                     .lines = self->cfg.lines,
                                     .trace = &self->trace,
                                     .supply = &self->supply,
                                     .output = ferry_job_take_output,
                                     .output_ctx = self};
}

int ferry_job_use_route(struct ferry_job *self)
{
    bool loader = self->cfg.route == FERRY_JOB_ROUTE_ROM || self->cfg.verify_only || self->cfg.erase_all;
    return loader ? use_rom(self) : use_link(self);
}

bool ferry_job_other_route(struct ferry_job *self, const char *why, uint32_t now_ms)
{
    char text[FERRY_JOB_TEXT];
    bool reachable = self->cfg.flasher.has_lines || self->cfg.flasher.before != FERRY_BEFORE_DEFAULT_RESET;
    if (!self->by_link || self->cfg.route != FERRY_JOB_ROUTE_AUTO || !reachable || use_rom(self) != FERRY_OK)
        return false;
    snprintf(text, sizeof text, "not by the link (%.150s); trying the serial loader", why);
    ferry_job_push(self, FERRY_EVENT_NOTE, text, NULL);
    ferry_job_make_pump(self);
    memset(&self->fault, 0, sizeof self->fault);
    struct ferry_rom_job op = {.op = FERRY_ROM_CONNECT};
    return ferry_job_begin(self, FERRY_JOB_CONNECTING, &op, now_ms);
}

// A wire that cannot take the rate is found out by the sender: nobody answers.
void ferry_job_set_start_rate(struct ferry_job *self)
{
    uint32_t baud = self->by_link ? ferry_link_route_start_baud(&self->in.link) : 0;
    if (baud && self->cfg.stream->set_baud)
        self->cfg.stream->set_baud(self->cfg.stream->ctx, baud);
}

// Nobody answers on the link: another start rate, then the other route.
bool ferry_job_connect_again(struct ferry_job *self, uint32_t now_ms)
{
    struct ferry_error error;
    ferry_pump_error(&self->pump, &error);
    if (!self->by_link || self->state != FERRY_JOB_CONNECTING ||
        ferry_status_class_of(error.status) != FERRY_CLASS_WIRE || self->pump.wire_error)
        return false;
    if (!ferry_link_route_next(&self->in.link, now_ms))
        return ferry_job_other_route(self, error.detail, now_ms);
    ferry_job_set_start_rate(self);
    return true;
}

// ---- what is told ----

// The target's own words explain more than that nobody answers.
void ferry_job_take_boot_log(struct ferry_job *self)
{
    struct ferry_fault *fault = &self->fault;
    bool wire = ferry_status_class_of(fault->status) == FERRY_CLASS_WIRE || fault->status == FERRY_ERR_NOT_CONFIRMED;
    bool starts = self->state == FERRY_JOB_CONNECTING || self->state == FERRY_JOB_LEAVING;
    bool counts = self->by_link || strstr(self->says.said, "Brownout"); // to be in its loader is as it should be
    if (self->says.verdict != FERRY_BOOT_LOG_FAILED || !wire || !starts || !counts)
        return;
    char what[sizeof fault->what];
    snprintf(what, sizeof what, "%s (it says: %.70s); %.150s", self->says.meaning, self->says.said, fault->what);
    snprintf(fault->what, sizeof fault->what, "%s", what);
    ferry_fault_hint(fault, "%s", self->says.hint);
}

// Link: what an interrupted job had left was not sent again; what runs now, as far as the target says it.
void ferry_job_link_outcome(struct ferry_job *self)
{
    const struct ferry_target_info *info = ferry_job_info(self);
    const struct ferry_plan *plan = ferry_job_plan(self);
    if (self->result.resumed > self->result.bytes_skipped)
        self->result.resumed = self->result.bytes_skipped;
    if (!plan || !info || self->fault.status < 0 || self->cfg.dry_run)
        return;
    char text[FERRY_JOB_TEXT];
    if (ferry_link_route_warn_line(plan, self->retries, text, sizeof text))
        ferry_job_push(self, FERRY_EVENT_WARNING, text, NULL);
    if (ferry_link_route_warn_trial(&self->in.link, plan, text, sizeof text))
        ferry_job_push(self, FERRY_EVENT_WARNING, text, NULL);
    bool runs = self->in.link.there || !self->cfg.link.no_reboot;
    bool firmware = plan->manifest.kind == FERRY_MANIFEST_FIRMWARE;
    self->result.confirmed = firmware && runs && !self->cfg.link.no_confirm;
}
