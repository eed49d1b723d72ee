// depot add: what a build left behind, into the depot.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/ferry/cmd_depot.h"
#include "depot/describe.h"
#include "ferry/base/status.h"
#include "ports/posix/number.h"
#include "updater/cargo.h"
#include "updater/cargo_file.h"
#include "updater/cargo_parts.h"
#include "updater/path.h"

// One build on its way in. Either a plan holds its files open, or `file` does (a single app, which has no address).
struct adding {
    struct cli_depot *cli;
    const struct ferry_cargo *cargo;
    struct ferry_plan plan;
    struct ferry_cargo_parts parts;
    struct ferry_cargo_file file;
    struct ferry_depot_describe_file files[FERRY_DEPOT_FILES];
    size_t count;
    struct ferry_depot_file stored[FERRY_DEPOT_FILES];
    struct ferry_depot_build build;
    char layout[FERRY_DEPOT_LAYOUT];
    bool existed;
};

static int depot_fault(struct adding *a)
{
    return cli_depot_fault(&a->cli->fault, ferry_depot_error(a->cli->depot));
}

// ---- which files ----

static void put_name(char *out, const char *path)
{
    char name[FERRY_DEPOT_TEXT];
    ferry_path_text(name, sizeof name, ferry_path_base(path));
    snprintf(out, FERRY_DEPOT_TEXT, "%s", name);
}

static const char *role_of(const char *plan_name)
{
    if (strcmp(plan_name, "bootloader") == 0)
        return "bootloader";
    if (strcmp(plan_name, "partition table") == 0)
        return "partition-table";
    if (strncmp(plan_name, "app", 3) == 0)
        return "app";
    if (strcmp(plan_name, "data (otadata)") == 0)
        return "otadata";
    return strcmp(plan_name, "merged image") == 0 ? "merged" : "data";
}

// The name of the file that goes there, or what the plan calls it.
static const char *name_at(const struct adding *a, uint32_t address, const char *plan_name)
{
    for (size_t i = 0; i < a->parts.count; i++)
        if (a->parts.items[i].placed && a->parts.items[i].address == address)
            return a->parts.items[i].path;
    return a->parts.count == 1 || strncmp(plan_name, "app", 3) == 0 ? a->parts.items[0].path : plan_name;
}

static int take_plan(struct adding *a, const struct ferry_chip *chip)
{
    struct ferry_target target = {.chip = chip, .revision = 0xFFFF}; // for whichever one will be flashed
    struct ferry_cargo_options options = {.digest = &a->cli->put_digest};
    int status = ferry_cargo_plan(a->cargo, &target, &options, &a->plan, &a->cli->fault);
    for (size_t i = 0; status >= 0 && i < a->plan.count; i++) {
        struct ferry_depot_describe_file *file = &a->files[a->count++];
        snprintf(file->role, sizeof file->role, "%s", role_of(a->plan.names[i]));
        put_name(file->name, name_at(a, a->plan.regions[i].address, a->plan.names[i]));
        file->address = a->plan.regions[i].address;
        file->source = a->plan.sources[i];
    }
    return status;
}

static int take_file(struct adding *a)
{
    const char *path = a->parts.items[0].path;
    int status = ferry_cargo_file_open(&a->file, path, path, &a->cli->fault);
    if (status < 0)
        return status;
    a->files[0].source = ferry_cargo_file_source(&a->file);
    a->files[0].address = a->parts.items[0].placed ? a->parts.items[0].address : FERRY_DEPOT_NO_ADDRESS;
    put_name(a->files[0].name, path);
    a->count = 1;
    return FERRY_OK;
}

// ---- storing ----

static int copy(struct adding *a, struct ferry_depot_put *put, const struct ferry_depot_describe_file *file)
{
    uint8_t piece[16384];
    int status = FERRY_OK;
    for (uint32_t at = 0; status >= 0 && at < file->source.size;) {
        uint32_t n = file->source.size - at;
        n = n < sizeof piece ? n : (uint32_t)sizeof piece;
        status = file->source.read(file->source.ctx, at, piece, n);
        if (status < 0)
            return ferry_fault_set(&a->cli->fault, status, file->name, "%s cannot be read: %s", file->name,
                                   ferry_status_text(status));
        status = ferry_depot_put_write(put, piece, n);
        if (status < 0)
            depot_fault(a);
        at += n;
    }
    return status;
}

static int store(struct adding *a, size_t i)
{
    struct ferry_depot_put *put;
    struct ferry_depot *depot = a->cli->depot;
    struct ferry_depot_file *out = &a->stored[i];
    memcpy(out->role, a->files[i].role, sizeof out->role);
    memcpy(out->name, a->files[i].name, sizeof out->name);
    out->address = a->files[i].address;
    if (ferry_depot_put_begin(depot, &a->cli->put_digest, 0, &put) < 0)
        return depot_fault(a);
    int status = copy(a, put, &a->files[i]);
    if (status < 0)
        ferry_depot_put_abort(put);
    else if (ferry_depot_put_end(put, 0, &out->blob, 0) < 0)
        status = depot_fault(a);
    return status;
}

static int override(struct adding *a)
{
    const struct cli_depot_options *o = &a->cli->options;
    const struct {
        const char *text;
        char *out;
        size_t cap;
    } fields[] = {{o->project, a->build.project, sizeof a->build.project},
                  {o->version, a->build.version, sizeof a->build.version},
                  {o->note, a->build.note, sizeof a->build.note}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].text && (size_t)snprintf(fields[i].out, fields[i].cap, "%s", fields[i].text) >= fields[i].cap)
            return ferry_fault_set(&a->cli->fault, FERRY_ERR_ARG, "", "'%.60s...' is longer than %zu bytes",
                                   fields[i].text, fields[i].cap - 1);
    return FERRY_OK;
}

// A manifest says what an image without a description (ESP8266) does not.
static void take_manifest(struct adding *a)
{
    if (a->cargo->kind != FERRY_CARGO_WEB_MANIFEST || a->build.idf[0] || !a->cargo->name[0])
        return;
    snprintf(a->build.project, sizeof a->build.project, "%.63s", a->cargo->name);
    if (!a->build.version[0])
        snprintf(a->build.version, sizeof a->build.version, "%.63s", a->cargo->version);
}

static int add(struct adding *a)
{
    struct ferry_depot_error error;
    struct cli_depot *cli = a->cli;
    if (ferry_depot_describe(a->files, a->count, &cli->put_digest, &a->build, a->layout, &error) < 0)
        return cli_depot_fault(&cli->fault, &error);
    take_manifest(a);
    int status = override(a);
    for (size_t i = 0; status >= 0 && i < a->count; i++)
        status = store(a, i);
    if (status < 0)
        return status;
    if (ferry_depot_build_add(cli->depot, &a->build, a->stored, a->count, a->layout, &a->existed) < 0 ||
        (cli->options.channel && ferry_depot_channel_set(cli->depot, cli->options.channel, a->build.id) < 0))
        return depot_fault(a);
    return FERRY_OK;
}

// A build that was there: the new note counts; what it is called stays.
static int known(struct adding *a)
{
    const struct cli_depot_options *o = &a->cli->options;
    char text[300];
    if ((o->project && strcmp(o->project, a->build.project) != 0) ||
        (o->version && strcmp(o->version, a->build.version) != 0)) {
        snprintf(text, sizeof text,
                 "these bytes are stored as %.63s %.63s already: --project and --version change nothing",
                 a->build.project, a->build.version);
        cli_display_warning(&a->cli->display, text);
    }
    if (!o->note || strcmp(o->note, a->build.note) == 0)
        return FERRY_OK;
    if (ferry_depot_build_note(a->cli->depot, a->build.id, o->note) < 0)
        return depot_fault(a);
    snprintf(a->build.note, sizeof a->build.note, "%s", o->note);
    return FERRY_OK;
}

static void tell(struct adding *a)
{
    char size[16];
    const struct ferry_depot_build *b = &a->build;
    const char *channel = a->cli->options.channel;
    cJSON *object = cli_depot_build_json(b);
    cJSON_AddBoolToObject(object, "existed", a->existed);
    cli_display_json(&a->cli->display, "added", object);
    cli_display_line(&a->cli->display, "%s #%lld  %s%s%s%s%s, %u file%s, %s%s%s",
                     a->existed ? "Known: " : "Added:", (long long)b->id, b->project, *b->version ? " " : "",
                     b->version, *b->chip ? " for " : "", b->chip, (unsigned)b->file_count,
                     b->file_count == 1 ? "" : "s", ferry_posix_number_bytes(b->size, size, sizeof size),
                     channel ? "; channel " : "", channel ? channel : "");
}

// ---- what was found ----

static int add_for_chip(struct cli_depot *cli, const struct ferry_cargo *cargo, uint16_t chip_id)
{
    struct adding *a = calloc(1, sizeof *a);
    const struct ferry_chip *chip = ferry_chip_by_id(chip_id);
    if (!a)
        return ferry_fault_set(&cli->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    a->cli = cli;
    a->cargo = cargo;
    a->file.fd = -1;
    int status = ferry_cargo_parts(cargo, chip_id, &a->parts, &cli->fault);
    if (status >= 0)
        status = chip && cargo->kind != FERRY_CARGO_APP ? take_plan(a, chip) : take_file(a);
    if (status >= 0)
        status = add(a);
    if (status >= 0 && a->existed)
        status = known(a);
    if (status >= 0)
        tell(a);
    ferry_plan_close(&a->plan);
    ferry_cargo_file_close(&a->file);
    free(a);
    return status;
}

static int add_cargo(struct cli_depot *cli, const struct ferry_cargo *cargo)
{
    const struct ferry_chip *wanted = cli->options.chip ? ferry_chip_by_name(cli->options.chip) : 0;
    unsigned added = 0;
    int status = FERRY_OK;
    if (cargo->chip_count == 0)
        return add_for_chip(cli, cargo, FERRY_CHIP_ANY);
    for (uint8_t i = 0; status >= 0 && i < cargo->chip_count; i++) {
        if (wanted && wanted->id != cargo->chips[i])
            continue;
        status = add_for_chip(cli, cargo, cargo->chips[i]);
        added++;
    }
    return status >= 0 && added == 0 ? ferry_fault_set(&cli->fault, FERRY_ERR_NO_BUILD_FOR_CHIP, cargo->path,
                                                       "there is no build for %s", cli->options.chip)
                                     : status;
}

static int nothing(struct cli_depot *cli, const struct ferry_cargo_list *list, const char *path)
{
    if (list->refused_count) {
        cli->fault = list->refused[0];
        return cli->fault.status;
    }
    ferry_fault_set(&cli->fault, FERRY_ERR_NO_CARGO, path, "nothing that could be flashed is here");
    ferry_fault_hint(&cli->fault, "give the build folder (it has a flasher_args.json), or a .bin");
    return FERRY_ERR_NO_CARGO;
}

static int add_path(struct cli_depot *cli, const char *path, struct ferry_cargo_list *list)
{
    int status = ferry_cargo_scan(path, list, &cli->fault);
    if (status == FERRY_ERR_STORAGE_MISSING)
        ferry_fault_hint(&cli->fault, "check the name");
    if (status >= 0 && list->count == 0)
        status = nothing(cli, list, path);
    for (size_t i = 0; status >= 0 && list->count && i < list->refused_count; i++) {
        char text[600];
        snprintf(text, sizeof text, "not used: %s%s%s", list->refused[i].what, list->refused[i].where[0] ? ": " : "",
                 list->refused[i].where);
        cli_display_warning(&cli->display, text);
    }
    for (size_t i = 0; status >= 0 && i < list->count; i++)
        status = add_cargo(cli, &list->items[i]);
    return status;
}

int cli_depot_add(struct cli_depot *cli)
{
    if (cli->options.arg_count == 0)
        return cli_depot_usage("add", "'add' wants a build folder or a .bin");
    struct ferry_cargo_list *list = calloc(1, sizeof *list); // too large for a stack
    int status = list ? FERRY_OK : ferry_fault_set(&cli->fault, FERRY_ERR_NO_MEMORY, "", "out of memory");
    for (size_t i = 0; status >= 0 && i < cli->options.arg_count; i++)
        status = add_path(cli, cli->options.args[i], list);
    free(list);
    return status < 0 ? cli_depot_told(cli) : 0;
}
