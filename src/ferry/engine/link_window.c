#include "ferry/engine/link_window.h"
#include "ferry/base/status.h"
#include <string.h>

#define FREE UINT32_MAX

void ferry_link_window_init(struct ferry_link_window *self, uint8_t *buf, uint32_t size)
{
    memset(self, 0, sizeof *self);
    self->buf = buf;
    self->size = size;
}

void ferry_link_window_open(struct ferry_link_window *self, uint32_t start, uint32_t end, uint32_t page)
{
    self->base = start;
    self->limit = end;
    self->page = page;
    self->pages = (uint8_t)(self->size / page);
    self->count = 0;
    self->ahead = 0;
    for (unsigned i = 0; i < self->pages; i++)
        self->place[i] = FREE;
}

uint32_t ferry_link_window_received(const struct ferry_link_window *self)
{
    return self->count && self->run[0].from == self->base ? self->run[0].to : self->base;
}

uint32_t ferry_link_window_early(const struct ferry_link_window *self)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < self->count; i++)
        n += self->run[i].from != self->base ? self->run[i].to - self->run[i].from : 0;
    return n;
}

static uint32_t page_of(const struct ferry_link_window *self, uint32_t offset)
{
    return offset - offset % self->page;
}

static uint32_t page_end(const struct ferry_link_window *self, uint32_t offset)
{
    uint32_t page = page_of(self, offset);
    return self->limit - page < self->page ? self->limit : page + self->page;
}

// As many pages as there are places may be neither written nor whole.
uint32_t ferry_link_window_room(const struct ferry_link_window *self)
{
    uint32_t page = page_of(self, self->base), room = (self->pages + (uint32_t)self->ahead) * self->page;
    return self->limit - page < room ? self->limit : page + room;
}

static int find(const struct ferry_link_window *self, uint32_t page)
{
    for (unsigned i = 0; i < self->pages; i++)
        if (self->place[i] == page)
            return (int)i;
    return -1;
}

// All of from .. to has come.
static bool whole(const struct ferry_link_window *self, uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < self->count; i++)
        if (self->run[i].from <= from && self->run[i].to >= to)
            return true;
    return false;
}

static bool page_whole(const struct ferry_link_window *self, uint32_t page)
{
    return whole(self, page > self->base ? page : self->base, page_end(self, page));
}

// How many of from .. to are here already; negative when they differ from the new ones.
static int compare(const struct ferry_link_window *self, uint32_t from, uint32_t to, const uint8_t *bytes)
{
    uint32_t known = 0;
    int at = find(self, page_of(self, from));
    for (unsigned i = 0; i < self->count; i++) {
        uint32_t a = self->run[i].from > from ? self->run[i].from : from;
        uint32_t b = self->run[i].to < to ? self->run[i].to : to;
        if (a >= b)
            continue;
        if (at >= 0 && memcmp(ferry_link_window_at(self, a), bytes + (a - from), b - a) != 0)
            return FERRY_ERR_OVERLAP;
        known += b - a;
    }
    return (int)known;
}

// The runs that from .. to touches are first .. past - 1. False: it touches none, and there is no place for another
// one.
static bool touched(const struct ferry_link_window *self, uint32_t from, uint32_t to, unsigned *first, unsigned *past)
{
    for (*first = 0; *first < self->count && self->run[*first].to < from;)
        ++*first;
    for (*past = *first; *past < self->count && self->run[*past].from <= to;)
        ++*past;
    return *past != *first || self->count < FERRY_LINK_WINDOW_RUNS;
}

static void add_run(struct ferry_link_window *self, uint32_t from, uint32_t to, unsigned first, unsigned past)
{
    if (past > first) {
        from = self->run[first].from < from ? self->run[first].from : from;
        to = self->run[past - 1].to > to ? self->run[past - 1].to : to;
    }
    memmove(&self->run[first + 1], &self->run[past], (self->count - past) * sizeof self->run[0]);
    self->count = (uint8_t)(self->count - past + first + 1);
    self->run[first].from = from;
    self->run[first].to = to;
}

// Copies what lies within one page, unless the page has been taken out. There is a place for it: see room().
static void copy(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t page = page_of(self, offset);
    int at = find(self, page);
    if (at < 0 && page_whole(self, page))
        return;
    if (at < 0)
        at = find(self, FREE);
    if (at < 0)
        return;
    self->place[at] = page;
    memcpy(self->buf + (uint32_t)at * self->page + (offset - page), bytes, len);
}

static uint32_t piece_end(const struct ferry_link_window *self, uint32_t offset, uint32_t to)
{
    uint32_t end = page_end(self, offset);
    return end < to ? end : to;
}

int ferry_link_window_put(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t to = offset + (uint32_t)len, known = 0;
    unsigned first, past;
    if (to <= self->base)
        return 0;
    if (offset < self->base) {
        bytes += self->base - offset;
        offset = self->base;
    }
    if (to > ferry_link_window_room(self) || !touched(self, offset, to, &first, &past))
        return FERRY_ERR_NO_SPACE;
    for (uint32_t at = offset, end; at < to; at = end) {
        end = piece_end(self, at, to);
        int n = compare(self, at, end, bytes + (at - offset));
        if (n < 0)
            return n;
        known += (uint32_t)n;
    }
    if (known == to - offset)
        return 0;
    for (uint32_t at = offset, end; at < to; at = end) {
        end = piece_end(self, at, to);
        copy(self, at, bytes + (at - offset), end - at);
    }
    add_run(self, offset, to, first, past);
    return (int)(to - offset - known);
}

const uint8_t *ferry_link_window_at(const struct ferry_link_window *self, uint32_t offset)
{
    uint32_t page = page_of(self, offset);
    int at = find(self, page);
    return at < 0 ? NULL : self->buf + (uint32_t)at * self->page + (offset - page);
}

uint32_t ferry_link_window_next(const struct ferry_link_window *self, uint32_t border, bool any, uint32_t *offset)
{
    uint32_t first = page_of(self, self->base), best = FREE;
    for (unsigned i = 0; i < self->pages; i++) {
        uint32_t page = self->place[i];
        if (page < best && (any || page == first) && page_end(self, page) <= border && page_whole(self, page))
            best = page;
    }
    if (best == FREE)
        return 0;
    *offset = best > self->base ? best : self->base;
    return page_end(self, best) - *offset;
}

void ferry_link_window_take(struct ferry_link_window *self, uint32_t offset)
{
    int at = find(self, page_of(self, offset));
    if (at < 0)
        return;
    self->place[at] = FREE;
    if (page_of(self, offset) != page_of(self, self->base)) {
        self->ahead++;
        return;
    }
    self->base = page_end(self, self->base);
    while (self->base < self->limit && page_whole(self, self->base) && find(self, self->base) < 0) {
        self->base = page_end(self, self->base);
        self->ahead--;
    }
    while (self->count && self->run[0].to <= self->base) {
        self->count--;
        memmove(&self->run[0], &self->run[1], self->count * sizeof self->run[0]);
    }
    if (self->count && self->run[0].from < self->base)
        self->run[0].from = self->base;
}
