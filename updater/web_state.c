// What both sides see: ports and their jobs, what people want, what has changed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"
#include "updater/json.h"
#include "updater/mac.h"
#include "updater/path.h"
#include "updater/web_work.h"

#define UPLOAD_LIMIT (32u << 20)

void ferry_web_lock(struct ferry_web *self)
{
    if (self->cfg.lock)
        self->cfg.lock(self->cfg.ctx);
}

void ferry_web_unlock(struct ferry_web *self)
{
    if (self->cfg.unlock)
        self->cfg.unlock(self->cfg.ctx);
}

void ferry_web_wake(struct ferry_web *self)
{
    if (self->cfg.waker.wake)
        self->cfg.waker.wake(self->cfg.waker.ctx);
}

void ferry_web_set_waker(struct ferry_web *self, struct ferry_http_waker waker)
{
    ferry_web_lock(self);
    self->cfg.waker = waker;
    ferry_web_unlock(self);
}

struct ferry_web *ferry_web_new(const struct ferry_web_cfg *cfg)
{
    struct ferry_web *self = cfg->card ? calloc(1, sizeof *self) : NULL;
    if (!self)
        return NULL;
    self->cfg = *cfg;
    snprintf(self->dir, sizeof self->dir, "%s", cfg->card_dir ? cfg->card_dir : cfg->card->dir);
    if (self->cfg.upload_limit == 0)
        self->cfg.upload_limit = UPLOAD_LIMIT;
    self->ports = calloc(cfg->port_count + 1u, sizeof *self->ports);
    if (!self->ports) {
        free(self);
        return NULL;
    }
    for (unsigned i = 0; i < cfg->port_count; i++)
        ferry_web_changed(self, &self->ports[i].seq);
    ferry_web_changed(self, &self->card_seq);
    self->boot = cfg->boot ? cfg->boot : (uint32_t)(uintptr_t)self ^ (uint32_t)time(NULL) * 2654435761u;
    ferry_web_files_clean(self);
    ferry_web_settings_recover(self);
    return self;
}

void ferry_web_free(struct ferry_web *self)
{
    if (!self)
        return;
    free(self->ports);
    free(self);
}

// ---- the updater's side ----

static bool take_port(struct ferry_web *self, unsigned index, struct ferry_web_command *out)
{
    struct ferry_web_port *port = &self->ports[index];
    if (port->abort_asked) {
        *out = (struct ferry_web_command){.wish = FERRY_WEB_ABORT, .port = index, .job = port->job};
        port->abort_asked = false;
        return true;
    }
    if (port->asked)
        *out = port->command;
    bool taken = port->asked;
    port->asked = false;
    return taken;
}

static bool take_flag(bool *flag, enum ferry_web_wish wish, struct ferry_web_command *out)
{
    if (!*flag)
        return false;
    *flag = false;
    *out = (struct ferry_web_command){.wish = wish};
    return true;
}

bool ferry_web_take(struct ferry_web *self, struct ferry_web_command *out)
{
    ferry_web_lock(self);
    bool taken = take_flag(&self->apply, FERRY_WEB_APPLY, out) || take_flag(&self->look, FERRY_WEB_LOOK, out);
    for (unsigned i = 0; i < self->cfg.port_count && !taken; i++)
        taken = take_port(self, i, out);
    ferry_web_unlock(self);
    return taken;
}

static void begin_job(struct ferry_web *self, struct ferry_web_port *port)
{
    port->job = ++self->jobs;
    port->busy = true;
    port->ended = port->aborting = port->abort_asked = false;
    port->state = 0;
    port->cargo[0] = port->version[0] = port->path[0] = 0;
    memset(&port->progress, 0, sizeof port->progress);
    memset(&port->result, 0, sizeof port->result);
    memset(&port->fault, 0, sizeof port->fault);
    memset(port->notes, 0, sizeof port->notes);
    port->told = 0;
    port->fetching[0] = 0;
}

// Somebody else than the page has begun a job there.
static void adopt_job(struct ferry_web *self, struct ferry_web_port *port, unsigned index)
{
    begin_job(self, port);
    port->probe = false;
    port->command = (struct ferry_web_command){.port = index};
}

// Ends what was done under the lock; seq, if not NULL, is of what has changed.
static void unlock_telling(struct ferry_web *self, uint32_t *seq)
{
    if (seq)
        ferry_web_changed(self, seq);
    ferry_web_unlock(self);
    if (seq)
        ferry_web_wake(self);
}

static void forget_running(struct ferry_web_port *port)
{
    port->who.running[0] = port->who.running_version[0] = port->who.slot[0] = 0;
}

static void take_target(struct ferry_web_port *port, const struct ferry_job *job)
{
    const struct ferry_target *target = ferry_job_target(job);
    if (!target || !target->chip)
        return;
    snprintf(port->who.chip, sizeof port->who.chip, "%s", target->chip->name);
    snprintf(port->who.label, sizeof port->who.label, "%s", target->chip->label);
    port->who.revision = target->revision;
    port->who.flash_size = target->flash_size;
    char mac[sizeof port->who.mac] = "";
    if (target->mac_known)
        ferry_mac_text(target->mac, mac);
    if (strcmp(mac, port->who.mac) != 0) // another one: nothing is known of its firmware
        forget_running(port);
    memcpy(port->who.mac, mac, sizeof mac);
}

static void take_info(struct ferry_web_port *port, const struct ferry_job *job)
{
    const struct ferry_target_info *info = ferry_job_info(job);
    const struct ferry_slot *slot = info ? ferry_link_route_slot(info, FERRY_SLOT_RUNNING) : NULL;
    if (!info)
        return;
    snprintf(port->who.running, sizeof port->who.running, "%s", info->project);
    snprintf(port->who.running_version, sizeof port->who.running_version, "%.*s",
             (int)sizeof port->who.running_version - 1, info->version);
    snprintf(port->who.slot, sizeof port->who.slot, "%s", slot ? slot->label : "");
}

static void take_running(struct ferry_web_port *port, const struct ferry_running *running)
{
    if (!running || running->state == FERRY_RUNNING_UNKNOWN)
        return;
    snprintf(port->who.running, sizeof port->who.running, "%.*s", (int)sizeof port->who.running - 1, running->project);
    snprintf(port->who.running_version, sizeof port->who.running_version, "%.*s",
             (int)sizeof port->who.running_version - 1, running->version);
}

static void take_plan(struct ferry_web_port *port, const struct ferry_job *job)
{
    const struct ferry_plan *plan = ferry_job_plan(job);
    if (job->has_chosen) {
        snprintf(port->cargo, sizeof port->cargo, "%s", job->chosen.name);
        snprintf(port->path, sizeof port->path, "%s", job->chosen.path);
        snprintf(port->version, sizeof port->version, "%s", job->chosen.version);
    }
    if (plan && plan->version[0])
        snprintf(port->version, sizeof port->version, "%s", plan->version);
}

// True when it is worth telling.
static bool take_progress(struct ferry_web_port *port, const struct ferry_job *job)
{
    ferry_job_progress(job, &port->progress);
    const struct ferry_progress *p = &port->progress;
    uint32_t now = p->total_size ? (uint32_t)((uint64_t)p->total_done * 1000 / p->total_size) : 0;
    bool moved = now / 5 != port->told / 5;
    port->told = moved ? now : port->told;
    return moved;
}

void ferry_web_tell_job(struct ferry_web *self, unsigned index, const struct ferry_job *job)
{
    struct ferry_web_port *port = &self->ports[index];
    bool changed = false, moved = false;
    ferry_web_lock(self);
    if (!port->busy) {
        adopt_job(self, port, index);
        changed = true;
    }
    if (port->state != job->state || port->route != ferry_job_route(job)) {
        port->state = job->state;
        port->route = ferry_job_route(job);
        changed = true;
        take_target(port, job);
        take_info(port, job);
        take_plan(port, job);
    }
    moved = !port->fetching[0] && take_progress(port, job);
    unlock_telling(self, changed ? &port->seq : moved ? &port->progress_seq : NULL);
}

// True when it is worth telling.
static bool take_fetched(struct ferry_web_port *port, uint64_t done, uint64_t size)
{
    uint32_t now = size ? (uint32_t)(done * 1000 / size) : (uint32_t)(done >> 16);
    bool moved = now / 5 != port->told / 5 || port->fetch_size != size;
    port->fetched = done;
    port->fetch_size = size;
    port->told = moved ? now : port->told;
    return moved;
}

void ferry_web_tell_fetching(struct ferry_web *self, unsigned index, const char *file, uint64_t done, uint64_t size)
{
    struct ferry_web_port *port = &self->ports[index];
    char shown[sizeof port->fetching] = "";
    ferry_path_text(shown, sizeof shown, file ? (*file ? file : "firmware") : "");
    ferry_web_lock(self);
    bool changed = strcmp(port->fetching, shown) != 0, moved = false;
    if (file && !port->busy)
        adopt_job(self, port, index);
    memcpy(port->fetching, shown, sizeof shown);
    if (file)
        moved = take_fetched(port, done, size);
    else
        port->told = 0;
    unlock_telling(self, changed ? &port->seq : moved ? &port->progress_seq : NULL);
}

void ferry_web_tell_event(struct ferry_web *self, unsigned index, const struct ferry_job_event *event)
{
    struct ferry_web_port *port = &self->ports[index];
    bool warning = event->kind == FERRY_EVENT_WARNING;
    if ((!warning && event->kind != FERRY_EVENT_NOTE) || !event->text[0])
        return;
    ferry_web_lock(self);
    struct ferry_web_note *note = &port->notes[port->note_at++ % FERRY_WEB_NOTES];
    note->warning = warning;
    ferry_path_text(note->text, sizeof note->text, event->text);
    ferry_web_changed(self, &note->seq);
    port->seq = note->seq;
    ferry_web_unlock(self);
    ferry_web_wake(self);
}

void ferry_web_tell_ended(struct ferry_web *self, unsigned index, const struct ferry_job *job,
                          const struct ferry_updater_outcome *outcome)
{
    struct ferry_web_port *port = &self->ports[index];
    ferry_web_lock(self);
    if (!port->busy)
        begin_job(self, port);
    if (job) {
        take_target(port, job);
        take_info(port, job);
        take_plan(port, job);
        take_progress(port, job);
    }
    if (outcome->result.written && outcome->running.state == FERRY_RUNNING_UNKNOWN)
        forget_running(port);
    take_running(port, &outcome->running);
    port->state = outcome->fault.status < 0 ? FERRY_JOB_FAILED : FERRY_JOB_DONE;
    port->result = outcome->result;
    port->fault = outcome->fault;
    port->busy = port->asked = port->abort_asked = port->aborting = false;
    port->fetching[0] = 0;
    port->ended = true;
    ferry_web_changed(self, &port->seq);
    ferry_web_changed(self, &self->history_seq);
    ferry_web_unlock(self);
    ferry_web_wake(self);
}

void ferry_web_tell_seen(struct ferry_web *self, unsigned index, const struct ferry_job *job,
                         const struct ferry_running *running)
{
    struct ferry_web_port *port = &self->ports[index];
    ferry_web_lock(self);
    struct ferry_web_who before;
    memcpy(&before, &port->who, sizeof before);
    if (!port->busy) {
        take_target(port, job);
        take_info(port, job);
        take_running(port, running);
    }
    bool changed = memcmp(&before, &port->who, sizeof before) != 0;
    unlock_telling(self, changed ? &port->seq : NULL);
}

void ferry_web_tell_gone(struct ferry_web *self, unsigned index)
{
    struct ferry_web_port *port = &self->ports[index];
    ferry_web_lock(self);
    bool known = port->who.chip[0] != 0;
    memset(&port->who, 0, sizeof port->who);
    unlock_telling(self, known ? &port->seq : NULL);
}

void ferry_web_tell_card(struct ferry_web *self, const struct ferry_fault *fault)
{
    ferry_web_lock(self);
    self->stale = self->look; // touched again meanwhile
    if (fault)
        self->card_fault = *fault;
    else
        memset(&self->card_fault, 0, sizeof self->card_fault);
    ferry_web_changed(self, &self->card_seq);
    ferry_web_unlock(self);
    ferry_web_wake(self);
}

// ---- the people's side ----

void ferry_web_touched(struct ferry_web *self)
{
    self->look = self->stale = true;
}

bool ferry_web_in_use(const struct ferry_web *self, const char *path)
{
    const char *dir = self->dir;
    size_t len = strlen(path), root = strlen(dir);
    for (unsigned i = 0; i < self->cfg.port_count; i++) {
        const struct ferry_web_port *port = &self->ports[i];
        if (!port->busy || !port->path[0])
            continue;
        if (strncmp(port->path, path, len) == 0 && (port->path[len] == 0 || port->path[len] == '/'))
            return true; // it, or something in that folder
        const char *slash = strrchr(port->path, '/');
        size_t folder = slash ? (size_t)(slash - port->path) : 0;
        if (folder > root && strncmp(port->path, path, folder) == 0 && path[folder] == '/')
            return true; // beside it, in a folder of its own
    }
    return false;
}

static unsigned find_port(const struct ferry_web *self, const char *id)
{
    uint32_t number = 0;
    if (!id || !ferry_json_number(id, &number) || number >= self->cfg.port_count)
        return self->cfg.port_count;
    return number;
}

static bool take_kind(const cJSON *json, struct ferry_web_command *out)
{
    const char *kind = ferry_json_text(json, "kind");
    out->wish = kind && strcmp(kind, "probe") == 0 ? FERRY_WEB_PROBE : FERRY_WEB_START;
    out->verify_only = kind && strcmp(kind, "verify") == 0;
    return !kind || out->wish == FERRY_WEB_PROBE || out->verify_only || strcmp(kind, "flash") == 0;
}

static bool take_route(const struct ferry_web *self, const cJSON *json, struct ferry_web_command *out)
{
    const char *route = ferry_json_text(json, "route");
    bool both = self->cfg.rom && self->cfg.link;
    out->route = both ? FERRY_JOB_ROUTE_AUTO : self->cfg.link ? FERRY_JOB_ROUTE_LINK : FERRY_JOB_ROUTE_ROM;
    if (!route)
        return true;
    static const char *const names[] = {"rom", "link", "auto"};
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(route, names[i]) == 0)
            out->route = (enum ferry_job_route)i;
    bool possible = out->route == FERRY_JOB_ROUTE_ROM    ? self->cfg.rom
                    : out->route == FERRY_JOB_ROUTE_LINK ? self->cfg.link
                                                         : both;
    return possible && strcmp(route, names[out->route]) == 0;
}

// The build that is asked for is there, or none has to be named. Under lock.
static bool take_build(const struct ferry_web *self, const cJSON *json, struct ferry_web_command *out)
{
    const char *build = ferry_json_text(json, "build");
    if (!build || !*build)
        return true;
    if (strlen(build) >= sizeof out->build)
        return false;
    snprintf(out->build, sizeof out->build, "%s", build);
    bool from_depot = strncmp(build, "depot:", 6) == 0;
    return from_depot ? self->cfg.depot != NULL : ferry_web_build(self, build) != NULL;
}

// NULL = it is asked for; else what is wrong, with *status and *name for the answer. Under lock.
static const char *ask(struct ferry_web *self, const cJSON *json, unsigned *index, int *status, const char **name)
{
    struct ferry_web_command command = {.wish = FERRY_WEB_START};
    *index = find_port(self, ferry_json_text(json, "target"));
    *status = 422;
    *name = "ARG";
    if (!take_kind(json, &command))
        return "kind is none of flash, verify, probe";
    if (!take_route(self, json, &command))
        return "this updater cannot take that route";
    *status = 404;
    *name = "STORAGE_MISSING";
    if (*index >= self->cfg.port_count)
        return "there is no such target";
    if (!take_build(self, json, &command))
        return "this firmware is not there any more";
    struct ferry_web_port *port = &self->ports[*index];
    *status = 409;
    *name = "BUSY";
    if (port->busy)
        return "this target is busy with a job";
    command.erase_all = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "erase_all"));
    command.force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "force"));
    begin_job(self, port);
    command.port = *index;
    command.job = port->job;
    port->command = command;
    port->probe = command.wish == FERRY_WEB_PROBE;
    port->route = command.route;
    port->asked = true;
    ferry_web_changed(self, &port->seq);
    return NULL;
}

static void answer_started(struct ferry_http_answer *answer, uint32_t job, unsigned target)
{
    char text[64];
    int len = snprintf(text, sizeof text, "{\"id\":\"%u\",\"target\":\"%u\"}", (unsigned)job, target);
    ferry_web_answer_json(answer, 202, text, (size_t)len);
}

void ferry_web_job_start(struct ferry_web_request *request, struct ferry_http_answer *answer)
{
    struct ferry_web *self = request->web;
    struct ferry_fault fault;
    cJSON *json = NULL;
    unsigned index = 0;
    int status = 0;
    const char *name = NULL;
    if (!self->cfg.start) {
        ferry_web_answer_error(answer, 403, "UNSUPPORTED", "jobs are not started from here", NULL, NULL);
        return;
    }
    if (ferry_json_parse(request->body, request->len, "the request", &json, &fault) < 0) {
        ferry_web_answer_fault(answer, &fault);
        return;
    }
    ferry_web_lock(self);
    const char *wrong = ask(self, json, &index, &status, &name);
    uint32_t job = wrong ? 0 : self->ports[index].job;
    ferry_web_unlock(self);
    cJSON_Delete(json);
    if (wrong) {
        ferry_web_answer_error(answer, status, name, wrong, NULL,
                               status == 409   ? "wait, or stop it"
                               : status == 404 ? "ask again for what there is: GET /api/v1/targets, GET /api/v1/builds"
                                               : "see the API's description");
        return;
    }
    ferry_web_wake(self);
    answer_started(answer, job, index);
}

static void stop(struct ferry_web *self, struct ferry_web_port *port)
{
    if (port->asked) { // the updater has not heard of it yet
        port->busy = port->asked = false;
        port->ended = true;
        port->state = FERRY_JOB_FAILED;
        ferry_fault_set(&port->fault, FERRY_ERR_CANCELLED, NULL, "stopped before it began");
    } else {
        port->abort_asked = port->aborting = true;
    }
    ferry_web_changed(self, &port->seq);
}

void ferry_web_job_abort(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                         struct ferry_http_answer *answer)
{
    uint32_t number = 0;
    unsigned index = self->cfg.port_count;
    (void)request;
    ferry_web_lock(self);
    for (unsigned i = 0; i < self->cfg.port_count && ferry_json_number(rest, &number); i++)
        if (self->ports[i].job == number && self->ports[i].busy)
            index = i;
    if (index < self->cfg.port_count)
        stop(self, &self->ports[index]);
    ferry_web_unlock(self);
    if (index < self->cfg.port_count) {
        ferry_web_wake(self);
        answer_started(answer, number, index);
    } else {
        ferry_web_answer_error(answer, 404, "STATE", "no such job runs", rest, "it may have ended meanwhile");
    }
}
