// Sources: memory, a part of another, read-ahead. Anchored in plain memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/source/memory.h"
#include "ferry/source/prefetch.h"
#include "ferry/source/region.h"

static uint8_t bytes[50000];

static int fill(void **state)
{
    (void)state;
    srand(9);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rand();
    return 0;
}

static void nothing_is_read_beyond_the_end(void **state)
{
    (void)state;
    struct ferry_source_memory memory;
    struct ferry_source whole = ferry_source_memory(&memory, bytes, sizeof bytes), part, ahead;
    struct ferry_source_region region;
    struct ferry_source_prefetch prefetch;
    uint8_t buf[16], room[2048];
    assert_int_equal(ferry_source_region(&region, &whole, 100, 1000, &part), 0);
    assert_int_equal(ferry_source_prefetch(&prefetch, &part, room, sizeof room, &ahead), 0);
    const struct ferry_source *all[] = {&whole, &part, &ahead};
    for (size_t i = 0; i < 3; i++) {
        const struct ferry_source *s = all[i];
        assert_int_equal(s->read(s->ctx, s->size - 8, buf, 8), 0);
        assert_int_equal(s->read(s->ctx, s->size - 8, buf, 9), FERRY_ERR_ARG);
        assert_int_equal(s->read(s->ctx, s->size, buf, 0), 0);
        assert_int_equal(s->read(s->ctx, s->size + 1, buf, 0), FERRY_ERR_ARG);
        assert_int_equal(s->read(s->ctx, UINT32_MAX, buf, 8), FERRY_ERR_ARG);
    }
}

static void a_part_is_that_part(void **state)
{
    (void)state;
    struct ferry_source_memory memory;
    struct ferry_source whole = ferry_source_memory(&memory, bytes, sizeof bytes), part;
    struct ferry_source_region region;
    uint8_t buf[300];
    assert_int_equal(ferry_source_region(&region, &whole, 777, 300, &part), 0);
    assert_int_equal(part.read(part.ctx, 0, buf, 300), 0);
    assert_memory_equal(buf, bytes + 777, 300);
    assert_int_equal(ferry_source_region(&region, &whole, sizeof bytes - 5, 6, &part), FERRY_ERR_ARG);
    assert_int_equal(ferry_source_region(&region, &whole, UINT32_MAX, 2, &part), FERRY_ERR_ARG);
}

static void read_ahead_gives_the_same_bytes(void **state)
{
    (void)state;
    struct ferry_source_memory memory;
    struct ferry_source whole = ferry_source_memory(&memory, bytes, sizeof bytes), ahead;
    struct ferry_source_prefetch prefetch;
    uint8_t room[4096], buf[9000];
    assert_int_equal(ferry_source_prefetch(&prefetch, &whole, room, 2047, &ahead), FERRY_ERR_ARG);
    assert_int_equal(ferry_source_prefetch(&prefetch, &whole, room, sizeof room, &ahead), 0);
    for (int round = 0; round < 2000; round++) {
        uint32_t offset = (uint32_t)rand() % sizeof bytes;
        size_t len = (size_t)rand() % sizeof buf;
        len = len < sizeof bytes - offset ? len : sizeof bytes - offset;
        assert_int_equal(ahead.read(ahead.ctx, offset, buf, len), 0);
        assert_memory_equal(buf, bytes + offset, len);
        if (rand() % 3 == 0)
            assert_int_equal(ferry_source_prefetch_ahead(&prefetch), 0);
    }
}

static void small_reads_in_order_cost_few_accesses(void **state)
{
    (void)state;
    struct ferry_source_memory memory;
    struct ferry_source whole = ferry_source_memory(&memory, bytes, sizeof bytes), ahead;
    struct ferry_source_prefetch prefetch;
    uint8_t room[8192], buf[64];
    assert_int_equal(ferry_source_prefetch(&prefetch, &whole, room, sizeof room, &ahead), 0);
    for (uint32_t at = 0; at + 64 <= sizeof bytes; at += 64) {
        assert_int_equal(ahead.read(ahead.ctx, at, buf, 64), 0);
        assert_memory_equal(buf, bytes + at, 64);
        if (at % 1024 == 0)
            assert_int_equal(ferry_source_prefetch_ahead(&prefetch), 0);
    }
    assert_int_equal(prefetch.reads, (sizeof bytes + 4095) / 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_read_beyond_the_end),
        cmocka_unit_test(a_part_is_that_part),
        cmocka_unit_test(read_ahead_gives_the_same_bytes),
        cmocka_unit_test(small_reads_in_order_cost_few_accesses),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
