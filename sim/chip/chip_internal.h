// The chip's own state, shared by the files that make it up. No interface for others.
#ifndef SIM_CHIP_CHIP_INTERNAL_H
#define SIM_CHIP_CHIP_INTERNAL_H

#include "sim/chip/app.h"
#include "sim/chip/autobaud.h"
#include "sim/chip/boot.h"
#include "sim/chip/chip.h"
#include "sim/chip/model.h"
#include "sim/chip/regs.h"
#include "sim/chip/rom.h"

#define SIM_CHIP_RING_MAX 4096u

enum sim_chip_state {
    CHIP_OFF,       // no power
    CHIP_HELD,      // reset line asserted
    CHIP_RISING,    // reset released, the line has not risen yet
    CHIP_STARTING,  // the ROM runs, nothing printed yet
    CHIP_PRINTING,  // boot log of the loader going out
    CHIP_LISTENING, // loader, measuring the host's rate
    CHIP_LOADER,    // loader, waiting for a request
    CHIP_BUSY,      // loader, executing one
    CHIP_SWITCHING, // loader, waiting for its answer to go out before it changes the rate
    CHIP_RESETTING, // a reset is due
    CHIP_BOOTING,   // normal boot under way
    CHIP_APP,       // application
    CHIP_BASIC,     // the old ESP32's interpreter: echoes
    CHIP_DEAD,      // hangs until reset
};

enum sim_chip_cause { CAUSE_POWER_ON, CAUSE_SOFTWARE, CAUSE_WATCHDOG };

struct sim_chip {
    struct sim_chip_cfg cfg;
    const struct sim_model *model;
    struct sim_flash *flash;
    struct sim_regs *regs;
    struct sim_rom rom;
    struct sim_line *to_chip, *to_host;
    uint32_t host_baud, baud; // of either end, bits per second
    uint64_t now_ns, wake_ns; // wake_ns: when the state ends by itself
    enum sim_chip_state state;
    enum sim_chip_cause cause;
    bool powered, reset_asserted, boot_asserted, download;
    struct sim_autobaud autobaud;
    uint8_t ring[SIM_CHIP_RING_MAX];
    uint32_t ring_size, ring_read, ring_write; // no test for a full ring, as in the ROM: a lap looks empty
    uint64_t lost;
    bool app_running, app_restart, app_talking;
    uint64_t app_busy_until_ns;
    struct sim_boot_result boot;
    bool booted;
};

void sim_chip_print(struct sim_chip *self, const char *text);
void sim_chip_send(struct sim_chip *self, const uint8_t *bytes, size_t len);
void sim_chip_print_banner(struct sim_chip *self);
void sim_chip_print_access_fault(struct sim_chip *self);
void sim_chip_print_jump_fault(struct sim_chip *self);
void sim_chip_enter(struct sim_chip *self, enum sim_chip_state state, uint64_t after_us);
void sim_chip_start(struct sim_chip *self, enum sim_chip_cause cause, uint64_t after_us);
void sim_chip_stop_app(struct sim_chip *self);

// chip_app.c
void sim_chip_app_start(struct sim_chip *self);
void sim_chip_app_rx(struct sim_chip *self);
void sim_chip_app_poll(struct sim_chip *self);
uint64_t sim_chip_app_next_ns(const struct sim_chip *self);

#endif
