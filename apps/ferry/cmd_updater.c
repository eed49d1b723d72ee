// updater: a card to one or many targets at once, and a bench that waits for the next one.
#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/ferry/cmd_updater_ask.h"
#include "apps/ferry/cmd_updater_bench.h"
#include "apps/ferry/commands.h"
#include "ferry/base/status.h"
#include "updater/path.h"

#define RESCAN_MS 2000 // --wait: the card is looked at again for a target that comes later than this

static bool serves_depot(const struct bench *b)
{
    return b->work_cfg.work || b->work_cfg.check_in;
}

// ---- the card ----

static int fail(struct bench *b, const struct ferry_fault *fault)
{
    return cli_display_fault(&b->screen.display, fault);
}

static int look_at_card(struct bench *b, struct ferry_fault *fault)
{
    int status = ferry_card_open(&b->card, b->card_dir, b->cargo, fault);
    b->scanned_ms = bench_now(b);
    return status;
}

static int open_card(struct bench *b)
{
    struct ferry_fault fault;
    int status = look_at_card(b, &fault);
    cmd_updater_tell_refused(&b->screen.display, &b->card.list);
    bool others = b->listen || serves_depot(b); // somebody else says what is flashed
    if (others && status < 0 && status != FERRY_ERR_STORAGE_MISSING)
        return -1; // the page tells, and takes what is missing
    if (status >= 0 && !others && ferry_card_ambiguous(&b->card)) {
        status = cmd_updater_ask(&b->card, !b->options.json, &fault);
        snprintf(b->asked, sizeof b->asked, "%s", b->card.wanted);
        b->cargo = b->asked; // also for the next look at the card
    }
    return status < 0 ? fail(b, &fault) : -1;
}

static int look_for_page(void *ctx, struct ferry_fault *fault)
{
    return look_at_card(ctx, fault);
}

// The same where the page's threads may be looking at the list.
static int look_again(struct bench *b, struct ferry_fault *fault)
{
    if (b->web)
        updater_web_looking(b->web);
    int status = look_at_card(b, fault);
    if (b->web)
        updater_web_looked(b->web, status < 0 ? fault : NULL);
    return status;
}

// The job's choose(): with --wait the card may have changed since.
static int choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct bench *b = ctx;
    if ((b->wait || b->web) && bench_now(b) - b->scanned_ms > RESCAN_MS) {
        int status = look_again(b, fault);
        if (status < 0)
            return status;
    }
    return ferry_card_choose(&b->card, target, out, fault);
}

static int choose_wished(void *ctx, unsigned port, const struct ferry_updater_wish *wish,
                         const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct bench *b = ctx;
    int meant = b->work ? updater_work_choose(b->work, port, target, out, fault) : 0;
    if (meant != 0)
        return meant;
    int named = b->web ? updater_web_choose(b->web, port, wish, out, fault) : 0;
    return named == 0 ? choose(ctx, target, out, fault) : named;
}

static bool make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *at = '/';
        if (!made)
            return false;
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

// With a depot the card is for log and journal: without one they lie where a program's state belongs.
static int own_card(struct bench *b, struct ferry_fault *fault)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (!serves_depot(b))
        return FERRY_OK;
    if (b->card_dir)
        snprintf(b->own_dir, sizeof b->own_dir, "%.500s", b->card_dir);
    else if (state && *state == '/')
        snprintf(b->own_dir, sizeof b->own_dir, "%.480s/ferry", state);
    else
        snprintf(b->own_dir, sizeof b->own_dir, "%.480s/.local/state/ferry", home && *home ? home : ".");
    if (!make_folders(b->own_dir))
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, b->own_dir, "the folder for the log cannot be made: %s",
                               strerror(errno));
    b->card_dir = b->own_dir;
    return FERRY_OK;
}

// Log and journal lie on the card; beside it when it is a single file.
static int name_log(struct bench *b)
{
    struct stat st;
    snprintf(b->log_dir, sizeof b->log_dir, "%s", b->card_dir);
    if (stat(b->card_dir, &st) == 0 && !S_ISDIR(st.st_mode))
        ferry_path_folder(b->log_dir, sizeof b->log_dir, b->card_dir);
    bool fits = ferry_path_under(b->journal_dir, sizeof b->journal_dir, b->log_dir, ".ferry");
    return fits ? ferry_log_init(&b->log, b->log_dir) : FERRY_ERR_ARG;
}

static void job_ended(void *ctx, unsigned index, struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    struct bench *b = ctx;
    const struct ferry_updater_port *port = &b->updater.ports[index];
    if (job && outcome->fault.status == FERRY_ERR_CANCELLED && (b->web || b->work))
        bench_release(b, index, 1);
    if (!port->wished || !port->wish.probe)
        cmd_updater_screen_ended(&b->screen, index, job, outcome);
    if (b->web && b->work && updater_work_looks(b->work, index))
        updater_web_seen(b->web, index, outcome->fault.status < 0 ? NULL : job, &outcome->running);
    else if (b->web)
        updater_web_ended(b->web, index, job, outcome);
    if (b->work)
        updater_work_ended(b->work, index, outcome);
}

static void job_event(void *ctx, unsigned index, const struct ferry_job_event *event)
{
    struct bench *b = ctx;
    if (b->web && !(b->work && updater_work_looks(b->work, index)))
        updater_web_event(b->web, index, event);
}

// ---- running ----

static void updater_cfg(struct bench *b, struct ferry_updater_cfg *cfg)
{
    const struct cli_options *o = &b->options;
    *cfg = (struct ferry_updater_cfg){
        .port_count = b->count,
        .port_names = b->names,
        .open = bench_open_port,
        .close = bench_close_port,
        .ended = job_ended,
        .ctx = b,
        .choose = choose_wished,
        .wait = b->wait && !serves_depot(b),
        .hold = serves_depot(b) || (b->listen && !b->wait),
        .probe_ms = b->probe_ms,
        .job = {.route = bench_route(b),
                .after = o->after,
                .no_deflate = o->no_compress,
                .no_skip = o->no_skip,
                .dry_run = o->dry_run,
                .erase_all = o->erase_all,
                .choose = choose,
                .choose_ctx = b,
                .deflate = &b->deflate,
                .journal_dir = b->journal_dir,
                .log = &b->log,
                .stores = b->stores,
                .cargo = {.force = o->force,
                          .flash_size = o->flash_size_bytes,
                          .flash_mode = o->flash_mode,
                          .flash_freq = o->flash_freq,
                          .flash_size_name = o->flash_size,
                          .digest = &b->digest}},
    };
}

static void show_fetches(struct bench *b)
{
    struct updater_fetch_progress p;
    for (unsigned i = 0; b->fetch && i < b->count; i++) {
        enum updater_fetch_phase phase = updater_fetch_look(b->fetch, i, &p);
        const char *file = phase == UPDATER_FETCH_WAITING  ? "(other builds come first)"
                           : phase != UPDATER_FETCH_COMING ? NULL
                           : p.file[0]                     ? p.file
                                                           : "firmware";
        cmd_updater_screen_fetch(&b->screen, i, file, p.done, p.size);
    }
}

// *fault: why it ended, when that is no target's fault.
static void loop(struct bench *b, struct ferry_fault *fault)
{
    uint32_t wait_ms = 0;
    while (ferry_updater_step(&b->updater, bench_now(b), &wait_ms)) {
        show_fetches(b);
        cmd_updater_screen_update(&b->screen, &b->updater, bench_now(b));
        if (b->web)
            updater_web_poll(b->web, bench_now(b));
        if (b->work && !updater_work_poll(b->work, fault))
            break;
        if (cli_interrupted()) {
            bench_release(b, 0, b->count);
            ferry_updater_cancel(&b->updater, bench_now(b));
            break;
        }
        if (wait_ms)
            b->clock.wait(b->clock.ctx, wait_ms < 100 ? wait_ms : 100);
    }
}

// ---- whom the page has to give way to ----

static bool work_busy(void *ctx, unsigned port)
{
    struct bench *b = ctx;
    return b->work && updater_work_busy(b->work, port);
}

static bool work_looks(void *ctx, unsigned port)
{
    struct bench *b = ctx;
    return b->work && updater_work_looks(b->work, port);
}

static bool work_stop(void *ctx, unsigned port)
{
    struct bench *b = ctx;
    return b->work && updater_work_stop(b->work, port);
}

static int open_web(struct bench *b, struct ferry_fault *fault)
{
    const char *token = b->token ? b->token : getenv("FERRY_WEB_TOKEN");
    struct updater_web_cfg cfg = {.listen = b->listen,
                                  .token = token,
                                  .card = &b->card,
                                  .log_path = b->log.path,
                                  .port_names = b->names,
                                  .port_count = b->count,
                                  .rom = true,
                                  .link = true,
                                  .updater = &b->updater,
                                  .depot = b->depot,
                                  .fetch = b->fetch,
                                  .tls = &b->tls,
                                  .look = look_for_page,
                                  .busy = work_busy,
                                  .looks = work_looks,
                                  .stop = work_stop,
                                  .ctx = b};
    int status = updater_web_open(&b->web, &cfg, fault);
    if (status < 0)
        return status;
    b->screen.event = job_event;
    b->screen.event_ctx = b;
    struct ferry_fault card;
    look_again(b, &card); // what it says is shown on the page
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "url", updater_web_url(b->web));
    cli_display_json(&b->screen.display, "web", object);
    cli_display_line(&b->screen.display, "The page is at %s", updater_web_url(b->web));
    updater_web_tell(b->web, &b->screen.display);
    return FERRY_OK;
}

static int open_work(struct bench *b, struct ferry_fault *fault)
{
    b->work_cfg.port_count = b->count;
    b->work_cfg.updater = &b->updater;
    b->work_cfg.screen = &b->screen;
    b->work_cfg.fetch = b->fetch;
    b->work_cfg.web = b->web;
    return updater_work_open(&b->work, &b->work_cfg, fault);
}

static int open_others(struct bench *b, struct ferry_fault *fault)
{
    int status = b->depot ? updater_fetch_open(&b->fetch, b->count, fault) : FERRY_OK;
    if (status >= 0 && b->listen)
        status = open_web(b, fault);
    if (status >= 0 && serves_depot(b))
        status = open_work(b, fault);
    return status;
}

static void tell_start(struct bench *b)
{
    const char *ports = b->count == 1 ? "" : "s";
    if (serves_depot(b))
        cli_display_line(&b->screen.display, "%s %s on %u port%s, log in %s%s",
                         b->work_cfg.work ? "Working for" : "Checking in at", b->depot, b->count, ports, b->log.path,
                         b->wait || (b->work_cfg.work && !b->work_cfg.once) ? "; Ctrl-C ends" : "");
    else if (b->wait)
        cli_display_line(&b->screen.display, "Waiting for targets on %u port%s; Ctrl-C ends.", b->count, ports);
}

// What the check-in could not bring counts as much as what failed.
static int end_work(struct bench *b, struct ferry_fault *fault)
{
    struct ferry_fault first = b->work ? updater_work_first(b->work) : (struct ferry_fault){0};
    updater_work_close(b->work);
    b->work = NULL;
    if (fault->status < 0)
        return fail(b, fault);
    cmd_updater_screen_summary(&b->screen, &b->updater, bench_now(b));
    int status = b->updater.first_failure.status;
    if (b->work_cfg.work && !b->work_cfg.once)
        status = FERRY_OK; // the depot has been told job by job
    else if (status >= 0 && b->work_cfg.check_in && !b->wait)
        status = first.status;
    return ferry_status_exit_code(status);
}

static int run(struct bench *b)
{
    struct ferry_updater_cfg cfg;
    struct ferry_fault fault = {0};
    struct ferry_store_cfg store = {.digest = &b->digest, .deflate = &b->deflate};
    b->stores = ferry_store_pool_new(&store);
    updater_cfg(b, &cfg);
    int status = b->stores ? ferry_updater_init(&b->updater, &cfg) : FERRY_ERR_NO_MEMORY;
    if (status >= 0)
        status = cli_trace_open(&b->trace, b->options.trace, &fault);
    if (status >= 0)
        status = open_others(b, &fault);
    if (status < 0) {
        if (fault.status >= 0)
            ferry_fault_set(&fault, status, NULL, "%s", ferry_status_text(status));
        return fail(b, &fault);
    }
    tell_start(b);
    loop(b, &fault);
    return end_work(b, &fault);
}

static int open_all(struct bench *b)
{
    struct ferry_fault fault;
    b->clock = ferry_posix_clock_init(&b->posix_clock);
    b->digest = ferry_posix_digest_init(&b->posix_digest);
    b->deflate = ferry_posix_deflate_init(&b->posix_deflate, NULL);
    cli_interrupt_catch();
    if (cmd_updater_screen_init(&b->screen, &b->options, b->names, BENCH_PORTS, bench_now(b)) < 0)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    if (own_card(b, &fault) < 0)
        return fail(b, &fault);
    if (name_log(b) < 0) {
        ferry_fault_set(&fault, FERRY_ERR_ARG, NULL, "the card's path is too long");
        return fail(b, &fault);
    }
    int code = open_card(b);
    if (code < 0 && bench_find_port(b, &fault) < 0)
        code = fail(b, &fault);
    b->screen.count = b->count;
    return code;
}

static void close_all(struct bench *b)
{
    updater_work_close(b->work);
    updater_web_close(b->web);
    updater_fetch_close(b->fetch);
    ferry_updater_close(&b->updater);
    if (b->stores)
        ferry_store_pool_free(b->stores);
    cmd_updater_screen_free(&b->screen);
    if (cli_trace_close(&b->trace) < 0)
        cli_display_warning(&b->screen.display, "the trace is not whole: it cannot be written (is the disk full?)");
    ferry_posix_deflate_close(&b->posix_deflate);
    ferry_posix_digest_close(&b->posix_digest);
    for (unsigned i = 0; i < BENCH_PORTS; i++)
        free(b->ports[i].block);
}

int cmd_updater(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b); // too large for a stack
    if (!b)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    int code = bench_parse(b, argc, argv);
    if (code < 0) {
        code = open_all(b);
        if (code < 0)
            code = run(b);
        close_all(b);
    }
    free(b);
    return code;
}
