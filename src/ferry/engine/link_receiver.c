// The receiver's outside: bytes in, bytes out, time, and which operation of the sink comes next.
#include "ferry/engine/link_receiver_parts.h"

int ferry_link_receiver_init(struct ferry_link_receiver *self, const struct ferry_link_receiver_cfg *cfg,
                             uint32_t now_ms)
{
    if (!cfg->window || cfg->window_size < 1024 || cfg->window_size > 61440 || cfg->window_size % 1024)
        return FERRY_ERR_ARG;
    if (!cfg->frame || cfg->frame_size < 256 || (cfg->mtu && cfg->mtu < FERRY_LINK_MTU_MIN))
        return FERRY_ERR_ARG;
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    self->cfg.session_ms = cfg->session_ms ? cfg->session_ms : 10000;
    self->cfg.wire_buffer = cfg->wire_buffer < 65536 ? cfg->wire_buffer : 65536;
    self->cfg.confirm_ms = cfg->confirm_ms ? cfg->confirm_ms : 60000;
    ferry_link_reader_init(&self->reader, cfg->frame, cfg->frame_size);
    ferry_link_window_init(&self->window, cfg->window, cfg->window_size);
    self->now_ms = self->trial_ms = self->beacon_ms = now_ms;
    self->baud = self->kept_baud = cfg->start_baud;
    self->beacon_due = true;
    self->op = FERRY_LINK_RECEIVER_OP_INFO;
    return FERRY_OK;
}

// Remembers what went wrong and tells the updater, in a message of four bytes that is not repeated.
void ferry_link_receiver_note(struct ferry_link_receiver *self, uint16_t session, uint8_t tag, uint8_t op, int status,
                              uint8_t fault, uint8_t extra)
{
    self->note_session = session;
    self->note_tag = tag;
    self->note[0] = op | FERRY_LINK_ANSWER;
    self->note[1] = (uint8_t)-status;
    self->note[2] = fault;
    self->note[3] = extra;
    if (!status)
        return;
    self->error.status = status;
    self->error.fault = fault;
}

static uint32_t wants(const void *me)
{
    const struct ferry_link_receiver *self = me;
    struct ferry_link_receiver_op op;
    struct ferry_line_request lines;
    uint32_t bits = FERRY_WANT_WAIT;
    if (!self->chunk_waits)
        bits |= FERRY_WANT_RX;
    if (!ferry_link_receiver_silent(self))
        bits |= FERRY_WANT_TX;
    if (ferry_link_receiver_op(self, &op))
        bits |= FERRY_WANT_DATA;
    if (ferry_link_receiver_ops.lines(self, &lines))
        bits |= FERRY_WANT_LINES;
    return bits;
}

// The first thing that comes after an erase is a cut frame, three erases in a row: the port loses bytes although nobody
// said that it would. (One or two may be noise.) From then on it is taken for deaf.
static void look_for_overrun(struct ferry_link_receiver *self)
{
    if (!self->erased_lately)
        return;
    if (self->reader.damaged != self->damaged_before) {
        self->erased_lately = false;
        self->overrun_score++;
        if (self->overrun_score >= 3) {
            self->overruns += self->overrun_score;
            self->overrun = self->deaf = true;
        }
    } else if (self->reader.frames != self->frames_before) {
        self->erased_lately = false;
        self->overrun_score = 0;
    }
}

static void on_frame(struct ferry_link_receiver *self, const struct ferry_link_frame *f)
{
    bool ours = f->session && f->session == self->session;
    if (ours)
        self->heard_ms = self->now_ms;
    if (f->type == FERRY_LINK_TO_TARGET)
        ferry_link_receiver_message(self, f);
    else if (f->type == FERRY_LINK_PATTERN && ours)
        self->pattern_frames++;
    else if (f->type == FERRY_LINK_CHUNK && ours)
        ferry_link_receiver_chunk(self, f);
    else if (f->type == FERRY_LINK_CHUNK)
        ferry_link_receiver_note(self, f->session, 0, 0, FERRY_ERR_TARGET_RESET, FERRY_LINK_FAULT_SESSION, 0);
}

static size_t feed(void *me, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    struct ferry_link_receiver *self = me;
    size_t used = 0;
    self->now_ms = now_ms;
    while (used < len && !self->chunk_waits) {
        struct ferry_link_frame f;
        size_t n;
        bool whole = ferry_link_reader_push(&self->reader, bytes + used, len - used, &n, &f);
        used += n;
        look_for_overrun(self);
        if (whole)
            on_frame(self, &f);
    }
    ferry_link_receiver_choose(self);
    return used;
}

static bool answer_waits(const struct ferry_link_receiver *self)
{
    return self->answer_at < self->answer_len;
}

static bool ack_waits(const struct ferry_link_receiver *self)
{
    return self->session && self->state == FERRY_LINK_RECEIVER_DATA && self->ack_due;
}

bool ferry_link_receiver_silent(const struct ferry_link_receiver *self)
{
    return self->tx_at == self->tx_len && !self->note_session && !answer_waits(self) && !ack_waits(self) &&
           !self->patterns_left && !self->beacon_due;
}

static size_t put_note(struct ferry_link_receiver *self)
{
    size_t at = 0;
    uint16_t session = self->note_session;
    self->note_session = 0;
    return ferry_link_piece_write(self->tx, FERRY_LINK_FROM_TARGET, session, self->note_tag, self->note,
                                  sizeof self->note, &at, 8);
}

static size_t put_answer(struct ferry_link_receiver *self)
{
    size_t at = self->answer_at;
    size_t n = ferry_link_piece_write(self->tx, FERRY_LINK_FROM_TARGET, self->session, self->answer_tag, self->answer,
                                      self->answer_len, &at, self->piece);
    self->answer_at = (uint16_t)at;
    return n;
}

static size_t put_pattern(struct ferry_link_receiver *self)
{
    struct ferry_link_writer w;
    uint8_t head[2] = {self->pattern_index, 0};
    ferry_link_writer_begin(&w, self->tx, sizeof self->tx, true, FERRY_LINK_PATTERN, self->session);
    ferry_link_writer_put(&w, head, 2);
    for (uint32_t i = 0; i < self->pattern_len; i++) {
        uint8_t byte = ferry_link_pattern(self->pattern_index, i);
        ferry_link_writer_put(&w, &byte, 1);
    }
    self->pattern_index++;
    self->patterns_left--;
    return ferry_link_writer_end(&w);
}

static size_t put_beacon(struct ferry_link_receiver *self)
{
    struct ferry_link_writer w;
    uint8_t body[FERRY_LINK_BEACON_SIZE] = {FERRY_LINK_VERSION};
    ferry_store32le(body + 1, self->reader.bytes);
    ferry_store32le(body + 5, self->reader.frames);
    ferry_store32le(body + 9, self->reader.damaged);
    ferry_link_writer_begin(&w, self->tx, sizeof self->tx, true, FERRY_LINK_BEACON, 0);
    ferry_link_writer_put(&w, body, sizeof body);
    self->beacon_due = false;
    return ferry_link_writer_end(&w);
}

// The next frame that has to go out, whole, into tx.
static bool next_frame(struct ferry_link_receiver *self)
{
    size_t n;
    if (self->note_session)
        n = put_note(self);
    else if (answer_waits(self))
        n = put_answer(self);
    else if (ack_waits(self))
        n = ferry_link_receiver_put_ack(self);
    else if (self->patterns_left)
        n = put_pattern(self);
    else if (self->beacon_due)
        n = put_beacon(self);
    else
        return false;
    self->tx_at = 0;
    self->tx_len = (uint8_t)n;
    return n != 0;
}

static size_t poll(void *me, uint8_t *buf, size_t cap, uint32_t now_ms)
{
    struct ferry_link_receiver *self = me;
    size_t done = 0;
    self->now_ms = now_ms;
    while (done < cap && (self->tx_at < self->tx_len || next_frame(self))) {
        size_t n = (size_t)(self->tx_len - self->tx_at);
        n = n < cap - done ? n : cap - done;
        memcpy(buf + done, self->tx + self->tx_at, n);
        self->tx_at = (uint8_t)(self->tx_at + n);
        done += n;
    }
    return done;
}

static void watch_line(struct ferry_link_receiver *self)
{
    if (self->baud_trial && ferry_time_reached(self->now_ms, self->baud_ms + self->try_ms)) {
        self->baud_trial = false;
        self->wanted_baud = self->kept_baud;
    }
    if (!self->baud_trial && self->baud != self->cfg.start_baud &&
        ferry_time_reached(self->now_ms, self->heard_ms + RECEIVER_SILENCE_MS)) {
        self->wanted_baud = self->kept_baud = self->cfg.start_baud;
    }
}

static void watch_answer(struct ferry_link_receiver *self)
{
    if (!self->answer_again || self->working || self->answer_at < self->answer_len ||
        !ferry_time_reached(self->now_ms, self->answer_ms + RECEIVER_ANSWER_MS))
        return;
    self->answer_again--;
    self->answer_ms = self->now_ms;
    self->answer_at = 0;
}

static void watch_session(struct ferry_link_receiver *self)
{
    if (self->session && !self->working && ferry_time_reached(self->now_ms, self->heard_ms + self->cfg.session_ms)) {
        self->session = 0;
        ferry_link_receiver_close_range(self);
    }
    if (self->on_trial && !self->confirm_asked && self->give_up == FERRY_GIVE_UP_NONE &&
        ferry_time_reached(self->now_ms, self->trial_ms + self->cfg.confirm_ms))
        self->give_up = FERRY_GIVE_UP_NOT_CONFIRMED;
}

// So that an updater that hears us but is not understood (wrong rate, half a cable) learns what is wrong.
static void watch_beacon(struct ferry_link_receiver *self)
{
    uint32_t bytes = self->reader.bytes - self->noise_bytes;
    bool understood = self->reader.frames != self->noise_frames;
    uint32_t every = self->cfg.beacon_ms ? self->cfg.beacon_ms : FERRY_NEVER_MS;
    if (!understood && bytes >= 16 && every > 500)
        every = 500;
    if (self->session || understood) {
        self->noise_bytes = self->reader.bytes;
        self->noise_frames = self->reader.frames;
        self->beacon_ms = self->now_ms;
    } else if (ferry_time_reached(self->now_ms, self->beacon_ms + every)) {
        self->noise_bytes = self->reader.bytes;
        self->beacon_ms = self->now_ms;
        self->beacon_due = true;
    }
}

static void step(void *me, uint32_t now_ms)
{
    struct ferry_link_receiver *self = me;
    self->now_ms = now_ms;
    look_for_overrun(self);
    watch_line(self);
    watch_session(self);
    watch_beacon(self);
    watch_answer(self);
    if (self->ack_waits && ferry_time_reached(now_ms, self->ack_ms))
        self->ack_due = true;
    ferry_link_receiver_choose(self);
}

static uint32_t deadline(const void *me, uint32_t now)
{
    const struct ferry_link_receiver *self = me;
    uint32_t best = 500;
    if (self->ack_waits)
        best = ferry_time_sooner(now, self->ack_ms, best);
    if (self->baud_trial)
        best = ferry_time_sooner(now, self->baud_ms + self->try_ms, best);
    if (self->answer_again && !self->working)
        best = ferry_time_sooner(now, self->answer_ms + RECEIVER_ANSWER_MS, best);
    return best;
}

// One at a time; the updater's request goes before the data, which is where it was when the request is done.
void ferry_link_receiver_choose(struct ferry_link_receiver *self)
{
    if (self->op)
        return;
    ferry_link_receiver_retry_held(self);
    ferry_link_receiver_put_off(self);
    if (self->working && self->request_op) {
        self->op = self->request_op;
        self->op_session = self->session;
        self->request_op = FERRY_LINK_RECEIVER_OP_NONE;
        return;
    }
    if (ferry_link_receiver_choose_data(self))
        return;
    if (self->confirm_asked)
        self->op = FERRY_LINK_RECEIVER_OP_CONFIRM;
    else if (self->give_up && self->on_trial)
        self->op = FERRY_LINK_RECEIVER_OP_REVERT;
    else if (self->reboot_asked)
        self->op = FERRY_LINK_RECEIVER_OP_REBOOT;
}

// Everything but a write may take long or make the target deaf: only when all that had to be said is out.
bool ferry_link_receiver_op(const struct ferry_link_receiver *self, struct ferry_link_receiver_op *out)
{
    if (!self->op)
        return false;
    if (self->op == FERRY_LINK_RECEIVER_OP_PREPARE) { // acknowledgements go on all the time: its own notice is enough
        if (self->notice || self->tx_at != self->tx_len)
            return false;
    } else if (self->op != FERRY_LINK_RECEIVER_OP_WRITE && !ferry_link_receiver_silent(self)) {
        return false;
    }
    out->kind = self->op;
    out->offset = self->op_offset;
    out->len = self->op_len;
    out->bytes = NULL;
    out->manifest = &self->manifest;
    out->give_up = self->give_up;
    if (self->op == FERRY_LINK_RECEIVER_OP_WRITE)
        out->bytes = ferry_link_window_at(&self->window, self->op_offset);
    return true;
}

static void keep_info(struct ferry_link_receiver *self, const struct ferry_target_info *info)
{
    self->info_known = true;
    self->erase_ms = info->erase_ms;
    self->any_order = info->any_order;
    self->page = info->write_unit < RECEIVER_PAGE ? RECEIVER_PAGE : info->write_unit;
    if (self->page > 1024 || 1024 % self->page)
        self->page = 1024;
    while (self->cfg.window_size / self->page > FERRY_LINK_WINDOW_PAGES)
        self->page = (uint16_t)(self->page * 2);
    // A port that cannot hold two frames is of no use during an erase.
    bool too_small = self->cfg.wire_buffer && self->cfg.wire_buffer < 2 * self->cfg.frame_size;
    self->deaf = self->deaf || info->deaf || too_small;
    self->on_trial = info->boot_state == FERRY_BOOT_TRIAL;
    memcpy(self->running, info->sha256, 32);
}

static void own_op_done(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op, int status)
{
    if (op == FERRY_LINK_RECEIVER_OP_CONFIRM) {
        self->confirm_asked = false;
        self->on_trial = self->on_trial && status < 0;
    } else if (op == FERRY_LINK_RECEIVER_OP_REVERT) {
        self->give_up = FERRY_GIVE_UP_NONE;
        self->on_trial = false; // also when there is nothing to go back to: asking again would not change that
        self->reboot_asked = self->reboot_asked || status >= 0;
    } else if (op == FERRY_LINK_RECEIVER_OP_REBOOT) {
        self->reboot_asked = false;
    }
}

void ferry_link_receiver_op_done(struct ferry_link_receiver *self, int status,
                                 const struct ferry_link_receiver_result *result, uint32_t now_ms)
{
    enum ferry_link_receiver_op_kind op = self->op;
    bool asked = self->working && self->op_session && self->op_session == self->session;
    self->now_ms = now_ms;
    self->op = FERRY_LINK_RECEIVER_OP_NONE;
    self->op_session = 0;
    if (op == FERRY_LINK_RECEIVER_OP_NONE)
        return;
    if (op != FERRY_LINK_RECEIVER_OP_WRITE) // it could not hear anybody meanwhile
        self->heard_ms = now_ms;
    if (op == FERRY_LINK_RECEIVER_OP_INFO && status >= 0)
        keep_info(self, result->info);
    if (op == FERRY_LINK_RECEIVER_OP_PREPARE || op == FERRY_LINK_RECEIVER_OP_WRITE)
        ferry_link_receiver_data_done(self, op, status, result);
    else if (asked)
        ferry_link_receiver_request_done(self, op, status, result);
    if (op != FERRY_LINK_RECEIVER_OP_INFO)
        own_op_done(self, op, status);
    ferry_link_receiver_choose(self);
}

void ferry_link_receiver_confirm(struct ferry_link_receiver *self)
{
    self->confirm_asked = self->on_trial || !self->info_known;
    ferry_link_receiver_choose(self);
}

void ferry_link_receiver_give_up(struct ferry_link_receiver *self)
{
    self->give_up = FERRY_GIVE_UP_ASKED;
    ferry_link_receiver_choose(self);
}

static bool lines(const void *me, struct ferry_line_request *out)
{
    const struct ferry_link_receiver *self = me;
    if (!self->wanted_baud || !ferry_link_receiver_silent(self))
        return false;
    memset(out, 0, sizeof *out);
    out->baud = self->wanted_baud;
    out->flush = true;
    return true;
}

static void lines_done(void *me, uint32_t now_ms)
{
    struct ferry_link_receiver *self = me;
    self->now_ms = self->baud_ms = now_ms; // falling back is no sign of life: a session ends all the same
    self->baud = self->wanted_baud;
    self->baud_trial = self->baud != self->kept_baud;
    self->wanted_baud = 0;
}

static bool request(const void *me, struct ferry_request *out)
{
    (void)me;
    (void)out;
    return false;
}

static void supply(void *me, uint32_t offset, const uint8_t *bytes, size_t len, uint32_t now_ms)
{
    (void)me;
    (void)offset;
    (void)bytes;
    (void)len;
    (void)now_ms;
}

static void supply_failed(void *me, int status)
{
    (void)me;
    (void)status;
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
    (void)me;
    (void)out;
    return false;
}

static void progress(const void *me, struct ferry_progress *out)
{
    const struct ferry_link_receiver *self = me;
    memset(out, 0, sizeof *out);
    out->step = self->state == FERRY_LINK_RECEIVER_DATA ? "receiving" : "waiting";
    out->region_count = 1;
    out->region_size = out->total_size = self->state ? self->manifest.size : 0;
    out->region_done = out->total_done =
        self->state == FERRY_LINK_RECEIVER_SELECTED ? self->manifest.size : self->window.base;
    out->wire_bytes = self->reader.bytes;
    out->baud = self->baud;
}

static void error(const void *me, struct ferry_error *out)
{
    const struct ferry_link_receiver *self = me;
    bool any = self->error.status != 0;
    *out = (struct ferry_error){self->error.status, any ? "receiving" : "", "", "", any ? self->error.fault : -1,
                                UINT32_MAX};
}

const struct ferry_engine_ops ferry_link_receiver_ops = {
    wants,         feed,  poll,       step,   deadline, request,  supply,
    supply_failed, lines, lines_done, output, event,    progress, error,
};
