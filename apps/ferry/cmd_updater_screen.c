#include "apps/ferry/cmd_updater_screen.h"

#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/number.h"
#include "updater/mac.h"

#define BLOCK_MAX 24 // ports drawn at most; the rest is counted
#define REDRAW_MS 100
#define PERCENT_STEP 25u // plain lines and JSON

int cmd_updater_screen_init(struct cmd_updater_screen *self, const struct cli_options *options,
                            const char *const *names, unsigned count, uint32_t now_ms)
{
    memset(self, 0, sizeof *self);
    cli_display_init(&self->display, options);
    self->names = names;
    self->count = count;
    self->started_ms = now_ms;
    self->ports = calloc(count, sizeof *self->ports);
    return self->ports ? FERRY_OK : FERRY_ERR_NO_MEMORY;
}

void cmd_updater_screen_free(struct cmd_updater_screen *self)
{
    cmd_updater_screen_wipe(self);
    free(self->ports);
    self->ports = NULL;
}

static bool draws(const struct cmd_updater_screen *self)
{
    return self->display.console.tty && !self->display.json && !self->display.quiet;
}

void cmd_updater_screen_wipe(struct cmd_updater_screen *self)
{
    if (self->drawn) {
        printf("\033[%uA\r\033[J", self->drawn);
        fflush(stdout);
    }
    self->drawn = 0;
    self->redraw = true;
}

// ---- messages ----

static cJSON *port_object(const struct cmd_updater_screen *self, unsigned port)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "port", self->names[port]);
    return object;
}

static void say(struct cmd_updater_screen *self, unsigned port, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct cmd_updater_screen *self, unsigned port, const char *format, ...)
{
    char text[700];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cmd_updater_screen_wipe(self);
    cli_display_line(&self->display, "%s: %s", self->names[port], text);
}

void cmd_updater_screen_warning(struct cmd_updater_screen *self, unsigned port, const char *text)
{
    char line[FERRY_JOB_TEXT + 300];
    if (self->display.json) {
        cJSON *object = port_object(self, port);
        cJSON_AddStringToObject(object, "text", text);
        cli_display_json(&self->display, "warning", object);
        return;
    }
    cmd_updater_screen_wipe(self);
    snprintf(line, sizeof line, "%.290s: %s", self->names[port], text);
    cli_display_warning(&self->display, line);
}

static void note(struct cmd_updater_screen *self, unsigned port, const char *text)
{
    if (self->display.json) {
        cJSON *object = port_object(self, port);
        cJSON_AddStringToObject(object, "text", text);
        cli_display_json(&self->display, "note", object);
    } else {
        say(self, port, "%s", text);
    }
}

static void mac_text(const uint8_t *mac, bool known, char out[FERRY_MAC_TEXT])
{
    out[0] = 0;
    if (known)
        ferry_mac_text(mac, out);
}

static void target_json(struct cmd_updater_screen *self, unsigned port, const struct ferry_target *target,
                        const struct ferry_target_info *info, const char *mac)
{
    cJSON *object = port_object(self, port);
    cJSON_AddStringToObject(object, "route", info ? "link" : "rom");
    if (target)
        cJSON_AddStringToObject(object, "chip", target->chip->name);
    cJSON_AddStringToObject(object, "mac", mac);
    if (target)
        cJSON_AddNumberToObject(object, "revision", target->revision);
    if (info) {
        cJSON_AddStringToObject(object, "project", info->project);
        cJSON_AddStringToObject(object, "version", info->version);
    } else {
        cJSON_AddNumberToObject(object, "flash_size", target->flash_size);
    }
    cli_display_json(&self->display, "target", object);
}

// target NULL: it is one of the link, and names no chip.
static void tell_target(struct cmd_updater_screen *self, unsigned port, const struct ferry_target *target,
                        const struct ferry_target_info *info)
{
    char mac[24] = "", who[64] = "a receiver", runs[100] = "";
    if (target) {
        mac_text(target->mac, target->mac_known, mac);
        snprintf(who, sizeof who, "%s v%u.%u", target->chip->label, target->revision / 100u, target->revision % 100u);
    }
    if (info && info->project[0])
        snprintf(runs, sizeof runs, ", runs %s %s", info->project, info->version);
    target_json(self, port, target, info, mac);
    say(self, port, "%s%s%s%s", who, mac[0] ? ", MAC " : "", mac, runs);
}

static void tell_plan(struct cmd_updater_screen *self, unsigned port, const struct ferry_plan *plan)
{
    char size[16];
    uint32_t total = 0;
    for (uint8_t i = 0; i < plan->count; i++)
        total += plan->regions[i].size;
    cJSON *object = port_object(self, port);
    cJSON_AddStringToObject(object, "cargo", plan->cargo.name);
    cJSON_AddStringToObject(object, "version", plan->version);
    cJSON_AddNumberToObject(object, "regions", plan->count);
    cJSON_AddNumberToObject(object, "size", total);
    cli_display_json(&self->display, "cargo", object);
    say(self, port, "%s%s%s, %u region%s, %s", plan->cargo.name, plan->version[0] ? " " : "", plan->version,
        plan->count, plan->count == 1 ? "" : "s", ferry_posix_number_bytes(total, size, sizeof size));
}

// ---- what is new on a port ----

static void take_events(struct cmd_updater_screen *self, unsigned port, struct ferry_job *job, bool tell)
{
    struct ferry_job_event event;
    while (ferry_job_event(job, &event)) {
        if (self->event)
            self->event(self->event_ctx, port, &event);
        if (!tell)
            continue;
        if (event.kind == FERRY_EVENT_WARNING)
            cmd_updater_screen_warning(self, port, event.text);
        else if (event.kind == FERRY_EVENT_NOTE && event.text[0])
            note(self, port, event.text);
        else if (event.kind == FERRY_EVENT_STEP && self->display.verbose)
            say(self, port, "%s", event.text);
    }
}

static void tell_state(struct cmd_updater_screen *self, unsigned port, const struct ferry_job *job)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    if (p->state == job->state)
        return;
    p->state = job->state;
    self->redraw = true;
    cJSON *object = port_object(self, port);
    cJSON_AddStringToObject(object, "state", ferry_job_state_name(job->state));
    cli_display_json(&self->display, "state", object);
}

static void tell_progress(struct cmd_updater_screen *self, unsigned port, const struct ferry_progress *p)
{
    struct cmd_updater_screen_port *told = &self->ports[port];
    unsigned percent = p->total_size ? (unsigned)((uint64_t)p->total_done * 100 / p->total_size) : 0;
    if (percent < told->percent + PERCENT_STEP || percent >= 100)
        return;
    told->percent = percent - percent % PERCENT_STEP;
    cJSON *object = port_object(self, port);
    cJSON_AddStringToObject(object, "step", p->step);
    cJSON_AddNumberToObject(object, "done", p->total_done);
    cJSON_AddNumberToObject(object, "size", p->total_size);
    cJSON_AddNumberToObject(object, "skipped", p->skipped);
    cli_display_json(&self->display, "progress", object);
    if (!draws(self))
        say(self, port, "%u %%", told->percent);
}

static void update_job(struct cmd_updater_screen *self, unsigned port, struct ferry_job *job, uint32_t now_ms)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    const struct ferry_target *target = ferry_job_target(job);
    const struct ferry_plan *plan = ferry_job_plan(job);
    struct ferry_progress progress;
    tell_state(self, port, job);
    if (!p->target_told && (target || ferry_job_info(job)) && job->state > FERRY_JOB_CONNECTING) {
        tell_target(self, port, target, ferry_job_info(job));
        p->target_told = true;
    }
    if (!p->plan_told && plan) {
        tell_plan(self, port, plan);
        p->plan_told = true;
    }
    take_events(self, port, job, true);
    ferry_job_progress(job, &progress);
    if (job->state == FERRY_JOB_WRITING) {
        ferry_posix_console_rate_add(&p->rate, now_ms, progress.total_done);
        tell_progress(self, port, &progress);
    }
}

static void tell_trouble(struct cmd_updater_screen *self, unsigned port, int trouble)
{
    char text[FERRY_JOB_TEXT];
    if (self->ports[port].trouble == trouble)
        return;
    self->ports[port].trouble = trouble;
    if (trouble == 0)
        return;
    snprintf(text, sizeof text, "something is there, but: %s (%s); still trying", ferry_status_text(trouble),
             ferry_status_hint(trouble));
    cmd_updater_screen_warning(self, port, text);
}

// ---- between jobs ----

// Ends of bars are not worth a line, and a small file is there at once.
static bool fetch_moved(const struct cmd_updater_screen_port *p, const char *file, unsigned percent)
{
    return strcmp(p->file, file) != 0 || (percent >= p->fetch_percent + PERCENT_STEP && percent < 100);
}

static void tell_fetch(struct cmd_updater_screen *self, unsigned port, const char *file, uint32_t done, uint32_t size)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    unsigned percent = size ? (unsigned)((uint64_t)done * 100 / size) : 0;
    if (!fetch_moved(p, file, percent))
        return;
    bool begins = strcmp(p->file, file) != 0;
    p->fetch_percent = percent - percent % PERCENT_STEP;
    cJSON *object = port_object(self, port);
    cJSON_AddStringToObject(object, "file", file);
    cJSON_AddNumberToObject(object, "done", done);
    cJSON_AddNumberToObject(object, "size", size);
    cli_display_json(&self->display, "fetch", object);
    if (!draws(self) && !begins)
        say(self, port, "fetching %s, %u %%", file, p->fetch_percent);
    else if (!draws(self))
        say(self, port, "fetching %s", file);
}

void cmd_updater_screen_fetch(struct cmd_updater_screen *self, unsigned port, const char *file, uint32_t done,
                              uint32_t size)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    if (!file) {
        self->redraw = self->redraw || p->file[0];
        p->file[0] = 0;
        p->fetch_percent = 0;
        return;
    }
    if (size)
        tell_fetch(self, port, file, done, size);
    snprintf(p->file, sizeof p->file, "%s", file);
    p->fetched = done;
    p->fetch_size = size;
}

void cmd_updater_screen_rest(struct cmd_updater_screen *self, unsigned port, const char *text)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    if (strcmp(p->resting, text) == 0)
        return;
    snprintf(p->resting, sizeof p->resting, "%s", text);
    self->redraw = true;
}

void cmd_updater_screen_word(struct cmd_updater_screen *self, unsigned port, const char *word, const char *chip,
                             const char *mac)
{
    struct cmd_updater_screen_port *p = &self->ports[port];
    self->current += strcmp(word, "current") == 0;
    snprintf(p->word, sizeof p->word, "%s", word);
    snprintf(p->chip, sizeof p->chip, "%s", chip);
    snprintf(p->mac, sizeof p->mac, "%s", mac);
}

// ---- the block ----

static const char *short_name(const char *port)
{
    const char *slash = strncmp(port, "/dev/", 5) == 0 ? port + 5 : strstr(port, "://");
    return slash && *slash == ':' ? slash + 3 : slash ? slash : port;
}

static const char *resting_text(const struct ferry_updater_port *port)
{
    if (port->staying)
        return port->last.fault.status < 0 ? "FAILED; take the target off" : "done; take the target off";
    return "waiting for a target";
}

static void fetch_bar(struct cmd_updater_screen *self, const struct cmd_updater_screen_port *p, const char *name,
                      char *line, size_t cap)
{
    char note[90];
    snprintf(note, sizeof note, "fetching %s", p->file);
    struct ferry_posix_console_bar bar = {
        .name = name, .done = p->fetched, .size = p->fetch_size, .seconds_left = -1, .note = note};
    ferry_posix_console_bar(&self->display.console, &bar, line, cap);
}

static void draw_port(struct cmd_updater_screen *self, const struct ferry_updater_port *port)
{
    struct cmd_updater_screen_port *p = &self->ports[port->index];
    char line[512];
    const char *name = short_name(self->names[port->index]);
    if (port->state == FERRY_UPDATER_WORKING && port->job_open && port->job.state == FERRY_JOB_WRITING) {
        struct ferry_progress progress;
        ferry_job_progress(&port->job, &progress);
        uint32_t rate = ferry_posix_console_rate_get(&p->rate), left = progress.total_size - progress.total_done;
        struct ferry_posix_console_bar bar = {.name = name,
                                              .done = progress.total_done,
                                              .size = progress.total_size,
                                              .rate = rate,
                                              .seconds_left = rate ? (int32_t)(left / rate) : -1,
                                              .note = progress.step};
        ferry_posix_console_bar(&self->display.console, &bar, line, sizeof line);
    } else if (p->file[0] && p->fetch_size && !port->job_open) {
        fetch_bar(self, p, name, line, sizeof line);
    } else {
        const char *text = p->resting[0] ? p->resting : p->file[0] ? "fetching" : resting_text(port);
        if (port->state == FERRY_UPDATER_WORKING && port->job_open)
            text = ferry_job_state_name(port->job.state);
        else if (port->state == FERRY_UPDATER_ENDED)
            text = port->last.fault.status < 0 ? "FAILED" : "done";
        snprintf(line, sizeof line, "%-16s %.*s", name, (int)(self->display.console.width - 18), text);
    }
    printf("%s\033[K\n", line);
}

static void draw(struct cmd_updater_screen *self, const struct ferry_updater *updater, uint32_t now_ms)
{
    if (!draws(self) || (!self->redraw && now_ms - self->drawn_ms < REDRAW_MS))
        return;
    self->display.console.width = ferry_posix_console_width(1);
    if (self->drawn) // over the old lines, as many as before
        printf("\033[%uA\r", self->drawn);
    unsigned shown = self->count < BLOCK_MAX ? self->count : BLOCK_MAX;
    for (unsigned i = 0; i < shown; i++)
        draw_port(self, &updater->ports[i]);
    if (self->count > shown)
        printf("... and %u more; %u well, %u failed so far\033[K\n", self->count - shown, (unsigned)updater->ok,
               (unsigned)updater->failed);
    fflush(stdout);
    self->drawn = shown + (self->count > shown);
    self->redraw = false;
    self->drawn_ms = now_ms;
}

void cmd_updater_screen_update(struct cmd_updater_screen *self, struct ferry_updater *updater, uint32_t now_ms)
{
    for (unsigned i = 0; i < self->count; i++) {
        struct ferry_updater_port *port = &updater->ports[i];
        bool looks = port->wished && port->wish.probe && !self->display.verbose; // whoever looks tells what was seen
        if (looks && port->job_open)
            take_events(self, i, &port->job, false);
        else if (port->job_open && port->state == FERRY_UPDATER_WORKING)
            update_job(self, i, &port->job, now_ms);
        else if (port->state != FERRY_UPDATER_WORKING)
            tell_trouble(self, i, port->trouble);
    }
    draw(self, updater, now_ms);
}

// ---- the end of a job ----

static const char *outcome_word(const struct ferry_updater_outcome *outcome)
{
    if (outcome->fault.status < 0)
        return ferry_status_name(outcome->fault.status);
    if (!outcome->result.written)
        return outcome->result.verified ? "verified" : "checked";
    return outcome->result.verified ? "ok" : "unverified";
}

static void result_json(struct cmd_updater_screen *self, unsigned port, const struct ferry_updater_outcome *o)
{
    char mac[24];
    cJSON *object = port_object(self, port);
    mac_text(o->mac, o->mac_known, mac);
    cJSON_AddBoolToObject(object, "ok", o->fault.status >= 0);
    cJSON_AddStringToObject(object, "result", o->fault.status < 0 ? "failed" : outcome_word(o));
    cJSON_AddStringToObject(object, "route", ferry_job_route_name(o->route));
    cJSON_AddStringToObject(object, "chip", o->chip);
    cJSON_AddStringToObject(object, "mac", mac);
    cJSON_AddStringToObject(object, "cargo", o->cargo);
    cJSON_AddStringToObject(object, "version", o->version);
    cJSON_AddBoolToObject(object, "verified", o->result.verified);
    if (o->route == FERRY_JOB_ROUTE_LINK) {
        cJSON_AddBoolToObject(object, "confirmed", o->result.confirmed);
        cJSON_AddStringToObject(object, "slot", o->result.slot);
    }
    cJSON_AddNumberToObject(object, "written", o->result.bytes_written);
    cJSON_AddNumberToObject(object, "skipped", o->result.bytes_skipped);
    cJSON_AddNumberToObject(object, "resumed", o->result.resumed);
    cJSON_AddNumberToObject(object, "seconds", o->result.elapsed_ms / 1000.0);
    if (o->fault.status < 0) {
        cJSON_AddStringToObject(object, "error", ferry_status_name(o->fault.status));
        cJSON_AddStringToObject(object, "message", o->fault.what);
        cJSON_AddStringToObject(object, "where", o->fault.where);
        cJSON_AddStringToObject(object, "hint", o->fault.hint);
        cJSON_AddNumberToObject(object, "peer_code", o->fault.peer_code);
    }
    cli_display_json(&self->display, "result", object);
}

static void tell_failure(struct cmd_updater_screen *self, unsigned port, const struct ferry_updater_outcome *outcome)
{
    struct ferry_fault fault = outcome->fault;
    char what[sizeof fault.what];
    snprintf(what, sizeof what, "%.60s: %.175s", self->names[port], fault.what);
    snprintf(fault.what, sizeof fault.what, "%s", what);
    cmd_updater_screen_wipe(self);
    cli_display_fault(&self->display, &fault);
    if (!outcome->result.written && outcome->result.bytes_total)
        fputs("  Nothing was erased or written.\n", stderr);
}

static void tell_success(struct cmd_updater_screen *self, unsigned port, const struct ferry_updater_outcome *outcome)
{
    const struct ferry_job_result *r = &outcome->result;
    char written[16], skipped[16];
    ferry_posix_number_bytes(r->bytes_written, written, sizeof written);
    ferry_posix_number_bytes(r->bytes_skipped, skipped, sizeof skipped);
    cmd_updater_screen_wipe(self);
    bool link = outcome->route == FERRY_JOB_ROUTE_LINK;
    if (!r->written)
        cli_display_good(&self->display, "%s: %s, nothing was %s, %u.%u s", self->names[port],
                         !r->verified ? "checked"
                         : link       ? "runs this firmware already"
                                      : "verified",
                         link ? "sent" : "written", (unsigned)(r->elapsed_ms / 1000),
                         (unsigned)(r->elapsed_ms / 100 % 10));
    else
        cli_display_good(&self->display, "%s: %s%s%s%s, %s sent, %s unchanged, %u.%u s", self->names[port],
                         r->verified ? "done and verified" : "written", link && r->slot[0] ? ", in " : "",
                         link ? r->slot : "", r->confirmed ? ", runs and is confirmed" : "", written, skipped,
                         (unsigned)(r->elapsed_ms / 1000), (unsigned)(r->elapsed_ms / 100 % 10));
    if (r->written && !r->verified)
        cmd_updater_screen_warning(self, port, "written, but this target cannot prove it: its loader gives no MD5");
}

static void forget_job(struct cmd_updater_screen_port *p)
{
    p->state = 0;
    p->trouble = 0;
    p->target_told = p->plan_told = false;
    p->percent = 0;
    p->word[0] = 0;
    memset(&p->rate, 0, sizeof p->rate);
}

void cmd_updater_screen_ended(struct cmd_updater_screen *self, unsigned port, struct ferry_job *job,
                              const struct ferry_updater_outcome *outcome)
{
    if (job)
        update_job(self, port, job, self->drawn_ms);
    forget_job(&self->ports[port]);
    self->redraw = true;
    if (self->display.json)
        result_json(self, port, outcome);
    else if (outcome->fault.status < 0)
        tell_failure(self, port, outcome);
    else
        tell_success(self, port, outcome);
}

// ---- the end of all ----

static void summary_row(struct cmd_updater_screen *self, const struct ferry_updater_port *port)
{
    const struct ferry_updater_outcome *o = &port->last;
    const struct cmd_updater_screen_port *p = &self->ports[port->index];
    char mac[24], written[16] = "", skipped[16] = "", seconds[16] = "";
    mac_text(o->mac, o->mac_known, mac);
    if (p->word[0]) {
        cli_display_line(&self->display, "  %-24s %-10s %-17s %s", short_name(self->names[port->index]), p->chip,
                         p->mac, p->word);
        return;
    }
    if (o->result.bytes_total) {
        ferry_posix_number_bytes(o->result.bytes_written, written, sizeof written);
        ferry_posix_number_bytes(o->result.bytes_skipped, skipped, sizeof skipped);
    }
    if (o->result.elapsed_ms)
        snprintf(seconds, sizeof seconds, "%u.%u s", (unsigned)(o->result.elapsed_ms / 1000),
                 (unsigned)(o->result.elapsed_ms / 100 % 10));
    cli_display_line(&self->display, "  %-24s %-10s %-17s %-16s %9s %9s %9s", short_name(self->names[port->index]),
                     o->chip, mac, port->has_last ? outcome_word(o) : "-", written, skipped, seconds);
}

void cmd_updater_screen_summary(struct cmd_updater_screen *self, const struct ferry_updater *updater, uint32_t now_ms)
{
    uint32_t ms = now_ms - self->started_ms;
    cmd_updater_screen_wipe(self);
    cJSON *object = cli_display_object();
    cJSON_AddNumberToObject(object, "ok", updater->ok);
    cJSON_AddNumberToObject(object, "failed", updater->failed);
    if (self->current)
        cJSON_AddNumberToObject(object, "current", self->current);
    cJSON_AddNumberToObject(object, "seconds", ms / 1000.0);
    cJSON_AddNumberToObject(object, "log_lines_lost", updater->log_lost);
    cli_display_json(&self->display, "summary", object);
    if (!updater->cfg.wait && self->count > 1) {
        cli_display_line(&self->display, "  %-24s %-10s %-17s %-16s %9s %9s %9s", "Port", "Chip", "MAC", "Result",
                         "Sent", "Unchanged", "Time");
        for (unsigned i = 0; i < self->count; i++)
            summary_row(self, &updater->ports[i]);
    }
    char current[32] = "";
    if (self->current)
        snprintf(current, sizeof current, ", %u up to date", self->current);
    if (updater->cfg.wait || self->count > 1 || updater->ok + updater->failed > 1)
        cli_display_line(&self->display, "%u well, %u failed%s, in %u.%u s", (unsigned)updater->ok,
                         (unsigned)updater->failed, current, (unsigned)(ms / 1000), (unsigned)(ms / 100 % 10));
}
