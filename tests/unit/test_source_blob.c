// The blob source: pieces of any size from a callback become whole reads. Anchored in plain memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/source/blob.h"

struct storage {
    uint8_t bytes[1000];
    size_t piece; // most that it gives at once, and pieces end at multiples of it
    size_t ends;  // it has no more than this
    int error;    // given at offset 500 and later when not 0
    size_t more;  // it claims so many more than it was asked for
};

static int give(void *ctx, int64_t id, uint32_t offset, uint8_t *buf, size_t cap)
{
    const struct storage *s = ctx;
    assert_int_equal(id, 4711);
    assert_true(cap > 0);
    if (s->error && offset >= 500)
        return s->error;
    if (offset >= s->ends)
        return 0;
    size_t n = s->piece - offset % s->piece;
    n = n < s->ends - offset ? n : s->ends - offset;
    n = n < cap ? n : cap;
    memcpy(buf, s->bytes + offset, n);
    return (int)(n + s->more);
}

static void start(struct storage *s, struct ferry_source_blob *blob, struct ferry_source *source)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < sizeof s->bytes; i++)
        s->bytes[i] = (uint8_t)(i * 31 + i / 7);
    s->piece = 64;
    s->ends = sizeof s->bytes;
    *blob = (struct ferry_source_blob){.ctx = s, .id = 4711, .size = sizeof s->bytes, .read = give};
    *source = ferry_source_blob(blob);
}

static void pieces_become_whole_reads(void **state)
{
    static const size_t sizes[] = {1, 7, 64, 333, 1000, 5000};
    struct storage s;
    struct ferry_source_blob blob;
    struct ferry_source source;
    uint8_t got[1000];
    (void)state;
    start(&s, &blob, &source);
    assert_int_equal(source.size, 1000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        s.piece = sizes[i];
        for (uint32_t at = 0; at <= 1000; at += 37)
            for (size_t len = 0; at + len <= 1000; len += 61) {
                memset(got, 0, sizeof got);
                assert_int_equal(source.read(source.ctx, at, got, len), FERRY_OK);
                assert_memory_equal(got, s.bytes + at, len);
            }
    }
}

static void what_is_wrong_is_named(void **state)
{
    struct storage s;
    struct ferry_source_blob blob;
    struct ferry_source source;
    uint8_t got[1000];
    (void)state;
    start(&s, &blob, &source);
    assert_int_equal(source.read(source.ctx, 999, got, 2), FERRY_ERR_ARG);
    assert_int_equal(source.read(source.ctx, 1001, got, 0), FERRY_ERR_ARG);
    assert_int_equal(source.read(source.ctx, 1, got, SIZE_MAX), FERRY_ERR_ARG);
    s.error = FERRY_ERR_STORAGE_DAMAGED;
    assert_int_equal(source.read(source.ctx, 0, got, 1000), FERRY_ERR_STORAGE_DAMAGED);
    assert_int_equal(source.read(source.ctx, 0, got, 300), FERRY_OK);
    s.error = 0;
    s.ends = 700; // the blob has become shorter
    assert_int_equal(source.read(source.ctx, 0, got, 1000), FERRY_ERR_STORAGE_CHANGED);
    s.ends = 1000;
    s.more = 1; // more than was asked for
    assert_int_equal(source.read(source.ctx, 0, got, 10), FERRY_ERR_STORAGE_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_become_whole_reads),
                                       cmocka_unit_test(what_is_wrong_is_named)};
    return cmocka_run_group_tests(tests, 0, 0);
}
