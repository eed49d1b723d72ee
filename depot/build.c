// Builds: what goes where, and what the images say about themselves.
#include <stdlib.h>
#include <string.h>

#include "depot/build.h"
#include "ferry/base/bytes.h"
#include "ferry/base/status.h"

void ferry_depot_build_row(struct ferry_depot_row *row, struct ferry_depot_build *out)
{
    memset(out, 0, sizeof *out);
    out->id = ferry_depot_row_number(row);
    ferry_depot_row_sha256(row, out->sha256);
    ferry_depot_row_text(row, out->kind, sizeof out->kind);
    ferry_depot_row_text(row, out->chip, sizeof out->chip);
    ferry_depot_row_text(row, out->project, sizeof out->project);
    ferry_depot_row_text(row, out->version, sizeof out->version);
    ferry_depot_row_text(row, out->idf, sizeof out->idf);
    ferry_depot_row_text(row, out->built, sizeof out->built);
    ferry_depot_row_text(row, out->note, sizeof out->note);
    out->flash_size = (uint32_t)ferry_depot_row_number(row);
    out->size = (uint64_t)ferry_depot_row_number(row);
    out->file_count = (uint32_t)ferry_depot_row_number(row);
    ferry_depot_row_sha256(row, out->app_sha256);
    ferry_depot_row_sha256(row, out->app_image_sha256);
    ferry_depot_row_sha256(row, out->app_elf_sha256);
    out->added_ms = ferry_depot_row_number(row);
}

int ferry_depot_build_rows(struct ferry_depot *self, int run_status, struct ferry_depot_build *out, size_t cap)
{
    int status = run_status;
    size_t count = 0;
    while (status >= 0 && count < cap && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        ferry_depot_build_row(&row, &out[count++]);
        status = row.status;
    }
    ferry_depot_query_done(self);
    return status < 0 ? status : (int)count;
}

// ---- adding ----

struct adding {
    struct ferry_depot_build *build;
    const struct ferry_depot_file *files;
    struct ferry_depot_file *sorted; // by address, with their blobs' facts
    size_t count;
    const char *layout;
    bool existed;
};

static int by_address(const void *a, const void *b)
{
    const struct ferry_depot_file *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static int load_blob(struct ferry_depot *self, struct ferry_depot_blob *blob)
{
    struct ferry_depot_row row = {.depot = self};
    int status = FERRY_DEPOT_QUERY(self, "SELECT size, sha256 FROM blob WHERE id = $1 AND whole = 1 {pg:FOR KEY SHARE}",
                                   FERRY_DEPOT_QUERY_NUMBER(blob->id));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        blob->size = (uint32_t)ferry_depot_row_number(&row);
        ferry_depot_row_sha256(&row, blob->sha256);
    }
    ferry_depot_query_done(self);
    if (status == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "store it again",
                                       "a file of the build is not in the depot (any more)");
    return status;
}

// What tells one build from another: where its bytes go, and which they are.
static int identify(struct ferry_depot *self, struct adding *a)
{
    const struct ferry_digest *digest = self->cfg.digest;
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    a->build->size = 0;
    for (size_t i = 0; status >= 0 && i < a->count; i++) {
        const struct ferry_depot_file *file = &a->sorted[i];
        uint8_t head[8];
        ferry_store32le(head, file->address);
        ferry_store32le(head + 4, file->blob.size);
        a->build->size += file->blob.size;
        status = digest->update(digest->ctx, head, sizeof head);
        if (status >= 0)
            status = digest->update(digest->ctx, file->blob.sha256, sizeof file->blob.sha256);
    }
    if (status >= 0)
        status = digest->finish(digest->ctx, a->build->sha256, sizeof a->build->sha256);
    a->build->file_count = (uint32_t)a->count;
    return status < 0 ? ferry_depot_engine_fail(self, FERRY_ERR_STATE, 0, "the digest failed") : FERRY_OK;
}

static int insert_build(struct ferry_depot *self, struct adding *a)
{
    static const char sql[] =
        "INSERT INTO build (sha256, kind, chip, project, version, idf, built, note, flash_size, size, file_count,"
        " app_sha256, app_image_sha256, app_elf_sha256, layout, added)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, ferry_now()) RETURNING id, added";
    struct ferry_depot_build *b = a->build;
    struct ferry_depot_row row = {.depot = self};
    int status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_SHA256(b->sha256), FERRY_DEPOT_QUERY_TEXT(b->kind),
                                   FERRY_DEPOT_QUERY_TEXT(b->chip), FERRY_DEPOT_QUERY_TEXT(b->project),
                                   FERRY_DEPOT_QUERY_TEXT(b->version), FERRY_DEPOT_QUERY_TEXT(b->idf),
                                   FERRY_DEPOT_QUERY_TEXT(b->built), FERRY_DEPOT_QUERY_TEXT(b->note),
                                   FERRY_DEPOT_QUERY_NUMBER(b->flash_size), FERRY_DEPOT_QUERY_NUMBER(b->size),
                                   FERRY_DEPOT_QUERY_NUMBER(b->file_count), FERRY_DEPOT_QUERY_SHA256(b->app_sha256),
                                   FERRY_DEPOT_QUERY_SHA256(b->app_image_sha256),
                                   FERRY_DEPOT_QUERY_SHA256(b->app_elf_sha256), FERRY_DEPOT_QUERY_TEXT(a->layout));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        b->id = ferry_depot_row_number(&row);
        b->added_ms = ferry_depot_row_number(&row);
    }
    // To its end: SQLite writes what RETURNING gives only then.
    while (status > 0)
        status = ferry_depot_query_next(self);
    return status;
}

static int insert_files(struct ferry_depot *self, const struct adding *a)
{
    static const char sql[] =
        "INSERT INTO file (build, seq, role, name, address, blob) VALUES ($1, $2, $3, $4, $5, $6)";
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < a->count; i++) {
        const struct ferry_depot_file *file = &a->sorted[i];
        int64_t address = file->address == FERRY_DEPOT_NO_ADDRESS ? -1 : (int64_t)file->address;
        status = ferry_depot_query_changes(
            self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(a->build->id), FERRY_DEPOT_QUERY_NUMBER(i),
                                    FERRY_DEPOT_QUERY_TEXT(file->role), FERRY_DEPOT_QUERY_TEXT(file->name),
                                    FERRY_DEPOT_QUERY_NUMBER(address), FERRY_DEPOT_QUERY_NUMBER(file->blob.id)));
    }
    return status;
}

static int add(struct ferry_depot *self, void *ctx)
{
    struct adding *a = ctx;
    int64_t id = 0;
    int status = FERRY_OK;
    memcpy(a->sorted, a->files, a->count * sizeof *a->sorted);
    qsort(a->sorted, a->count, sizeof *a->sorted, by_address);
    for (size_t i = 0; status >= 0 && i < a->count; i++)
        status = load_blob(self, &a->sorted[i].blob);
    if (status >= 0)
        status = identify(self, a);
    if (status >= 0)
        status = ferry_depot_query_number(self,
                                          FERRY_DEPOT_QUERY(self, "SELECT id FROM build WHERE sha256 = $1",
                                                            FERRY_DEPOT_QUERY_SHA256(a->build->sha256)),
                                          &id);
    a->existed = status > 0;
    if (a->existed)
        return ferry_depot_build_get(self, id, a->build);
    if (status >= 0)
        status = insert_build(self, a);
    return status < 0 ? status : insert_files(self, a);
}

static int check_build(struct ferry_depot *self, const struct ferry_depot_build *b)
{
    const struct {
        const char *name, *text;
        size_t cap;
    } texts[] = {{"the kind", b->kind, sizeof b->kind},          {"the chip", b->chip, sizeof b->chip},
                 {"the version", b->version, sizeof b->version}, {"the ESP-IDF version", b->idf, sizeof b->idf},
                 {"the date", b->built, sizeof b->built},        {"the note", b->note, sizeof b->note}};
    int status = ferry_depot_query_check_some(self, "the project", b->project, sizeof b->project);
    for (size_t i = 0; status >= 0 && i < sizeof texts / sizeof texts[0]; i++)
        status = ferry_depot_query_check(self, texts[i].name, texts[i].text, texts[i].cap);
    return status;
}

static int check_files(struct ferry_depot *self, const struct ferry_depot_file *files, size_t count)
{
    int status = FERRY_OK;
    if (count == 0 || count > FERRY_DEPOT_FILES)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "", "a build has 1 to %d files, not %zu", FERRY_DEPOT_FILES,
                                       count);
    for (size_t i = 0; status >= 0 && i < count; i++) {
        status = ferry_depot_query_check(self, "the role of a file", files[i].role, sizeof files[i].role);
        if (status >= 0)
            status = ferry_depot_query_check(self, "the name of a file", files[i].name, sizeof files[i].name);
        for (size_t k = 0; status >= 0 && k < i; k++)
            if (files[k].address == files[i].address)
                status = ferry_depot_engine_fail(self, FERRY_ERR_ARG, "",
                                                 files[i].address == FERRY_DEPOT_NO_ADDRESS
                                                     ? "two files without a flash address (0x%lx)"
                                                     : "two files for the flash address 0x%lx",
                                                 (unsigned long)files[i].address);
    }
    return status;
}

int ferry_depot_build_add(struct ferry_depot *self, struct ferry_depot_build *build,
                          const struct ferry_depot_file *files, size_t count, const char *layout, bool *existed)
{
    struct ferry_depot_file sorted[FERRY_DEPOT_FILES];
    struct adding a = {.build = build, .files = files, .sorted = sorted, .count = count, .layout = layout};
    int status = check_build(self, build);
    if (status >= 0)
        status = check_files(self, files, count);
    if (status >= 0)
        status = ferry_depot_query_check(self, "the partition layout", layout, FERRY_DEPOT_LAYOUT);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, add, &a);
    if (status >= 0 && existed)
        *existed = a.existed;
    return status < 0 ? status : FERRY_OK;
}

// ---- looking ----

// The text as a pattern for LIKE: found anywhere, its own % and _ plain.
static void pattern(const char *text, char *out, size_t cap)
{
    size_t used = 0;
    out[used++] = '%';
    for (; text && *text && used + 4 < cap; text++) {
        if (*text == '%' || *text == '_' || *text == '\\')
            out[used++] = '\\';
        out[used++] = *text;
    }
    out[used++] = '%';
    out[used] = 0;
}

int ferry_depot_build_list(struct ferry_depot *self, const struct ferry_depot_filter *filter,
                           struct ferry_depot_build *out, size_t cap)
{
    static const char sql[] =
        "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM build b WHERE b.id < $1 AND ($2 = '' OR b.project = $2)"
        " AND ($3 = '' OR b.version = $3) AND ($4 = '' OR b.chip = $4)"
        " AND ($5 = '' OR EXISTS (SELECT 1 FROM channel c WHERE c.build = b.id AND c.name = $5))"
        " AND ($6 = '%%' OR lower(b.project) LIKE lower($6) ESCAPE '\\' OR lower(b.version) LIKE lower($6) ESCAPE '\\'"
        " OR lower(b.note) LIKE lower($6) ESCAPE '\\' OR EXISTS (SELECT 1 FROM file f WHERE f.build = b.id"
        " AND lower(f.name) LIKE lower($6) ESCAPE '\\')) ORDER BY b.id DESC LIMIT $7";
    char like[2 * FERRY_DEPOT_TEXT + 8];
    struct ferry_depot_filter all = {0};
    const struct ferry_depot_filter *f = filter ? filter : &all;
    const char *const texts[] = {f->project, f->version, f->chip, f->channel, f->text};
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < sizeof texts / sizeof texts[0]; i++)
        status = ferry_depot_query_check(self, "a filter", texts[i], FERRY_DEPOT_TEXT);
    if (status < 0)
        return status;
    pattern(f->text, like, sizeof like);
    status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(f->before > 0 ? f->before : INT64_MAX),
                               FERRY_DEPOT_QUERY_TEXT(f->project), FERRY_DEPOT_QUERY_TEXT(f->version),
                               FERRY_DEPOT_QUERY_TEXT(f->chip), FERRY_DEPOT_QUERY_TEXT(f->channel),
                               FERRY_DEPOT_QUERY_TEXT(like), FERRY_DEPOT_QUERY_NUMBER(cap < 1000 ? cap : 1000));
    return ferry_depot_build_rows(self, status, out, cap);
}

static int no_build(struct ferry_depot *self, int64_t id)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "see: ferry depot list", "there is no build #%lld",
                                   (long long)id);
}

int ferry_depot_build_get(struct ferry_depot *self, int64_t id, struct ferry_depot_build *out)
{
    int status = ferry_depot_build_rows(
        self,
        FERRY_DEPOT_QUERY(self, "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM build b WHERE b.id = $1",
                          FERRY_DEPOT_QUERY_NUMBER(id)),
        out, 1);
    return status == 0 ? no_build(self, id) : status < 0 ? status : FERRY_OK;
}

int ferry_depot_build_files(struct ferry_depot *self, int64_t id, struct ferry_depot_file out[FERRY_DEPOT_FILES])
{
    static const char sql[] = "SELECT f.role, f.name, f.address, f.blob, b.size, b.sha256 FROM file f"
                              " JOIN blob b ON b.id = f.blob WHERE f.build = $1 ORDER BY f.seq";
    int status = FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_NUMBER(id));
    int count = 0;
    while (status >= 0 && count < FERRY_DEPOT_FILES && (status = ferry_depot_query_next(self)) > 0) {
        struct ferry_depot_row row = {.depot = self};
        struct ferry_depot_file *file = &out[count++];
        memset(file, 0, sizeof *file);
        ferry_depot_row_text(&row, file->role, sizeof file->role);
        ferry_depot_row_text(&row, file->name, sizeof file->name);
        file->address = (uint32_t)ferry_depot_row_number(&row); // -1 is FERRY_DEPOT_NO_ADDRESS
        file->blob.id = ferry_depot_row_number(&row);
        file->blob.size = (uint32_t)ferry_depot_row_number(&row);
        ferry_depot_row_sha256(&row, file->blob.sha256);
        status = row.status;
    }
    ferry_depot_query_done(self);
    for (int i = 0; status >= 0 && i < count; i++)
        ferry_depot_build_size(self, out[i].blob.id, out[i].blob.size);
    return status < 0 ? status : count == 0 ? no_build(self, id) : count;
}

int ferry_depot_build_layout(struct ferry_depot *self, int64_t id, char out[FERRY_DEPOT_LAYOUT])
{
    struct ferry_depot_row row = {.depot = self};
    int status = FERRY_DEPOT_QUERY(self, "SELECT layout FROM build WHERE id = $1", FERRY_DEPOT_QUERY_NUMBER(id));
    if (status >= 0)
        status = ferry_depot_query_next(self);
    if (status > 0) {
        ferry_depot_row_text(&row, out, FERRY_DEPOT_LAYOUT);
        status = row.status < 0 ? row.status : 1;
    }
    ferry_depot_query_done(self);
    return status == 0 ? no_build(self, id) : status < 0 ? status : (int)strlen(out);
}

// ---- removing ----

struct removing {
    int64_t id;
    bool force;
};

static int refuse_users(struct ferry_depot *self, void *ctx)
{
    const struct removing *r = ctx;
    int64_t jobs = 0, channels = 0;
    int status =
        ferry_depot_query_number(self,
                                 FERRY_DEPOT_QUERY(self, "SELECT count(*) FROM job WHERE build = $1 AND state <= 2",
                                                   FERRY_DEPOT_QUERY_NUMBER(r->id)),
                                 &jobs);
    if (status >= 0)
        status = ferry_depot_query_number(
            self,
            FERRY_DEPOT_QUERY(self, "SELECT count(*) FROM channel WHERE build = $1", FERRY_DEPOT_QUERY_NUMBER(r->id)),
            &channels);
    if (status < 0)
        return status;
    if (jobs)
        return ferry_depot_engine_fail(self, FERRY_ERR_STATE, "cancel these first: ferry depot jobs cancel ID",
                                       "%lld job%s that %s not over want build #%lld", (long long)jobs,
                                       jobs == 1 ? "" : "s", jobs == 1 ? "is" : "are", (long long)r->id);
    if (channels && !r->force)
        return ferry_depot_engine_fail(self, FERRY_ERR_STATE, "point the channel at another build, or use --force",
                                       "%lld channel%s at build #%lld", (long long)channels,
                                       channels == 1 ? " points" : "s point", (long long)r->id);
    return FERRY_OK;
}

int ferry_depot_build_used(struct ferry_depot *self, int64_t id)
{
    struct removing r = {.id = id};
    return refuse_users(self, &r);
}

static int remove_build(struct ferry_depot *self, void *ctx)
{
    struct removing *r = ctx;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    int64_t locked; // nobody else queues a job for it from here on
    int status = ferry_depot_query_number(
        self, FERRY_DEPOT_QUERY(self, "SELECT id FROM build WHERE id = $1 {lock}", FERRY_DEPOT_QUERY_NUMBER(r->id)),
        &locked);
    int count = status < 0 ? status : ferry_depot_build_files(self, r->id, files);
    status = count < 0 ? count : refuse_users(self, r);
    if (status >= 0)
        status = ferry_depot_query_changes(
            self, FERRY_DEPOT_QUERY(self, "DELETE FROM channel WHERE build = $1", FERRY_DEPOT_QUERY_NUMBER(r->id)));
    if (status >= 0)
        status = ferry_depot_query_changes(
            self, FERRY_DEPOT_QUERY(self, "DELETE FROM build WHERE id = $1", FERRY_DEPOT_QUERY_NUMBER(r->id)));
    for (int i = 0; status >= 0 && i < count; i++)
        status = ferry_depot_build_drop_blob(self, files[i].blob.id);
    return status;
}

int ferry_depot_build_remove(struct ferry_depot *self, int64_t id, bool force)
{
    struct removing r = {.id = id, .force = force};
    int status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, remove_build, &r);
    memset(self->sizes, 0, sizeof self->sizes);
    if (status < 0)
        return status;
    (void)self->engine->compact(self, false); // the room is used again anyway
    return FERRY_OK;
}

// ---- notes ----

struct noting {
    int64_t id;
    const char *note;
};

static int set_note(struct ferry_depot *self, void *ctx)
{
    const struct noting *n = ctx;
    return ferry_depot_query_changes(self, FERRY_DEPOT_QUERY(self, "UPDATE build SET note = $1 WHERE id = $2",
                                                             FERRY_DEPOT_QUERY_TEXT(n->note),
                                                             FERRY_DEPOT_QUERY_NUMBER(n->id)));
}

int ferry_depot_build_note(struct ferry_depot *self, int64_t id, const char *note)
{
    struct noting n = {.id = id, .note = note};
    int status = ferry_depot_query_check(self, "the note", note, FERRY_DEPOT_NOTE);
    if (status >= 0)
        status = ferry_depot_query_transaction(self, FERRY_DEPOT_ENGINE_WRITE, set_note, &n);
    memset(self->builds, 0, sizeof self->builds);
    return status == 0 ? no_build(self, id) : status < 0 ? status : FERRY_OK;
}
