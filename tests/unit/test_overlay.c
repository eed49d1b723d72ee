// An overlay reads as the source below with the patches copied in, for every range that can be read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/source/overlay.h"

static uint8_t below[64];
static int fail_with;

static int read_below(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    (void)ctx;
    memcpy(buf, below + offset, len);
    return fail_with;
}

static void every_range(void **state)
{
    (void)state;
    struct ferry_source source = {.ctx = NULL, .size = sizeof below, .read = read_below};
    struct ferry_source_overlay overlay;
    const uint8_t a[] = {1, 2, 3, 4, 5}, b[] = {9, 9};
    uint8_t expected[64], buf[64];
    memset(below, 0xEE, sizeof below);
    memcpy(expected, below, sizeof below);
    ferry_source_overlay_init(&overlay, &source);
    assert_int_equal(ferry_source_overlay_add(&overlay, 10, a, 5), 0);
    assert_int_equal(ferry_source_overlay_add(&overlay, 13, b, 2), 0); // on top of the first
    assert_int_equal(ferry_source_overlay_add(&overlay, 62, b, 2), 0); // up to the end
    memcpy(expected + 10, a, 5);
    memcpy(expected + 13, b, 2);
    memcpy(expected + 62, b, 2);
    struct ferry_source patched = ferry_source_overlay_source(&overlay);
    assert_int_equal(patched.size, 64);
    for (uint32_t from = 0; from < 64; from++)
        for (size_t len = 0; from + len <= 64; len++) {
            assert_int_equal(patched.read(patched.ctx, from, buf, len), 0);
            assert_memory_equal(buf, expected + from, len);
        }
    fail_with = FERRY_ERR_STORAGE_READ;
    assert_int_equal(patched.read(patched.ctx, 0, buf, 1), FERRY_ERR_STORAGE_READ);
    fail_with = 0;
    assert_int_equal(ferry_source_overlay_add(&overlay, 63, a, 2), FERRY_ERR_ARG);
    assert_int_equal(ferry_source_overlay_add(&overlay, UINT32_MAX, a, 2), FERRY_ERR_ARG);
    assert_int_equal(ferry_source_overlay_add(&overlay, 0, a, 1), 0);
    assert_int_equal(ferry_source_overlay_add(&overlay, 0, a, 1), FERRY_ERR_BUFFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_range)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
