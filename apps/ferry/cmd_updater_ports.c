// The updater's ports: opened for each job, and what a job is told about them.
#include <stdio.h>
#include <stdlib.h>

#include "apps/ferry/cmd_updater_bench.h"
#include "ferry/base/status.h"
#include "ports/posix/ports.h"

#define SEEK_MS 1200 // --wait: how long a trial looks for a receiver; there is another one after it

int bench_find_port(struct bench *b, struct ferry_fault *fault)
{
    struct ferry_posix_ports_entry entries[64];
    struct ferry_posix_error error;
    if (b->count)
        return FERRY_OK;
    size_t count = ferry_posix_ports_list(entries, 64);
    const struct ferry_posix_ports_entry *entry = ferry_posix_ports_choose(entries, count < 64 ? count : 64, &error);
    if (!entry) {
        ferry_fault_set(fault, error.status, error.where, "%s", error.what);
        ferry_fault_hint(fault, "%s", error.hint);
        return error.status;
    }
    snprintf(b->found_port, sizeof b->found_port, "%s", entry->name);
    b->names[b->count++] = b->found_port;
    cli_display_line(&b->screen.display, "Found %s %s", entry->name, entry->description);
    return FERRY_OK;
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

enum ferry_job_route bench_route(const struct bench *b)
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
    bool loader = job->route == FERRY_JOB_ROUTE_ROM || b->options.before != FERRY_BEFORE_DEFAULT_RESET;
    if (loader && !p->told_no_lines)
        cmd_updater_screen_warning(&b->screen, index,
                                   "this port has no reset line: the target stays in its loader until you reset it");
    p->told_no_lines = p->told_no_lines || loader;
}

int bench_open_port(void *ctx, unsigned index, struct ferry_job_cfg *job, struct ferry_fault *fault)
{
    struct bench *b = ctx;
    struct bench_port *p = &b->ports[index];
    uint32_t start = bench_now(b);
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
    uint32_t took = bench_now(b) - start;
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

void bench_close_port(void *ctx, unsigned index)
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

void bench_release(struct bench *b, unsigned first, unsigned count)
{
    for (int assert_reset = 1; assert_reset >= 0; assert_reset--) {
        for (unsigned i = first; i < first + count; i++)
            if (is_held_in_loader(b, i))
                b->ports[i].port.lines.set(b->ports[i].port.lines.ctx, assert_reset, false);
        uint32_t start = bench_now(b);
        while (assert_reset && bench_now(b) - start < 100)
            b->clock.wait(b->clock.ctx, 20);
    }
}
