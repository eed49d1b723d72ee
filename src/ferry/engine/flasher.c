// The flasher's frame: the engine shape, moving between states, asking the caller for things. The rooms are in
// flasher_*.c.
#include "ferry/engine/flasher.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/engine/flasher_state.h"

#define QUIET_MS 25u        // a line without bytes for so long is quiet (USB adapters hold bytes back for 16 ms)
#define QUIET_LIMIT_MS 400u // a line that is never quiet is not waited for
#define UNLIKE_LIMIT 40u    // answers in a row that did not confirm the one before

static const struct ferry_flasher_handlers table[] = {
#define X(state, name, flags, step) {ferry_flasher_enter_##name, ferry_flasher_done_##name, flags, step},
    FERRY_FLASHER_STATES(X)
#undef X
};

static const struct ferry_flasher_handlers *handlers(const struct ferry_flasher *self)
{
    uint32_t state = self->state;
    return state < FERRY_FL_FIRST_EXTRA ? &table[state] : &self->extra[state - FERRY_FL_FIRST_EXTRA];
}

static void done(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    handlers(self)->done(self, answer);
}

// --- moving on -------------------------------------------------------------------------------------------------------

void ferry_flasher_go(struct ferry_flasher *self, enum ferry_flasher_state state)
{
    if (self->error.status != 0) // it has just failed: there is nowhere to go
        return;
    self->wishes = 0;
    self->state = state;
    const char *step = handlers(self)->step;
    if (step != NULL && step != self->error.step) {
        self->error.step = step;
        if (state != FERRY_FL_IDLE)
            ferry_flasher_event(self, FERRY_EVENT_STEP, step, 0, 0, 0);
    }
    handlers(self)->enter(self);
}

void ferry_flasher_resume(struct ferry_flasher *self, enum ferry_flasher_state state)
{
    self->wishes = 0;
    self->state = state;
    done(self, NULL);
}

void ferry_flasher_finish(struct ferry_flasher *self)
{
    ferry_rom_client_abandon(&self->rom);
    self->wishes = 0;
    self->state = FERRY_FL_IDLE;
    self->busy = false;
}

void ferry_flasher_fail(struct ferry_flasher *self, int status, const char *detail)
{
    ferry_flasher_fail_at(self, status, detail, FERRY_FL_NO_ADDRESS);
}

void ferry_flasher_fail_at(struct ferry_flasher *self, int status, const char *detail, uint32_t address)
{
    if (self->error.status == 0) {
        self->error.status = status;
        self->error.detail = detail;
        self->error.address = address;
    }
    ferry_flasher_finish(self);
}

void ferry_flasher_enter_idle(struct ferry_flasher *self)
{
    ferry_flasher_finish(self);
}

void ferry_flasher_done_idle(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)self;
    (void)answer;
}

// --- asking ----------------------------------------------------------------------------------------------------------

uint32_t ferry_flasher_wire_ms(const struct ferry_flasher *self, uint32_t bytes)
{
    // 10 bits a byte, 3 % for escapes, rounded up; 10 ms for adapters.
    uint32_t rate = self->rate > 0 ? self->rate : 115200;
    return bytes * 10u / (rate / 1030u + 1u) + 10u;
}

void ferry_flasher_send(struct ferry_flasher *self, uint8_t op, const uint8_t *head, size_t head_len,
                        const uint8_t *body, size_t body_len, uint32_t timeout_ms)
{
    int status = ferry_rom_client_send(&self->rom, op, head, head_len, body, body_len, timeout_ms);
    if (status < 0)
        ferry_flasher_fail(self, status, "two commands at once");
}

void ferry_flasher_command(struct ferry_flasher *self, uint8_t op, const uint32_t *words, size_t count,
                           uint32_t timeout_ms)
{
    uint8_t head[24];
    size_t len = ferry_rom_words(head, words, count);
    ferry_flasher_send(self, op, head, len, NULL, 0, timeout_ms + 10);
}

void ferry_flasher_begin(struct ferry_flasher *self, uint8_t op, const uint32_t *words, uint32_t timeout_ms)
{
    ferry_flasher_command(self, op, words, ferry_flasher_can(self, FERRY_CAP_BEGIN20) ? 5 : 4, timeout_ms);
}

void ferry_flasher_read_register(struct ferry_flasher *self, uint32_t address)
{
    ferry_flasher_command(self, FERRY_ROM_OP_READ_REG, &address, 1, 500);
}

void ferry_flasher_write_register(struct ferry_flasher *self, uint32_t address, uint32_t value, uint32_t mask)
{
    const uint32_t words[] = {address, value, mask, 0};
    ferry_flasher_command(self, FERRY_ROM_OP_WRITE_REG, words, 4, 500);
}

void ferry_flasher_wait(struct ferry_flasher *self, uint32_t ms)
{
    self->wishes |= FERRY_WANT_WAIT;
    self->wait_until_ms = self->now_ms + ms;
}

void ferry_flasher_drain(struct ferry_flasher *self)
{
    ferry_flasher_wait(self, QUIET_MS);
    self->wishes |= FERRY_FL_DRAINING;
    self->drain_until_ms = self->now_ms + QUIET_LIMIT_MS;
}

void ferry_flasher_lines(struct ferry_flasher *self, unsigned what, uint32_t baud, uint32_t hold_ms)
{
    self->line_request = (struct ferry_line_request){
        .set_lines = (what & FERRY_FL_SET) != 0,
        .reset_asserted = (what & FERRY_FL_RESET) != 0,
        .boot_asserted = (what & FERRY_FL_BOOT) != 0,
        .flush = (what & FERRY_FL_FLUSH) != 0,
        .baud = baud,
        .hold_ms = hold_ms,
    };
    self->wishes |= FERRY_WANT_LINES;
    if (baud != 0)
        self->rate = baud;
}

void ferry_flasher_ask(struct ferry_flasher *self, enum ferry_request_kind kind, uint32_t offset, uint32_t len,
                       uint32_t segment, uint32_t segment_len)
{
    self->request = (struct ferry_request){
        .kind = kind,
        .region = (uint8_t)self->region,
        .offset = offset,
        .len = len,
        .segment_offset = segment,
        .segment_len = segment_len,
        .bytes = self->compare_bytes,
    };
    self->wishes |= FERRY_WANT_DATA;
    self->data_at = 0;
}

static void remove_event(struct ferry_flasher *self, unsigned i)
{
    self->event_count--;
    memmove(&self->events[i], &self->events[i + 1], (self->event_count - i) * sizeof self->events[0]);
}

// Nobody takes events: the oldest that says only what goes on goes first, else the oldest.
static void make_room(struct ferry_flasher *self)
{
    for (unsigned i = 0; i < FERRY_FLASHER_EVENTS; i++) {
        enum ferry_event_kind kind = self->events[i].kind;
        if (kind == FERRY_EVENT_STEP || kind == FERRY_EVENT_NOTE) {
            remove_event(self, i);
            return;
        }
    }
    remove_event(self, 0);
}

void ferry_flasher_event(struct ferry_flasher *self, enum ferry_event_kind kind, const char *text, uint32_t a0,
                         uint32_t a1, uint32_t a2)
{
    if (self->event_count == FERRY_FLASHER_EVENTS)
        make_room(self);
    self->events[self->event_count++] = (struct ferry_event){.kind = kind, .text = text, .a = {a0, a1, a2}};
}

void ferry_flasher_warn(struct ferry_flasher *self, const char *text)
{
    ferry_flasher_event(self, FERRY_EVENT_WARNING, text, 0, 0, 0);
}

bool ferry_flasher_confirm(struct ferry_flasher *self, const void *bytes, size_t len)
{
    bool same = self->seen_len == len && memcmp(self->seen, bytes, len) == 0;
    memcpy(self->seen, bytes, len);
    self->seen_len = same ? 0 : (uint8_t)len;
    self->unlike = same ? 0 : (uint8_t)(self->unlike + 1);
    if (self->unlike > UNLIKE_LIMIT)
        ferry_flasher_fail(self, FERRY_ERR_NOISE, "two answers to the same question never agree");
    return same;
}

// --- the engine shape ------------------------------------------------------------------------------------------------

static uint32_t wants(const void *ctx)
{
    const struct ferry_flasher *self = ctx;
    if (self->error.status != 0)
        return FERRY_WANT_FAILED;
    if (!self->busy)
        return FERRY_WANT_DONE;
    uint32_t bits = FERRY_WANT_RX | FERRY_WANT_WAIT | (self->wishes & ~FERRY_FL_DRAINING);
    if (ferry_rom_client_tx_busy(&self->rom))
        bits |= FERRY_WANT_TX;
    return bits;
}

static void take_answer(struct ferry_flasher *self)
{
    const struct ferry_rom_answer *answer = &self->rom.answer;
    if (answer->good || (handlers(self)->flags & FERRY_FL_REFUSAL))
        done(self, answer);
    else
        ferry_flasher_refused(self, answer);
}

static size_t feed(void *ctx, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    size_t used = 0;
    while (used < len) {
        bool answered;
        used += ferry_rom_client_feed(&self->rom, bytes + used, len - used, now_ms, &answered);
        if (answered && self->busy)
            take_answer(self);
    }
    if (self->wishes & FERRY_FL_DRAINING)
        self->wait_until_ms = now_ms + QUIET_MS;
    return used;
}

static size_t poll(void *ctx, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    if (!self->busy)
        return 0;
    size_t made = ferry_rom_client_poll(&self->rom, buf, cap, now_ms);
    if (self->state == FERRY_FL_STREAM)
        ferry_flasher_stream_run(self);
    return made;
}

static uint32_t ms_until(uint32_t then_ms, uint32_t now_ms)
{
    return ferry_time_reached(now_ms, then_ms) ? 0 : then_ms - now_ms;
}

// ms that a wait has still to last, FERRY_NEVER_MS = none is under way.
static uint32_t wait_left(const struct ferry_flasher *self, uint32_t now_ms)
{
    uint32_t ms = self->wishes & FERRY_WANT_WAIT ? ms_until(self->wait_until_ms, now_ms) : FERRY_NEVER_MS;
    if (self->wishes & FERRY_FL_DRAINING) { // bytes that never stop move wait_until_ms on and on, but not this
        uint32_t left = ms_until(self->drain_until_ms, now_ms);
        ms = left < ms ? left : ms;
    }
    return ms;
}

static void step(void *ctx, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    if (!self->busy)
        return;
    if (wait_left(self, now_ms) == 0) {
        self->wishes &= ~(FERRY_WANT_WAIT | FERRY_FL_DRAINING);
        done(self, NULL);
    } else if (ferry_rom_client_overdue(&self->rom, now_ms)) {
        ferry_rom_client_abandon(&self->rom);
        if (handlers(self)->flags & FERRY_FL_TIMEOUT)
            done(self, NULL);
        else
            ferry_flasher_trouble(self, FERRY_ERR_TIMEOUT, -1, "");
    }
}

static uint32_t deadline(const void *ctx, uint32_t now_ms)
{
    const struct ferry_flasher *self = ctx;
    if (!self->busy)
        return FERRY_NEVER_MS;
    uint32_t answer = ferry_rom_client_deadline(&self->rom, now_ms), wait = wait_left(self, now_ms);
    return answer < wait ? answer : wait;
}

static bool request(const void *ctx, struct ferry_request *out)
{
    const struct ferry_flasher *self = ctx;
    *out = self->request;
    if (out->kind == FERRY_REQUEST_RAW || out->kind == FERRY_REQUEST_PACKED) {
        out->offset += self->data_at;
        out->len -= self->data_at;
    }
    return (self->wishes & FERRY_WANT_DATA) != 0;
}

static void supply(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    struct ferry_request now;
    if (!self->busy || !request(self, &now))
        return;
    bool blocks = now.kind == FERRY_REQUEST_RAW || now.kind == FERRY_REQUEST_PACKED;
    if (len > now.len || (blocks ? offset != now.offset || len == 0 : len != now.len)) {
        ferry_flasher_fail(self, FERRY_ERR_ARG, "supply() gave other bytes than were asked for");
        return;
    }
    memcpy((blocks ? ferry_flasher_stream_target(self) : self->small) + self->data_at, bytes, len);
    self->data_at += (uint32_t)len;
    if (self->data_at < self->request.len)
        return;
    self->wishes &= ~(uint32_t)FERRY_WANT_DATA;
    if (self->state == FERRY_FL_STREAM)
        ferry_flasher_stream_supplied(self);
    else
        ferry_flasher_compare_supplied(self);
}

static void supply_failed(void *ctx, int status)
{
    struct ferry_flasher *self = ctx;
    if (!self->busy || !(self->wishes & FERRY_WANT_DATA))
        return;
    if (self->request.kind == FERRY_REQUEST_MD5_OF && status == FERRY_ERR_UNSUPPORTED) {
        self->want_source = false; // nobody can compute a digest: what was read stays unchecked
        self->wishes &= ~(uint32_t)FERRY_WANT_DATA;
        ferry_flasher_compare_supplied(self);
        return;
    }
    ferry_flasher_fail(self, status, "the source of the firmware failed");
}

static bool lines(const void *ctx, struct ferry_line_request *out)
{
    const struct ferry_flasher *self = ctx;
    *out = self->line_request;
    return (self->wishes & FERRY_WANT_LINES) != 0;
}

static void lines_done(void *ctx, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    if (!self->busy || !(self->wishes & FERRY_WANT_LINES))
        return;
    self->wishes &= ~(uint32_t)FERRY_WANT_LINES;
    done(self, NULL);
}

static size_t output(void *ctx, uint32_t *offset, uint8_t *buf, size_t cap)
{
    struct ferry_flasher *self = ctx;
    if (!(self->wishes & FERRY_WANT_OUTPUT))
        return 0;
    size_t len = self->unit_len - self->out_at;
    len = len < cap ? len : cap;
    *offset = self->pos + self->out_at;
    memcpy(buf, self->cfg.block + self->out_at, len);
    self->out_at += (uint32_t)len;
    if (self->out_at == self->unit_len) {
        self->wishes &= ~(uint32_t)FERRY_WANT_OUTPUT;
        done(self, NULL);
    }
    return len;
}

static bool event(void *ctx, struct ferry_event *out)
{
    struct ferry_flasher *self = ctx;
    if (self->event_count == 0) {
        *out = (struct ferry_event){.text = ""};
        return false;
    }
    *out = self->events[0];
    remove_event(self, 0);
    return true;
}

static void progress(const void *ctx, struct ferry_progress *out)
{
    const struct ferry_flasher *self = ctx;
    uint32_t size = self->region < self->job.region_count ? ferry_flasher_region(self)->size : 0;
    uint32_t at = self->pos;
    if (self->state == FERRY_FL_STREAM && self->acked > at)
        at = self->acked;
    at = at < size ? at : size;
    *out = (struct ferry_progress){
        .step = self->error.step,
        .region = (uint8_t)self->region,
        .region_count = self->job.region_count,
        .region_done = at,
        .region_size = size,
        .total_done = self->work.total_done + at,
        .total_size = self->work.total_size,
        .wire_bytes = self->rom.wire_bytes,
        .skipped = self->work.skipped_total,
        .retries = self->retries,
        .baud = self->rate,
    };
}

static void error(const void *ctx, struct ferry_error *out)
{
    const struct ferry_flasher *self = ctx;
    *out = self->error;
}

const struct ferry_engine_ops ferry_flasher_ops = {
    .wants = wants,
    .feed = feed,
    .poll = poll,
    .step = step,
    .deadline = deadline,
    .request = request,
    .supply = supply,
    .supply_failed = supply_failed,
    .lines = lines,
    .lines_done = lines_done,
    .output = output,
    .event = event,
    .progress = progress,
    .error = error,
};
