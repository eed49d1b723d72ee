#include "tests/support/link_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "rig_parts.h"

// The rig's own, and what link_job_trial() has put in its place.
static int (*old_reboot)(void *ctx);
static int trial;

static int reboot(void *ctx)
{
    struct rig *rig = ctx;
    struct ferry_target_info before = rig->info;
    int status = old_reboot(ctx);
    if (trial == LINK_JOB_NO_RECEIVER)
        rig_cut(rig, RIG_TO_HOST, true);
    else if (trial == LINK_JOB_VALID_AT_ONCE)
        rig->info.boot_state = FERRY_BOOT_CONFIRMED;
    else
        rig->info = before;
    if (trial > 0) {
        rig->info.boot_state = FERRY_BOOT_REVERTED;
        rig->info.give_up = (uint8_t)trial;
    }
    return status;
}

void link_job_trial(struct link_job *self, int what)
{
    old_reboot = self->rig->sink.reboot;
    self->rig->sink.reboot = reboot;
    trial = what;
}

void link_job_new(struct link_job *self, const struct rig_cfg *cfg)
{
    static const uint8_t none[4];
    memset(self, 0, sizeof *self);
    self->dir = card_new();
    self->rig = rig_new(cfg, none, sizeof none);
    self->digest = ferry_posix_digest_init(&self->digest_state);
    uint32_t baud = cfg->baud ? cfg->baud : 921600;
    self->cfg = (struct ferry_job_cfg){
        .port_name = "port",
        .route = FERRY_JOB_ROUTE_LINK,
        .flasher = {.block = self->block, .block_size = sizeof self->block, .chip = FERRY_CHIP_ANY},
        .link.sender = {.updater = 77,
                        .seed = (uint16_t)(cfg->seed + 1),
                        .start_baud = cfg->start_baud ? cfg->start_baud : baud,
                        .baud = cfg->mtu ? 0 : baud,
                        .mtu = cfg->mtu,
                        .reorders = cfg->mtu != 0,
                        .hello_ms = cfg->hello_ms,
                        .reconnect_ms = cfg->reconnect_ms},
        .choose = ferry_card_choose,
        .choose_ctx = &self->card,
        .cargo = {.digest = &self->digest},
        .log = &self->log,
    };
}

static void close_job(struct link_job *self)
{
    if (self->open)
        ferry_job_close(&self->job);
    self->open = false;
}

void link_job_free(struct link_job *self)
{
    close_job(self);
    rig_free(self->rig);
    ferry_posix_digest_close(&self->digest_state);
    card_remove(self->dir);
}

static void take_events(struct link_job *self)
{
    struct ferry_job_event event;
    while (ferry_job_event(&self->job, &event)) {
        size_t len = strlen(self->told);
        const char *kind = event.kind == FERRY_EVENT_WARNING ? "warning: "
                           : event.kind == FERRY_EVENT_NOTE  ? "note: "
                                                             : "";
        if (*kind)
            snprintf(self->told + len, sizeof self->told - len, "%s%s\n", kind, event.text);
    }
}

static int look_at_card(struct link_job *self)
{
    memset(&self->fault, 0, sizeof self->fault);
    int status = ferry_card_open(&self->card, self->dir, NULL, &self->fault);
    if (status == FERRY_OK)
        status = ferry_log_init(&self->log, self->dir);
    return status == FERRY_OK ? ferry_job_init(&self->job, &self->cfg) : status;
}

int link_job_run(struct link_job *self, double seconds, uint32_t kill_at)
{
    uint64_t limit = rig_now_us(self->rig) + (uint64_t)(seconds * 1e6), pause_us = rig_now_us(self->rig);
    uint64_t say_us = pause_us;
    bool planned = false;
    close_job(self);
    self->cfg.stream = rig_host_stream(self->rig);
    self->cfg.link.sender.seed = (uint16_t)(self->cfg.link.sender.seed + 101); // another start of the program
    self->told[0] = 0;
    int status = look_at_card(self);
    self->open = status == FERRY_OK;
    while (status == FERRY_OK && !ferry_job_ended(&self->job)) {
        uint32_t wait_ms = 0;
        ferry_job_step(&self->job, (uint32_t)(rig_now_us(self->rig) / 1000), &wait_ms);
        take_events(self);
        if (self->job.planned && !planned)
            rig_let_run(self->rig, 1000ull * self->plan_ms);
        planned = self->job.planned;
        if (kill_at && ferry_job_result(&self->job)->bytes_written >= kill_at)
            return FERRY_ERR_CANCELLED; // as a process that is killed: nothing is ended
        if (rig_now_us(self->rig) > limit)
            return FERRY_ERR_TIMEOUT;
        if (self->says && rig_now_us(self->rig) >= say_us) {
            say_us = rig_now_us(self->rig) + 200000;
            rig_say(self->rig, RIG_TO_HOST, self->says, strlen(self->says));
        }
        bool pause = self->pause_ms && rig_now_us(self->rig) - pause_us > 1000ull * self->pause_every_ms;
        uint64_t us = pause ? 1000ull * self->pause_ms : wait_ms > 2 ? 2000 : 500;
        rig_let_run(self->rig, us);
        if (pause)
            pause_us = rig_now_us(self->rig);
    }
    if (status == FERRY_OK)
        self->fault = *ferry_job_fault(&self->job);
    return status < 0 ? status : self->fault.status;
}

bool link_job_holds(struct link_job *self, const char *name)
{
    char *path = card_path(self->dir, name);
    const uint8_t *slot = sim_flash_bytes(rig_flash(self->rig)) + SLOT;
    FILE *f = fopen(path, "rb");
    bool same = f != NULL;
    for (int c; same && (c = fgetc(f)) != EOF; slot++)
        same = *slot == (uint8_t)c;
    if (f)
        fclose(f);
    free(path);
    return same;
}

bool link_job_says(const struct link_job *self, const char *text)
{
    return strstr(self->told, text) || strstr(self->fault.what, text) || strstr(self->fault.hint, text);
}
