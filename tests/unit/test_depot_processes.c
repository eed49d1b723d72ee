// The depot under many processes that are killed at any moment, on SQLite and on a real PostgreSQL: what was promised
// holds afterwards. Anchors: SIGKILL, the workers' own log file, the databases' own command lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "depot/schema.h"
#include "ferry/base/status.h"
#include "tests/support/depot_rig.h"

enum { JOBS = 40, DEVICES = 3, DEVICE_JOBS = 42, WORKERS = 5, LEASE_MS = 500, ADDERS = 30 };

static uint32_t lease_ms = LEASE_MS;

static uint32_t dice(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void pause_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, 0);
}

// SQLite's handles do not go through fork: the parent has none while there are children.
static void let_go(struct depot_rig *rig)
{
    ferry_depot_close(rig->depot);
    rig->depot = 0;
}

// ---- adding ----

static void add_for_ever(struct depot_rig *rig, uint32_t seed)
{
    rig->depot = depot_rig_open(rig);
    for (uint32_t i = 0;; i++) {
        char version[24];
        snprintf(version, sizeof version, "%u.%u", (unsigned)seed, (unsigned)i);
        depot_rig_build(rig, "torn", version, "esp32", 150000 + (seed * 31 + i) % 90000, seed * 100 + i);
    }
}

static void no_half_builds(struct depot_rig *rig)
{
    enum { MOST = 1000 };
    struct ferry_depot_build *builds = calloc(MOST, sizeof *builds);
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    int count = ferry_depot_build_list(rig->depot, 0, builds, MOST);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(ferry_depot_build_files(rig->depot, builds[i].id, files), 1);
        assert_int_equal(files[0].blob.size, builds[i].size);
        if (i % 7 == 0)
            assert_int_equal(ferry_depot_blob_verify(rig->depot, files[0].blob.id), FERRY_OK);
    }
    depot_rig_jump(rig, 7200000); // what was torn goes, and nothing else
    assert_true(ferry_depot_sweep(rig->depot, 0) > 0);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob WHERE whole = 0"), 0);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"),
                     depot_rig_count(rig, "SELECT count(DISTINCT blob) FROM file"));
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk WHERE id / 65536 NOT IN (SELECT id FROM blob)"),
                     0);
    assert_int_equal(ferry_depot_build_list(rig->depot, 0, builds, MOST), count);
    free(builds);
}

static void killed_while_adding(void **state)
{
    struct depot_rig *rig = *state;
    uint32_t random = 2026;
    let_go(rig);
    for (uint32_t i = 0; i < ADDERS; i++) {
        pid_t pid = fork();
        if (pid == 0)
            add_for_ever(rig, i);
        pause_ms(10 + dice(&random) % 60);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, 0, 0), pid);
    }
    rig->depot = depot_rig_open(rig);
    if (!rig->postgres) {
        char answer[64];
        depot_rig_sql(rig, answer, sizeof answer, "PRAGMA integrity_check");
        assert_string_equal(answer, "ok");
    }
    no_half_builds(rig);
}

static void remove_all(struct depot_rig *rig)
{
    struct ferry_depot_build builds[50];
    struct ferry_depot *depot = depot_rig_open(rig);
    int count = ferry_depot_build_list(depot, 0, builds, 50);
    for (int i = 0; i < count; i++)
        ferry_depot_build_remove(depot, builds[i].id, false);
    _exit(0);
}

// Whole or not at all, also when it goes; and nothing of it stays behind.
static void killed_while_removing(void **state)
{
    struct depot_rig *rig = *state;
    uint32_t random = 5;
    unsigned killed = 0;
    for (uint32_t i = 0; i < 40; i++)
        depot_rig_build(rig, "gone", "1", i % 2 ? "esp32" : "esp32c3", 300000, i);
    let_go(rig);
    for (int i = 0; i < 40 && depot_rig_count(rig, "SELECT count(*) FROM build") > 0; i++) {
        int code;
        pid_t pid = fork();
        if (pid == 0)
            remove_all(rig);
        usleep(5000 + dice(&random) % 20000);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &code, 0), pid);
        killed += WIFSIGNALED(code);
        assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob WHERE id NOT IN (SELECT blob FROM file)"), 0);
        assert_int_equal(
            depot_rig_count(rig, "SELECT count(*) FROM chunk WHERE id / 65536 NOT IN (SELECT id FROM blob)"), 0);
        assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM build WHERE id NOT IN (SELECT build FROM file)"),
                         0);
    }
    assert_true(killed > 0);
    rig->depot = depot_rig_open(rig);
}

// ---- claiming ----

static void note(const char *path, const char *what, const struct ferry_depot_job *job)
{
    char line[80];
    int len = snprintf(line, sizeof line, "%s %lld %u\n", what, (long long)job->id, (unsigned)job->attempt);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        _exit(9);
    close(fd);
}

static void work(struct depot_rig *rig, const char *path, uint32_t seed)
{
    char name[24];
    struct ferry_depot *depot = depot_rig_open(rig);
    snprintf(name, sizeof name, "worker-%u", (unsigned)seed);
    for (;;) {
        struct ferry_depot_job job;
        int got = ferry_depot_job_claim(depot, &(struct ferry_depot_claim){.worker = name, .lease_ms = lease_ms}, &job);
        if (got < 0 && got != FERRY_ERR_BUSY)
            _exit(8);
        if (got <= 0) {
            pause_ms(20);
            continue;
        }
        note(path, "claimed", &job);
        struct ferry_depot_report report = {.state = FERRY_DEPOT_JOB_RUNNING, .bytes_done = 1, .bytes_total = 2};
        int status = ferry_depot_job_report(depot, job.id, name, job.attempt, &report);
        pause_ms(5 + dice(&seed) % 20);
        report.state = FERRY_DEPOT_JOB_DONE;
        if (status >= 0)
            status = ferry_depot_job_report(depot, job.id, name, job.attempt, &report);
        if (status >= 0)
            note(path, "done", &job);
        else if (status != FERRY_ERR_CANCELLED && status != FERRY_ERR_BUSY)
            _exit(7);
    }
}

static pid_t start_worker(struct depot_rig *rig, const char *path, uint32_t seed)
{
    pid_t pid = fork();
    if (pid == 0)
        work(rig, path, seed);
    return pid;
}

static int64_t open_jobs(struct depot_rig *rig)
{
    return depot_rig_count(rig, "SELECT count(*) FROM job WHERE state <= 2");
}

// No two claims are the same claim, and no job was done twice.
static void check_log(const char *path)
{
    static unsigned claimed[DEVICE_JOBS + 1][64], done[DEVICE_JOBS + 1];
    char what[16];
    long long id;
    unsigned attempt;
    memset(claimed, 0, sizeof claimed);
    memset(done, 0, sizeof done);
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    while (fscanf(log, "%15s %lld %u", what, &id, &attempt) == 3) {
        assert_true(id >= 1 && id <= DEVICE_JOBS && attempt < 64);
        if (strcmp(what, "claimed") == 0)
            assert_int_equal(++claimed[id][attempt], 1);
        else
            assert_int_equal(++done[id], 1);
    }
    fclose(log);
    unlink(path);
}

// Nobody dies: no two workers ever hold the same job, not even for a moment.
static void claimed_by_one(void **state)
{
    struct depot_rig *rig = *state;
    char path[] = "/tmp/ferry-claims.XXXXXX";
    pid_t workers[WORKERS];
    int64_t id, build = depot_rig_build(rig, "p", "1", "esp32", 1000, 1);
    close(mkstemp(path));
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(ferry_depot_job_add(rig->depot, build, "", &id), FERRY_OK);
    let_go(rig);
    lease_ms = 600000;
    for (uint32_t i = 0; i < WORKERS; i++)
        workers[i] = start_worker(rig, path, i);
    for (int i = 0; i < 600 && open_jobs(rig) > 0; i++)
        pause_ms(50);
    for (int i = 0; i < WORKERS; i++) {
        int code;
        kill(workers[i], SIGKILL);
        waitpid(workers[i], &code, 0);
        assert_true(WIFSIGNALED(code));
    }
    lease_ms = LEASE_MS;
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM job WHERE state = 3 AND attempt = 1"), JOBS);
    check_log(path);
    rig->depot = depot_rig_open(rig);
}

static void claimed_exactly_once(void **state)
{
    struct depot_rig *rig = *state;
    char path[] = "/tmp/ferry-claims.XXXXXX";
    pid_t workers[WORKERS];
    uint32_t random = 7, seed = 0;
    int64_t id, build = depot_rig_build(rig, "p", "1", "esp32", 1000, 1);
    close(mkstemp(path));
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(ferry_depot_job_add(rig->depot, build, "", &id), FERRY_OK);
    let_go(rig);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_worker(rig, path, ++seed);
    for (int round = 0; round < 1500 && (round % 10 || open_jobs(rig) > 0); round++) {
        pause_ms(15 + dice(&random) % 30);
        if (round > 60) // long enough: let the rest be done
            continue;
        pid_t *victim = &workers[dice(&random) % WORKERS];
        int code;
        kill(*victim, SIGKILL);
        assert_int_equal(waitpid(*victim, &code, 0), *victim);
        assert_true(WIFSIGNALED(code)); // it had not given up by itself
        *victim = start_worker(rig, path, ++seed);
    }
    for (int i = 0; i < WORKERS; i++) {
        kill(workers[i], SIGKILL);
        waitpid(workers[i], 0, 0);
    }
    assert_int_equal(open_jobs(rig), 0);
    // A job may have met FERRY_DEPOT_ATTEMPTS killed workers; all others are done.
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM job WHERE state = 3 OR (state = 4 AND silent >= 4)"),
                     JOBS);
    assert_true(depot_rig_count(rig, "SELECT count(*) FROM job WHERE state = 3") > JOBS / 2);
    check_log(path);
    rig->depot = depot_rig_open(rig);
}

// ---- one device, one claim ----

// Holds a lock of its own for each device while it has a claim for it: two at once would be seen here.
static int take_device(const char *path, const char *mac)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", path, mac);
    return open(name, O_CREAT | O_EXCL | O_WRONLY, 0666);
}

static void leave_device(const char *path, const char *mac)
{
    char name[80];
    snprintf(name, sizeof name, "%s.%s", path, mac);
    unlink(name);
}

// Works on jobs for devices: a claim names the device every other time, and the job every other time.
static void work_on_devices(struct depot_rig *rig, const char *path, uint32_t seed)
{
    char name[24], mac[FERRY_DEPOT_MAC];
    struct ferry_depot *depot = depot_rig_open(rig);
    snprintf(name, sizeof name, "worker-%u", (unsigned)seed);
    for (;;) {
        struct ferry_depot_job job;
        snprintf(mac, sizeof mac, "24:0a:c4:00:01:%02x", (unsigned)(dice(&seed) % DEVICES));
        struct ferry_depot_claim claim = {.worker = name, .lease_ms = 600000, .mac = dice(&seed) % 3 ? mac : 0};
        int got = ferry_depot_job_claim(depot, &claim, &job);
        if (got < 0 && got != FERRY_ERR_BUSY)
            _exit(8);
        if (got <= 0) {
            pause_ms(5);
            continue;
        }
        const char *device = *job.mac ? job.mac : claim.mac;
        int lock = device ? take_device(path, device) : -2;
        if (lock == -1)
            _exit(6); // somebody else is at work on it
        pause_ms(1 + dice(&seed) % 8);
        if (lock >= 0) {
            close(lock);
            leave_device(path, device);
        }
        struct ferry_depot_report report = {.state = FERRY_DEPOT_JOB_DONE};
        int status = ferry_depot_job_report(depot, job.id, name, job.attempt, &report);
        for (int i = 0; i < 20 && status == FERRY_ERR_BUSY; i++)
            status = ferry_depot_job_report(depot, job.id, name, job.attempt, &report);
        if (status < 0)
            _exit(7);
        note(path, "done", &job);
    }
}

static void a_device_has_one_claim(void **state)
{
    struct depot_rig *rig = *state;
    char path[] = "/tmp/ferry-claims.XXXXXX", mac[FERRY_DEPOT_MAC];
    pid_t workers[WORKERS];
    int64_t id, build = depot_rig_build(rig, "p", "1", "esp32", 1000, 1);
    close(mkstemp(path));
    for (int i = 0; i < DEVICE_JOBS; i++) {
        snprintf(mac, sizeof mac, "24:0a:c4:00:01:%02x", (unsigned)(i % DEVICES));
        assert_int_equal(ferry_depot_job_add(rig->depot, build, i % 4 ? mac : "", &id), FERRY_OK);
    }
    let_go(rig);
    for (uint32_t i = 0; i < WORKERS; i++)
        if ((workers[i] = fork()) == 0)
            work_on_devices(rig, path, i + 1);
    int code = 0, ended = 0;
    for (int i = 0; i < 600 && !ended && open_jobs(rig) > 0; i++) {
        pause_ms(50);
        for (int k = 0; k < WORKERS && !ended; k++)
            ended = waitpid(workers[k], &code, WNOHANG);
    }
    for (int i = 0; i < WORKERS; i++) {
        kill(workers[i], SIGKILL);
        waitpid(workers[i], 0, 0);
    }
    if (ended)
        fail_msg("a worker ended by itself: %d", WEXITSTATUS(code));
    for (int i = 0; i < DEVICES; i++) {
        snprintf(mac, sizeof mac, "24:0a:c4:00:01:%02x", (unsigned)i);
        leave_device(path, mac);
    }
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM job WHERE state = 3 AND attempt = 1"), DEVICE_JOBS);
    check_log(path);
    rig->depot = depot_rig_open(rig);
}

// ---- migrations ----

static void open_at_once(struct depot_rig *rig)
{
    enum { MANY = 8 };
    int gate[2];
    char byte;
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < MANY; i++)
        if (fork() == 0) {
            struct ferry_depot *depot;
            struct ferry_depot_error error;
            close(gate[1]);
            ssize_t n = read(gate[0], &byte, 1); // all go when it closes
            int status = n == 0 ? depot_rig_try(rig, &depot, &error) : -1;
            if (status < 0)
                fprintf(stderr, "%s\n", error.what);
            _exit(status < 0);
        }
    pause_ms(50);
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < MANY; i++) {
        int code;
        wait(&code);
        assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    }
    assert_int_equal(depot_rig_count(rig, "SELECT version FROM ferry_schema"), FERRY_DEPOT_SCHEMA_VERSION);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM ferry_schema"), 1);
}

static void many_make_it_at_once(void **state)
{
    struct depot_rig *rig = *state;
    char command[400];
    let_go(rig);
    if (rig->postgres)
        depot_rig_sql(rig, 0, 0, "DROP SCHEMA ferry CASCADE");
    snprintf(command, sizeof command, "rm -f '%s'*", rig->url);
    if (!rig->postgres)
        assert_int_equal(system(command), 0);
    open_at_once(rig);
    rig->depot = depot_rig_open(rig);
}

// A depot as the program of that version made it, and nothing later.
static void make_old(struct depot_rig *rig, int version)
{
    struct ferry_depot old = {.engine = rig->postgres ? &ferry_depot_engine_postgres : &ferry_depot_engine_sqlite,
                              .cfg = {.url = rig->url, .digest = &rig->digest, .busy_ms = 5000},
                              .url = rig->url};
    char command[400];
    let_go(rig);
    snprintf(command, sizeof command, "rm -f '%s'*", rig->url);
    if (rig->postgres)
        depot_rig_sql(rig, 0, 0, "DROP SCHEMA ferry CASCADE");
    else
        assert_int_equal(system(command), 0);
    assert_int_equal(old.engine->open(&old), FERRY_OK);
    assert_int_equal(ferry_depot_schema_migrate(&old, version), FERRY_OK);
    old.engine->close(&old);
    assert_int_equal(depot_rig_count(rig, "SELECT version FROM ferry_schema"), version);
}

#define NONE "'0000'"
// One row of everything that the version has. Two claims for one device, as versions 2 and 3 gave them.
static void fill_old(struct depot_rig *rig, int version)
{
    depot_rig_sql(rig, 0, 0,
                  "INSERT INTO build (sha256, kind, chip, project, version, idf, built, note, flash_size, size,"
                  " file_count, app_sha256, app_image_sha256, app_elf_sha256, layout, added) VALUES"
                  " (" NONE ", 'app', 'esp32', 'old', '1', '', '', '', 0, 5, 1, " NONE ", " NONE ", " NONE ", '', 1);"
                  "INSERT INTO channel VALUES ('old', 'esp32', 'stable', 1, 1)");
    if (version >= 2)
        depot_rig_sql(rig, 0, 0,
                      "INSERT INTO device VALUES ('24:0a:c4:00:01:10', 'esp32', 'k', 'stable', 'old', '0', " NONE
                      ", 1, 2)");
    for (int i = 1; i <= 4 && version >= 2; i++) // two claims for one device, another's, and one that waits
        depot_rig_sql(rig, 0, 0,
                      "INSERT INTO job (state, build, project, version, chip, mac, worker, attempt, silent, revision,"
                      " bytes_done, bytes_total, status, words, bytes_written, bytes_skipped, retries, elapsed, lease,"
                      " created, claimed, renewed, finished, changed) VALUES (%d, 1, 'old', '1', 'esp32',"
                      " '24:0a:c4:00:01:1%d', 'w%d', 1, 0, 1, 0, 5, '', '', 0, 0, 0, 0, 60000, 1, 1, %s, 0, 1)",
                      i == 4 || (i == 2 && version >= 4) ? 0 : 1 + i % 2, i / 3, i,
                      rig->postgres ? "ferry_now()" : "CAST(strftime('%s', 'now') AS INTEGER) * 1000");
    if (version >= 4)
        depot_rig_sql(rig, 0, 0, "UPDATE job SET target = mac");
}

static int report_running(struct depot_rig *rig, int64_t id, const char *worker)
{
    return ferry_depot_job_report(rig->depot, id, worker, 1,
                                  &(struct ferry_depot_report){.state = FERRY_DEPOT_JOB_RUNNING});
}

static void check_old(struct depot_rig *rig, int version)
{
    struct ferry_depot_build build;
    struct ferry_depot_device device;
    struct ferry_depot_job job;
    int64_t id;
    assert_int_equal(ferry_depot_find(rig->depot, "old@stable", 0, &build, 1), 1);
    assert_int_equal(ferry_depot_job_add(rig->depot, build.id, "24:0a:c4:00:01:19", &id), FERRY_OK);
    assert_int_equal(ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "new"}, &job), 1);
    if (version < 2)
        return;
    assert_int_equal(ferry_depot_device_get(rig->depot, "24:0a:c4:00:01:10", &device), FERRY_OK);
    assert_string_equal(device.name, "k");
    assert_int_equal(job.id, id); // 2 and 4 wait for the devices that 1 and 3 hold
    assert_int_equal(report_running(rig, 1, "w1"), FERRY_OK);
    assert_int_equal(report_running(rig, 2, "w2"), FERRY_ERR_CANCELLED);
    assert_int_equal(report_running(rig, 3, "w3"), FERRY_OK);
}

static void many_bring_it_up_to_date_at_once(void **state)
{
    struct depot_rig *rig = *state;
    for (int version = 1; version < FERRY_DEPOT_SCHEMA_VERSION; version++) {
        make_old(rig, version);
        fill_old(rig, version);
        open_at_once(rig);
        rig->depot = depot_rig_open(rig);
        check_old(rig, version);
    }
}

// Processes that are killed while they bring it up to date: one that comes later finishes.
static void killed_while_bringing_it_up_to_date(void **state)
{
    struct depot_rig *rig = *state;
    uint32_t random = 11;
    make_old(rig, 1);
    fill_old(rig, 1);
    for (int i = 0; i < 12; i++) {
        struct ferry_depot *depot;
        struct ferry_depot_error error;
        pid_t pid = fork();
        if (pid == 0)
            _exit(depot_rig_try(rig, &depot, &error) < 0);
        usleep(500 + dice(&random) % (rig->postgres ? 40000 : 8000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, 0, 0), pid);
    }
    rig->depot = depot_rig_open(rig);
    check_old(rig, 1);
}

// A step that was released is never changed: version 3 is what the program of that version made.
static void steps_stay_as_they_were(void **state)
{
    struct depot_rig *rig = *state;
    char command[600];
    if (rig->postgres)
        return;
    make_old(rig, 3);
    snprintf(command, sizeof command, "sqlite3 '%s' .schema | cmp - '%s/vectors/depot/schema-3.sql'", rig->url,
             FERRY_TESTS_DIR);
    assert_int_equal(system(command), 0);
    rig->depot = depot_rig_open(rig);
}

// A step that fails leaves the version before it, whole.
static void a_failed_step_leaves_the_old_version(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_error error;
    struct ferry_depot *depot;
    depot_rig_build(rig, "old", "1", "esp32", 1000, 1);
    let_go(rig);
    // Step 2 makes device, then job; here a table called job is in its way.
    depot_rig_sql(rig, 0, 0,
                  "DROP TABLE token; DROP TABLE job; DROP TABLE device; UPDATE ferry_schema SET version = 1;"
                  "CREATE TABLE job (x BIGINT)");
    assert_true(depot_rig_try(rig, &depot, &error) < 0);
    assert_int_equal(depot_rig_count(rig, "SELECT version FROM ferry_schema"), 1);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM build"), 1);
    depot_rig_sql(rig, 0, 0, "DROP TABLE job");
    rig->depot = depot_rig_open(rig); // fails if the table device was left behind
}

static void a_newer_one_is_refused(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_error error;
    struct ferry_depot *depot;
    let_go(rig);
    depot_rig_sql(rig, 0, 0, "UPDATE ferry_schema SET version = 99");
    assert_int_equal(depot_rig_try(rig, &depot, &error), FERRY_ERR_VERSION);
    assert_non_null(strstr(error.what, "99"));
    assert_null(depot);
    assert_int_equal(depot_rig_count(rig, "SELECT version FROM ferry_schema"), 99);
    depot_rig_sql(rig, 0, 0, "UPDATE ferry_schema SET version = %d", FERRY_DEPOT_SCHEMA_VERSION);
    rig->depot = depot_rig_open(rig);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, depot_rig_fresh, depot_rig_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(killed_while_adding),
        CASE(killed_while_removing),
        CASE(claimed_by_one),
        CASE(claimed_exactly_once),
        CASE(a_device_has_one_claim),
        CASE(many_make_it_at_once),
        CASE(many_bring_it_up_to_date_at_once),
        CASE(killed_while_bringing_it_up_to_date),
        CASE(steps_stay_as_they_were),
        CASE(a_failed_step_leaves_the_old_version),
        CASE(a_newer_one_is_refused),
    };
    int failed = cmocka_run_group_tests_name("processes on sqlite", tests, depot_rig_sqlite, depot_rig_end);
    return failed + cmocka_run_group_tests_name("processes on postgresql", tests, depot_rig_postgres, depot_rig_end);
}
