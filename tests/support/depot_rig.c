#include "tests/support/depot_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fatal(const char *what)
{
    fprintf(stderr, "depot_rig: %s\n", what);
    exit(1);
}

static void output_of(const char *command, char *out, size_t cap)
{
    FILE *pipe = popen(command, "r");
    size_t len = pipe ? fread(out, 1, cap - 1, pipe) : 0;
    char rest[4096];
    out[len] = 0;
    out[strcspn(out, "\n")] = 0;
    while (pipe && fread(rest, 1, sizeof rest, pipe) > 0)
        ;
    if (!pipe || pclose(pipe) != 0)
        fatal(command);
}

static struct depot_rig *make(bool postgres)
{
    struct depot_rig *rig = calloc(1, sizeof *rig);
    if (!rig)
        fatal("out of memory");
    rig->postgres = postgres;
    rig->digest = ferry_posix_digest_init(&rig->digest_state);
    rig->put_digest = ferry_posix_digest_init(&rig->put_state);
    return rig;
}

int depot_rig_sqlite(void **state)
{
    struct depot_rig *rig = make(false);
    snprintf(rig->folder, sizeof rig->folder, "/tmp/ferry-depot.XXXXXX");
    if (!mkdtemp(rig->folder))
        fatal("no temporary folder");
    snprintf(rig->url, sizeof rig->url, "%s/depot.db", rig->folder);
    *state = rig;
    return 0;
}

int depot_rig_postgres(void **state)
{
    char command[512];
    struct depot_rig *rig = make(true);
    snprintf(command, sizeof command, "'%s/support/postgres.sh' start %ld", FERRY_TESTS_DIR, (long)getpid());
    output_of(command, rig->folder, sizeof rig->folder);
    snprintf(rig->url, sizeof rig->url, "postgresql:///ferry?host=%s&user=ferry", rig->folder);
    *state = rig;
    return 0;
}

int depot_rig_end(void **state)
{
    char command[512];
    struct depot_rig *rig = *state;
    if (rig->postgres)
        snprintf(command, sizeof command, "'%s/support/postgres.sh' stop '%s'", FERRY_TESTS_DIR, rig->folder);
    else
        snprintf(command, sizeof command, "rm -rf '%s'", rig->folder);
    int code = system(command);
    ferry_posix_digest_close(&rig->digest_state);
    ferry_posix_digest_close(&rig->put_state);
    free(rig);
    return code != 0;
}

static int64_t clock_of(void *ctx)
{
    const struct depot_rig *rig = ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return rig->now_ms + (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int depot_rig_try(struct depot_rig *rig, struct ferry_depot **out, struct ferry_depot_error *error)
{
    struct ferry_depot_cfg cfg = {.url = rig->url, .digest = &rig->digest, .now_ms = clock_of, .now_ctx = rig};
    return ferry_depot_open(out, &cfg, error);
}

struct ferry_depot *depot_rig_open(struct depot_rig *rig)
{
    struct ferry_depot *depot;
    struct ferry_depot_error error;
    if (depot_rig_try(rig, &depot, &error) < 0)
        fatal(error.what);
    return depot;
}

int depot_rig_fresh(void **state)
{
    struct depot_rig *rig = *state;
    char command[256];
    rig->now_ms = 0;
    if (rig->postgres) {
        depot_rig_sql(rig, 0, 0, "DROP SCHEMA IF EXISTS ferry CASCADE");
    } else {
        snprintf(command, sizeof command, "rm -rf '%s' && mkdir '%s'", rig->folder, rig->folder);
        if (system(command) != 0)
            fatal(command);
    }
    rig->depot = depot_rig_open(rig);
    return 0;
}

int depot_rig_done(void **state)
{
    struct depot_rig *rig = *state;
    ferry_depot_close(rig->depot);
    rig->depot = 0;
    return 0;
}

void depot_rig_sql(struct depot_rig *rig, char *out, size_t cap, const char *format, ...)
{
    char sql[2048], command[3072], answer[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    if (rig->postgres)
        snprintf(command, sizeof command,
                 "PGOPTIONS='-c search_path=ferry -c client_min_messages=warning' psql -X -q -t -A -v ON_ERROR_STOP=1 "
                 "'%s' -c \"%s\"",
                 rig->url, sql);
    else
        snprintf(command, sizeof command, "sqlite3 -batch -bail -cmd '.timeout 5000' '%s' \"%s\"", rig->url, sql);
    output_of(command, out ? out : answer, out ? cap : sizeof answer);
}

int64_t depot_rig_count(struct depot_rig *rig, const char *sql)
{
    char answer[64];
    depot_rig_sql(rig, answer, sizeof answer, "%s", sql);
    return strtoll(answer, 0, 10);
}

void depot_rig_jump(struct depot_rig *rig, int64_t by_ms)
{
    rig->now_ms += by_ms;
    if (rig->postgres)
        depot_rig_sql(rig, 0, 0,
                      "CREATE OR REPLACE FUNCTION ferry_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT "
                      "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 + (%lld) AS BIGINT)'",
                      (long long)rig->now_ms);
}

void depot_rig_bytes(uint8_t *out, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
}

struct ferry_depot_blob depot_rig_put(struct depot_rig *rig, uint32_t size, uint32_t seed)
{
    struct ferry_depot_put *put;
    struct ferry_depot_blob blob = {0};
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        fatal("out of memory");
    depot_rig_bytes(bytes, size, seed);
    if (ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put) < 0)
        fatal(ferry_depot_error(rig->depot)->what);
    for (uint32_t at = 0; at < size;) {
        uint32_t n = 1000 + seed % 9000;
        n = n < size - at ? n : size - at;
        if (ferry_depot_put_write(put, bytes + at, n) < 0)
            fatal(ferry_depot_error(rig->depot)->what);
        at += n;
    }
    free(bytes);
    if (ferry_depot_put_end(put, 0, &blob, 0) < 0)
        fatal(ferry_depot_error(rig->depot)->what);
    return blob;
}

int64_t depot_rig_build(struct depot_rig *rig, const char *project, const char *version, const char *chip,
                        uint32_t size, uint32_t seed)
{
    struct ferry_depot_build build = {.kind = "app"};
    struct ferry_depot_file file = {.role = "app", .name = "app.bin", .address = FERRY_DEPOT_NO_ADDRESS};
    file.blob = depot_rig_put(rig, size, seed);
    memcpy(build.app_sha256, file.blob.sha256, sizeof build.app_sha256);
    snprintf(build.project, sizeof build.project, "%s", project);
    snprintf(build.version, sizeof build.version, "%s", version);
    snprintf(build.chip, sizeof build.chip, "%s", chip);
    if (ferry_depot_build_add(rig->depot, &build, &file, 1, "[]", 0) < 0)
        fatal(ferry_depot_error(rig->depot)->what);
    return build.id;
}

int depot_rig_checkin(struct ferry_depot *depot, const struct ferry_depot_device *in, enum ferry_depot_answer *answer,
                      struct ferry_depot_build *build)
{
    struct ferry_depot_verdict verdict;
    int status = ferry_depot_ask(depot, &(struct ferry_depot_question){.device = in}, &verdict);
    *answer = verdict.answer;
    if (build)
        *build = verdict.build;
    return status;
}

int depot_rig_assign(struct ferry_depot *depot, const char *mac, const char *name, const char *channel)
{
    return ferry_depot_device_change(depot, mac, &(struct ferry_depot_device_change){.name = name, .channel = channel});
}
