#include "apps/ferry/job_run_tell.h"

#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/boot.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"

static bool by_link(const struct job_run *self)
{
    return ferry_job_route(&self->job) == FERRY_JOB_ROUTE_LINK;
}

uint32_t job_run_baud(const struct job_run *self)
{
    struct ferry_progress progress;
    ferry_job_progress(&self->job, &progress);
    return progress.baud;
}

void job_run_region_name(const struct job_run *self, uint32_t region, char *out, size_t cap)
{
    const struct ferry_plan *plan = ferry_job_plan(&self->job);
    const char *slot = ferry_job_result(&self->job)->slot;
    if (by_link(self) && slot[0] && strcmp(slot, plan->names[region]) != 0)
        snprintf(out, cap, "%s (%s)", plan->names[region], slot);
    else
        snprintf(out, cap, "%s", plan->names[region]);
}

// ---- the plan ----

static const char *kind_of(const struct ferry_plan *plan)
{
    static const char *const kinds[] = {"flash", "firmware", "partition", "file"};
    return plan->manifest.kind < 4 ? kinds[plan->manifest.kind] : "";
}

static const char *shown_name(const struct ferry_plan *plan)
{
    if (plan->manifest.name[0])
        return plan->manifest.name;
    return plan->project[0] ? plan->project : plan->cargo.name;
}

static void plan_json(struct cli_display *display, const struct ferry_plan *plan)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "cargo", plan->cargo.name);
    cJSON_AddStringToObject(object, "kind", kind_of(plan));
    cJSON_AddStringToObject(object, "name", shown_name(plan));
    cJSON_AddStringToObject(object, "project", plan->project);
    cJSON_AddStringToObject(object, "version", plan->version);
    cJSON_AddStringToObject(object, "idf", plan->idf);
    cJSON *regions = cJSON_AddArrayToObject(object, "regions");
    for (uint8_t i = 0; i < plan->count; i++) {
        cJSON *region = cJSON_CreateObject();
        cJSON_AddStringToObject(region, "name", plan->names[i]);
        if (!plan->manifest.kind)
            cJSON_AddNumberToObject(region, "address", plan->regions[i].address);
        cJSON_AddNumberToObject(region, "size", plan->regions[i].size);
        cJSON_AddItemToArray(regions, region);
    }
    cli_display_json(display, "cargo", object);
}

void job_run_tell_plan(struct job_run *self, const struct ferry_plan *plan)
{
    struct cli_display *display = &self->session.display;
    char size[16];
    uint64_t total = 0;
    for (uint8_t i = 0; i < plan->count; i++)
        total += plan->regions[i].size;
    plan_json(display, plan);
    cli_display_line(display, "Cargo: %s%s%s%s%s%s, %u region%s, %s", shown_name(plan), plan->version[0] ? " " : "",
                     plan->version, plan->idf[0] ? " (ESP-IDF " : "", plan->idf, plan->idf[0] ? ")" : "", plan->count,
                     plan->count == 1 ? "" : "s", ferry_posix_number_bytes(total, size, sizeof size));
}

// ---- the result ----

static void result_json(struct job_run *self)
{
    const struct ferry_job_result *r = ferry_job_result(&self->job);
    cJSON *object = cli_display_object();
    cJSON_AddBoolToObject(object, "ok", r->status == FERRY_OK);
    cJSON_AddStringToObject(object, "route", ferry_job_route_name(ferry_job_route(&self->job)));
    cJSON_AddBoolToObject(object, "verified", r->verified && r->status == FERRY_OK);
    if (by_link(self)) {
        cJSON_AddBoolToObject(object, "confirmed", r->confirmed);
        cJSON_AddStringToObject(object, "slot", r->slot);
    }
    cJSON_AddNumberToObject(object, "size", r->bytes_total);
    cJSON_AddNumberToObject(object, "written", r->bytes_written);
    cJSON_AddNumberToObject(object, "skipped", r->bytes_skipped);
    cJSON_AddNumberToObject(object, "resumed", r->resumed);
    cJSON_AddNumberToObject(object, "wire_bytes", r->wire_bytes);
    cJSON_AddNumberToObject(object, "retries", r->retries);
    cJSON_AddNumberToObject(object, "seconds", r->elapsed_ms / 1000.0);
    cli_display_json(&self->session.display, "result", object);
}

static bool was_reset(const struct job_run *self)
{
    const struct cli_options *o = self->session.options;
    return !o->dry_run && self->session.port.has_lines && o->after == FERRY_AFTER_HARD_RESET;
}

static void boot_json(struct job_run *self, const struct ferry_boot_log *boot)
{
    static const char *const verdicts[] = {"silent", "starts", "loaded", "failed"};
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "verdict", verdicts[boot->verdict]);
    cJSON_AddStringToObject(object, "line", boot->said);
    cli_display_json(&self->session.display, "boot", object);
}

// Only what is known: the log that the target prints after its reset is the proof that it runs.
static void what_now(struct job_run *self, char *text, size_t cap)
{
    struct ferry_boot_log boot;
    const char *by_hand = cli_session_by_hand(&self->session);
    if (*by_hand || !was_reset(self)) {
        snprintf(text, cap, "%s", *by_hand ? by_hand : "The target stays in its loader.");
        return;
    }
    snprintf(text, cap, "The target was reset.");
    if (self->job.cfg.verify_only)
        return;
    cli_boot_listen(&self->session, &boot);
    boot_json(self, &boot);
    if (boot.verdict == FERRY_BOOT_LOG_STARTS)
        snprintf(text, cap, "The target was reset and starts without an error.");
    else if (boot.verdict == FERRY_BOOT_LOG_LOADED)
        snprintf(text, cap, "The new firmware runs.");
    else if (boot.verdict == FERRY_BOOT_LOG_FAILED)
        snprintf(text, cap, "The target was reset, but %s (it says: %s); %s", boot.meaning, boot.said, boot.hint);
    if (boot.verdict == FERRY_BOOT_LOG_FAILED) {
        cli_display_warning(&self->session.display, text + strlen("The target was reset, but "));
        snprintf(text, cap, "The target was reset.");
    }
}

static void tell_sent(struct job_run *self)
{
    const struct ferry_job_result *r = ferry_job_result(&self->job);
    char written[16], skipped[16];
    cli_display_line(&self->session.display, "Sent %s, skipped %s %s; %u retr%s; %u.%u s.",
                     ferry_posix_number_bytes(r->bytes_written, written, sizeof written),
                     ferry_posix_number_bytes(r->bytes_skipped, skipped, sizeof skipped),
                     by_link(self) ? "that was there" : "unchanged", (unsigned)r->retries,
                     r->retries == 1 ? "y" : "ies", (unsigned)(r->elapsed_ms / 1000),
                     (unsigned)(r->elapsed_ms / 100 % 10));
}

static void tell_rom(struct job_run *self, const char *what_now_text)
{
    struct cli_display *display = &self->session.display;
    bool verify = self->job.cfg.verify_only;
    unsigned regions = ferry_job_plan(&self->job)->count;
    if (!verify)
        tell_sent(self);
    if (ferry_job_result(&self->job)->verified)
        cli_display_good(display, "Verified: the target's own MD5 of %u region%s matches. %s", regions,
                         regions == 1 ? "" : "s", what_now_text);
    else
        cli_display_warning(display, verify ? "not compared: this target's loader gives no MD5"
                                            : "written, but not proved: this target's loader gives no MD5");
}

static void tell_link(struct job_run *self)
{
    struct cli_display *display = &self->session.display;
    const struct cli_options *o = self->session.options;
    const struct ferry_job_result *r = ferry_job_result(&self->job);
    const struct ferry_plan *plan = ferry_job_plan(&self->job);
    if (plan->manifest.kind == FERRY_MANIFEST_FIRMWARE && !r->written && !r->bytes_written) {
        cli_display_good(display, "The target runs this firmware already%s; nothing was sent.",
                         r->confirmed ? ", confirmed" : "");
        return;
    }
    tell_sent(self);
    if (plan->manifest.kind != FERRY_MANIFEST_FIRMWARE)
        cli_display_good(display, "Verified: the target's own SHA-256 of %s matches.", plan->manifest.name);
    else if (o->no_reboot)
        cli_display_good(display, "Verified: the target's own SHA-256 matches. It starts with the next restart.");
    else
        cli_display_good(display, "Verified and started: %s%s%s runs%s%s%s.", shown_name(plan),
                         plan->version[0] ? " " : "", plan->version, r->slot[0] ? " from " : "", r->slot,
                         r->confirmed || o->no_trial ? ", confirmed" : ", on trial until it confirms itself");
}

int job_run_tell_success(struct job_run *self)
{
    char now[400] = "";
    if (!by_link(self))
        what_now(self, now, sizeof now);
    result_json(self);
    cli_display_wipe(&self->session.display);
    if (self->session.options->dry_run)
        cli_display_good(&self->session.display, "Dry run: everything fits and is whole. Nothing was %s.",
                         by_link(self) ? "sent" : "written");
    else if (by_link(self))
        tell_link(self);
    else
        tell_rom(self, now);
    return 0;
}

// ---- failure ----

static void explain_cancel(struct job_run *self)
{
    struct ferry_fault *fault = &self->session.fault;
    const char *port = self->session.port_name;
    if (by_link(self)) {
        ferry_fault_set(fault, FERRY_ERR_CANCELLED, port,
                        "cancelled: the target goes on with the firmware that it runs");
        ferry_fault_hint(fault, "run the same command again; what has arrived is not sent again");
    } else if (ferry_job_result(&self->job)->written) {
        ferry_fault_set(fault, FERRY_ERR_CANCELLED, port,
                        "cancelled: the target's flash is partly written, it will probably not start");
        ferry_fault_hint(fault, "run the same command again; what has arrived is not sent again");
    } else {
        cli_session_release(&self->session);
        ferry_fault_set(fault, FERRY_ERR_CANCELLED, port, "cancelled: nothing was erased or written");
        ferry_fault_hint(fault, "run the same command again when you are ready");
    }
}

int job_run_tell_failure(struct job_run *self)
{
    struct cli_session *s = &self->session;
    const struct ferry_job_result *r = ferry_job_result(&self->job);
    s->fault = *ferry_job_fault(&self->job);
    if (r->status == FERRY_ERR_CANCELLED)
        explain_cancel(self);
    else if (!s->fault.where[0])
        snprintf(s->fault.where, sizeof s->fault.where, "%.199s", s->port_name);
    result_json(self);
    int code = cli_display_fault(&s->display, &s->fault);
    if (r->status != FERRY_ERR_CANCELLED && !r->written && !self->job.cfg.verify_only && !s->display.json)
        fputs("  Nothing was erased or written.\n", stderr);
    return code;
}
