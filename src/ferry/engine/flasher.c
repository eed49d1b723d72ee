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

// --- moving on -------------------------------------------------------------------------------------------------------

static void forget_wishes(struct ferry_flasher *self)
{
    self->waiting = self->draining = self->lines_wanted = self->data_wanted = false;
}

void ferry_flasher_go(struct ferry_flasher *self, enum ferry_flasher_state state)
{
    if (self->error.status != 0) // it has just failed: there is nowhere to go
        return;
    forget_wishes(self);
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
    forget_wishes(self);
    self->state = state;
    handlers(self)->done(self, NULL);
}

void ferry_flasher_finish(struct ferry_flasher *self)
{
    ferry_rom_client_abandon(&self->rom);
    forget_wishes(self);
    self->state = FERRY_FL_IDLE;
    self->busy = false;
    self->output_ready = false;
}

void ferry_flasher_fail(struct ferry_flasher *self, int status, const char *detail, uint32_t address)
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

void ferry_flasher_command(struct ferry_flasher *self, uint8_t op, const uint32_t *words, size_t count,
                           uint32_t timeout_ms)
{
    uint8_t head[24];
    size_t len = ferry_rom_words(head, words, count);
    int status = ferry_rom_client_send(&self->rom, op, head, len, NULL, 0, timeout_ms + 10);
    if (status < 0)
        ferry_flasher_fail(self, status, "two commands at once", FERRY_FL_NO_ADDRESS);
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
    self->waiting = true;
    self->wait_until_ms = self->now_ms + ms;
}

void ferry_flasher_drain(struct ferry_flasher *self)
{
    ferry_flasher_wait(self, QUIET_MS);
    self->draining = true;
    self->drain_until_ms = self->now_ms + QUIET_LIMIT_MS;
}

void ferry_flasher_lines(struct ferry_flasher *self, const struct ferry_line_request *request)
{
    self->line_request = *request;
    self->lines_wanted = true;
    if (request->baud != 0)
        self->rate = request->baud;
}

void ferry_flasher_ask(struct ferry_flasher *self, const struct ferry_request *request)
{
    self->request = *request;
    self->data_wanted = true;
    self->data_at = 0;
}

// Nobody takes events: the oldest that says only what goes on goes first, else the oldest.
static void make_room(struct ferry_flasher *self)
{
    unsigned victim = 0;
    for (unsigned i = FERRY_FLASHER_EVENTS; i-- > 0;) {
        enum ferry_event_kind kind = self->events[(self->event_at + i) % FERRY_FLASHER_EVENTS].kind;
        if (kind == FERRY_EVENT_STEP || kind == FERRY_EVENT_NOTE)
            victim = i;
    }
    for (unsigned i = victim; i > 0; i--)
        self->events[(self->event_at + i) % FERRY_FLASHER_EVENTS] =
            self->events[(self->event_at + i - 1) % FERRY_FLASHER_EVENTS];
    self->event_at = (uint8_t)((self->event_at + 1u) % FERRY_FLASHER_EVENTS);
    self->event_count--;
}

void ferry_flasher_event(struct ferry_flasher *self, enum ferry_event_kind kind, const char *text, uint32_t a0,
                         uint32_t a1, uint32_t a2)
{
    if (self->event_count == FERRY_FLASHER_EVENTS)
        make_room(self);
    struct ferry_event *event = &self->events[(self->event_at + self->event_count++) % FERRY_FLASHER_EVENTS];
    *event = (struct ferry_event){.kind = kind, .text = text, .a = {a0, a1, a2}};
}

bool ferry_flasher_confirm(struct ferry_flasher *self, const uint32_t *values, size_t count)
{
    bool same = self->seen_count == count && memcmp(self->seen, values, count * sizeof *values) == 0;
    memcpy(self->seen, values, count * sizeof *values);
    self->seen_count = same ? 0 : (uint8_t)count;
    self->unlike = same ? 0 : (uint8_t)(self->unlike + 1);
    if (self->unlike > UNLIKE_LIMIT)
        ferry_flasher_fail(self, FERRY_ERR_NOISE, "two answers to the same question never agree", FERRY_FL_NO_ADDRESS);
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
    uint32_t bits = FERRY_WANT_RX | FERRY_WANT_WAIT;
    if (ferry_rom_client_tx_busy(&self->rom))
        bits |= FERRY_WANT_TX;
    if (self->data_wanted)
        bits |= FERRY_WANT_DATA;
    if (self->lines_wanted)
        bits |= FERRY_WANT_LINES;
    if (self->output_ready)
        bits |= FERRY_WANT_OUTPUT;
    return bits;
}

static void take_answer(struct ferry_flasher *self)
{
    const struct ferry_rom_answer *answer = &self->rom.answer;
    if (self->state == FERRY_FL_STREAM)
        ferry_flasher_stream_answer(self, answer);
    else if (answer->good || (handlers(self)->flags & FERRY_FL_REFUSAL))
        handlers(self)->done(self, answer);
    else
        ferry_flasher_trouble(self, FERRY_ERR_REFUSED, answer->error, ferry_rom_error_text(answer->error));
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
    if (self->draining)
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

static void step(void *ctx, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    if (!self->busy)
        return;
    bool over = self->draining && ferry_time_reached(now_ms, self->drain_until_ms);
    if (self->waiting && (over || ferry_time_reached(now_ms, self->wait_until_ms))) {
        self->waiting = self->draining = false;
        handlers(self)->done(self, NULL);
    } else if (ferry_rom_client_overdue(&self->rom, now_ms)) {
        ferry_rom_client_abandon(&self->rom);
        if (handlers(self)->flags & FERRY_FL_TIMEOUT)
            handlers(self)->done(self, NULL);
        else
            ferry_flasher_trouble(self, FERRY_ERR_TIMEOUT, -1, "");
    }
}

static uint32_t ms_until(uint32_t then_ms, uint32_t now_ms)
{
    return ferry_time_reached(now_ms, then_ms) ? 0 : then_ms - now_ms;
}

static uint32_t deadline(const void *ctx, uint32_t now_ms)
{
    const struct ferry_flasher *self = ctx;
    if (!self->busy)
        return FERRY_NEVER_MS;
    uint32_t ms = ferry_rom_client_deadline(&self->rom, now_ms);
    if (self->waiting) {
        uint32_t left = ms_until(self->wait_until_ms, now_ms);
        ms = left < ms ? left : ms;
    }
    if (self->draining) { // bytes that never stop move wait_until_ms on and on, but not this
        uint32_t left = ms_until(self->drain_until_ms, now_ms);
        ms = left < ms ? left : ms;
    }
    return ms;
}

static bool request(const void *ctx, struct ferry_request *out)
{
    const struct ferry_flasher *self = ctx;
    *out = self->request;
    if (out->kind == FERRY_REQUEST_RAW || out->kind == FERRY_REQUEST_PACKED) {
        out->offset += self->data_at;
        out->len -= self->data_at;
    }
    return self->data_wanted;
}

// Where the bytes of the request under way belong.
static uint8_t *request_target(struct ferry_flasher *self)
{
    bool blocks = self->request.kind == FERRY_REQUEST_RAW || self->request.kind == FERRY_REQUEST_PACKED;
    return blocks ? ferry_flasher_stream_target(self) : self->small;
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
        ferry_flasher_fail(self, FERRY_ERR_ARG, "supply() gave other bytes than were asked for", FERRY_FL_NO_ADDRESS);
        return;
    }
    memcpy(request_target(self) + self->data_at, bytes, len);
    self->data_at += (uint32_t)len;
    if (self->data_at < self->request.len)
        return;
    self->data_wanted = false;
    if (self->state == FERRY_FL_STREAM)
        ferry_flasher_stream_supplied(self);
    else
        ferry_flasher_compare_supplied(self);
}

static void supply_failed(void *ctx, int status)
{
    struct ferry_flasher *self = ctx;
    if (!self->busy || !self->data_wanted)
        return;
    if (self->request.kind == FERRY_REQUEST_MD5_OF && status == FERRY_ERR_UNSUPPORTED) {
        self->want_source = false; // nobody can compute a digest: what was read stays unchecked
        self->data_wanted = false;
        ferry_flasher_compare_supplied(self);
        return;
    }
    ferry_flasher_fail(self, status, "the source of the firmware failed", FERRY_FL_NO_ADDRESS);
}

static bool lines(const void *ctx, struct ferry_line_request *out)
{
    const struct ferry_flasher *self = ctx;
    *out = self->line_request;
    return self->lines_wanted;
}

static void lines_done(void *ctx, uint32_t now_ms)
{
    struct ferry_flasher *self = ctx;
    self->now_ms = now_ms;
    if (!self->busy || !self->lines_wanted)
        return;
    self->lines_wanted = false;
    handlers(self)->done(self, NULL);
}

static size_t output(void *ctx, uint32_t *offset, uint8_t *buf, size_t cap)
{
    struct ferry_flasher *self = ctx;
    if (!self->output_ready)
        return 0;
    size_t len = self->unit_len - self->out_at;
    len = len < cap ? len : cap;
    *offset = self->pos + self->out_at;
    memcpy(buf, self->cfg.block + self->out_at, len);
    self->out_at += (uint32_t)len;
    if (self->out_at == self->unit_len) {
        self->output_ready = false;
        handlers(self)->done(self, NULL);
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
    *out = self->events[self->event_at];
    self->event_at = (uint8_t)((self->event_at + 1u) % FERRY_FLASHER_EVENTS);
    self->event_count--;
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
        .total_done = self->total_done + at,
        .total_size = self->total_size,
        .wire_bytes = self->rom.wire_bytes,
        .skipped = self->skipped_total,
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
