// send: a firmware (or a file, or the contents of a partition) to a target that runs a receiver.
#include <cJSON.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/link_cargo.h"
#include "apps/ferry/link_send.h"
#include "apps/ferry/link_session.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ports/posix/number.h"
#include "updater/path.h"

// How long to look for a receiver. One that is still at a higher rate has come back to its start rate by PROBE_MS;
// LOOK_MS also waits for a target that is just starting.
enum { PROBE_MS = 2500, LOOK_MS = 6000 };

static const struct cli_help help = {
    .usage = "FILE [--partition LABEL | --file NAME]   [OPTIONS]",
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
    .groups = CLI_OPT_OUTPUT | CLI_OPT_LINK | CLI_OPT_SEND,
};

struct send {
    struct link_session link;
    struct link_cargo cargo;
    char slot[FERRY_MANIFEST_LABEL]; // where it goes, "" = not known
    uint32_t started_ms;
    bool there; // it runs already
    bool begun; // the target has answered
};

static bool same_hash(const struct send *self)
{
    return memcmp(self->link.sender.target.sha256, self->cargo.manifest.sha256, FERRY_SHA256_SIZE) == 0;
}

static void result_json(struct send *self, bool ok)
{
    struct ferry_progress p;
    cJSON *object = cli_display_object();
    ferry_link_sender_ops.progress(&self->link.sender, &p);
    uint32_t now_ms = self->link.session.clock.now_ms(self->link.session.clock.ctx);
    cJSON_AddBoolToObject(object, "ok", ok);
    cJSON_AddBoolToObject(object, "verified", ok && !self->link.session.options->dry_run);
    cJSON_AddBoolToObject(object, "confirmed",
                          ok && self->cargo.manifest.kind == FERRY_MANIFEST_FIRMWARE &&
                              !self->link.session.options->no_reboot && !self->link.session.options->no_confirm);
    cJSON_AddStringToObject(object, "slot", self->slot);
    cJSON_AddNumberToObject(object, "size", self->cargo.manifest.size);
    cJSON_AddNumberToObject(object, "skipped", self->there ? self->cargo.manifest.size : p.skipped);
    cJSON_AddNumberToObject(object, "wire_bytes", p.wire_bytes);
    cJSON_AddNumberToObject(object, "retries", p.retries);
    cJSON_AddNumberToObject(object, "seconds", (now_ms - self->started_ms) / 1000.0);
    cli_display_json(&self->link.session.display, "result", object);
}

static void show_cargo(struct send *self)
{
    static const char *const kinds[] = {"", "firmware", "partition", "file"};
    const struct ferry_manifest *m = &self->cargo.manifest;
    char size[16];
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "kind", kinds[m->kind]);
    cJSON_AddStringToObject(object, "name", m->name[0] ? m->name : self->cargo.name);
    cJSON_AddStringToObject(object, "project", m->project);
    cJSON_AddStringToObject(object, "version", m->version);
    cJSON_AddNumberToObject(object, "size", m->size);
    cli_display_json(&self->link.session.display, "cargo", object);
    cli_display_line(&self->link.session.display, "Cargo: %s %s, %s", kinds[m->kind],
                     m->name[0] ? m->name : self->cargo.name, ferry_posix_number_bytes(m->size, size, sizeof size));
}

// What was sent and what was there; called before the target's new firmware is told about.
static void tell_sent(struct send *self)
{
    struct ferry_progress p;
    char sent[16], skipped[16];
    uint32_t size = self->cargo.manifest.size;
    ferry_link_sender_ops.progress(&self->link.sender, &p);
    uint32_t ms = self->link.session.clock.now_ms(self->link.session.clock.ctx) - self->started_ms;
    cli_display_line(&self->link.session.display, "Sent %s, skipped %s that was there; %u retr%s; %u.%u s.",
                     ferry_posix_number_bytes(size - p.skipped, sent, sizeof sent),
                     ferry_posix_number_bytes(p.skipped, skipped, sizeof skipped), (unsigned)p.retries,
                     p.retries == 1 ? "y" : "ies", (unsigned)(ms / 1000), (unsigned)(ms / 100 % 10));
}

static void tell_success(struct send *self)
{
    const struct cli_options *o = self->link.session.options;
    const struct ferry_manifest *m = &self->cargo.manifest;
    struct cli_display *display = &self->link.session.display;
    if (o->dry_run) {
        cli_display_good(display, "Dry run: the firmware is whole and fits. Nothing was sent.");
        return;
    }
    if (!self->there)
        tell_sent(self);
    if (m->kind != FERRY_MANIFEST_FIRMWARE)
        cli_display_good(display, "Verified: the target's own SHA-256 of %s matches.", m->name);
    else if (self->there)
        cli_display_good(display, "The target runs this firmware already. Confirmed; nothing was sent.");
    else if (o->no_reboot)
        cli_display_good(display, "Verified: the target's own SHA-256 matches. It starts with the next restart.");
    else
        cli_display_good(display, "Verified and started: %s runs%s%s%s.", self->cargo.name,
                         self->slot[0] ? " from " : "", self->slot,
                         o->no_confirm && !o->no_trial ? ", on trial until it confirms itself" : ", confirmed");
    result_json(self, true);
}

static int already_there(struct send *self)
{
    self->there = true;
    const struct ferry_slot *slot = link_session_slot(&self->link.sender.target, FERRY_SLOT_RUNNING);
    if (slot)
        snprintf(self->slot, sizeof self->slot, "%s", slot->label);
    if (self->link.sender.target.boot_state != FERRY_BOOT_TRIAL || self->link.session.options->no_confirm)
        return FERRY_OK;
    return link_session_run(&self->link, &(struct ferry_link_job){.op = FERRY_LINK_SENDER_CONFIRM}, 0, 0);
}

// A refusal in the words of this program: the cause is the state of the target, not a wrong call.
static void explain(struct send *self)
{
    struct ferry_fault *fault = &self->link.session.fault;
    uint8_t kind = self->cargo.manifest.kind;
    if (fault->status == FERRY_ERR_NO_PLACE && kind == FERRY_MANIFEST_PARTITION) {
        ferry_fault_set(fault, fault->status, self->link.session.port_name,
                        "the target has no data partition %s that may be written", self->cargo.manifest.name);
        ferry_fault_hint(fault, "--partition takes the label of a data partition of the target's own table");
    }
    if (fault->status == FERRY_ERR_STORAGE_PATH && kind == FERRY_MANIFEST_FILE) {
        ferry_fault_set(fault, fault->status, self->link.session.port_name, "the target does not take the name %s",
                        self->cargo.manifest.name);
        ferry_fault_hint(fault, "use a plain name: no folders, no dot in front, and none that a folder has there");
    }
    if (fault->status != FERRY_ERR_STATE || self->link.sender.target.boot_state != FERRY_BOOT_TRIAL)
        return;
    ferry_fault_set(fault, FERRY_ERR_BUSY, self->link.session.port_name,
                    "the firmware that runs on the target is itself on trial, and its slot must not be lost yet");
    ferry_fault_hint(fault, "send that firmware once more to confirm it, or wait until the target has given it up");
}

static int transfer(struct send *self)
{
    const struct cli_options *o = self->link.session.options;
    struct ferry_link_job job = {.op = FERRY_LINK_SENDER_SEND,
                                 .manifest = self->cargo.manifest,
                                 .reboot = self->cargo.manifest.kind == FERRY_MANIFEST_FIRMWARE && !o->no_reboot,
                                 .confirm = !o->no_confirm};
    const struct ferry_slot *slot = link_session_slot(&self->link.sender.target, FERRY_SLOT_TARGET);
    if (slot && self->cargo.manifest.kind == FERRY_MANIFEST_FIRMWARE)
        snprintf(self->slot, sizeof self->slot, "%s", slot->label);
    int status = link_session_run(&self->link, &job, self->cargo.name, &self->cargo.source);
    if (status < 0)
        explain(self);
    return status;
}

static int check_target(struct send *self)
{
    const struct ferry_target_info *target = &self->link.sender.target;
    const struct ferry_chip *wanted = ferry_chip_by_id(self->link.session.options->chip);
    if (wanted && self->link.session.options->chip != FERRY_CHIP_ANY && target->chip != wanted->id)
        return ferry_fault_set(&self->link.session.fault, FERRY_ERR_WRONG_CHIP, self->link.session.port_name,
                               "the target is no %s", wanted->label);
    return link_cargo_check(&self->cargo, target, &self->link.session.fault);
}

static int work(struct send *self)
{
    const struct cli_options *o = self->link.session.options;
    cli_display_status(&self->link.session.display, "Connecting to %s ...", self->link.session.port_name);
    int status = link_session_run(&self->link, &(struct ferry_link_job){.op = FERRY_LINK_SENDER_CONNECT}, 0, 0);
    if (status < 0)
        return status;
    self->begun = true;
    link_session_show_target(&self->link);
    show_cargo(self);
    self->started_ms = self->link.session.clock.now_ms(self->link.session.clock.ctx);
    if (self->cargo.manifest.kind == FERRY_MANIFEST_FIRMWARE && same_hash(self) && !o->force && !o->dry_run)
        return already_there(self);
    status = check_target(self);
    if (status < 0 || self->link.session.options->dry_run)
        return status;
    return transfer(self);
}

static int fail(struct send *self)
{
    if (self->begun)
        result_json(self, false);
    return link_session_fail(&self->link);
}

// With probe: nobody is there, but the loader in the mask ROM can be reached by reset.
static bool other_route(const struct send *self, int status)
{
    const struct cli_session *s = &self->link.session;
    return !self->begun && ferry_status_class_of(status) == FERRY_CLASS_WIRE && s->port.has_lines &&
           status != FERRY_ERR_CANCELLED;
}

static int finish(struct send *self, int status, bool probe)
{
    link_cargo_close(&self->cargo);
    if (status < 0 && probe && other_route(self, status)) {
        cli_display_line(&self->link.session.display, "No receiver answers; trying the serial loader.");
        link_session_close(&self->link);
        return -1;
    }
    if (status < 0)
        return fail(self);
    tell_success(self);
    link_session_close(&self->link);
    return 0;
}

int link_send(const struct cli_options *options, const char *path, bool probe)
{
    static struct send self; // too large for a stack
    link_session_init(&self.link, options);
    struct cli_session *s = &self.link.session;
    int status = link_cargo_open(&self.cargo, path, options, &s->digest, &s->fault);
    if (status < 0 && probe) {
        link_cargo_close(&self.cargo);
        link_session_close(&self.link);
        return -1;
    }
    self.link.hello_ms = probe ? PROBE_MS : LOOK_MS;
    if (status == FERRY_OK)
        status = link_session_open(&self.link);
    if (status == FERRY_OK)
        status = work(&self);
    return finish(&self, status, probe);
}

bool link_send_file(const char *path, char *out, size_t cap)
{
    struct stat st;
    char text[65536];
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return (size_t)snprintf(out, cap, "%s", path) < cap;
    if (!ferry_path_under(out, cap, path, "flasher_args.json"))
        return false;
    FILE *file = fopen(out, "rb");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = 0;
    cJSON *root = cJSON_Parse(text);
    const cJSON *name = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "app"), "file");
    bool found = cJSON_IsString(name) && ferry_path_join(out, cap, path, "", name->valuestring, 0) == FERRY_OK;
    cJSON_Delete(root);
    return found;
}

int cmd_send(int argc, char **argv)
{
    static struct cli_options options;
    int code = cli_parse(&options, argc, argv, &help);
    if (code >= 0)
        return code;
    if (options.arg_count != 1)
        return cli_usage_error("send", "ferry send build/app.bin", "'send' wants one file");
    if (options.partition && options.file)
        return cli_usage_error("send", 0, "--partition and --file exclude each other");
    return link_send(&options, options.args[0], false);
}
