#include "updater/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"

#define DIGESTS_MAX 4096u

// A raw block or a packed segment that is kept. In a list from the newest use to the oldest.
struct item {
    struct item *newer, *older;
    struct item **slot;                   // where its owner looks for it
    uint32_t segment_offset, segment_len; // packed: what it holds
    uint32_t size;
    uint8_t bytes[];
};

struct digest_row {
    enum ferry_request_kind kind;
    uint8_t region;
    uint32_t offset, len;
    uint8_t bytes[FERRY_SHA256_SIZE];
};

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
    bool sealed;
    struct item **raw, **packed; // one slot per block, one per 64 KB segment, over all regions
    uint64_t *prints;            // fingerprint per block
    uint32_t raw_base[FERRY_CARGO_MAX_REGIONS], packed_base[FERRY_CARGO_MAX_REGIONS];
    struct digest_row *digests;
    size_t digest_count, digest_cap;
};

struct ferry_store_pool {
    struct ferry_store_cfg cfg;
    struct ferry_store_stats stats;
    struct ferry_store *stores;
    struct item *newest, *oldest;
};

// ---- kept items ----

static void unlink_item(struct ferry_store_pool *pool, struct item *item)
{
    *(item->newer ? &item->newer->older : &pool->newest) = item->older;
    *(item->older ? &item->older->newer : &pool->oldest) = item->newer;
}

static void link_newest(struct ferry_store_pool *pool, struct item *item)
{
    item->newer = NULL;
    item->older = pool->newest;
    *(pool->newest ? &pool->newest->newer : &pool->oldest) = item;
    pool->newest = item;
}

static void touch(struct ferry_store_pool *pool, struct item *item)
{
    unlink_item(pool, item);
    link_newest(pool, item);
}

static void drop(struct ferry_store_pool *pool, struct item *item)
{
    unlink_item(pool, item);
    *item->slot = NULL;
    pool->stats.memory -= sizeof *item + item->size;
    free(item);
}

// Memory for one item, not yet in the list; what was used longest ago makes room.
static struct item *new_item(struct ferry_store_pool *pool, uint32_t size)
{
    size_t whole = sizeof(struct item) + size;
    while (pool->oldest && pool->stats.memory + whole > pool->cfg.memory_limit)
        drop(pool, pool->oldest);
    struct item *item = malloc(whole);
    if (!item)
        return NULL;
    *item = (struct item){.size = size};
    pool->stats.memory += whole;
    if (pool->stats.memory > pool->stats.memory_peak)
        pool->stats.memory_peak = pool->stats.memory;
    return item;
}

static void discard(struct ferry_store_pool *pool, struct item *item)
{
    pool->stats.memory -= sizeof *item + item->size;
    free(item);
}

static void keep(struct ferry_store_pool *pool, struct item *item, struct item **slot)
{
    if (*slot)
        drop(pool, *slot);
    item->slot = slot;
    *slot = item;
    link_newest(pool, item);
}

// ---- reading ----

static int fail(struct ferry_store *self, int status, uint8_t region, uint32_t offset)
{
    char where[200];
    const char *path = self->plan->cargo.path, *name = self->plan->names[region];
    snprintf(where, sizeof where, "%.110s, %.50s, offset 0x%lx", path, name, (unsigned long)offset);
    return ferry_fault_set(&self->fault, status, where, "the card: %s", ferry_status_text(status));
}

// FNV-1a: against accidents; what an enemy could change he could have changed before.
static uint64_t fingerprint(const uint8_t *bytes, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

static uint32_t block_len(const struct ferry_store *self, uint8_t region, uint32_t offset)
{
    uint32_t left = self->plan->regions[region].size - offset;
    return left < FERRY_STORE_BLOCK ? left : FERRY_STORE_BLOCK;
}

static int read_block(struct ferry_store *self, uint8_t region, uint32_t offset, struct item *item)
{
    const struct ferry_source *source = &self->plan->sources[region];
    int status = source->read(source->ctx, offset, item->bytes, item->size);
    self->pool->stats.reads++;
    self->pool->stats.bytes_read += item->size;
    if (status < 0)
        return fail(self, status, region, offset);
    uint64_t *print = &self->prints[self->raw_base[region] + offset / FERRY_STORE_BLOCK];
    uint64_t now = fingerprint(item->bytes, item->size);
    if (self->sealed && *print != now)
        return fail(self, FERRY_ERR_STORAGE_CHANGED, region, offset);
    *print = now;
    return FERRY_OK;
}

// The block that starts at offset (a multiple of the block size); valid until the next item is made.
static struct item *block_at(struct ferry_store *self, uint8_t region, uint32_t offset)
{
    struct item **slot = &self->raw[self->raw_base[region] + offset / FERRY_STORE_BLOCK];
    if (*slot) {
        touch(self->pool, *slot);
        return *slot;
    }
    struct item *item = new_item(self->pool, block_len(self, region, offset));
    if (!item) {
        ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for a block of the cargo");
        return NULL;
    }
    if (read_block(self, region, offset, item) < 0) {
        discard(self->pool, item);
        return NULL;
    }
    keep(self->pool, item, slot);
    return item;
}

// Gives the bytes offset .. offset+len of a region to `take`, piece by piece.
static int each_piece(struct ferry_store *self, uint8_t region, uint32_t offset, uint32_t len,
                      int (*take)(void *ctx, const uint8_t *bytes, size_t len, bool last), void *ctx)
{
    while (len > 0) {
        uint32_t in_block = offset % FERRY_STORE_BLOCK;
        const struct item *block = block_at(self, region, offset - in_block);
        if (!block)
            return self->fault.status;
        uint32_t n = block->size - in_block < len ? block->size - in_block : len;
        int status = take(ctx, block->bytes + in_block, n, n == len);
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

// Reads everything once and compares with what was checked.
static int seal(struct ferry_store *self)
{
    const struct ferry_digest *digest = self->pool->cfg.digest;
    const struct ferry_plan *plan = self->plan;
    uint8_t sha256[FERRY_SHA256_SIZE], head[8];
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    for (uint8_t i = 0; i < plan->count && status >= 0; i++) {
        ferry_store32le(head, plan->regions[i].address);
        ferry_store32le(head + 4, plan->regions[i].size);
        status = digest->update(digest->ctx, head, sizeof head);
        if (status >= 0)
            status = each_piece(self, i, 0, plan->regions[i].size, take_digest, (void *)digest);
    }
    if (status >= 0)
        status = digest->finish(digest->ctx, sha256, sizeof sha256);
    if (status < 0)
        return status;
    self->sealed = true;
    if (memcmp(sha256, plan->sha256, sizeof sha256) == 0)
        return FERRY_OK;
    fail(self, FERRY_ERR_STORAGE_CHANGED, 0, 0);
    snprintf(self->fault.where, sizeof self->fault.where, "%.190s", plan->cargo.path);
    return self->fault.status;
}

// ---- digests ----

static const uint8_t *known_digest(const struct ferry_store *self, const struct ferry_request *request)
{
    for (size_t i = 0; i < self->digest_count; i++) {
        const struct digest_row *row = &self->digests[i];
        if (row->offset == request->segment_offset && row->len == request->segment_len &&
            row->region == request->region && row->kind == request->kind)
            return row->bytes;
    }
    return NULL;
}

static struct digest_row *new_digest_row(struct ferry_store *self)
{
    if (self->digest_count == self->digest_cap) {
        size_t cap = self->digest_cap ? 2 * self->digest_cap : 64;
        struct digest_row *rows = cap <= DIGESTS_MAX ? realloc(self->digests, cap * sizeof *rows) : NULL;
        if (!rows)
            return &self->digests[0]; // full: the first is made again when it is asked for again
        self->digests = rows;
        self->digest_cap = cap;
    }
    return &self->digests[self->digest_count++];
}

static int serve_digest(struct ferry_store *self, const struct ferry_request *request, const uint8_t **bytes)
{
    const struct ferry_digest *digest = self->pool->cfg.digest;
    bool md5 = request->kind == FERRY_REQUEST_MD5;
    *bytes = known_digest(self, request);
    if (*bytes)
        return FERRY_OK;
    struct digest_row row = {request->kind, request->region, request->segment_offset, request->segment_len, {0}};
    int status = digest->begin(digest->ctx, md5 ? FERRY_DIGEST_MD5 : FERRY_DIGEST_SHA256);
    if (status >= 0)
        status = each_piece(self, row.region, row.offset, row.len, take_digest, (void *)digest);
    if (status >= 0)
        status = digest->finish(digest->ctx, row.bytes, sizeof row.bytes);
    if (status < 0)
        return status;
    self->pool->stats.digests++;
    struct digest_row *place = new_digest_row(self);
    *place = row;
    *bytes = place->bytes;
    return FERRY_OK;
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

// Shrinks the item to what was used.
static struct item *fitted(struct ferry_store_pool *pool, struct item *item, uint32_t size)
{
    pool->stats.memory -= item->size - size;
    item->size = size;
    struct item *smaller = realloc(item, sizeof *item + size);
    return smaller ? smaller : item;
}

static struct item *pack(struct ferry_store *self, const struct ferry_request *request, int *status)
{
    struct item *item = new_item(self->pool, request->segment_len);
    struct packing p = {.deflate = self->pool->cfg.deflate};
    if (!item) {
        *status = ferry_fault_set(&self->fault, FERRY_ERR_NO_MEMORY, "", "no memory for a packed segment");
        return NULL;
    }
    p.out = item->bytes;
    p.cap = item->size;
    *status = p.deflate->begin(p.deflate->ctx);
    if (*status >= 0)
        *status = each_piece(self, request->region, request->segment_offset, request->segment_len, take_packing, &p);
    if (*status < 0) {
        discard(self->pool, item);
        return NULL;
    }
    self->pool->stats.packed++;
    item = fitted(self->pool, item, *status == TOO_LARGE ? 0 : (uint32_t)p.len);
    item->segment_offset = request->segment_offset;
    item->segment_len = request->segment_len;
    return item;
}

static struct item *packed_at(struct ferry_store *self, const struct ferry_request *request, int *status)
{
    uint32_t index = self->packed_base[request->region] + request->segment_offset / FERRY_SEGMENT_SIZE;
    struct item **slot = &self->packed[index];
    *status = FERRY_OK;
    if (*slot && (*slot)->segment_offset == request->segment_offset && (*slot)->segment_len == request->segment_len) {
        touch(self->pool, *slot);
        return *slot;
    }
    struct item *item = pack(self, request, status);
    if (item)
        keep(self->pool, item, slot);
    return item;
}

// ---- serving ----

typedef void answer_fn(void *to, uint32_t offset, const uint8_t *bytes, size_t len);

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
    const struct item *item = self->pool->cfg.deflate ? packed_at(self, request, &status) : NULL;
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
    uint32_t size = self->plan->regions[request->region].size;
    uint32_t offset = raw ? request->offset : request->segment_offset, len = raw ? request->len : request->segment_len;
    return len > 0 && offset <= size && len <= size - offset;
}

static int dispatch(struct ferry_store *self, const struct ferry_request *request, answer_fn *answer, void *to)
{
    struct raw_answer raw = {answer, to, request->offset};
    const uint8_t *digest;
    int status;
    switch (request->kind) {
    case FERRY_REQUEST_RAW:
        return each_piece(self, request->region, request->offset, request->len, take_raw, &raw);
    case FERRY_REQUEST_MD5:
    case FERRY_REQUEST_SHA256:
        status = serve_digest(self, request, &digest);
        if (status == FERRY_OK)
            answer(to, 0, digest, request->kind == FERRY_REQUEST_MD5 ? FERRY_MD5_SIZE : FERRY_SHA256_SIZE);
        return status;
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
    if (!inside(self, request))
        return FERRY_ERR_ARG;
    int status = self->sealed ? FERRY_OK : seal(self);
    return status < 0 ? status : dispatch(self, request, answer, to);
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
    pool->cfg = *cfg;
    if (pool->cfg.memory_limit == 0)
        pool->cfg.memory_limit = FERRY_STORE_MEMORY_DEFAULT;
    if (pool->cfg.memory_limit < FERRY_STORE_MEMORY_MIN)
        pool->cfg.memory_limit = FERRY_STORE_MEMORY_MIN;
    return pool;
}

void ferry_store_pool_free(struct ferry_store_pool *pool)
{
    free(pool);
}

void ferry_store_pool_stats(const struct ferry_store_pool *pool, struct ferry_store_stats *out)
{
    *out = pool->stats;
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
            !same_cargo(&s->plan->cargo, key->cargo))
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
    return a->chip == b->chip && a->count == b->count && memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0 &&
           memcmp(a->regions, b->regions, a->count * sizeof a->regions[0]) == 0 && same_cargo(&a->cargo, &b->cargo);
}

static bool allocate(struct ferry_store *self)
{
    uint32_t blocks = 0, segments = 0;
    for (uint8_t i = 0; i < self->plan->count; i++) {
        uint32_t size = self->plan->regions[i].size;
        self->raw_base[i] = blocks;
        self->packed_base[i] = segments;
        blocks += size / FERRY_STORE_BLOCK + 1;
        segments += size / FERRY_SEGMENT_SIZE + 1;
    }
    self->raw = calloc(blocks + 1, sizeof(struct item *));
    self->packed = calloc(segments + 1, sizeof(struct item *));
    self->prints = calloc(blocks + 1, sizeof *self->prints);
    self->digests = calloc(64, sizeof *self->digests);
    self->digest_cap = 64;
    return self->raw && self->packed && self->prints && self->digests;
}

static void drop_all(struct ferry_store *self)
{
    const struct ferry_plan *plan = self->plan;
    for (uint8_t i = 0; i < plan->count; i++) {
        for (uint32_t b = 0; self->raw && b <= plan->regions[i].size / FERRY_STORE_BLOCK; b++)
            if (self->raw[self->raw_base[i] + b])
                drop(self->pool, self->raw[self->raw_base[i] + b]);
        for (uint32_t s = 0; self->packed && s <= plan->regions[i].size / FERRY_SEGMENT_SIZE; s++)
            if (self->packed[self->packed_base[i] + s])
                drop(self->pool, self->packed[self->packed_base[i] + s]);
    }
}

static void destroy(struct ferry_store *self)
{
    drop_all(self);
    ferry_plan_close(self->plan);
    free(self->plan);
    free(self->raw);
    free(self->packed);
    free(self->prints);
    free(self->digests);
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
    if (!allocate(self)) {
        destroy(self);
        return NULL;
    }
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
