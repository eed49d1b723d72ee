// What can happen to a depot's storage: the server is killed, the disk is full, the file is no database, is locked, may
// not be written. Anchors: a real file system that is really full (a small tmpfs in a mount namespace of this test),
// SIGKILL for the server, an unprivileged user, the databases' own command lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "tests/support/depot_rig.h"

static int try(struct depot_rig *rig, const struct ferry_depot_cfg *what, struct ferry_depot_error *error)
{
    struct ferry_depot *depot;
    struct ferry_depot_cfg cfg = *what;
    cfg.digest = &rig->digest;
    cfg.url = what->url ? what->url : rig->url;
    int status = ferry_depot_open(&depot, &cfg, error);
    assert_true((status < 0) == (depot == 0));
    if (status < 0) {
        assert_int_equal(error->status, status);
        assert_true(error->what[0] && error->where[0]);
    }
    ferry_depot_close(depot);
    return status;
}

static void write_text(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

// ---- what is no depot (SQLite) ----

static void no_database(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_error error;
    uint8_t noise[20000];
    char path[128], command[1000];
    snprintf(path, sizeof path, "%s/other", rig->folder);
    write_text(path, "this is my diary, please do not overwrite it, whatever you are; it is long enough", 81);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path}, &error), FERRY_ERR_STORAGE_DAMAGED);
    depot_rig_bytes(noise, sizeof noise, 5);
    write_text(path, (const char *)noise, sizeof noise);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path}, &error), FERRY_ERR_STORAGE_DAMAGED);
    struct stat st; // and it is as it was
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, sizeof noise);
    snprintf(command, sizeof command, "rm -f '%s'; sqlite3 '%s' 'CREATE TABLE songs (name TEXT)'", path, path);
    run(command);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path}, &error), FERRY_ERR_STORAGE_DAMAGED);
    assert_non_null(strstr(error.what, "another program"));
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = rig->folder}, &error), FERRY_ERR_ARG);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = "mysql://x/y"}, &error), FERRY_ERR_ARG);
    snprintf(path, sizeof path, "%s/new/folder/depot.db", rig->folder);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path, .must_exist = true}, &error),
                     FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path, .read_only = true}, &error),
                     FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = path}, &error), FERRY_OK);
}

// The file's own pages are damaged, not only what they hold: never a crash, always a named error or right bytes.
static void damaged_file(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_error error;
    struct stat st;
    char copy[128], command[1000];
    for (uint32_t i = 0; i < 6; i++)
        depot_rig_build(rig, "p", "1", "esp32", 90000, i);
    ferry_depot_close(rig->depot);
    rig->depot = 0;
    snprintf(copy, sizeof copy, "%s/copy.db", rig->folder);
    assert_int_equal(stat(rig->url, &st), 0);
    uint32_t random = 3;
    unsigned refused = 0, found = 0;
    for (int i = 0; i < 60; i++) {
        random = random * 1664525u + 1013904223u;
        // Anywhere, and every sixth time where the file says what it is.
        uint32_t at = (random >> 4) % (i % 6 ? (uint32_t)(st.st_size - 600) : 60);
        snprintf(command, sizeof command,
                 "cp '%s' '%s' && head -c 600 /dev/zero | tr '\\0' '\\%o' | dd of='%s' bs=1 seek=%u "
                 "conv=notrunc status=none",
                 rig->url, copy, (random >> 10) & 0177, copy, (unsigned)at);
        run(command);
        struct ferry_depot_cfg cfg = {.url = copy, .digest = &rig->digest};
        struct ferry_depot_build builds[10];
        struct ferry_depot_file files[FERRY_DEPOT_FILES];
        if (ferry_depot_open(&rig->depot, &cfg, &error) < 0) {
            refused++;
            continue;
        }
        int count = ferry_depot_build_list(rig->depot, 0, builds, 10);
        for (int k = 0; k < count; k++) {
            int n = ferry_depot_build_files(rig->depot, builds[k].id, files);
            for (int j = 0; j < n; j++)
                found += ferry_depot_blob_verify(rig->depot, files[j].blob.id) == FERRY_ERR_STORAGE_DAMAGED;
        }
        ferry_depot_close(rig->depot);
        rig->depot = 0;
    }
    if (refused == 0 || found == 0)
        fail_msg("%u refused, %u found", refused, found);
}

static void locked_by_another(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_cfg cfg = {.url = rig->url, .digest = &rig->digest, .busy_ms = 100};
    struct ferry_depot *depot;
    struct ferry_depot_error error;
    struct ferry_depot_build build;
    char command[1000];
    int64_t id = depot_rig_build(rig, "p", "1", "esp32", 1000, 1);
    assert_int_equal(ferry_depot_open(&depot, &cfg, &error), FERRY_OK);
    snprintf(command, sizeof command, "sqlite3 '%s' >/dev/null", rig->url);
    FILE *other = popen(command, "w");
    assert_non_null(other);
    fputs("BEGIN IMMEDIATE; UPDATE channel SET name = name;\n.shell touch", other);
    fprintf(other, " '%s/locked'\n", rig->folder);
    fflush(other);
    snprintf(command, sizeof command, "%s/locked", rig->folder);
    while (access(command, F_OK) != 0)
        usleep(5000);
    assert_int_equal(ferry_depot_channel_set(depot, "stable", id), FERRY_ERR_BUSY);
    assert_true(ferry_depot_error(depot)->hint[0]);
    assert_int_equal(ferry_depot_build_get(depot, id, &build), FERRY_OK); // readers are not held up
    fputs("ROLLBACK;\n", other);
    assert_int_equal(pclose(other), 0);
    assert_int_equal(ferry_depot_channel_set(depot, "stable", id), FERRY_OK);
    ferry_depot_close(depot);
}

static int as_nobody(struct depot_rig *rig, bool read_only)
{
    struct ferry_depot_error error;
    struct ferry_depot_build build;
    struct ferry_depot *depot;
    struct ferry_depot_cfg cfg = {.url = rig->url, .digest = &rig->digest, .read_only = read_only};
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 10;
    int status = ferry_depot_open(&depot, &cfg, &error);
    if (status < 0)
        return status == FERRY_ERR_STORAGE_READ || status == FERRY_ERR_STORAGE_WRITE ? 1 : 11;
    if (ferry_depot_build_list(depot, 0, &build, 1) != 1)
        return 12;
    status = ferry_depot_channel_set(depot, "stable", build.id);
    ferry_depot_close(depot);
    return status == FERRY_ERR_STORAGE_WRITE ? 0 : 13;
}

static int in_child(struct depot_rig *rig, int (*what)(struct depot_rig *rig, bool read_only), bool read_only)
{
    int code;
    pid_t pid = fork();
    if (pid == 0)
        _exit(what(rig, read_only));
    waitpid(pid, &code, 0);
    return WIFEXITED(code) ? WEXITSTATUS(code) : 99;
}

static void may_not_be_written(void **state)
{
    struct depot_rig *rig = *state;
    char command[1000];
    if (getuid() != 0)
        skip();
    depot_rig_build(rig, "p", "1", "esp32", 1000, 1);
    ferry_depot_close(rig->depot);
    snprintf(command, sizeof command,
             "sqlite3 '%s' 'PRAGMA journal_mode = DELETE' >/dev/null; chmod 644 '%s'; chmod 755 '%s'", rig->url,
             rig->url, rig->folder);
    run(command);
    assert_int_equal(in_child(rig, as_nobody, true), 0);
    assert_int_equal(in_child(rig, as_nobody, false), 0);
    snprintf(command, sizeof command, "chmod 600 '%s'", rig->url);
    run(command);
    assert_int_equal(in_child(rig, as_nobody, false), 1);
    rig->depot = depot_rig_open(rig);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM channel"), 0);
}

// ---- full disks ----

// Fills the file system that the database is on, or makes room again.
static void disk(struct depot_rig *rig, bool full)
{
    char command[1000];
    snprintf(command, sizeof command, full ? "cat /dev/zero > '%s/%s' 2>/dev/null; true" : "rm '%s/%s'", rig->folder,
             rig->postgres ? "data/filler" : "filler");
    run(command);
}

static int add_until_full(struct depot_rig *rig, uint32_t seed)
{
    struct ferry_depot_put *put;
    struct ferry_depot_blob blob;
    uint8_t piece[65536];
    int status = ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put);
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < 600 && status >= 0; i++) {
        depot_rig_bytes(piece, sizeof piece, seed + i);
        status = ferry_depot_put_write(put, piece, sizeof piece);
    }
    if (status >= 0)
        return ferry_depot_put_end(put, 0, &blob, 0);
    assert_int_equal(ferry_depot_put_end(put, 0, &blob, 0), status); // the first cause stays
    return status;
}

static void disk_full(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build build;
    int64_t id = depot_rig_build(rig, "p", "1", "esp32", 100000, 1);
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    for (uint32_t round = 0; round < 3; round++) {
        disk(rig, true);
        assert_int_equal(add_until_full(rig, 1000 * round), FERRY_ERR_STORAGE_WRITE);
        assert_true(ferry_depot_error(rig->depot)->hint[0]);
        assert_int_equal(ferry_depot_build_list(rig->depot, 0, &build, 1), 1); // what was there can still be read
        assert_int_equal(build.id, id);
        assert_int_equal(ferry_depot_build_files(rig->depot, id, files), 1);
        assert_int_equal(ferry_depot_blob_verify(rig->depot, files[0].blob.id), FERRY_OK);
        disk(rig, false);
    }
    int64_t next = depot_rig_build(rig, "p", "2", "esp32", 200000, 2); // and it goes on
    assert_int_equal(ferry_depot_build_files(rig->depot, next, files), 1);
    assert_int_equal(ferry_depot_blob_verify(rig->depot, files[0].blob.id), FERRY_OK);
}

// ---- the server goes away (PostgreSQL) ----

static void server(struct depot_rig *rig, const char *verb)
{
    char command[1000];
    snprintf(command, sizeof command, "'%s/support/postgres.sh' %s '%s'", FERRY_TESTS_DIR, verb, rig->folder);
    run(command);
}

static void server_killed_in_the_middle(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_put *put;
    struct ferry_depot_blob blob;
    struct ferry_depot_build build;
    static uint8_t bytes[200000];
    int64_t id = depot_rig_build(rig, "p", "1", "esp32", 100000, 1), job;
    struct ferry_depot_job claimed;
    assert_int_equal(ferry_depot_job_add(rig->depot, id, "", &job), FERRY_OK);
    assert_int_equal(ferry_depot_job_claim(rig->depot, &(struct ferry_depot_claim){.worker = "w"}, &claimed), 1);
    assert_int_equal(ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put), FERRY_OK);
    assert_int_equal(ferry_depot_put_write(put, bytes, sizeof bytes), FERRY_OK);
    server(rig, "kill");
    assert_int_equal(ferry_depot_put_write(put, bytes, sizeof bytes), FERRY_ERR_STORAGE_READ);
    assert_int_equal(ferry_depot_put_end(put, 0, &blob, 0), FERRY_ERR_STORAGE_READ);
    assert_int_equal(ferry_depot_build_get(rig->depot, id, &build), FERRY_ERR_STORAGE_READ);
    assert_non_null(strstr(ferry_depot_error(rig->depot)->hint, "running"));
    assert_int_equal(ferry_depot_channel_set(rig->depot, "stable", id), FERRY_ERR_STORAGE_READ);
    server(rig, "again");
    // The same handle goes on by itself.
    assert_int_equal(ferry_depot_build_get(rig->depot, id, &build), FERRY_OK);
    assert_int_equal(ferry_depot_channel_set(rig->depot, "stable", id), FERRY_OK);
    assert_int_equal(ferry_depot_job_report(rig->depot, job, "w", claimed.attempt,
                                            &(struct ferry_depot_report){.state = FERRY_DEPOT_JOB_DONE}),
                     FERRY_OK);
    assert_int_equal(ferry_depot_build_list(rig->depot, 0, &build, 1), 1);
    assert_true(depot_rig_build(rig, "p", "2", "esp32", 150000, 2) > id);
    // Killed and back while nobody asked: a read, then a write, do not even notice.
    server(rig, "kill");
    server(rig, "again");
    assert_int_equal(ferry_depot_channel_set(rig->depot, "beta", id), FERRY_OK);
}

static void no_server(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_error error;
    assert_int_equal(
        try(rig, &(struct ferry_depot_cfg){.url = "postgresql://u:secret@127.0.0.1:1/x?password=secret2"}, &error),
        FERRY_ERR_STORAGE_READ);
    assert_null(strstr(error.what, "secret"));
    assert_null(strstr(error.where, "secret"));
    assert_non_null(strstr(error.where, "u@127.0.0.1:1/x"));
    assert_int_equal(try(rig, &(struct ferry_depot_cfg){.url = "postgresql://%zz"}, &error), FERRY_ERR_STORAGE_READ);
}

static void our_tables_are_gone(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build build;
    depot_rig_sql(rig, 0, 0, rig->postgres ? "DROP TABLE build CASCADE" : "DROP TABLE build");
    assert_int_equal(ferry_depot_build_get(rig->depot, 1, &build), FERRY_ERR_STORAGE_DAMAGED);
}

// ---- set-up with a small disk ----

static int small_sqlite(void **state)
{
    char command[400];
    int code = depot_rig_sqlite(state);
    struct depot_rig *rig = *state;
    snprintf(rig->url, sizeof rig->url, "%s/depot.db", rig->folder);
    snprintf(command, sizeof command, "mount -t tmpfs -o size=6m none '%s'", rig->folder);
    return code ? code : system(command);
}

static int small_sqlite_end(void **state)
{
    const struct depot_rig *rig = *state;
    return umount(rig->folder) != 0 || depot_rig_end(state) != 0;
}

static int small_postgres(void **state)
{
    setenv("FERRY_TEST_POSTGRES_MB", "70", 1);
    int code = depot_rig_postgres(state);
    unsetenv("FERRY_TEST_POSTGRES_MB");
    return code;
}

static int empty_and_open(void **state)
{
    struct depot_rig *rig = *state;
    char command[400];
    if (rig->postgres)
        return depot_rig_fresh(state);
    snprintf(command, sizeof command, "rm -rf '%s'/*", rig->folder);
    rig->depot = system(command) == 0 ? depot_rig_open(rig) : 0;
    return rig->depot == 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, depot_rig_fresh, depot_rig_done)

int main(void)
{
    const struct CMUnitTest sqlite[] = {CASE(no_database), CASE(damaged_file), CASE(locked_by_another),
                                        CASE(may_not_be_written), CASE(our_tables_are_gone)};
    const struct CMUnitTest postgres[] = {CASE(server_killed_in_the_middle), CASE(no_server),
                                          CASE(our_tables_are_gone)};
    const struct CMUnitTest full[] = {cmocka_unit_test_setup_teardown(disk_full, empty_and_open, depot_rig_done)};
    int failed = cmocka_run_group_tests_name("faults on sqlite", sqlite, depot_rig_sqlite, depot_rig_end);
    failed += cmocka_run_group_tests_name("faults on postgresql", postgres, depot_rig_postgres, depot_rig_end);
    // Mounts of this process alone; they go when it does.
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) != 0) {
        printf("full disks are not tried: that needs root (%s)\n", strerror(errno));
        return failed;
    }
    failed += cmocka_run_group_tests_name("full disk under sqlite", full, small_sqlite, small_sqlite_end);
    return failed + cmocka_run_group_tests_name("full disk under postgresql", full, small_postgres, depot_rig_end);
}
