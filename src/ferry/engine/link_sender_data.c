// The sender's data path: chunks out, acknowledgements in. Each transmission has a number of its own, so an
// acknowledgement tells without doubt which of them were lost, also when it is the second of the same bytes.
#include "ferry/engine/link_sender_parts.h"

#define FLIGHT(self, seq) (&(self)->flight[(uint16_t)(seq) % FERRY_LINK_SENDER_FLIGHT])

static uint32_t isqrt(uint32_t v)
{
    uint32_t r = 0;
    for (uint32_t bit = 1u << 15; bit; bit >>= 1)
        if ((r + bit) * (uint64_t)(r + bit) <= v)
            r += bit;
    return r;
}

// P = sqrt(overhead / (8 BER)), and 1 / (8 BER) is the number of bytes between errors.
static void fit_chunk(struct ferry_link_sender *self)
{
    // As long as nothing was lost, what has gone well is the best estimate; later a gap has to be far above the
    // average to count, or the lucky ones would drive the estimate up.
    uint32_t evidence = self->had_errors ? self->since_error / 3 : self->since_error;
    if (evidence > self->error_gap)
        self->error_gap = evidence;
    uint32_t gap = self->error_gap < UINT32_MAX / 32 ? self->error_gap : UINT32_MAX / 32;
    uint32_t best = isqrt(SENDER_OVERHEAD * gap);
    best = best < 32 ? 32 : best >= 512 ? best & ~255u : best & ~15u;
    self->chunk = (uint16_t)(best < self->chunk_max ? best : self->chunk_max);
}

// Losses in a row are one event: a burst, or a frame that took its neighbour along.
static void note_loss(struct ferry_link_sender *self, uint16_t seq)
{
    self->retries++;
    if (self->cfg.mtu || self->cfg.clean)
        return;
    self->had_errors = true;
    if ((uint16_t)(seq - self->last_lost) > 1) {
        self->error_gap = self->error_gap - self->error_gap / 8 + self->since_error / 8;
        self->since_error = 0;
    }
    self->last_lost = seq;
}

void ferry_link_sender_data_reset(struct ferry_link_sender *self)
{
    memset(self->flight, 0, sizeof self->flight);
    self->next_seq = self->oldest_seq = 0;
    self->last_highest = self->last_lost = 0xffff;
    self->carry_len = 0;
}

void ferry_link_sender_data_open(struct ferry_link_sender *self)
{
    memset(self->flight, 0, sizeof self->flight);
    self->oldest_seq = self->next_seq;
    self->carry_len = 0;
    self->next_offset = self->sent_to = self->limit = self->received = self->range_start;
    fit_chunk(self);
    self->building = self->probe_due = false;
    self->probe_sent = true; // the target speaks first: it gives credit
    self->quiet_until_ms = self->now_ms;
    self->probe_at_ms = self->now_ms + ferry_link_sender_timeout(self);
}

static bool flying(const struct ferry_link_sender *self)
{
    return self->oldest_seq != self->next_seq;
}

// How many of the bytes may go next at once: whole chunks, unless no more credit can come for them, or not soon since
// the target is at work.
static uint32_t new_bytes(const struct ferry_link_sender *self)
{
    uint32_t limit = self->limit < self->range_end ? self->limit : self->range_end;
    if (self->next_offset >= limit)
        return 0;
    uint32_t n = limit - self->next_offset;
    if (n >= self->chunk)
        return self->chunk;
    bool busy = !ferry_time_reached(self->now_ms, self->quiet_until_ms);
    return limit == self->range_end || limit % 4096 == 0 || busy || !flying(self) ? n : 0;
}

static void begin_frame(struct ferry_link_sender *self, uint32_t offset, uint16_t len)
{
    uint8_t head[FERRY_LINK_CHUNK_HEADER];
    struct ferry_link_flight *f = FLIGHT(self, self->next_seq);
    ferry_store16le(head, self->next_seq++);
    ferry_store32le(head + 2, offset);
    *f = (struct ferry_link_flight){offset, self->now_ms, len, true};
    bool lead = (uint32_t)(self->now_ms - self->idle_ms) > 2 || !len;
    ferry_link_writer_begin(&self->writer, self->cfg.frame, self->cfg.frame_size, lead, FERRY_LINK_CHUNK,
                            self->session);
    ferry_link_writer_put(&self->writer, head, sizeof head);
    self->build_offset = offset;
    self->build_len = len;
    self->build_got = 0;
    self->building = len != 0;
    self->probe_sent = !len;
}

static void finish_frame(struct ferry_link_sender *self)
{
    self->building = false;
    self->tx_len = ferry_link_writer_end(&self->writer);
    self->tx_at = 0;
    self->tx_chunk = true;
}

static void send_probe(struct ferry_link_sender *self)
{
    self->probe_due = false;
    begin_frame(self, self->next_offset, 0);
    finish_frame(self);
}

static bool send_carried(struct ferry_link_sender *self)
{
    if (self->carry_len && self->carry_offset + self->carry_len <= self->received)
        self->carry_len = 0;
    if (!self->carry_len)
        return false;
    // A little more than the size of now goes at once: a rest of a few bytes would cost a frame of its own.
    uint16_t n = self->carry_len <= self->chunk + self->chunk / 2 ? self->carry_len : self->chunk;
    begin_frame(self, self->carry_offset, n);
    self->carry_offset += n;
    self->carry_len = (uint16_t)(self->carry_len - n);
    return true;
}

// The oldest chunk that was found lost.
static bool pick_lost(struct ferry_link_sender *self)
{
    for (uint16_t s = self->oldest_seq; s != self->next_seq; s++) {
        struct ferry_link_flight *f = FLIGHT(self, s);
        if (f->flying || !f->len)
            continue;
        self->carry_offset = f->offset;
        self->carry_len = f->len;
        f->len = 0;
        return true;
    }
    return false;
}

static bool has_room(const struct ferry_link_sender *self)
{
    return (uint16_t)(self->next_seq - self->oldest_seq) < FERRY_LINK_SENDER_FLIGHT;
}

static bool has_lost(const struct ferry_link_sender *self)
{
    for (uint16_t s = self->oldest_seq; s != self->next_seq; s++)
        if (!FLIGHT(self, s)->flying && FLIGHT(self, s)->len)
            return true;
    return false;
}

bool ferry_link_sender_can_send(const struct ferry_link_sender *self)
{
    if (self->step != LINK_STEP_DATA || self->building || !has_room(self))
        return false;
    return self->probe_due || self->carry_len || (flying(self) && !self->probe_sent) || new_bytes(self) ||
           has_lost(self);
}

bool ferry_link_sender_next_chunk(struct ferry_link_sender *self)
{
    if (!self->carry_len)
        pick_lost(self);
    bool room = has_room(self);
    if (room && send_carried(self))
        return false; // its bytes come first
    uint32_t n = room ? new_bytes(self) : 0;
    if (n) {
        begin_frame(self, self->next_offset, (uint16_t)n);
        self->next_offset += n;
        if (self->sent_to < self->next_offset)
            self->sent_to = self->next_offset;
        return false;
    }
    // Nothing more may go: a probe makes the target say what it has of the last ones.
    if (room && (self->probe_due || (flying(self) && !self->probe_sent))) {
        send_probe(self);
        return true;
    }
    return false;
}

void ferry_link_sender_chunk_data(struct ferry_link_sender *self, const uint8_t *bytes, size_t len)
{
    size_t n = len < (size_t)(self->build_len - self->build_got) ? len : (size_t)(self->build_len - self->build_got);
    ferry_link_writer_put(&self->writer, bytes, n);
    self->build_got = (uint16_t)(self->build_got + n);
    if (self->build_got == self->build_len)
        finish_frame(self);
}

// The wire is idle when a probe is due, so it costs nothing to send the first ones early.
static void arm_probe(struct ferry_link_sender *self)
{
    bool quiet = !ferry_time_reached(self->now_ms, self->quiet_until_ms);
    uint32_t soon = self->srtt8 / 8 + self->rttvar4 / 2 + 4, late = ferry_link_sender_timeout(self);
    uint32_t wait = self->rtt_known && self->tries < 4 && soon < late ? soon : late;
    self->probe_at_ms = (quiet ? self->quiet_until_ms : self->now_ms) + wait;
}

void ferry_link_sender_chunk_sent(struct ferry_link_sender *self)
{
    FLIGHT(self, self->next_seq - 1)->sent_ms = self->now_ms;
    fit_chunk(self);
    arm_probe(self);
}

static bool lies(const struct ferry_link_sender *self, const struct ferry_link_ack *ack, uint8_t *fault)
{
    // What has come early may lie in flash already; of all else it has said how much it holds.
    uint32_t most = self->limits.window + self->limits.wire_buffer + (self->sent_to - ack->received);
    if ((int16_t)(ack->highest - (uint16_t)(self->next_seq - 1)) > 0 || ack->received > self->sent_to)
        *fault = FERRY_LINK_FAULT_ACK_UNSENT;
    else if (ack->received < self->received)
        *fault = FERRY_LINK_FAULT_ACK_BACKWARDS;
    else if (ack->credit > most || ack->credit > self->range_end - ack->received)
        *fault = FERRY_LINK_FAULT_ACK_CREDIT;
    else
        return false;
    return true;
}

static bool in_map(const struct ferry_link_ack *ack, uint16_t behind)
{
    return behind == 0 || (behind <= ack->map_len * 8u && ack->map[(behind - 1) / 8] >> ((behind - 1) % 8) & 1);
}

// Which transmissions have landed, which are lost.
static void settle(struct ferry_link_sender *self, const struct ferry_link_ack *ack)
{
    uint16_t patience = self->cfg.reorders ? 3 : 1;
    for (uint16_t s = self->oldest_seq; s != self->next_seq; s++) {
        struct ferry_link_flight *f = FLIGHT(self, s);
        int16_t behind = (int16_t)(ack->highest - s);
        if (!f->flying) {
            if (f->len && f->offset + f->len <= self->received)
                f->len = 0;
            continue;
        }
        bool landed = behind >= 0 && in_map(ack, (uint16_t)behind);
        if (landed && behind == 0)
            ferry_link_sender_note_rtt(self, self->now_ms - f->sent_ms);
        if (landed || (f->len && f->offset + f->len <= self->received)) {
            f->flying = false;
            f->len = 0;
        } else if (behind >= patience) {
            f->flying = false;
            if (f->len)
                note_loss(self, s);
        }
    }
}

static void free_settled(struct ferry_link_sender *self)
{
    while (flying(self) && !FLIGHT(self, self->oldest_seq)->flying) {
        struct ferry_link_flight *f = FLIGHT(self, self->oldest_seq);
        if (f->len && self->carry_len)
            return;
        if (f->len) {
            self->carry_offset = f->offset;
            self->carry_len = f->len;
            f->len = 0;
        }
        self->oldest_seq++;
    }
}

static void range_done(struct ferry_link_sender *self)
{
    bool head = self->withheld && self->range_start == 0;
    self->building = false;
    self->oldest_seq = self->next_seq;
    if (head)
        ferry_link_sender_plan_next(self);
    else
        ferry_link_sender_enter(self, LINK_STEP_RANGE);
}

void ferry_link_sender_on_ack(struct ferry_link_sender *self, const struct ferry_link_frame *frame)
{
    struct ferry_link_ack ack;
    uint8_t fault = ferry_link_get_ack(frame->body, frame->body_len, &ack);
    if (self->step != LINK_STEP_DATA)
        return;
    if (!fault) {
        int16_t newer = (int16_t)(ack.highest - self->last_highest);
        if (newer < 0 || ack.received < self->range_start) // overtaken on its way, or of the range before
            return;
        if (self->cfg.reorders && newer == 0 && ack.received < self->received)
            return;
        lies(self, &ack, &fault);
    }
    if (fault) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, fault);
        return;
    }
    self->last_highest = ack.highest;
    self->received = ack.received;
    if ((int32_t)(ack.received + ack.credit - self->limit) > 0)
        self->limit = ack.received + ack.credit;
    settle(self, &ack);
    free_settled(self);
    if (ack.busy & FERRY_LINK_ACK_OVERRUN && !self->overrun_told) {
        self->overrun_told = true;
        ferry_link_sender_tell(self, FERRY_EVENT_WARNING, "overrun: the target loses bytes while it erases its flash",
                               0, 0, 0);
    }
    uint32_t busy_ms = (ack.busy & 0x7fu) * 10u;
    self->quiet_until_ms = self->now_ms + busy_ms;
    self->tries = 0;
    arm_probe(self);
    if (self->received == self->range_end)
        range_done(self);
}

void ferry_link_sender_data_step(struct ferry_link_sender *self)
{
    if (self->building || self->tx_at < self->tx_len || !ferry_time_reached(self->now_ms, self->probe_at_ms))
        return;
    if (ferry_time_reached(self->now_ms, self->heard_ms + SENDER_CONTACT_MS) && self->tries >= 3) {
        ferry_link_sender_lost(self, "contact was lost; connecting again");
        return;
    }
    if (!has_room(self)) { // too much is in the air to ask what of it has come: back to what is certain
        self->oldest_seq = self->next_seq;
        self->carry_len = 0;
        self->next_offset = self->received;
    }
    self->probe_due = true;
    self->tries = (uint8_t)(self->tries < 255 ? self->tries + 1 : 255);
    arm_probe(self);
}
