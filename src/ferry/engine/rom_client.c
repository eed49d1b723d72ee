#include "ferry/engine/rom_client.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"

enum { TX_IDLE, TX_START, TX_PAYLOAD, TX_END };

void ferry_rom_client_init(struct ferry_rom_client *self)
{
    memset(self, 0, sizeof *self);
    ferry_slip_decoder_init(&self->decoder, self->rx, sizeof self->rx);
    ferry_rom_log_init(&self->log);
}

int ferry_rom_client_send(struct ferry_rom_client *self, uint8_t op, const uint8_t *head, size_t head_len,
                          const uint8_t *body, size_t body_len, uint32_t timeout_ms)
{
    if (self->tx_state != TX_IDLE || self->pending_count == FERRY_ROM_CLIENT_WINDOW)
        return FERRY_ERR_STATE;
    if (head_len > sizeof self->head - FERRY_ROM_HEADER_SIZE || head_len + body_len > UINT16_MAX)
        return FERRY_ERR_ARG;
    uint32_t checksum = body_len > 0 ? ferry_rom_checksum(body, body_len) : 0;
    ferry_rom_header(self->head, op, (uint16_t)(head_len + body_len), checksum);
    if (head_len > 0)
        memcpy(self->head + FERRY_ROM_HEADER_SIZE, head, head_len);
    self->head_len = FERRY_ROM_HEADER_SIZE + head_len;
    self->body = body;
    self->body_len = body_len;
    self->at = 0;
    self->tx_state = TX_START;
    self->pending[self->pending_count++] = (struct ferry_rom_pending){.op = op, .timeout_ms = timeout_ms};
    return FERRY_OK;
}

// Encodes the next piece of head or body into buf; the count.
static size_t encode_payload(struct ferry_rom_client *self, uint8_t *buf, size_t cap)
{
    bool in_head = self->at < self->head_len;
    const uint8_t *from = in_head ? self->head + self->at : self->body + (self->at - self->head_len);
    size_t len = in_head ? self->head_len - self->at : self->head_len + self->body_len - self->at;
    size_t made = ferry_slip_encode(from, &len, buf, cap);
    self->at += len;
    if (self->at == self->head_len + self->body_len)
        self->tx_state = TX_END;
    return made;
}

static void frame_left(struct ferry_rom_client *self, uint32_t now_ms)
{
    struct ferry_rom_pending *newest = &self->pending[self->pending_count - 1];
    newest->sent = true;
    newest->deadline_ms = now_ms + newest->timeout_ms;
    self->tx_state = TX_IDLE;
}

size_t ferry_rom_client_poll(struct ferry_rom_client *self, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    size_t made = 0;
    while (self->tx_state != TX_IDLE && cap - made >= 2) {
        if (self->tx_state == TX_PAYLOAD) {
            made += encode_payload(self, buf + made, cap - made);
            continue;
        }
        buf[made++] = FERRY_SLIP_END;
        if (self->tx_state == TX_START)
            self->tx_state = TX_PAYLOAD;
        else
            frame_left(self, now_ms);
    }
    self->wire_bytes += (uint32_t)made;
    return made;
}

static void take_oldest(struct ferry_rom_client *self, uint32_t now_ms)
{
    self->answered_op = self->pending[0].op;
    self->last_op = self->answer.op;
    self->pending_count--;
    memmove(self->pending, self->pending + 1, self->pending_count * sizeof self->pending[0]);
    // The next one could not be worked on before now.
    if (self->pending_count > 0 && self->pending[0].sent)
        self->pending[0].deadline_ms = now_ms + self->pending[0].timeout_ms;
}

// True when the frame answers the oldest command: by its opcode, or as a refusal under the opcode of the one before.
static bool answers_oldest(const struct ferry_rom_client *self)
{
    if (self->pending_count == 0 || !self->pending[0].sent)
        return false;
    if (self->answer.op == self->pending[0].op)
        return true;
    return !self->answer.good && (self->answer.op == self->last_op || self->answer.op == 0);
}

size_t ferry_rom_client_feed(struct ferry_rom_client *self, const uint8_t *bytes, size_t len, uint32_t now_ms,
                             bool *answered)
{
    size_t used = 0;
    *answered = false;
    self->decoder.buf = self->rx; // the client may have been moved
    while (used < len && !*answered) {
        size_t n = len - used;
        bool complete = ferry_slip_decode(&self->decoder, bytes + used, &n);
        ferry_rom_log_feed(&self->log, bytes + used, n);
        used += n;
        if (complete && self->rx[0] == 0 && self->decoder.len >= FERRY_ROM_HEADER_SIZE && self->pending_count > 0 &&
            self->rx[1] == self->pending[0].op)
            self->echoed = true;
        if (complete && ferry_rom_parse(self->rx, self->decoder.len, &self->answer) && answers_oldest(self)) {
            take_oldest(self, now_ms);
            *answered = true;
        }
    }
    return used;
}

bool ferry_rom_client_overdue(const struct ferry_rom_client *self, uint32_t now_ms)
{
    return self->pending_count > 0 && self->pending[0].sent && ferry_time_reached(now_ms, self->pending[0].deadline_ms);
}

uint32_t ferry_rom_client_deadline(const struct ferry_rom_client *self, uint32_t now_ms)
{
    if (self->pending_count == 0 || !self->pending[0].sent)
        return FERRY_NEVER_MS;
    return ferry_rom_client_overdue(self, now_ms) ? 0 : self->pending[0].deadline_ms - now_ms;
}

void ferry_rom_client_abandon(struct ferry_rom_client *self)
{
    self->pending_count = 0;
    self->tx_state = TX_IDLE;
}
