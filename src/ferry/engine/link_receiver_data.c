// The receiver's data path: chunks into the window, the window into the sink, acknowledgements back.
#include "ferry/engine/link_receiver_parts.h"

void ferry_link_receiver_close_range(struct ferry_link_receiver *self)
{
    if (self->state == FERRY_LINK_RECEIVER_DATA)
        self->state = FERRY_LINK_RECEIVER_BEGUN;
    if (self->op == FERRY_LINK_RECEIVER_OP_PREPARE && self->notice) // not handed out yet, and nobody waits for it now
        self->op = FERRY_LINK_RECEIVER_OP_NONE;
    self->notice = false;
    self->chunk_waits = self->ack_due = self->ack_waits = self->ack_again = false;
}

bool ferry_link_receiver_drained(const struct ferry_link_receiver *self)
{
    return self->state != FERRY_LINK_RECEIVER_DATA || self->window.base == self->range_end;
}

// Bytes of data that the port takes while the sink blocks: its buffer holds whole frames, and probes.
static uint32_t port_room(const struct ferry_link_receiver *self)
{
    uint32_t data = self->chunk_len ? self->chunk_len : 128, room = self->cfg.wire_buffer * data / (data + 20);
    return room > 128 ? room - 128 : 0;
}

// Offset up to which the updater may send.
// Deaf while erasing: nothing beyond the place of the next erase; when all before it has come, the line is silent by
// itself. With a port that goes on receiving: what its buffer holds, since the window cannot be filled meanwhile.
static uint32_t credit_limit(const struct ferry_link_receiver *self)
{
    uint32_t port = self->deaf ? 0 : port_room(self), room = ferry_link_window_room(&self->window);
    uint32_t limit = self->range_end - room > port ? room + port : self->range_end;
    uint32_t here = ferry_link_window_received(&self->window) + ferry_link_window_early(&self->window);
    if (port && limit > here + port)
        limit = here + port;
    if (self->deaf && limit > self->ready_to)
        limit = self->ready_to;
    return limit;
}

// Marks a chunk number as come. True when one before it is missing (so that the updater learns it at once).
static bool mark(struct ferry_link_receiver *self, uint16_t seq)
{
    int16_t ahead = (int16_t)(seq - self->highest);
    if (!self->seen_chunk) {
        self->seen_chunk = true;
        self->highest = seq;
        self->map = 0;
        return seq != 0;
    }
    if (ahead > 0) {
        self->map = ahead > 63 ? 0 : self->map << ahead;
        if (ahead <= 64)
            self->map |= (uint64_t)1 << (ahead - 1);
        self->highest = seq;
        return ahead > 1;
    }
    if (ahead < 0 && ahead >= -64)
        self->map |= (uint64_t)1 << (-ahead - 1);
    return true;
}

static void ask_ack(struct ferry_link_receiver *self, bool now)
{
    self->ack_count++;
    if (now || !self->cfg.mtu || self->ack_count >= 2) {
        self->ack_due = true;
    } else if (!self->ack_waits) {
        self->ack_waits = true;
        self->ack_ms = self->now_ms + 10;
    }
}

static void refuse_chunk(struct ferry_link_receiver *self, int status, uint8_t fault)
{
    ferry_link_receiver_note(self, self->session, 0, 0, status, fault, 0);
}

static uint8_t chunk_fault(const struct ferry_link_receiver *self, uint32_t offset, size_t len)
{
    if (self->state != FERRY_LINK_RECEIVER_DATA)
        return FERRY_LINK_FAULT_CHUNK_NO_RANGE;
    if (offset > self->manifest.size || len > self->manifest.size - offset)
        return FERRY_LINK_FAULT_CHUNK_END;
    uint32_t room = ferry_link_window_room(&self->window), port = self->cfg.wire_buffer;
    uint32_t most = self->range_end - room > port ? room + port : self->range_end;
    return offset + len > most ? FERRY_LINK_FAULT_CHUNK_CREDIT : FERRY_LINK_FAULT_NONE;
}

// The next page to write: its bytes, 0 = none.
static uint32_t next_page(const struct ferry_link_receiver *self, uint32_t *offset)
{
    return ferry_link_window_next(&self->window, self->ready_to, self->any_order, offset);
}

// Something in the window can be written, now or as soon as the place for it is prepared.
static bool can_progress(const struct ferry_link_receiver *self)
{
    uint32_t offset;
    bool data_op = self->op == FERRY_LINK_RECEIVER_OP_WRITE || self->op == FERRY_LINK_RECEIVER_OP_PREPARE;
    return data_op || self->window.base >= self->ready_to || next_page(self, &offset);
}

// False: it has to wait until the sink has taken something.
static bool store(struct ferry_link_receiver *self, const struct ferry_link_frame *f)
{
    uint16_t seq = ferry_load16le(f->body);
    uint32_t offset = ferry_load32le(f->body + 2);
    size_t len = f->body_len - FERRY_LINK_CHUNK_HEADER;
    int n = len ? ferry_link_window_put(&self->window, offset, f->body + FERRY_LINK_CHUNK_HEADER, len) : 0;
    if (n == FERRY_ERR_NO_SPACE)
        return !can_progress(self); // before a hole it would wait for ever: it is sent again
    if (n < 0) {
        refuse_chunk(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_CHUNK_DIFFERS);
        return true;
    }
    self->duplicates += n == 0 && len;
    bool gap = mark(self, seq);
    ask_ack(self, gap || !len || ferry_link_window_received(&self->window) == self->range_end);
    return true;
}

void ferry_link_receiver_chunk(struct ferry_link_receiver *self, const struct ferry_link_frame *f)
{
    if (f->body_len < FERRY_LINK_CHUNK_HEADER) {
        refuse_chunk(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_SHORT);
        return;
    }
    if (self->state == FERRY_LINK_RECEIVER_SELECTED) // a late copy; all of it is proved
        return;
    if (self->broken) {
        refuse_chunk(self, self->broken, FERRY_LINK_FAULT_SINK);
        return;
    }
    uint8_t fault = chunk_fault(self, ferry_load32le(f->body + 2), f->body_len - FERRY_LINK_CHUNK_HEADER);
    if (fault) {
        refuse_chunk(self, FERRY_ERR_PROTOCOL, fault);
        return;
    }
    self->held = *f;
    if (f->body_len > FERRY_LINK_CHUNK_HEADER)
        self->chunk_len = (uint16_t)(f->body_len - FERRY_LINK_CHUNK_HEADER);
    self->chunk_waits = !store(self, f);
}

void ferry_link_receiver_retry_held(struct ferry_link_receiver *self)
{
    if (self->chunk_waits)
        self->chunk_waits = !store(self, &self->held);
}

bool ferry_link_receiver_choose_data(struct ferry_link_receiver *self)
{
    if (self->state != FERRY_LINK_RECEIVER_DATA || self->broken || self->window.base >= self->range_end)
        return false;
    self->op_offset = self->window.base;
    if (self->window.base >= self->ready_to) {
        self->op = FERRY_LINK_RECEIVER_OP_PREPARE;
        self->op_len = self->range_end;
        self->notice = self->ack_due = true;
        self->prepare_ms = self->now_ms;
        return true;
    }
    self->op_len = next_page(self, &self->op_offset);
    if (!self->op_len)
        return false;
    self->op = FERRY_LINK_RECEIVER_OP_WRITE;
    return true;
}

static void fail(struct ferry_link_receiver *self, int status)
{
    self->broken = status;
    refuse_chunk(self, status, FERRY_LINK_FAULT_SINK);
}

static void prepared(struct ferry_link_receiver *self, int status, const struct ferry_link_receiver_result *result)
{
    self->notice = false;
    if (status >= 0 && result->ready_to <= self->window.base)
        status = FERRY_ERR_WRITE_FAILED;
    if (status < 0) {
        fail(self, status);
        return;
    }
    self->ready_to = result->ready_to;
    self->frames_before = self->reader.frames;
    self->erased_lately = !self->deaf && self->now_ms - self->prepare_ms >= 20;
    self->damaged_before = self->reader.damaged;
    // Twice: if this one were lost, the updater would stay patient for the whole time that was announced.
    self->ack_due = self->ack_again = true;
}

void ferry_link_receiver_data_done(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op, int status,
                                   const struct ferry_link_receiver_result *result)
{
    if (self->state != FERRY_LINK_RECEIVER_DATA) // closed meanwhile
        return;
    if (op == FERRY_LINK_RECEIVER_OP_PREPARE) {
        prepared(self, status, result);
        return;
    }
    if (status < 0 || result->taken > self->op_len) {
        fail(self, status < 0 ? status : FERRY_ERR_WRITE_FAILED);
        return;
    }
    if (result->taken < self->op_len) { // the rest of the page goes next
        self->op = FERRY_LINK_RECEIVER_OP_WRITE;
        self->op_offset += result->taken;
        self->op_len -= result->taken;
        return;
    }
    ferry_link_window_take(&self->window, self->op_offset);
    if (credit_limit(self) - self->ack_limit >= self->cfg.window_size / 4)
        self->ack_due = true;
}

size_t ferry_link_receiver_put_ack(struct ferry_link_receiver *self)
{
    uint8_t body[FERRY_LINK_ACK_FIXED + 16];
    struct ferry_link_writer w;
    struct ferry_link_ack ack = {0};
    ack.highest = self->seen_chunk ? self->highest : 0xffff;
    ack.received = ferry_link_window_received(&self->window);
    self->ack_limit = credit_limit(self);
    uint32_t credit = self->ack_limit > ack.received ? self->ack_limit - ack.received : 0;
    ack.credit = (uint16_t)(credit > 0xffff ? 0xffff : credit);
    uint32_t busy = self->notice ? (self->erase_ms + 9u) / 10 : 0;
    ack.busy = (uint8_t)((busy > 127 ? 127 : busy) | (self->overrun ? FERRY_LINK_ACK_OVERRUN : 0));
    ack.map_len = self->cfg.mtu && self->cfg.mtu < 24 ? 4 : 8;
    for (unsigned i = 0; i < ack.map_len; i++)
        ack.map[i] = (uint8_t)(self->map >> (8 * i));
    ferry_link_writer_begin(&w, self->tx, sizeof self->tx, true, FERRY_LINK_ACK, self->session);
    ferry_link_writer_put(&w, body, ferry_link_put_ack(body, &ack));
    self->ack_waits = self->ack_again;
    self->ack_ms = self->now_ms + 5;
    self->ack_due = self->ack_again = self->notice = false;
    self->ack_count = 0;
    return ferry_link_writer_end(&w);
}
