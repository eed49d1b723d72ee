// The supply: raw bytes, digests and packed streams from sources. Anchored in zlib's inflate and mbedTLS's digests.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <psa/crypto.h>
#include <zlib.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/pump/supply.h"
#include "ferry/source/memory.h"
#include "ports/posix/deflate.h"
#include "ports/posix/digest.h"
#include "tests/support/world.h"

static uint8_t image[70001], got[200000];
static size_t got_len;
static uint32_t got_offset;

static struct ferry_source_memory memory;
static struct ferry_source source;
static struct ferry_posix_digest digest_port;
static struct ferry_posix_deflate deflate_port;
static struct ferry_digest digest;
static struct ferry_deflate packer;
static uint8_t scratch[1024];
static struct ferry_supply_basic basic;

static int set_up(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 31);
    source = ferry_source_memory(&memory, image, sizeof image);
    digest = ferry_posix_digest_init(&digest_port);
    packer = ferry_posix_deflate_init(&deflate_port, NULL);
    basic = (struct ferry_supply_basic){.sources = &source,
                                        .source_count = 1,
                                        .digest = &digest,
                                        .deflate = &packer,
                                        .scratch = scratch,
                                        .scratch_size = sizeof scratch};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ferry_posix_digest_close(&digest_port);
    ferry_posix_deflate_close(&deflate_port);
    return 0;
}

static void take(void *to, uint32_t offset, const uint8_t *bytes, size_t len)
{
    (void)to;
    if (got_len == 0)
        got_offset = offset;
    assert_int_equal(offset, got_offset + got_len);
    memcpy(got + got_len, bytes, len);
    got_len += len;
}

static int ask(struct ferry_request request)
{
    struct ferry_supply supply = ferry_supply_from(&basic);
    got_len = 0;
    return supply.serve(supply.ctx, &request, take, NULL);
}

static void raw_bytes_and_what_lies_behind(void **state)
{
    (void)state;
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_RAW, .offset = 69000, .len = 3000}), 0);
    assert_int_equal(got_len, 3000);
    assert_memory_equal(got, image + 69000, 1001);
    for (size_t i = 1001; i < 3000; i++)
        assert_int_equal(got[i], 0xff);
}

static void digests(void **state)
{
    (void)state;
    uint8_t expected[32];
    size_t len;
    psa_crypto_init();
    psa_hash_compute(PSA_ALG_MD5, image + 5, 66000, expected, sizeof expected, &len);
    assert_int_equal(
        ask((struct ferry_request){.kind = FERRY_REQUEST_MD5, .len = 16, .segment_offset = 5, .segment_len = 66000}),
        0);
    assert_int_equal(got_len, 16);
    assert_memory_equal(got, expected, 16);
    psa_hash_compute(PSA_ALG_SHA_256, image, 70001, expected, sizeof expected, &len);
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_SHA256, .len = 32, .segment_len = 70001}), 0);
    assert_int_equal(got_len, 32);
    assert_memory_equal(got, expected, 32);
    psa_hash_compute(PSA_ALG_MD5, (const uint8_t *)"abc", 3, expected, sizeof expected, &len);
    assert_int_equal(ask((struct ferry_request){
                         .kind = FERRY_REQUEST_MD5_OF, .len = 16, .segment_len = 3, .bytes = (const uint8_t *)"abc"}),
                     0);
    assert_memory_equal(got, expected, 16);
}

static uint32_t packed_size(uint32_t offset, uint32_t len)
{
    assert_int_equal(ask((struct ferry_request){
                         .kind = FERRY_REQUEST_PACKED_SIZE, .len = 4, .segment_offset = offset, .segment_len = len}),
                     0);
    assert_int_equal(got_len, 4);
    return ferry_load32le(got);
}

// The whole stream, asked for in pieces of `piece`; inflated it must be the segment (and FF behind the source's end).
static void check_stream(uint32_t offset, uint32_t len, uint32_t piece)
{
    static uint8_t stream[100000], back[140000];
    uint32_t size = packed_size(offset, len);
    for (uint32_t at = 0; at < size; at += piece) {
        uint32_t n = size - at < piece ? size - at : piece;
        assert_int_equal(
            ask((struct ferry_request){
                .kind = FERRY_REQUEST_PACKED, .offset = at, .len = n, .segment_offset = offset, .segment_len = len}),
            0);
        assert_int_equal(got_len, n);
        assert_int_equal(got_offset, at);
        memcpy(stream + at, got, n);
    }
    uLongf back_len = sizeof back;
    assert_int_equal(uncompress(back, &back_len, stream, size), Z_OK);
    assert_int_equal(back_len, len);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(back[i], offset + i < sizeof image ? image[offset + i] : 0xff);
}

static void packed_streams_in_any_pieces(void **state)
{
    (void)state;
    static const uint32_t pieces[] = {6144, 1, 100, 4097, 99999};
    for (size_t i = 0; i < 5; i++)
        check_stream(0, i == 1 ? 3000 : 65536, pieces[i]);
    check_stream(65536, 4465, 1000);
    check_stream(65536, 32768, 6144); // far behind the end
    check_stream(69999, 1, 1);
}

static void a_piece_may_be_asked_for_again(void **state)
{
    (void)state;
    uint8_t first[500];
    struct ferry_request piece = {.kind = FERRY_REQUEST_PACKED, .offset = 700, .len = 500, .segment_len = 65536};
    packed_size(0, 65536);
    assert_int_equal(ask(piece), 0);
    memcpy(first, got, sizeof first);
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_MD5, .len = 16, .segment_len = 100}), 0);
    assert_int_equal(ask(piece), 0); // earlier than where the packer stands
    assert_memory_equal(got, first, sizeof first);
}

static void without_a_packer_or_digest(void **state)
{
    (void)state;
    basic.deflate = NULL;
    assert_int_equal(packed_size(0, 65536), 0);
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_PACKED, .len = 5, .segment_len = 50}),
                     FERRY_ERR_UNSUPPORTED);
    basic.digest = NULL;
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_MD5, .len = 16, .segment_len = 50}),
                     FERRY_ERR_UNSUPPORTED);
    assert_int_equal(ask((struct ferry_request){.kind = FERRY_REQUEST_RAW, .region = 1, .len = 5}), FERRY_ERR_ARG);
}

static int broken(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    (void)ctx;
    (void)offset;
    (void)buf;
    (void)len;
    return FERRY_ERR_STORAGE_CHANGED;
}

static void what_the_source_says_comes_up(void **state)
{
    (void)state;
    source.read = broken;
    for (int kind = FERRY_REQUEST_RAW; kind <= FERRY_REQUEST_SHA256; kind++)
        assert_int_equal(ask((struct ferry_request){.kind = kind, .len = 16, .segment_len = 5000}),
                         FERRY_ERR_STORAGE_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(raw_bytes_and_what_lies_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(digests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_streams_in_any_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_piece_may_be_asked_for_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_packer_or_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_source_says_comes_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
