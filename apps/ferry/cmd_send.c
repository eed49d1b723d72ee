// send: a firmware (or a file, or the contents of a partition) to a target that runs a receiver.
#include <stdlib.h>

#include "apps/ferry/cargo_from.h"
#include "apps/ferry/commands.h"
#include "apps/ferry/job_run.h"
#include "ferry/base/status.h"
#include "updater/path.h"

enum { LOOK_MS = 6000 }; // for a receiver: also waits for a target that is just starting

static const struct cli_help help = {
    .usage = "FILE [--partition LABEL | --file NAME] | --from depot:BUILD   [OPTIONS]",
    .about =
        "Sends a firmware to a target that runs a receiver (its own firmware, or: ferry receive). The target goes on\n"
        "with its old firmware until the new one is whole and proved by its own SHA-256. Then it restarts, and the\n"
        "new firmware runs on trial: its version and hash are read back and it is confirmed. If it does not answer,\n"
        "the target returns to the old one by itself. What has arrived is not sent again: after a failure just run\n"
        "the same command once more.",
    .examples =
        "  ferry send build/blink.bin -p /dev/ttyUSB0              a firmware, by the wire that its log comes from\n"
        "  ferry send build/blink.bin -p socket://192.168.1.7:3232\n"
        "  ferry send build/blink.bin -p 'udp://192.168.1.7:3232?mtu=250'\n"
        "  ferry send web.bin --partition storage -p /dev/ttyUSB0  a data partition (SPIFFS, LittleFS, NVS image)\n"
        "  ferry send notes.txt --file notes.txt -p socket://127.0.0.1:3232\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_LINK | CLI_OPT_SEND | CLI_OPT_FROM,
};

struct send {
    struct cli_options options;
    struct job_run run;
    struct ferry_cargo_list list;
    struct cargo_from *from; // --from
};

// A folder or a firmware: what it holds. -1: go on; else the exit code.
static int find_firmware(struct send *self, const char *path)
{
    struct ferry_fault *fault = &self->run.session.fault;
    int status = ferry_cargo_scan(path, &self->list, fault);
    if (status < 0)
        return job_run_fail(&self->run);
    if (self->list.count == 1)
        return -1;
    if (self->list.count == 0 && self->list.refused_count)
        *fault = self->list.refused[0];
    else if (self->list.count)
        ferry_fault_set(fault, FERRY_ERR_AMBIGUOUS, path, "there is more than one firmware here");
    if (self->list.count == 0 && (!self->list.refused_count || fault->status == FERRY_ERR_NO_PLACE)) {
        ferry_fault_set(fault, FERRY_ERR_IMAGE_FORMAT, path, "this is not an ESP firmware image");
        ferry_fault_hint(fault,
                         "send the application image that the build made (build/PROJECT.bin); anything else goes "
                         "with --file NAME or --partition LABEL");
    }
    return job_run_fail(&self->run);
}

static int find(struct send *self, const char *path)
{
    const struct cli_options *o = &self->options;
    struct cli_session *session = &self->run.session;
    if (o->from && cargo_from_open(&self->from, o, &session->display, &self->list, &session->fault) < 0)
        return job_run_fail(&self->run);
    if (o->from)
        return -1;
    if (!o->partition && !o->file)
        return find_firmware(self, path);
    if (ferry_cargo_from_file(path, &self->list.items[0], &self->run.session.fault) == FERRY_OK &&
        ferry_path_check("", path, &self->run.session.fault) == FERRY_OK)
        return -1;
    return job_run_fail(&self->run);
}

static int choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    const struct send *self = ctx;
    size_t i = 0;
    while (target && i < self->list.count && self->list.items[i].chip_count &&
           self->list.items[i].chips[0] != target->chip->id)
        i++;
    if (self->list.count > 1 && (i == self->list.count || !target))
        return ferry_fault_set(fault, FERRY_ERR_NO_BUILD_FOR_CHIP, self->options.from,
                               "none of the %zu builds there is for this target", self->list.count);
    *out = self->list.items[i < self->list.count ? i : 0];
    return FERRY_OK;
}

static int transfer(struct send *self)
{
    const struct cli_options *o = &self->options;
    struct ferry_job_cfg cfg = {.route = FERRY_JOB_ROUTE_LINK,
                                .link.sender.hello_ms = LOOK_MS,
                                .choose = choose,
                                .choose_ctx = self,
                                .cargo = {.kind = o->partition ? FERRY_MANIFEST_PARTITION
                                                  : o->file    ? FERRY_MANIFEST_FILE
                                                               : FERRY_MANIFEST_FIRMWARE,
                                          .name = o->partition ? o->partition : o->file}};
    job_run_init(&self->run, o);
    int code = find(self, o->args[0]);
    return code < 0 ? job_run(&self->run, &cfg) : code;
}

int cmd_send(int argc, char **argv)
{
    struct send *self = calloc(1, sizeof *self); // too large for a stack
    if (!self)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    int code = cli_parse(&self->options, argc, argv, &help);
    const struct cli_options *o = &self->options;
    if (code < 0 && o->from && (o->arg_count || o->partition || o->file))
        code = cli_usage_error("send", 0, "--from excludes a path, --partition and --file");
    else if (code < 0 && !o->from && o->arg_count != 1)
        code = cli_usage_error("send", "ferry send build/app.bin", "'send' wants one file");
    else if (code < 0 && o->partition && o->file)
        code = cli_usage_error("send", 0, "--partition and --file exclude each other");
    if (code < 0)
        code = transfer(self);
    cargo_from_close(self->from);
    free(self);
    return code;
}
