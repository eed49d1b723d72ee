// The receiver's window against a plain model: a byte array and a map of which bytes have come. Seeded, all orders.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/engine/link_window.h"

static uint8_t truth(uint32_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

static void like_the_model(void **state)
{
    enum { SIZE = 1024, END = 20000 };
    static uint8_t come[END];
    uint8_t ring[SIZE], piece[300];
    struct ferry_link_window w;
    (void)state;
    srand(2);
    ferry_link_window_init(&w, ring, SIZE);
    ferry_link_window_open(&w, 96, END);
    memset(come, 0, sizeof come);
    uint32_t base = 96;
    for (int round = 0; round < 400000 && base < END; round++) {
        uint32_t from = base + (uint32_t)(rand() % 1400) - (base > 300 ? 200 : 0), len = 1 + (uint32_t)rand() % 300;
        len = from >= END ? 0 : len < END - from ? len : END - from;
        for (uint32_t i = 0; i < len; i++)
            piece[i] = truth(from + i);
        int n = len ? ferry_link_window_put(&w, from, piece, len) : 0, fresh = 0;
        for (uint32_t i = from; i < from + len; i++)
            fresh += i >= base && !come[i];
        if (n != FERRY_ERR_NO_SPACE) {
            assert_int_equal(n, fresh);
            for (uint32_t i = from; i < from + len; i++)
                come[i] |= i >= base;
        } else {
            assert_true(from + len - base > SIZE || w.count == FERRY_LINK_WINDOW_RUNS);
        }
        uint32_t upto = base;
        while (upto < END && come[upto])
            upto++;
        assert_int_equal(ferry_link_window_received(&w), upto);
        const uint8_t *bytes;
        size_t ready = ferry_link_window_peek(&w, &bytes);
        uint32_t take = ready ? (uint32_t)rand() % (uint32_t)(ready + 1) : 0;
        for (uint32_t i = 0; i < take; i++)
            assert_int_equal(bytes[i], truth(base + i));
        ferry_link_window_take(&w, take);
        base += take;
    }
    assert_int_equal(base, END);
}

static void other_bytes_are_refused(void **state)
{
    uint8_t ring[1024], a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    struct ferry_link_window w;
    const uint8_t *bytes;
    (void)state;
    ferry_link_window_init(&w, ring, sizeof ring);
    ferry_link_window_open(&w, 0, 4096);
    assert_int_equal(ferry_link_window_put(&w, 0, a, 8), 8);
    assert_int_equal(ferry_link_window_put(&w, 0, a, 8), 0);
    assert_int_equal(ferry_link_window_put(&w, 4, b, 8), FERRY_ERR_OVERLAP);
    assert_int_equal(ferry_link_window_received(&w), 8);
    assert_int_equal(ferry_link_window_peek(&w, &bytes), 8);
    assert_memory_equal(bytes, a, 8);
    assert_int_equal(ferry_link_window_put(&w, 1020, a, 8), FERRY_ERR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_the_model), cmocka_unit_test(other_bytes_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
