#include "apps/ferry/session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/ports.h"

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    interrupts = 1;
    signal(number, SIG_DFL);
}

void cli_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, 0);
    sigaction(SIGTERM, &action, 0);
}

bool cli_interrupted(void)
{
    return interrupts != 0;
}

void cli_session_init(struct cli_session *self, const struct cli_options *options)
{
    memset(self, 0, sizeof *self);
    self->options = options;
    self->port.fd = -1;
    cli_display_init(&self->display, options);
    self->clock = ferry_posix_clock_init(&self->posix_clock);
    self->digest = ferry_posix_digest_init(&self->posix_digest);
    self->deflate = ferry_posix_deflate_init(&self->posix_deflate, 0);
    cli_interrupt_catch();
}

static int from_port_error(struct ferry_fault *fault, const struct ferry_posix_error *error)
{
    ferry_fault_set(fault, error->status, error->where, "%s", error->what);
    snprintf(fault->hint, sizeof fault->hint, "%.239s", error->hint); // may have several lines; its names are clean
    return error->status;
}

static int find_port(struct cli_session *self)
{
    if (self->options->port) {
        snprintf(self->port_name, sizeof self->port_name, "%s", self->options->port);
        return FERRY_OK;
    }
    struct ferry_posix_ports_entry entries[64];
    struct ferry_posix_error error;
    size_t count = ferry_posix_ports_list(entries, 64);
    const struct ferry_posix_ports_entry *entry = ferry_posix_ports_choose(entries, count < 64 ? count : 64, &error);
    if (!entry)
        return from_port_error(&self->fault, &error);
    snprintf(self->port_name, sizeof self->port_name, "%s", entry->name);
    cli_display_line(&self->display, "Found %s %s", entry->name, entry->description);
    return FERRY_OK;
}

static int open_trace(struct cli_session *self)
{
    int status = cli_trace_open(&self->trace, self->options->trace, &self->fault);
    return status == FERRY_OK ? find_port(self) : status;
}

int cli_session_open_wire(struct cli_session *self)
{
    int status = open_trace(self);
    self->wire.name = self->port_name;
    self->wire.port = &self->port;
    self->wire.posix_clock = &self->posix_clock;
    self->wire.clock = self->clock;
    return status < 0 ? status : link_wire_open(&self->wire, &self->fault);
}

int cli_session_open(struct cli_session *self)
{
    int status = open_trace(self);
    if (status < 0)
        return status;
    struct ferry_posix_error error;
    status = ferry_posix_port_open(&self->port, self->port_name, 0, &self->posix_clock, &error);
    if (status < 0)
        return from_port_error(&self->fault, &error);
    return FERRY_OK;
}

void cli_session_close(struct cli_session *self)
{
    cli_display_wipe(&self->display);
    link_wire_close(&self->wire);
    ferry_posix_port_close(&self->port);
    ferry_posix_deflate_close(&self->posix_deflate);
    ferry_posix_digest_close(&self->posix_digest);
    if (cli_trace_close(&self->trace) < 0)
        cli_display_warning(&self->display, "the trace is not whole: it cannot be written (is the disk full?)");
}

void cli_session_flasher_cfg(struct cli_session *self, struct ferry_flasher_cfg *out)
{
    const struct cli_options *o = self->options;
    *out = (struct ferry_flasher_cfg){
        .block = self->block,
        .block_size = sizeof self->block,
        .before = o->before,
        .chip = o->force ? FERRY_CHIP_ANY : o->chip,
        .has_lines = self->port.has_lines && o->before == FERRY_BEFORE_DEFAULT_RESET,
        .connect_baud = 115200,
        // A plain TCP bridge has no rate to change; asked for one all the same, it is said to follow the target.
        .baud = self->port.has_baud || o->baud ? o->baud : 115200,
        .window = o->window,
        .flash_size = o->flash_size_bytes,
        .spi_connection = o->spi_connection,
        .connect_attempts = o->connect_attempts,
    };
}

static void show_events(struct cli_session *self)
{
    struct ferry_event event;
    while (ferry_flasher_ops.event(&self->flasher, &event)) {
        if (event.kind == FERRY_EVENT_WARNING)
            cli_display_warning(&self->display, event.text);
        else if (event.kind == FERRY_EVENT_STEP || event.kind == FERRY_EVENT_NOTE)
            cli_display_note(&self->display, event.text);
    }
}

static int tick(void *ctx)
{
    struct cli_session *self = ctx;
    show_events(self);
    if (self->region_name) {
        struct ferry_progress progress;
        ferry_flasher_ops.progress(&self->flasher, &progress);
        cli_display_progress(&self->display, &progress, self->region_name, self->clock.now_ms(self->clock.ctx));
    }
    return cli_interrupted();
}

static void fill_fault(struct cli_session *self, int status)
{
    struct ferry_error error;
    ferry_pump_error(&self->pump, &error);
    if (error.status)
        ferry_fault_engine(&self->fault, &error);
    else
        ferry_fault_set(&self->fault, status, 0, "%s", ferry_status_text(status));
    if (!self->port.has_lines)
        ferry_fault_by_hand(&self->fault);
    if (!self->fault.where[0])
        snprintf(self->fault.where, sizeof self->fault.where, "%.199s", self->port_name);
}

int cli_session_run(struct cli_session *self, const struct ferry_rom_job *job, const char *name,
                    const struct ferry_source *sources)
{
    self->region_name = name;
    self->basic = (struct ferry_supply_basic){.sources = sources,
                                              .source_count = sources ? job->region_count : 0,
                                              .digest = &self->digest,
                                              .deflate = &self->deflate,
                                              .scratch = self->scratch,
                                              .scratch_size = sizeof self->scratch};
    int status = ferry_flasher_start(&self->flasher, job, self->clock.now_ms(self->clock.ctx));
    if (status < 0)
        return ferry_fault_set(&self->fault, status, self->port_name, "%s", ferry_status_text(status));
    status = ferry_pump_run(&self->pump, &self->clock, tick, self);
    show_events(self);
    cli_display_wipe(&self->display);
    if (status < 0)
        fill_fault(self, status);
    return status;
}

int cli_session_connect(struct cli_session *self, bool no_flash)
{
    struct ferry_flasher_cfg cfg;
    cli_session_flasher_cfg(self, &cfg);
    cfg.no_flash = no_flash;
    int status = ferry_flasher_init(&self->flasher, &cfg);
    if (status < 0)
        return ferry_fault_set(&self->fault, status, 0, "%s", ferry_status_text(status));
    self->supply = ferry_supply_from(&self->basic);
    self->pump.engine = &self->flasher;
    self->pump.ops = &ferry_flasher_ops;
    self->pump.stream = &self->port.stream;
    self->pump.lines = ferry_posix_port_lines(&self->port);
    self->pump.supply = &self->supply;
    self->pump.trace = cli_trace_get(&self->trace);
    cli_display_status(&self->display, "Connecting to %s ...", self->port_name);
    status = cli_session_run(self, &(struct ferry_rom_job){.op = FERRY_ROM_CONNECT}, 0, 0);
    const struct ferry_target *target = ferry_flasher_target(&self->flasher);
    if (target->chip && (target->mac_known || status == FERRY_OK))
        cli_display_target(&self->display, target, self->port_name);
    return status;
}

const char *cli_session_by_hand(const struct cli_session *self)
{
    if (self->options->after == FERRY_AFTER_HARD_RESET && !self->port.has_lines)
        return "This port has no reset line: the target stays in its loader until you reset it.";
    return "";
}

int cli_session_leave(struct cli_session *self)
{
    if (*cli_session_by_hand(self)) {
        cli_display_line(&self->display, "%s", cli_session_by_hand(self));
        return FERRY_OK;
    }
    return cli_session_run(self, &(struct ferry_rom_job){.op = FERRY_ROM_LEAVE, .after = self->options->after}, 0, 0);
}

void cli_session_release(struct cli_session *self)
{
    const struct ferry_lines *lines = ferry_posix_port_lines(&self->port);
    bool wanted = self->options->after == FERRY_AFTER_HARD_RESET && self->options->before == FERRY_BEFORE_DEFAULT_RESET;
    if (!lines || !wanted)
        return;
    lines->set(lines->ctx, true, false);
    uint32_t start = self->clock.now_ms(self->clock.ctx);
    while (self->clock.now_ms(self->clock.ctx) - start < 100)
        self->clock.wait(self->clock.ctx, 10);
    lines->set(lines->ctx, false, false);
}

int cli_session_fail(struct cli_session *self)
{
    int code = cli_display_fault(&self->display, &self->fault);
    cli_session_release(self);
    cli_session_close(self);
    return code;
}

int cli_session_end(struct cli_session *self, int status)
{
    if (status >= 0)
        status = cli_session_leave(self);
    if (status < 0)
        return cli_session_fail(self);
    cli_session_close(self);
    return 0;
}

int cli_session_do(struct cli_session *self, const struct cli_options *options, bool no_flash,
                   int (*work)(struct cli_session *self, void *ctx), void *ctx)
{
    cli_session_init(self, options);
    int status = cli_session_open(self);
    if (status == FERRY_OK)
        status = cli_session_connect(self, no_flash);
    if (status == FERRY_OK && work)
        status = work(self, ctx);
    return cli_session_end(self, status);
}
