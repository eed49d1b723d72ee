#include "apps/ferry/job_run.h"

#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/job_run_tell.h"
#include "ferry/base/status.h"

static uint32_t now(const struct job_run *self)
{
    return self->session.clock.now_ms(self->session.clock.ctx);
}

// ---- the wire ----

static bool on_link(void *ctx)
{
    const struct job_run *self = ctx;
    return ferry_job_route(&self->job) == FERRY_JOB_ROUTE_LINK;
}

static void note(void *ctx, const char *text)
{
    struct job_run *self = ctx;
    cli_display_note(&self->session.display, text);
}

// ---- while it runs ----

static void show_region(struct job_run *self, const struct ferry_plan *plan, const uint32_t *a)
{
    char name[2 * FERRY_CARGO_NAME];
    if (!plan || a[0] >= plan->count || (self->proved & 1u << a[0]))
        return;
    self->proved |= 1u << a[0];
    bool link = ferry_job_route(&self->job) == FERRY_JOB_ROUTE_LINK;
    job_run_region_name(self, a[0], name, sizeof name);
    cli_display_region(&self->session.display, name, link ? UINT32_MAX : plan->regions[a[0]].address,
                       plan->regions[a[0]].size, a[1], a[2], now(self));
}

static void show_events(struct job_run *self)
{
    struct ferry_job_event event;
    struct cli_display *display = &self->session.display;
    bool changed = self->route != ferry_job_route(&self->job);
    self->route = ferry_job_route(&self->job);
    while (ferry_job_event(&self->job, &event)) {
        if (event.kind == FERRY_EVENT_WARNING)
            cli_display_warning(display, event.text);
        else if (event.kind == FERRY_EVENT_REGION)
            show_region(self, ferry_job_plan(&self->job), event.a);
        else if (changed && event.kind == FERRY_EVENT_NOTE && !display->json && !display->verbose)
            cli_display_line(display, "%s", event.text); // why the other route is tried
        else
            cli_display_note(display, event.text);
    }
}

static void show_target(struct job_run *self)
{
    const struct ferry_target *target = ferry_job_target(&self->job);
    const struct ferry_target_info *info = ferry_job_info(&self->job);
    if (self->target_shown || self->job.state == FERRY_JOB_CONNECTING || (!info && !(target && target->mac_known)))
        return;
    self->target_shown = true;
    if (info)
        cli_display_receiver(&self->session.display, info, self->session.port_name, job_run_baud(self));
    else
        cli_display_target(&self->session.display, target, self->session.port_name);
}

static void show_progress(struct job_run *self, const struct ferry_plan *plan)
{
    struct ferry_progress progress;
    char name[2 * FERRY_CARGO_NAME];
    ferry_job_progress(&self->job, &progress);
    if (self->job.state == FERRY_JOB_WRITING && progress.region < plan->count) {
        job_run_region_name(self, progress.region, name, sizeof name);
        cli_display_progress(&self->session.display, &progress, name, now(self));
    } else if (self->job.state == FERRY_JOB_LEAVING && self->step != progress.step) {
        self->step = progress.step;
        cli_display_status(&self->session.display, "%s ...", progress.step);
    }
}

static int tick(void *ctx)
{
    struct job_run *self = ctx;
    const struct ferry_plan *plan = ferry_job_plan(&self->job);
    show_target(self);
    if (plan && !self->plan_shown) {
        self->plan_shown = true;
        job_run_tell_plan(self, plan);
    }
    show_events(self);
    if (plan)
        show_progress(self, plan);
    return cli_interrupted();
}

// ---- the job ----

static void fill_cfg(struct job_run *self, const struct ferry_job_cfg *given, struct ferry_job_cfg *cfg)
{
    const struct cli_options *o = self->session.options;
    struct cli_session *s = &self->session;
    *cfg = *given;
    cfg->port_name = s->port_name;
    cfg->trace = cli_trace_get(&s->trace);
    cfg->after = *cli_session_by_hand(s) ? FERRY_AFTER_NO_RESET : o->after;
    cfg->no_deflate = o->no_compress;
    cfg->no_skip = o->no_skip;
    cfg->dry_run = o->dry_run;
    cfg->erase_all = o->erase_all;
    cfg->deflate = &s->deflate;
    cfg->cargo.force = o->force;
    cfg->cargo.no_trial = o->no_trial;
    cfg->cargo.flash_size = o->flash_size_bytes;
    cfg->cargo.flash_mode = o->flash_mode;
    cfg->cargo.flash_freq = o->flash_freq;
    cfg->cargo.flash_size_name = o->flash_size;
    cfg->cargo.digest = &s->digest;
    cli_session_flasher_cfg(s, &cfg->flasher);
    cfg->stream = &s->port.stream;
    cfg->lines = ferry_posix_port_lines(&s->port);
    if (given->route == FERRY_JOB_ROUTE_ROM)
        return;
    uint32_t hello_ms = given->link.sender.hello_ms;
    link_wire_job_cfg(&s->wire, o, cfg);
    cfg->link.sender.hello_ms = hello_ms;
}

static int open(struct job_run *self, const struct ferry_job_cfg *given)
{
    struct cli_session *s = &self->session;
    struct ferry_job_cfg cfg;
    s->wire.patient = on_link;
    s->wire.note = note;
    s->wire.ctx = self;
    int status = given->route == FERRY_JOB_ROUTE_ROM ? cli_session_open(s) : cli_session_open_wire(s);
    if (status < 0)
        return status;
    fill_cfg(self, given, &cfg);
    status = ferry_job_init(&self->job, &cfg);
    if (status < 0)
        ferry_fault_set(&s->fault, status, 0, "%s", ferry_status_text(status));
    self->route = ferry_job_route(&self->job);
    return status;
}

void job_run_init(struct job_run *self, const struct cli_options *options)
{
    memset(self, 0, sizeof *self);
    cli_session_init(&self->session, options);
}

int job_run_fail(struct job_run *self)
{
    return cli_session_fail(&self->session);
}

int job_run(struct job_run *self, const struct ferry_job_cfg *cfg)
{
    if (open(self, cfg) < 0)
        return cli_session_fail(&self->session);
    cli_display_status(&self->session.display, "Connecting to %s ...", self->session.port_name);
    ferry_job_run(&self->job, &self->session.clock, tick, self);
    show_events(self);
    int code = ferry_job_result(&self->job)->status < 0 ? job_run_tell_failure(self) : job_run_tell_success(self);
    ferry_job_close(&self->job);
    cli_session_close(&self->session);
    return code;
}
