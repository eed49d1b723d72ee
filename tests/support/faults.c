#include "tests/support/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"

#define FLASH_SIZE (256u << 10)
#define SECTOR 4096u

static const struct faults_setup setups[] = {
    {"c3-deflate-w1", "esp32c3", false, 1, false},     {"c3-deflate-w2", "esp32c3", false, 2, false},
    {"c3-plain-w1", "esp32c3", true, 1, false},        {"c3-plain-w2", "esp32c3", true, 2, false},
    {"c3-deflate-w1-hand", "esp32c3", false, 1, true}, {"c3-deflate-w2-hand", "esp32c3", false, 2, true},
    {"c3-plain-w1-hand", "esp32c3", true, 1, true},    {"c3-plain-w2-hand", "esp32c3", true, 2, true},
    {"32-deflate-w1", "esp32", false, 1, false},       {"32-deflate-w2", "esp32", false, 2, false},
    {"32-plain-w1", "esp32", true, 1, false},          {"32-plain-w2", "esp32", true, 2, false},
    {"32-deflate-w1-hand", "esp32", false, 1, true},   {"32-deflate-w2-hand", "esp32", false, 2, true},
    {"32-plain-w1-hand", "esp32", true, 1, true},      {"32-plain-w2-hand", "esp32", true, 2, true},
};

static const char *const kinds[] = {"none", "drop", "flip", "double", "stall"};

size_t faults_setup_count(void)
{
    return sizeof setups / sizeof setups[0];
}

const struct faults_setup *faults_setup(size_t i)
{
    return &setups[i];
}

// --- the world -------------------------------------------------------------------------------------------------------

static uint8_t image[6000], before[FLASH_SIZE];
static const struct world_part parts[] = {{0x8000, image + 64, 700}, {0x10000, image, 5300}};

const struct world_part *faults_parts(size_t *count)
{
    if (image[0] == 0 && image[1] == 0) {
        world_firmware(image, sizeof image, 8);
        image[0] = 0xe9;
        world_random(before, sizeof before, 0x01d);
    }
    *count = sizeof parts / sizeof parts[0];
    return parts;
}

struct world_cfg faults_world(const struct faults_setup *setup)
{
    return (struct world_cfg){
        .chip = setup->chip,
        .flash = {.size = FLASH_SIZE},
        .used_flash = true,
        .no_lines = setup->no_lines,
        .no_deflate = setup->plain,
        .sim = {.boot_download = setup->no_lines},
        .flasher = {.window = setup->window, .max_block = setup->plain && setup->window == 1 ? 1024 : 0},
        .limit_ms = FAULTS_LIMIT_MS,
    };
}

// --- judging ---------------------------------------------------------------------------------------------------------

static bool in_sector_of_a_part(uint32_t address)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint32_t from = parts[i].address / SECTOR * SECTOR;
        uint32_t to = (parts[i].address + parts[i].len + SECTOR - 1) / SECTOR * SECTOR;
        if (address >= from && address < to)
            return true;
    }
    return false;
}

static bool outside_changed(struct world *w)
{
    const uint8_t *flash = sim_flash_bytes(world_flash_chip(w));
    for (uint32_t at = 0; at < FLASH_SIZE; at += SECTOR)
        if (!in_sector_of_a_part(at) && memcmp(flash + at, before + at, SECTOR) != 0)
            return true;
    return false;
}

// Fault of a line or of a target: never to be blamed on the caller, the image or the card.
static const char *fault_of_error(const struct world_result *r)
{
    const struct ferry_error *e = &r->error;
    enum ferry_status_class class = ferry_status_class_of(r->status);
    if (e->status != r->status)
        return "the error's status is another than the operation's";
    if (class != FERRY_CLASS_WIRE && class != FERRY_CLASS_TARGET)
        return "an error that blames neither the wire nor the target";
    if (e->step == NULL || e->step[0] == '\0' || e->detail == NULL || e->hint == NULL)
        return "an error without step, detail or hint";
    return ferry_status_hint(r->status)[0] == '\0' ? "an error without a hint" : "";
}

struct faults_outcome faults_judge(struct world *w, const struct world_result *r)
{
    struct faults_outcome out = {.result = *r};
    const char *bad = "";
    bool holds = world_holds(w, parts, sizeof parts / sizeof parts[0]);
    out.verified = r->status == 0 && !r->hung && holds;
    out.outside = outside_changed(w);
    if (r->hung)
        bad = "hangs";
    else if (r->status == 0 && !holds)
        bad = "claims success, but the flash holds something else";
    else if (r->status != 0)
        bad = fault_of_error(r);
    snprintf(out.bad, sizeof out.bad, "%s", bad);
    return out;
}

// --- cases -----------------------------------------------------------------------------------------------------------

static struct world_result session(struct world_cfg *cfg, struct faults_outcome *out)
{
    size_t count;
    const struct world_part *all = faults_parts(&count);
    cfg->used_flash = false; // copied: quicker than made anew
    struct world *w = world_new(cfg);
    memcpy(sim_flash_bytes(world_flash_chip(w)), before, sizeof before);
    struct world_result r = world_flash(w, all, count);
    if (out != NULL)
        *out = faults_judge(w, &r);
    world_free(w);
    return r;
}

void faults_lengths(size_t setup, uint64_t *to_chip, uint64_t *to_host)
{
    struct world_cfg cfg = faults_world(&setups[setup]);
    struct faults_outcome out;
    struct world_result r = session(&cfg, &out);
    if (!out.verified || out.outside) {
        fprintf(stderr, "%s fails without a fault: %s\n", setups[setup].name, ferry_status_name(r.status));
        abort();
    }
    *to_chip = r.sent_bytes;
    *to_host = r.received_bytes;
}

struct faults_outcome faults_run(const struct faults_case *c)
{
    struct sim_fault fault = {.kind = c->kind, .to_host = c->to_host, .at_byte = c->at, .stall_us = FAULTS_STALL_US};
    struct world_cfg cfg = faults_world(&setups[c->setup]);
    cfg.sim.line.faults = &fault;
    cfg.sim.line.fault_count = 1;
    struct faults_outcome out;
    session(&cfg, &out);
    return out;
}

void faults_id(const struct faults_case *c, char id[FAULTS_ID_SIZE])
{
    snprintf(id, FAULTS_ID_SIZE, "%s:%s:%s:%llu", setups[c->setup].name, kinds[c->kind], c->to_host ? "host" : "chip",
             (unsigned long long)c->at);
}

bool faults_parse(const char *id, struct faults_case *out)
{
    char setup[FAULTS_ID_SIZE], kind[8], direction[8];
    unsigned long long at;
    if (sscanf(id, "%63[^:]:%7[^:]:%7[^:]:%llu", setup, kind, direction, &at) != 4)
        return false;
    size_t s = 0, k = SIM_FAULT_DROP;
    while (s < faults_setup_count() && strcmp(setups[s].name, setup) != 0)
        s++;
    while (k <= SIM_FAULT_STALL && strcmp(kinds[k], kind) != 0)
        k++;
    bool to_host = strcmp(direction, "host") == 0;
    *out = (struct faults_case){.setup = s, .kind = (enum sim_fault_kind)k, .to_host = to_host, .at = at};
    return s < faults_setup_count() && k <= SIM_FAULT_STALL && (to_host || strcmp(direction, "chip") == 0);
}
