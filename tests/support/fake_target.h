// An engine made for tests of what drives engines: a target with a flash in memory that does one thing every 10 ms,
// counts what it is asked for, and fails where the test says. No wire is needed.
#ifndef TESTS_SUPPORT_FAKE_TARGET_H
#define TESTS_SUPPORT_FAKE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/engine/flasher.h"

#define FAKE_FLASH_SIZE (4u << 20)
#define FAKE_PIECE 4096u // bytes written and proved at a time

struct fake {
    struct ferry_target target;
    uint8_t *flash;
    // Script.
    unsigned fail_at; // the step of that number (from 1 on) fails, 0 = none
    int failure;
    // State.
    struct ferry_rom_job job;
    bool busy, failed, wants_data;
    struct ferry_error error;
    uint8_t region;
    uint32_t at, got, skipped, done;
    struct ferry_event events[64];
    unsigned event_count;
    uint8_t chunk[FAKE_PIECE];
    // What happened.
    unsigned steps, starts[16], order[64], order_count;
    uint32_t sent, read_at, due_ms;
    uint64_t proved_bits;
    enum ferry_after after;
};

// An ESP32-C3 with this flash (malloc'ed when NULL, all erased), idle.
void fake_new(struct fake *f, uint8_t *flash);
// struct ferry_job_engine of it.
extern const struct ferry_engine_ops fake_ops;
int fake_start(void *engine, const struct ferry_rom_job *job, uint32_t now_ms);
const struct ferry_target *fake_target(const void *engine);

#endif
