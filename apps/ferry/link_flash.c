#include "apps/ferry/link_flash.h"

#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"

enum { RESTARTS = 12 }; // in a row: attempts of a trial that all fail at once, and the way back

static int restart(void *ctx)
{
    struct link_flash *self = ctx;
    self->restart_due = true;
    return FERRY_OK;
}

int link_flash_open(struct link_flash *self, const char *path, const char *chip, bool rollback,
                    void (*line)(void *ctx, const char *text), void *ctx)
{
    struct link_ota_cfg cfg = {
        .chip = chip, .rollback = rollback, .restart_ctx = self, .restart = restart, .line = line, .line_ctx = ctx};
    memset(self, 0, sizeof *self);
    int code = vchip_file_open(&self->file, path, 0);
    if (code != 0)
        return code;
    self->flash = sim_flash_on(&(struct sim_flash_cfg){.size = (uint32_t)self->file.size}, self->file.bytes);
    if (!self->flash) {
        vchip_file_close(&self->file);
        fprintf(stderr, "error: out of memory\n  try: close other programs\n");
        return FERRY_CLASS_CALLER;
    }
    self->boot_cfg = (struct sim_boot_cfg){.chip = chip, .rollback = rollback};
    link_ota_init(&self->target, &cfg, self->flash);
    return -1;
}

static int nothing_boots(const struct link_flash *self, struct ferry_fault *fault)
{
    const char *last = strrchr(self->boot.reason, '\n');
    ferry_fault_set(fault, FERRY_ERR_NO_CARGO, "", "nothing in this flash image starts: %.120s",
                    last ? last + 1 : self->boot.reason);
    ferry_fault_hint(fault, "the image needs bootloader, partition table and an app: see what it says with ferry "
                            "vchip --chip CHIP --flash IMAGE --once --verbose");
    return FERRY_ERR_NO_CARGO;
}

int link_flash_boot(struct link_flash *self, bool power_on, struct ferry_fault *fault)
{
    char text[80];
    int status = FERRY_SINK_OTA_RESTART;
    for (int i = 0; i < RESTARTS && status == FERRY_SINK_OTA_RESTART; i++) {
        self->restart_due = false;
        sim_boot_run(self->flash, &self->boot_cfg, &self->boot);
        if (self->boot.end != SIM_BOOT_APP)
            return nothing_boots(self, fault);
        snprintf(text, sizeof text, "boots: %s", self->boot.boots);
        self->target.cfg.line(self->target.cfg.line_ctx, text);
        status = link_ota_boot(&self->target, self->boot.boots, power_on && i == 0);
    }
    if (status < 0)
        ferry_fault_set(fault, status, self->boot.boots, "this firmware cannot take updates: %s",
                        ferry_status_text(status));
    return status;
}

void link_flash_close(struct link_flash *self)
{
    link_ota_close(&self->target);
    sim_flash_free(self->flash);
    vchip_file_close(&self->file);
}
