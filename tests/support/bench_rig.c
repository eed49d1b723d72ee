#include "tests/support/bench_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"

static void *need(void *p)
{
    if (!p) {
        fprintf(stderr, "bench_rig: out of memory or unknown chip\n");
        abort();
    }
    return p;
}

// ---- a socket as a port ----

static int socket_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct bench_rig_socket *s = ctx;
    if (!s->chip)
        return s->vanishes ? FERRY_ERR_WIRE_CLOSED : 0;
    return (int)sim_chip_host_read(s->chip, buf, cap);
}

static int socket_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct bench_rig_socket *s = ctx;
    if (!s->chip)
        return s->vanishes ? FERRY_ERR_WIRE_CLOSED : (int)len;
    return (int)sim_chip_host_write(s->chip, bytes, len);
}

static int socket_baud(void *ctx, uint32_t baud)
{
    struct bench_rig_socket *s = ctx;
    if (s->chip)
        sim_chip_host_baud(s->chip, baud);
    return FERRY_OK;
}

static int socket_pending(void *ctx)
{
    struct bench_rig_socket *s = ctx;
    return s->chip ? (int)sim_chip_host_pending(s->chip) : 0;
}

static int socket_lines(void *ctx, bool reset_asserted, bool boot_asserted)
{
    struct bench_rig_socket *s = ctx;
    if (s->chip)
        sim_chip_lines(s->chip, reset_asserted, boot_asserted);
    return FERRY_OK;
}

static int open_port(void *ctx, unsigned port, struct ferry_job_cfg *job, struct ferry_fault *fault)
{
    struct bench_rig *self = ctx;
    struct bench_rig_socket *s = &self->sockets[port];
    if (!s->chip && s->vanishes)
        return ferry_fault_set(fault, FERRY_ERR_WIRE_OPEN, self->names[port], "there is no such port");
    s->open = true;
    if (s->chip)
        sim_chip_host_baud(s->chip, 115200);
    job->stream = &s->stream;
    job->lines = &s->lines;
    job->flasher.block = s->block;
    job->flasher.block_size = sizeof s->block;
    job->flasher.has_lines = true;
    return FERRY_OK;
}

static void close_port(void *ctx, unsigned port)
{
    ((struct bench_rig *)ctx)->sockets[port].open = false;
}

static void ended(void *ctx, unsigned port, struct ferry_job *job, const struct ferry_updater_outcome *outcome)
{
    struct bench_rig_socket *s = &((struct bench_rig *)ctx)->sockets[port];
    struct ferry_job_event event;
    s->ended++;
    s->outcome = *outcome;
    s->held = s->chip && bench_rig_holds(ctx, port);
    s->warnings[0] = 0;
    while (job && ferry_job_event(job, &event))
        if (event.kind == FERRY_EVENT_WARNING && strlen(s->warnings) + strlen(event.text) + 2 < sizeof s->warnings)
            strcat(strcat(s->warnings, event.text), "\n");
}

// ---- making ----

static void make_names(struct bench_rig *self)
{
    for (unsigned i = 0; i < self->ports; i++) {
        struct bench_rig_socket *s = &self->sockets[i];
        snprintf(self->name_text[i], sizeof self->name_text[i], "socket%u", i);
        self->names[i] = self->name_text[i];
        s->rig = self;
        s->stream = (struct ferry_stream){s, socket_read, socket_write, socket_baud, socket_pending};
        s->lines = (struct ferry_lines){s, socket_lines};
    }
}

struct bench_rig *bench_rig_new(const char *card_dir, unsigned ports)
{
    struct bench_rig *self = need(calloc(1, sizeof *self));
    struct ferry_fault fault = {0};
    self->ports = ports;
    self->digest = ferry_posix_digest_init(&self->digest_state);
    self->deflate = ferry_posix_deflate_init(&self->deflate_state, NULL);
    make_names(self);
    if (ferry_card_open(&self->card, card_dir, NULL, &fault) < 0) {
        fprintf(stderr, "bench_rig: %s: %s\n", fault.what, fault.where);
        abort();
    }
    ferry_log_init(&self->log, card_dir);
    snprintf(self->journal_dir, sizeof self->journal_dir, "%.500s/.ferry", card_dir);
    self->store_cfg = (struct ferry_store_cfg){.digest = &self->digest, .deflate = &self->deflate};
    self->cfg = (struct ferry_updater_cfg){.port_count = ports,
                                           .port_names = self->names,
                                           .open = open_port,
                                           .close = close_port,
                                           .ended = ended,
                                           .ctx = self,
                                           .job = {.flasher = {.chip = FERRY_CHIP_ANY},
                                                   .choose = ferry_card_choose,
                                                   .choose_ctx = &self->card,
                                                   .cargo = {.digest = &self->digest},
                                                   .deflate = &self->deflate,
                                                   .journal_dir = self->journal_dir,
                                                   .log = &self->log}};
    return self;
}

static void stop(struct bench_rig *self)
{
    if (!self->started)
        return;
    ferry_updater_close(&self->updater);
    ferry_store_pool_free(self->stores);
    self->started = false;
}

void bench_rig_free(struct bench_rig *self)
{
    stop(self);
    for (unsigned i = 0; i < self->ports; i++)
        if (self->sockets[i].chip)
            sim_flash_free(bench_rig_unplug(self, i));
    ferry_posix_digest_close(&self->digest_state);
    ferry_posix_deflate_close(&self->deflate_state);
    free(self);
}

static void make_used(struct sim_flash *flash)
{
    uint32_t x = 0x2545f491;
    uint8_t *bytes = sim_flash_bytes(flash);
    for (uint32_t i = 0; i < sim_flash_size(flash); i++)
        bytes[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}

void bench_rig_plug(struct bench_rig *self, unsigned port, const char *chip, uint8_t id,
                    const struct sim_chip_cfg *base, struct sim_flash *flash, bool used_flash)
{
    struct bench_rig_socket *s = &self->sockets[port];
    struct sim_chip_cfg cfg = base ? *base : (struct sim_chip_cfg){0};
    const uint8_t mac[6] = {0x02, 0xfe, 0x44, 0x55, 0x66, id};
    s->flash = flash ? flash : need(sim_flash_new(&(struct sim_flash_cfg){0}));
    if (used_flash)
        make_used(s->flash);
    cfg.chip = chip;
    cfg.flash = s->flash;
    memcpy(cfg.mac, mac, sizeof mac);
    s->chip = need(sim_chip_new(&cfg));
    s->born_us = self->us;
    sim_chip_host_baud(s->chip, 115200);
}

struct sim_flash *bench_rig_unplug(struct bench_rig *self, unsigned port)
{
    struct bench_rig_socket *s = &self->sockets[port];
    struct sim_flash *flash = s->flash;
    sim_chip_free(s->chip);
    s->chip = NULL;
    s->flash = NULL;
    return flash;
}

// ---- time ----

static void start(struct bench_rig *self)
{
    self->stores = need(ferry_store_pool_new(&self->store_cfg));
    self->cfg.job.stores = self->stores;
    if (ferry_updater_init(&self->updater, &self->cfg) < 0)
        abort();
    self->started = true;
}

static void run_chips(struct bench_rig *self, uint64_t to_us)
{
    self->us = to_us;
    for (unsigned i = 0; i < self->ports; i++)
        if (self->sockets[i].chip)
            sim_chip_run(self->sockets[i].chip, to_us - self->sockets[i].born_us);
}

// What was read in this step takes its time; a plan has read the whole cargo for itself.
static void card_takes_time(struct bench_rig *self, const struct ferry_store_stats *before)
{
    struct ferry_store_stats after;
    if (!self->card_rate)
        return;
    ferry_store_pool_stats(self->stores, &after);
    uint64_t bytes = after.bytes_read - before->bytes_read;
    bytes += (uint64_t)(after.plans - before->plans) * self->card.list.items[0].total_size;
    uint64_t us = bytes * 1000000 / self->card_rate;
    self->card_us += us;
    run_chips(self, self->us + us);
}

static uint64_t next_event(const struct bench_rig *self, uint32_t wait_ms)
{
    uint64_t next = (self->us / 1000 + wait_ms) * 1000;
    for (unsigned i = 0; i < self->ports; i++) {
        const struct bench_rig_socket *s = &self->sockets[i];
        uint64_t own = s->chip ? sim_chip_next(s->chip) : UINT64_MAX;
        if (own != UINT64_MAX && own + s->born_us < next)
            next = own + s->born_us;
    }
    uint64_t least = self->us + (self->quantum_us ? self->quantum_us : 20);
    return next > least ? next : least;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool bench_rig_step(struct bench_rig *self)
{
    struct ferry_store_stats before;
    uint32_t wait_ms = 0;
    if (!self->started)
        start(self);
    ferry_store_pool_stats(self->stores, &before);
    double cpu = self->measure_cpu ? cpu_s() : 0;
    bool going = ferry_updater_step(&self->updater, (uint32_t)(self->us / 1000), &wait_ms);
    if (self->measure_cpu)
        self->step_cpu_s += cpu_s() - cpu;
    card_takes_time(self, &before);
    if (going)
        run_chips(self, next_event(self, wait_ms));
    return going;
}

bool bench_rig_run(struct bench_rig *self, uint64_t limit_ms)
{
    uint64_t limit = self->us + limit_ms * 1000;
    while (self->us < limit)
        if (!bench_rig_step(self))
            return true;
    return false;
}

void bench_rig_kill(struct bench_rig *self)
{
    for (unsigned i = 0; self->started && i < self->ports; i++) {
        struct ferry_updater_port *port = &self->updater.ports[i];
        if (!port->job_open)
            continue;
        if (port->job.journal.file)
            fclose(port->job.journal.file); // as the system does; nothing is left in buffers
        port->job.journal.file = NULL;
        port->job.journal.path[0] = 0;
        port->job.cfg.lines = NULL; // nobody touches the lines any more
        port->job.started = false;  // and nobody ends the job
    }
    stop(self);
}

// ---- looking ----

static bool region_held(const struct bench_rig_socket *s, const struct ferry_plan *plan, uint8_t i)
{
    uint32_t size = plan->regions[i].size;
    uint8_t *bytes = need(malloc(size));
    bool held = plan->sources[i].read(plan->sources[i].ctx, 0, bytes, size) == FERRY_OK &&
                memcmp(bytes, sim_flash_bytes(s->flash) + plan->regions[i].address, size) == 0;
    free(bytes);
    return held;
}

static int read_flash(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    struct bench_rig_socket *s = ctx;
    memcpy(buf, sim_flash_bytes(s->flash) + address, len);
    return FERRY_OK;
}

bool bench_rig_holds(struct bench_rig *self, unsigned port)
{
    struct bench_rig_socket *s = &self->sockets[port];
    struct ferry_target target = {.chip = ferry_chip_by_name(s->outcome.chip), .flash_size = sim_flash_size(s->flash)};
    struct ferry_cargo_options options = {.digest = &self->digest, .read_target = read_flash, .read_ctx = s};
    struct ferry_plan *plan = need(calloc(1, sizeof *plan));
    struct ferry_cargo cargo;
    struct ferry_fault fault;
    bool held = target.chip && ferry_card_choose(&self->card, &target, &cargo, &fault) == FERRY_OK &&
                ferry_cargo_plan(&cargo, &target, &options, plan, &fault) == FERRY_OK;
    if (held) {
        for (uint8_t i = 0; i < plan->count; i++)
            held = held && region_held(s, plan, i);
        ferry_plan_close(plan);
    }
    free(plan);
    return held;
}
