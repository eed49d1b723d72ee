// `ferry updater` as its files see it: the card, the ports, who says what is flashed, and the loop's state.
#ifndef FERRY_APP_CMD_UPDATER_BENCH_H
#define FERRY_APP_CMD_UPDATER_BENCH_H

#include "apps/ferry/cmd_updater_screen.h"
#include "apps/ferry/link_wire.h"
#include "apps/ferry/session.h"
#include "apps/ferry/updater_web.h"
#include "apps/ferry/updater_work.h"
#include "apps/ferry/web_tls.h"
#include "ports/posix/clock.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "ports/posix/port.h"
#include "updater/card.h"
#include "updater/updater.h"

struct bench;

#define BENCH_PORTS FERRY_UPDATER_MAX_PORTS

struct bench_port {
    struct bench *bench;
    unsigned index;
    struct ferry_posix_port port;
    struct link_wire wire;
    uint8_t *block;
    uint32_t not_before_ms; // opening took long: not again before that
    bool slow, told_no_lines;
};

struct bench {
    struct cli_options options;
    const char *card_dir, *cargo;
    const char *names[BENCH_PORTS];
    unsigned count;
    char asked[FERRY_CARGO_PATH]; // the person's answer
    bool wait;
    uint32_t probe_ms;
    const char *listen, *token, *depot;
    struct updater_web *web; // NULL: none
    struct web_tls tls;
    struct updater_fetch *fetch; // NULL: no depot
    struct updater_work_cfg work_cfg;
    struct updater_work *work; // NULL: none
    char found_port[256], own_dir[FERRY_CARGO_PATH];
    struct ferry_card card;
    char log_dir[FERRY_CARGO_PATH], journal_dir[FERRY_CARGO_PATH];
    uint32_t scanned_ms;
    struct ferry_log log;
    struct ferry_posix_clock posix_clock;
    struct ferry_clock clock;
    struct ferry_posix_digest posix_digest;
    struct ferry_digest digest;
    struct ferry_posix_deflate posix_deflate;
    struct ferry_deflate deflate;
    struct cli_trace trace;
    struct ferry_store_pool *stores;
    struct cmd_updater_screen screen;
    struct bench_port ports[BENCH_PORTS];
    struct ferry_updater updater;
};

static inline uint32_t bench_now(const struct bench *b)
{
    return b->clock.now_ms(b->clock.ctx);
}

// ---- cmd_updater_parse.c ----

// Takes the command line. -1: go on; else the exit code.
int bench_parse(struct bench *b, int argc, char **argv);

// ---- cmd_updater_ports.c ----

// Looks for one when none was named. 0 or negative with *fault.
int bench_find_port(struct bench *b, struct ferry_fault *fault);
// open and close of struct ferry_updater_cfg.
int bench_open_port(void *ctx, unsigned index, struct ferry_job_cfg *job, struct ferry_fault *fault);
void bench_close_port(void *ctx, unsigned index);
// --route goes before what the card says; somebody who asks for one job goes before both.
enum ferry_job_route bench_route(const struct bench *b);
// Cancelled with nothing written: these targets go back to what they ran before.
void bench_release(struct bench *b, unsigned first, unsigned count);

#endif
