#include "tests/support/fake_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"

static void fake_event(struct fake *f, enum ferry_event_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    assert_true(f->event_count < 64);
    f->events[f->event_count++] = (struct ferry_event){kind, "", {a, b, c}};
}

static uint32_t fake_wants(const void *self)
{
    const struct fake *f = self;
    if (f->failed)
        return FERRY_WANT_FAILED;
    if (!f->busy)
        return FERRY_WANT_DONE;
    if (f->job.op == FERRY_ROM_READ && f->read_at > f->at)
        return FERRY_WANT_OUTPUT | FERRY_WANT_WAIT;
    return f->wants_data ? FERRY_WANT_DATA : FERRY_WANT_WAIT;
}

static void fake_fail(struct fake *f, int status)
{
    f->failed = true;
    f->error = (struct ferry_error){status, "a step", "", "", -1, UINT32_MAX};
}

static uint32_t piece(const struct fake *f)
{
    uint32_t left = f->job.regions[f->region].size - f->at;
    return left < FAKE_PIECE ? left : FAKE_PIECE;
}

// A segment has arrived: write it when it is new, tell that it is proved.
static void fake_segment(struct fake *f)
{
    const struct ferry_region *r = &f->job.regions[f->region];
    uint32_t len = piece(f);
    bool same = memcmp(f->flash + r->address + f->at, f->chunk, len) == 0;
    if (!same && f->job.op == FERRY_ROM_VERIFY) {
        fake_fail(f, FERRY_ERR_VERIFY);
        return;
    }
    if (same && !f->job.no_skip)
        f->skipped += len;
    else
        f->sent += len;
    memcpy(f->flash + r->address + f->at, f->chunk, len);
    f->done += len;
    fake_event(f, FERRY_EVENT_SEGMENT, f->region, f->at, len);
    f->at += len;
    if (f->at < r->size)
        return;
    fake_event(f, FERRY_EVENT_REGION, f->region, r->size, 0);
    f->region++;
    f->at = 0;
}

static void fake_step(void *self, uint32_t now_ms)
{
    struct fake *f = self;
    f->due_ms = now_ms + 10;
    if (!f->busy || f->failed || f->wants_data || (f->job.op == FERRY_ROM_READ && f->read_at > f->at))
        return;
    if (++f->steps == f->fail_at) {
        fake_fail(f, f->failure);
        return;
    }
    switch (f->job.op) {
    case FERRY_ROM_WRITE:
    case FERRY_ROM_VERIFY:
        if (f->got && f->got == piece(f))
            fake_segment(f);
        f->got = 0;
        f->busy = f->region < f->job.region_count;
        f->wants_data = f->busy && !f->failed;
        break;
    case FERRY_ROM_READ:
        f->read_at = f->at < f->job.regions[0].size ? f->at + 64 : f->at;
        f->busy = f->read_at > f->at;
        break;
    case FERRY_ROM_ERASE_CHIP:
        memset(f->flash, 0xff, FAKE_FLASH_SIZE);
        f->busy = false;
        break;
    default:
        f->busy = false;
    }
}

static uint32_t fake_deadline(const void *self, uint32_t now_ms)
{
    const struct fake *f = self;
    return ferry_time_reached(now_ms, f->due_ms) ? 0 : f->due_ms - now_ms;
}

static bool fake_request(const void *self, struct ferry_request *out)
{
    const struct fake *f = self;
    if (!f->wants_data)
        return false;
    *out = (struct ferry_request){
        .kind = FERRY_REQUEST_RAW, .region = f->region, .offset = f->at + f->got, .len = piece(f) - f->got};
    return true;
}

static void fake_supply(void *self, uint32_t offset, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct fake *f = self;
    (void)now_ms;
    assert_int_equal(offset, f->at + f->got);
    memcpy(f->chunk + f->got, bytes, len);
    f->got += (uint32_t)len;
    f->wants_data = f->got < piece(f);
}

static void fake_supply_failed(void *self, int status)
{
    fake_fail(self, status);
}

static size_t fake_output(void *self, uint32_t *offset, uint8_t *buf, size_t cap)
{
    struct fake *f = self;
    size_t n = f->job.op == FERRY_ROM_READ ? f->read_at - f->at : 0;
    n = n < cap ? n : cap;
    *offset = f->at;
    memcpy(buf, f->flash + f->job.regions[0].address + f->at, n);
    f->at += (uint32_t)n;
    return n;
}

static bool fake_take_event(void *self, struct ferry_event *out)
{
    struct fake *f = self;
    if (f->event_count == 0)
        return false;
    *out = f->events[0];
    memmove(f->events, f->events + 1, --f->event_count * sizeof f->events[0]);
    return true;
}

static void fake_progress(const void *self, struct ferry_progress *out)
{
    const struct fake *f = self;
    *out = (struct ferry_progress){.step = "working", .total_done = f->done, .skipped = f->skipped};
}

static void fake_error(const void *self, struct ferry_error *out)
{
    *out = ((const struct fake *)self)->error;
}

static size_t fake_feed(void *self, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    (void)self, (void)bytes, (void)now_ms;
    return len;
}

static size_t fake_poll(void *self, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    (void)self, (void)buf, (void)cap, (void)now_ms;
    return 0;
}

static bool fake_lines(const void *self, struct ferry_line_request *out)
{
    (void)self, (void)out;
    return false;
}

static void fake_lines_done(void *self, uint32_t now_ms)
{
    (void)self, (void)now_ms;
}

const struct ferry_engine_ops fake_ops = {
    .wants = fake_wants,
    .feed = fake_feed,
    .poll = fake_poll,
    .step = fake_step,
    .deadline = fake_deadline,
    .request = fake_request,
    .supply = fake_supply,
    .supply_failed = fake_supply_failed,
    .lines = fake_lines,
    .lines_done = fake_lines_done,
    .output = fake_output,
    .event = fake_take_event,
    .progress = fake_progress,
    .error = fake_error,
};

int fake_start(void *engine, const struct ferry_rom_job *job, uint32_t now_ms)
{
    struct fake *f = engine;
    f->due_ms = now_ms;
    if (f->busy || f->failed)
        return FERRY_ERR_STATE;
    f->job = *job;
    f->busy = true;
    f->wants_data = false;
    f->region = 0;
    f->at = f->got = f->read_at = 0;
    f->starts[job->op]++;
    f->order[f->order_count++ % 64] = job->op;
    f->after = job->op == FERRY_ROM_LEAVE ? job->after : f->after;
    f->proved_bits = 0;
    for (unsigned i = 0; job->proved && i < 8; i++)
        f->proved_bits |= (uint64_t)job->proved[i] << 8 * i;
    return FERRY_OK;
}

const struct ferry_target *fake_target(const void *engine)
{
    const struct fake *f = engine;
    return f->starts[FERRY_ROM_CONNECT] ? &f->target : NULL;
}

void fake_new(struct fake *f, uint8_t *flash)
{
    memset(f, 0, sizeof *f);
    f->flash = flash ? flash : malloc(FAKE_FLASH_SIZE);
    if (!flash)
        memset(f->flash, 0xff, FAKE_FLASH_SIZE);
    f->target = (struct ferry_target){.chip = ferry_chip_by_id(FERRY_CHIP_ESP32C3),
                                      .revision = 4,
                                      .mac = {2, 4, 6, 8, 10, 12},
                                      .mac_known = true,
                                      .flash_id = 0x1640c8,
                                      .flash_size = FAKE_FLASH_SIZE,
                                      .security_known = true};
}
