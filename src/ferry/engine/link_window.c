#include "ferry/engine/link_window.h"
#include "ferry/base/status.h"
#include <string.h>

void ferry_link_window_init(struct ferry_link_window *self, uint8_t *buf, uint32_t size)
{
    memset(self, 0, sizeof *self);
    self->buf = buf;
    self->size = size;
}

void ferry_link_window_open(struct ferry_link_window *self, uint32_t start, uint32_t end)
{
    self->base = start;
    self->limit = end;
    self->count = 0;
}

uint32_t ferry_link_window_received(const struct ferry_link_window *self)
{
    return self->count && self->run[0].from == self->base ? self->run[0].to : self->base;
}

// Compares or copies bytes at an offset of the ring, in at most two pieces. 0 when equal (or copied).
static int ring(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len, int copy)
{
    while (len) {
        uint32_t at = offset % self->size;
        size_t n = len < self->size - at ? len : self->size - at;
        if (copy)
            memcpy(self->buf + at, bytes, n);
        else if (memcmp(self->buf + at, bytes, n) != 0)
            return 1;
        offset += (uint32_t)n;
        bytes += n;
        len -= n;
    }
    return 0;
}

// How many of from .. to are here already; negative when they differ from the new ones.
static int compare(struct ferry_link_window *self, uint32_t from, uint32_t to, const uint8_t *bytes)
{
    uint32_t known = 0;
    for (unsigned i = 0; i < self->count; i++) {
        uint32_t a = self->run[i].from > from ? self->run[i].from : from;
        uint32_t b = self->run[i].to < to ? self->run[i].to : to;
        if (a >= b)
            continue;
        if (ring(self, a, bytes + (a - from), b - a, 0))
            return FERRY_ERR_OVERLAP;
        known += b - a;
    }
    return (int)known;
}

// Adds from .. to to the runs, joining what touches. False: no place for another run.
static int add_run(struct ferry_link_window *self, uint32_t from, uint32_t to)
{
    unsigned first = 0, past;
    while (first < self->count && self->run[first].to < from)
        first++;
    for (past = first; past < self->count && self->run[past].from <= to; past++) {
        from = self->run[past].from < from ? self->run[past].from : from;
        to = self->run[past].to > to ? self->run[past].to : to;
    }
    if (past == first && self->count == FERRY_LINK_WINDOW_RUNS)
        return 0;
    memmove(&self->run[first + 1], &self->run[past], (self->count - past) * sizeof self->run[0]);
    self->count = (uint8_t)(self->count - past + first + 1);
    self->run[first].from = from;
    self->run[first].to = to;
    return 1;
}

int ferry_link_window_put(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len)
{
    uint32_t to = offset + (uint32_t)len;
    if (to <= self->base)
        return 0;
    if (offset < self->base) {
        bytes += self->base - offset;
        offset = self->base;
    }
    if (to - self->base > self->size)
        return FERRY_ERR_NO_SPACE;
    int known = compare(self, offset, to, bytes);
    if (known < 0 || known == (int)(to - offset))
        return known < 0 ? known : 0;
    if (!add_run(self, offset, to))
        return FERRY_ERR_NO_SPACE;
    ring(self, offset, bytes, to - offset, 1);
    return (int)(to - offset) - known;
}

size_t ferry_link_window_peek(const struct ferry_link_window *self, const uint8_t **bytes)
{
    uint32_t at = self->base % self->size, n = ferry_link_window_received(self) - self->base;
    *bytes = self->buf + at;
    return n < self->size - at ? n : self->size - at;
}

void ferry_link_window_take(struct ferry_link_window *self, uint32_t n)
{
    self->base += n;
    if (!n || !self->count)
        return;
    self->run[0].from = self->base;
    if (self->run[0].to <= self->base) {
        self->count--;
        memmove(&self->run[0], &self->run[1], self->count * sizeof self->run[0]);
    }
}
