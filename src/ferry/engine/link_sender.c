// The sender's outside: the engine shape, and bytes in and out.
#include "ferry/engine/link_sender_parts.h"

static uint16_t chunk_for(size_t frame_size)
{
    size_t chunk = frame_size > FERRY_LINK_CHUNK_MAX + 64 ? FERRY_LINK_CHUNK_MAX : frame_size;
    while (chunk && FERRY_LINK_WIRE_BUFFER(chunk) > frame_size)
        chunk--;
    return (uint16_t)chunk;
}

int ferry_link_sender_init(struct ferry_link_sender *self, const struct ferry_link_sender_cfg *cfg)
{
    if (!cfg->frame || cfg->frame_size < FERRY_LINK_WIRE_BUFFER(128) || (cfg->mtu && cfg->mtu < FERRY_LINK_MTU_MIN))
        return FERRY_ERR_ARG;
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->cfg.start_baud = cfg->start_baud ? cfg->start_baud : 115200;
    self->cfg.hello_ms = cfg->hello_ms ? cfg->hello_ms : 3000;
    self->cfg.reconnect_ms = cfg->reconnect_ms ? cfg->reconnect_ms : 20000;
    self->cfg.boot_ms = cfg->boot_ms ? cfg->boot_ms : 90000;
    self->chunk_max = chunk_for(cfg->frame_size);
    self->baud = self->cfg.start_baud;
    self->ended = FERRY_WANT_DONE;
    ferry_link_reader_init(&self->reader, self->rx, sizeof self->rx);
    return FERRY_OK;
}

int ferry_link_sender_start(struct ferry_link_sender *self, const struct ferry_link_job *job, uint32_t now_ms)
{
    if (!self->ended)
        return FERRY_ERR_STATE;
    if (job->op < FERRY_LINK_SENDER_CONNECT || job->op > FERRY_LINK_SENDER_REVERT)
        return FERRY_ERR_ARG;
    if (job->op == FERRY_LINK_SENDER_SEND && job->manifest.size == 0)
        return FERRY_ERR_ARG;
    self->job = *job;
    self->now_ms = self->beat_ms = now_ms;
    self->ended = 0;
    memset(&self->error, 0, sizeof self->error);
    self->repairs = 0;
    self->rebooted = self->was_connected = self->end_asked = self->reboot_asked = false;
    self->overrun_told = false;
    self->next_hello_ms = now_ms;
    self->skipped = self->wire_bytes = self->retries = 0;
    // A receiver that has not heard us for a while has gone back to its start rate.
    bool stale = ferry_time_reached(now_ms, self->heard_ms + 1500);
    if (self->connected && !stale && job->op != FERRY_LINK_SENDER_TEST) {
        ferry_link_sender_met(self);
        ferry_link_sender_enter(self, LINK_STEP_GO);
        return FERRY_OK;
    }
    self->connect_by_ms = now_ms + self->cfg.hello_ms;
    self->after_hello = LINK_STEP_GO;
    ferry_link_sender_change_rate(self, self->cfg.start_baud, LINK_STEP_HELLO);
    return FERRY_OK;
}

void ferry_link_sender_tell(struct ferry_link_sender *self, enum ferry_event_kind kind, const char *text, uint32_t a0,
                            uint32_t a1, uint32_t a2)
{
    if (self->event_count == sizeof self->events / sizeof self->events[0]) {
        memmove(&self->events[0], &self->events[1], sizeof self->events - sizeof self->events[0]);
        self->event_count--;
    }
    self->events[self->event_count++] = (struct ferry_event){kind, text, {a0, a1, a2}};
}

static void end(struct ferry_link_sender *self, uint32_t how)
{
    self->ended = how;
    self->asking = self->resend = self->building = false;
    self->want_kind = 0;
    self->patterns_left = 0;
    self->probe_due = false;
}

void ferry_link_sender_fail(struct ferry_link_sender *self, int status, const char *detail)
{
    if (self->ended)
        return;
    const char *hint = ferry_status_hint(status);
    self->error = (struct ferry_error){status, ferry_link_sender_step_name(self->step), detail, hint, -1, UINT32_MAX};
    end(self, FERRY_WANT_FAILED);
}

void ferry_link_sender_fail_peer(struct ferry_link_sender *self, int status, uint8_t fault)
{
    ferry_link_sender_fail(self, status, ferry_link_fault_text(fault));
    self->error.peer_code = (uint8_t)-status;
}

void ferry_link_sender_done(struct ferry_link_sender *self)
{
    end(self, FERRY_WANT_DONE);
    self->step = LINK_STEP_IDLE;
}

void ferry_link_sender_want(struct ferry_link_sender *self, uint8_t kind, uint32_t offset, uint32_t len)
{
    self->want_kind = kind;
    self->want_offset = offset;
    self->want_len = len;
    self->want_got = 0;
}

static bool tx_busy(const struct ferry_link_sender *self)
{
    return self->tx_at < self->tx_len;
}

static uint32_t wants(const void *me)
{
    const struct ferry_link_sender *self = me;
    if (self->ended)
        return self->ended;
    uint32_t bits = FERRY_WANT_RX | FERRY_WANT_WAIT;
    if (self->step == LINK_STEP_RATE)
        bits |= tx_busy(self) ? FERRY_WANT_TX : FERRY_WANT_LINES;
    else if (tx_busy(self) || self->resend || self->patterns_left || ferry_link_sender_can_send(self))
        bits |= FERRY_WANT_TX;
    if (self->want_kind || self->building)
        bits |= FERRY_WANT_DATA;
    return bits;
}

static void on_beacon(struct ferry_link_sender *self, const struct ferry_link_frame *f)
{
    if (f->body_len != FERRY_LINK_BEACON_SIZE)
        return;
    self->beacon_bytes = ferry_load32le(f->body + 1);
    self->beacon_frames = ferry_load32le(f->body + 5);
    if (self->beacons < 255)
        self->beacons++;
}

static void on_frame(struct ferry_link_sender *self, const struct ferry_link_frame *f)
{
    if (f->type == FERRY_LINK_BEACON)
        on_beacon(self, f);
    if (f->session != self->session || !self->session)
        return;
    self->heard_ms = self->now_ms;
    if (f->type == FERRY_LINK_FROM_TARGET)
        ferry_link_sender_on_piece(self, f);
    else if (f->type == FERRY_LINK_ACK)
        ferry_link_sender_on_ack(self, f);
    else if (f->type == FERRY_LINK_PATTERN)
        self->patterns_got++;
}

static size_t feed(void *me, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct ferry_link_sender *self = me;
    size_t used = 0;
    self->now_ms = now_ms;
    while (used < len && !self->ended) {
        struct ferry_link_frame f;
        size_t n;
        if (ferry_link_reader_push(&self->reader, bytes + used, len - used, &n, &f))
            on_frame(self, &f);
        used += n;
    }
    return self->ended ? len : used;
}

// Puts the next frame into cfg.frame. A chunk only begins here: its bytes come by supply().
static bool next_frame(struct ferry_link_sender *self)
{
    if (self->ended || self->building || self->step == LINK_STEP_RATE)
        return false;
    self->tx_chunk = false;
    if (ferry_link_sender_next_piece(self) || ferry_link_sender_next_pattern(self))
        return true;
    return self->step == LINK_STEP_DATA && ferry_link_sender_next_chunk(self);
}

static void frame_sent(struct ferry_link_sender *self)
{
    self->wire_bytes += (uint32_t)self->tx_len;
    self->since_error += (uint32_t)self->tx_len;
    self->tx_len = self->tx_at = 0;
    self->idle_ms = self->now_ms;
    if (self->tx_chunk)
        ferry_link_sender_chunk_sent(self);
    else if (self->asking && !self->resend)
        self->answer_by_ms = self->asked_ms = self->now_ms;
}

static size_t poll(void *me, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    struct ferry_link_sender *self = me;
    size_t done = 0;
    self->now_ms = now_ms;
    while (done < cap && (tx_busy(self) || next_frame(self))) {
        size_t n = self->tx_len - self->tx_at;
        n = n < cap - done ? n : cap - done;
        memcpy(buf + done, self->cfg.frame + self->tx_at, n);
        self->tx_at += n;
        done += n;
        if (!tx_busy(self))
            frame_sent(self);
    }
    return done;
}

static void step(void *me, uint32_t now_ms)
{
    struct ferry_link_sender *self = me;
    bool line = self->step == LINK_STEP_RATE_TRY || self->step >= LINK_STEP_TEST_RESET;
    self->now_ms = now_ms;
    self->beat_ms = now_ms + (line ? 5 : 20);
    if (self->ended)
        return;
    ferry_link_sender_line_step(self);
    ferry_link_sender_talk_step(self);
    if (self->step == LINK_STEP_DATA)
        ferry_link_sender_data_step(self);
}

static uint32_t deadline(const void *me, uint32_t now)
{
    const struct ferry_link_sender *self = me;
    uint32_t best = self->ended ? 1000 : ferry_time_sooner(now, self->beat_ms, 20);
    if (self->asking && !self->resend && !tx_busy(self))
        best = ferry_time_sooner(now, self->answer_by_ms + ferry_link_sender_timeout(self), best);
    if (self->step == LINK_STEP_DATA && !tx_busy(self) && !self->building)
        best = ferry_time_sooner(now, self->probe_at_ms, best);
    return best;
}

static bool request(const void *me, struct ferry_request *out)
{
    const struct ferry_link_sender *self = me;
    memset(out, 0, sizeof *out);
    if (self->ended || (!self->building && !self->want_kind))
        return false;
    out->kind = FERRY_REQUEST_RAW;
    if (self->building) {
        out->offset = self->build_offset + self->build_got;
        out->len = (uint32_t)(self->build_len - self->build_got);
        return true;
    }
    out->kind = (enum ferry_request_kind)self->want_kind;
    out->offset = self->want_offset + self->want_got;
    out->len = self->want_len - self->want_got;
    if (self->want_kind == FERRY_REQUEST_SHA256) {
        out->segment_offset = self->want_offset;
        out->segment_len = self->want_len;
        out->offset = 0;
        out->len = 32;
    }
    return true;
}

static void take_other(struct ferry_link_sender *self, const uint8_t *bytes, size_t len)
{
    uint32_t all = self->want_kind == FERRY_REQUEST_SHA256 ? 32 : self->want_len;
    size_t n = len < all - self->want_got ? len : all - self->want_got;
    memcpy(self->taken + self->want_got, bytes, n);
    self->want_got += (uint32_t)n;
    if (self->want_got < all)
        return;
    self->want_kind = 0;
    ferry_link_sender_source_done(self);
}

static void supply(void *me, uint32_t offset, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct ferry_link_sender *self = me;
    struct ferry_request r;
    self->now_ms = now_ms;
    if (!request(self, &r) || offset != r.offset || !len)
        return;
    if (self->building)
        ferry_link_sender_chunk_data(self, bytes, len);
    else
        take_other(self, bytes, len);
}

static void supply_failed(void *me, int status)
{
    ferry_link_sender_fail(me, status, "the source of the image failed");
}

static bool lines(const void *me, struct ferry_line_request *out)
{
    const struct ferry_link_sender *self = me;
    memset(out, 0, sizeof *out);
    if (self->ended || self->step != LINK_STEP_RATE || tx_busy(self))
        return false;
    out->baud = self->wanted_baud;
    out->hold_ms = 10;
    out->flush = true;
    return true;
}

static void lines_done(void *me, uint32_t now_ms)
{
    struct ferry_link_sender *self = me;
    if (self->step != LINK_STEP_RATE)
        return;
    self->now_ms = now_ms;
    self->baud = self->wanted_baud;
    ferry_link_sender_enter(self, self->after_rate);
}

static size_t output(void *me, uint32_t *offset, uint8_t *buf, size_t cap)
{
    (void)me;
    (void)offset;
    (void)buf;
    (void)cap;
    return 0;
}

static bool event(void *me, struct ferry_event *out)
{
    struct ferry_link_sender *self = me;
    if (!self->event_count)
        return false;
    *out = self->events[0];
    self->event_count--;
    memmove(&self->events[0], &self->events[1], self->event_count * sizeof self->events[0]);
    return true;
}

const char *ferry_link_sender_step_name(uint8_t step)
{
    static const char *const names[] = {
        "idle",
        "changing the baud rate",
        "connecting",
        "changing the baud rate",
        "trying the baud rate",
        "trying the baud rate",
        "going back to the old baud rate",
        "connected",
        "asking what was done",
        "reading the image",
        "asking the target",
        "comparing",
        "comparing",
        "sending",
        "sending",
        "verifying on the target",
        "restarting",
        "waiting for the new firmware",
        "confirming",
        "going back",
        "asking for the status",
        "aborting",
        "testing the line",
        "testing the line",
        "testing the line",
    };
    _Static_assert(sizeof names / sizeof names[0] == LINK_STEP_END_OF_LIST, "one name per step");
    return names[step < LINK_STEP_END_OF_LIST ? step : 0];
}

static void progress(const void *me, struct ferry_progress *out)
{
    const struct ferry_link_sender *self = me;
    memset(out, 0, sizeof *out);
    out->step = ferry_link_sender_step_name(self->step);
    out->region_count = 1;
    if (self->job.op == FERRY_LINK_SENDER_SEND) {
        out->region_size = out->total_size = self->job.manifest.size;
        out->region_done = out->total_done = ferry_link_sender_plan_have(self);
    }
    out->wire_bytes = self->wire_bytes;
    out->skipped = self->skipped;
    out->retries = self->retries;
    out->baud = self->cfg.baud ? self->baud : 0;
}

static void error(const void *me, struct ferry_error *out)
{
    const struct ferry_link_sender *self = me;
    *out = self->error;
    if (!out->step)
        *out = (struct ferry_error){0, "", "", "", -1, UINT32_MAX};
}

const struct ferry_engine_ops ferry_link_sender_ops = {
    wants,         feed,  poll,       step,   deadline, request,  supply,
    supply_failed, lines, lines_done, output, event,    progress, error,
};
