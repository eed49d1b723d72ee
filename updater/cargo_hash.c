// What a plan's bytes were when they were checked: one reading gives the SHA-256 and a fingerprint of every block.
#include <stdlib.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "updater/cargo_work.h"

#define PIECE 2048u // divides FERRY_PLAN_BLOCK

uint64_t ferry_plan_fingerprint(uint64_t print, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        print = (print ^ bytes[i]) * 0x100000001b3u;
    return print;
}

static int hash_region(struct ferry_plan *plan, size_t i, const struct ferry_digest *digest, uint64_t *print)
{
    uint8_t buf[PIECE];
    int status = FERRY_OK;
    for (uint32_t at = 0; status >= 0 && at < plan->regions[i].size; at += PIECE) {
        uint32_t n = plan->regions[i].size - at;
        n = n < sizeof buf ? n : (uint32_t)sizeof buf;
        status = plan->sources[i].read(plan->sources[i].ctx, at, buf, n);
        if (status >= 0)
            status = digest->update(digest->ctx, buf, n);
        uint64_t *block = &print[at / FERRY_PLAN_BLOCK];
        *block = ferry_plan_fingerprint(at % FERRY_PLAN_BLOCK ? *block : FERRY_PLAN_PRINT, buf, n);
    }
    return status;
}

static int hash_regions(struct ferry_cargo_work *work, bool with_places)
{
    const struct ferry_digest *digest = work->options->digest;
    struct ferry_plan *plan = work->plan;
    uint64_t *print = plan->prints;
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    for (size_t i = 0; status >= 0 && i < plan->count; i++) {
        uint8_t place[8];
        ferry_store32le(place, plan->regions[i].address);
        ferry_store32le(place + 4, plan->regions[i].size);
        if (with_places)
            status = digest->update(digest->ctx, place, sizeof place);
        if (status >= 0)
            status = hash_region(plan, i, digest, print);
        if (status < 0)
            return ferry_fault_set(work->fault, status, plan->names[i], "%s: reading it failed", plan->names[i]);
        print += (plan->regions[i].size + FERRY_PLAN_BLOCK - 1) / FERRY_PLAN_BLOCK;
    }
    if (status >= 0)
        status = digest->finish(digest->ctx, plan->sha256, sizeof plan->sha256);
    return status < 0 ? ferry_fault_set(work->fault, status, NULL, "the digest failed") : FERRY_OK;
}

int ferry_cargo_hash(struct ferry_cargo_work *work, bool with_places)
{
    size_t blocks = 0;
    for (size_t i = 0; i < work->plan->count; i++)
        blocks += (work->plan->regions[i].size + FERRY_PLAN_BLOCK - 1) / FERRY_PLAN_BLOCK;
    work->plan->prints = calloc(blocks, sizeof *work->plan->prints);
    if (!work->plan->prints)
        return ferry_fault_set(work->fault, FERRY_ERR_NO_MEMORY, NULL, "no memory to plan the job");
    return hash_regions(work, with_places);
}
