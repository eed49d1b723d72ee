// The line itself: finding the highest rate that holds, trying it with known patterns, and naming its fault.
#include "ferry/engine/link_sender_parts.h"

void ferry_link_sender_change_rate(struct ferry_link_sender *self, uint32_t baud, uint8_t next)
{
    self->old_baud = self->baud;
    self->wanted_baud = baud;
    self->after_rate = next;
    if (!self->cfg.baud || baud == self->baud) {
        bool wait = next == LINK_STEP_HELLO && !ferry_time_reached(self->now_ms, self->next_hello_ms);
        self->step = next;
        if (!wait)
            ferry_link_sender_enter(self, next);
        return;
    }
    self->step = LINK_STEP_RATE;
}

// Highest first: a rate that fails costs a third of a second, a slow one costs minutes.
void ferry_link_sender_rates(struct ferry_link_sender *self)
{
    static const uint32_t rates[] = {3000000, 2000000, 1500000, 1000000, 921600, 460800, 230400, 115200};
    uint32_t most = self->cfg.baud < self->limits.max_baud ? self->cfg.baud : self->limits.max_baud, best = 0;
    if (!self->ceiling || most < self->ceiling)
        best = most;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0] && !best; i++)
        if (rates[i] < self->ceiling && rates[i] <= most)
            best = rates[i];
    if (best <= self->baud) {
        if (self->ceiling && self->ceiling != self->baud && self->cfg.baud)
            ferry_link_sender_tell(self, FERRY_EVENT_WARNING, "the line does not hold a higher baud rate", self->baud,
                                   0, 0);
        ferry_link_sender_enter(self, self->after_hello);
        return;
    }
    self->wanted_baud = best;
    ferry_link_sender_enter(self, LINK_STEP_RATE_ASK);
}

bool ferry_link_sender_next_pattern(struct ferry_link_sender *self)
{
    struct ferry_link_writer w;
    if (!self->patterns_left)
        return false;
    uint8_t head[2] = {(uint8_t)self->patterns_sent, 0};
    ferry_link_writer_begin(&w, self->cfg.frame, self->cfg.frame_size, true, FERRY_LINK_PATTERN, self->session);
    ferry_link_writer_put(&w, head, 2);
    for (uint32_t i = 0; i < self->pattern_len; i++) {
        uint8_t byte = ferry_link_pattern(head[0], i);
        ferry_link_writer_put(&w, &byte, 1);
    }
    self->tx_len = ferry_link_writer_end(&w);
    self->tx_at = 0;
    self->patterns_left--;
    self->patterns_sent++;
    return true;
}

// A rate holds when at most one frame of eight is lost, each way.
void ferry_link_sender_try_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    if (len != 16) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_FORM);
        return;
    }
    self->report.arrived = ferry_load32le(in);
    self->test_waits = true;
    self->test_wait_ms = self->now_ms + 20 + (self->rtt_known ? self->srtt8 / 8 : 50);
}

static void rate_failed(struct ferry_link_sender *self)
{
    self->test_waits = false;
    self->asking = self->resend = false;
    self->patterns_left = 0;
    self->ceiling = self->baud;
    self->connect_by_ms = self->now_ms + self->cfg.reconnect_ms;
    ferry_link_sender_change_rate(self, self->old_baud, LINK_STEP_RATE_BACK);
}

static void try_step(struct ferry_link_sender *self)
{
    bool done = self->test_waits && self->patterns_got + 1 >= SENDER_PATTERNS;
    if (done && self->report.arrived + 1 >= SENDER_PATTERNS) {
        self->test_waits = false;
        ferry_link_sender_enter(self, LINK_STEP_RATE_KEEP);
    } else if (done || ferry_time_reached(self->now_ms, self->rate_by_ms)) {
        rate_failed(self);
    } else if (!self->patterns_left && !self->asking && !self->test_waits) {
        uint8_t out[4] = {0, SENDER_PATTERNS, self->pattern_len, 0};
        ferry_link_sender_ask(self, FERRY_LINK_TEST, out, sizeof out);
    }
}

static uint32_t per_million(uint32_t lost, uint32_t all, uint32_t len)
{
    uint64_t bits = (uint64_t)all * (len + FERRY_LINK_FRAME_MIN + 5) * 8;
    return bits ? (uint32_t)((uint64_t)lost * 1000000 / bits) : 0;
}

static void judge(struct ferry_link_sender *self)
{
    struct ferry_link_line_report *r = &self->report;
    r->received = self->patterns_got;
    r->log_bytes = self->reader.stray;
    r->round_trip_ms = self->srtt8 / 8;
    uint32_t lost_to = r->sent > r->arrived ? r->sent - r->arrived : 0;
    uint32_t lost_from = r->asked > r->received ? r->asked - r->received : 0;
    r->errors_per_million_to = per_million(lost_to, r->sent, self->pattern_len);
    r->errors_per_million_from = per_million(lost_from, r->asked, self->pattern_len);
    bool to = r->errors_per_million_to > 100, from = r->errors_per_million_from > 100;
    if (r->overruns)
        ferry_link_sender_fail(self, FERRY_ERR_OVERRUN, "overrun: the target loses bytes while it erases its flash");
    else if (to && from)
        ferry_link_sender_fail(self, FERRY_ERR_NOISE, "both directions have more than 1 bit error in 10000");
    else if (to || from)
        ferry_link_sender_fail(self, FERRY_ERR_NOISE,
                               to ? "the direction to the target has more than 1 bit error in 10000"
                                  : "the direction from the target has more than 1 bit error in 10000");
    else
        ferry_link_sender_done(self);
}

static void test_step(struct ferry_link_sender *self)
{
    if (self->step == LINK_STEP_TEST_SEND && !self->patterns_left && self->tx_at == self->tx_len)
        ferry_link_sender_enter(self, LINK_STEP_TEST_COUNT);
    else if (self->test_waits &&
             (self->patterns_got >= self->patterns_asked || ferry_time_reached(self->now_ms, self->heard_ms + 300))) {
        self->test_waits = false;
        judge(self);
    }
}

void ferry_link_sender_test_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    if (len != 16) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_FORM);
        return;
    }
    if (self->step == LINK_STEP_TEST_RESET) {
        uint32_t bytes = self->job.test_bytes ? self->job.test_bytes : 4096, n = bytes / self->pattern_len + 1;
        memset(&self->report, 0, sizeof self->report);
        self->patterns_left = (uint8_t)(n < 200 ? n : 200);
        self->patterns_asked = self->report.sent = self->report.asked = self->patterns_left;
        self->patterns_sent = self->patterns_got = 0;
        self->step = LINK_STEP_TEST_SEND;
        return;
    }
    self->report.arrived = ferry_load32le(in);
    self->report.overruns = ferry_load32le(in + 12);
    self->test_waits = true;
}

void ferry_link_sender_line_step(struct ferry_link_sender *self)
{
    if (self->step == LINK_STEP_RATE_TRY)
        try_step(self);
    else if (self->step == LINK_STEP_RATE_KEEP && ferry_time_reached(self->now_ms, self->rate_by_ms))
        rate_failed(self);
    else if (self->step == LINK_STEP_RATE_BACK && ferry_time_reached(self->now_ms, self->connect_by_ms))
        ferry_link_sender_lost(self, "contact was lost while the baud rate was tried");
    else if (self->step == LINK_STEP_HELLO && !self->asking && ferry_time_reached(self->now_ms, self->next_hello_ms))
        ferry_link_sender_enter(self, LINK_STEP_HELLO);
    else if (self->step == LINK_STEP_TEST_SEND || self->step == LINK_STEP_TEST_COUNT)
        test_step(self);
}

// Nobody has answered: what was heard instead tells which part of the line is at fault.
void ferry_link_sender_no_receiver(struct ferry_link_sender *self)
{
    const struct ferry_link_reader *r = &self->reader;
    if (self->beacons && !self->beacon_bytes && r->frames <= self->beacons)
        ferry_link_sender_fail(self, FERRY_ERR_TX_PATH, "one direction is dead: the receiver runs but hears nothing");
    else if (self->beacons && !self->beacon_frames)
        ferry_link_sender_fail(self, FERRY_ERR_GARBAGE,
                               "the receiver hears bytes but no frame: another baud rate, or noise towards the target");
    else if (self->rebooted)
        ferry_link_sender_fail(self, FERRY_ERR_NOT_CONFIRMED,
                               "nothing answers after the restart: the new firmware has no receiver, or does not run");
    else if (!r->bytes)
        ferry_link_sender_fail(self, FERRY_ERR_NO_ANSWER, "nothing was received at all");
    else if (r->frames)
        ferry_link_sender_fail(self, FERRY_ERR_NOISE, "frames arrive, but too few for an answer");
    else if (r->damaged || !r->text)
        ferry_link_sender_fail(self, FERRY_ERR_GARBAGE, "wrong baud rate: bytes arrive, but no frame and no text");
    else
        ferry_link_sender_fail(self, FERRY_ERR_TX_PATH,
                               "the target's log output arrives, but no receiver answers: our TX does not reach it, or "
                               "its firmware has no receiver");
}
