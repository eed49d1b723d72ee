// What --work and --check-in tell: a line for people, an object for programs, and what stands in the port's line of the
// block. The thread puts it down, the loop shows it.
#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/updater_work_parts.h"

struct work_told *work_tell(struct updater_work *self, enum work_said what, int port)
{
    if (self->told_count == self->told_cap)
        memmove(self->told, self->told + 1, --self->told_count * sizeof *self->told);
    struct work_told *t = &self->told[self->told_count++];
    memset(t, 0, sizeof *t);
    t->what = what;
    t->port = port;
    return t;
}

void work_say(struct updater_work *self, int port, bool warning, const char *format, ...)
{
    struct work_told *t = work_tell(self, warning ? WORK_SAID_WARNING : WORK_SAID_LINE, port);
    va_list args;
    va_start(args, format);
    vsnprintf(t->text, sizeof t->text, format, args);
    va_end(args);
}

// ---- for people ----

static void line(struct cmd_updater_screen *screen, const struct work_told *t, const char *text)
{
    cmd_updater_screen_wipe(screen);
    cli_display_line(&screen->display, "%s%s%s", t->port >= 0 ? screen->names[t->port] : "", t->port >= 0 ? ": " : "",
                     text);
}

static void warn(struct cmd_updater_screen *screen, const struct work_told *t, const char *text, const char *hint)
{
    cmd_updater_screen_wipe(screen);
    if (t->port >= 0)
        cmd_updater_screen_warning(screen, (unsigned)t->port, text);
    else
        cli_display_warning(&screen->display, text);
    if (hint[0] && !screen->display.json)
        fprintf(stderr, "  try: %s\n", hint);
}

static const char *named(const char *project, const char *version, char out[160])
{
    snprintf(out, 160, "%s%s%s", project[0] ? project : "a firmware without a name", version[0] ? " " : "", version);
    return out;
}

static const char *runs(const struct ferry_running *running, char out[160])
{
    if (running->state == FERRY_RUNNING_BLANK)
        return "blank";
    return running->state == FERRY_RUNNING_KNOWN ? named(running->project, running->version, out)
                                                 : "what it runs is not known";
}

// Why there is nothing, and what to do about it.
static void explain_nothing(const struct work_told *t, char *text, size_t cap, char *hint, size_t hint_cap)
{
    const struct ferry_depot_client_answer *a = &t->answer;
    char now[160];
    if (a->project[0] && a->channel[0]) {
        snprintf(text, cap, "the depot has nothing for it: channel %s of %s has no build for %s", a->channel,
                 a->project, t->chip);
        snprintf(hint, hint_cap, "ferry depot channel %s %s@VERSION --chip %s points it at one", a->channel, a->project,
                 t->chip);
    } else if (a->project[0]) {
        snprintf(text, cap, "the depot has nothing for it: %s follows no channel", t->mac);
        snprintf(hint, hint_cap, "--project %s@stable says which one; the depot remembers it", a->project);
    } else {
        snprintf(text, cap, "the depot has nothing for it: %s %s (%s) belongs to no project that the depot knows",
                 t->label, t->mac, runs(&t->running, now));
        snprintf(hint, hint_cap, "--project PROJECT@CHANNEL says what such targets get");
    }
}

static void show_checkin(struct cmd_updater_screen *screen, const struct work_told *t)
{
    const struct ferry_depot_client_answer *a = &t->answer;
    char text[420], hint[300] = "", to[160], now[160], channel[90] = "";
    named(a->build.project, a->build.version, to);
    if (a->channel[0])
        snprintf(channel, sizeof channel, " (channel %s)", a->channel);
    if (a->verdict == FERRY_DEPOT_CLIENT_NOTHING) {
        explain_nothing(t, text, sizeof text, hint, sizeof hint);
        warn(screen, t, text, hint);
    } else if (a->verdict == FERRY_DEPOT_CLIENT_CURRENT && t->again) {
        snprintf(text, sizeof text, "the depot knows that %s runs %s now", t->mac, to);
        line(screen, t, text);
    } else if (a->verdict == FERRY_DEPOT_CLIENT_CURRENT) {
        snprintf(text, sizeof text, "%s %s is up to date: %s%s", t->label, t->mac, to, channel);
        line(screen, t, text);
    } else if (t->again) {
        snprintf(text, sizeof text, "the depot wants %s on it%s, and not what was just brought; it stays as it is", to,
                 channel);
        warn(screen, t, text, "was the channel changed meanwhile? The next check-in brings what it says then");
    } else {
        snprintf(text, sizeof text, "%s %s, %s, is to run %s%s", t->label, t->mac, runs(&t->running, now), to, channel);
        line(screen, t, text);
    }
}

static void show(struct cmd_updater_screen *screen, const struct work_told *t)
{
    char text[420], name[160];
    switch (t->what) {
    case WORK_SAID_CHECKIN:
        show_checkin(screen, t);
        break;
    case WORK_SAID_CLAIM:
        snprintf(text, sizeof text, "job %s: %s", t->job, named(t->project, t->version, name));
        line(screen, t, text);
        break;
    case WORK_SAID_REPORT:
        snprintf(text, sizeof text, "job %s: the depot knows that it %s%s%s", t->job,
                 strcmp(t->state, "queued") == 0 ? "waits again"
                 : strcmp(t->state, "done") == 0 ? "is done"
                                                 : "has failed",
                 t->text[0] ? ": " : "", t->text);
        line(screen, t, text);
        break;
    case WORK_SAID_WARNING:
    case WORK_SAID_LOST:
    case WORK_SAID_UNREACHED:
        warn(screen, t, t->text, t->hint);
        break;
    case WORK_SAID_FETCH:
    case WORK_SAID_READY:
        break; // the bar has shown it come
    default:
        line(screen, t, t->text);
    }
}

// ---- for programs ----

static void add(cJSON *object, const char *name, const char *text)
{
    if (text[0])
        cJSON_AddStringToObject(object, name, text);
}

static void checkin_json(cJSON *object, const struct work_told *t)
{
    static const char *const states[] = {"unknown", "blank", "known"};
    const struct ferry_depot_client_answer *a = &t->answer;
    add(object, "mac", t->mac);
    add(object, "chip", t->chip);
    cJSON *runs_now = cJSON_AddObjectToObject(object, "running");
    cJSON_AddStringToObject(runs_now, "state", states[t->running.state % 3]);
    add(runs_now, "project", t->running.project);
    add(runs_now, "version", t->running.version);
    add(runs_now, "sha256", t->hash);
    cJSON_AddStringToObject(object, "answer", ferry_depot_client_verdict_name(a->verdict));
    cJSON_AddBoolToObject(object, "again", t->again);
    add(object, "project", a->project[0] ? a->project : a->build.project);
    add(object, "channel", a->channel);
    add(object, "version", a->build.version);
    add(object, "build", a->build.id);
    add(object, "sha256", a->build.sha256);
}

static void show_json(struct cmd_updater_screen *screen, const struct work_told *t)
{
    static const char *const names[] = {"note",    "warning", "depot",  "depot", "claim",
                                        "checkin", "lost",    "report", "fetch", "ready"};
    cJSON *object = cli_display_object();
    if (t->port >= 0)
        cJSON_AddStringToObject(object, "port", screen->names[t->port]);
    if (t->what == WORK_SAID_REACHED || t->what == WORK_SAID_UNREACHED)
        cJSON_AddBoolToObject(object, "reached", t->what == WORK_SAID_REACHED);
    add(object, "job", t->job);
    if (t->attempt)
        cJSON_AddNumberToObject(object, "attempt", t->attempt);
    add(object, "project", t->project);
    add(object, "version", t->version);
    add(object, "state", t->state);
    add(object, "result", t->result);
    if (t->what == WORK_SAID_CHECKIN)
        checkin_json(object, t);
    add(object, "text", t->text);
    add(object, "hint", t->hint);
    cli_display_json(&screen->display, names[t->what], object);
}

void work_show_all(struct updater_work *self)
{
    struct cmd_updater_screen *screen = self->cfg.screen;
    for (;;) {
        struct work_told t;
        work_lock(self);
        bool any = self->told_count > 0;
        if (any) {
            t = self->told[0];
            memmove(self->told, self->told + 1, --self->told_count * sizeof *self->told);
        }
        work_unlock(self);
        if (!any)
            return;
        if (t.what == WORK_SAID_CHECKIN && t.answer.verdict != FERRY_DEPOT_CLIENT_UPDATE && !t.again)
            cmd_updater_screen_word(screen, (unsigned)t.port, ferry_depot_client_verdict_name(t.answer.verdict),
                                    t.label, t.mac);
        if (screen->display.json)
            show_json(screen, &t);
        else
            show(screen, &t);
    }
}

// ---- the block ----

static const char *resting(const struct work_slot *slot, char out[200])
{
    static const char *const words[] = {"nothing for it in the depot", "up to date", "as it was left"};
    char name[160];
    named(slot->answer.build.project, slot->answer.build.version, name);
    bool nothing = slot->answer.verdict == FERRY_DEPOT_CLIENT_NOTHING || !slot->told;
    snprintf(out, 200, "%s%s%s", words[slot->answer.verdict % 3], nothing ? "" : ": ", nothing ? "" : name);
    return out;
}

void work_show_slot(struct updater_work *self, const struct work_slot *slot)
{
    char text[200];
    const char *shown = "";
    switch (slot->phase) {
    case WORK_UNKNOWN:
        shown = "waiting for a target";
        break;
    case WORK_LOOKING:
        shown = slot->before == WORK_UNKNOWN ? "looking who is there" : NULL; // else as it was
        break;
    case WORK_IDLE:
        shown = work_checks_in(self) ? "asking the depot" : "waiting for jobs";
        break;
    case WORK_READY:
    case WORK_RUNNING: // while it runs its own state is shown
        shown = "starting";
        break;
    case WORK_OVER:
        shown = "telling the depot";
        break;
    case WORK_RESTING:
        shown = resting(slot, text);
        break;
    default:
        break;
    }
    if (shown)
        cmd_updater_screen_rest(self->cfg.screen, slot->index, shown);
}
