// updater: a card to one or many targets at once, and a bench that waits for the next one.
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ferry/cmd_updater_screen.h"
#include "apps/ferry/commands.h"
#include "apps/ferry/session.h"
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
#define RESCAN_MS 2000 // --wait: the card is looked at again for a target that comes later than this

static const struct cli_help help = {
    .usage = "--card DIR [--port PORT ...] [OPTIONS]",
    .about =
        "Flashes what lies on a card to one or many targets at once, from one read of the card.\n"
        "\n"
        "Finds the firmware on the card by itself, checks everything before anything is erased, proves what was\n"
        "written by the target's own MD5, and resumes what was interrupted. Each target gets a line in\n"
        "ferry-log.csv on the card.\n"
        "\n"
        "  --card DIR                   the card: a folder with firmware\n"
        "  --port PORT                  as often as there are targets\n"
        "  --cargo NAME                 which firmware, when the card holds several (a name, or a path on the card);\n"
        "                               {\"cargo\": \"NAME\"} in ferry.json on the card says the same\n"
        "  --wait                       stay, and flash whatever is connected next, until Ctrl-C\n"
        "  --probe SECONDS              with --wait: how often to look whether a target that is done has gone (3).\n"
        "                               To look means to reset it into its loader and back",
    .examples = "  ferry updater --card /media/sd --port /dev/ttyUSB0\n"
                "  ferry updater --card /media/sd --port /dev/ttyUSB0 --port /dev/ttyUSB1 --wait\n"
                "  ferry updater --card firmware/ --cargo sensor --port rfc2217://bench:4000 --json\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_WRITE | CLI_OPT_CARGO,
};

struct bench_port {
    struct ferry_posix_port port;
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

// The value of argv[*i] when it is --name VALUE or --name=VALUE; NULL = it is not that option.
static const char *value_of(const char *name, int argc, char **argv, int *i, bool *missing)
{
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '='))
        return NULL;
    if (word[len] == '=')
        return word + len + 1;
    *missing = *i + 1 >= argc;
    return *missing ? "" : argv[++*i];
}

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
    static const char *const names[] = {"--card", "--cargo", "--probe", "--port", "-p"};
    bool missing = false;
    const char *value = NULL;
    size_t which = 0;
    if (strcmp(argv[*i], "--wait") == 0) {
        b->wait = true;
        return 1;
    }
    for (; which < 5 && !value; which++)
        value = value_of(names[which], argc, argv, i, &missing);
    if (!value)
        return 0;
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
        code = cli_parse(&b->options, count, rest, &help);
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
    return code;
}

// ---- the card ----

static int fail(struct bench *b, const struct ferry_fault *fault)
{
    return cli_display_fault(&b->screen.display, fault);
}

static void tell_refused(struct bench *b)
{
    const struct ferry_cargo_list *list = &b->card.list;
    for (size_t i = 0; i < list->refused_count; i++) {
        const struct ferry_fault *fault = &list->refused[i];
        char text[600];
        snprintf(text, sizeof text, "not used: %s%s%s", fault->what, fault->where[0] ? ": " : "", fault->where);
        cli_display_warning(&b->screen.display, text);
    }
    if (list->refused_more)
        cli_display_line(&b->screen.display, "... and %zu more files that cannot be used", list->refused_more);
    if (list->more)
        cli_display_line(&b->screen.display, "... and %zu more cargoes than can be listed", list->more);
}

static int ask(struct bench *b, struct ferry_fault *fault)
{
    size_t index = 0;
    char line[32];
    if (b->options.json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return ferry_card_pick(&b->card, NULL, &index, fault);
    printf("There are several firmwares on the card:\n");
    for (size_t i = 0; i < b->card.list.count; i++) {
        const struct ferry_cargo *cargo = &b->card.list.items[i];
        printf("  %2zu  %s%s%s  (%s)\n", i + 1, cargo->name, cargo->version[0] ? " " : "", cargo->version,
               ferry_card_shown(&b->card, cargo));
    }
    for (;;) {
        uint32_t number = 0;
        printf("Which one? [1-%zu] ", b->card.list.count);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return ferry_card_pick(&b->card, NULL, &index, fault);
        line[strcspn(line, "\r\n")] = 0;
        if (ferry_posix_number_in(line, 1, (uint32_t)b->card.list.count, &number))
            break;
    }
    ferry_card_want(&b->card, (size_t)(uint32_t)strtoul(line, NULL, 0) - 1);
    snprintf(b->asked, sizeof b->asked, "%s", b->card.wanted);
    b->cargo = b->asked; // also for the next look at the card
    return FERRY_OK;
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
    tell_refused(b);
    if (status >= 0 && ferry_card_ambiguous(&b->card))
        status = ask(b, &fault);
    return status < 0 ? fail(b, &fault) : -1;
}

// The job's choose(): with --wait the card may have changed since.
static int choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault)
{
    struct bench *b = ctx;
    if (b->wait && now(b) - b->scanned_ms > RESCAN_MS) {
        int status = look_at_card(b, fault);
        if (status < 0)
            return status;
    }
    return ferry_card_choose(&b->card, target, out, fault);
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

static void take_port_into_job(struct bench *b, unsigned index, struct ferry_job_cfg *job)
{
    struct bench_port *p = &b->ports[index];
    job->stream = &p->port.stream;
    job->lines = ferry_posix_port_lines(&p->port);
    job->trace = cli_trace_get(&b->trace);
    flasher_cfg(b, p, &job->flasher);
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
    struct ferry_posix_error error;
    uint32_t start = now(b);
    if (p->slow && (int32_t)(start - p->not_before_ms) < 0)
        return ferry_fault_set(fault, FERRY_ERR_WIRE_OPEN, b->names[index], "not tried yet");
    int status = ferry_posix_port_open(&p->port, b->names[index], 0, &b->posix_clock, &error);
    uint32_t took = now(b) - start;
    p->slow = status < 0 && took > 50; // a host that does not answer must not hold up the other ports
    p->not_before_ms = start + 10 * took;
    if (status < 0) {
        ferry_fault_set(fault, error.status, error.where, "%s", error.what);
        ferry_fault_hint(fault, "%s", error.hint);
        return status;
    }
    if (!p->block)
        p->block = malloc(CLI_BLOCK_SIZE);
    if (!p->block) {
        ferry_posix_port_close(&p->port);
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, b->names[index], "no memory for the block buffer");
    }
    take_port_into_job(b, index, job);
    return FERRY_OK;
}

static void close_port(void *ctx, unsigned index)
{
    struct bench *b = ctx;
    ferry_posix_port_close(&b->ports[index].port);
}

static void job_ended(void *ctx, unsigned index, struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    struct bench *b = ctx;
    cmd_updater_screen_ended(&b->screen, index, job, outcome);
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
        .wait = b->wait,
        .probe_ms = b->probe_ms,
        .job = {.after = o->after,
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

static bool is_held_in_loader(const struct bench *b, unsigned index)
{
    const struct ferry_updater_port *port = &b->updater.ports[index];
    return port->job_open && b->ports[index].port.has_lines && !ferry_job_result(&port->job)->written &&
           b->options.after == FERRY_AFTER_HARD_RESET;
}

// Cancelled with nothing written: these targets go back to what they ran before.
static void release_targets(struct bench *b)
{
    for (int assert_reset = 1; assert_reset >= 0; assert_reset--) {
        for (unsigned i = 0; i < b->count; i++)
            if (is_held_in_loader(b, i))
                b->ports[i].port.lines.set(b->ports[i].port.lines.ctx, assert_reset, false);
        uint32_t start = now(b);
        while (assert_reset && now(b) - start < 100)
            b->clock.wait(b->clock.ctx, 20);
    }
}

static void loop(struct bench *b)
{
    uint32_t wait_ms = 0;
    while (ferry_updater_step(&b->updater, now(b), &wait_ms)) {
        cmd_updater_screen_update(&b->screen, &b->updater, now(b));
        if (cli_interrupted()) {
            release_targets(b);
            ferry_updater_cancel(&b->updater, now(b));
            break;
        }
        if (wait_ms)
            b->clock.wait(b->clock.ctx, wait_ms < 100 ? wait_ms : 100);
    }
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
    if (status < 0) {
        if (fault.status >= 0)
            ferry_fault_set(&fault, status, NULL, "%s", ferry_status_text(status));
        return fail(b, &fault);
    }
    if (b->wait)
        cli_display_line(&b->screen.display, "Waiting for targets on %u port%s; Ctrl-C ends.", b->count,
                         b->count == 1 ? "" : "s");
    loop(b);
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
    ferry_updater_close(&b->updater);
    if (b->stores)
        ferry_store_pool_free(b->stores);
    cmd_updater_screen_free(&b->screen);
    cli_trace_close(&b->trace);
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
