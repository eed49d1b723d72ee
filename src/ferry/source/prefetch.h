// A source with a read-ahead buffer in front of slow storage (an SD card): a read that misses fills the whole buffer
// from there on; small reads in order then cost no access. With ferry_source_prefetch_ahead() a program that has a
// moment (while the wire is busy) loads what comes next.
#ifndef FERRY_SOURCE_PREFETCH_H
#define FERRY_SOURCE_PREFETCH_H

#include "ferry/io/source.h"

struct ferry_source_prefetch {
    struct ferry_source slow;
    uint8_t *buf; // the caller's; two halves
    size_t half;
    uint32_t start[2]; // what each half holds: slow's bytes start .. start + len
    size_t len[2];
    unsigned current; // half that was read last
    uint32_t reads;   // accesses to the slow source so far
};

// buf (2 KB or more, a multiple of 2) stays the caller's. The source refers to *self. 0, or FERRY_ERR_ARG.
int ferry_source_prefetch(struct ferry_source_prefetch *self, const struct ferry_source *slow, uint8_t *buf,
                          size_t size, struct ferry_source *out);
// Loads the half that follows the one read last, if it is not there yet. 0, or what the slow source says.
int ferry_source_prefetch_ahead(struct ferry_source_prefetch *self);

#endif
