// The file sink in a real folder.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "ports/posix/file_sink.h"
#include "tests/support/card.h"

static struct ferry_posix_digest digest_port;
static struct ferry_digest digest;
static struct ferry_posix_file_sink files;
static struct ferry_sink sink;
static struct ferry_sink_plan plan;
static struct ferry_manifest manifest;
static uint8_t data[10000];

static int setup(void **state)
{
    *state = card_new();
    digest = ferry_posix_digest_init(&digest_port);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 13 + (i >> 7));
    memset(&manifest, 0, sizeof manifest);
    manifest.kind = FERRY_MANIFEST_FILE;
    manifest.size = sizeof data;
    strcpy(manifest.name, "table.csv");
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    digest.update(digest.ctx, data, sizeof data);
    digest.finish(digest.ctx, manifest.sha256, 32);
    assert_int_equal(ferry_posix_file_sink_open(&files, *state, &digest, NULL), 0);
    sink = ferry_posix_file_sink(&files);
    return 0;
}

static int teardown(void **state)
{
    ferry_posix_file_sink_close(&files);
    ferry_posix_digest_close(&digest_port);
    card_remove(*state);
    return 0;
}

static void send(uint32_t at, uint32_t end)
{
    uint32_t ready;
    assert_int_equal(sink.prepare(sink.ctx, at, end, &ready), 0);
    assert_int_equal(ready, end);
    while (at < end) {
        int n = sink.chunk(sink.ctx, at, data + at, end - at);
        assert_true(n > 0);
        at += (uint32_t)n;
    }
}

static long size_of(const char *dir, const char *name)
{
    struct stat st;
    char *path = card_path(dir, name);
    long size = stat(path, &st) == 0 ? (long)st.st_size : -1;
    free(path);
    return size;
}

static void test_whole(void **state)
{
    card_put_text(*state, "table.csv", "before");
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(plan.have, 0);
    send(0, 5000);
    assert_int_equal(size_of(*state, "table.csv"), 6); // the old one stays whole
    assert_int_equal(sink.end(sink.ctx), FERRY_ERR_VERIFY);
    send(5000, sizeof data);
    assert_int_equal(sink.end(sink.ctx), 0);
    assert_int_equal(sink.end(sink.ctx), 0);
    assert_int_equal(size_of(*state, "table.csv"), sizeof data);
    assert_int_equal(size_of(*state, "table.csv.part"), -1);
}

static void test_resume_longer_part(void **state)
{
    uint8_t have[32];
    bool blank;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    send(0, sizeof data);
    char *path = card_path(*state, "table.csv.part");
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputs("left over", f);
    fclose(f);
    free(path);
    ferry_posix_file_sink_close(&files);
    assert_int_equal(ferry_posix_file_sink_open(&files, *state, &digest, NULL), 0);
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    assert_int_equal(plan.have, sizeof data);
    assert_int_equal(sink.hash(sink.ctx, 0, sizeof data, have, &blank), 0);
    assert_memory_equal(have, manifest.sha256, 32);
    assert_int_equal(sink.end(sink.ctx), 0);
    assert_int_equal(size_of(*state, "table.csv"), sizeof data);
}

static void test_abort(void **state)
{
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), 0);
    send(0, 100);
    assert_int_equal(sink.abort(sink.ctx), 0);
    assert_int_equal(size_of(*state, "table.csv.part"), -1);
    assert_int_equal(sink.end(sink.ctx), FERRY_ERR_STATE);
}

static void refused(const char *name)
{
    strncpy(manifest.name, name, sizeof manifest.name - 1);
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), FERRY_ERR_STORAGE_PATH);
}

static void test_path_tricks(void **state)
{
    static const char *const names[] = {"",     ".",       "..",     "../x", "/etc/passwd", "a/b",
                                        "a\\b", ".hidden", "x.part", "a\nb", "a/../../b",   "\x7f"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        refused(names[i]);
    memset(manifest.name, 'x', sizeof manifest.name); // not terminated
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), FERRY_ERR_STORAGE_PATH);
    memset(manifest.name, 0, sizeof manifest.name);
    char *link = card_path(*state, "link"), *part = card_path(*state, "y.part"), *dir = card_path(*state, "dir");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(symlink("/tmp/elsewhere", part), 0);
    assert_int_equal(mkdir(dir, 0755), 0);
    refused("link");
    memset(manifest.name, 0, sizeof manifest.name);
    refused("y");
    memset(manifest.name, 0, sizeof manifest.name);
    refused("dir");
    free(link);
    free(part);
    free(dir);
    manifest.kind = FERRY_MANIFEST_FIRMWARE;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), FERRY_ERR_UNSUPPORTED);
}

static void test_no_space(void **state)
{
    (void)state;
    struct ferry_target_info info;
    assert_int_equal(sink.info(sink.ctx, &info), 0);
    assert_int_equal(info.slot_count, 1);
    if (info.slots[0].size == UINT32_MAX) // more is free than a manifest can ask for
        skip();
    manifest.size = UINT32_MAX;
    assert_int_equal(sink.begin(sink.ctx, &manifest, &plan), FERRY_ERR_NO_SPACE);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct ferry_posix_file_sink none;
    struct ferry_posix_error error = {0};
    assert_int_equal(ferry_posix_file_sink_open(&none, "/nowhere/at/all", &digest, &error), FERRY_ERR_STORAGE_MISSING);
    assert_string_not_equal(error.what, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {CASE(test_whole),       CASE(test_resume_longer_part), CASE(test_abort),
                                       CASE(test_path_tricks), CASE(test_no_space),           CASE(test_no_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
