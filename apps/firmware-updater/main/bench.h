// The bench: the one task that looks after the card, the targets and the jobs. Everybody else sends it orders.
#ifndef FERRY_FIRMWARE_BENCH_H
#define FERRY_FIRMWARE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "updater/updater.h"

#define BENCH_ALL 0xff // every target

enum bench_do {
    BENCH_LOOK = 1, // at the card again
    BENCH_LIST,
    BENCH_START, // a job on `port`; wish says which
    BENCH_PROBE,
    BENCH_ABORT,
    BENCH_FETCH,  // wish.cargo, onto the card only
    BENCH_NEXT,   // choose the next firmware of the card
    BENCH_FORGET, // back to what the card says
    BENCH_LOG,    // number: how many lines
    BENCH_CONFIG, // wish.cargo "" = tell all; else "name" or "name=value"
    BENCH_STATUS,
};

struct bench_order {
    enum bench_do what;
    uint8_t port;
    uint16_t number;
    struct ferry_updater_wish wish;
};

void bench_start(void);
// Hands an order over. wait: returns when the bench has taken it up (a job goes on after that). false: the bench has
// too many orders already. Without wait also from timers' callbacks.
bool bench_order(const struct bench_order *order, bool wait);

#endif
