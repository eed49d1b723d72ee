// The receiver's requests: what the updater asks for, checked field by field before anything happens.
#include "ferry/engine/link_receiver_parts.h"

static void put_answer(struct ferry_link_receiver *self, int status, uint8_t fault, const uint8_t *more, size_t len)
{
    self->answer[0] = self->request.bytes[0] | FERRY_LINK_ANSWER;
    self->answer[1] = (uint8_t)-status;
    self->answer[2] = fault;
    if (len)
        memmove(self->answer + 3, more, len);
    self->answer_len = (uint16_t)(3 + len);
    self->answer_at = 0;
    self->answer_tag = self->request.tag;
    self->answer_ms = self->now_ms;
    self->working = false;
}

static void accept(struct ferry_link_receiver *self)
{
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, NULL, 0);
}

static void refuse(struct ferry_link_receiver *self, int status, uint8_t fault)
{
    put_answer(self, status, fault, NULL, 0);
    self->error.status = status;
    self->error.fault = fault;
}

// "At work": the updater waits that much longer before it asks again.
static void pending(struct ferry_link_receiver *self, uint32_t ms)
{
    uint32_t extra = (ms + 9) / 10;
    ferry_link_receiver_note(self, self->session, self->request.tag, self->request.bytes[0], FERRY_OK,
                             FERRY_LINK_FAULT_PENDING, (uint8_t)(extra > 255 ? 255 : extra));
    self->answer_again = 3; // were the answer lost, the updater would stay patient for all of that time
}

static void work(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op)
{
    self->request_op = op;
}

typedef void handler(struct ferry_link_receiver *self, const uint8_t *in);

static void on_hello(struct ferry_link_receiver *self, const uint8_t *in)
{
    (void)in;
    work(self, FERRY_LINK_RECEIVER_OP_INFO);
}

static void on_baud(struct ferry_link_receiver *self, const uint8_t *in)
{
    uint32_t rate = ferry_load32le(in);
    if (rate < 1200 || rate > self->cfg.max_baud) {
        refuse(self, FERRY_ERR_BAUD, FERRY_LINK_FAULT_BAUD_RANGE);
        return;
    }
    self->pattern_frames = 0;
    self->try_ms = ferry_load16le(in + 4);
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, in, 4);
    self->wanted_baud = rate;
}

static void on_keep(struct ferry_link_receiver *self, const uint8_t *in)
{
    if (ferry_load32le(in) != self->baud) {
        refuse(self, FERRY_ERR_BAUD, FERRY_LINK_FAULT_BAUD_RANGE);
        return;
    }
    self->kept_baud = self->baud;
    self->baud_trial = false;
    accept(self);
}

static uint8_t manifest_fault(const struct ferry_manifest *m)
{
    if (m->kind < FERRY_MANIFEST_FIRMWARE || m->kind > FERRY_MANIFEST_FILE)
        return FERRY_LINK_FAULT_KIND;
    if (m->size == 0)
        return FERRY_LINK_FAULT_SIZE;
    if (m->codec != 0)
        return FERRY_LINK_FAULT_CODEC;
    if (m->signature_len != 0)
        return FERRY_LINK_FAULT_SIGNATURE;
    if (m->options & ~FERRY_MANIFEST_OPTIONS_KNOWN)
        return FERRY_LINK_FAULT_OPTION;
    if (m->kind != FERRY_MANIFEST_FIRMWARE && !m->name[0])
        return FERRY_LINK_FAULT_NAME;
    return FERRY_LINK_FAULT_NONE;
}

static int manifest_status(uint8_t fault)
{
    if (fault == FERRY_LINK_FAULT_CODEC || fault == FERRY_LINK_FAULT_SIGNATURE || fault == FERRY_LINK_FAULT_OPTION ||
        fault == FERRY_LINK_FAULT_FIELD_UNKNOWN || fault == FERRY_LINK_FAULT_KIND)
        return FERRY_ERR_UNSUPPORTED;
    return FERRY_ERR_MANIFEST;
}

static void on_begin(struct ferry_link_receiver *self, const uint8_t *in)
{
    struct ferry_manifest m;
    uint8_t fault = ferry_link_get_manifest(in, self->request.len - 1u, &m);
    if (!fault)
        fault = manifest_fault(&m);
    if (fault) {
        refuse(self, manifest_status(fault), fault);
        return;
    }
    ferry_link_receiver_close_range(self);
    self->state = FERRY_LINK_RECEIVER_IDLE;
    self->manifest = m;
    work(self, FERRY_LINK_RECEIVER_OP_BEGIN);
}

static uint8_t range_fault(const struct ferry_link_receiver *self, uint32_t start, uint32_t end)
{
    if (self->state != FERRY_LINK_RECEIVER_BEGUN && self->state != FERRY_LINK_RECEIVER_DATA)
        return FERRY_LINK_FAULT_NO_UPDATE;
    if (start >= end || end > self->manifest.size)
        return FERRY_LINK_FAULT_RANGE_ORDER;
    if (start % 4096 && start != self->withheld)
        return FERRY_LINK_FAULT_RANGE_ALIGN;
    // What has been proved or written behind us may have been counted on by the updater; it starts over with BEGIN.
    return start < self->range_end ? FERRY_LINK_FAULT_RANGE_ORDER : FERRY_LINK_FAULT_NONE;
}

// False: the open range is not complete (refused), or not all of it is in flash yet (run again when it is).
static bool range_written(struct ferry_link_receiver *self)
{
    if (ferry_link_receiver_drained(self))
        return true;
    if (ferry_link_window_received(&self->window) == self->range_end && !self->broken) {
        self->put_off = true;
    } else if (self->broken) {
        refuse(self, self->broken, FERRY_LINK_FAULT_SINK);
    } else {
        refuse(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_INCOMPLETE);
    }
    return false;
}

static void on_range(struct ferry_link_receiver *self, const uint8_t *in)
{
    uint32_t start = ferry_load32le(in), end = ferry_load32le(in + 4);
    if (self->state == FERRY_LINK_RECEIVER_DATA && !range_written(self))
        return;
    if (self->op) { // the sink still has a page of the range before
        self->put_off = true;
        return;
    }
    uint8_t fault = range_fault(self, start, end);
    if (fault) {
        refuse(self, fault == FERRY_LINK_FAULT_NO_UPDATE ? FERRY_ERR_STATE : FERRY_ERR_PROTOCOL, fault);
        return;
    }
    ferry_link_receiver_close_range(self);
    ferry_link_window_open(&self->window, start, end, self->page);
    self->range_end = end;
    self->ready_to = start;
    self->state = FERRY_LINK_RECEIVER_DATA;
    accept(self);
}

static void hash_next(struct ferry_link_receiver *self)
{
    uint32_t at = self->proof_offset + self->proof_at * self->proof_unit;
    uint32_t left = self->manifest.size - at;
    self->op_offset = at;
    self->op_len = left < self->proof_unit ? left : self->proof_unit;
    work(self, FERRY_LINK_RECEIVER_OP_HASH);
}

static void on_prove(struct ferry_link_receiver *self, const uint8_t *in)
{
    uint32_t offset = ferry_load32le(in), unit = ferry_load32le(in + 4), count = in[8], size = self->manifest.size;
    if (self->state != FERRY_LINK_RECEIVER_BEGUN && self->state != FERRY_LINK_RECEIVER_DATA) {
        refuse(self, FERRY_ERR_STATE, FERRY_LINK_FAULT_NO_UPDATE);
        return;
    }
    if (!range_written(self))
        return;
    if (!unit || !count || count > FERRY_LINK_HASH_COUNT || offset >= size || (size - offset - 1) / unit < count - 1) {
        refuse(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_PROOF_RANGE);
        return;
    }
    self->proof_offset = offset;
    self->proof_unit = unit;
    self->proof_count = (uint8_t)count;
    self->proof_at = 0;
    memset(self->answer + 3, 0, 2);
    if (unit >= 0x8000) // flash is read and hashed at about 1 MB/s at least
        pending(self, (size - offset) / unit >= count ? unit / 1024 * count : (size - offset) / 1024);
    hash_next(self);
}

static void on_end(struct ferry_link_receiver *self, const uint8_t *in)
{
    bool all = self->state == FERRY_LINK_RECEIVER_DATA || self->state == FERRY_LINK_RECEIVER_BEGUN;
    if (!all && self->state != FERRY_LINK_RECEIVER_SELECTED) {
        refuse(self, FERRY_ERR_STATE, FERRY_LINK_FAULT_NO_UPDATE);
    } else if (ferry_load32le(in) != self->manifest.size) {
        refuse(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_SIZE);
    } else if (self->state == FERRY_LINK_RECEIVER_SELECTED) {
        put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, self->manifest.sha256, 32);
    } else if (range_written(self)) {
        pending(self, self->manifest.size / 1024 + self->erase_ms * 2u + 100);
        self->op_offset = 0;
        self->op_len = self->manifest.size;
        work(self, FERRY_LINK_RECEIVER_OP_HASH);
    }
}

static void on_abort(struct ferry_link_receiver *self, const uint8_t *in)
{
    (void)in;
    ferry_link_receiver_close_range(self);
    self->state = FERRY_LINK_RECEIVER_IDLE;
    work(self, FERRY_LINK_RECEIVER_OP_ABORT);
}

_Static_assert(FERRY_LINK_RECEIVER_SELECTED == FERRY_LINK_STATE_SELECTED, "as on the wire");

static void on_status(struct ferry_link_receiver *self, const uint8_t *in)
{
    uint8_t out[FERRY_LINK_STATUS_SIZE];
    bool data = self->state == FERRY_LINK_RECEIVER_DATA;
    struct ferry_link_status s = {
        .state = (uint8_t)self->state,
        .size = self->state ? self->manifest.size : 0,
        .received = data ? ferry_link_window_received(&self->window) : 0,
        .written = data ? self->window.base : 0,
        .bytes = self->reader.bytes,
        .frames = self->reader.frames,
        .damaged = self->reader.damaged,
        .duplicates = self->duplicates,
        .overruns = self->overruns,
    };
    (void)in;
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, out, ferry_link_put_status(out, &s));
}

static void on_reboot(struct ferry_link_receiver *self, const uint8_t *in)
{
    (void)in;
    accept(self);
    self->reboot_asked = true;
}

static void on_confirm(struct ferry_link_receiver *self, const uint8_t *in)
{
    if (memcmp(in, self->running, 32) != 0)
        refuse(self, FERRY_ERR_STATE, FERRY_LINK_FAULT_OTHER_FIRMWARE);
    else
        work(self, FERRY_LINK_RECEIVER_OP_CONFIRM);
}

static void on_revert(struct ferry_link_receiver *self, const uint8_t *in)
{
    (void)in;
    self->give_up = FERRY_GIVE_UP_ASKED;
    work(self, FERRY_LINK_RECEIVER_OP_REVERT);
}

static void on_test(struct ferry_link_receiver *self, const uint8_t *in)
{
    uint8_t out[16];
    uint16_t len = ferry_load16le(in + 2);
    if (in[0] > 1 || len > FERRY_LINK_PIECE_MAX) {
        refuse(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_TEST_RANGE);
        return;
    }
    ferry_store32le(out, self->pattern_frames);
    ferry_store32le(out + 4, self->reader.bytes - self->test_bytes);
    ferry_store32le(out + 8, self->reader.damaged - self->test_damaged);
    ferry_store32le(out + 12, self->overruns);
    if (in[0]) {
        self->pattern_frames = 0;
        self->test_bytes = self->reader.bytes;
        self->test_damaged = self->reader.damaged;
    }
    self->patterns_left = in[1];
    self->pattern_len = (uint8_t)len;
    self->pattern_index = 0;
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, out, sizeof out);
}

// The length of each request behind its op: fixed, or up to the message's end.
#define ANY 0xffffu
static const struct row {
    handler *run;
    uint16_t len;
} rows[FERRY_LINK_OP_END] = {
    [FERRY_LINK_HELLO] = {on_hello, FERRY_LINK_HELLO_SIZE},
    [FERRY_LINK_BAUD] = {on_baud, 6},
    [FERRY_LINK_KEEP] = {on_keep, 4},
    [FERRY_LINK_BEGIN] = {on_begin, ANY},
    [FERRY_LINK_RANGE] = {on_range, 8},
    [FERRY_LINK_PROVE] = {on_prove, 9},
    [FERRY_LINK_END] = {on_end, 4},
    [FERRY_LINK_ABORT] = {on_abort, 0},
    [FERRY_LINK_STATUS] = {on_status, 0},
    [FERRY_LINK_REBOOT] = {on_reboot, 0},
    [FERRY_LINK_CONFIRM] = {on_confirm, 32},
    [FERRY_LINK_REVERT] = {on_revert, 0},
    [FERRY_LINK_TEST] = {on_test, 4},
};

static void run_request(struct ferry_link_receiver *self)
{
    uint8_t op = self->request.bytes[0];
    uint16_t len = (uint16_t)(self->request.len - 1);
    self->working = true;
    self->put_off = false;
    self->answer_again = 0;
    if (op >= FERRY_LINK_OP_END || !rows[op].run)
        refuse(self, FERRY_ERR_UNSUPPORTED, FERRY_LINK_FAULT_OP);
    else if (rows[op].len != ANY && len != rows[op].len)
        refuse(self, FERRY_ERR_PROTOCOL, len < rows[op].len ? FERRY_LINK_FAULT_SHORT : FERRY_LINK_FAULT_LONG);
    else
        rows[op].run(self, self->request.bytes + 1);
}

void ferry_link_receiver_put_off(struct ferry_link_receiver *self)
{
    bool ready = !self->op && (ferry_link_receiver_drained(self) || self->broken);
    if (self->working && self->put_off && ready)
        run_request(self);
}

// A whole request of our session. One that was answered before is answered again but not done again, except for a
// change of the rate: there the answer may have been lost and the rate has fallen back.
static void on_request(struct ferry_link_receiver *self)
{
    if (self->working) {
        pending(self, 50);
    } else if (self->request.tag != self->answer_tag || !self->answer_tag ||
               self->request.bytes[0] == FERRY_LINK_BAUD) {
        run_request(self);
    } else {
        self->answer_at = self->answer_at < self->answer_len ? self->answer_at : 0;
    }
}

static void adopt(struct ferry_link_receiver *self, const struct ferry_link_frame *f,
                  const struct ferry_link_hello *hello)
{
    ferry_link_receiver_close_range(self);
    self->session = f->session;
    self->updater = hello->updater;
    self->heard_ms = self->now_ms;
    size_t mtu = self->cfg.mtu;
    if (hello->mtu && (!mtu || hello->mtu < mtu))
        mtu = hello->mtu;
    self->piece = (uint16_t)ferry_link_piece_size(mtu);
    self->working = false;
    self->request_op = FERRY_LINK_RECEIVER_OP_NONE;
    self->answer_tag = self->answer_again = 0;
    self->answer_len = self->answer_at = 0;
    self->patterns_left = 0;
    self->seen_chunk = false;
    self->chunk_len = 128;
    ferry_link_assembly_reset(&self->request);
}

// A hello is one piece, so it needs no assembly: another updater's cannot disturb a request that is coming in.
static bool is_hello(const struct ferry_link_frame *f)
{
    return f->body_len > FERRY_LINK_PIECE_HEADER && f->body[1] == 0x80 && f->body[2] == FERRY_LINK_HELLO;
}

static void on_stranger(struct ferry_link_receiver *self, const struct ferry_link_frame *f)
{
    struct ferry_link_hello hello;
    uint8_t tag = f->body_len ? f->body[0] : 0;
    if (!is_hello(f)) {
        ferry_link_receiver_note(self, f->session, 0, 0, FERRY_ERR_TARGET_RESET, FERRY_LINK_FAULT_SESSION, 0);
        return;
    }
    uint8_t fault = ferry_link_get_hello(f->body + 3, f->body_len - 3, &hello);
    if (fault) {
        int status = fault == FERRY_LINK_FAULT_PROTOCOL_VERSION ? FERRY_ERR_VERSION : FERRY_ERR_PROTOCOL;
        ferry_link_receiver_note(self, f->session, tag, FERRY_LINK_HELLO, status, fault, FERRY_LINK_VERSION);
        return;
    }
    if (self->session && hello.updater != self->updater && !(hello.flags & FERRY_LINK_HELLO_TAKE_OVER)) {
        uint32_t left = self->cfg.session_ms - (self->now_ms - self->heard_ms);
        ferry_link_receiver_note(self, f->session, tag, FERRY_LINK_HELLO, FERRY_ERR_BUSY,
                                 FERRY_LINK_FAULT_OTHER_UPDATER, (uint8_t)(left / 1000 > 254 ? 255 : left / 1000 + 1));
        return;
    }
    adopt(self, f, &hello);
}

void ferry_link_receiver_message(struct ferry_link_receiver *self, const struct ferry_link_frame *f)
{
    if (!f->session) {
        return;
    } else if (f->session != self->session) {
        on_stranger(self, f);
        if (f->session != self->session)
            return;
    }
    if (self->working && f->body_len && f->body[0] != self->request.tag)
        return; // one at a time; it will be asked again
    int whole = ferry_link_assembly_add(&self->request, f->body, f->body_len);
    if (whole == 1)
        on_request(self);
    else if (whole < 0)
        ferry_link_receiver_note(self, self->session, 0, 0, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_SHORT, 0);
}

static void info_done(struct ferry_link_receiver *self, const struct ferry_target_info *info)
{
    size_t max_chunk = self->cfg.frame_size - FERRY_LINK_CHUNK_OVERHEAD;
    if (self->cfg.mtu && max_chunk > self->cfg.mtu - FERRY_LINK_CHUNK_OVERHEAD)
        max_chunk = self->cfg.mtu - FERRY_LINK_CHUNK_OVERHEAD;
    struct ferry_link_limits limits = {
        .max_chunk = (uint16_t)(max_chunk > FERRY_LINK_CHUNK_MAX ? FERRY_LINK_CHUNK_MAX : max_chunk),
        .window = self->cfg.window_size,
        .wire_buffer = self->cfg.wire_buffer,
        .codecs = 1,
        .start_baud = self->cfg.start_baud,
        .max_baud = self->cfg.max_baud,
    };
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, self->answer + 3,
               ferry_link_put_info(self->answer + 3, info, &limits));
}

static void begin_done(struct ferry_link_receiver *self, const struct ferry_link_receiver_result *result)
{
    uint8_t out[6];
    self->state = FERRY_LINK_RECEIVER_BEGUN;
    self->broken = 0;
    self->range_end = 0;
    self->withheld = result->withheld;
    ferry_store32le(out, result->have);
    ferry_store16le(out + 4, result->withheld);
    put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, out, sizeof out);
}

static void proof_done(struct ferry_link_receiver *self, const struct ferry_link_receiver_result *result)
{
    uint8_t *out = self->answer + 3;
    memcpy(out + 2 + self->proof_at * FERRY_LINK_HASH_SIZE, result->sha256, FERRY_LINK_HASH_SIZE);
    if (result->blank)
        ferry_store16le(out, (uint16_t)(ferry_load16le(out) | 1u << self->proof_at));
    if (++self->proof_at < self->proof_count)
        hash_next(self);
    else
        put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, out, 2 + self->proof_count * FERRY_LINK_HASH_SIZE);
}

static void hash_done(struct ferry_link_receiver *self, const struct ferry_link_receiver_result *result)
{
    if (self->request.bytes[0] == FERRY_LINK_PROVE) {
        proof_done(self, result);
    } else if (memcmp(result->sha256, self->manifest.sha256, 32) != 0) {
        ferry_link_receiver_close_range(self);
        refuse(self, FERRY_ERR_VERIFY, FERRY_LINK_FAULT_HASH_DIFFERS);
    } else {
        work(self, FERRY_LINK_RECEIVER_OP_END);
    }
}

void ferry_link_receiver_request_done(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op, int status,
                                      const struct ferry_link_receiver_result *result)
{
    if (status < 0) {
        refuse(self, status, FERRY_LINK_FAULT_SINK);
    } else if (op == FERRY_LINK_RECEIVER_OP_INFO) {
        info_done(self, result->info);
    } else if (op == FERRY_LINK_RECEIVER_OP_BEGIN) {
        begin_done(self, result);
    } else if (op == FERRY_LINK_RECEIVER_OP_HASH) {
        hash_done(self, result);
    } else if (op == FERRY_LINK_RECEIVER_OP_END) {
        self->state = FERRY_LINK_RECEIVER_SELECTED;
        put_answer(self, FERRY_OK, FERRY_LINK_FAULT_NONE, self->manifest.sha256, 32);
    } else {
        accept(self);
    }
}
