// Targets and their jobs as JSON, once or as events.
//
// There is no queue of events: every port, the card, the history and the settings know the number of their last
// change, and a listener is told, in the order of the changes, whatever has changed after the last thing it was told.
// A slow listener misses steps in between and never the last state; one more listener costs one row.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "updater/web_work.h"

#define IDLE_ROWS 15 // seconds of silence after which a comment keeps the connection alive

// ---- a target ----

static const char *job_kind(const struct ferry_web_port *port)
{
    return port->probe ? "probe" : port->command.verify_only ? "verify" : "flash";
}

static const char *job_state(const struct ferry_web_port *port)
{
    if (port->ended)
        return port->state == FERRY_JOB_DONE ? "done" : "failed";
    if (port->aborting)
        return "stopping";
    if (port->fetching[0])
        return "fetching";
    return port->state ? ferry_job_state_name(port->state) : "queued";
}

static const char *result_word(const struct ferry_web_port *port)
{
    if (port->state != FERRY_JOB_DONE)
        return "failed";
    if (port->probe)
        return "found";
    if (!port->result.written)
        return port->result.verified ? "verified" : "planned";
    return port->result.verified ? "ok" : "unverified";
}

static void progress_json(struct ferry_web_json *json, const struct ferry_web_port *port)
{
    const struct ferry_progress *p = &port->progress;
    ferry_web_json_text(json, "state", job_state(port));
    bool fetching = port->fetching[0] != 0;
    ferry_web_json_text(json, "step", fetching ? port->fetching : p->step ? p->step : "");
    ferry_web_json_number(json, "done", fetching ? (int64_t)port->fetched : (int64_t)p->total_done);
    ferry_web_json_number(json, "size", fetching ? (int64_t)port->fetch_size : (int64_t)p->total_size);
    ferry_web_json_number(json, "skipped", p->skipped);
    ferry_web_json_number(json, "wire", p->wire_bytes);
    ferry_web_json_number(json, "retries", p->retries);
}

static void notes_json(struct ferry_web_json *json, const struct ferry_web_port *port)
{
    ferry_web_json_open(json, "notes", '[');
    for (unsigned i = 0; i < FERRY_WEB_NOTES; i++) {
        const struct ferry_web_note *note = &port->notes[(port->note_at + i) % FERRY_WEB_NOTES];
        if (!note->seq)
            continue;
        ferry_web_json_open(json, NULL, '{');
        ferry_web_json_bool(json, "warning", note->warning);
        ferry_web_json_text(json, "text", note->text);
        ferry_web_json_close(json, '}');
    }
    ferry_web_json_close(json, ']');
}

static void result_json(struct ferry_web_json *json, const struct ferry_web_port *port)
{
    const struct ferry_job_result *r = &port->result;
    ferry_web_json_text(json, "result", result_word(port));
    ferry_web_json_number(json, "written", r->bytes_written);
    ferry_web_json_number(json, "unchanged", r->bytes_skipped);
    ferry_web_json_number(json, "resumed", r->resumed);
    ferry_web_json_number(json, "ms", r->elapsed_ms);
    ferry_web_json_bool(json, "touched", r->written);
    if (port->state != FERRY_JOB_FAILED)
        return;
    ferry_web_json_open(json, "fault", '{');
    ferry_web_json_fault(json, &port->fault);
    ferry_web_json_close(json, '}');
}

static void job_members(struct ferry_web_json *json, const struct ferry_web_port *port)
{
    char id[12];
    snprintf(id, sizeof id, "%u", (unsigned)port->job);
    ferry_web_json_text(json, "id", id);
    ferry_web_json_text(json, "kind", job_kind(port));
    ferry_web_json_text(json, "build", port->command.build);
    ferry_web_json_text(json, "name", port->cargo);
    ferry_web_json_text(json, "version", port->version);
    ferry_web_json_text(json, "route", ferry_job_route_name(port->route));
    ferry_web_json_open(json, "asked", '{');
    ferry_web_json_text(json, "route", ferry_job_route_name(port->command.route));
    ferry_web_json_bool(json, "erase_all", port->command.erase_all);
    ferry_web_json_bool(json, "force", port->command.force);
    ferry_web_json_close(json, '}');
    progress_json(json, port);
    notes_json(json, port);
    if (port->ended)
        result_json(json, port);
}

static void target_json(const struct ferry_web *self, unsigned index, struct ferry_web_json *json)
{
    const struct ferry_web_port *port = &self->ports[index];
    char id[12], revision[16];
    snprintf(id, sizeof id, "%u", index);
    snprintf(revision, sizeof revision, "v%u.%u", port->who.revision / 100u, port->who.revision % 100u);
    ferry_web_json_open(json, NULL, '{');
    ferry_web_json_text(json, "id", id);
    ferry_web_json_text(json, "port", self->cfg.port_names[index]);
    ferry_web_json_bool(json, "busy", port->busy);
    ferry_web_json_text(json, "chip", port->who.chip);
    ferry_web_json_text(json, "label", port->who.label);
    ferry_web_json_text(json, "revision", port->who.chip[0] ? revision : "");
    ferry_web_json_text(json, "mac", port->who.mac);
    ferry_web_json_number(json, "flash_size", port->who.flash_size);
    ferry_web_json_text(json, "running", port->who.running);
    ferry_web_json_text(json, "running_version", port->who.running_version);
    ferry_web_json_text(json, "slot", port->who.slot);
    if (port->job) {
        ferry_web_json_open(json, "job", '{');
        job_members(json, port);
        ferry_web_json_close(json, '}');
    }
    ferry_web_json_close(json, '}');
}

// ---- lists ----

static int list_row(struct ferry_web_stream *self, char *out, size_t cap, const char *name, bool jobs)
{
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    unsigned count = self->web->cfg.port_count;
    if (self->phase == 2)
        return FERRY_HTTP_OVER;
    ferry_web_lock(self->web);
    while (jobs && self->index < count && !self->web->ports[self->index].job)
        self->index++;
    if (self->phase == 0)
        json.len = (size_t)snprintf(out, cap, "{\"%s\":[", name);
    if (self->index < count) {
        json.comma = self->phase > 0 && self->after > 0;
        self->after = 1;
        if (jobs) {
            char id[12];
            snprintf(id, sizeof id, "%u", self->index);
            ferry_web_json_open(&json, NULL, '{');
            ferry_web_json_text(&json, "target", id);
            job_members(&json, &self->web->ports[self->index]);
            ferry_web_json_close(&json, '}');
        } else {
            target_json(self->web, self->index, &json);
        }
        self->index++;
        self->phase = 1;
    } else {
        ferry_web_json_raw(&json, "]}");
        self->phase = 2;
    }
    ferry_web_unlock(self->web);
    return json.full ? -1 : (int)json.len;
}

static int targets_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    return list_row(self, out, cap, "targets", false);
}

static int jobs_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    return list_row(self, out, cap, "jobs", true);
}

void ferry_web_targets(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                       struct ferry_http_answer *answer)
{
    (void)request, (void)rest;
    ferry_web_stream(self, "application/json", targets_row, answer);
}

void ferry_web_jobs(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                    struct ferry_http_answer *answer)
{
    (void)request, (void)rest;
    ferry_web_stream(self, "application/json", jobs_row, answer);
}

// ---- events ----

enum what { WHAT_NOTHING, WHAT_TARGET, WHAT_PROGRESS, WHAT_BUILDS, WHAT_HISTORY, WHAT_SETTINGS };

struct change {
    enum what what;
    unsigned port;
    uint32_t seq;
};

static void consider(struct change *least, uint32_t after, uint32_t seq, enum what what, unsigned port)
{
    if (seq > after && (least->what == WHAT_NOTHING || seq < least->seq))
        *least = (struct change){.what = what, .port = port, .seq = seq};
}

// The oldest change after `after`.
static struct change next_change(const struct ferry_web *self, uint32_t after)
{
    struct change least = {WHAT_NOTHING, 0, 0};
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        const struct ferry_web_port *port = &self->ports[i];
        consider(&least, after, port->seq, WHAT_TARGET, i);
        if (port->progress_seq > port->seq)
            consider(&least, after, port->progress_seq, port->seq > after ? WHAT_TARGET : WHAT_PROGRESS, i);
    }
    consider(&least, after, self->card_seq, WHAT_BUILDS, 0);
    consider(&least, after, self->history_seq, WHAT_HISTORY, 0);
    consider(&least, after, self->settings_seq, WHAT_SETTINGS, 0);
    return least;
}

static const char *const names[] = {"", "target", "progress", "builds", "history", "settings"};

static void change_json(const struct ferry_web *self, const struct change *change, struct ferry_web_json *json)
{
    if (change->what == WHAT_TARGET) {
        target_json(self, change->port, json);
        return;
    }
    ferry_web_json_open(json, NULL, '{');
    if (change->what == WHAT_PROGRESS) {
        char id[12];
        snprintf(id, sizeof id, "%u", change->port);
        ferry_web_json_text(json, "target", id);
        snprintf(id, sizeof id, "%u", (unsigned)self->ports[change->port].job);
        ferry_web_json_text(json, "id", id);
        progress_json(json, &self->ports[change->port]);
    }
    ferry_web_json_close(json, '}');
}

static int events_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    ferry_web_lock(self->web);
    struct change change = next_change(self->web, self->after);
    if (change.what != WHAT_NOTHING) {
        json.len = (size_t)snprintf(out, cap, "id: %u\nevent: %s\ndata: ", (unsigned)change.seq, names[change.what]);
        change_json(self->web, &change, &json);
        ferry_web_json_raw(&json, "\n\n");
        self->after = change.seq;
    }
    ferry_web_unlock(self->web);
    if (change.what != WHAT_NOTHING) {
        self->tries = 0;
        return json.full ? -1 : (int)json.len;
    }
    if (++self->tries < IDLE_ROWS && self->phase++ > 0)
        return 0;
    self->tries = 0;
    return snprintf(out, cap, ":\n\n"); // the first one at once: the listener sees that it is connected
}

// The same once, for those who ask again and again.
static int poll_row(struct ferry_web_stream *self, char *out, size_t cap)
{
    struct ferry_web_json json = ferry_web_json_begin(out, cap);
    if (self->phase == 2)
        return FERRY_HTTP_OVER;
    ferry_web_lock(self->web);
    struct change change = next_change(self->web, self->after);
    bool over = change.what == WHAT_NOTHING || change.seq > self->index;
    if (self->phase == 0)
        json.len = (size_t)snprintf(out, cap, "{\"boot\":%u,\"events\":[", (unsigned)self->web->boot);
    json.comma = self->phase == 1 && !over;
    if (!over) {
        ferry_web_json_open(&json, NULL, '{');
        ferry_web_json_text(&json, "event", names[change.what]);
        ferry_web_json_raw(&json, ",\"data\":");
        json.comma = false;
        change_json(self->web, &change, &json);
        ferry_web_json_close(&json, '}');
        self->after = change.seq;
    } else {
        json.comma = false;
        ferry_web_json_raw(&json, "],");
        ferry_web_json_number(&json, "seq", self->after);
        ferry_web_json_raw(&json, "}");
    }
    self->phase = over ? 2 : 1;
    ferry_web_unlock(self->web);
    return json.full ? -1 : (int)json.len;
}

void ferry_web_events(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                      struct ferry_http_answer *answer)
{
    const char *accept = request->header(request->ctx, "Accept"), *after = request->query(request->ctx, "after");
    bool once = accept && strstr(accept, "application/json");
    (void)rest;
    struct ferry_web_stream *stream =
        ferry_web_stream(self, once ? "application/json" : "text/event-stream", once ? poll_row : events_row, answer);
    if (!stream)
        return;
    if (!after)
        after = request->header(request->ctx, "Last-Event-ID");
    stream->after = after ? (uint32_t)strtoul(after, NULL, 10) : 0;
    ferry_web_lock(self);
    if (stream->after > self->seq) // of an earlier run of this program
        stream->after = 0;
    stream->index = self->seq; // poll: what changes while it is answered is for the next time
    ferry_web_unlock(self);
}
