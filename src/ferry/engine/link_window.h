// The receiver's window: pages of the caller's that hold bytes of one range until they are written, also those that
// came too early. It is the only data buffer of a receiver: a write takes its bytes from here, a whole page at a time.
//
// Each page has any place in the buffer. So a page that is whole can be written before the ones in front of it, its
// place is free again, and what a lost chunk holds back is not the window but the one page that it belongs to.
#ifndef FERRY_ENGINE_LINK_WINDOW_H
#define FERRY_ENGINE_LINK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_LINK_WINDOW_RUNS 32  // separate pieces that it keeps apart
#define FERRY_LINK_WINDOW_PAGES 32 // most pages that it holds

struct ferry_link_window {
    uint8_t *buf;
    uint32_t size;
    uint32_t page;                           // bytes of a page
    uint32_t base;                           // first offset that has not been taken out yet
    uint32_t limit;                          // first offset beyond the range
    uint8_t count;                           // of runs
    uint8_t pages;                           // size / page
    uint16_t ahead;                          // pages beyond base's that have been taken out already
    uint32_t place[FERRY_LINK_WINDOW_PAGES]; // offset of the page that lies there; UINT32_MAX = none
    struct {
        uint32_t from, to; // offsets, from < to; ascending, never touching: what has come, taken out or not
    } run[FERRY_LINK_WINDOW_RUNS];
};

void ferry_link_window_init(struct ferry_link_window *self, uint8_t *buf, uint32_t size);
// Opens the range start .. end; forgets everything. Pages begin at multiples of `page` bytes, a divisor of the size
// with size / page <= FERRY_LINK_WINDOW_PAGES.
void ferry_link_window_open(struct ferry_link_window *self, uint32_t start, uint32_t end, uint32_t page);
// Stores bytes. Returns how many of them were new (0: all were here before, or lie below the base); FERRY_ERR_NO_SPACE:
// they do not fit now (beyond the room, or too many separate pieces); FERRY_ERR_OVERLAP: other bytes were here (of
// those that have been taken out nobody knows any more). offset + len <= limit is the caller's duty.
int ferry_link_window_put(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len);
// All below this offset has come.
uint32_t ferry_link_window_received(const struct ferry_link_window *self);
// Bytes beyond received() that have come.
uint32_t ferry_link_window_early(const struct ferry_link_window *self);
// All bytes below this offset have a place, whatever comes first. It never goes down.
uint32_t ferry_link_window_room(const struct ferry_link_window *self);
// The first page (or the part of one that belongs to the range) that is whole, not taken out, and ends at or before
// border; any: also behind others that are not whole. Bytes of it, 0 = there is none.
uint32_t ferry_link_window_next(const struct ferry_link_window *self, uint32_t border, bool any, uint32_t *offset);
// Where a byte of a page that it holds lies, in one piece up to the end of the page.
const uint8_t *ferry_link_window_at(const struct ferry_link_window *self, uint32_t offset);
// The page with that byte has been written.
void ferry_link_window_take(struct ferry_link_window *self, uint32_t offset);

#endif
