// The journal: what survives a cut at every byte of the file and a flip of every bit, at every step of its rewriting.
// The rule that holds for all of them: what it lists is never more than what was added.
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
#include "tests/support/card.h"
#include "updater/journal.h"

static const struct ferry_region regions[3] = {{0x1000, 0x6000, 0}, {0x8000, 0xc00, 0}, {0x10000, 0x45123, 0}};

#define SEGMENTS 7 // 1 + 1 + 5
#define KEEP 100   // found_utc of the tests

static struct ferry_journal_key key(void)
{
    struct ferry_journal_key k = {.mac = {1, 2, 3, 4, 5, 0xfe}, .regions = regions, .region_count = 3};
    for (unsigned i = 0; i < 32; i++)
        k.sha256[i] = (uint8_t)(200 + i);
    return k;
}

struct opened {
    struct ferry_journal journal;
    uint8_t proved[8];
    struct ferry_fault fault;
    int status;
};

static struct opened open_in(const char *dir)
{
    struct opened o;
    struct ferry_journal_key k = key();
    memset(&o, 0, sizeof o);
    o.status = ferry_journal_open(&o.journal, dir, &k, KEEP, o.proved, sizeof o.proved, &o.fault);
    return o;
}

static char *only_file(const char *dir)
{
    char *path = card_path(dir, "0102030405fe-c8c9cacbcccdcecf.fjr");
    return path;
}

static size_t read_file(const char *path, uint8_t *buf, size_t cap)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t n = fread(buf, 1, cap, f);
    fclose(f);
    return n;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

// A journal that lists segments in the order in which a flasher proves them.
static const struct {
    uint8_t region;
    uint32_t offset, len;
    uint8_t bits; // proved when all up to this one are listed
} added[] = {
    {0, 0, 0x6000, 0x01},       {1, 0, 0xc00, 0x03},         {2, 0, 0x10000, 0x07},      {2, 0x10000, 0x8000, 0x07},
    {2, 0x18000, 0x8000, 0x0f}, {2, 0x20000, 0x10000, 0x1f}, {2, 0x40000, 0x5123, 0x5f},
};
#define ADDED (sizeof added / sizeof added[0])

static void add_all(struct ferry_journal *journal)
{
    for (size_t i = 0; i < ADDED; i++)
        assert_int_equal(ferry_journal_add(journal, added[i].region, added[i].offset, added[i].len), FERRY_OK);
}

// What a killed updater leaves: the file is written, nothing was closed.
static size_t make_left_over(const char *dir, uint8_t *bytes, size_t cap)
{
    struct opened o = open_in(dir);
    assert_int_equal(o.status, FERRY_OK);
    assert_int_equal(o.journal.found, FERRY_JOURNAL_NONE);
    add_all(&o.journal);
    char *path = only_file(dir);
    size_t len = read_file(path, bytes, cap); // before close: what the system already has
    ferry_journal_close(&o.journal, false);
    free(path);
    assert_int_equal(len, FERRY_JOURNAL_HEADER + ADDED * FERRY_JOURNAL_RECORD);
    return len;
}

static void test_resumes_with_what_was_added(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char *dir = card_new();
    make_left_over(dir, bytes, sizeof bytes);
    struct opened o = open_in(dir);
    assert_int_equal(o.status, FERRY_OK);
    assert_int_equal(o.journal.found, FERRY_JOURNAL_RESUMED);
    assert_int_equal(o.journal.found_utc, KEEP);
    assert_int_equal(o.proved[0], 0x5f);
    assert_int_equal(o.journal.proved_bytes, 0x6000 + 0xc00 + 0x35123);
    // And again, after it was rewritten and one segment more was added.
    assert_int_equal(ferry_journal_add(&o.journal, 2, 0x30000, 0x10000), FERRY_OK);
    ferry_journal_close(&o.journal, false);
    o = open_in(dir);
    assert_int_equal(o.proved[0], 0x7f);
    assert_int_equal(o.journal.proved_bytes, 0x6000 + 0xc00 + 0x45123);
    ferry_journal_close(&o.journal, false);
    card_remove(dir);
}

static void test_is_removed_when_the_job_has_ended_well(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char *dir = card_new(), *path = only_file(dir);
    make_left_over(dir, bytes, sizeof bytes);
    struct opened o = open_in(dir);
    ferry_journal_close(&o.journal, true);
    ferry_journal_close(&o.journal, true);
    assert_int_not_equal(access(path, F_OK), 0);
    o = open_in(dir);
    assert_int_equal(o.journal.found, FERRY_JOURNAL_NONE);
    assert_int_equal(o.proved[0], 0);
    ferry_journal_close(&o.journal, false);
    free(path);
    card_remove(dir);
}

static uint8_t bits_of_records(size_t records)
{
    return records ? added[records - 1].bits : 0;
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char *dir = card_new(), *path = only_file(dir);
    size_t len = make_left_over(dir, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= len; cut++) {
        write_file(path, bytes, cut);
        struct opened o = open_in(dir);
        assert_int_equal(o.status, FERRY_OK);
        bool header = cut >= FERRY_JOURNAL_HEADER;
        size_t tail = header ? (cut - FERRY_JOURNAL_HEADER) % FERRY_JOURNAL_RECORD : 0;
        size_t records = header ? (cut - FERRY_JOURNAL_HEADER) / FERRY_JOURNAL_RECORD : 0;
        assert_int_equal(o.proved[0], bits_of_records(records));
        assert_int_equal(o.journal.found, cut == 0  ? FERRY_JOURNAL_NONE
                                          : !header ? FERRY_JOURNAL_DAMAGED
                                          : tail    ? FERRY_JOURNAL_TORN
                                                    : FERRY_JOURNAL_RESUMED);
        ferry_journal_close(&o.journal, false);
    }
    free(path);
    card_remove(dir);
}

static void test_every_bit_flipped(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char *dir = card_new(), *path = only_file(dir);
    size_t len = make_left_over(dir, bytes, sizeof bytes), last = len - FERRY_JOURNAL_RECORD;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_file(path, bytes, len);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct opened o = open_in(dir);
        assert_int_equal(o.status, FERRY_OK);
        if (bit / 8 < last) {
            assert_int_equal(o.journal.found, FERRY_JOURNAL_DAMAGED);
            assert_int_equal(o.proved[0], 0);
        } else {
            assert_int_equal(o.journal.found, FERRY_JOURNAL_TORN);
            assert_int_equal(o.proved[0], bits_of_records(ADDED - 1));
        }
        ferry_journal_close(&o.journal, false);
    }
    free(path);
    card_remove(dir);
}

// A torn cluster: the file has its new length, and stale bytes of another journal behind a certain point.
static void test_stale_records_of_another_journal_are_not_taken(void **state)
{
    (void)state;
    uint8_t ours[512], other[512];
    char *dir = card_new(), *path = only_file(dir);
    size_t len = make_left_over(dir, ours, sizeof ours);
    memcpy(other, ours, len);
    struct ferry_journal journal;
    struct ferry_journal_key k = key();
    uint8_t proved[8];
    k.sha256[31] ^= 1; // the same file name, another cargo
    assert_int_equal(ferry_journal_open(&journal, dir, &k, 0, proved, sizeof proved, NULL), FERRY_OK);
    assert_int_equal(proved[0], 0);
    add_all(&journal);
    ferry_journal_close(&journal, false);
    assert_int_equal(read_file(path, other, sizeof other), len);
    for (size_t at = 0; at <= ADDED; at++) {
        size_t whole = FERRY_JOURNAL_HEADER + at * FERRY_JOURNAL_RECORD;
        uint8_t mixed[512];
        memcpy(mixed, ours, whole);
        memcpy(mixed + whole, other + whole, len - whole);
        write_file(path, mixed, len);
        struct opened o = open_in(dir);
        assert_int_equal(o.proved[0], bits_of_records(at));
        ferry_journal_close(&o.journal, false);
    }
    free(path);
    card_remove(dir);
}

// A cut while the file is being rewritten: the new one is there in part or whole, the old one still, or already gone.
static void test_cut_at_every_byte_of_the_rewriting(void **state)
{
    (void)state;
    uint8_t bytes[512], fresh[512];
    char *dir = card_new(), *path = only_file(dir), *next = card_path(dir, "0102030405fe-c8c9cacbcccdcecf.new");
    size_t len = make_left_over(dir, bytes, sizeof bytes);
    struct opened o = open_in(dir);
    ferry_journal_close(&o.journal, false);
    size_t fresh_len = read_file(path, fresh, sizeof fresh);
    for (size_t cut = 0; cut <= fresh_len; cut++) {
        write_file(path, bytes, len);
        write_file(next, fresh, cut);
        o = open_in(dir);
        assert_int_equal(o.proved[0], 0x5f);
        assert_int_not_equal(access(next, F_OK), 0);
        ferry_journal_close(&o.journal, false);
    }
    remove(path); // a file system that cannot replace: the old one goes, then the new one gets its name
    write_file(next, fresh, fresh_len);
    o = open_in(dir);
    assert_int_equal(o.journal.found, FERRY_JOURNAL_RESUMED);
    assert_int_equal(o.proved[0], 0x5f);
    ferry_journal_close(&o.journal, false);
    free(path);
    free(next);
    card_remove(dir);
}

static void test_other_cargo_of_the_same_target_is_forgotten(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char *dir = card_new(), *path = only_file(dir);
    make_left_over(dir, bytes, sizeof bytes);
    card_put_text(dir, "010203040500-c8c9cacbcccdcecf.fjr", "another target's");
    struct ferry_journal journal;
    struct ferry_journal_key k = key();
    uint8_t proved[8];
    k.sha256[0] ^= 1;
    assert_int_equal(ferry_journal_open(&journal, dir, &k, 0, proved, sizeof proved, NULL), FERRY_OK);
    assert_int_equal(journal.found, FERRY_JOURNAL_NONE);
    assert_int_not_equal(access(path, F_OK), 0);
    char *another = card_path(dir, "010203040500-c8c9cacbcccdcecf.fjr");
    assert_int_equal(access(another, F_OK), 0);
    ferry_journal_close(&journal, true);
    free(another);
    free(path);
    card_remove(dir);
}

static void test_records_outside_the_regions_make_it_damaged(void **state)
{
    (void)state;
    char *dir = card_new();
    static const struct {
        uint8_t region;
        uint32_t offset, len;
    } bad[] = {{3, 0, 0x1000}, {1, 0, 0xc01}, {2, 0xfffff000, 0x2000}, {2, 0x45124, 0}, {255, 0, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct opened o = open_in(dir);
        assert_int_equal(ferry_journal_add(&o.journal, 0, 0, 0x6000), FERRY_OK);
        assert_int_equal(ferry_journal_add(&o.journal, bad[i].region, bad[i].offset, bad[i].len), FERRY_OK);
        ferry_journal_close(&o.journal, false);
        o = open_in(dir);
        assert_int_equal(o.journal.found, FERRY_JOURNAL_DAMAGED);
        assert_int_equal(o.proved[0], 0);
        ferry_journal_close(&o.journal, true);
    }
    card_remove(dir);
}

static void test_a_folder_that_cannot_be_written_is_told_and_harmless(void **state)
{
    (void)state;
    char *dir = card_new(), *sub = card_path(dir, "file/journal");
    card_put_text(dir, "file", "a file where a folder should be");
    struct opened o = open_in(sub);
    assert_int_equal(o.status, FERRY_ERR_STORAGE_WRITE);
    assert_int_equal(o.fault.status, FERRY_ERR_STORAGE_WRITE);
    assert_int_equal(ferry_journal_add(&o.journal, 0, 0, 0x6000), FERRY_ERR_STORAGE_WRITE);
    ferry_journal_close(&o.journal, false);
    free(sub);
    card_remove(dir);
}

static void test_counts_segments(void **state)
{
    (void)state;
    assert_int_equal(ferry_journal_segments(regions, 3), SEGMENTS);
    const struct ferry_region exact = {0, 0x20000, 0};
    assert_int_equal(ferry_journal_segments(&exact, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumes_with_what_was_added),
        cmocka_unit_test(test_is_removed_when_the_job_has_ended_well),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_bit_flipped),
        cmocka_unit_test(test_stale_records_of_another_journal_are_not_taken),
        cmocka_unit_test(test_cut_at_every_byte_of_the_rewriting),
        cmocka_unit_test(test_other_cargo_of_the_same_target_is_forgotten),
        cmocka_unit_test(test_records_outside_the_regions_make_it_damaged),
        cmocka_unit_test(test_a_folder_that_cannot_be_written_is_told_and_harmless),
        cmocka_unit_test(test_counts_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
