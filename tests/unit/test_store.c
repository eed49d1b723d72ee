// The store. Anchored outside by RFC 1321's test string for MD5, by zlib's own uncompress() for packed segments, and by
// counting what is read from the "card".
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "updater/store.h"

#define REGIONS 3

// A card in memory that counts and can fail.
struct card {
    uint8_t *bytes[REGIONS];
    uint32_t sizes[REGIONS];
    uint64_t bytes_read;
    unsigned reads, fail_at; // the read of that number fails (from 1 on), 0 = none
    int failure;
};

struct slot {
    struct card *card;
    unsigned region;
};

struct rig {
    struct card card;
    struct slot slots[REGIONS];
    struct ferry_posix_digest digest_state;
    struct ferry_digest digest;
    struct ferry_posix_deflate deflate_state;
    struct ferry_deflate deflate;
    struct ferry_store_pool *pool;
    struct ferry_cargo cargo;
    struct ferry_target target;
    struct ferry_store_key key;
};

static int card_read(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct slot *slot = ctx;
    struct card *card = slot->card;
    card->reads++;
    if (card->fail_at && card->reads >= card->fail_at)
        return card->failure;
    assert_true(offset <= card->sizes[slot->region] && len <= card->sizes[slot->region] - offset);
    memcpy(buf, card->bytes[slot->region] + offset, len);
    card->bytes_read += len;
    return FERRY_OK;
}

// Compresses to about 60 %: runs of noise and runs of a repeated word.
static void fill(uint8_t *bytes, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++) {
        if (i % 16 == 0)
            seed = seed * 1664525u + 1013904223u;
        bytes[i] = i % 32 < 19 ? (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24) : (uint8_t)(i >> 12);
    }
}

static const uint32_t sizes[REGIONS] = {23456, 3072, 1048577};

static struct rig *rig_new(size_t memory_limit)
{
    struct rig *rig = calloc(1, sizeof *rig);
    for (unsigned i = 0; i < REGIONS; i++) {
        rig->card.sizes[i] = sizes[i];
        rig->card.bytes[i] = malloc(sizes[i]);
        fill(rig->card.bytes[i], sizes[i], 7 + i);
        rig->slots[i] = (struct slot){&rig->card, i};
    }
    rig->digest = ferry_posix_digest_init(&rig->digest_state);
    rig->deflate = ferry_posix_deflate_init(&rig->deflate_state, NULL);
    struct ferry_store_cfg cfg = {&rig->digest, &rig->deflate, memory_limit};
    rig->pool = ferry_store_pool_new(&cfg);
    assert_non_null(rig->pool);
    strcpy(rig->cargo.path, "/card/build/flasher_args.json");
    strcpy(rig->cargo.name, "demo");
    rig->target.chip = ferry_chip_by_id(FERRY_CHIP_ESP32C3);
    rig->key = (struct ferry_store_key){.cargo = &rig->cargo, .target = &rig->target};
    return rig;
}

static void rig_free(struct rig *rig)
{
    struct ferry_store_stats stats;
    ferry_store_pool_stats(rig->pool, &stats);
    assert_int_equal(stats.memory, 0); // all that was kept has been given back
    ferry_store_pool_free(rig->pool);
    ferry_posix_digest_close(&rig->digest_state);
    ferry_posix_deflate_close(&rig->deflate_state);
    for (unsigned i = 0; i < REGIONS; i++)
        free(rig->card.bytes[i]);
    free(rig);
}

static void digest_plan(struct rig *rig, struct ferry_plan *plan)
{
    uint8_t head[8];
    rig->digest.begin(rig->digest.ctx, FERRY_DIGEST_SHA256);
    for (unsigned i = 0; i < plan->count; i++) {
        ferry_store32le(head, plan->regions[i].address);
        ferry_store32le(head + 4, plan->regions[i].size);
        rig->digest.update(rig->digest.ctx, head, 8);
        rig->digest.update(rig->digest.ctx, rig->card.bytes[i], plan->regions[i].size);
    }
    rig->digest.finish(rig->digest.ctx, plan->sha256, 32);
}

// A fingerprint per 16 KB of each region: FNV-1a with 64 bits, as its authors publish it.
static void print_plan(struct rig *rig, struct ferry_plan *plan)
{
    size_t blocks = 0;
    plan->prints = calloc(128, sizeof *plan->prints);
    for (unsigned i = 0; i < plan->count; i++)
        for (uint32_t at = 0; at < plan->regions[i].size; at++) {
            uint64_t *print = &plan->prints[blocks += at % 0x4000 == 0];
            *print = ((at % 0x4000 ? *print : 14695981039346656037u) ^ rig->card.bytes[i][at]) * 1099511628211u;
        }
    memmove(plan->prints, plan->prints + 1, blocks * sizeof *plan->prints);
}

static struct ferry_plan *rig_plan(struct rig *rig)
{
    static const uint32_t addresses[REGIONS] = {0, 0x8000, 0x10000};
    struct ferry_plan *plan = calloc(1, sizeof *plan);
    plan->cargo = rig->cargo;
    plan->chip = rig->target.chip;
    plan->count = REGIONS;
    for (unsigned i = 0; i < REGIONS; i++) {
        plan->regions[i] = (struct ferry_region){addresses[i], rig->card.sizes[i], 0};
        plan->sources[i] = (struct ferry_source){&rig->slots[i], rig->card.sizes[i], card_read};
        strcpy(plan->names[i], i == 0 ? "bootloader" : i == 1 ? "partition table" : "app");
    }
    digest_plan(rig, plan);
    print_plan(rig, plan);
    return plan;
}

static struct ferry_store *rig_store(struct rig *rig)
{
    struct ferry_store *store = ferry_store_open(rig->pool, rig_plan(rig), &rig->key, 0);
    assert_non_null(store);
    return store;
}

static struct ferry_store_stats stats_of(struct rig *rig)
{
    struct ferry_store_stats stats;
    ferry_store_pool_stats(rig->pool, &stats);
    return stats;
}

// ---- asking as an engine does ----

struct answer {
    uint8_t bytes[1 << 17];
    uint32_t start, len;
};

static void take(void *to, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct answer *a = to;
    assert_int_equal(offset, a->start + a->len); // in order, from the request's offset on
    memcpy(a->bytes + a->len, bytes, len);
    a->len += (uint32_t)len;
}

static int ask(struct ferry_store *store, struct ferry_request request, struct answer *a)
{
    struct ferry_supply supply = ferry_store_supply(store);
    a->len = 0;
    a->start = request.kind == FERRY_REQUEST_RAW || request.kind == FERRY_REQUEST_PACKED ? request.offset : 0;
    return supply.serve(supply.ctx, &request, take, a);
}

static struct ferry_request segment(enum ferry_request_kind kind, uint8_t region, uint32_t offset, uint32_t len)
{
    uint32_t want = kind == FERRY_REQUEST_MD5 ? 16 : kind == FERRY_REQUEST_SHA256 ? 32 : 4;
    return (struct ferry_request){
        .kind = kind, .region = region, .len = want, .segment_offset = offset, .segment_len = len};
}

static struct ferry_request raw(uint8_t region, uint32_t offset, uint32_t len)
{
    return (struct ferry_request){.kind = FERRY_REQUEST_RAW, .region = region, .offset = offset, .len = len};
}

// What a flasher asks for one segment: is it there already, how large packed, the packed bytes in blocks.
static void ask_segment(struct rig *rig, struct ferry_store *store, uint8_t region, uint32_t offset, struct answer *a)
{
    uint32_t left = rig->card.sizes[region] - offset;
    uint32_t len = left < FERRY_SEGMENT_SIZE ? left : FERRY_SEGMENT_SIZE;
    assert_int_equal(ask(store, segment(FERRY_REQUEST_MD5, region, offset, len), a), FERRY_OK);
    assert_int_equal(ask(store, segment(FERRY_REQUEST_PACKED_SIZE, region, offset, len), a), FERRY_OK);
    uint32_t packed = ferry_load32le(a->bytes);
    for (uint32_t at = 0; at < packed; at += 6144) {
        struct ferry_request r = segment(FERRY_REQUEST_PACKED, region, offset, len);
        r.offset = at;
        r.len = packed - at < 6144 ? packed - at : 6144;
        assert_int_equal(ask(store, r, a), FERRY_OK);
        assert_int_equal(a->len, r.len);
    }
}

// ---- tests ----

static void test_eight_targets_cost_one_read_and_one_packing(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    struct ferry_store *stores[8];
    struct answer *a = calloc(1, sizeof *a);
    unsigned segments = 0;
    for (unsigned t = 0; t < 8; t++) {
        stores[t] = rig_store(rig);
        assert_ptr_equal(stores[t], stores[0]);
    }
    for (uint8_t r = 0; r < REGIONS; r++)
        for (uint32_t offset = 0; offset < sizes[r]; offset += FERRY_SEGMENT_SIZE, segments++)
            for (unsigned t = 0; t < 8; t++)
                ask_segment(rig, stores[t], r, offset, a);
    struct ferry_store_stats stats = stats_of(rig);
    assert_int_equal(rig->card.bytes_read, sizes[0] + sizes[1] + sizes[2]);
    assert_int_equal(stats.bytes_read, rig->card.bytes_read);
    assert_int_equal(stats.packed, segments);
    assert_int_equal(stats.digests, segments);
    for (unsigned t = 0; t < 8; t++)
        ferry_store_release(stores[t]);
    free(a);
    rig_free(rig);
}

static void test_raw_bytes_and_what_lies_behind_them(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    static const uint32_t cuts[][2] = {{0, 1}, {0, 16384}, {16383, 2}, {100, 65536}, {1048576, 1}, {1048570, 400}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        assert_int_equal(ask(store, raw(2, cuts[i][0], cuts[i][1]), a), FERRY_OK);
        assert_int_equal(a->len, cuts[i][1]);
        for (uint32_t k = 0; k < a->len; k++) {
            uint32_t at = cuts[i][0] + k;
            assert_int_equal(a->bytes[k], at < sizes[2] ? rig->card.bytes[2][at] : 0xff);
        }
    }
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static void test_md5_is_that_of_rfc_1321(void **state)
{
    (void)state;
    static const char text[] = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
    static const uint8_t expect[16] = {0x57, 0xed, 0xf4, 0xa2, 0x2b, 0xe3, 0xc9, 0x55,
                                       0xac, 0x49, 0xda, 0x2e, 0x21, 0x07, 0xb6, 0x7a};
    struct rig *rig = rig_new(0);
    memcpy(rig->card.bytes[2] + 16370, text, 80); // across the border of two blocks
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    assert_int_equal(ask(store, segment(FERRY_REQUEST_MD5, 2, 16370, 80), a), FERRY_OK);
    assert_int_equal(a->len, 16);
    assert_memory_equal(a->bytes, expect, 16);
    struct ferry_supply early = ferry_store_pool_supply(rig->pool);
    struct ferry_request own = {
        .kind = FERRY_REQUEST_MD5_OF, .len = 16, .segment_len = 80, .bytes = (const uint8_t *)text};
    a->len = a->start = 0;
    assert_int_equal(early.serve(early.ctx, &own, take, a), FERRY_OK);
    assert_memory_equal(a->bytes, expect, 16);
    memset(a->bytes, 0, 16);
    assert_int_equal(ask(store, own, a), FERRY_OK);
    assert_memory_equal(a->bytes, expect, 16);
    own.kind = FERRY_REQUEST_RAW;
    assert_int_equal(early.serve(early.ctx, &own, take, a), FERRY_ERR_STATE);
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static void check_packed(struct rig *rig, struct ferry_store *store, uint32_t offset, uint32_t len, struct answer *a)
{
    uint8_t *plain = malloc(len);
    uLongf plain_len = len;
    assert_int_equal(ask(store, segment(FERRY_REQUEST_PACKED_SIZE, 2, offset, len), a), FERRY_OK);
    uint32_t packed = ferry_load32le(a->bytes);
    assert_in_range(packed, 1, len - 1);
    struct ferry_request r = segment(FERRY_REQUEST_PACKED, 2, offset, len);
    r.len = packed;
    assert_int_equal(ask(store, r, a), FERRY_OK);
    assert_int_equal(a->len, packed);
    assert_int_equal(uncompress(plain, &plain_len, a->bytes, packed), Z_OK);
    assert_int_equal(plain_len, len);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(plain[i], offset + i < sizes[2] ? rig->card.bytes[2][offset + i] : 0xff);
    free(plain);
}

static void test_packed_segments_unpack_with_zlib(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    check_packed(rig, store, 0, 65536, a);
    check_packed(rig, store, 65536, 4096, a);
    check_packed(rig, store, 65536, 65536, a);    // the same start, another length
    check_packed(rig, store, 0xff000, 0x8000, a); // beyond the end: padded as erased flash
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static void test_noise_is_not_packed(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    uint64_t x = 88172645463325252u;
    for (uint32_t i = 0; i < 65536; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        rig->card.bytes[2][i] = (uint8_t)(x >> 32);
    }
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    assert_int_equal(ask(store, segment(FERRY_REQUEST_PACKED_SIZE, 2, 0, 65536), a), FERRY_OK);
    assert_int_equal(ferry_load32le(a->bytes), 0);
    assert_int_equal(ask(store, segment(FERRY_REQUEST_PACKED, 2, 0, 65536), a), FERRY_ERR_ARG);
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

// The least memory, and a straggler half a cargo behind: more is read, nothing is wrong, the limit holds.
static void test_memory_is_bounded_and_a_straggler_is_served(void **state)
{
    (void)state;
    struct rig *rig = rig_new(1);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    for (uint32_t offset = 0; offset < sizes[2] + 0x80000; offset += FERRY_SEGMENT_SIZE) {
        if (offset < 0x100000)
            check_packed(rig, store, offset, FERRY_SEGMENT_SIZE, a);
        if (offset >= 0x80000 && offset - 0x80000 < 0x100000)
            check_packed(rig, store, offset - 0x80000, FERRY_SEGMENT_SIZE, a);
    }
    struct ferry_store_stats stats = stats_of(rig);
    assert_true(stats.memory_peak <= FERRY_STORE_MEMORY_MIN);
    assert_true(stats.bytes_read > sizes[2]);
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static void test_a_file_changed_after_the_plan_ends_the_job(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    rig->card.bytes[2][1000000] ^= 1;
    assert_int_equal(ask(store, raw(0, 0, 16), a), FERRY_OK); // another block, as it was
    assert_int_equal(ask(store, raw(2, 1000000, 16), a), FERRY_ERR_STORAGE_CHANGED);
    assert_int_equal(ferry_store_fault(store)->status, FERRY_ERR_STORAGE_CHANGED);
    assert_non_null(strstr(ferry_store_fault(store)->where, "/card/build"));
    struct ferry_store *next = rig_store(rig); // a new plan of what is there now is not joined to the failed one
    assert_ptr_not_equal(next, store);
    assert_int_equal(ask(next, raw(0, 0, 16), a), FERRY_OK);
    ferry_store_release(next);
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static void test_a_file_changed_in_the_middle_is_seen_when_it_is_read_again(void **state)
{
    (void)state;
    struct rig *rig = rig_new(1);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    assert_int_equal(ask(store, raw(2, 0, 16), a), FERRY_OK);
    for (uint32_t at = 0x40000; at < 0xc0000; at += 0x4000) // drive the first block out
        assert_int_equal(ask(store, raw(2, at, 16), a), FERRY_OK);
    rig->card.bytes[2][9] ^= 0x80;
    assert_int_equal(ask(store, raw(2, 0, 16), a), FERRY_ERR_STORAGE_CHANGED);
    assert_non_null(strstr(ferry_store_fault(store)->where, "app, offset 0x0"));
    assert_int_equal(ask(store, raw(1, 0, 16), a), FERRY_ERR_STORAGE_CHANGED); // everybody gets it
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

// Read number i fails, for every i of a whole job: told as it was, and nothing leaks.
static void test_every_read_fails_once(void **state)
{
    (void)state;
    struct answer *a = calloc(1, sizeof *a);
    unsigned failed = 0;
    for (unsigned i = 1;; i++) {
        struct rig *rig = rig_new(1);
        struct ferry_store *store = rig_store(rig);
        int status = FERRY_OK;
        rig->card.fail_at = i;
        rig->card.failure = i % 2 ? FERRY_ERR_STORAGE_READ : FERRY_ERR_STORAGE_CHANGED;
        for (uint32_t at = 0; at < 0x50000 && status == FERRY_OK; at += FERRY_SEGMENT_SIZE) {
            status = ask(store, segment(FERRY_REQUEST_MD5, 2, at, FERRY_SEGMENT_SIZE), a);
            if (status == FERRY_OK)
                status = ask(store, segment(FERRY_REQUEST_PACKED_SIZE, 2, at, FERRY_SEGMENT_SIZE), a);
        }
        bool reached = rig->card.reads >= i;
        assert_int_equal(status, reached ? rig->card.failure : FERRY_OK);
        ferry_store_release(store);
        rig_free(rig);
        failed += reached;
        if (!reached)
            break;
    }
    print_message("%u reads failed, one at a time\n", failed);
    assert_int_equal(failed, 0x50000 / 0x4000); // every block, once
    free(a);
}

static void test_requests_out_of_range_are_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    struct ferry_store *store = rig_store(rig);
    struct answer *a = calloc(1, sizeof *a);
    const struct ferry_request bad[] = {
        raw(REGIONS, 0, 16),
        raw(255, 0, 16),
        raw(0, 0, 0),
        raw(0, UINT32_MAX, 16),
        raw(0, 16, UINT32_MAX),
        raw(2, 1048577 + 65536, 1),
        segment(FERRY_REQUEST_MD5, 0, 0xffff0000, 0x20000),
        segment(FERRY_REQUEST_PACKED_SIZE, 3, 0, 4096),
        segment(FERRY_REQUEST_SHA256, 1, 0, 0),
        segment((enum ferry_request_kind)77, 1, 0, 16),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ask(store, bad[i], a), FERRY_ERR_ARG);
    assert_int_equal(ferry_store_fault(store)->status, FERRY_OK); // asking badly is no fault of the card
    ferry_store_release(store);
    free(a);
    rig_free(rig);
}

static struct ferry_store *find(struct rig *rig, uint32_t now_ms)
{
    struct ferry_store_read missing;
    return ferry_store_find(rig->pool, &rig->key, now_ms, &missing);
}

static void test_a_plan_is_shared_for_a_while_by_targets_alike(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    assert_null(find(rig, 0));
    struct ferry_store *store = rig_store(rig), *found = find(rig, 29999);
    assert_ptr_equal(found, store);
    assert_int_equal(stats_of(rig).plans_shared, 1);
    assert_null(find(rig, 30000));
    rig->target.revision = 301; // the plan may depend on it
    assert_null(find(rig, 0));
    rig->target.revision = 0;
    rig->target.flash_encryption = true;
    assert_null(find(rig, 0));
    rig->target.flash_encryption = false;
    strcpy(rig->cargo.path, "/card/other");
    assert_null(find(rig, 0));
    ferry_store_release(store);
    ferry_store_release(found);
    strcpy(rig->cargo.path, "/card/build/flasher_args.json");
    assert_null(find(rig, 0)); // gone with its last user
    rig_free(rig);
}

static void test_a_plan_that_looked_at_the_target_is_shared_when_the_bytes_are_the_same(void **state)
{
    (void)state;
    struct rig *rig = rig_new(0);
    uint8_t table[3072], other[3072];
    memset(table, 0xaa, sizeof table);
    memset(other, 0xab, sizeof other);
    struct ferry_store_read read = {0x8000, sizeof table, table}, missing;
    rig->key.reads = &read;
    rig->key.read_count = 1;
    struct ferry_store *store = rig_store(rig);
    rig->key.read_count = 0;
    assert_null(ferry_store_find(rig->pool, &rig->key, 1, &missing));
    assert_int_equal(missing.address, 0x8000);
    assert_int_equal(missing.len, 3072);
    rig->key.read_count = 1;
    struct ferry_store *found = ferry_store_find(rig->pool, &rig->key, 1, &missing);
    assert_ptr_equal(found, store);
    read.bytes = other;
    assert_null(ferry_store_find(rig->pool, &rig->key, 1, &missing));
    assert_int_equal(missing.len, 0);
    ferry_store_release(found);
    ferry_store_release(store);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_targets_cost_one_read_and_one_packing),
        cmocka_unit_test(test_raw_bytes_and_what_lies_behind_them),
        cmocka_unit_test(test_md5_is_that_of_rfc_1321),
        cmocka_unit_test(test_packed_segments_unpack_with_zlib),
        cmocka_unit_test(test_noise_is_not_packed),
        cmocka_unit_test(test_memory_is_bounded_and_a_straggler_is_served),
        cmocka_unit_test(test_a_file_changed_after_the_plan_ends_the_job),
        cmocka_unit_test(test_a_file_changed_in_the_middle_is_seen_when_it_is_read_again),
        cmocka_unit_test(test_every_read_fails_once),
        cmocka_unit_test(test_requests_out_of_range_are_refused),
        cmocka_unit_test(test_a_plan_is_shared_for_a_while_by_targets_alike),
        cmocka_unit_test(test_a_plan_that_looked_at_the_target_is_shared_when_the_bytes_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
