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

enum { SIZE = 2048, END = 20100, PAGE = 256 };

static struct {
    uint8_t come[END], written[END / PAGE + 1];
    uint32_t start, base;
} model;

// Pages from base's on that are not written: as many have a place.
static uint32_t model_room(void)
{
    uint32_t page = model.base / PAGE, places = SIZE / PAGE;
    while (places && page < END / PAGE + 1)
        places -= !model.written[page++];
    return page * PAGE < END ? page * PAGE : END;
}

static uint32_t page_from(uint32_t page)
{
    return page * PAGE > model.start ? page * PAGE : model.start;
}

static uint32_t page_to(uint32_t page)
{
    return (page + 1) * PAGE < END ? (page + 1) * PAGE : END;
}

static int model_next(uint32_t border, bool any)
{
    for (uint32_t page = model.base / PAGE; page_from(page) < END && page_to(page) <= border; page++) {
        bool whole = !model.written[page];
        for (uint32_t i = page_from(page); i < page_to(page); i++)
            whole = whole && model.come[i];
        if (whole && (any || page == model.base / PAGE))
            return (int)page;
    }
    return -1;
}

static void write_page(struct ferry_link_window *w, uint32_t border, bool any)
{
    uint32_t offset = 0, len = ferry_link_window_next(w, border, any, &offset);
    int page = model_next(border, any);
    assert_int_equal(len != 0, page >= 0);
    if (!len)
        return;
    assert_int_equal(offset, page_from((uint32_t)page));
    assert_int_equal(offset + len, page_to((uint32_t)page));
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(ferry_link_window_at(w, offset)[i], truth(offset + i));
    ferry_link_window_take(w, offset);
    model.written[page] = 1;
    while (model.base < END && model.written[model.base / PAGE])
        model.base = page_to(model.base / PAGE);
    assert_int_equal(w->base, model.base);
}

static void put(struct ferry_link_window *w, uint32_t from, uint32_t len)
{
    uint8_t piece[300];
    uint32_t upto = model.base, early = 0;
    int fresh = 0, n;
    for (uint32_t i = 0; i < len; i++) {
        piece[i] = truth(from + i);
        fresh += from + i >= model.base && !model.come[from + i];
    }
    n = ferry_link_window_put(w, from, piece, len);
    assert_int_equal(ferry_link_window_room(w), model_room());
    if (n == FERRY_ERR_NO_SPACE) {
        assert_true(from + len > model_room() || w->count == FERRY_LINK_WINDOW_RUNS);
    } else {
        assert_int_equal(n, fresh);
        for (uint32_t i = from; i < from + len; i++)
            model.come[i] |= i >= model.base;
    }
    while (upto < END && model.come[upto])
        upto++;
    assert_int_equal(ferry_link_window_received(w), upto);
    for (uint32_t i = upto; i < END; i++)
        early += model.come[i];
    assert_int_equal(ferry_link_window_early(w), early);
}

// Random pieces, new and old, within and beyond the room; pages written at once or late, in order or not.
static void like_the_model(void **state)
{
    uint8_t buf[SIZE];
    struct ferry_link_window w;
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        bool any = seed % 3 != 0;
        srand(seed);
        memset(&model, 0, sizeof model);
        model.start = model.base = seed % 2 ? 96 : 1024;
        ferry_link_window_init(&w, buf, SIZE);
        ferry_link_window_open(&w, model.start, END, PAGE);
        uint32_t room = 0;
        for (int round = 0; round < 400000 && model.base < END; round++) {
            uint32_t from = model.base + (uint32_t)rand() % 2600 - (model.base > 300 ? 200u : 0u);
            uint32_t len = 1 + (uint32_t)rand() % 300;
            len = from >= END ? 0 : len < END - from ? len : END - from;
            if (len)
                put(&w, from, len);
            assert_true(ferry_link_window_room(&w) >= room);
            room = ferry_link_window_room(&w);
            if ((unsigned)rand() % (1 + seed % 4) == 0)
                write_page(&w, rand() % 4 ? END : model.base + 1000, any);
        }
        assert_int_equal(model.base, END);
        assert_int_equal(w.ahead, 0);
    }
}

static void other_bytes_are_refused(void **state)
{
    uint8_t buf[1024], a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, b[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    struct ferry_link_window w;
    uint32_t offset;
    (void)state;
    ferry_link_window_init(&w, buf, sizeof buf);
    ferry_link_window_open(&w, 0, 4096, 256);
    assert_int_equal(ferry_link_window_put(&w, 0, a, 8), 8);
    assert_int_equal(ferry_link_window_put(&w, 0, a, 8), 0);
    assert_int_equal(ferry_link_window_put(&w, 4, b, 8), FERRY_ERR_OVERLAP);
    assert_int_equal(ferry_link_window_received(&w), 8);
    assert_int_equal(ferry_link_window_next(&w, 4096, true, &offset), 0);
    assert_memory_equal(ferry_link_window_at(&w, 0), a, 8);
    assert_int_equal(ferry_link_window_put(&w, 1020, a, 8), FERRY_ERR_NO_SPACE);
}

// One lost byte holds up the page that it belongs to, and nothing else.
static void a_hole_costs_one_page(void **state)
{
    static uint8_t bytes[40000];
    uint8_t buf[1024];
    struct ferry_link_window w;
    uint32_t offset;
    (void)state;
    ferry_link_window_init(&w, buf, sizeof buf);
    ferry_link_window_open(&w, 0, sizeof bytes, 256);
    assert_int_equal(ferry_link_window_put(&w, 1, bytes, 255), 255);
    for (uint32_t at = 256; at < 39936; at += 256) {
        assert_int_equal(ferry_link_window_put(&w, at, bytes, 256), 256);
        assert_int_equal(ferry_link_window_next(&w, sizeof bytes, true, &offset), 256);
        assert_int_equal(offset, at);
        ferry_link_window_take(&w, offset);
    }
    assert_int_equal(ferry_link_window_received(&w), 0);
    assert_int_equal(ferry_link_window_put(&w, 0, bytes, 1), 1);
    assert_int_equal(ferry_link_window_received(&w), 39936);
    assert_int_equal(ferry_link_window_next(&w, sizeof bytes, false, &offset), 256);
    ferry_link_window_take(&w, offset);
    assert_int_equal(w.base, 39936);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_the_model), cmocka_unit_test(other_bytes_are_refused),
                                       cmocka_unit_test(a_hole_costs_one_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
