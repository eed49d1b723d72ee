#include "tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "ferry/base/status.h"
#include "updater/mac.h"

#define STEP_PERCENT 10
#define LOG_LINES 32

static struct {
    enum ferry_job_state state;
    bool target, plan;
    uint32_t percent;
} told[BOARD_TARGETS];

void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

void tell_fault(const char *name, const struct ferry_fault *fault)
{
    printf("%s%s%s: %s\n", name ? name : "", name ? ": " : "", ferry_status_name(fault->status), fault->what);
    if (fault->where[0])
        printf("    where: %s\n", fault->where);
    if (fault->peer_code >= 0)
        printf("    the target's error byte: 0x%02x\n", (unsigned)fault->peer_code & 0xffu);
    const char *hint = fault->hint[0] ? fault->hint : ferry_status_hint(fault->status);
    if (hint[0])
        printf("    try: %s\n", hint);
    fflush(stdout);
}

// ---- the card ----

void tell_card(const struct ferry_card *card, const char *name, uint32_t megabytes)
{
    tell("card \"%s\", %" PRIu32 " MB: %u firmware%s, %u file%s that cannot be used", name, megabytes,
         (unsigned)card->list.count, card->list.count == 1 ? "" : "s",
         (unsigned)(card->list.refused_count + card->list.refused_more),
         card->list.refused_count + card->list.refused_more == 1 ? "" : "s");
}

static void chips_text(const struct ferry_cargo *cargo, char *out, size_t cap)
{
    size_t at = 0;
    snprintf(out, cap, "any chip");
    for (uint8_t i = 0; i < cargo->chip_count && at < cap; i++) {
        const struct ferry_chip *chip = ferry_chip_by_id(cargo->chips[i]);
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i ? ", " : "", chip ? chip->label : "?");
    }
}

void tell_list(const struct ferry_card *card)
{
    const struct ferry_cargo_list *list = &card->list;
    for (size_t i = 0; i < list->count; i++) {
        char chips[80];
        const struct ferry_cargo *cargo = &list->items[i];
        chips_text(cargo, chips, sizeof chips);
        tell("%2u  %s%s%s  %s, %" PRIu32 " KB  (%s)", (unsigned)i + 1, cargo->name, cargo->version[0] ? " " : "",
             cargo->version, chips, (cargo->total_size + 512) / 1024, ferry_card_shown(card, cargo));
    }
    if (list->more)
        tell("... and %u more than can be listed", (unsigned)list->more);
    for (size_t i = 0; i < list->refused_count; i++)
        tell("not used: %s", list->refused[i].what);
    if (list->refused_more)
        tell("... and %u more files that cannot be used", (unsigned)list->refused_more);
    if (card->wanted[0])
        tell("chosen: %s (by %s)", card->wanted, card->wanted_by);
}

void tell_settings(const struct ferry_settings *settings, const char *only)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct ferry_web_setting *row = &settings->rows[i];
        const char *text = ferry_settings_text_at(settings, i);
        if (only && strcmp(only, row->name) != 0)
            continue;
        if (row->kind == FERRY_WEB_SECRET && text[0])
            text = "********";
        tell("%-14s %-20s %s", row->name, text[0] ? text : "-",
             ferry_settings_origin_name(ferry_settings_origin_at(settings, i)));
    }
}

void tell_log(const char *path, unsigned lines)
{
    static long starts[LOG_LINES];
    char text[128];
    unsigned count = 0;
    FILE *file = fopen(path, "r");
    if (!file) {
        tell("there is no log yet");
        return;
    }
    lines = lines > LOG_LINES ? LOG_LINES : lines;
    bool at_start = true;
    for (long at = 0; fgets(text, sizeof text, file); at = ftell(file)) {
        if (at_start)
            starts[count++ % lines] = at;
        at_start = strchr(text, '\n') != NULL;
    }
    fseek(file, count > lines ? starts[count % lines] : 0, SEEK_SET);
    while (fgets(text, sizeof text, file))
        fputs(text, stdout);
    fclose(file);
    fflush(stdout);
}

// ---- jobs ----

void tell_target(const char *name, const struct ferry_target *target)
{
    char mac[18];
    printf("%s: %s (revision v%u.%u)", name, target->chip->label, target->revision / 100u, target->revision % 100u);
    if (target->mac_known)
        printf(", MAC %s", ferry_mac_text(target->mac, mac));
    if (target->flash_size)
        printf(", flash %" PRIu32 " MB", target->flash_size >> 20);
    if (target->baud)
        printf(", %" PRIu32 " baud", target->baud);
    if (target->secure_boot || target->flash_encryption)
        printf("%s%s", target->secure_boot ? ", secure boot" : "",
               target->flash_encryption ? ", flash encryption" : "");
    putchar('\n');
    fflush(stdout);
}

static void tell_plan(const char *name, const struct ferry_plan *plan)
{
    uint32_t total = 0;
    for (uint8_t i = 0; i < plan->count; i++)
        total += plan->regions[i].size;
    tell("%s: %s %s, %u part%s, %" PRIu32 " KB", name, plan->project, plan->version, plan->count,
         plan->count == 1 ? "" : "s", (total + 512) / 1024);
    for (uint8_t i = 0; i < plan->count; i++)
        tell("    0x%06" PRIx32 "  %7" PRIu32 "  %s", plan->regions[i].address, plan->regions[i].size, plan->names[i]);
    for (uint8_t i = 0; i < plan->warning_count; i++)
        tell("%s: warning: %s", name, plan->warnings[i]);
}

void tell_event(const char *name, const struct ferry_job_event *event)
{
    if (event->kind == FERRY_EVENT_WARNING)
        tell("%s: warning: %s", name, event->text);
    else if (event->kind == FERRY_EVENT_NOTE)
        tell("%s: %s", name, event->text);
}

static void tell_progress(unsigned port, const char *name, const struct ferry_job *job)
{
    struct ferry_progress progress;
    ferry_job_progress(job, &progress);
    if (progress.total_size == 0)
        return;
    uint32_t percent = (uint32_t)((uint64_t)progress.total_done * 100 / progress.total_size);
    if (percent < told[port].percent + STEP_PERCENT)
        return;
    told[port].percent = percent - percent % STEP_PERCENT;
    tell("%s: %s %3" PRIu32 " %%  %" PRIu32 " of %" PRIu32 " KB", name, ferry_job_state_name(job->state),
         told[port].percent, progress.total_done / 1024, progress.total_size / 1024);
}

void tell_job(unsigned port, const char *name, struct ferry_job *job)
{
    if (job->state != told[port].state && !ferry_job_ended(job)) {
        told[port].state = job->state;
        told[port].percent = 0;
    }
    if (ferry_job_target(job) && !told[port].target && job->state > FERRY_JOB_CONNECTING) {
        told[port].target = true;
        tell_target(name, ferry_job_target(job));
    }
    if (ferry_job_plan(job) && !told[port].plan) {
        told[port].plan = true;
        tell_plan(name, ferry_job_plan(job));
    }
    if (job->state == FERRY_JOB_WRITING)
        tell_progress(port, name, job);
}

void tell_clear(unsigned port)
{
    memset(&told[port], 0, sizeof told[port]);
}

void tell_ended(unsigned port, const char *name, const struct ferry_updater_outcome *outcome)
{
    const struct ferry_job_result *r = &outcome->result;
    unsigned seconds = (unsigned)(r->elapsed_ms / 1000), tenths = (unsigned)(r->elapsed_ms / 100 % 10);
    tell_clear(port);
    if (outcome->fault.status < 0) {
        tell_fault(name, &outcome->fault);
        if (!r->written && r->bytes_total)
            tell("    nothing was erased or written");
    } else if (!r->written) {
        tell("%s: %s, nothing was written, %u.%u s", name, r->verified ? "verified" : "checked", seconds, tenths);
    } else {
        tell("%s: %s, %" PRIu32 " KB sent, %" PRIu32 " KB unchanged, %u.%u s", name,
             r->verified ? "done and verified" : "written, but this target cannot prove it",
             (r->bytes_written + 512) / 1024, (r->bytes_skipped + 512) / 1024, seconds, tenths);
        if (r->slot[0])
            tell("    it %s %s%s", r->confirmed ? "runs from" : "is in", r->slot, r->confirmed ? ", confirmed" : "");
    }
}
