// The clock of a POSIX system: CLOCK_MONOTONIC, and waiting by poll() on the streams of this port.
#ifndef PORTS_POSIX_CLOCK_H
#define PORTS_POSIX_CLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "ferry/io/clock.h"

#define FERRY_POSIX_CLOCK_MAX_FDS 64

struct ferry_posix_clock {
    int fds[FERRY_POSIX_CLOCK_MAX_FDS];
    size_t count;
};

// An empty clock: wait() just sleeps until streams are added.
struct ferry_clock ferry_posix_clock_init(struct ferry_posix_clock *self);
// Lets wait() return early when `fd` has something to read. false: the table is full (wait() then sleeps at most 5 ms).
bool ferry_posix_clock_add(struct ferry_posix_clock *self, int fd);
void ferry_posix_clock_remove(struct ferry_posix_clock *self, int fd);

#endif
