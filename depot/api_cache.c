// Pieces of blobs that were read lately. Many updaters fetch the same firmware at about the same time; each chunk of it
// comes from the database once. And whether a blob is still what its SHA-256 says: looked at before it is handed out.
#include <stdlib.h>
#include <string.h>

#include "depot/api_parts.h"
#include "ferry/base/status.h"

#define WAYS 8 // slots that a chunk may lie in

struct slot {
    uint8_t blob[FERRY_SHA256_SIZE]; // whose piece it is; its content, not its row: ids may be used again
    uint32_t chunk, len;
    atomic_uint_fast64_t used; // 0 = free
    uint8_t *bytes;
};

struct api_cache {
    pthread_rwlock_t lock;
    size_t count; // a multiple of WAYS
    atomic_uint_fast64_t clock;
    struct slot slots[];
};

struct api_cache *api_cache_new(uint32_t bytes)
{
    size_t count = bytes / FERRY_DEPOT_CHUNK / WAYS * WAYS;
    count = count ? count : WAYS;
    struct api_cache *self = calloc(1, sizeof *self + count * sizeof self->slots[0]);
    if (!self)
        return NULL;
    self->count = count;
    pthread_rwlock_init(&self->lock, NULL);
    return self;
}

void api_cache_free(struct api_cache *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->slots[i].bytes);
    pthread_rwlock_destroy(&self->lock);
    free(self);
}

// Where a chunk may lie. The first chunks of a firmware lie in other ways than the next ones, whatever its hash is.
static struct slot *ways_of(struct api_cache *self, const struct ferry_depot_blob *blob, uint32_t chunk)
{
    uint32_t from;
    memcpy(&from, blob->sha256, sizeof from);
    return &self->slots[((size_t)from + chunk) % (self->count / WAYS) * WAYS];
}

static struct slot *find(struct slot *ways, const struct ferry_depot_blob *blob, uint32_t chunk)
{
    for (size_t i = 0; i < WAYS; i++)
        if (ways[i].used && ways[i].chunk == chunk && memcmp(ways[i].blob, blob->sha256, FERRY_SHA256_SIZE) == 0)
            return &ways[i];
    return NULL;
}

// Bytes from within a chunk that is there; 0 = it is not.
static int lookup(struct api_cache *self, const struct ferry_depot_blob *blob, uint32_t offset, uint8_t *buf,
                  size_t cap)
{
    uint32_t chunk = offset / FERRY_DEPOT_CHUNK, at = offset % FERRY_DEPOT_CHUNK;
    size_t n = 0;
    pthread_rwlock_rdlock(&self->lock);
    struct slot *s = find(ways_of(self, blob, chunk), blob, chunk);
    if (s && at < s->len) {
        n = s->len - at < cap ? s->len - at : cap;
        memcpy(buf, s->bytes + at, n);
        s->used = ++self->clock;
    }
    pthread_rwlock_unlock(&self->lock);
    return (int)n;
}

// Takes bytes.
static void keep(struct api_cache *self, const struct ferry_depot_blob *blob, uint32_t chunk, uint8_t *bytes,
                 uint32_t len)
{
    struct slot *ways = ways_of(self, blob, chunk);
    pthread_rwlock_wrlock(&self->lock);
    struct slot *s = find(ways, blob, chunk); // somebody else was as fast
    for (size_t i = 0; !s && i < WAYS; i++)
        if (!ways[i].used)
            s = &ways[i];
    if (!s) {
        s = ways;
        for (size_t i = 1; i < WAYS; i++)
            if (ways[i].used < s->used)
                s = &ways[i];
    }
    free(s->bytes);
    memcpy(s->blob, blob->sha256, sizeof s->blob);
    s->chunk = chunk;
    s->len = len;
    s->bytes = bytes;
    s->used = ++self->clock;
    pthread_rwlock_unlock(&self->lock);
}

// A whole chunk from the database; its length, or a negative status.
static int load(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, uint32_t chunk, uint8_t *bytes)
{
    uint32_t offset = chunk * FERRY_DEPOT_CHUNK;
    uint32_t want = blob->size - offset < FERRY_DEPOT_CHUNK ? blob->size - offset : FERRY_DEPOT_CHUNK, have = 0;
    unsigned which;
    int n = 1;
    struct ferry_depot *depot = api_take(self, &which);
    while (have < want && n > 0) {
        n = ferry_depot_blob_read(depot, blob->id, offset + have, bytes + have, want - have);
        have += n > 0 ? (uint32_t)n : 0;
    }
    ferry_depot_blob_rest(depot);
    api_give(self, which);
    if (n < 0)
        return n;
    return have == want ? (int)want : FERRY_ERR_STORAGE_DAMAGED;
}

int api_read(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, uint32_t offset, uint8_t *buf,
             size_t cap)
{
    if (offset >= blob->size || cap == 0)
        return FERRY_ERR_ARG;
    int n = lookup(self->cache, blob, offset, buf, cap);
    if (n != 0)
        return n;
    uint8_t *bytes = malloc(FERRY_DEPOT_CHUNK);
    if (!bytes)
        return FERRY_ERR_NO_MEMORY;
    uint32_t chunk = offset / FERRY_DEPOT_CHUNK, at = offset % FERRY_DEPOT_CHUNK;
    n = load(self, blob, chunk, bytes);
    if (n <= (int)at) {
        free(bytes);
        return n < 0 ? n : FERRY_ERR_STORAGE_DAMAGED;
    }
    size_t len = (size_t)n - at < cap ? (size_t)n - at : cap;
    memcpy(buf, bytes + at, len);
    keep(self->cache, blob, chunk, bytes, (uint32_t)n);
    return (int)len;
}

// ---- proof ----

static bool proved(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, char md5[33])
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < API_PROOFS && !found; i++) {
        const struct api_proof *p = &self->proofs[i];
        found =
            p->used && memcmp(p->blob, blob->sha256, sizeof p->blob) == 0 && api_now(self) - p->at_ms < API_PROOF_MS;
        if (found)
            memcpy(md5, p->md5, sizeof p->md5);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static void note_proof(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, const char *md5)
{
    pthread_mutex_lock(&self->lock);
    uint32_t now = api_now(self);
    struct api_proof *oldest = self->proofs;
    for (size_t i = 0; i < API_PROOFS; i++) {
        struct api_proof *p = &self->proofs[i];
        if (p->used && memcmp(p->blob, blob->sha256, sizeof p->blob) == 0) {
            oldest = p;
            break;
        }
        if (oldest->used && (!p->used || now - p->at_ms > now - oldest->at_ms))
            oldest = p;
    }
    oldest->used = true;
    memcpy(oldest->blob, blob->sha256, sizeof oldest->blob);
    memcpy(oldest->md5, md5, sizeof oldest->md5);
    oldest->at_ms = now;
    pthread_mutex_unlock(&self->lock);
}

static int digest_all(struct ferry_depot_api *self, const struct ferry_depot_blob *blob,
                      const struct ferry_digest *sha256, const struct ferry_digest *md5)
{
    uint8_t buf[8192];
    int status = sha256->begin(sha256->ctx, FERRY_DIGEST_SHA256);
    if (status >= 0)
        status = md5->begin(md5->ctx, FERRY_DIGEST_MD5);
    for (uint32_t at = 0; status >= 0 && at < blob->size;) {
        int n = api_read(self, blob, at, buf, sizeof buf);
        if (n < 0)
            return n;
        status = sha256->update(sha256->ctx, buf, (size_t)n);
        if (status >= 0)
            status = md5->update(md5->ctx, buf, (size_t)n);
        at += (uint32_t)n;
    }
    return status;
}

static int prove(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, const struct ferry_digest *sha256,
                 const struct ferry_digest *md5, char out[33])
{
    uint8_t sum[FERRY_SHA256_SIZE];
    int status = digest_all(self, blob, sha256, md5);
    if (status >= 0)
        status = sha256->finish(sha256->ctx, sum, sizeof sum);
    if (status < 0)
        return status;
    if (memcmp(sum, blob->sha256, sizeof sum) != 0)
        return FERRY_ERR_STORAGE_DAMAGED;
    status = md5->finish(md5->ctx, sum, sizeof sum);
    if (status < 0)
        return status;
    ferry_depot_api_json_hex(sum, FERRY_MD5_SIZE, out);
    note_proof(self, blob, out);
    return FERRY_OK;
}

int api_prove(struct ferry_depot_api *self, const struct ferry_depot_blob *blob, char md5[33])
{
    if (proved(self, blob, md5))
        return FERRY_OK;
    const struct ferry_depot_api_cfg *cfg = &self->cfg;
    struct ferry_digest first = cfg->digest_new(cfg->digest_ctx), second = cfg->digest_new(cfg->digest_ctx);
    int status = FERRY_ERR_NO_MEMORY;
    if (first.ctx && second.ctx)
        status = prove(self, blob, &first, &second, md5);
    if (first.ctx)
        cfg->digest_free(cfg->digest_ctx, &first);
    if (second.ctx)
        cfg->digest_free(cfg->digest_ctx, &second);
    return status;
}
