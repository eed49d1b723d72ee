// The depot's engine for one machine: SQLite, with a write-ahead log and incremental blob I/O.
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "depot/engine.h"
#include "ferry/base/status.h"

// PAGE: pieces of 4 to 64 KB come as fast as from a plain file (tests/bench/bench_depot.c); a larger one only makes
// small changes dearer. CACHE_KB, LOG_PAGES, LOG_BYTES: bounds for memory and for the write-ahead log.
enum { STATEMENTS = 96, PAGE = 32768, CACHE_KB = 2048, LOG_PAGES = 256, LOG_BYTES = 16 << 20, SNAPSHOT_MS = 1000 };

struct sqlite {
    sqlite3 *db;
    struct {
        const char *sql; // by its address
        sqlite3_stmt *statement;
    } prepared[STATEMENTS];
    size_t prepared_count;
    sqlite3_stmt *current;
    sqlite3_blob *blob; // of the chunk that was read last; it holds a snapshot
    int64_t blob_chunk;
    int64_t blob_since_ms;
    bool relaxed;
};

static const char *const words[][2] = {{"key", "INTEGER PRIMARY KEY AUTOINCREMENT"},
                                       {"row", "INTEGER PRIMARY KEY"},
                                       {"bytes", "BLOB"},
                                       {"skip", ""},
                                       {"lock", ""},
                                       {0, 0}};

static struct sqlite *state_of(struct ferry_depot *self)
{
    return self->state;
}

// ---- errors ----

static int status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FERRY_ERR_BUSY;
    case SQLITE_CONSTRAINT:
        return FERRY_DEPOT_ENGINE_AGAIN;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return FERRY_ERR_STORAGE_WRITE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR: // the statements are right: a table is missing, or is another one
        return FERRY_ERR_STORAGE_DAMAGED;
    case SQLITE_NOMEM:
        return FERRY_ERR_NO_MEMORY;
    case SQLITE_IOERR:
        return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_TRUNCATE ||
                       code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_DIR_FSYNC
                   ? FERRY_ERR_STORAGE_WRITE
                   : FERRY_ERR_STORAGE_READ;
    default:
        return FERRY_ERR_STORAGE_READ;
    }
}

static const char *hint_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "make room on the disk (ferry depot rm), then do it again; nothing was changed";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "make the file and its folder writable";
    case SQLITE_CANTOPEN:
        return "may you read it, and write into its folder? SQLite keeps its log beside the file";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program writes to it; try again";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return "is this the right file? a damaged depot: sqlite3 FILE .recover saves what can be saved";
    default:
        return 0;
    }
}

static int fail(struct ferry_depot *self, const char *what)
{
    sqlite3 *db = state_of(self)->db;
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int number = db ? sqlite3_system_errno(db) : 0;
    bool full = number == ENOSPC || number == EFBIG || number == EDQUOT;
    int status = full ? FERRY_ERR_STORAGE_WRITE : status_of(code);
    return ferry_depot_engine_fail(self, status, hint_of(full ? SQLITE_FULL : code), "%s: %s%s%s", what,
                                   db ? sqlite3_errmsg(db) : "out of memory", full ? ": " : "",
                                   full ? strerror(number) : "");
}

// ---- opening ----

static void now(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    const struct ferry_depot *self = sqlite3_user_data(context);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    sqlite3_result_int64(context, self->cfg.now_ms ? self->cfg.now_ms(self->cfg.now_ctx)
                                                   : (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

// The folders above the file; what is wrong shows when the file is opened.
static void make_folders(const char *path)
{
    char part[1024];
    for (size_t i = 1; path[i] && i < sizeof part; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            mkdir(part, 0777);
        }
}

static int script(struct ferry_depot *self, const char *sql)
{
    char *spelled = ferry_depot_engine_spell(sql, words, false);
    if (!spelled)
        return ferry_depot_engine_fail(self, FERRY_ERR_NO_MEMORY, 0, "out of memory");
    int code = sqlite3_exec(state_of(self)->db, spelled, 0, 0, 0);
    free(spelled);
    return code == SQLITE_OK ? FERRY_OK : fail(self, "the schema cannot be written");
}

// Others may be doing the same: then SQLite says BUSY at once, without waiting as it does elsewhere.
static int pragma(struct ferry_depot *self, const char *sql)
{
    struct timespec pause = {.tv_nsec = 5000000};
    uint32_t waited_ms = 0;
    int code = sqlite3_exec(state_of(self)->db, sql, 0, 0, 0);
    while ((code & 0xff) == SQLITE_BUSY && waited_ms < self->cfg.busy_ms) {
        nanosleep(&pause, 0);
        waited_ms += 5;
        code = sqlite3_exec(state_of(self)->db, sql, 0, 0, 0);
    }
    return code == SQLITE_OK ? FERRY_OK : fail(self, "the depot cannot be opened");
}

// What a pragma of the connection says, with one number in it.
static int pragma_number(struct ferry_depot *self, const char *format, int number)
{
    char text[64];
    snprintf(text, sizeof text, format, number);
    return pragma(self, text);
}

static int set_up_file(struct ferry_depot *self)
{
    int status = pragma_number(self, "PRAGMA page_size = %d", PAGE); // both of a new file only
    if (status >= 0)
        status = pragma(self, "PRAGMA auto_vacuum = INCREMENTAL");
    if (status >= 0)
        status = pragma(self, "PRAGMA journal_mode = WAL");
    if (status >= 0)
        status = pragma_number(self, "PRAGMA wal_autocheckpoint = %d", LOG_PAGES);
    return status < 0 ? status : pragma_number(self, "PRAGMA journal_size_limit = %d", LOG_BYTES);
}

static int set_up(struct ferry_depot *self)
{
    // secure_delete: what is removed need not be overwritten, firmware is no secret that outlives its file.
    static const char *const always[] = {"PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF",
                                         "PRAGMA temp_store = MEMORY", "PRAGMA secure_delete = OFF"};
    sqlite3 *db = state_of(self)->db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, (int)self->cfg.busy_ms);
    if (sqlite3_create_function(db, "ferry_now", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, self, now, 0, 0) != SQLITE_OK)
        return fail(self, "the depot cannot be opened");
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < sizeof always / sizeof always[0]; i++)
        status = pragma(self, always[i]);
    if (status >= 0 && !self->cfg.read_only && sqlite3_db_readonly(db, "main") != 1)
        status = set_up_file(self);
    // The size of pages is known once the file has been looked at; before that, SQLite reckons with smaller ones.
    if (status >= 0)
        status = pragma(self, "SELECT count(*) FROM sqlite_schema");
    return status < 0 ? status : pragma_number(self, "PRAGMA cache_size = -%d", CACHE_KB);
}

static int missing(struct ferry_depot *self)
{
    return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "make one with: ferry depot add, or name another",
                                   "there is no depot");
}

static int not_opened(struct ferry_depot *self)
{
    struct stat st;
    if (stat(self->url, &st) != 0 && errno == ENOENT && (self->cfg.must_exist || self->cfg.read_only))
        return missing(self);
    if (stat(self->url, &st) == 0 && S_ISDIR(st.st_mode))
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "name a file in it, such as depot.db",
                                       "the depot is a file, and this is a folder");
    int status = fail(self, "the depot cannot be opened");
    return status == FERRY_ERR_STORAGE_READ && stat(self->url, &st) != 0
               ? ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_WRITE, "may you write into this folder?",
                                         "the depot cannot be made: %s", strerror(errno))
               : status;
}

static void close_it(struct ferry_depot *self)
{
    struct sqlite *s = self->state;
    if (!s)
        return;
    sqlite3_blob_close(s->blob);
    for (size_t i = 0; i < s->prepared_count; i++)
        sqlite3_finalize(s->prepared[i].statement);
    sqlite3_close(s->db);
    free(s);
    self->state = 0;
}

static int open_it(struct ferry_depot *self)
{
    struct sqlite *s = self->state = calloc(1, sizeof *s);
    bool make = !self->cfg.must_exist && !self->cfg.read_only;
    int flags = self->cfg.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (!s)
        return ferry_depot_engine_fail(self, FERRY_ERR_NO_MEMORY, 0, "out of memory");
    if (make)
        make_folders(self->url);
    int code = sqlite3_open_v2(self->url, &s->db, flags | (make ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX, 0);
    int status = code == SQLITE_OK ? set_up(self) : not_opened(self);
    if (status < 0)
        close_it(self);
    return status;
}

// ---- statements ----

static void done(struct ferry_depot *self)
{
    struct sqlite *s = state_of(self);
    if (s->current)
        sqlite3_reset(s->current);
    s->current = 0;
}

static void rest(struct ferry_depot *self)
{
    struct sqlite *s = state_of(self);
    sqlite3_blob_close(s->blob);
    s->blob = 0;
}

static sqlite3_stmt *prepare(struct ferry_depot *self, const char *sql)
{
    struct sqlite *s = state_of(self);
    for (size_t i = 0; i < s->prepared_count; i++)
        if (s->prepared[i].sql == sql)
            return s->prepared[i].statement;
    char *spelled = ferry_depot_engine_spell(sql, words, false);
    sqlite3_stmt *statement = 0;
    int code = spelled && s->prepared_count < STATEMENTS
                   ? sqlite3_prepare_v3(s->db, spelled, -1, SQLITE_PREPARE_PERSISTENT, &statement, 0)
                   : SQLITE_NOMEM;
    free(spelled);
    if (code != SQLITE_OK || !statement) {
        fail(self, "the depot did not understand");
        return 0;
    }
    s->prepared[s->prepared_count].sql = sql;
    s->prepared[s->prepared_count++].statement = statement;
    return statement;
}

static int bind(sqlite3_stmt *statement, int number, const struct ferry_depot_engine_value *value)
{
    char name[16];
    snprintf(name, sizeof name, "$%d", number);
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index == 0) // a parameter that this engine's spelling leaves out
        return SQLITE_OK;
    switch (value->kind) {
    case FERRY_DEPOT_ENGINE_NUMBER:
        return sqlite3_bind_int64(statement, index, value->number);
    case FERRY_DEPOT_ENGINE_TEXT:
        return sqlite3_bind_text64(statement, index, value->bytes, value->len, SQLITE_STATIC, SQLITE_UTF8);
    case FERRY_DEPOT_ENGINE_BYTES:
        return sqlite3_bind_blob64(statement, index, value->bytes, value->len, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

static int step(struct ferry_depot *self)
{
    int code = sqlite3_step(state_of(self)->current);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : fail(self, "the depot did not do it");
}

static int next(struct ferry_depot *self)
{
    struct sqlite *s = state_of(self);
    return s->current ? step(self) : 0;
}

static int run(struct ferry_depot *self, const char *sql, const struct ferry_depot_engine_value *values, size_t count)
{
    struct sqlite *s = state_of(self);
    done(self);
    rest(self);
    sqlite3_stmt *statement = prepare(self, sql);
    if (!statement)
        return self->error.status;
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        code = bind(statement, (int)i + 1, &values[i]);
    s->current = statement;
    return code == SQLITE_OK ? FERRY_OK : fail(self, "the depot did not take a value");
}

static int64_t changes(struct ferry_depot *self)
{
    return sqlite3_changes64(state_of(self)->db);
}

static int64_t number(struct ferry_depot *self, int column)
{
    return sqlite3_column_int64(state_of(self)->current, column);
}

static const void *bytes(struct ferry_depot *self, int column, size_t *len)
{
    sqlite3_stmt *statement = state_of(self)->current;
    const void *at = sqlite3_column_blob(statement, column);
    *len = at ? (size_t)sqlite3_column_bytes(statement, column) : 0;
    return at;
}

// ---- transactions ----

static int begin(struct ferry_depot *self, enum ferry_depot_engine_how how)
{
    struct sqlite *s = state_of(self);
    bool relaxed = how == FERRY_DEPOT_ENGINE_RELAXED || how == FERRY_DEPOT_ENGINE_SINGLE;
    done(self);
    rest(self);
    if (relaxed != s->relaxed &&
        sqlite3_exec(s->db, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", 0, 0, 0) !=
            SQLITE_OK)
        return fail(self, "the depot cannot be changed");
    s->relaxed = relaxed;
    if (how == FERRY_DEPOT_ENGINE_SINGLE)
        return FERRY_OK;
    const char *sql = how == FERRY_DEPOT_ENGINE_READ ? "BEGIN" : "BEGIN IMMEDIATE";
    return sqlite3_exec(s->db, sql, 0, 0, 0) == SQLITE_OK ? FERRY_OK : fail(self, "the depot cannot be changed");
}

static int commit(struct ferry_depot *self)
{
    done(self);
    if (sqlite3_get_autocommit(state_of(self)->db)) // a single statement: it was committed at its end
        return FERRY_OK;
    return sqlite3_exec(state_of(self)->db, "COMMIT", 0, 0, 0) == SQLITE_OK ? FERRY_OK
                                                                            : fail(self, "the depot was not changed");
}

static void rollback(struct ferry_depot *self)
{
    done(self);
    if (!sqlite3_get_autocommit(state_of(self)->db))
        sqlite3_exec(state_of(self)->db, "ROLLBACK", 0, 0, 0);
}

// ---- chunks ----

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Moves the open blob to another chunk, or opens it; never older than SNAPSHOT_MS, so that the log can be trimmed
// while somebody downloads for minutes.
static int seek(struct ferry_depot *self, int64_t id)
{
    struct sqlite *s = state_of(self);
    int64_t now_ms = monotonic_ms();
    if (s->blob && now_ms - s->blob_since_ms > SNAPSHOT_MS)
        rest(self);
    if (s->blob && s->blob_chunk == id)
        return FERRY_OK;
    int code = s->blob ? sqlite3_blob_reopen(s->blob, id) : SQLITE_ERROR;
    if (code != SQLITE_OK) {
        rest(self);
        done(self);
        code = sqlite3_blob_open(s->db, "main", "chunk", "bytes", id, 0, &s->blob);
        s->blob_since_ms = now_ms;
    }
    s->blob_chunk = id;
    if (code == SQLITE_OK)
        return FERRY_OK;
    int status = fail(self, "a piece cannot be read");
    rest(self);
    return (code & 0xff) == SQLITE_ERROR ? FERRY_ERR_STORAGE_MISSING : status;
}

static int chunk(struct ferry_depot *self, int64_t id, uint32_t offset, uint8_t *buf, size_t cap)
{
    struct sqlite *s = state_of(self);
    int status = seek(self, id);
    if (status < 0)
        return status;
    uint32_t size = (uint32_t)sqlite3_blob_bytes(s->blob);
    size_t len = offset < size ? size - offset : 0;
    len = len < cap ? len : cap;
    if (len == 0 || sqlite3_blob_read(s->blob, buf, (int)len, (int)offset) == SQLITE_OK)
        return (int)len;
    status = fail(self, "a piece cannot be read");
    rest(self);
    return status;
}

// ---- room ----

static int compact(struct ferry_depot *self, bool whole)
{
    // A copy of everything is made: not in memory, and not through the log.
    static const char *const all[] = {"PRAGMA temp_store = FILE", "PRAGMA auto_vacuum = INCREMENTAL", "VACUUM",
                                      "PRAGMA temp_store = MEMORY", "PRAGMA wal_checkpoint(TRUNCATE)"};
    struct sqlite *s = state_of(self);
    int status = FERRY_OK;
    done(self);
    rest(self);
    if (!whole)
        return sqlite3_exec(s->db, "PRAGMA incremental_vacuum", 0, 0, 0) == SQLITE_OK
                   ? FERRY_OK
                   : fail(self, "no room was given back");
    for (size_t i = 0; status >= 0 && i < sizeof all / sizeof *all; i++)
        if (sqlite3_exec(s->db, all[i], 0, 0, 0) != SQLITE_OK)
            status = fail(self, "the depot was not made smaller");
    return status;
}

const struct ferry_depot_engine ferry_depot_engine_sqlite = {
    .name = "sqlite",
    .open = open_it,
    .close = close_it,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .run = run,
    .next = next,
    .done = done,
    .changes = changes,
    .number = number,
    .bytes = bytes,
    .script = script,
    .chunk = chunk,
    .rest = rest,
    .compact = compact,
    .size_sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    .look_sql = "SELECT (SELECT count(*) FROM sqlite_schema WHERE name = 'ferry_schema'),"
                " (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%')",
    .lock_script = "",
};
