#include "tests/support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"

#define EVENTS 256
#define MAX_PARTS FERRY_FLASHER_MAX_REGIONS

struct world {
    struct world_cfg cfg;
    struct sim_chip_cfg sim_cfg;
    struct sim_flash *flash;
    struct sim_chip *chip;
    uint8_t *block;
    struct ferry_flasher flasher;
    struct ferry_pump pump;
    struct ferry_stream stream;
    struct ferry_lines lines;
    // Source.
    const struct world_part *parts;
    struct ferry_source sources[MAX_PARTS];
    struct ferry_region regions[MAX_PARTS];
    struct ferry_posix_digest digest_port;
    struct ferry_posix_deflate deflate_port;
    struct ferry_digest digest;
    struct ferry_deflate deflate;
    uint8_t scratch[8192];
    struct ferry_supply_basic basic;
    struct ferry_supply supply;
    // Session.
    uint64_t began_us;
    uint32_t idle_steps;
    struct world_result result;
    const char *events[EVENTS];
    size_t event_count;
    uint8_t *output;
    size_t output_len;
    bool keep;
    uint8_t *sent;
    size_t sent_len, sent_cap;
};

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "world: out of memory or unknown chip\n");
        abort();
    }
    return p;
}

// --- the port --------------------------------------------------------------------------------------------------------

static int port_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct world *self = ctx;
    return (int)sim_chip_host_read(self->chip, buf, cap);
}

static void keep_sent(struct world *self, const uint8_t *bytes, size_t len)
{
    if (self->sent_len + len > self->sent_cap) {
        self->sent_cap = (self->sent_len + len) * 2;
        self->sent = need(realloc(self->sent, self->sent_cap));
    }
    memcpy(self->sent + self->sent_len, bytes, len);
    self->sent_len += len;
}

static int port_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct world *self = ctx;
    size_t taken = sim_chip_host_write(self->chip, bytes, len);
    if (self->keep)
        keep_sent(self, bytes, taken);
    return (int)taken;
}

static int port_baud(void *ctx, uint32_t baud)
{
    struct world *self = ctx;
    sim_chip_host_baud(self->chip, baud);
    return 0;
}

static int port_pending(void *ctx)
{
    struct world *self = ctx;
    return (int)sim_chip_host_pending(self->chip);
}

static int port_lines(void *ctx, bool reset_asserted, bool boot_asserted)
{
    struct world *self = ctx;
    sim_chip_lines(self->chip, reset_asserted, boot_asserted);
    return 0;
}

static int source_read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct world_part *part = ctx;
    memcpy(buf, part->bytes + offset, len);
    return 0;
}

static int take_output(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct world *self = ctx;
    if (offset != self->output_len)
        return FERRY_ERR_STATE;
    self->output = need(realloc(self->output, self->output_len + len));
    memcpy(self->output + self->output_len, bytes, len);
    self->output_len += len;
    return 0;
}

// --- making ----------------------------------------------------------------------------------------------------------

static void make_chip(struct world *self)
{
    self->flash = need(sim_flash_new(&self->cfg.flash));
    if (self->cfg.used_flash)
        world_random(sim_flash_bytes(self->flash), sim_flash_size(self->flash), 0x01d);
    self->sim_cfg = self->cfg.sim;
    self->sim_cfg.chip = self->cfg.chip;
    self->sim_cfg.flash = self->flash;
    self->chip = need(sim_chip_new(&self->sim_cfg));
    sim_chip_host_baud(self->chip, 115200);
}

static void make_flasher(struct world *self)
{
    struct ferry_flasher_cfg cfg = self->cfg.flasher;
    cfg.block_size = self->cfg.block_size != 0 ? self->cfg.block_size : 2 * 6144 + 64;
    cfg.block = self->block = need(malloc(cfg.block_size));
    cfg.has_lines = !self->cfg.no_lines;
    if (cfg.chip == 0)
        cfg.chip = FERRY_CHIP_ANY;
    if (ferry_flasher_init(&self->flasher, &cfg) != 0)
        abort();
    self->stream = (struct ferry_stream){self, port_read, port_write, port_baud, port_pending};
    self->lines = (struct ferry_lines){self, port_lines};
    self->pump = (struct ferry_pump){.engine = &self->flasher,
                                     .ops = &ferry_flasher_ops,
                                     .stream = &self->stream,
                                     .lines = cfg.has_lines ? &self->lines : NULL,
                                     .supply = self->cfg.supply != NULL ? self->cfg.supply : &self->supply,
                                     .output = take_output,
                                     .output_ctx = self};
}

struct world *world_new(const struct world_cfg *cfg)
{
    struct world *self = need(calloc(1, sizeof *self));
    self->cfg = *cfg;
    if (self->cfg.limit_ms == 0)
        self->cfg.limit_ms = 20u * 60u * 1000u;
    self->digest = ferry_posix_digest_init(&self->digest_port);
    self->deflate = ferry_posix_deflate_init(&self->deflate_port, NULL);
    self->basic = (struct ferry_supply_basic){.sources = self->sources,
                                              .digest = &self->digest,
                                              .deflate = &self->deflate,
                                              .scratch = self->scratch,
                                              .scratch_size = sizeof self->scratch};
    self->supply = ferry_supply_from(&self->basic);
    make_chip(self);
    make_flasher(self);
    return self;
}

void world_free(struct world *self)
{
    ferry_posix_digest_close(&self->digest_port);
    ferry_posix_deflate_close(&self->deflate_port);
    sim_chip_free(self->chip);
    sim_flash_free(self->flash);
    free(self->block);
    free(self->output);
    free(self->sent);
    free(self);
}

// --- running ---------------------------------------------------------------------------------------------------------

static uint32_t now_ms(const struct world *self)
{
    return (uint32_t)(sim_chip_now(self->chip) / 1000);
}

static void take_events(struct world *self)
{
    struct ferry_event event;
    while (ferry_flasher_ops.event(&self->flasher, &event)) {
        if (event.kind == FERRY_EVENT_SEGMENT)
            self->result.proved += event.a[2];
        else if (self->event_count < EVENTS)
            self->events[self->event_count++] = event.text;
    }
}

void world_begin(struct world *self, const struct ferry_rom_job *job, const struct world_part *parts, size_t count)
{
    struct ferry_rom_job mine = *job;
    self->parts = parts;
    for (size_t i = 0; i < count; i++) {
        self->sources[i] = (struct ferry_source){(void *)(uintptr_t)&parts[i], parts[i].len, source_read};
        self->regions[i] = (struct ferry_region){.address = parts[i].address, .size = parts[i].len};
    }
    self->basic.source_count = (uint8_t)count;
    self->basic.packing_open = false;
    if (mine.regions == NULL && count > 0) {
        mine.regions = self->regions;
        mine.region_count = (uint8_t)count;
    }
    self->result = (struct world_result){0};
    self->began_us = sim_chip_now(self->chip);
    self->output_len = 0;
    self->idle_steps = 0;
    self->result.status = ferry_flasher_start(&self->flasher, &mine, now_ms(self));
}

bool world_step(struct world *self, uint64_t *next_us)
{
    if (self->result.status < 0)
        return false;
    uint32_t wait_ms;
    uint32_t wants = ferry_pump_step(&self->pump, now_ms(self), &wait_ms);
    take_events(self);
    uint64_t now = sim_chip_now(self->chip);
    uint64_t next = (now / 1000 + wait_ms) * 1000, chip = sim_chip_next(self->chip);
    *next_us = next < chip ? next : chip;
    if (*next_us <= now) // never stand still
        *next_us = ++self->idle_steps < 1000 ? now : now + 1000;
    if (*next_us > now)
        self->idle_steps = 0;
    if (self->cfg.each_step != NULL)
        self->cfg.each_step(self->cfg.ctx, self);
    self->result.hung = now - self->began_us > self->cfg.limit_ms * 1000;
    return !self->result.hung && (wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED)) == 0;
}

void world_advance(struct world *self, uint64_t to_us)
{
    sim_chip_run(self->chip, to_us);
}

struct world_result world_finish(struct world *self)
{
    struct ferry_progress progress;
    ferry_flasher_ops.progress(&self->flasher, &progress);
    take_events(self);
    struct world_result *r = &self->result;
    if (r->status == 0) {
        ferry_pump_error(&self->pump, &r->error);
        r->status = r->error.status;
    }
    r->us = sim_chip_now(self->chip) - self->began_us;
    r->retries = progress.retries;
    r->wire_bytes = progress.wire_bytes;
    r->skipped = progress.skipped;
    r->sent_bytes = sim_chip_bytes(self->chip, false);
    r->received_bytes = sim_chip_bytes(self->chip, true);
    return *r;
}

struct world_result world_job(struct world *self, const struct ferry_rom_job *job, const struct world_part *parts,
                              size_t count)
{
    uint64_t next;
    world_begin(self, job, parts, count);
    while (world_step(self, &next))
        world_advance(self, next);
    return world_finish(self);
}

struct world_result world_connect(struct world *self)
{
    return world_job(self, &(struct ferry_rom_job){.op = FERRY_ROM_CONNECT}, NULL, 0);
}

struct world_result world_flash(struct world *self, const struct world_part *parts, size_t count)
{
    uint64_t began = sim_chip_now(self->chip);
    struct world_result r = world_connect(self);
    if (r.status == 0 && !r.hung) {
        struct ferry_rom_job job = {.op = FERRY_ROM_WRITE,
                                    .no_deflate = self->cfg.no_deflate,
                                    .no_skip = self->cfg.no_skip,
                                    .proved = self->cfg.proved};
        r = world_job(self, &job, parts, count);
    }
    uint64_t us = sim_chip_now(self->chip) - began;
    if (r.status == 0 && !r.hung) {
        struct world_result left = world_job(self, &(struct ferry_rom_job){.op = FERRY_ROM_LEAVE}, NULL, 0);
        if (left.status < 0 || left.hung)
            r = left;
    }
    r.us = us; // from reset to verified
    return r;
}

// --- looking ---------------------------------------------------------------------------------------------------------

uint64_t world_now_us(const struct world *self)
{
    return sim_chip_now(self->chip);
}

struct ferry_flasher *world_flasher(struct world *self)
{
    return &self->flasher;
}

struct ferry_pump *world_pump(struct world *self)
{
    return &self->pump;
}

struct sim_chip *world_chip(struct world *self)
{
    return self->chip;
}

struct sim_flash *world_flash_chip(struct world *self)
{
    return self->flash;
}

const uint8_t *world_output(const struct world *self, size_t *len)
{
    *len = self->output_len;
    return self->output;
}

bool world_saw(const struct world *self, const char *text)
{
    for (size_t i = 0; i < self->event_count; i++)
        if (strcmp(self->events[i], text) == 0)
            return true;
    return false;
}

bool world_holds(struct world *self, const struct world_part *parts, size_t count)
{
    const uint8_t *flash = sim_flash_bytes(self->flash);
    for (size_t i = 0; i < count; i++)
        if (memcmp(flash + parts[i].address, parts[i].bytes, parts[i].len) != 0)
            return false;
    return true;
}

void world_keep_sent(struct world *self, bool keep)
{
    self->keep = keep;
}

const uint8_t *world_sent(const struct world *self, size_t *len)
{
    *len = self->sent_len;
    return self->sent;
}

// --- bytes -----------------------------------------------------------------------------------------------------------

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

void world_random(uint8_t *bytes, size_t len, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(next_random(&state) >> 11);
}

// Four-byte "instructions": half of them from a small set, the others with random operands.
void world_firmware(uint8_t *bytes, size_t len, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 7, words[64];
    for (size_t i = 0; i < 64; i++)
        words[i] = next_random(&state);
    for (size_t i = 0; i < len; i++) {
        static const unsigned common_of_16 = 11;
        if (i % 4 == 0 && i + 4 <= len && (next_random(&state) >> 8 & 15) < common_of_16) {
            uint32_t word = words[next_random(&state) >> 9 & 63];
            memcpy(bytes + i, &word, 4);
            i += 3;
        } else {
            bytes[i] = (uint8_t)(next_random(&state) >> 11);
        }
    }
}
