// The store: one reader and packer for many jobs. Targets that are written at the same time ask for the same bytes,
// digests and packed streams at about the same time; each is read from the card, digested and packed once.
//
// A pool holds stores; a store holds one plan (open files) and serves the requests of every job that uses it. Memory is
// bounded: raw blocks and packed segments are kept least-recently-used within pool.memory_limit; a straggler
// that asks for what has been dropped costs a second read, never an error.
//
// Every block that is read is compared with the fingerprint that the plan took when it hashed the cargo. So what is
// sent is what was checked, and a file that changes, shrinks or vanishes ends all its jobs with
// FERRY_ERR_STORAGE_CHANGED or FERRY_ERR_STORAGE_READ.
//
// One thread. Not part of it: which requests come when; the engines decide.
#ifndef FERRY_UPDATER_STORE_H
#define FERRY_UPDATER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/deflate.h"
#include "ferry/io/digest.h"
#include "ferry/pump/supply.h"
#include "updater/cargo.h"
#include "updater/fault.h"
#include "updater/limits.h"

#define FERRY_STORE_BLOCK FERRY_PLAN_BLOCK
#define FERRY_STORE_MEMORY_DEFAULT (16u << 20)
#define FERRY_STORE_SHARE_MS 30000u // a plan is shared by jobs that start within this time of one another

struct ferry_store_cfg {
    const struct ferry_digest *digest;   // MD5 and SHA-256; must be given
    const struct ferry_deflate *deflate; // NULL: nothing is packed
    size_t memory_limit;                 // bytes kept, all stores together; 0 = 16 MiB, at least FERRY_STORE_MEMORY_MIN
};

struct ferry_store_stats {
    uint32_t reads;             // calls of source.read for serving (the plan's own reads are not counted)
    uint64_t bytes_read;        // by them
    uint32_t packed;            // segments packed
    uint32_t digests;           // segments digested
    uint32_t plans;             // plans that jobs made: each has read its cargo once for itself
    uint32_t plans_shared;      // plans that a job took over from another instead of making its own
    size_t memory, memory_peak; // bytes kept now, and at most
};

// Bytes that a plan looked at in the target's flash.
struct ferry_store_read {
    uint32_t address, len;
    uint8_t *bytes; // malloc'ed, owned by who holds the struct
};

// What a plan depends on, besides the options that all jobs of a pool have in common.
struct ferry_store_key {
    const struct ferry_cargo *cargo;
    const struct ferry_target *target;
    bool link; // for the link route
    const struct ferry_store_read *reads;
    uint8_t read_count;
};

struct ferry_store_pool;
struct ferry_store;

struct ferry_store_pool *ferry_store_pool_new(const struct ferry_store_cfg *cfg); // NULL: no digest, no memory
void ferry_store_pool_free(struct ferry_store_pool *pool);                        // all stores must be released
void ferry_store_pool_stats(const struct ferry_store_pool *pool, struct ferry_store_stats *out);

// Answers what an engine asks for before there is a plan: the MD5 of bytes that it has read (FERRY_REQUEST_MD5_OF).
struct ferry_supply ferry_store_pool_supply(struct ferry_store_pool *pool);

// A store made not long ago (FERRY_STORE_SHARE_MS) for the same cargo and a target with the same facts, held once more;
// NULL = none. When one exists whose plan has also looked at target bytes that the key does not have,
// missing->len is set (else 0): read these and ask again.
struct ferry_store *ferry_store_find(struct ferry_store_pool *pool, const struct ferry_store_key *key, uint32_t now_ms,
                                     struct ferry_store_read *missing);
// A store for this plan. Takes the plan (malloc'ed) over in every case: it becomes the store's, or is closed and freed
// when a store with the same bytes and regions is in use, or on error. NULL: no memory.
struct ferry_store *ferry_store_open(struct ferry_store_pool *pool, struct ferry_plan *plan,
                                     const struct ferry_store_key *key, uint32_t now_ms);
void ferry_store_release(struct ferry_store *self); // NULL allowed; the last one closes the plan
const struct ferry_plan *ferry_store_plan(const struct ferry_store *self);
// The interface for the pump.
struct ferry_supply ferry_store_supply(struct ferry_store *self);
// Why serving failed; status 0 = it has not. Sticky for read errors: every user of the store gets the same.
const struct ferry_fault *ferry_store_fault(const struct ferry_store *self);

#endif
