// What a database must do for the depot. Two engines implement it: sqlite.c and postgres.c. Private to depot/.
//
// The SQL is the same for both. $1, $2, ... are parameters; words in braces are spelled by the engine:
//   {key}     primary key that the database counts        {row}    primary key that the caller gives
//   {bytes}   type of a byte string                       {skip}   "FOR UPDATE SKIP LOCKED", where there is such
//   {lock}    "FOR UPDATE", likewise                      {pg: x}  x, for PostgreSQL only
// ferry_now() is the database's clock in milliseconds. Whole numbers are BIGINT everywhere.
#ifndef FERRY_DEPOT_ENGINE_H
#define FERRY_DEPOT_ENGINE_H

#include "depot/depot.h"

// Another one got in between (a unique key, a deadlock): the transaction is gone, do it again.
#define FERRY_DEPOT_ENGINE_AGAIN (-1000)

enum ferry_depot_engine_kind {
    FERRY_DEPOT_ENGINE_NULL = 0,
    FERRY_DEPOT_ENGINE_NUMBER,
    FERRY_DEPOT_ENGINE_TEXT,
    FERRY_DEPOT_ENGINE_BYTES,
};

struct ferry_depot_engine_value {
    enum ferry_depot_engine_kind kind;
    int64_t number;
    const void *bytes; // text: NUL-terminated; the caller's until done()
    size_t len;
};

enum ferry_depot_engine_how {
    FERRY_DEPOT_ENGINE_READ,    // one view of everything
    FERRY_DEPOT_ENGINE_WRITE,   // on disk when commit has returned
    FERRY_DEPOT_ENGINE_RELAXED, // the last moments may be lost with the power, never half of one
    FERRY_DEPOT_ENGINE_SINGLE,  // likewise, of one statement, which may be done twice when the connection breaks; with
                                // PostgreSQL it says so itself (FERRY_DEPOT_ENGINE_RELAXES) and takes one round trip
};

// All calls on one handle, one statement at a time. Failures leave their words in self->error.
struct ferry_depot_engine {
    const char *name;
    // Opens self->cfg, fills self->state; closes what it opened when it fails.
    int (*open)(struct ferry_depot *self);
    void (*close)(struct ferry_depot *self);
    int (*begin)(struct ferry_depot *self, enum ferry_depot_engine_how how);
    int (*commit)(struct ferry_depot *self);
    void (*rollback)(struct ferry_depot *self);
    // Starts a statement; sql is a constant, by whose address it stays prepared. next(): 1 = a row, 0 = no more.
    // done() ends it, also early. changes(): rows that the last one changed, after its last next().
    int (*run)(struct ferry_depot *self, const char *sql, const struct ferry_depot_engine_value *values, size_t count);
    int (*next)(struct ferry_depot *self);
    void (*done)(struct ferry_depot *self);
    int64_t (*changes)(struct ferry_depot *self);
    // Of the current row, valid until next() or done().
    int64_t (*number)(struct ferry_depot *self, int column);
    const void *(*bytes)(struct ferry_depot *self, int column, size_t *len);
    // Several statements without parameters, for migrations.
    int (*script)(struct ferry_depot *self, const char *sql);
    // Bytes of the chunk: how many (short at its end), 0 = offset is its end. FERRY_ERR_STORAGE_MISSING: no such chunk.
    int (*chunk)(struct ferry_depot *self, int64_t id, uint32_t offset, uint8_t *buf, size_t cap);
    void (*rest)(struct ferry_depot *self);
    // Gives free room back to the disk: what is free, or (whole) by writing everything anew.
    int (*compact)(struct ferry_depot *self, bool whole);
    // One row: the bytes that the depot takes.
    const char *size_sql;
    // One row: whether the table ferry_schema is there, and how many tables there are that are not ours.
    const char *look_sql;
    // Keeps others from migrating until the transaction ends; "" = a write transaction does. A script.
    const char *lock_script;
};

// In the list of what a SINGLE statement gives, at its end.
#define FERRY_DEPOT_ENGINE_RELAXES "{pg:, set_config('synchronous_commit', 'off', true)}"

extern const struct ferry_depot_engine ferry_depot_engine_sqlite, ferry_depot_engine_postgres;

#define FERRY_DEPOT_ENGINE_SIZES 64
#define FERRY_DEPOT_ENGINE_BUILDS 32

struct ferry_depot {
    const struct ferry_depot_engine *engine;
    void *state; // the engine's
    struct ferry_depot_cfg cfg;
    char *url; // copied
    char shown[160];
    struct ferry_depot_error error;
    int schema_was;
    // Sizes of blobs that were read lately: they never change.
    struct {
        int64_t blob;
        uint32_t size;
    } sizes[FERRY_DEPOT_ENGINE_SIZES];
    unsigned sizes_next;
    // Builds that devices should run: they never change either.
    struct ferry_depot_build builds[FERRY_DEPOT_ENGINE_BUILDS];
    unsigned builds_next;
};

// Fills self->error; returns status. hint NULL = the status's own.
int ferry_depot_engine_fail(struct ferry_depot *self, int status, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// sql with the words in braces spelled out: malloc'ed, NULL = no memory. words: pairs of name and spelling, NULL-ended.
char *ferry_depot_engine_spell(const char *sql, const char *const (*words)[2], bool postgres);

static inline struct ferry_depot_engine_value ferry_depot_engine_number(int64_t number)
{
    return (struct ferry_depot_engine_value){.kind = FERRY_DEPOT_ENGINE_NUMBER, .number = number};
}

static inline struct ferry_depot_engine_value ferry_depot_engine_bytes(const void *bytes, size_t len)
{
    return (struct ferry_depot_engine_value){.kind = FERRY_DEPOT_ENGINE_BYTES, .bytes = bytes, .len = len};
}

struct ferry_depot_engine_value ferry_depot_engine_text(const char *text); // NULL = ""

#endif
