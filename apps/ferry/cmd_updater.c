// updater: a card to one or many targets at once, and a bench that waits for the next one.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ferry/cmd_updater_ask.h"
#include "apps/ferry/cmd_updater_options.h"
#include "apps/ferry/cmd_updater_screen.h"
#include "apps/ferry/commands.h"
#include "apps/ferry/link_wire.h"
#include "apps/ferry/session.h"
#include "apps/ferry/updater_web.h"
#include "apps/ferry/updater_work.h"
#include "ferry/base/status.h"
#include "ports/posix/clock.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "ports/posix/number.h"
#include "ports/posix/port.h"
#include "ports/posix/ports.h"
#include "updater/card.h"
#include "updater/path.h"
#include "updater/updater.h"

#define PORTS_MAX FERRY_UPDATER_MAX_PORTS
#define SEEK_MS 1200   // --wait: how long a trial looks for a receiver; there is another one after it
#define RESCAN_MS 2000 // --wait: the card is looked at again for a target that comes later than this

struct bench;

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
    const char *names[PORTS_MAX];
    unsigned count;
    char asked[FERRY_CARGO_PATH]; // the person's answer
    bool wait;
    uint32_t probe_ms;
    const char *listen, *token, *depot;
    struct updater_web *web; // NULL: none
    struct updater_work_cfg work_cfg;
    struct updater_work *work; // NULL: none
    char found_port[256];
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
    struct bench_port ports[PORTS_MAX];
    struct ferry_updater updater;
};

static uint32_t now(const struct bench *b)
{
    return b->clock.now_ms(b->clock.ctx);
}

// ---- the command's own options ----

static int take_port(struct bench *b, const char *port)
{
    if (b->count == PORTS_MAX)
        return cli_usage_error("updater", NULL, "more than %d ports", PORTS_MAX);
    for (unsigned i = 0; i < b->count; i++)
        if (strcmp(b->names[i], port) == 0)
            return cli_usage_error("updater", NULL, "--port %s is named twice", port);
    b->names[b->count++] = port;
    return -1;
}

// Takes argv[*i] when it is an option of this command only. 1: taken, 0: not ours, else the exit code.
static int take_own(struct bench *b, int argc, char **argv, int *i)
{
    static const char *const names[] = {"--card", "--cargo", "--probe",     "--port",
                                        "-p",     "--web",   "--web-token", "--depot"};
    bool missing = false;
    const char *value = NULL;
    size_t which = 0;
    if (strcmp(argv[*i], "--wait") == 0) {
        b->wait = true;
        return 1;
    }
    for (; which < 8 && !value; which++)
        value = cmd_updater_value(names[which], argc, argv, i, &missing);
    if (!value)
        return updater_work_option(&b->work_cfg, argc, argv, i);
    if (missing || !*value)
        return cli_usage_error("updater", NULL, "%s needs a value", names[which - 1]);
    uint32_t seconds = 0;
    if (which == 1)
        b->card_dir = value;
    else if (which == 2)
        b->cargo = value;
    else if (which == 3 && !ferry_posix_number_in(value, 1, 3600, &seconds))
        return cli_usage_error("updater", "1 to 3600", "'%s' is no number of seconds for --probe", value);
    else if (which == 3)
        b->probe_ms = seconds * 1000;
    else if (which == 6)
        b->listen = value;
    else if (which == 7)
        b->token = value;
    else if (which == 8)
        b->depot = value;
    else
        return take_port(b, value) < 0 ? 1 : 2;
    return 1;
}

// -1: go on; else the exit code.
static int parse(struct bench *b, int argc, char **argv)
{
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    int count = 0, code = -1;
    if (!rest)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    rest[count++] = argv[0];
    for (int i = 1; i < argc && code < 0; i++) {
        int taken = take_own(b, argc, argv, &i);
        if (taken == 0)
            rest[count++] = argv[i];
        else if (taken > 1)
            code = taken;
    }
    if (code < 0)
        code = cli_parse(&b->options, count, rest, &cmd_updater_help);
    free(rest);
    if (code < 0 && !b->card_dir && b->options.arg_count == 1)
        b->card_dir = b->options.args[0];
    else if (code < 0 && b->options.arg_count > 0)
        return cli_usage_error("updater", "ferry updater --card DIR --port PORT", "'%s' is no option",
                               b->options.args[0]);
    if (code < 0 && !b->card_dir)
        return cli_usage_error("updater", "ferry updater --card DIR --port PORT", "which card? name its folder");
    if (code < 0 && b->count == 0 && b->options.port)
        b->names[b->count++] = b->options.port; // from the environment
    b->work_cfg.depot = b->depot;
    return code < 0 ? updater_work_check(&b->work_cfg, b->wait, b->listen != NULL) : code;
}

// ---- the card ----

static int fail(struct bench *b, const struct ferry_fault *fault)
{
    return cli_display_fault(&b->screen.display, fault);
}

static int look_at_card(struct bench *b, struct ferry_fault *fault)
{
    int status = ferry_card_open(&b->card, b->card_dir, b->cargo, fault);
    b->scanned_ms = now(b);
    return status;
}

static int open_card(struct bench *b)
{
    struct ferry_fault fault;
    int status = look_at_card(b, &fault);
    cmd_updater_tell_refused(&b->screen.display, &b->card.list);
    bool others = b->listen || b->work_cfg.work; // somebody else says what is flashed
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
    if ((b->wait || b->web) && now(b) - b->scanned_ms > RESCAN_MS) {
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
    if (b->work)
        return updater_work_choose(b->work, port, target, out, fault);
    int named = b->web ? updater_web_choose(b->web, wish, target, out, fault) : 0;
    return named == 0 ? choose(ctx, target, out, fault) : named;
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

// ---- ports ----

static int find_port(struct bench *b)
{
    struct ferry_posix_ports_entry entries[64];
    struct ferry_posix_error error;
    if (b->count)
        return -1;
    size_t count = ferry_posix_ports_list(entries, 64);
    const struct ferry_posix_ports_entry *entry = ferry_posix_ports_choose(entries, count < 64 ? count : 64, &error);
    if (!entry) {
        struct ferry_fault fault;
        ferry_fault_set(&fault, error.status, error.where, "%s", error.what);
        ferry_fault_hint(&fault, "%s", error.hint);
        return fail(b, &fault);
    }
    snprintf(b->found_port, sizeof b->found_port, "%s", entry->name);
    b->names[b->count++] = b->found_port;
    cli_display_line(&b->screen.display, "Found %s %s", entry->name, entry->description);
    return -1;
}

static void flasher_cfg(const struct bench *b, const struct bench_port *p, struct ferry_flasher_cfg *out)
{
    const struct cli_options *o = &b->options;
    uint8_t attempts = o->connect_attempts;
    *out = (struct ferry_flasher_cfg){
        .block = p->block,
        .block_size = CLI_BLOCK_SIZE,
        .before = o->before,
        .chip = o->force ? FERRY_CHIP_ANY : o->chip,
        .has_lines = p->port.has_lines && o->before == FERRY_BEFORE_DEFAULT_RESET,
        .connect_baud = 115200,
        .baud = p->port.has_baud || o->baud ? o->baud : 115200,
        .window = o->window,
        .flash_size = o->flash_size_bytes,
        .spi_connection = o->spi_connection,
        .connect_attempts = b->wait && !attempts ? 1 : attempts,
    };
}

static bool on_link(void *ctx)
{
    const struct bench_port *p = ctx;
    const struct ferry_updater_port *port = &p->bench->updater.ports[p->index];
    return port->job_open && port->state == FERRY_UPDATER_WORKING &&
           ferry_job_route(&port->job) == FERRY_JOB_ROUTE_LINK;
}

// --route goes before what the card says; somebody who asks for one job goes before both.
static enum ferry_job_route route_of(const struct bench *b)
{
    if (b->options.route_given)
        return b->options.route;
    if (b->card.has_route)
        return b->card.route;
    bool loader = b->options.before != FERRY_BEFORE_DEFAULT_RESET || b->options.erase_all;
    return loader ? FERRY_JOB_ROUTE_ROM : FERRY_JOB_ROUTE_AUTO;
}

static void take_port_into_job(struct bench *b, unsigned index, struct ferry_job_cfg *job)
{
    struct bench_port *p = &b->ports[index];
    link_wire_job_cfg(&p->wire, &b->options, job);
    job->trace = cli_trace_get(&b->trace);
    if (b->wait)
        job->link.sender.hello_ms = SEEK_MS;
    flasher_cfg(b, p, &job->flasher);
    if (p->wire.packets && job->route == FERRY_JOB_ROUTE_AUTO)
        job->route = FERRY_JOB_ROUTE_LINK;
    if (job->route == FERRY_JOB_ROUTE_LINK)
        return;
    if (job->after != FERRY_AFTER_HARD_RESET || p->port.has_lines)
        return;
    job->after = FERRY_AFTER_NO_RESET;
    if (!p->told_no_lines)
        cmd_updater_screen_warning(&b->screen, index,
                                   "this port has no reset line: the target stays in its loader until you reset it");
    p->told_no_lines = true;
}

static int open_port(void *ctx, unsigned index, struct ferry_job_cfg *job, struct ferry_fault *fault)
{
    struct bench *b = ctx;
    struct bench_port *p = &b->ports[index];
    uint32_t start = now(b);
    if (p->slow && (int32_t)(start - p->not_before_ms) < 0)
        return ferry_fault_set(fault, FERRY_ERR_WIRE_OPEN, b->names[index], "not tried yet");
    p->bench = b;
    p->index = index;
    p->wire = (struct link_wire){.name = b->names[index],
                                 .port = &p->port,
                                 .posix_clock = &b->posix_clock,
                                 .clock = b->clock,
                                 .patient = on_link,
                                 .ctx = p};
    int status = link_wire_open(&p->wire, fault);
    uint32_t took = now(b) - start;
    p->slow = status < 0 && took > 50; // a host that does not answer must not hold up the other ports
    p->not_before_ms = start + 10 * took;
    if (status < 0)
        return status;
    if (!p->block)
        p->block = malloc(CLI_BLOCK_SIZE);
    if (!p->block) {
        link_wire_close(&p->wire);
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, b->names[index], "no memory for the block buffer");
    }
    take_port_into_job(b, index, job);
    return FERRY_OK;
}

static void close_port(void *ctx, unsigned index)
{
    struct bench *b = ctx;
    link_wire_close(&b->ports[index].wire);
}

static bool is_held_in_loader(const struct bench *b, unsigned index)
{
    const struct ferry_updater_port *port = &b->updater.ports[index];
    return port->job_open && ferry_job_route(&port->job) == FERRY_JOB_ROUTE_ROM && b->ports[index].port.has_lines &&
           !ferry_job_result(&port->job)->written && b->options.after == FERRY_AFTER_HARD_RESET;
}

// Cancelled with nothing written: these targets go back to what they ran before.
static void release_targets(struct bench *b, unsigned first, unsigned count)
{
    for (int assert_reset = 1; assert_reset >= 0; assert_reset--) {
        for (unsigned i = first; i < first + count; i++)
            if (is_held_in_loader(b, i))
                b->ports[i].port.lines.set(b->ports[i].port.lines.ctx, assert_reset, false);
        uint32_t start = now(b);
        while (assert_reset && now(b) - start < 100)
            b->clock.wait(b->clock.ctx, 20);
    }
}

static void job_ended(void *ctx, unsigned index, struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    struct bench *b = ctx;
    const struct ferry_updater_port *port = &b->updater.ports[index];
    if (job && outcome->fault.status == FERRY_ERR_CANCELLED && (b->web || b->work))
        release_targets(b, index, 1);
    if (!port->wished || !port->wish.probe)
        cmd_updater_screen_ended(&b->screen, index, job, outcome);
    if (b->web)
        updater_web_ended(b->web, index, job, outcome);
    if (b->work)
        updater_work_ended(b->work, index, outcome);
}

static void job_event(void *ctx, unsigned index, const struct ferry_job_event *event)
{
    struct bench *b = ctx;
    if (b->web)
        updater_web_event(b->web, index, event);
}

// ---- running ----

static void updater_cfg(struct bench *b, struct ferry_updater_cfg *cfg)
{
    const struct cli_options *o = &b->options;
    *cfg = (struct ferry_updater_cfg){
        .port_count = b->count,
        .port_names = b->names,
        .open = open_port,
        .close = close_port,
        .ended = job_ended,
        .ctx = b,
        .choose = choose_wished,
        .wait = b->wait,
        .hold = (b->listen || b->work_cfg.work) && !b->wait,
        .probe_ms = b->probe_ms,
        .job = {.route = route_of(b),
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

// *fault: why it ended, when that is no target's fault.
static void loop(struct bench *b, struct ferry_fault *fault)
{
    uint32_t wait_ms = 0;
    while (ferry_updater_step(&b->updater, now(b), &wait_ms)) {
        cmd_updater_screen_update(&b->screen, &b->updater, now(b));
        if (b->web)
            updater_web_poll(b->web, now(b));
        if (b->work && !updater_work_poll(b->work, fault))
            break;
        if (cli_interrupted()) {
            release_targets(b, 0, b->count);
            ferry_updater_cancel(&b->updater, now(b));
            break;
        }
        if (wait_ms)
            b->clock.wait(b->clock.ctx, wait_ms < 100 ? wait_ms : 100);
    }
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
                                  .look = look_for_page,
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
    return FERRY_OK;
}

static int open_work(struct bench *b, struct ferry_fault *fault)
{
    b->work_cfg.port_count = b->count;
    b->work_cfg.updater = &b->updater;
    b->work_cfg.screen = &b->screen;
    return updater_work_open(&b->work, &b->work_cfg, fault);
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
    if (status >= 0 && b->listen)
        status = open_web(b, &fault);
    if (status >= 0 && b->work_cfg.work)
        status = open_work(b, &fault);
    if (status < 0) {
        if (fault.status >= 0)
            ferry_fault_set(&fault, status, NULL, "%s", ferry_status_text(status));
        return fail(b, &fault);
    }
    if (b->wait)
        cli_display_line(&b->screen.display, "Waiting for targets on %u port%s; Ctrl-C ends.", b->count,
                         b->count == 1 ? "" : "s");
    loop(b, &fault);
    updater_work_close(b->work);
    b->work = NULL;
    if (fault.status < 0)
        return fail(b, &fault);
    cmd_updater_screen_summary(&b->screen, &b->updater, now(b));
    return ferry_status_exit_code(b->updater.first_failure.status);
}

static int open_all(struct bench *b)
{
    struct ferry_fault fault;
    b->clock = ferry_posix_clock_init(&b->posix_clock);
    b->digest = ferry_posix_digest_init(&b->posix_digest);
    b->deflate = ferry_posix_deflate_init(&b->posix_deflate, NULL);
    cli_interrupt_catch();
    if (cmd_updater_screen_init(&b->screen, &b->options, b->names, PORTS_MAX, now(b)) < 0)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    if (name_log(b) < 0) {
        ferry_fault_set(&fault, FERRY_ERR_ARG, NULL, "the card's path is too long");
        return fail(b, &fault);
    }
    int code = open_card(b);
    if (code < 0)
        code = find_port(b);
    b->screen.count = b->count;
    return code;
}

static void close_all(struct bench *b)
{
    updater_web_close(b->web);
    ferry_updater_close(&b->updater);
    if (b->stores)
        ferry_store_pool_free(b->stores);
    cmd_updater_screen_free(&b->screen);
    if (cli_trace_close(&b->trace) < 0)
        cli_display_warning(&b->screen.display, "the trace is not whole: it cannot be written (is the disk full?)");
    ferry_posix_deflate_close(&b->posix_deflate);
    ferry_posix_digest_close(&b->posix_digest);
    for (unsigned i = 0; i < PORTS_MAX; i++)
        free(b->ports[i].block);
}

int cmd_updater(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b); // too large for a stack
    if (!b)
        return ferry_status_exit_code(FERRY_ERR_NO_MEMORY);
    int code = parse(b, argc, argv);
    if (code < 0) {
        code = open_all(b);
        if (code < 0)
            code = run(b);
        close_all(b);
    }
    free(b);
    return code;
}
