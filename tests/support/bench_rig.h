// A bench in virtual time: a card folder, several sockets for virtual chips, and the real updater in between.
//
// One clock for all. Reading the card takes time when card_rate says so: the one thread stands still meanwhile, and all
// targets wait.
#ifndef TESTS_SUPPORT_BENCH_RIG_H
#define TESTS_SUPPORT_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "sim/chip/chip.h"
#include "sim/flash/flash.h"
#include "updater/card.h"
#include "updater/updater.h"

#define BENCH_RIG_PORTS 64
#define BENCH_RIG_BLOCK (2 * 6144 + 64)

struct bench_rig;

struct bench_rig_socket {
    struct bench_rig *rig;
    struct sim_flash *flash; // NULL: nothing is plugged in
    struct sim_chip *chip;
    uint64_t born_us;
    bool vanishes; // the port goes with the target: opening it fails while nothing is plugged in
    bool open;
    struct ferry_stream stream;
    struct ferry_lines lines;
    uint8_t block[BENCH_RIG_BLOCK];
    // Of the last job that ended here.
    unsigned ended;
    struct ferry_updater_outcome outcome;
    bool held; // the flash was right when the job ended: the firmware that starts then may change it (otadata)
    char warnings[2048];
};

struct bench_rig {
    unsigned ports;
    uint64_t us;
    uint32_t card_rate;  // bytes per second, 0 = no time
    uint32_t quantum_us; // the updater is not stepped more often than this; 0 = whenever something happens
    bool measure_cpu;
    double step_cpu_s; // processor time of all ferry_updater_step calls
    uint64_t card_us;  // spent reading the card
    struct ferry_posix_digest digest_state;
    struct ferry_digest digest;
    struct ferry_posix_deflate deflate_state;
    struct ferry_deflate deflate;
    struct ferry_card card;
    struct ferry_log log;
    char journal_dir[FERRY_CARGO_PATH];
    struct ferry_store_cfg store_cfg;
    struct ferry_store_pool *stores;
    struct ferry_updater_cfg cfg;
    struct ferry_updater updater;
    bool started;
    const char *names[BENCH_RIG_PORTS];
    char name_text[BENCH_RIG_PORTS][24];
    struct bench_rig_socket sockets[BENCH_RIG_PORTS];
};

// A bench with empty sockets around a card. Change cfg, store_cfg, card_rate, quantum_us before the first step.
struct bench_rig *bench_rig_new(const char *card_dir, unsigned ports);
void bench_rig_free(struct bench_rig *self);
// Plugs a virtual chip in: `base` gives all but chip, flash and MAC (NULL: a plain one); the MAC ends in `id`. flash is
// kept when given (from bench_rig_unplug), else a new one, blank or full of old data.
void bench_rig_plug(struct bench_rig *self, unsigned port, const char *chip, uint8_t id,
                    const struct sim_chip_cfg *base, struct sim_flash *flash, bool used_flash);
// Takes it out; the flash is the caller's from then on (sim_flash_free).
struct sim_flash *bench_rig_unplug(struct bench_rig *self, unsigned port);
// One step of the updater, then time goes on to the next event. False: all has ended.
bool bench_rig_step(struct bench_rig *self);
// Steps until all has ended (true) or limit_ms of virtual time have passed (false).
bool bench_rig_run(struct bench_rig *self, uint64_t limit_ms);
// Forgets the updater as a killed process would: nothing is ended or closed properly. The next step starts a new one.
void bench_rig_kill(struct bench_rig *self);
// True when the flash in the socket holds what a plan of this card for this chip says.
bool bench_rig_holds(struct bench_rig *self, unsigned port);

#endif
