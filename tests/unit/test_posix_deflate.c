// Zlib streams. Anchor: zlib's own inflate gives back what went in; RFC 1950 header for window and check.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ferry/base/status.h"
#include "ports/posix/deflate.h"

enum { SIZE = 150000 };
static uint8_t plain[SIZE], packed[2][SIZE + 1000], back[SIZE];

static void fill(void)
{
    srand(1950);
    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (uint8_t)(rand() % 4 ? "firmware"[i % 8] : rand());
}

// Packs with pieces of in_step and out_step bytes; returns the size.
static size_t pack(const struct ferry_deflate *d, uint8_t *out, size_t in_step, size_t out_step)
{
    size_t at = 0, made = 0;
    assert_int_equal(d->begin(d->ctx), FERRY_OK);
    for (;;) {
        size_t in = SIZE - at < in_step ? SIZE - at : in_step, room = out_step;
        int status = d->step(d->ctx, plain + at, &in, out + made, &room, at + in == SIZE);
        assert_true(status >= 0);
        at += in;
        made += room;
        if (status == 1)
            return made;
    }
}

static void test_inflates_to_the_same(void **state)
{
    (void)state;
    struct ferry_posix_deflate self;
    struct ferry_deflate deflate = ferry_posix_deflate_init(&self, NULL);
    fill();
    size_t n = pack(&deflate, packed[0], SIZE, SIZE + 1000);
    assert_true(n < SIZE * 3 / 4);
    uLongf got = SIZE;
    assert_int_equal(uncompress(back, &got, packed[0], n), Z_OK);
    assert_int_equal(got, SIZE);
    assert_memory_equal(back, plain, SIZE);
    assert_int_equal(packed[0][0] & 15, 8); // deflate
    assert_int_equal(packed[0][0] >> 4, 7); // 32 KB window
    assert_int_equal((packed[0][0] * 256 + packed[0][1]) % 31, 0);
    ferry_posix_deflate_close(&self);
}

static void test_pieces_do_not_matter(void **state)
{
    (void)state;
    struct ferry_posix_deflate self;
    struct ferry_deflate deflate = ferry_posix_deflate_init(&self, NULL);
    fill();
    size_t n = pack(&deflate, packed[0], SIZE, SIZE + 1000);
    static const size_t steps[][2] = {{1000, 64}, {37, 4096}, {SIZE, 1}};
    for (size_t i = 0; i < 3; i++) { // the same object again: begin() starts over
        assert_int_equal(pack(&deflate, packed[1], steps[i][0], steps[i][1]), n);
        assert_memory_equal(packed[0], packed[1], n);
    }
    ferry_posix_deflate_close(&self);
}

static void test_configuration(void **state)
{
    (void)state;
    struct ferry_posix_deflate self;
    struct ferry_posix_deflate_cfg cfg = {.level = 1, .window_bits = 10};
    struct ferry_deflate deflate = ferry_posix_deflate_init(&self, &cfg);
    fill();
    pack(&deflate, packed[0], SIZE, SIZE + 1000);
    assert_int_equal(packed[0][0] >> 4, 2); // 1 KB window
    ferry_posix_deflate_close(&self);
    cfg.level = 10;
    deflate = ferry_posix_deflate_init(&self, &cfg);
    assert_int_equal(deflate.begin(deflate.ctx), FERRY_ERR_ARG);
    size_t a = 0, b = 0;
    assert_int_equal(deflate.step(deflate.ctx, plain, &a, back, &b, true), FERRY_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inflates_to_the_same),
        cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
