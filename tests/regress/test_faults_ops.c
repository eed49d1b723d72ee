// One fault at a byte of the other operations: verify, read, erase, digest, and writing over what is half there. What
// they claim is compared with the flash; with lines they end well, without at least in a named error. The peer is the
// virtual chip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/faults.h"

#define READ_SIZE 4500u
#define ERASE_AT 0x20000u
#define ERASE_SIZE 0x3000u

enum { VERIFY, VERIFY_OTHER, READ, ERASE, DIGEST, UPDATE, OPS };
static const char *const names[OPS] = {"verify", "verify another", "read", "erase", "digest", "update"};

static unsigned long cases, named, wrong;

// The flash holds the image; for UPDATE all of it but one sector.
static struct world *make(const struct faults_setup *setup, const struct sim_fault *fault, int op)
{
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    struct world_cfg cfg = faults_world(setup);
    cfg.sim.line.faults = fault;
    cfg.sim.line.fault_count = fault != NULL;
    struct world *w = world_new(&cfg);
    uint8_t *flash = sim_flash_bytes(world_flash_chip(w));
    for (size_t i = 0; i < count; i++)
        memcpy(flash + parts[i].address, parts[i].bytes, parts[i].len);
    if (op == UPDATE || op == VERIFY_OTHER)
        memset(flash + parts[1].address + 0x1010, 0x5a, 60);
    return w;
}

static struct world_result do_op(struct world *w, int op)
{
    size_t count;
    const struct world_part *parts = faults_parts(&count);
    static const struct ferry_region read = {.address = 0xfff0, .size = READ_SIZE};
    static const struct ferry_region erase = {.address = ERASE_AT, .size = ERASE_SIZE};
    struct ferry_rom_job job = {.op = FERRY_ROM_VERIFY};
    if (op == READ || op == DIGEST) {
        job = (struct ferry_rom_job){.op = op == READ ? FERRY_ROM_READ : FERRY_ROM_MD5, .regions = &read};
    } else if (op == ERASE) {
        job = (struct ferry_rom_job){.op = FERRY_ROM_ERASE_REGION, .regions = &erase};
    } else if (op == UPDATE) {
        job.op = FERRY_ROM_WRITE;
    }
    job.region_count = job.regions != NULL;
    return world_job(w, &job, parts, job.regions != NULL ? 0 : count);
}

static bool erased(struct world *w)
{
    const uint8_t *flash = sim_flash_bytes(world_flash_chip(w)) + ERASE_AT;
    for (uint32_t i = 0; i < ERASE_SIZE; i++)
        if (flash[i] != 0xff)
            return false;
    return true;
}

static bool claim_is_true(struct world *w, int op, const uint8_t *md5)
{
    size_t len, count;
    const struct world_part *parts = faults_parts(&count);
    switch (op) {
    case READ: {
        const uint8_t *bytes = world_output(w, &len);
        return len == READ_SIZE && memcmp(bytes, sim_flash_bytes(world_flash_chip(w)) + 0xfff0, len) == 0;
    }
    case ERASE:
        return erased(w);
    case DIGEST:
        return memcmp(ferry_flasher_md5(world_flasher(w)), md5, 16) == 0;
    default:
        return world_holds(w, parts, count);
    }
}

static void check(const struct faults_setup *setup, const struct sim_fault *fault, int op, const uint8_t *md5)
{
    struct world *w = make(setup, fault, op);
    struct world_result r = world_connect(w);
    assert_int_equal(r.status, 0);
    r = do_op(w, op);
    cases++;
    int good = op == VERIFY_OTHER ? FERRY_ERR_VERIFY : 0;
    enum ferry_status_class class = ferry_status_class_of(r.status);
    bool usable = class == FERRY_CLASS_WIRE || class == FERRY_CLASS_TARGET;
    bool ok = !r.hung && (r.status == good || (setup->no_lines && usable && r.status != FERRY_ERR_VERIFY));
    if (r.status == 0)
        ok = ok && claim_is_true(w, op, md5);
    named += r.status != good;
    if (!ok) {
        wrong++;
        print_error("%s, %s: fault %d at byte %llu %s: %s%s\n", setup->name, names[op], (int)fault->kind,
                    (unsigned long long)fault->at_byte, fault->to_host ? "to the host" : "to the chip",
                    ferry_status_name(r.status),
                    r.hung          ? ", hangs"
                    : r.status == 0 ? ", and that is not true"
                                    : "");
    }
    world_free(w);
}

static void check_op(const struct faults_setup *setup, int op)
{
    struct world *w = make(setup, NULL, op);
    struct world_result r = world_connect(w);
    const uint64_t from[2] = {r.sent_bytes, r.received_bytes};
    r = do_op(w, op);
    const uint64_t to[2] = {r.sent_bytes, r.received_bytes};
    uint8_t md5[16];
    memcpy(md5, ferry_flasher_md5(world_flasher(w)), sizeof md5);
    assert_int_equal(r.status, op == VERIFY_OTHER ? FERRY_ERR_VERIFY : 0);
    world_free(w);
    for (int to_host = 0; to_host < 2; to_host++) {
        uint64_t span = to[to_host] - from[to_host], step = span / 25 + 1;
        for (int kind = SIM_FAULT_DROP; kind <= SIM_FAULT_STALL; kind++)
            for (uint64_t at = from[to_host] + (uint64_t)kind % step; at < to[to_host]; at += step)
                check(setup,
                      &(struct sim_fault){.kind = kind, .to_host = to_host, .at_byte = at, .stall_us = FAULTS_STALL_US},
                      op, md5);
    }
}

static void one_fault_never_makes_a_wrong_claim(void **state)
{
    (void)state;
    static const struct faults_setup setups[] = {
        {.name = "esp32c3", .chip = "esp32c3", .window = 1},
        {.name = "esp32", .chip = "esp32", .window = 1},
        {.name = "esp32c3 without lines", .chip = "esp32c3", .window = 1, .no_lines = true},
        {.name = "esp32 without lines", .chip = "esp32", .window = 1, .no_lines = true},
    };
    for (size_t s = 0; s < sizeof setups / sizeof setups[0]; s++)
        for (int op = 0; op < OPS; op++)
            check_op(&setups[s], op);
    print_message("%lu cases, %lu in a named error, %lu wrong\n", cases, named, wrong);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_fault_never_makes_a_wrong_claim)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
