// A depot for tests, on either engine: SQLite in a temporary folder, or a real PostgreSQL of its own. The databases'
// own command lines (sqlite3, psql) look into it and damage it, so that no test asks the depot about itself alone.
#ifndef FERRY_TESTS_SUPPORT_DEPOT_RIG_H
#define FERRY_TESTS_SUPPORT_DEPOT_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "depot/depot.h"
#include "ports/posix/digest.h"

struct depot_rig {
    bool postgres;
    char folder[64]; // temporary; with postgres the cluster's
    char url[256];
    struct ferry_posix_digest digest_state, put_state;
    struct ferry_digest digest, put_digest;
    int64_t now_ms; // SQLite: the depot's clock when it is not 0
    struct ferry_depot *depot;
};

// Group set-up and tear-down: *state becomes a struct depot_rig *. Failing to start PostgreSQL fails the group.
int depot_rig_sqlite(void **state);
int depot_rig_postgres(void **state);
int depot_rig_end(void **state);
// Before and after each test: an empty database, opened as rig->depot.
int depot_rig_fresh(void **state);
int depot_rig_done(void **state);

// Another handle on the same depot. Ends the test when it fails.
struct ferry_depot *depot_rig_open(struct depot_rig *rig);
int depot_rig_try(struct depot_rig *rig, struct ferry_depot **out, struct ferry_depot_error *error);
// Runs SQL with the engine's command line; first line of what it prints into out (NULL = not wanted). Ends the test
// when it fails.
void depot_rig_sql(struct depot_rig *rig, char *out, size_t cap, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int64_t depot_rig_count(struct depot_rig *rig, const char *sql);
// The depot's clock goes by so much (may be negative) from now on.
void depot_rig_jump(struct depot_rig *rig, int64_t by_ms);

// Bytes that depend on the seed. And stored as a blob (ends the test when it fails).
void depot_rig_bytes(uint8_t *out, size_t len, uint32_t seed);
struct ferry_depot_blob depot_rig_put(struct depot_rig *rig, uint32_t size, uint32_t seed);
// A build of one app with those bytes; its id.
int64_t depot_rig_build(struct depot_rig *rig, const char *project, const char *version, const char *chip,
                        uint32_t size, uint32_t seed);

// Short forms of ferry_depot_ask() without defaults (build may be NULL), and of ferry_depot_device_change().
int depot_rig_checkin(struct ferry_depot *depot, const struct ferry_depot_device *in, enum ferry_depot_answer *answer,
                      struct ferry_depot_build *build);
int depot_rig_assign(struct ferry_depot *depot, const char *mac, const char *name, const char *channel);

// The call on this depot must be well.
#define DEPOT_GOOD(depot, call)                                                                                        \
    do {                                                                                                               \
        int good_ = (call);                                                                                            \
        if (good_ < 0)                                                                                                 \
            fail_msg("%s gave %s: %s", #call, ferry_status_name(good_), ferry_depot_error(depot)->what);               \
    } while (0)

#endif
