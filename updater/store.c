#include "updater/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "updater/store_cache.h"

#define BEYOND FERRY_SEGMENT_SIZE // how far behind a region's end requests may reach

struct target_facts {
    uint32_t words[5]; // words only: compared as bytes
};

struct seen_read {
    uint32_t address, len;
    uint64_t print;
};

struct ferry_store {
    struct ferry_store *next;
    struct ferry_store_pool *pool;
    struct ferry_plan *plan;
    struct ferry_fault fault;
    unsigned users;
    uint32_t made_ms;
    struct target_facts facts;
    struct seen_read reads[8];
    uint8_t read_count;
    uint32_t block_base[FERRY_CARGO_MAX_REGIONS];
};

struct ferry_store_pool {
    struct ferry_store_cfg cfg;
    struct ferry_store_stats stats;
    struct ferry_store *stores;
    struct ferry_store_cache cache;
};

typedef void answer_fn(void *to, uint32_t offset, const uint8_t *bytes, size_t len);

// ---- reading ----

static int fail(struct ferry_store *self, int status, uint8_t region, uint32_t offset)
{
    char where[200];
    const char *path = self->plan->cargo.path, *name = self->plan->names[region];
    snprintf(where, sizeof where, "%.110s, %.50s, offset 0x%lx", path, name, (unsigned long)offset);
    return ferry_fault_set(&self->fault, status, where, "the card: %s", ferry_status_text(status));
}

// Against accidents; what an enemy could change he could have changed before.
static uint64_t fingerprint(const uint8_t *bytes, size_t len)
{
    return ferry_plan_fingerprint(FERRY_PLAN_PRINT, bytes, len);
}

static int read_block(struct ferry_store *self, struct ferry_store_cache_item *item)
{
    const struct ferry_store_cache_key *key = &item->key;
    const struct ferry_source *source = &self->plan->sources[key->region];
    int status = source->read(source->ctx, key->offset, item->bytes, item->size);
    self->pool->stats.reads++;
    self->pool->stats.bytes_read += item->size;
    if (status < 0)
        return fail(self, status, key->region, key->offset);
    uint32_t block = self->block_base[key->region] + key->offset / FERRY_STORE_BLOCK;
    if (self->plan->prints[block] != fingerprint(item->bytes, item->size))
        return fail(self, FERRY_ERR_STORAGE_CHANGED, key->region, key->offset);
    return FERRY_OK;
}

static struct ferry_store_cache_item *new_item(struct ferry_store *self, const struct ferry_store_cache_key *key,
                                               uint32_t size)
{
    struct ferry_store_cache_item *item = ferry_store_cache_new(&self->pool->cache, key, size);
    if (!item)
        ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for the bytes of the cargo");
    return item;
}

// The block that starts at offset (a multiple of the block size); valid until the next item is made.
static struct ferry_store_cache_item *block_at(struct ferry_store *self, uint8_t region, uint32_t offset)
{
    uint32_t left = self->plan->regions[region].size - offset;
    uint32_t len = left < FERRY_STORE_BLOCK ? left : FERRY_STORE_BLOCK;
    struct ferry_store_cache_key key = {self, FERRY_REQUEST_RAW, region, offset, len};
    struct ferry_store_cache_item *item = ferry_store_cache_find(&self->pool->cache, &key);
    if (item)
        return item;
    item = new_item(self, &key, len);
    if (item && read_block(self, item) < 0) {
        ferry_store_cache_discard(&self->pool->cache, item);
        return NULL;
    }
    if (item)
        ferry_store_cache_keep(&self->pool->cache, item);
    return item;
}

typedef int take_fn(void *ctx, const uint8_t *bytes, size_t len, bool last);

static const uint8_t erased[64] = {
#define FF8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    FF8, FF8, FF8, FF8, FF8, FF8, FF8, FF8,
#undef FF8
};

// What lies at offset of a region: *len bytes (at most as many as asked for). Behind its end the flash is erased.
static const uint8_t *piece_at(struct ferry_store *self, uint8_t region, uint32_t offset, uint32_t *len)
{
    if (offset >= self->plan->regions[region].size) {
        *len = *len < sizeof erased ? *len : sizeof erased;
        return erased;
    }
    uint32_t in_block = offset % FERRY_STORE_BLOCK;
    const struct ferry_store_cache_item *block = block_at(self, region, offset - in_block);
    if (!block)
        return NULL;
    *len = block->size - in_block < *len ? block->size - in_block : *len;
    return block->bytes + in_block;
}

// Gives the bytes offset .. offset+len of a region to `take`, piece by piece.
static int each_piece(struct ferry_store *self, uint8_t region, uint32_t offset, uint32_t len, take_fn *take, void *ctx)
{
    while (len > 0) {
        uint32_t n = len;
        const uint8_t *bytes = piece_at(self, region, offset, &n);
        if (!bytes)
            return self->fault.status;
        int status = take(ctx, bytes, n, n == len);
        if (status != FERRY_OK)
            return status;
        offset += n;
        len -= n;
    }
    return FERRY_OK;
}

static int take_digest(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    const struct ferry_digest *digest = ctx;
    (void)last;
    return digest->update(digest->ctx, bytes, len);
}

// ---- digests ----

static struct ferry_store_cache_key segment_key(struct ferry_store *self, const struct ferry_request *request,
                                                enum ferry_request_kind kind)
{
    return (struct ferry_store_cache_key){self, (uint8_t)kind, request->region, request->segment_offset,
                                          request->segment_len};
}

static int make_digest(struct ferry_store *self, struct ferry_store_cache_item *item)
{
    const struct ferry_digest *digest = self->pool->cfg.digest;
    const struct ferry_store_cache_key *key = &item->key;
    int status = digest->begin(digest->ctx, key->kind == FERRY_REQUEST_MD5 ? FERRY_DIGEST_MD5 : FERRY_DIGEST_SHA256);
    if (status >= 0)
        status = each_piece(self, key->region, key->offset, key->len, take_digest, (void *)digest);
    if (status >= 0)
        status = digest->finish(digest->ctx, item->bytes, item->size);
    self->pool->stats.digests++;
    return status < 0 ? status : FERRY_OK;
}

static int serve_digest(struct ferry_store *self, const struct ferry_request *request, answer_fn *answer, void *to)
{
    struct ferry_store_cache_key key = segment_key(self, request, request->kind);
    struct ferry_store_cache_item *item = ferry_store_cache_find(&self->pool->cache, &key);
    if (!item) {
        item = new_item(self, &key, request->kind == FERRY_REQUEST_MD5 ? FERRY_MD5_SIZE : FERRY_SHA256_SIZE);
        int status = item ? make_digest(self, item) : FERRY_ERR_NO_MEMORY;
        if (status < 0) {
            if (item)
                ferry_store_cache_discard(&self->pool->cache, item);
            return status;
        }
        ferry_store_cache_keep(&self->pool->cache, item);
    }
    answer(to, 0, item->bytes, item->size);
    return FERRY_OK;
}

// The engine's own bytes: what it has read from the target.
static int serve_md5_of(void *ctx, const struct ferry_request *request, answer_fn *answer, void *to)
{
    struct ferry_store_pool *pool = ctx;
    const struct ferry_digest *digest = pool->cfg.digest;
    uint8_t md5[FERRY_MD5_SIZE];
    if (request->kind != FERRY_REQUEST_MD5_OF)
        return FERRY_ERR_STATE; // no plan yet, so there is nothing else to ask for
    int status = digest->begin(digest->ctx, FERRY_DIGEST_MD5);
    if (status >= 0)
        status = digest->update(digest->ctx, request->bytes, request->segment_len);
    if (status >= 0)
        status = digest->finish(digest->ctx, md5, sizeof md5);
    if (status < 0)
        return status;
    answer(to, 0, md5, sizeof md5);
    return FERRY_OK;
}

struct ferry_supply ferry_store_pool_supply(struct ferry_store_pool *pool)
{
    return (struct ferry_supply){.ctx = pool, .serve = serve_md5_of};
}

// ---- packing ----

struct packing {
    const struct ferry_deflate *deflate;
    uint8_t *out;
    size_t len, cap;
};

#define TOO_LARGE 1 // the packed stream would be no smaller

static int take_packing(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    struct packing *p = ctx;
    for (size_t at = 0;;) {
        size_t in = len - at, out = p->cap - p->len;
        int status = p->deflate->step(p->deflate->ctx, bytes + at, &in, p->out + p->len, &out, last);
        if (status < 0)
            return status;
        at += in;
        p->len += out;
        if (last ? status == 1 : at == len)
            return FERRY_OK;
        if (p->len == p->cap)
            return TOO_LARGE;
    }
}

static struct ferry_store_cache_item *pack(struct ferry_store *self, const struct ferry_store_cache_key *key,
                                           int *status)
{
    struct ferry_store_cache_item *item = new_item(self, key, key->len);
    struct packing p = {.deflate = self->pool->cfg.deflate};
    *status = self->fault.status;
    if (!item)
        return NULL;
    p.out = item->bytes;
    p.cap = item->size;
    *status = p.deflate->begin(p.deflate->ctx);
    if (*status >= 0)
        *status = each_piece(self, key->region, key->offset, key->len, take_packing, &p);
    if (*status < 0) {
        ferry_store_cache_discard(&self->pool->cache, item);
        return NULL;
    }
    self->pool->stats.packed++;
    return ferry_store_cache_fit(&self->pool->cache, item, *status == TOO_LARGE ? 0 : (uint32_t)p.len);
}

static struct ferry_store_cache_item *packed_at(struct ferry_store *self, const struct ferry_request *request,
                                                int *status)
{
    struct ferry_store_cache_key key = segment_key(self, request, FERRY_REQUEST_PACKED);
    struct ferry_store_cache_item *item = ferry_store_cache_find(&self->pool->cache, &key);
    *status = FERRY_OK;
    if (item)
        return item;
    item = pack(self, &key, status);
    if (item)
        ferry_store_cache_keep(&self->pool->cache, item);
    return item;
}

// ---- serving ----

struct raw_answer {
    answer_fn *answer;
    void *to;
    uint32_t offset;
};

static int take_raw(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    struct raw_answer *raw = ctx;
    (void)last;
    raw->answer(raw->to, raw->offset, bytes, len);
    raw->offset += (uint32_t)len;
    return FERRY_OK;
}

static int serve_packed(struct ferry_store *self, const struct ferry_request *request, answer_fn *answer, void *to)
{
    uint8_t size[4] = {0};
    int status = FERRY_OK;
    const struct ferry_store_cache_item *item = self->pool->cfg.deflate ? packed_at(self, request, &status) : NULL;
    if (status < 0)
        return status;
    if (request->kind == FERRY_REQUEST_PACKED_SIZE) {
        ferry_store32le(size, item ? item->size : 0);
        answer(to, 0, size, sizeof size);
        return FERRY_OK;
    }
    if (!item || request->offset > item->size || request->len > item->size - request->offset)
        return FERRY_ERR_ARG;
    answer(to, request->offset, item->bytes + request->offset, request->len);
    return FERRY_OK;
}

static bool inside(const struct ferry_store *self, const struct ferry_request *request)
{
    if (request->region >= self->plan->count)
        return false;
    bool raw = request->kind == FERRY_REQUEST_RAW;
    uint32_t limit = self->plan->regions[request->region].size + BEYOND;
    uint32_t offset = raw ? request->offset : request->segment_offset, len = raw ? request->len : request->segment_len;
    return len > 0 && offset <= limit && len <= limit - offset;
}

static int dispatch(struct ferry_store *self, const struct ferry_request *request, answer_fn *answer, void *to)
{
    struct raw_answer raw = {answer, to, request->offset};
    switch (request->kind) {
    case FERRY_REQUEST_RAW:
        return each_piece(self, request->region, request->offset, request->len, take_raw, &raw);
    case FERRY_REQUEST_MD5:
    case FERRY_REQUEST_SHA256:
        return serve_digest(self, request, answer, to);
    case FERRY_REQUEST_MD5_OF: // served before
        break;
    case FERRY_REQUEST_PACKED_SIZE:
    case FERRY_REQUEST_PACKED:
        return serve_packed(self, request, answer, to);
    }
    return FERRY_ERR_ARG;
}

static int serve(void *ctx, const struct ferry_request *request, answer_fn *answer, void *to)
{
    struct ferry_store *self = ctx;
    if (self->fault.status < 0)
        return self->fault.status;
    if (request->kind == FERRY_REQUEST_MD5_OF)
        return serve_md5_of(self->pool, request, answer, to);
    if (!inside(self, request))
        return FERRY_ERR_ARG;
    return dispatch(self, request, answer, to);
}

struct ferry_supply ferry_store_supply(struct ferry_store *self)
{
    return (struct ferry_supply){.ctx = self, .serve = serve};
}

const struct ferry_fault *ferry_store_fault(const struct ferry_store *self)
{
    return &self->fault;
}

const struct ferry_plan *ferry_store_plan(const struct ferry_store *self)
{
    return self->plan;
}

// ---- the pool ----

struct ferry_store_pool *ferry_store_pool_new(const struct ferry_store_cfg *cfg)
{
    struct ferry_store_pool *pool = cfg->digest ? calloc(1, sizeof *pool) : NULL;
    if (!pool)
        return NULL;
    size_t limit = cfg->memory_limit ? cfg->memory_limit : FERRY_STORE_MEMORY_DEFAULT;
    pool->cfg = *cfg;
    pool->cache.limit = limit > FERRY_STORE_MEMORY_MIN ? limit : FERRY_STORE_MEMORY_MIN;
    return pool;
}

void ferry_store_pool_free(struct ferry_store_pool *pool)
{
    free(pool);
}

void ferry_store_pool_stats(const struct ferry_store_pool *pool, struct ferry_store_stats *out)
{
    *out = pool->stats;
    out->memory = pool->cache.memory;
    out->memory_peak = pool->cache.memory_peak;
}

static struct target_facts facts_of(const struct ferry_target *target)
{
    uint32_t security = (target->security_known ? 1u : 0) | (target->secure_boot ? 2u : 0) |
                        (target->flash_encryption ? 4u : 0) | (target->secure_download ? 8u : 0);
    uint32_t chip = target->chip ? target->chip->id : FERRY_CHIP_ANY;
    return (struct target_facts){{chip, target->revision, target->flash_size, target->security_flags, security}};
}

static const struct ferry_store_read *read_in_key(const struct ferry_store_key *key, const struct seen_read *seen)
{
    for (uint8_t i = 0; i < key->read_count; i++)
        if (key->reads[i].address == seen->address && key->reads[i].len == seen->len)
            return &key->reads[i];
    return NULL;
}

// 1 = the same bytes, 0 = others, -1 = *missing is wanted first.
static int same_reads(const struct ferry_store *self, const struct ferry_store_key *key,
                      struct ferry_store_read *missing)
{
    for (uint8_t i = 0; i < self->read_count; i++) {
        const struct ferry_store_read *read = read_in_key(key, &self->reads[i]);
        if (!read) {
            missing->address = self->reads[i].address;
            missing->len = self->reads[i].len;
            return -1;
        }
        if (fingerprint(read->bytes, read->len) != self->reads[i].print)
            return 0;
    }
    return 1;
}

static bool same_cargo(const struct ferry_cargo *a, const struct ferry_cargo *b)
{
    return a->kind == b->kind && strcmp(a->path, b->path) == 0 && strcmp(a->name, b->name) == 0;
}

struct ferry_store *ferry_store_find(struct ferry_store_pool *pool, const struct ferry_store_key *key, uint32_t now_ms,
                                     struct ferry_store_read *missing)
{
    struct target_facts facts = facts_of(key->target);
    memset(missing, 0, sizeof *missing);
    for (struct ferry_store *s = pool->stores; s; s = s->next) {
        bool fresh = !ferry_time_reached(now_ms, s->made_ms + FERRY_STORE_SHARE_MS);
        if (!fresh || s->fault.status < 0 || memcmp(&facts, &s->facts, sizeof facts) != 0 ||
            key->link != (s->plan->manifest.kind != 0) || !same_cargo(&s->plan->cargo, key->cargo))
            continue;
        int same = same_reads(s, key, missing);
        if (same < 0)
            return NULL;
        if (same > 0) {
            s->users++;
            pool->stats.plans_shared++;
            return s;
        }
    }
    return NULL;
}

static bool same_bytes(const struct ferry_plan *a, const struct ferry_plan *b)
{
    return a->chip == b->chip && a->count == b->count && memcmp(&a->manifest, &b->manifest, sizeof a->manifest) == 0 &&
           memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0 &&
           memcmp(a->regions, b->regions, a->count * sizeof a->regions[0]) == 0 && same_cargo(&a->cargo, &b->cargo);
}

static void number_blocks(struct ferry_store *self)
{
    uint32_t blocks = 0;
    for (uint8_t i = 0; i < self->plan->count; i++) {
        self->block_base[i] = blocks;
        blocks += (self->plan->regions[i].size + FERRY_STORE_BLOCK - 1) / FERRY_STORE_BLOCK;
    }
}

static void destroy(struct ferry_store *self)
{
    ferry_store_cache_drop_owner(&self->pool->cache, self);
    ferry_plan_close(self->plan);
    free(self->plan);
    free(self);
}

static void remember_reads(struct ferry_store *self, const struct ferry_store_key *key)
{
    for (uint8_t i = 0; i < key->read_count && i < sizeof self->reads / sizeof self->reads[0]; i++)
        self->reads[self->read_count++] = (struct seen_read){key->reads[i].address, key->reads[i].len,
                                                             fingerprint(key->reads[i].bytes, key->reads[i].len)};
}

struct ferry_store *ferry_store_open(struct ferry_store_pool *pool, struct ferry_plan *plan,
                                     const struct ferry_store_key *key, uint32_t now_ms)
{
    pool->stats.plans++;
    for (struct ferry_store *s = pool->stores; s; s = s->next)
        if (s->fault.status >= 0 && same_bytes(s->plan, plan)) {
            ferry_plan_close(plan);
            free(plan);
            s->users++;
            return s;
        }
    struct ferry_store *self = calloc(1, sizeof *self);
    if (!self) {
        ferry_plan_close(plan);
        free(plan);
        return NULL;
    }
    *self =
        (struct ferry_store){.pool = pool, .plan = plan, .users = 1, .made_ms = now_ms, .facts = facts_of(key->target)};
    number_blocks(self);
    remember_reads(self, key);
    self->next = pool->stores;
    pool->stores = self;
    return self;
}

void ferry_store_release(struct ferry_store *self)
{
    if (!self || --self->users > 0)
        return;
    struct ferry_store **at = &self->pool->stores;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    destroy(self);
}
