#include "updater/link_route.h"

#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"

#define RETRIES_WORTH_TELLING 10u

int ferry_link_route_init(struct ferry_link_route *self, const struct ferry_link_route_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    return ferry_link_sender_init(&self->sender, &cfg->sender);
}

bool ferry_link_route_next(struct ferry_link_route *self, uint32_t now_ms)
{
    struct ferry_link_sender_cfg cfg = self->cfg.sender;
    bool has_rate = cfg.baud != 0 && self->rate < FERRY_LINK_ROUTE_RATES && self->cfg.start_rates[self->rate];
    if (!has_rate)
        return false;
    cfg.start_baud = self->cfg.start_rates[self->rate++];
    (void)ferry_link_sender_init(&self->sender, &cfg); // it has taken the same configuration before
    return ferry_link_route_start(self, FERRY_ROM_CONNECT, NULL, now_ms) == FERRY_OK;
}

uint32_t ferry_link_route_start_baud(const struct ferry_link_route *self)
{
    return self->sender.cfg.baud ? self->sender.cfg.start_baud : 0;
}

const struct ferry_slot *ferry_link_route_slot(const struct ferry_target_info *info, uint8_t flag)
{
    for (uint8_t i = 0; i < info->slot_count && i < FERRY_MANIFEST_SLOTS; i++)
        if (info->slots[i].flags & flag)
            return &info->slots[i];
    return NULL;
}

const struct ferry_target_info *ferry_link_route_info(const struct ferry_link_route *self)
{
    return self->known ? &self->sender.target : NULL;
}

const struct ferry_target *ferry_link_route_target(const struct ferry_link_route *self)
{
    return &self->target;
}

void ferry_link_route_connected(struct ferry_link_route *self)
{
    static const uint8_t none[6];
    const struct ferry_target_info *info = &self->sender.target;
    self->known = true;
    self->target = (struct ferry_target){
        .chip = info->chip == FERRY_MANIFEST_CHIP_ANY ? NULL : ferry_chip_by_id(info->chip),
        .revision = info->revision,
        .mac_known = memcmp(info->mac, none, sizeof none) != 0,
        .baud = self->sender.cfg.baud ? self->sender.baud : 0,
    };
    memcpy(self->target.mac, info->mac, sizeof info->mac);
}

// ---- operations ----

static int start(struct ferry_link_route *self, const struct ferry_link_job *job, uint32_t now_ms)
{
    return ferry_link_sender_start(&self->sender, job, now_ms);
}

static bool runs_already(const struct ferry_link_route *self, const struct ferry_manifest *m)
{
    return m->kind == FERRY_MANIFEST_FIRMWARE && !(m->options & FERRY_MANIFEST_FORCE) &&
           memcmp(self->sender.target.sha256, m->sha256, sizeof m->sha256) == 0;
}

static int write(struct ferry_link_route *self, const struct ferry_manifest *m, uint32_t now_ms)
{
    bool firmware = m->kind == FERRY_MANIFEST_FIRMWARE;
    self->there = runs_already(self, m);
    if (self->there && (self->sender.target.boot_state != FERRY_BOOT_TRIAL || self->cfg.no_confirm))
        return FERRY_OK; // the sender stays idle
    struct ferry_link_job job = {.op = self->there ? FERRY_LINK_SENDER_CONFIRM : FERRY_LINK_SENDER_SEND,
                                 .manifest = *m,
                                 .reboot = firmware && !self->cfg.no_reboot,
                                 .confirm = !self->cfg.no_confirm};
    return start(self, &job, now_ms);
}

int ferry_link_route_start(struct ferry_link_route *self, enum ferry_rom_op op, const struct ferry_plan *plan,
                           uint32_t now_ms)
{
    switch (op) {
    case FERRY_ROM_CONNECT:
        return start(self, &(struct ferry_link_job){.op = FERRY_LINK_SENDER_CONNECT}, now_ms);
    case FERRY_ROM_WRITE:
        return write(self, &plan->manifest, now_ms);
    case FERRY_ROM_LEAVE:
        return FERRY_OK;
    default:
        return FERRY_ERR_UNSUPPORTED;
    }
}

// ---- worth telling ----

static bool other_project(const struct ferry_target_info *info, const struct ferry_manifest *m)
{
    return m->kind == FERRY_MANIFEST_FIRMWARE && info->project[0] && m->project[0] &&
           strcmp(info->project, m->project) != 0;
}

bool ferry_link_route_warn_project(const struct ferry_link_route *self, const struct ferry_plan *plan, char *out,
                                   size_t cap)
{
    const struct ferry_target_info *info = &self->sender.target;
    if (!other_project(info, &plan->manifest))
        return false;
    snprintf(out, cap, "the target runs the project %s; this is %s", info->project, plan->manifest.project);
    return true;
}

void ferry_link_route_event(struct ferry_link_route *self, const struct ferry_event *event)
{
    if (event->kind == FERRY_EVENT_STEP && strcmp(event->text, "confirming") == 0)
        self->on_trial = true; // asked for only then
}

// It was CONFIRMED when it answered for the first time, and nobody had been asked.
bool ferry_link_route_warn_trial(const struct ferry_link_route *self, const struct ferry_plan *plan, char *out,
                                 size_t cap)
{
    const struct ferry_manifest *m = &plan->manifest;
    if (m->kind != FERRY_MANIFEST_FIRMWARE || self->there || self->on_trial || self->cfg.no_reboot ||
        (m->options & FERRY_MANIFEST_NO_TRIAL) || self->sender.target.boot_state != FERRY_BOOT_CONFIRMED)
        return false;
    snprintf(out, cap,
             "the new firmware was not on trial: it marks itself valid at its start (Arduino does unless "
             "verifyRollbackLater() returns true), so that a bad one would stay");
    return true;
}

bool ferry_link_route_warn_line(const struct ferry_plan *plan, uint32_t retries, char *out, size_t cap)
{
    if (retries < RETRIES_WORTH_TELLING || retries <= plan->manifest.size / 65536)
        return false;
    snprintf(out, cap, "the line loses bytes: %lu parts had to be sent again; ferry link-test says in which direction",
             (unsigned long)retries);
    return true;
}

// ---- whether it fits ----

static int no_slot(const struct ferry_target_info *info, struct ferry_fault *fault)
{
    const struct ferry_slot *running = ferry_link_route_slot(info, FERRY_SLOT_RUNNING);
    ferry_fault_set(fault, FERRY_ERR_NO_SLOT, "",
                    "the target's partition table has no second OTA slot: the firmware "
                    "that runs%s%s cannot be replaced while it runs",
                    running ? " from " : "", running ? running->label : "");
    ferry_fault_hint(fault,
                     "flash a partition table with two OTA slots once, by the serial loader: ferry flash --route "
                     "rom build/");
    return FERRY_ERR_NO_SLOT;
}

int ferry_link_route_check(const struct ferry_link_route *self, const struct ferry_plan *plan,
                           struct ferry_fault *fault)
{
    const struct ferry_target_info *info = &self->sender.target;
    const struct ferry_manifest *m = &plan->manifest;
    if (m->kind != FERRY_MANIFEST_FIRMWARE || info->slot_count == 0)
        return FERRY_OK;
    const struct ferry_slot *to = ferry_link_route_slot(info, FERRY_SLOT_TARGET);
    if (!to)
        return no_slot(info, fault);
    if (m->size <= to->size)
        return FERRY_OK;
    ferry_fault_set(fault, FERRY_ERR_TOO_LARGE_PARTITION, plan->cargo.path,
                    "the firmware has %lu bytes, the slot %s only %lu", (unsigned long)m->size, to->label,
                    (unsigned long)to->size);
    ferry_fault_hint(fault,
                     "make the firmware smaller, or flash a partition table with larger slots once, by the serial "
                     "loader: ferry flash --route rom build/");
    return FERRY_ERR_TOO_LARGE_PARTITION;
}

// ---- what went wrong ----

// What brings the old firmware back, in terms of what to do about it.
static void hint_trial(const struct ferry_link_route *self, struct ferry_fault *fault)
{
    const struct ferry_target_info *info = &self->sender.target;
    bool told = info->boot_state == FERRY_BOOT_REVERTED;
    if (told && info->give_up == FERRY_GIVE_UP_NOT_CONFIRMED)
        ferry_fault_hint(fault, "somebody has to confirm a new firmware: the updater does unless it is told not to, or "
                                "the firmware's own self test; a slow start needs a longer confirm time");
    else if (told && info->give_up == FERRY_GIVE_UP_CRASHED)
        ferry_fault_hint(fault,
                         "read the target's log: it says where the new firmware crashes; a weak supply that breaks "
                         "down at the first start looks the same");
    else if (told && info->give_up == FERRY_GIVE_UP_INVALID)
        ferry_fault_hint(fault,
                         "is it signed or encrypted as this target's bootloader wants it, and built for its chip "
                         "revision?");
    else if (!told)
        ferry_fault_hint(fault, "build the new firmware with the receiver in it, or it can never be updated again; the "
                                "target returns to the old one by itself when the trial is over");
}

// A refusal in the words of a person: the cause is the state of the target, not a wrong call.
static void explain(const struct ferry_link_route *self, const struct ferry_manifest *m, struct ferry_fault *fault)
{
    if (fault->status == FERRY_ERR_NO_PLACE && m->kind == FERRY_MANIFEST_PARTITION) {
        ferry_fault_set(fault, fault->status, "", "the target has no data partition %s that may be written", m->name);
        ferry_fault_hint(fault, "name a data partition of the target's own table by its label");
    } else if (fault->status == FERRY_ERR_STORAGE_PATH && m->kind == FERRY_MANIFEST_FILE) {
        ferry_fault_set(fault, fault->status, "", "the target does not take the name %s", m->name);
        ferry_fault_hint(fault, "use a plain name: no folders, no dot in front, and none that a folder has there");
    } else if (fault->status == FERRY_ERR_NOT_CONFIRMED) {
        hint_trial(self, fault);
    } else if (fault->status == FERRY_ERR_STATE && self->sender.target.boot_state == FERRY_BOOT_TRIAL) {
        ferry_fault_set(fault, FERRY_ERR_BUSY, "",
                        "the firmware that runs on the target is itself on trial, and its slot must not be lost yet");
        ferry_fault_hint(fault, "send that firmware once more to confirm it, or wait until the target has given it up");
    }
}

// Nobody answers: the loader may still be reached, by hand where the wire has no reset line.
static void hint_loader(struct ferry_fault *fault)
{
    char hint[sizeof fault->hint];
    snprintf(hint, sizeof hint, "%.130s; a target without a receiver takes firmware by its serial loader: --route rom",
             fault->hint);
    snprintf(fault->hint, sizeof fault->hint, "%s", hint);
}

// Whatever arrives then is of the start, or noise.
static bool is_silence(int status)
{
    return status == FERRY_ERR_NO_ANSWER || status == FERRY_ERR_GARBAGE || status == FERRY_ERR_NOISE;
}

int ferry_link_route_fault(const struct ferry_link_route *self, const struct ferry_plan *plan, bool restarted,
                           const struct ferry_error *error, struct ferry_fault *fault)
{
    ferry_fault_engine(fault, error);
    if (error->status == FERRY_ERR_TX_PATH && error->detail && error->detail[0]) // it has no download mode
        ferry_fault_set(fault, error->status, "", "%s: %s", error->step, error->detail);
    if (restarted && is_silence(error->status))
        ferry_fault_set(fault, FERRY_ERR_NOT_CONFIRMED, "",
                        "nothing answers after the restart: the new firmware has no receiver, or does not run");
    fault->peer_code = -1; // it is the status itself, which the text tells
    if (plan)
        explain(self, &plan->manifest, fault);
    else if (fault->status == FERRY_ERR_NO_ANSWER || fault->status == FERRY_ERR_TX_PATH)
        hint_loader(fault);
    return fault->status;
}
