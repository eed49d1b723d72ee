#include "ports/posix/clock.h"

#include <poll.h>
#include <time.h>

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
}

static void wait_ms(void *ctx, uint32_t ms)
{
    const struct ferry_posix_clock *self = ctx;
    struct pollfd fds[FERRY_POSIX_CLOCK_MAX_FDS];
    for (size_t i = 0; i < self->count; i++)
        fds[i] = (struct pollfd){.fd = self->fds[i], .events = POLLIN};
    if (ms > 3600000u)
        ms = 3600000u;
    if (self->count == FERRY_POSIX_CLOCK_MAX_FDS && ms > 5)
        ms = 5;
    (void)poll(fds, (nfds_t)self->count, (int)ms);
}

struct ferry_clock ferry_posix_clock_init(struct ferry_posix_clock *self)
{
    self->count = 0;
    return (struct ferry_clock){.ctx = self, .now_ms = now_ms, .wait = wait_ms};
}

bool ferry_posix_clock_add(struct ferry_posix_clock *self, int fd)
{
    if (self->count == FERRY_POSIX_CLOCK_MAX_FDS)
        return false;
    self->fds[self->count++] = fd;
    return true;
}

void ferry_posix_clock_remove(struct ferry_posix_clock *self, int fd)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->fds[i] == fd) {
            self->fds[i] = self->fds[--self->count];
            return;
        }
}
