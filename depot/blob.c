// Blobs: stored in chunks as they come, unseen until whole and held by a build; read in pieces.
#include <stdlib.h>
#include <string.h>

#include "depot/build.h"
#include "ferry/base/status.h"

#define CHUNKS 65536 // of a blob at most: 4 GB
#define IDLE_MS 3600000u
enum { TOUCH_EVERY = 16 }; // chunks

struct ferry_depot_put {
    struct ferry_depot *depot;
    struct ferry_digest digest;
    int64_t blob;
    int64_t kept; // the blob that has these bytes in the end: this one, or one that was there
    uint32_t limit, size;
    uint32_t chunks; // stored so far
    int status;      // the first failure: everything after it fails the same way
    bool existed;
    uint8_t sha256[FERRY_SHA256_SIZE];
    size_t held;
    uint8_t buf[FERRY_DEPOT_CHUNK];
};

static int64_t chunk_id(int64_t blob, uint32_t number)
{
    return blob * CHUNKS + number;
}

// ---- removing ----

static int remove_chunks(struct ferry_depot *self, int64_t blob)
{
    return ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, "DELETE FROM chunk WHERE id BETWEEN $1 AND $2",
                                                             FERRY_DEPOT_QUERY_NUMBER(chunk_id(blob, 0)),
                                                             FERRY_DEPOT_QUERY_NUMBER(chunk_id(blob, CHUNKS - 1))));
}

static int remove_blob(struct ferry_depot *self, int64_t blob)
{
    int status = remove_chunks(self, blob);
    return status < 0 ? status
                      : ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, "DELETE FROM blob WHERE id = $1",
                                                                          FERRY_DEPOT_QUERY_NUMBER(blob)));
}

int ferry_depot_build_drop_blob(struct ferry_depot *self, int64_t blob)
{
    int64_t held = 0;
    int status = ferry_depot_query_number(
        self, FERRY_DEPOT_QUERY(self, "SELECT count(*) FROM file WHERE blob = $1", FERRY_DEPOT_QUERY_NUMBER(blob)),
        &held);
    return status < 0 || held ? status : remove_blob(self, blob);
}

// One blob that nobody holds and that was left alone: 1 = it is gone, 0 = there is none.
static int sweep_one(struct ferry_depot *self, void *ctx)
{
    static const char sql[] = "SELECT id FROM blob b WHERE touched <= ferry_now() - $1"
                              " AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = b.id) LIMIT 1 {skip}";
    int64_t blob = 0;
    int status = ferry_depot_query_number(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(*(const uint32_t *)ctx)), &blob);
    if (status > 0)
        status = remove_blob(self, blob);
    return status;
}

static int any_to_sweep(struct ferry_depot *self, uint32_t idle_ms)
{
    static const char sql[] = "SELECT count(*) FROM blob b WHERE touched <= ferry_now() - $1"
                              " AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = b.id)";
    int64_t count = 0;
    int status =
        ferry_depot_query_number(self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(idle_ms)), &count);
    return status < 0 ? status : count > 0;
}

int ferry_depot_sweep(struct ferry_depot *self, uint32_t idle_ms)
{
    uint32_t idle = idle_ms ? idle_ms : IDLE_MS;
    int count = 0;
    int status = any_to_sweep(self, idle);
    while (status > 0) {
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_RELAXED, sweep_one, &idle);
        count += status > 0;
    }
    return status < 0 ? status : count;
}

// ---- storing ----

static int insert_blob(struct ferry_depot *self, void *ctx)
{
    static const char sql[] = "INSERT INTO blob (size, whole, touched) VALUES (0, 0, ferry_now()) RETURNING id";
    int status = ferry_depot_query_number(self, ferry_depot_query_run(self, sql, 0, 0), ctx);
    return status < 0 ? status : FERRY_OK;
}

int ferry_depot_put_begin(struct ferry_depot *self, const struct ferry_digest *digest, uint32_t limit,
                          struct ferry_depot_put **out)
{
    struct ferry_depot_put *put = calloc(1, sizeof *put);
    *out = 0;
    if (!put)
        return ferry_depot_engine_fail(self, FERRY_ERR_NO_MEMORY, 0, "out of memory");
    put->depot = self;
    put->digest = *digest;
    put->limit = limit ? limit : UINT32_MAX;
    int status = ferry_depot_sweep(self, 0);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_RELAXED, insert_blob, &put->blob);
    if (status >= 0 && digest->begin(digest->ctx, FERRY_DIGEST_SHA256) < 0)
        status = ferry_depot_engine_fail(self, FERRY_ERR_UNSUPPORTED, 0, "SHA-256 is not available");
    if (status < 0) {
        free(put);
        return status;
    }
    *out = put;
    return FERRY_OK;
}

static int swept(struct ferry_depot *self)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "store it again",
                                   "what had been stored so far was removed because nothing came for too long");
}

// Tells the sweep that somebody is still at it.
static int touch(struct ferry_depot_put *put)
{
    static const char sql[] = "UPDATE blob SET touched = ferry_now() WHERE id = $1 AND whole = 0";
    int status =
        ferry_depot_query_changes(put->depot, FERRY_DEPOT_QUERY(put->depot, sql, FERRY_DEPOT_QUERY_NUMBER(put->blob)));
    return status == 0 ? swept(put->depot) : status;
}

static int insert_chunk(struct ferry_depot *self, void *ctx)
{
    struct ferry_depot_put *put = ctx;
    int status = put->chunks % TOUCH_EVERY == 0 ? touch(put) : FERRY_OK;
    if (status >= 0)
        status = ferry_depot_query_changes(self,
                                           FERRY_DEPOT_QUERY(self, "INSERT INTO chunk (id, bytes) VALUES ($1, $2)",
                                                             FERRY_DEPOT_QUERY_NUMBER(chunk_id(put->blob, put->chunks)),
                                                             ferry_depot_engine_bytes(put->buf, put->held)));
    return status < 0 ? status : FERRY_OK;
}

static int flush(struct ferry_depot_put *put)
{
    if (put->held == 0)
        return FERRY_OK;
    int status = ferry_depot_query_transaction(put->depot, FERRY_DEPOT_ENGINE_RELAXED, insert_chunk, put);
    put->chunks++;
    put->held = 0;
    return status;
}

static int put_piece(struct ferry_depot_put *put, const uint8_t *bytes, size_t len)
{
    if (len > put->limit - put->size)
        return ferry_depot_engine_fail(put->depot, FERRY_ERR_NO_SPACE, "is this a firmware?",
                                       "more than the %lu bytes that are allowed", (unsigned long)put->limit);
    int status = put->digest.update(put->digest.ctx, bytes, len);
    for (size_t at = 0; status >= 0 && at < len;) {
        size_t n = sizeof put->buf - put->held;
        n = n < len - at ? n : len - at;
        memcpy(put->buf + put->held, bytes + at, n);
        put->held += n;
        at += n;
        if (put->held == sizeof put->buf)
            status = flush(put);
    }
    put->size += (uint32_t)len;
    return status;
}

int ferry_depot_put_write(struct ferry_depot_put *put, const uint8_t *bytes, size_t len)
{
    if (put->status >= 0)
        put->status = put_piece(put, bytes, len);
    return put->status;
}

// The blob with these bytes that is whole already: 1 and *id.
static int find_whole(struct ferry_depot *self, const uint8_t *sha256, int64_t *id)
{
    return ferry_depot_query_number(self,
                                    FERRY_DEPOT_QUERY(self,
                                                      "SELECT id FROM blob WHERE sha256 = $1 AND whole = 1 {lock}",
                                                      FERRY_DEPOT_QUERY_SHA256(sha256)),
                                    id);
}

static int keep(struct ferry_depot_put *put)
{
    static const char sql[] = "UPDATE blob SET sha256 = $1, size = $2, whole = 1, touched = ferry_now()"
                              " WHERE id = $3 AND whole = 0";
    int status = ferry_depot_query_changes(
        put->depot, FERRY_DEPOT_QUERY(put->depot, sql, FERRY_DEPOT_QUERY_SHA256(put->sha256),
                                      FERRY_DEPOT_QUERY_NUMBER(put->size), FERRY_DEPOT_QUERY_NUMBER(put->blob)));
    return status == 0 ? swept(put->depot) : status;
}

// The stored copy is damaged: these chunks take the place of its chunks.
static int heal(struct ferry_depot_put *put, int64_t damaged)
{
    static const char sql[] = "UPDATE chunk SET id = id + $1 WHERE id BETWEEN $2 AND $3";
    struct ferry_depot *self = put->depot;
    int status = remove_chunks(self, damaged);
    if (status < 0)
        return status;
    return ferry_depot_query_changes(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER((damaged - put->blob) * CHUNKS),
                                FERRY_DEPOT_QUERY_NUMBER(chunk_id(put->blob, 0)),
                                FERRY_DEPOT_QUERY_NUMBER(chunk_id(put->blob, CHUNKS - 1))));
}

static int finish(struct ferry_depot *self, void *ctx)
{
    struct ferry_depot_put *put = ctx;
    int64_t other = 0;
    int status = find_whole(self, put->sha256, &other);
    if (status < 0)
        return status;
    put->existed = status > 0;
    put->kept = put->existed ? other : put->blob;
    if (!put->existed)
        return keep(put);
    int whole = ferry_depot_blob_verify(self, other);
    if (whole == FERRY_ERR_STORAGE_DAMAGED)
        whole = heal(put, other);
    status = whole < 0 ? whole : remove_blob(self, put->blob);
    if (status >= 0)
        status = ferry_depot_query_changes(
            self, FERRY_DEPOT_QUERY(self, "UPDATE blob SET touched = ferry_now() WHERE id = $1",
                                    FERRY_DEPOT_QUERY_NUMBER(other)));
    return status;
}

static int end(struct ferry_depot_put *put, const uint8_t *expected)
{
    int status = put->status >= 0 ? flush(put) : put->status;
    if (status < 0)
        return status;
    if (put->size == 0)
        return ferry_depot_engine_fail(put->depot, FERRY_ERR_IMAGE_TRUNCATED, 0,
                                       "there is nothing to store: it is empty");
    if (put->digest.finish(put->digest.ctx, put->sha256, sizeof put->sha256) < 0)
        return ferry_depot_engine_fail(put->depot, FERRY_ERR_STATE, 0, "the digest failed");
    if (expected && memcmp(expected, put->sha256, sizeof put->sha256) != 0)
        return ferry_depot_engine_fail(put->depot, FERRY_ERR_VERIFY, "send it again; nothing was stored",
                                       "what arrived is not what was announced: another SHA-256");
    return ferry_depot_query_transaction(put->depot, FERRY_DEPOT_ENGINE_WRITE, finish, put);
}

int ferry_depot_put_end(struct ferry_depot_put *put, const uint8_t *expected, struct ferry_depot_blob *out,
                        bool *existed)
{
    int status = end(put, expected);
    if (status < 0) {
        struct ferry_depot *self = put->depot;
        struct ferry_depot_error error = self->error;
        ferry_depot_put_abort(put);
        self->error = error;
        return status;
    }
    out->id = put->kept;
    out->size = put->size;
    memcpy(out->sha256, put->sha256, sizeof out->sha256);
    if (existed)
        *existed = put->existed;
    free(put);
    return FERRY_OK;
}

static int drop(struct ferry_depot *self, void *ctx)
{
    return remove_blob(self, *(const int64_t *)ctx);
}

void ferry_depot_put_abort(struct ferry_depot_put *put)
{
    if (!put)
        return;
    // What cannot be removed now is swept later.
    (void)ferry_depot_query_transaction(put->depot, FERRY_DEPOT_ENGINE_RELAXED, drop, &put->blob);
    free(put);
}

// ---- reading ----

int ferry_depot_blob_find(struct ferry_depot *self, const uint8_t sha256[FERRY_SHA256_SIZE],
                          struct ferry_depot_blob *out)
{
    struct ferry_depot_row row = {.depot = self};
    int status = FERRY_DEPOT_QUERY(self, "SELECT id, size FROM blob WHERE sha256 = $1 AND whole = 1",
                                   FERRY_DEPOT_QUERY_SHA256(sha256));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        out->id = ferry_depot_row_number(&row);
        out->size = (uint32_t)ferry_depot_row_number(&row);
        memcpy(out->sha256, sha256, FERRY_SHA256_SIZE);
    }
    ferry_depot_query_done(self);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "", "there is no file with this SHA-256");
    return status < 0 ? status : FERRY_OK;
}

void ferry_depot_build_size(struct ferry_depot *self, int64_t blob, uint32_t size)
{
    for (unsigned i = 0; i < FERRY_DEPOT_ENGINE_SIZES; i++)
        if (self->sizes[i].blob == blob)
            return;
    unsigned slot = self->sizes_next++ % FERRY_DEPOT_ENGINE_SIZES;
    self->sizes[slot].blob = blob;
    self->sizes[slot].size = size;
}

static int size_of(struct ferry_depot *self, int64_t blob, uint32_t *size)
{
    int64_t found = 0;
    for (unsigned i = 0; i < FERRY_DEPOT_ENGINE_SIZES; i++)
        if (self->sizes[i].blob == blob && blob) {
            *size = self->sizes[i].size;
            return FERRY_OK;
        }
    int status = ferry_depot_query_number(
        self,
        FERRY_DEPOT_QUERY(self, "SELECT size FROM blob WHERE id = $1 AND whole = 1", FERRY_DEPOT_QUERY_NUMBER(blob)),
        &found);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, 0, "there is no such file in the depot");
    if (status < 0)
        return status;
    *size = (uint32_t)found;
    ferry_depot_build_size(self, blob, *size);
    return FERRY_OK;
}

static int damaged(struct ferry_depot *self, int64_t blob, const char *what)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_DAMAGED,
                                   "add the same build again: that repairs it; it was not and will not be flashed",
                                   "the stored file %lld is damaged: %s", (long long)blob, what);
}

int ferry_depot_blob_read(struct ferry_depot *self, int64_t blob, uint32_t offset, uint8_t *buf, size_t cap)
{
    uint32_t size = 0;
    int status = size_of(self, blob, &size);
    if (status < 0 || offset >= size || cap == 0)
        return status;
    uint32_t in_chunk = offset % FERRY_DEPOT_CHUNK, left = size - offset;
    uint32_t there = FERRY_DEPOT_CHUNK - in_chunk < left ? FERRY_DEPOT_CHUNK - in_chunk : left;
    size_t len = there < cap ? there : cap;
    status = self->engine->chunk(self, chunk_id(blob, offset / FERRY_DEPOT_CHUNK), in_chunk, buf, len);
    if (status == FERRY_ERR_STORAGE_MISSING)
        return damaged(self, blob, "a piece is missing");
    if (status >= 0 && (size_t)status != len)
        return damaged(self, blob, "a piece is too short");
    return status;
}

void ferry_depot_blob_rest(struct ferry_depot *self)
{
    self->engine->rest(self);
}

static int digest_blob(struct ferry_depot *self, int64_t blob, uint8_t out[FERRY_SHA256_SIZE])
{
    const struct ferry_digest *digest = self->cfg.digest;
    uint8_t piece[16384];
    uint32_t at = 0;
    if (digest->begin(digest->ctx, FERRY_DIGEST_SHA256) < 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_UNSUPPORTED, 0, "SHA-256 is not available");
    int n;
    while ((n = ferry_depot_blob_read(self, blob, at, piece, sizeof piece)) > 0) {
        if (digest->update(digest->ctx, piece, (size_t)n) < 0)
            return ferry_depot_engine_fail(self, FERRY_ERR_STATE, 0, "the digest failed");
        at += (uint32_t)n;
    }
    if (n < 0)
        return n;
    return digest->finish(digest->ctx, out, FERRY_SHA256_SIZE) < 0
               ? ferry_depot_engine_fail(self, FERRY_ERR_STATE, 0, "the digest failed")
               : FERRY_OK;
}

int ferry_depot_blob_verify(struct ferry_depot *self, int64_t blob)
{
    uint8_t stored[FERRY_SHA256_SIZE], computed[FERRY_SHA256_SIZE];
    struct ferry_depot_row row = {.depot = self};
    int status =
        FERRY_DEPOT_QUERY(self, "SELECT sha256 FROM blob WHERE id = $1 AND whole = 1", FERRY_DEPOT_QUERY_NUMBER(blob));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0)
        ferry_depot_row_sha256(&row, stored);
    ferry_depot_query_done(self);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, 0, "there is no such file in the depot");
    if (status < 0)
        return status;
    ferry_depot_blob_rest(self);
    status = digest_blob(self, blob, computed);
    ferry_depot_blob_rest(self);
    if (status >= 0 && memcmp(stored, computed, sizeof stored) != 0)
        status = damaged(self, blob, "its SHA-256 is another than when it was stored");
    return status;
}
