// flash and verify: a cargo to one target, by the updater's job.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/ferry/boot.h"
#include "apps/ferry/commands.h"
#include "apps/ferry/link_send.h"
#include "apps/ferry/session.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"
#include "updater/cargo.h"
#include "updater/job.h"
#include "updater/path.h"

static const struct cli_help flash_help = {
    .usage = "FOLDER | FILE | ADDRESS FILE [ADDRESS FILE ...]   [OPTIONS]",
    .about =
        "Writes a firmware to a target and proves it by the target's own MD5.\n"
        "\n"
        "Takes what a build leaves behind: an ESP-IDF build folder (flasher_args.json), an Arduino export, an ESP\n"
        "Web Tools manifest.json, a merged image, an app image (placed by the target's own partition table), files\n"
        "named with their address (0x10000_app.bin), or addresses and files. Everything is checked before\n"
        "anything is erased. What the target holds already is not sent again.",
    .examples = "  ferry flash build/                                 to the only board that is plugged in\n"
                "  ferry flash -p /dev/ttyUSB0 build/ --dry-run       check everything, change nothing\n"
                "  ferry flash -p rfc2217://192.168.1.7:4000 app.merged.bin\n"
                "  ferry flash 0x1000 boot.bin 0x8000 table.bin 0x10000 app.bin\n"
                "  ferry flash build/ --baud 460800 --chip esp32c3\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_WRITE | CLI_OPT_CARGO,
};

static const struct cli_help verify_help = {
    .usage = "FOLDER | FILE | ADDRESS FILE [ADDRESS FILE ...]   [OPTIONS]",
    .about = "Compares what is on a target with a firmware, by the target's own MD5. Nothing is written.",
    .examples = "  ferry verify build/\n"
                "  ferry verify 0x10000 app.bin -p /dev/ttyUSB0\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_CARGO,
};

struct flash {
    struct cli_options options;
    struct cli_session session;
    struct ferry_cargo_list list;
    struct ferry_cargo_pair pairs[CLI_MAX_ARGS / 2];
    struct ferry_job job;
    bool verify, target_shown, plan_shown;
    uint32_t proved; // bit per region
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

// ADDRESS FILE pairs into the list, as its only item. -1: go on; else the exit code.
static int take_pairs(struct flash *f)
{
    const struct cli_options *o = &f->options;
    size_t count = o->arg_count / 2;
    for (size_t i = 0; i < count; i++) {
        f->pairs[i].path = o->args[2 * i + 1];
        if (!ferry_posix_number_parse(o->args[2 * i], &f->pairs[i].address))
            return cli_usage_error("flash", "ADDRESS FILE [ADDRESS FILE ...], such as 0x10000 app.bin",
                                   "'%s' is no flash address", o->args[2 * i]);
    }
    if (o->arg_count % 2)
        return cli_usage_error("flash", "ADDRESS FILE [ADDRESS FILE ...]", "the address %s has no file",
                               o->args[o->arg_count - 1]);
    f->list.count = 1;
    int status = ferry_cargo_from_pairs(f->pairs, count, &f->list.items[0], &f->session.fault);
    return status < 0 ? cli_session_fail(&f->session) : -1;
}

static void show_refused(struct flash *f)
{
    for (size_t i = 0; i < f->list.refused_count; i++) {
        const struct ferry_fault *fault = &f->list.refused[i];
        char text[600];
        snprintf(text, sizeof text, "not used: %s%s%s", fault->what, fault->where[0] ? ": " : "", fault->where);
        cli_display_warning(&f->session.display, text);
    }
}

static int scan(struct flash *f, const char *path)
{
    struct ferry_fault *fault = &f->session.fault;
    int status = ferry_cargo_scan(path, &f->list, fault);
    if (status < 0)
        return cli_session_fail(&f->session);
    if (f->list.count == 0 && f->list.refused_count == 1) {
        *fault = f->list.refused[0];
        return cli_session_fail(&f->session);
    }
    show_refused(f);
    if (f->list.count)
        return -1;
    ferry_fault_set(fault, FERRY_ERR_NO_CARGO, path, "nothing that can be flashed was found here");
    ferry_fault_hint(fault, "give the build folder (it has a flasher_args.json), a .bin, or ADDRESS FILE");
    return cli_session_fail(&f->session);
}

// Finds out what is meant before any port is touched. -1: go on; else the exit code.
static int find_cargo(struct flash *f, const char *command)
{
    const struct cli_options *o = &f->options;
    uint32_t address;
    if (o->arg_count == 0)
        return cli_usage_error(command, "ferry flash build/, or ferry help flash",
                               "what is to be %s? name a folder, a file, or ADDRESS FILE",
                               f->verify ? "compared" : "written");
    bool number = ferry_posix_number_parse(o->args[0], &address) && !is_file(o->args[0]);
    if (number || o->arg_count > 1)
        return take_pairs(f);
    return scan(f, o->args[0]);
}

static bool serves(const struct ferry_cargo *cargo, uint16_t chip)
{
    for (uint8_t i = 0; i < cargo->chip_count; i++)
        if (cargo->chips[i] == chip)
            return true;
    return cargo->chip_count == 0;
}

// A hint of several lines, one for each that fits the chip: as many as there is room for.
static int several(struct flash *f, uint16_t chip, struct ferry_fault *fault)
{
    char path[FERRY_CARGO_PATH];
    ferry_fault_set(fault, FERRY_ERR_AMBIGUOUS, f->options.args[0], "there is more than one firmware here");
    size_t at = (size_t)snprintf(fault->hint, sizeof fault->hint, "name the one you mean:");
    for (size_t i = 0; i < f->list.count; i++) {
        if (!serves(&f->list.items[i], chip))
            continue;
        ferry_path_text(path, sizeof path, f->list.items[i].path);
        if (strlen(path) + 2 < sizeof fault->hint - at)
            at += (size_t)snprintf(fault->hint + at, sizeof fault->hint - at, "\n%s", path);
    }
    return FERRY_ERR_AMBIGUOUS;
}

static int choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct flash *f = ctx;
    const struct ferry_cargo *found = 0;
    size_t fitting = 0;
    for (size_t i = 0; i < f->list.count; i++)
        if (serves(&f->list.items[i], target->chip->id) && fitting++ == 0)
            found = &f->list.items[i];
    if (fitting == 0 && f->list.count == 1)
        found = &f->list.items[0]; // the plan says why it does not fit
    else if (fitting == 0)
        return ferry_fault_set(fault, FERRY_ERR_NO_BUILD_FOR_CHIP, f->options.args[0],
                               "none of the %zu firmwares here is for %s", f->list.count, target->chip->label);
    else if (fitting > 1)
        return several(f, target->chip->id, fault);
    *out = *found;
    return FERRY_OK;
}

static void plan_json(struct cli_display *display, const struct ferry_plan *plan)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "cargo", plan->cargo.name);
    cJSON_AddStringToObject(object, "project", plan->project);
    cJSON_AddStringToObject(object, "version", plan->version);
    cJSON_AddStringToObject(object, "idf", plan->idf);
    cJSON *regions = cJSON_AddArrayToObject(object, "regions");
    for (uint8_t i = 0; i < plan->count; i++) {
        cJSON *region = cJSON_CreateObject();
        cJSON_AddStringToObject(region, "name", plan->names[i]);
        cJSON_AddNumberToObject(region, "address", plan->regions[i].address);
        cJSON_AddNumberToObject(region, "size", plan->regions[i].size);
        cJSON_AddItemToArray(regions, region);
    }
    cli_display_json(display, "cargo", object);
}

static void show_plan(struct flash *f, const struct ferry_plan *plan)
{
    struct cli_display *display = &f->session.display;
    const char *name = plan->project[0] ? plan->project : plan->cargo.name;
    char size[16];
    uint64_t total = 0;
    for (uint8_t i = 0; i < plan->count; i++)
        total += plan->regions[i].size;
    plan_json(display, plan);
    cli_display_line(display, "Cargo: %s%s%s%s%s%s, %u region%s, %s", name, plan->version[0] ? " " : "", plan->version,
                     plan->idf[0] ? " (ESP-IDF " : "", plan->idf, plan->idf[0] ? ")" : "", plan->count,
                     plan->count == 1 ? "" : "s", ferry_posix_number_bytes(total, size, sizeof size));
}

static void show_region(struct flash *f, const struct ferry_plan *plan, const uint32_t *a, uint32_t now_ms)
{
    if (!plan || a[0] >= plan->count || (f->proved & 1u << a[0]))
        return;
    f->proved |= 1u << a[0];
    cli_display_region(&f->session.display, plan->names[a[0]], plan->regions[a[0]].address, plan->regions[a[0]].size,
                       a[1], a[2], now_ms);
}

static void show_events(struct flash *f, uint32_t now_ms)
{
    struct ferry_job_event event;
    while (ferry_job_event(&f->job, &event)) {
        if (event.kind == FERRY_EVENT_WARNING)
            cli_display_warning(&f->session.display, event.text);
        else if (event.kind == FERRY_EVENT_REGION)
            show_region(f, ferry_job_plan(&f->job), event.a, now_ms);
        else
            cli_display_note(&f->session.display, event.text);
    }
}

static int tick(void *ctx)
{
    struct flash *f = ctx;
    uint32_t now_ms = f->session.clock.now_ms(f->session.clock.ctx);
    const struct ferry_target *target = ferry_job_target(&f->job);
    const struct ferry_plan *plan = ferry_job_plan(&f->job);
    if (target && target->mac_known && !f->target_shown && f->job.state != FERRY_JOB_CONNECTING) {
        f->target_shown = true;
        cli_display_target(&f->session.display, target, f->session.port_name);
    }
    if (plan && !f->plan_shown) {
        f->plan_shown = true;
        show_plan(f, plan);
    }
    show_events(f, now_ms);
    if (plan && f->job.state == FERRY_JOB_WRITING) {
        struct ferry_progress progress;
        ferry_job_progress(&f->job, &progress);
        if (progress.region < plan->count)
            cli_display_progress(&f->session.display, &progress, plan->names[progress.region], now_ms);
    }
    return cli_interrupted();
}

static void result_json(struct flash *f, const struct ferry_job_result *r)
{
    cJSON *object = cli_display_object();
    cJSON_AddBoolToObject(object, "ok", r->status == FERRY_OK);
    cJSON_AddBoolToObject(object, "verified", r->verified);
    cJSON_AddNumberToObject(object, "written", r->bytes_written);
    cJSON_AddNumberToObject(object, "skipped", r->bytes_skipped);
    cJSON_AddNumberToObject(object, "wire_bytes", r->wire_bytes);
    cJSON_AddNumberToObject(object, "retries", r->retries);
    cJSON_AddNumberToObject(object, "seconds", r->elapsed_ms / 1000.0);
    cli_display_json(&f->session.display, "result", object);
}

static bool was_reset(const struct flash *f)
{
    return !f->options.dry_run && f->session.port.has_lines && f->options.after == FERRY_AFTER_HARD_RESET;
}

static void boot_json(struct flash *f, const struct cli_boot *boot)
{
    static const char *const verdicts[] = {"silent", "starts", "loaded", "failed"};
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "verdict", verdicts[boot->verdict]);
    cJSON_AddStringToObject(object, "line", boot->line);
    cli_display_json(&f->session.display, "boot", object);
}

// Only what is known: the log that the target prints after its reset is the proof that it runs.
static void what_now(struct flash *f, char *text, size_t cap)
{
    struct cli_boot boot;
    const char *by_hand = cli_session_by_hand(&f->session);
    if (*by_hand || !was_reset(f)) {
        snprintf(text, cap, "%s", *by_hand ? by_hand : "The target stays in its loader.");
        return;
    }
    snprintf(text, cap, "The target was reset.");
    if (f->verify)
        return;
    cli_boot_listen(&f->session, &boot);
    boot_json(f, &boot);
    if (boot.verdict == CLI_BOOT_STARTS)
        snprintf(text, cap, "The target was reset and starts without an error.");
    else if (boot.verdict == CLI_BOOT_LOADED)
        snprintf(text, cap, "The new firmware runs.");
    else if (boot.verdict == CLI_BOOT_FAILED)
        snprintf(text, cap, "The target was reset, but %s (it says: %s); %s", boot.meaning, boot.line, boot.hint);
    if (boot.verdict == CLI_BOOT_FAILED) {
        cli_display_warning(&f->session.display, text + strlen("The target was reset, but "));
        snprintf(text, cap, "The target was reset.");
    }
}

static void tell_success(struct flash *f, const struct ferry_job_result *r)
{
    struct cli_display *display = &f->session.display;
    const struct ferry_plan *plan = ferry_job_plan(&f->job);
    unsigned regions = plan ? plan->count : 0;
    char written[16], skipped[16], now[400];
    what_now(f, now, sizeof now);
    result_json(f, r);
    if (f->options.dry_run) {
        cli_display_good(display, "Dry run: everything fits and is whole. Nothing was written.");
        return;
    }
    if (!f->verify)
        cli_display_line(display, "Sent %s, skipped %s unchanged; %u retr%s; %u.%u s.",
                         ferry_posix_number_bytes(r->bytes_written, written, sizeof written),
                         ferry_posix_number_bytes(r->bytes_skipped, skipped, sizeof skipped), (unsigned)r->retries,
                         r->retries == 1 ? "y" : "ies", (unsigned)(r->elapsed_ms / 1000),
                         (unsigned)(r->elapsed_ms / 100 % 10));
    if (r->verified)
        cli_display_good(display, "Verified: the target's own MD5 of %u region%s matches. %s", regions,
                         regions == 1 ? "" : "s", now);
    else
        cli_display_warning(display, f->verify ? "not compared: this target's loader gives no MD5"
                                               : "written, but not proved: this target's loader gives no MD5");
}

static void explain_cancel(struct flash *f, const struct ferry_job_result *r)
{
    struct ferry_fault *fault = &f->session.fault;
    if (r->written) {
        ferry_fault_set(fault, FERRY_ERR_CANCELLED, f->session.port_name,
                        "cancelled: the target's flash is partly written, it will probably not start");
        ferry_fault_hint(fault, "run the same command again; what has arrived is not sent again");
        return;
    }
    cli_session_release(&f->session);
    ferry_fault_set(fault, FERRY_ERR_CANCELLED, f->session.port_name, "cancelled: nothing was erased or written");
    ferry_fault_hint(fault, "run the same command again when you are ready");
}

static int tell_failure(struct flash *f, const struct ferry_job_result *r)
{
    f->session.fault = *ferry_job_fault(&f->job);
    if (r->status == FERRY_ERR_CANCELLED)
        explain_cancel(f, r);
    else if (!f->session.fault.where[0])
        snprintf(f->session.fault.where, sizeof f->session.fault.where, "%.199s", f->session.port_name);
    result_json(f, r);
    int code = cli_display_fault(&f->session.display, &f->session.fault);
    if (r->status != FERRY_ERR_CANCELLED && !r->written && !f->verify && !f->session.display.json)
        fputs("  Nothing was erased or written.\n", stderr);
    return code;
}

static void job_cfg(struct flash *f, struct ferry_job_cfg *cfg)
{
    const struct cli_options *o = &f->options;
    struct cli_session *s = &f->session;
    *cfg = (struct ferry_job_cfg){.port_name = s->port_name,
                                  .stream = &s->port.stream,
                                  .lines = ferry_posix_port_lines(&s->port),
                                  .trace = cli_trace_get(&s->trace),
                                  .after = *cli_session_by_hand(s) ? FERRY_AFTER_NO_RESET : o->after,
                                  .no_deflate = o->no_compress,
                                  .no_skip = o->no_skip,
                                  .verify_only = f->verify,
                                  .dry_run = o->dry_run,
                                  .erase_all = o->erase_all,
                                  .choose = choose,
                                  .choose_ctx = f,
                                  .deflate = &s->deflate,
                                  .cargo = {.force = o->force,
                                            .flash_size = o->flash_size_bytes,
                                            .flash_mode = o->flash_mode,
                                            .flash_freq = o->flash_freq,
                                            .flash_size_name = o->flash_size,
                                            .digest = &s->digest}};
    cli_session_flasher_cfg(s, &cfg->flasher);
}

static int run(struct flash *f)
{
    struct ferry_job_cfg cfg;
    int status = cli_session_open(&f->session);
    if (status < 0)
        return cli_session_fail(&f->session);
    job_cfg(f, &cfg);
    status = ferry_job_init(&f->job, &cfg);
    if (status < 0) {
        ferry_fault_set(&f->session.fault, status, 0, "%s", ferry_status_text(status));
        return cli_session_fail(&f->session);
    }
    cli_display_status(&f->session.display, "Connecting to %s ...", f->session.port_name);
    ferry_job_run(&f->job, &f->session.clock, tick, f);
    show_events(f, f->session.clock.now_ms(f->session.clock.ctx));
    const struct ferry_job_result *result = ferry_job_result(&f->job);
    int code = 0;
    if (result->status < 0)
        code = tell_failure(f, result);
    else
        tell_success(f, result);
    ferry_job_close(&f->job);
    cli_session_close(&f->session);
    return code;
}

// --route link and auto. -1: go on with the ROM loader; else the exit code.
static int by_link(const struct cli_options *o)
{
    char path[1024];
    bool only = o->route == CLI_ROUTE_LINK;
    if (o->route == CLI_ROUTE_ROM || (!only && (o->before != FERRY_BEFORE_DEFAULT_RESET || o->erase_all)))
        return -1;
    if (o->arg_count == 1 && !o->erase_all && link_send_file(o->args[0], path, sizeof path))
        return link_send(o, path, !only);
    if (!only)
        return -1;
    return cli_usage_error("flash", "ferry flash --route link build/, or build/app.bin; the rest by --route rom",
                           "the link route takes one app image, or an ESP-IDF build folder");
}

static int flash_or_verify(int argc, char **argv, bool verify)
{
    struct flash *f = calloc(1, sizeof *f); // too large for a stack
    if (!f)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    f->verify = verify;
    int code = cli_parse(&f->options, argc, argv, verify ? &verify_help : &flash_help);
    if (code < 0 && !verify)
        code = by_link(&f->options);
    if (code < 0) {
        cli_session_init(&f->session, &f->options);
        code = find_cargo(f, argv[0]);
    }
    if (code < 0)
        code = run(f);
    free(f);
    return code;
}

int cmd_flash(int argc, char **argv)
{
    return flash_or_verify(argc, argv, false);
}

int cmd_verify(int argc, char **argv)
{
    return flash_or_verify(argc, argv, true);
}
