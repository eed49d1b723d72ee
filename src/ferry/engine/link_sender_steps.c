// The sender's procedure: which step follows which.
#include "ferry/engine/link_sender_parts.h"

static void enter_hello(struct ferry_link_sender *self)
{
    struct ferry_link_hello hello = {FERRY_LINK_VERSION, self->cfg.take_over ? FERRY_LINK_HELLO_TAKE_OVER : 0,
                                     self->cfg.mtu, self->cfg.updater};
    uint8_t out[FERRY_LINK_HELLO_SIZE];
    // Every hello has a session number of its own, so that nothing that is still on its way fits the new one.
    self->session_count++;
    self->session = (uint16_t)(self->cfg.seed + self->session_count * 40503u);
    self->session = self->session ? self->session : 1;
    self->connected = false;
    ferry_link_sender_ask(self, FERRY_LINK_HELLO, out, ferry_link_put_hello(out, &hello));
}

static void enter_begin(struct ferry_link_sender *self)
{
    uint8_t out[FERRY_LINK_MESSAGE_MAX];
    ferry_link_sender_plan_begin(self);
    ferry_link_sender_ask(self, FERRY_LINK_BEGIN, out, ferry_link_put_manifest(out, &self->job.manifest));
}

static void enter_head(struct ferry_link_sender *self)
{
    struct ferry_manifest *m = &self->job.manifest;
    if (m->kind == FERRY_MANIFEST_FIRMWARE && !m->head_len && m->size >= FERRY_MANIFEST_HEAD)
        ferry_link_sender_want(self, FERRY_REQUEST_RAW, 0, FERRY_MANIFEST_HEAD);
    else
        ferry_link_sender_enter(self, LINK_STEP_BEGIN);
}

static void ask_range(struct ferry_link_sender *self)
{
    uint8_t out[8];
    ferry_store32le(out, self->range_start);
    ferry_store32le(out + 4, self->range_end);
    self->step = LINK_STEP_RANGE;
    ferry_link_sender_ask(self, FERRY_LINK_RANGE, out, sizeof out);
}

static void enter_range(struct ferry_link_sender *self)
{
    if (ferry_link_sender_plan_range(self))
        ask_range(self);
    else
        ferry_link_sender_enter(self, LINK_STEP_END);
}

static void enter_end(struct ferry_link_sender *self)
{
    uint8_t out[4];
    ferry_store32le(out, self->job.manifest.size);
    self->end_asked = true;
    ferry_link_sender_ask(self, FERRY_LINK_END, out, sizeof out);
}

static bool hash_known(const struct ferry_link_sender *self)
{
    static const uint8_t unknown[32];
    return memcmp(self->target.sha256, unknown, 32) != 0;
}

// The target runs what the job sends; where it does not know its own hash, the version has to do.
static bool runs_image(const struct ferry_link_sender *self)
{
    const struct ferry_manifest *m = &self->job.manifest;
    return hash_known(self) ? memcmp(self->target.sha256, m->sha256, 32) == 0
                            : strcmp(self->target.version, m->version) == 0;
}

void ferry_link_sender_met(struct ferry_link_sender *self)
{
    if (!self->was_connected)
        self->ran_before = runs_image(self) && self->target.boot_state != FERRY_BOOT_TRIAL;
    self->was_connected = true;
}

// What was asked for before contact was lost may have been done: then only the answer is missing.
static uint8_t first_of_send(const struct ferry_link_sender *self)
{
    bool firmware = self->job.manifest.kind == FERRY_MANIFEST_FIRMWARE;
    bool trial = self->target.boot_state == FERRY_BOOT_TRIAL;
    bool selected = self->end_asked && !self->ran_before;
    if (firmware && runs_image(self) && (selected || (trial && hash_known(self))))
        return LINK_STEP_BOOTED;
    return self->end_asked ? LINK_STEP_DONE_YET : LINK_STEP_HEAD;
}

static void enter_go(struct ferry_link_sender *self)
{
    static const uint8_t first[] = {
        [FERRY_LINK_SENDER_TEST] = LINK_STEP_TEST_RESET, [FERRY_LINK_SENDER_STATUS] = LINK_STEP_STATUS,
        [FERRY_LINK_SENDER_ABORT] = LINK_STEP_ABORT,     [FERRY_LINK_SENDER_REBOOT] = LINK_STEP_REBOOT,
        [FERRY_LINK_SENDER_CONFIRM] = LINK_STEP_CONFIRM, [FERRY_LINK_SENDER_REVERT] = LINK_STEP_REVERT,
    };
    if (self->job.op == FERRY_LINK_SENDER_CONNECT)
        ferry_link_sender_done(self);
    else if (self->job.op == FERRY_LINK_SENDER_SEND)
        ferry_link_sender_enter(self, first_of_send(self));
    else
        ferry_link_sender_enter(self, first[self->job.op]);
}

static const char *give_up_text(uint8_t reason)
{
    switch (reason) {
    case FERRY_GIVE_UP_NOT_CONFIRMED:
        return "nobody confirmed it within the set time";
    case FERRY_GIVE_UP_CRASHED:
        return "it reset before it was confirmed";
    case FERRY_GIVE_UP_INVALID:
        return "the bootloader refused the image";
    case FERRY_GIVE_UP_ASKED:
        return "the updater or the application asked to go back";
    default:
        return "another firmware answers than the one that was sent";
    }
}

// It may be the old firmware that has not restarted yet: asked again for a while.
static bool too_early(struct ferry_link_sender *self)
{
    if (!self->boot_answer_ms)
        self->boot_answer_ms = self->now_ms | 1;
    if (self->target.boot_state == FERRY_BOOT_REVERTED || ferry_time_reached(self->now_ms, self->boot_answer_ms + 3000))
        return false;
    self->step = LINK_STEP_HELLO;
    self->next_hello_ms = self->now_ms + 500;
    return true;
}

static void enter_booted(struct ferry_link_sender *self)
{
    if (self->job.op != FERRY_LINK_SENDER_SEND || self->job.manifest.kind != FERRY_MANIFEST_FIRMWARE) {
        ferry_link_sender_done(self);
        return;
    }
    if (!runs_image(self)) {
        if (!too_early(self))
            ferry_link_sender_fail(self, FERRY_ERR_NOT_CONFIRMED, give_up_text(self->target.give_up));
    } else if (self->job.confirm && self->target.boot_state == FERRY_BOOT_TRIAL) {
        ferry_link_sender_enter(self, LINK_STEP_CONFIRM);
    } else {
        ferry_link_sender_done(self);
    }
}

static void enter_test(struct ferry_link_sender *self, uint8_t reset, uint8_t count)
{
    uint8_t out[4] = {reset, count};
    ferry_store16le(out + 2, self->pattern_len);
    ferry_link_sender_ask(self, FERRY_LINK_TEST, out, sizeof out);
}

static void ask_rate(struct ferry_link_sender *self, uint8_t op)
{
    uint8_t out[6];
    ferry_store32le(out, self->wanted_baud);
    ferry_store16le(out + 4, SENDER_TRY_MS);
    ferry_link_sender_ask(self, op, out, op == FERRY_LINK_BAUD ? 6 : 4);
}

static void ask_op(struct ferry_link_sender *self, uint8_t step)
{
    static const uint8_t ops[LINK_STEP_END_OF_LIST] = {
        [LINK_STEP_REBOOT] = FERRY_LINK_REBOOT,    [LINK_STEP_REVERT] = FERRY_LINK_REVERT,
        [LINK_STEP_STATUS] = FERRY_LINK_STATUS,    [LINK_STEP_ABORT] = FERRY_LINK_ABORT,
        [LINK_STEP_RATE_BACK] = FERRY_LINK_STATUS, [LINK_STEP_CONFIRM] = FERRY_LINK_CONFIRM,
        [LINK_STEP_DONE_YET] = FERRY_LINK_STATUS,
    };
    self->reboot_asked = self->reboot_asked || step == LINK_STEP_REBOOT;
    ferry_link_sender_ask(self, ops[step], self->target.sha256, step == LINK_STEP_CONFIRM ? 32 : 0);
}

// Which firmware is meant is settled before the first CONFIRM: when contact is lost and the old one answers, its answer
// would be taken for that of the one on trial.
static void enter_confirm(struct ferry_link_sender *self)
{
    static const uint8_t none[32];
    struct ferry_manifest *m = &self->job.manifest;
    if (self->job.op == FERRY_LINK_SENDER_CONFIRM && memcmp(m->sha256, none, 32) == 0)
        memcpy(m->sha256, self->target.sha256, 32);
    if (self->job.op == FERRY_LINK_SENDER_CONFIRM && memcmp(self->target.sha256, m->sha256, 32) != 0)
        ferry_link_sender_fail(self, FERRY_ERR_NOT_CONFIRMED, give_up_text(self->target.give_up));
    else
        ask_op(self, LINK_STEP_CONFIRM);
}

void ferry_link_sender_enter(struct ferry_link_sender *self, uint8_t step)
{
    if (step != self->step)
        ferry_link_sender_tell(self, FERRY_EVENT_STEP, ferry_link_sender_step_name(step), 0, 0, 0);
    self->step = step;
    switch (step) {
    case LINK_STEP_HELLO:
        enter_hello(self);
        break;
    case LINK_STEP_GO:
        enter_go(self);
        break;
    case LINK_STEP_RATE_ASK:
        ask_rate(self, FERRY_LINK_BAUD);
        break;
    case LINK_STEP_RATE_TRY:
        self->patterns_left = SENDER_PATTERNS;
        self->pattern_len = 48;
        self->patterns_sent = self->patterns_got = 0;
        self->rate_by_ms = self->now_ms + SENDER_TRY_MS / 2;
        break;
    case LINK_STEP_RATE_KEEP:
        ask_rate(self, FERRY_LINK_KEEP);
        break;
    case LINK_STEP_HEAD:
        enter_head(self);
        break;
    case LINK_STEP_BEGIN:
        enter_begin(self);
        break;
    case LINK_STEP_RANGE:
        enter_range(self);
        break;
    case LINK_STEP_DATA:
        ferry_link_sender_data_open(self);
        break;
    case LINK_STEP_END:
        enter_end(self);
        break;
    case LINK_STEP_BOOTED:
        enter_booted(self);
        break;
    case LINK_STEP_CONFIRM:
        enter_confirm(self);
        break;
    case LINK_STEP_TEST_RESET:
        self->pattern_len = 48;
        enter_test(self, 1, 0);
        break;
    case LINK_STEP_TEST_SEND:
        break;
    case LINK_STEP_TEST_COUNT:
        enter_test(self, 0, (uint8_t)self->patterns_asked);
        break;
    default:
        ask_op(self, step);
        break;
    }
}

// The largest chunk that both sides and the wire can take, and the one to begin with.
static void size_chunks(struct ferry_link_sender *self)
{
    uint32_t most = self->chunk_max;
    if (most > self->limits.max_chunk)
        most = self->limits.max_chunk;
    if (self->cfg.mtu && most > self->cfg.mtu - FERRY_LINK_CHUNK_OVERHEAD)
        most = self->cfg.mtu - FERRY_LINK_CHUNK_OVERHEAD;
    if (most > self->limits.window / 4)
        most = self->limits.window / 4;
    self->chunk_max = (uint16_t)(most ? most : 1);
    bool fixed = self->cfg.mtu || self->cfg.clean;
    self->error_gap = fixed ? UINT32_MAX / 32 : 128u * 128u / SENDER_OVERHEAD + 1;
    self->since_error = 0;
    self->had_errors = false;
}

static void on_hello(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    uint8_t fault = ferry_link_get_info(in, len, &self->target, &self->limits);
    if (fault) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, fault);
        return;
    }
    self->connected = true;
    ferry_link_sender_met(self);
    self->heard_ms = self->now_ms;
    ferry_link_sender_data_reset(self);
    size_chunks(self);
    if (self->job.op == FERRY_LINK_SENDER_TEST || self->after_hello == LINK_STEP_BOOTED)
        ferry_link_sender_enter(self, self->after_hello);
    else
        ferry_link_sender_rates(self);
}

static void on_begin(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    if (len != 6 || ferry_load16le(in + 4) > 256) {
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, FERRY_LINK_FAULT_ANSWER_FORM);
        return;
    }
    self->target_have = self->repairs ? self->job.manifest.size : ferry_load32le(in);
    self->withheld = ferry_load16le(in + 4);
    if (!self->withheld) {
        ferry_link_sender_plan_next(self);
        return;
    }
    // What the target keeps in RAM goes first: its hashes count it.
    self->range_start = 0;
    self->range_end = self->withheld < self->job.manifest.size ? self->withheld : self->job.manifest.size;
    ask_range(self);
}

static void on_end(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    uint32_t size = self->job.manifest.size;
    if (self->end_again && len == 32 && memcmp(in, self->job.manifest.sha256, 32) != 0) {
        ferry_link_sender_enter(self, LINK_STEP_HEAD); // but another image
        return;
    }
    if (len != 32 || memcmp(in, self->job.manifest.sha256, 32) != 0) {
        ferry_link_sender_fail(self, FERRY_ERR_VERIFY, "the target selected something else than was sent");
        return;
    }
    ferry_link_sender_tell(self, FERRY_EVENT_REGION, "verified", 0, size - self->skipped, self->skipped);
    if (self->job.reboot)
        ferry_link_sender_enter(self, LINK_STEP_REBOOT);
    else
        ferry_link_sender_done(self);
}

void ferry_link_sender_restarted(struct ferry_link_sender *self)
{
    self->asking = self->resend = false;
    self->rebooted = true;
    self->boot_answer_ms = 0;
    self->connected = false;
    self->connect_by_ms = self->now_ms + self->cfg.boot_ms;
    self->next_hello_ms = self->now_ms + 200;
    self->after_hello = LINK_STEP_BOOTED;
    ferry_link_sender_change_rate(self, self->cfg.start_baud, LINK_STEP_HELLO);
}

static void on_status(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    uint8_t fault = ferry_link_get_status(in, len, &self->status);
    if (fault)
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, fault);
    else
        ferry_link_sender_done(self);
}

// The receiver remembers in RAM what it has selected. Has it been reset since, it runs the new image, and the hello
// said so; or the old one again: after a REBOOT that is for good, before it the image is sent once more.
static void on_done_yet(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    uint8_t fault = ferry_link_get_status(in, len, &self->status);
    self->end_again = true;
    if (fault)
        ferry_link_sender_fail_peer(self, FERRY_ERR_PROTOCOL, fault);
    else if (self->status.state == FERRY_LINK_STATE_SELECTED && self->status.size == self->job.manifest.size)
        ferry_link_sender_enter(self, LINK_STEP_END);
    else
        ferry_link_sender_enter(self, self->reboot_asked ? LINK_STEP_BOOTED : LINK_STEP_HEAD);
}

void ferry_link_sender_answered(struct ferry_link_sender *self, const uint8_t *in, size_t len)
{
    switch (self->step) {
    case LINK_STEP_HELLO:
        on_hello(self, in, len);
        break;
    case LINK_STEP_RATE_ASK:
        ferry_link_sender_change_rate(self, self->wanted_baud, LINK_STEP_RATE_TRY);
        break;
    case LINK_STEP_RATE_TRY:
        ferry_link_sender_try_answer(self, in, len);
        break;
    case LINK_STEP_RATE_KEEP:
        ferry_link_sender_enter(self, self->after_hello);
        break;
    case LINK_STEP_RATE_BACK:
        ferry_link_sender_rates(self);
        break;
    case LINK_STEP_BEGIN:
        on_begin(self, in, len);
        break;
    case LINK_STEP_PROVE:
        ferry_link_sender_plan_answer(self, in, len);
        break;
    case LINK_STEP_RANGE:
        ferry_link_sender_enter(self, LINK_STEP_DATA);
        break;
    case LINK_STEP_END:
        on_end(self, in, len);
        break;
    case LINK_STEP_REBOOT:
        ferry_link_sender_restarted(self);
        break;
    case LINK_STEP_STATUS:
        on_status(self, in, len);
        break;
    case LINK_STEP_DONE_YET:
        on_done_yet(self, in, len);
        break;
    case LINK_STEP_CONFIRM:
        self->target.boot_state = FERRY_BOOT_CONFIRMED;
        ferry_link_sender_done(self);
        break;
    case LINK_STEP_TEST_RESET:
    case LINK_STEP_TEST_COUNT:
        ferry_link_sender_test_answer(self, in, len);
        break;
    default:
        ferry_link_sender_done(self);
        break;
    }
}

void ferry_link_sender_refused(struct ferry_link_sender *self, int status, uint8_t fault)
{
    if (self->step == LINK_STEP_RATE_ASK) {
        self->ceiling = self->wanted_baud;
        ferry_link_sender_rates(self);
    } else if (self->step == LINK_STEP_RATE_KEEP || self->step == LINK_STEP_RATE_TRY) {
        self->ceiling = self->wanted_baud;
        ferry_link_sender_change_rate(self, self->old_baud, LINK_STEP_RATE_BACK);
    } else if (self->step == LINK_STEP_END && status == FERRY_ERR_VERIFY && self->repairs < 2) {
        self->repairs++;
        ferry_link_sender_tell(self, FERRY_EVENT_WARNING, "the flash differs from what was sent; repairing", 0, 0, 0);
        ferry_link_sender_enter(self, LINK_STEP_BEGIN);
    } else if (self->step == LINK_STEP_REVERT && self->target.boot_state == FERRY_BOOT_REVERTED &&
               self->target.give_up == FERRY_GIVE_UP_ASKED) {
        ferry_link_sender_done(self); // the answer was lost, and the target has restarted since
    } else {
        ferry_link_sender_fail_peer(self, status, fault);
    }
}

void ferry_link_sender_source_done(struct ferry_link_sender *self)
{
    if (self->step == LINK_STEP_DIGEST) {
        ferry_link_sender_plan_digest(self);
        return;
    }
    memcpy(self->job.manifest.head, self->taken, FERRY_MANIFEST_HEAD);
    self->job.manifest.head_len = FERRY_MANIFEST_HEAD;
    ferry_link_sender_enter(self, LINK_STEP_BEGIN);
}
