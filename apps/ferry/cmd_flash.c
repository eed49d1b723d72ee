// flash and verify: a cargo to one target, by the updater's job.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/ferry/cargo_from.h"
#include "apps/ferry/commands.h"
#include "apps/ferry/job_run.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"
#include "updater/cargo.h"
#include "updater/path.h"

static const struct cli_help flash_help = {
    .usage = "FOLDER | FILE | ADDRESS FILE [ADDRESS FILE ...] | --from depot:BUILD   [OPTIONS]",
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
                "  ferry flash build/ --baud 460800 --chip esp32c3\n"
                "  ferry flash --from depot:blink@stable              out of the depot (ferry help depot)\n",
    .groups = CLI_OPT_FROM | CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_WRITE | CLI_OPT_CARGO,
};

static const struct cli_help verify_help = {
    .usage = "FOLDER | FILE | ADDRESS FILE [ADDRESS FILE ...] | --from depot:BUILD   [OPTIONS]",
    .about = "Compares what is on a target with a firmware, by the target's own MD5. Nothing is written.",
    .examples = "  ferry verify build/\n"
                "  ferry verify 0x10000 app.bin -p /dev/ttyUSB0\n",
    .groups = CLI_OPT_FROM | CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_CARGO,
};

struct flash {
    struct cli_options options;
    struct job_run run;
    struct ferry_cargo_list list;
    struct ferry_cargo_pair pairs[CLI_MAX_ARGS / 2];
    struct cargo_from *from; // --from
    bool verify;
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
    int status = ferry_cargo_from_pairs(f->pairs, count, &f->list.items[0], &f->run.session.fault);
    return status < 0 ? job_run_fail(&f->run) : -1;
}

static void show_refused(struct flash *f)
{
    for (size_t i = 0; i < f->list.refused_count; i++) {
        const struct ferry_fault *fault = &f->list.refused[i];
        char text[600];
        snprintf(text, sizeof text, "not used: %s%s%s", fault->what, fault->where[0] ? ": " : "", fault->where);
        cli_display_warning(&f->run.session.display, text);
    }
}

static int scan(struct flash *f, const char *path)
{
    struct ferry_fault *fault = &f->run.session.fault;
    int status = ferry_cargo_scan(path, &f->list, fault);
    if (status < 0)
        return job_run_fail(&f->run);
    if (f->list.count == 0 && f->list.refused_count == 1) {
        *fault = f->list.refused[0];
        return job_run_fail(&f->run);
    }
    show_refused(f);
    if (f->list.count)
        return -1;
    ferry_fault_set(fault, FERRY_ERR_NO_CARGO, path, "nothing that can be flashed was found here");
    ferry_fault_hint(fault, "give the build folder (it has a flasher_args.json), a .bin, or ADDRESS FILE");
    return job_run_fail(&f->run);
}

static int from_depot(struct flash *f, const char *command)
{
    const struct cli_options *o = &f->options;
    if (o->arg_count)
        return cli_usage_error(command, 0, "--from and a path exclude each other");
    int status = cargo_from_open(&f->from, o, &f->run.session.display, &f->list, &f->run.session.fault);
    return status < 0 ? job_run_fail(&f->run) : -1;
}

// Finds out what is meant before any port is touched. -1: go on; else the exit code.
static int find_cargo(struct flash *f, const char *command)
{
    const struct cli_options *o = &f->options;
    uint32_t address;
    if (o->from)
        return from_depot(f, command);
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
        if (cargo->chips[i] == chip || chip == FERRY_CHIP_ANY)
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
    uint16_t chip = target ? target->chip->id : FERRY_CHIP_ANY;
    const struct ferry_cargo *found = 0;
    size_t fitting = 0;
    for (size_t i = 0; i < f->list.count; i++)
        if (serves(&f->list.items[i], chip) && fitting++ == 0)
            found = &f->list.items[i];
    if (fitting == 0 && f->list.count == 1)
        found = &f->list.items[0]; // the plan says why it does not fit
    else if (fitting == 0)
        return ferry_fault_set(fault, FERRY_ERR_NO_BUILD_FOR_CHIP, f->options.args[0],
                               "none of the %zu firmwares here is for %s", f->list.count,
                               target ? target->chip->label : "this target");
    else if (fitting > 1)
        return several(f, chip, fault);
    *out = *found;
    return FERRY_OK;
}

static enum ferry_job_route route_of(const struct cli_options *o)
{
    bool loader = o->before != FERRY_BEFORE_DEFAULT_RESET || o->erase_all;
    return o->route == FERRY_JOB_ROUTE_AUTO && loader ? FERRY_JOB_ROUTE_ROM : o->route;
}

static int flash_or_verify(int argc, char **argv, bool verify)
{
    struct flash *f = calloc(1, sizeof *f); // too large for a stack
    if (!f)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    f->verify = verify;
    int code = cli_parse(&f->options, argc, argv, verify ? &verify_help : &flash_help);
    if (code < 0 && f->options.erase_all && f->options.route == FERRY_JOB_ROUTE_LINK)
        code = cli_usage_error(argv[0], 0, "--erase-all needs the serial loader: --route rom");
    if (code < 0) {
        job_run_init(&f->run, &f->options);
        code = find_cargo(f, argv[0]);
    }
    struct ferry_job_cfg cfg = {.route = route_of(&f->options),
                                .flasher = {.chip = FERRY_CHIP_ANY},
                                .verify_only = verify,
                                .choose = choose,
                                .choose_ctx = f};
    if (code < 0)
        code = job_run(&f->run, &cfg);
    cargo_from_close(f->from);
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
