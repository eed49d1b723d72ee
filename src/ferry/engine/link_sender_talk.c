// Requests and answers of the sender: one at a time, repeated until answered, timed by the measured round trip.
#include "ferry/engine/link_sender_parts.h"

void ferry_link_sender_ask(struct ferry_link_sender *self, uint8_t op, const uint8_t *more, size_t len)
{
    self->message[0] = op;
    if (len)
        memmove(self->message + 1, more, len);
    self->message_len = (uint16_t)(len + 1);
    self->message_at = 0;
    self->tag = (uint8_t)(self->tag == 255 ? 1 : self->tag + 1);
    self->asking = self->resend = true;
    self->pending = false;
    self->tries = 0;
    self->answer_by_ms = self->asked_ms = self->now_ms;
    ferry_link_assembly_reset(&self->answer);
}

// RFC 6298 with the least that a scheduler tick and a USB frame need.
void ferry_link_sender_note_rtt(struct ferry_link_sender *self, uint32_t ms)
{
    if (!self->rtt_known) {
        self->rtt_known = true;
        self->srtt8 = ms * 8;
        self->rttvar4 = ms * 2;
        return;
    }
    uint32_t srtt = self->srtt8 / 8, delta = ms > srtt ? ms - srtt : srtt - ms;
    self->rttvar4 = self->rttvar4 - self->rttvar4 / 4 + delta;
    self->srtt8 = self->srtt8 - self->srtt8 / 8 + ms;
}

uint32_t ferry_link_sender_timeout(const struct ferry_link_sender *self)
{
    uint32_t unknown = self->cfg.baud ? 60 : 150; // a serial line is short; a network may be long
    uint32_t base = self->rtt_known ? self->srtt8 / 8 + self->rttvar4 + 20 : unknown;
    uint32_t rate = self->cfg.baud ? self->baud : 115200;
    if (!self->cfg.mtu && !self->cfg.clean) // a whole answer of the longest kind has to come back
        base += FERRY_LINK_MESSAGE_MAX * 12000u / rate;
    // A hello is asked often: its answer has many pieces, and each round brings what was missing of them.
    unsigned most = self->step == LINK_STEP_HELLO ? 1 : 3;
    for (unsigned i = 0; i < self->tries && i < most; i++)
        base *= 2;
    return base < 1000 ? base : 1000;
}

bool ferry_link_sender_next_piece(struct ferry_link_sender *self)
{
    if (!self->resend)
        return false;
    size_t at = self->message_at;
    self->tx_len = ferry_link_piece_write(self->cfg.frame, FERRY_LINK_TO_TARGET, self->session, self->tag,
                                          self->message, self->message_len, &at, ferry_link_piece_size(self->cfg.mtu));
    self->tx_at = 0;
    self->message_at = (uint16_t)at;
    self->resend = at < self->message_len;
    return true;
}

// A fault that the target reports by itself, not as an answer.
static void on_notice(struct ferry_link_sender *self, int status, uint8_t fault)
{
    if (fault == FERRY_LINK_FAULT_SESSION) {
        if (self->connected && self->step == LINK_STEP_REBOOT)
            ferry_link_sender_restarted(self); // as it was asked to, only the answer was lost
        else if (self->connected)
            ferry_link_sender_lost(self, "the target has reset");
    } else if (status && self->connected) {
        ferry_link_sender_fail_peer(self, status, fault);
    }
}

static int known(uint8_t code)
{
    int status = -(int)code;
    return strcmp(ferry_status_name(status), "UNKNOWN") == 0 ? FERRY_ERR_REFUSED : status;
}

static void on_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    if (len < 3 || !(in[0] & FERRY_LINK_ANSWER)) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_FORM);
        return;
    }
    int status = in[1] ? known(in[1]) : 0;
    uint8_t op = in[0] & (uint8_t)~FERRY_LINK_ANSWER, fault = in[2];
    if (op == 0) {
        on_notice(self, status, fault);
        return;
    }
    if (!self->asking || self->answer.tag != self->tag)
        return;
    if (op != self->message[0]) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_OTHER);
        return;
    }
    if (fault == FERRY_LINK_FAULT_PENDING && !status) {
        self->pending = true;
        self->answer_by_ms = self->now_ms + (len > 3 ? in[3] * 10u : 0);
        return;
    }
    if (!self->tries && !self->pending)
        ferry_link_sender_note_rtt(self, self->now_ms - self->asked_ms);
    self->asking = self->resend = false;
    if (status)
        ferry_link_sender_refused(self, status, fault);
    else
        ferry_link_sender_answered(self, in + 3, len - 3);
}

void ferry_link_sender_on_piece(struct ferry_link_sender *self, const struct ferry_link_frame *f)
{
    int whole = ferry_link_assembly_add(&self->answer, f->body, f->body_len);
    if (whole == 0)
        return;
    uint8_t message[FERRY_LINK_MESSAGE_MAX];
    size_t len = self->answer.len;
    memcpy(message, self->answer.bytes, sizeof message);
    ferry_link_assembly_reset(&self->answer);
    if (whole == 1)
        on_answer(self, message, len);
}

void ferry_link_sender_lost(struct ferry_link_sender *self, const char *why)
{
    self->connected = false;
    self->asking = self->resend = self->building = false;
    self->want_kind = 0;
    self->patterns_left = 0;
    self->beacons = 0; // what came before says nothing about why nobody answers now
    self->reader.bytes = self->reader.frames = self->reader.damaged = self->reader.stray = 0;
    self->connect_by_ms = self->now_ms + (self->reboot_asked ? self->cfg.boot_ms : self->cfg.reconnect_ms);
    self->next_hello_ms = self->now_ms;
    self->after_hello = self->rebooted ? LINK_STEP_BOOTED : LINK_STEP_GO;
    self->ceiling = self->baud; // what was in use may have been too much
    ferry_link_sender_tell(self, FERRY_EVENT_WARNING, why, 0, 0, 0);
    ferry_link_sender_change_rate(self, self->cfg.start_baud, LINK_STEP_HELLO);
}

static bool out_of_contact(const struct ferry_link_sender *self)
{
    return self->tries >= 4 && ferry_time_reached(self->now_ms, self->heard_ms + SENDER_CONTACT_MS);
}

void ferry_link_sender_talk_step(struct ferry_link_sender *self)
{
    if (!self->asking || self->resend || self->tx_at < self->tx_len)
        return;
    if (!ferry_time_reached(self->now_ms, self->answer_by_ms + ferry_link_sender_timeout(self)))
        return;
    bool looking = self->step == LINK_STEP_HELLO || self->step == LINK_STEP_RATE_BACK;
    if (self->step == LINK_STEP_HELLO && ferry_time_reached(self->now_ms, self->connect_by_ms)) {
        ferry_link_sender_no_receiver(self);
    } else if (!looking && out_of_contact(self)) {
        ferry_link_sender_lost(self, "contact was lost; connecting again");
    } else {
        self->tries = (uint8_t)(self->tries < 255 ? self->tries + 1 : 255);
        self->retries++;
        self->message_at = 0;
        self->resend = true;
    }
}
