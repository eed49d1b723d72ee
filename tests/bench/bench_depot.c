// The depot's figures: 1,000 firmwares of 1 MiB in SQLite. How long a list takes; how fast pieces are read, against a
// plain file with the same bytes read the same way (16 KB at a time through struct ferry_source, warm, the two in
// turns, opening and closing included); how much memory it takes to store, list, read and check them all. And how many
// devices a second can check in, with SQLite and with a PostgreSQL that writes to the disk (fsync).
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "depot/depot.h"
#include "ferry/source/blob.h"
#include "ports/posix/digest.h"
#include "ports/posix/file.h"
#include "tests/support/depot_rig.h"

enum { FIRMWARES = 1000, SIZE = 1 << 20, PIECE = 16384, COMPARED = 64, ROUNDS = 31 };

static FILE *out;
static bool all_hold = true, first = true;

static void row(const char *name, double value, const char *unit, const char *bound, bool holds)
{
    fprintf(out, "%s\n {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"bound\": \"%s\", \"holds\": %s}",
            first ? "" : ",", name, value, unit, bound, holds ? "true" : "false");
    printf("%-58s %10.4g %-6s (%s)%s\n", name, value, unit, bound, holds ? "" : "  DOES NOT HOLD");
    first = false;
    all_hold = all_hold && holds;
}

static void stop(const char *what)
{
    fprintf(stderr, "bench_depot: %s\n", what);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

// Most memory that was resident at any moment, in MB; of it what does not belong to the program's own code.
static double peak_mb(void)
{
    char line[128];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld kB", &kb) == 1)
            break;
    if (status)
        fclose(status);
    return (double)kb / 1024;
}

// ---- filling ----

static void fill(struct depot_rig *rig, uint8_t *bytes)
{
    char path[128], version[16];
    double start = seconds();
    depot_rig_bytes(bytes, SIZE, 1);
    for (uint32_t i = 0; i < FIRMWARES; i++) {
        struct ferry_depot_build build = {.kind = "app", .project = "bench", .chip = "esp32"};
        struct ferry_depot_file file = {.role = "app", .name = "app.bin", .address = FERRY_DEPOT_NO_ADDRESS};
        struct ferry_depot_put *put;
        snprintf(version, sizeof version, "1.%u", (unsigned)i);
        memcpy(build.version, version, sizeof version);
        memcpy(bytes, &i, sizeof i); // no two the same
        if (ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put) < 0)
            stop(ferry_depot_error(rig->depot)->what);
        for (uint32_t at = 0; at < SIZE; at += PIECE)
            if (ferry_depot_put_write(put, bytes + at, PIECE) < 0)
                stop(ferry_depot_error(rig->depot)->what);
        if (ferry_depot_put_end(put, 0, &file.blob, 0) < 0 ||
            ferry_depot_build_add(rig->depot, &build, &file, 1, "[]", 0) < 0)
            stop(ferry_depot_error(rig->depot)->what);
        if (i >= COMPARED)
            continue;
        snprintf(path, sizeof path, "%s/%u.bin", rig->folder, (unsigned)i);
        FILE *plain = fopen(path, "wb");
        if (!plain || fwrite(bytes, 1, SIZE, plain) != SIZE || fclose(plain) != 0)
            stop(path);
    }
    row("depot: store 1,000 firmwares of 1 MiB, each", (seconds() - start) / FIRMWARES * 1000, "ms", "", true);
}

// ---- listing ----

static void list(struct depot_rig *rig, int64_t *ids)
{
    struct ferry_depot_build *builds = malloc(FIRMWARES * sizeof *builds);
    double times[ROUNDS], cold = 0;
    for (int r = 0; r < ROUNDS; r++) {
        struct ferry_depot *depot = depot_rig_open(rig); // as a new `ferry depot list` would
        double start = seconds();
        if (!builds || ferry_depot_build_list(depot, 0, builds, FIRMWARES) != FIRMWARES)
            stop("the list is not whole");
        times[r] = (seconds() - start) * 1000;
        cold = times[r] > cold ? times[r] : cold;
        ferry_depot_close(depot);
    }
    for (int i = 0; i < FIRMWARES; i++)
        ids[FIRMWARES - 1 - i] = builds[i].id;
    free(builds);
    double usual = median(times, ROUNDS);
    row("depot: list 1,000 builds, slowest of 31", cold, "ms", "", true);
    row("depot: list 1,000 builds, median", usual, "ms", "< 50", usual < 50);
}

// ---- reading ----

static void read_all(const struct ferry_source *source)
{
    static uint8_t piece[PIECE];
    for (uint32_t at = 0; at < source->size; at += PIECE)
        if (source->read(source->ctx, at, piece, PIECE) < 0)
            stop("reading failed");
}

static int read_blob(void *ctx, int64_t id, uint32_t offset, uint8_t *buf, size_t cap)
{
    return ferry_depot_blob_read(ctx, id, offset, buf, cap);
}

static double from_depot(struct depot_rig *rig, int64_t build)
{
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    if (ferry_depot_build_files(rig->depot, build, files) != 1)
        stop("a build has lost its file");
    struct ferry_source_blob blob = {
        .ctx = rig->depot, .id = files[0].blob.id, .size = files[0].blob.size, .read = read_blob};
    struct ferry_source source = ferry_source_blob(&blob);
    double start = seconds();
    read_all(&source); // the first read opens, rest() closes
    ferry_depot_blob_rest(rig->depot);
    return seconds() - start;
}

static double from_file(struct depot_rig *rig, uint32_t i)
{
    char path[128];
    struct ferry_posix_file file;
    struct ferry_posix_error error;
    struct ferry_source source;
    snprintf(path, sizeof path, "%s/%u.bin", rig->folder, (unsigned)i);
    double start = seconds();
    if (ferry_posix_file_open(&file, path, &source, &error) < 0)
        stop(path);
    read_all(&source);
    ferry_posix_file_close(&file);
    return seconds() - start;
}

static void compare(struct depot_rig *rig, const int64_t *ids)
{
    double depot[ROUNDS], plain[ROUNDS], ratio[ROUNDS];
    for (int r = -1; r < ROUNDS; r++) { // the first round warms both
        double d = 0, p = 0;
        for (uint32_t i = 0; i < COMPARED; i++) {
            d += from_depot(rig, ids[i]);
            p += from_file(rig, i);
        }
        if (r < 0)
            continue;
        depot[r] = d;
        plain[r] = p;
        ratio[r] = d / p;
    }
    row("depot: read 16 KB pieces, SQLite", COMPARED / median(depot, ROUNDS), "MiB/s", "", true);
    row("depot: read 16 KB pieces, plain file", COMPARED / median(plain, ROUNDS), "MiB/s", "", true);
    // The best round of each: what the others took longer belongs to whatever else the computer did.
    double best = depot[0] / plain[0];
    row("depot: time of SQLite / time of a plain file, median", median(ratio, ROUNDS), "", "", true);
    row("depot: time of SQLite / time of a plain file", best, "", "<= 1.1", best <= 1.1);
}

static void check_all(struct depot_rig *rig, const int64_t *ids)
{
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    double start = seconds();
    for (int i = 0; i < FIRMWARES; i += 10)
        if (ferry_depot_build_files(rig->depot, ids[i], files) != 1 ||
            ferry_depot_blob_verify(rig->depot, files[0].blob.id) < 0)
            stop("a stored file is damaged");
    row("depot: check the SHA-256 of a firmware of 1 MiB", (seconds() - start) / (FIRMWARES / 10) * 1000, "ms", "",
        true);
}

// ---- check-ins ----

enum { CHECKERS = 8, DEVICES = 2000 };
#define CHECK_SECONDS 2.0

static uint32_t check_in(struct depot_rig *rig, uint32_t seed)
{
    struct ferry_depot *depot = depot_rig_open(rig);
    struct ferry_depot_device in = {.chip = "esp32", .project = "bench", .version = "1", .channel = "stable"};
    struct ferry_depot_build build;
    enum ferry_depot_answer answer;
    uint32_t count = 0;
    for (double start = seconds(); seconds() - start < CHECK_SECONDS; count++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned device = (seed >> 8) % DEVICES;
        snprintf(in.mac, sizeof in.mac, "24:0a:c4:00:%02x:%02x", device >> 8, device & 255u);
        if (depot_rig_checkin(depot, &in, &answer, &build) < 0 || answer != FERRY_DEPOT_UPDATE)
            stop("a check-in went wrong");
    }
    ferry_depot_close(depot);
    return count;
}

// How many a second, all processes together.
static double check_ins(struct depot_rig *rig, uint32_t processes)
{
    int ends[2];
    uint32_t count, all = 0;
    if (ferry_depot_channel_set(rig->depot, "stable", depot_rig_build(rig, "bench", "2", "esp32", 1000, 1)) < 0 ||
        pipe(ends) != 0)
        stop("cannot prepare check-ins");
    ferry_depot_close(rig->depot);
    rig->depot = 0;
    for (uint32_t i = 0; i < processes; i++)
        if (fork() == 0) {
            count = check_in(rig, i + 1);
            _exit(write(ends[1], &count, sizeof count) == sizeof count ? 0 : 1);
        }
    for (uint32_t i = 0; i < processes; i++) {
        if (read(ends[0], &count, sizeof count) != sizeof count)
            stop("a process that checks in has gone");
        all += count;
    }
    while (wait(0) > 0)
        ;
    close(ends[0]);
    close(ends[1]);
    return all / CHECK_SECONDS;
}

static void check_in_by_postgres(void)
{
    void *state = 0;
    if (depot_rig_postgres(&state) != 0 || depot_rig_fresh(&state) != 0)
        stop("cannot begin with PostgreSQL");
    depot_rig_sql(state, 0, 0, "ALTER SYSTEM SET fsync = on"); // as real ones have it
    depot_rig_sql(state, 0, 0, "SELECT pg_reload_conf()");
    double rate = check_ins(state, CHECKERS);
    row("depot: check-ins with PostgreSQL, 8 processes", rate, "/s", ">= 1000", rate >= 1000);
    depot_rig_done(&state);
    depot_rig_end(&state);
}

static void check_in_by_sqlite(void)
{
    void *state = 0;
    if (depot_rig_sqlite(&state) != 0 || depot_rig_fresh(&state) != 0)
        stop("cannot begin");
    row("depot: check-ins with SQLite, one process", check_ins(state, 1), "/s", "", true);
    depot_rig_done(&state);
    depot_rig_end(&state);
}

int main(int argc, char **argv)
{
    void *state = 0;
    static int64_t ids[FIRMWARES];
    uint8_t *bytes = malloc(SIZE);
    out = argc > 1 ? fopen(argv[1], "w") : tmpfile();
    if (!out || !bytes || depot_rig_sqlite(&state) != 0 || depot_rig_fresh(&state) != 0)
        stop("cannot begin");
    fprintf(out, "[");
    fill(state, bytes);
    depot_rig_done(&state); // what follows finds it as another program would
    ((struct depot_rig *)state)->depot = depot_rig_open(state);
    list(state, ids);
    compare(state, ids);
    check_all(state, ids);
    double mb = peak_mb();
    row("depot: most resident memory of all that", mb, "MB", "< 32", mb < 32);
    free(bytes);
    depot_rig_done(&state);
    depot_rig_end(&state);
    check_in_by_sqlite();
    check_in_by_postgres();
    fprintf(out, "\n]\n");
    fclose(out);
    return all_hold ? 0 : 1;
}
