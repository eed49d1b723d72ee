// The depot on SQLite and on a real PostgreSQL: the same cases on both. Anchors: the databases' own command lines look
// at what was stored, and sha256sum's digest of known bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "ferry/source/blob.h"
#include "tests/support/depot_rig.h"

static void read_back(struct ferry_depot *depot, const struct ferry_depot_blob *blob, uint32_t seed, size_t piece)
{
    uint8_t *want = malloc(blob->size), *got = malloc(piece);
    uint32_t at = 0;
    depot_rig_bytes(want, blob->size, seed);
    for (;;) {
        int n = ferry_depot_blob_read(depot, blob->id, at, got, piece);
        DEPOT_GOOD(depot, n);
        if (n == 0)
            break;
        assert_true((size_t)n <= piece && (uint32_t)n <= blob->size - at);
        assert_memory_equal(got, want + at, (size_t)n);
        at += (uint32_t)n;
    }
    assert_int_equal(at, blob->size);
    free(want);
    free(got);
}

// ---- blobs ----

static void blobs_come_back(void **state)
{
    static const uint32_t sizes[] = {1, 65535, 65536, 65537, 3 * 65536, 400001};
    struct depot_rig *rig = *state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ferry_depot_blob blob = depot_rig_put(rig, sizes[i], 7 + (uint32_t)i), found;
        assert_int_equal(blob.size, sizes[i]);
        read_back(rig->depot, &blob, 7 + (uint32_t)i, 16384);
        read_back(rig->depot, &blob, 7 + (uint32_t)i, 100000);
        DEPOT_GOOD(rig->depot, ferry_depot_blob_verify(rig->depot, blob.id));
        DEPOT_GOOD(rig->depot, ferry_depot_blob_find(rig->depot, blob.sha256, &found));
        assert_int_equal(found.id, blob.id);
    }
}

static void digest_is_sha256(void **state)
{
    // printf 'abc' | sha256sum; FIPS 180-2, appendix B.1
    static const uint8_t want[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                     0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                     0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct depot_rig *rig = *state;
    struct ferry_depot_put *put;
    struct ferry_depot_blob blob;
    uint8_t wrong[32];
    memcpy(wrong, want, sizeof wrong);
    wrong[31] ^= 1;
    for (int i = 0; i < 2; i++) {
        DEPOT_GOOD(rig->depot, ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put));
        DEPOT_GOOD(rig->depot, ferry_depot_put_write(put, (const uint8_t *)"abc", 3));
        if (i == 0) {
            assert_int_equal(ferry_depot_put_end(put, wrong, &blob, 0), FERRY_ERR_VERIFY);
            assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 0);
            assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 0);
        } else
            DEPOT_GOOD(rig->depot, ferry_depot_put_end(put, want, &blob, 0));
    }
    assert_memory_equal(blob.sha256, want, sizeof want);
}

static void same_bytes_are_stored_once(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_blob a = depot_rig_put(rig, 200000, 1), b = depot_rig_put(rig, 200000, 1);
    assert_int_equal(a.id, b.id);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 1);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 4);
}

static void limits_and_nothing(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_put *put;
    struct ferry_depot_blob blob;
    uint8_t bytes[2000] = {0};
    DEPOT_GOOD(rig->depot, ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put));
    assert_int_equal(ferry_depot_put_end(put, 0, &blob, 0), FERRY_ERR_IMAGE_TRUNCATED);
    DEPOT_GOOD(rig->depot, ferry_depot_put_begin(rig->depot, &rig->put_digest, 1999, &put));
    assert_int_equal(ferry_depot_put_write(put, bytes, sizeof bytes), FERRY_ERR_NO_SPACE);
    assert_int_equal(ferry_depot_put_write(put, bytes, 1), FERRY_ERR_NO_SPACE); // it stays refused
    assert_int_equal(ferry_depot_put_end(put, 0, &blob, 0), FERRY_ERR_NO_SPACE);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 0);
}

static void several_at_once_on_one_handle(void **state)
{
    enum { N = 5, SIZE = 150000 };
    struct depot_rig *rig = *state;
    struct ferry_posix_digest digests[N];
    struct ferry_depot_put *puts[N];
    uint8_t *bytes = malloc(SIZE);
    for (uint32_t i = 0; i < N; i++) {
        struct ferry_digest digest = ferry_posix_digest_init(&digests[i]);
        DEPOT_GOOD(rig->depot, ferry_depot_put_begin(rig->depot, &digest, 0, &puts[i]));
    }
    for (uint32_t at = 0; at < SIZE; at += 10000)
        for (uint32_t i = 0; i < N; i++) {
            depot_rig_bytes(bytes, SIZE, 40 + i);
            DEPOT_GOOD(rig->depot, ferry_depot_put_write(puts[i], bytes + at, 10000));
        }
    for (uint32_t i = 0; i < N; i++) {
        struct ferry_depot_blob blob;
        DEPOT_GOOD(rig->depot, ferry_depot_put_end(puts[i], 0, &blob, 0));
        read_back(rig->depot, &blob, 40 + i, 4096);
        ferry_posix_digest_close(&digests[i]);
    }
    free(bytes);
}

// What is being stored, or was and is held by nothing, is in no list and goes after a while; not before.
static void torn_add_leaves_nothing(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_put *put;
    struct ferry_depot_build build;
    uint8_t bytes[100000] = {1, 2, 3};
    int64_t kept = depot_rig_build(rig, "blink", "1.0", "esp32", 70000, 1);
    depot_rig_put(rig, 80000, 2); // whole, but no build follows
    DEPOT_GOOD(rig->depot, ferry_depot_put_begin(rig->depot, &rig->put_digest, 0, &put));
    DEPOT_GOOD(rig->depot, ferry_depot_put_write(put, bytes, sizeof bytes)); // its program dies here
    assert_int_equal(ferry_depot_build_list(rig->depot, 0, &build, 1), 1);
    assert_int_equal(build.id, kept);
    struct ferry_depot *other = depot_rig_open(rig);
    assert_int_equal(ferry_depot_sweep(other, 0), 0);
    depot_rig_jump(rig, 3700000);
    assert_int_equal(ferry_depot_sweep(other, 0), 2);
    assert_int_equal(ferry_depot_sweep(other, 0), 0);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 1);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 2);
    ferry_depot_close(other);
    struct ferry_depot_blob blob; // the slow one hears that it was too slow
    assert_int_equal(ferry_depot_put_end(put, 0, &blob, 0), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 2);
}

static void damage(struct depot_rig *rig, int64_t blob, int chunk)
{
    depot_rig_sql(rig, 0, 0,
                  rig->postgres
                      ? "UPDATE chunk SET bytes = set_byte(bytes, 777, get_byte(bytes, 777) # 1) WHERE id = %lld"
                      : "UPDATE chunk SET bytes = CAST(substr(bytes, 1, 777) || x'00' || substr(bytes, 779) "
                        "AS BLOB) WHERE id = %lld",
                  (long long)blob * 65536 + chunk);
}

static void damaged_bytes_are_found(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_blob blob = depot_rig_put(rig, 300000, 3);
    uint8_t buf[65536];
    damage(rig, blob.id, 2);
    assert_int_equal(ferry_depot_blob_verify(rig->depot, blob.id), FERRY_ERR_STORAGE_DAMAGED);
    assert_non_null(strstr(ferry_depot_error(rig->depot)->what, "SHA-256"));
    // The same bytes once more: the stored copy is made good.
    struct ferry_depot_blob again = depot_rig_put(rig, 300000, 3);
    assert_int_equal(again.id, blob.id);
    DEPOT_GOOD(rig->depot, ferry_depot_blob_verify(rig->depot, blob.id));
    read_back(rig->depot, &blob, 3, 16384);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 5);
    // A piece that is gone, one that is too short.
    depot_rig_sql(rig, 0, 0, "DELETE FROM chunk WHERE id = %lld", (long long)blob.id * 65536 + 1);
    assert_int_equal(ferry_depot_blob_verify(rig->depot, blob.id), FERRY_ERR_STORAGE_DAMAGED);
    assert_int_equal(ferry_depot_blob_read(rig->depot, blob.id, 65536, buf, sizeof buf), FERRY_ERR_STORAGE_DAMAGED);
    depot_rig_put(rig, 300000, 3);
    DEPOT_GOOD(rig->depot, ferry_depot_blob_verify(rig->depot, blob.id));
    depot_rig_sql(rig, 0, 0, "UPDATE chunk SET bytes = substr(bytes, 1, 100) WHERE id = %lld",
                  (long long)blob.id * 65536 + 4);
    assert_int_equal(ferry_depot_blob_verify(rig->depot, blob.id), FERRY_ERR_STORAGE_DAMAGED);
}

static int read_blob(void *ctx, int64_t id, uint32_t offset, uint8_t *buf, size_t cap)
{
    return ferry_depot_blob_read(ctx, id, offset, buf, cap);
}

static void blob_is_a_source(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_blob blob = depot_rig_put(rig, 200000, 5);
    struct ferry_source_blob self = {.ctx = rig->depot, .id = blob.id, .size = blob.size, .read = read_blob};
    struct ferry_source source = ferry_source_blob(&self);
    uint8_t *want = malloc(200000), *got = malloc(200000);
    depot_rig_bytes(want, 200000, 5);
    assert_int_equal(source.read(source.ctx, 0, got, 200000), FERRY_OK); // across all chunks
    assert_memory_equal(got, want, 200000);
    assert_int_equal(source.read(source.ctx, 131070, got, 4), FERRY_OK);
    assert_memory_equal(got, want + 131070, 4);
    assert_int_equal(source.read(source.ctx, 199999, got, 2), FERRY_ERR_ARG);
    depot_rig_sql(rig, 0, 0, "DELETE FROM chunk WHERE id = %lld", (long long)blob.id * 65536 + 3);
    ferry_depot_blob_rest(rig->depot);
    assert_int_equal(source.read(source.ctx, 199000, got, 100), FERRY_ERR_STORAGE_DAMAGED);
    free(want);
    free(got);
}

// ---- builds ----

static void the_same_build_twice(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build a = {.project = "blink", .kind = "build", .version = "1", .chip = "esp32"}, b = a;
    struct ferry_depot_file files[2] = {{.role = "app", .name = "app.bin", .address = 0x10000},
                                        {.role = "bootloader", .name = "boot.bin", .address = 0x1000}};
    struct ferry_depot_file stored[FERRY_DEPOT_FILES];
    bool existed;
    files[0].blob = depot_rig_put(rig, 100000, 1);
    files[1].blob = depot_rig_put(rig, 20000, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_build_add(rig->depot, &a, files, 2, "[{}]", &existed));
    assert_false(existed);
    assert_int_equal(a.size, 120000);
    struct ferry_depot_file swapped[2] = {files[1], files[0]};
    DEPOT_GOOD(rig->depot, ferry_depot_build_add(rig->depot, &b, swapped, 2, "[{}]", &existed));
    assert_true(existed);
    assert_int_equal(a.id, b.id);
    assert_memory_equal(a.sha256, b.sha256, 32);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM build"), 1);
    assert_int_equal(ferry_depot_build_files(rig->depot, a.id, stored), 2);
    assert_int_equal(stored[0].address, 0x1000);
    assert_string_equal(stored[0].role, "bootloader");
    assert_int_equal(stored[1].blob.size, 100000);
    files[0].address = 0x20000; // another place is another build, of the same blobs
    DEPOT_GOOD(rig->depot, ferry_depot_build_add(rig->depot, &b, files, 2, 0, &existed));
    assert_false(existed);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 2);
}

static void bad_builds_are_refused(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_file files[2] = {{.role = "app", .address = 0}, {.role = "app", .address = 0}};
    struct ferry_depot_build good = {.project = "p"}, bad = good;
    files[0].blob = files[1].blob = depot_rig_put(rig, 1000, 1);
    bad.project[0] = 0;
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 1, 0, 0), FERRY_ERR_ARG);
    bad = good;
    strcpy(bad.version, "1\n2");
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 1, 0, 0), FERRY_ERR_ARG);
    strcpy(bad.version, "\xc3\x28");
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 1, 0, 0), FERRY_ERR_ARG);
    bad = good;
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 2, 0, 0), FERRY_ERR_ARG); // one address
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 0, 0, 0), FERRY_ERR_ARG);
    files[0].blob.id += 1000;
    assert_int_equal(ferry_depot_build_add(rig->depot, &bad, files, 1, 0, 0), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM build"), 0);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM file"), 0);
}

static void odd_text_stays_text(void **state)
{
    static const char *const names[] = {"'; DROP TABLE build; --", "a\"b`c\\d", "100% _sure_", "größe €", "$1 {key}"};
    struct depot_rig *rig = *state;
    for (uint32_t i = 0; i < 5; i++) {
        struct ferry_depot_build build;
        int64_t id = depot_rig_build(rig, names[i], names[i], "esp32", 1000, i);
        struct ferry_depot_filter filter = {.project = names[i], .version = names[i], .text = names[i]};
        assert_int_equal(ferry_depot_build_list(rig->depot, &filter, &build, 1), 1);
        assert_int_equal(build.id, id);
        assert_string_equal(build.project, names[i]);
    }
    struct ferry_depot_filter wild = {.text = "%"};
    struct ferry_depot_build build[8];
    assert_int_equal(ferry_depot_build_list(rig->depot, &wild, build, 8), 1); // the one that has it
}

static void lists_are_filtered_and_paged(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build page[10];
    char version[16];
    for (uint32_t i = 0; i < 23; i++) {
        snprintf(version, sizeof version, "1.%u", i);
        depot_rig_build(rig, i % 2 ? "blink" : "Weather", version, i % 3 ? "esp32" : "esp32c3", 500, i);
    }
    struct ferry_depot_filter filter = {0};
    int total = 0, n;
    int64_t last = INT64_MAX;
    while ((n = ferry_depot_build_list(rig->depot, &filter, page, 10)) > 0) {
        for (int i = 0; i < n; i++) {
            assert_true(page[i].id < last);
            last = page[i].id;
        }
        total += n;
        filter.before = last;
    }
    assert_int_equal(n, 0);
    assert_int_equal(total, 23);
    filter = (struct ferry_depot_filter){.project = "blink"};
    assert_int_equal(ferry_depot_build_list(rig->depot, &filter, page, 10), 10);
    filter = (struct ferry_depot_filter){.chip = "esp32c3", .project = "Weather"};
    assert_int_equal(ferry_depot_build_list(rig->depot, &filter, page, 10), 4);
    filter = (struct ferry_depot_filter){.text = "wEAth"};
    assert_int_equal(ferry_depot_build_list(rig->depot, &filter, page, 10), 10);
    filter = (struct ferry_depot_filter){.version = "1.7"};
    assert_int_equal(ferry_depot_build_list(rig->depot, &filter, page, 10), 1);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "beta", page[0].id));
    filter = (struct ferry_depot_filter){.channel = "beta"};
    assert_int_equal(ferry_depot_build_list(rig->depot, &filter, page, 10), 1);
}

static void removing_takes_what_nobody_needs(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build build = {.project = "p", .version = "2"};
    struct ferry_depot_file files[2] = {{.role = "app", .address = 0}, {.role = "data", .address = 0x100000}};
    int64_t one = depot_rig_build(rig, "p", "1", "", 100000, 1), job;
    files[0].blob = depot_rig_put(rig, 100000, 1); // shared
    files[1].blob = depot_rig_put(rig, 5000, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_build_add(rig->depot, &build, files, 2, 0, 0));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", build.id));
    assert_int_equal(ferry_depot_build_remove(rig->depot, build.id, false), FERRY_ERR_STATE);
    DEPOT_GOOD(rig->depot, ferry_depot_job_add(rig->depot, build.id, 0, &job));
    assert_int_equal(ferry_depot_build_remove(rig->depot, build.id, true), FERRY_ERR_STATE);
    DEPOT_GOOD(rig->depot, ferry_depot_job_cancel(rig->depot, job));
    DEPOT_GOOD(rig->depot, ferry_depot_build_remove(rig->depot, build.id, true));
    assert_int_equal(ferry_depot_build_remove(rig->depot, build.id, true), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM blob"), 1);
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 2);
    struct ferry_depot_job history;
    DEPOT_GOOD(rig->depot, ferry_depot_job_get(rig->depot, job, &history)); // what was done is still told
    assert_int_equal(history.build, 0);
    assert_string_equal(history.project, "p");
    DEPOT_GOOD(rig->depot, ferry_depot_build_remove(rig->depot, one, false));
    assert_int_equal(depot_rig_count(rig, "SELECT count(*) FROM chunk"), 0);
}

// ---- names ----

static int64_t found(struct depot_rig *rig, const char *reference, const char *chip)
{
    struct ferry_depot_build build[4];
    int count = ferry_depot_find(rig->depot, reference, chip, build, 4);
    return count == 1 ? build[0].id : count;
}

static void builds_are_found_by_name(void **state)
{
    struct depot_rig *rig = *state;
    char digits[80], number[24];
    struct ferry_depot_build build[4];
    int64_t one = depot_rig_build(rig, "blink", "1.0", "esp32", 1000, 1);
    int64_t c3 = depot_rig_build(rig, "blink", "1.0", "esp32c3", 1000, 2);
    assert_int_equal(ferry_depot_find(rig->depot, "blink", 0, build, 4), 2); // one a chip
    assert_int_equal(found(rig, "blink@1.0", "esp32c3"), c3);
    int64_t two = depot_rig_build(rig, "blink", "2.0", "esp32", 1000, 3);
    assert_int_equal(found(rig, "blink", "esp32"), FERRY_ERR_AMBIGUOUS);
    assert_int_equal(found(rig, "blink@latest", "esp32"), two);
    assert_int_equal(ferry_depot_find(rig->depot, "blink@latest", "", build, 4), 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", one));
    assert_int_equal(found(rig, "blink", "esp32"), one);
    assert_int_equal(found(rig, "blink@stable", 0), one);
    assert_int_equal(found(rig, "blink@stable", "esp32c3"), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(found(rig, "blink@2.0", 0), two);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", two));
    assert_int_equal(found(rig, "blink@stable", 0), two);
    snprintf(number, sizeof number, "#%lld", (long long)c3);
    assert_int_equal(found(rig, number, 0), c3);
    assert_int_equal(found(rig, "#999", 0), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(found(rig, "#x", 0), FERRY_ERR_ARG);
    DEPOT_GOOD(rig->depot, ferry_depot_build_get(rig->depot, two, &build[0]));
    for (int i = 0; i < 32; i++)
        sprintf(digits + 2 * i, "%02X", build[0].sha256[i]);
    assert_int_equal(found(rig, digits, 0), two);
    digits[9] = 0;
    assert_int_equal(found(rig, digits, 0), two);
    digits[7] = 0;
    assert_int_equal(found(rig, digits, 0), FERRY_ERR_STORAGE_MISSING);
    for (int i = 0; i < 32; i++)
        sprintf(digits + 2 * i, "%02x", build[0].app_sha256[i]);
    assert_int_equal(found(rig, digits, 0), two);
    assert_int_equal(found(rig, "nothing@stable", 0), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(found(rig, "", 0), FERRY_ERR_ARG);
    assert_int_equal(found(rig, "blink@", 0), FERRY_ERR_ARG);
    assert_int_equal(found(rig, "@stable", 0), FERRY_ERR_ARG);
}

static void channels(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_channel list[8];
    int64_t a = depot_rig_build(rig, "blink", "1", "esp32", 1000, 1),
            b = depot_rig_build(rig, "blink", "1", "esp32c3", 9, 2);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", a));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "stable", b));
    DEPOT_GOOD(rig->depot, ferry_depot_channel_set(rig->depot, "beta", a));
    assert_int_equal(ferry_depot_channel_list(rig->depot, 0, 0, list, 8), 3);
    assert_string_equal(list[0].name, "beta");
    assert_string_equal(list[2].chip, "esp32c3");
    assert_int_equal(ferry_depot_channel_list(rig->depot, "blink", 2, list, 8), 1);
    assert_int_equal(ferry_depot_channel_list(rig->depot, "other", 0, list, 8), 0);
    DEPOT_GOOD(rig->depot, ferry_depot_channel_remove(rig->depot, "beta", "blink", "esp32"));
    assert_int_equal(ferry_depot_channel_remove(rig->depot, "beta", "blink", "esp32"), FERRY_ERR_STORAGE_MISSING);
    assert_int_equal(ferry_depot_channel_set(rig->depot, "1.0", a), FERRY_ERR_ARG);
    assert_int_equal(ferry_depot_channel_set(rig->depot, "latest", a), FERRY_ERR_ARG);
    assert_int_equal(ferry_depot_channel_set(rig->depot, "a b", a), FERRY_ERR_ARG);
    assert_int_equal(ferry_depot_channel_set(rig->depot, "ok", 4711), FERRY_ERR_STORAGE_MISSING);
}

// ---- room ----

static int64_t file_size(const struct depot_rig *rig)
{
    struct stat st;
    assert_int_equal(stat(rig->url, &st), 0);
    return st.st_size;
}

// A reader whose handle is open all the time still finds everything.
static void the_room_of_removed_builds_comes_back(void **state)
{
    struct depot_rig *rig = *state;
    struct ferry_depot_build build;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    uint64_t before, after;
    int64_t ids[8];
    for (uint32_t i = 0; i < 8; i++)
        ids[i] = depot_rig_build(rig, "p", "1", "esp32", 1000000, i);
    struct ferry_depot *reader = depot_rig_open(rig);
    DEPOT_GOOD(reader, ferry_depot_build_get(reader, ids[7], &build));
    for (uint32_t i = 0; i < 7; i++)
        DEPOT_GOOD(rig->depot, ferry_depot_build_remove(rig->depot, ids[i], false));
    DEPOT_GOOD(reader, ferry_depot_build_files(reader, ids[7], files));
    DEPOT_GOOD(reader, ferry_depot_blob_verify(reader, files[0].blob.id));
    ferry_depot_close(reader);
    ferry_depot_close(rig->depot);
    if (!rig->postgres) // by itself, when the log was written back
        assert_true(file_size(rig) < 2000000);
    rig->depot = depot_rig_open(rig);
    DEPOT_GOOD(rig->depot, ferry_depot_compact(rig->depot, &before, &after));
    assert_true(after <= before && after < 2000000);
    DEPOT_GOOD(rig->depot, ferry_depot_blob_verify(rig->depot, files[0].blob.id));
    assert_int_equal(ferry_depot_build_remove(rig->depot, ids[0], false), FERRY_ERR_STORAGE_MISSING);
}

// A file that was made without auto_vacuum, as older versions made it.
static void an_older_file_is_made_smaller(void **state)
{
    struct depot_rig *rig = *state;
    uint64_t before, after;
    if (rig->postgres)
        return;
    for (uint32_t i = 0; i < 5; i++)
        depot_rig_build(rig, "p", "1", "esp32", 1000000, i);
    ferry_depot_close(rig->depot);
    depot_rig_sql(rig, 0, 0, "PRAGMA auto_vacuum = NONE; VACUUM");
    assert_int_equal(depot_rig_count(rig, "PRAGMA auto_vacuum"), 0);
    rig->depot = depot_rig_open(rig);
    for (int64_t i = 1; i <= 4; i++)
        DEPOT_GOOD(rig->depot, ferry_depot_build_remove(rig->depot, i, false));
    DEPOT_GOOD(rig->depot, ferry_depot_compact(rig->depot, &before, &after));
    assert_true(before > 5000000 && after < 2000000);
    assert_true(file_size(rig) < 2000000);
    assert_int_equal(depot_rig_count(rig, "PRAGMA auto_vacuum"), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, depot_rig_fresh, depot_rig_done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(blobs_come_back),
        CASE(digest_is_sha256),
        CASE(same_bytes_are_stored_once),
        CASE(limits_and_nothing),
        CASE(several_at_once_on_one_handle),
        CASE(torn_add_leaves_nothing),
        CASE(damaged_bytes_are_found),
        CASE(blob_is_a_source),
        CASE(the_same_build_twice),
        CASE(bad_builds_are_refused),
        CASE(odd_text_stays_text),
        CASE(lists_are_filtered_and_paged),
        CASE(removing_takes_what_nobody_needs),
        CASE(builds_are_found_by_name),
        CASE(channels),
        CASE(the_room_of_removed_builds_comes_back),
        CASE(an_older_file_is_made_smaller),
    };
    int failed = cmocka_run_group_tests_name("depot on sqlite", tests, depot_rig_sqlite, depot_rig_end);
    return failed + cmocka_run_group_tests_name("depot on postgresql", tests, depot_rig_postgres, depot_rig_end);
}
