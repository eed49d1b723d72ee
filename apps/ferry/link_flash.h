// `ferry receive --flash`: a flash image in a file as the target. Which of its firmwares "runs" is decided by the boot
// model, as ESP-IDF's bootloader does; a restart boots it again.
#ifndef FERRY_APP_LINK_FLASH_H
#define FERRY_APP_LINK_FLASH_H

#include "apps/ferry/cmd_vchip.h"
#include "apps/ferry/link_ota.h"
#include "sim/chip/boot.h"
#include "updater/fault.h"

struct link_flash {
    struct vchip_file file;
    struct sim_flash *flash;
    struct link_ota target; // target.sink is what a receiver needs
    bool restart_due;       // the sink asks for link_flash_boot()
    struct sim_boot_cfg boot_cfg;
    struct sim_boot_result boot;
};

// Opens the image. line tells what happens. -1: go on; else the exit code after an error that has been reported.
int link_flash_open(struct link_flash *self, const char *path, const char *chip, bool rollback,
                    void (*line)(void *ctx, const char *text), void *ctx);
// Boots; the first time after a loss of power. 0 or negative with *fault: nothing in this flash starts, or what starts
// cannot take updates.
int link_flash_boot(struct link_flash *self, bool power_on, struct ferry_fault *fault);
void link_flash_close(struct link_flash *self);

#endif
