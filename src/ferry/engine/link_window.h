// The receiver's window: a ring of the caller's that holds bytes of one range until they are written, also those that
// came too early. It is the only data buffer of a receiver: a write takes its bytes from here.
#ifndef FERRY_ENGINE_LINK_WINDOW_H
#define FERRY_ENGINE_LINK_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define FERRY_LINK_WINDOW_RUNS 20 // separate pieces that it can hold

struct ferry_link_window {
    uint8_t *buf;
    uint32_t size;
    uint32_t base;  // first offset that has not been taken out yet
    uint32_t limit; // first offset beyond the range
    uint8_t count;
    struct {
        uint32_t from, to; // offsets, from < to; ascending, never touching
    } run[FERRY_LINK_WINDOW_RUNS];
};

void ferry_link_window_init(struct ferry_link_window *self, uint8_t *buf, uint32_t size);
// Opens the range start .. end; forgets everything.
void ferry_link_window_open(struct ferry_link_window *self, uint32_t start, uint32_t end);
// Stores bytes. Returns how many of them were new (0: all were here before, or lie below the base); FERRY_ERR_NO_SPACE:
// they do not fit now (beyond the window, or too many separate pieces); FERRY_ERR_OVERLAP: other bytes were here.
// offset + len <= limit is the caller's duty.
int ferry_link_window_put(struct ferry_link_window *self, uint32_t offset, const uint8_t *bytes, size_t len);
// All below this offset has come.
uint32_t ferry_link_window_received(const struct ferry_link_window *self);
// The bytes from base on that lie in one piece in the buffer; *bytes points at them. May be less than what has come.
size_t ferry_link_window_peek(const struct ferry_link_window *self, const uint8_t **bytes);
// n of them have been written.
void ferry_link_window_take(struct ferry_link_window *self, uint32_t n);

#endif
