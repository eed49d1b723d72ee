#include "ferry/pump/receiver_pump.h"
#include "ferry/base/status.h"
#include <string.h>

#define ROUNDS 64u // one step serves the wire no longer than so many turns

static const struct ferry_engine_ops *ops = &ferry_link_receiver_ops;

static void trace(const struct ferry_receiver_pump *self, uint32_t now_ms, enum ferry_trace_dir dir,
                  const uint8_t *bytes, size_t len)
{
    if (self->trace && len)
        self->trace->bytes(self->trace->ctx, now_ms, dir, bytes, len);
}

// 1: something moved, 0: nothing, negative: the wire's error.
static int receive(struct ferry_receiver_pump *self, uint32_t now_ms)
{
    if (self->rx_at == self->rx_len) {
        int got = self->stream->read(self->stream->ctx, self->rx, sizeof self->rx);
        if (got <= 0)
            return got;
        self->rx_at = 0;
        self->rx_len = (uint8_t)got;
        trace(self, now_ms, FERRY_TRACE_TO_TARGET, self->rx, self->rx_len);
    }
    size_t used = ops->feed(self->receiver, self->rx + self->rx_at, (size_t)(self->rx_len - self->rx_at), now_ms);
    self->rx_at = (uint8_t)(self->rx_at + used);
    return used > 0;
}

static int transmit(struct ferry_receiver_pump *self, uint32_t now_ms)
{
    if (self->tx_at == self->tx_len) {
        self->tx_at = 0;
        self->tx_len = (uint8_t)ops->poll(self->receiver, self->tx, sizeof self->tx, now_ms);
        trace(self, now_ms, FERRY_TRACE_FROM_TARGET, self->tx, self->tx_len);
    }
    if (self->tx_at == self->tx_len)
        return 0;
    int n = self->stream->write(self->stream->ctx, self->tx + self->tx_at, (size_t)(self->tx_len - self->tx_at));
    if (n > 0)
        self->tx_at = (uint8_t)(self->tx_at + n);
    return n < 0 ? n : n > 0;
}

static bool all_left(const struct ferry_receiver_pump *self)
{
    return self->tx_at == self->tx_len && (!self->stream->pending || self->stream->pending(self->stream->ctx) <= 0);
}

static int change_rate(struct ferry_receiver_pump *self, const struct ferry_line_request *r, uint32_t now_ms)
{
    int status = FERRY_OK;
    if (!all_left(self))
        return FERRY_OK;
    if (self->stream->set_baud)
        status = self->stream->set_baud(self->stream->ctx, r->baud);
    self->rx_at = self->rx_len = 0;
    ops->lines_done(self->receiver, now_ms); // a rate that cannot be set shows in the trial, and is given up there
    return status == FERRY_ERR_BAUD ? FERRY_OK : status;
}

static int write_chunk(struct ferry_receiver_pump *self, const struct ferry_link_receiver_op *op)
{
    int n = self->sink->chunk(self->sink->ctx, op->offset, op->bytes, op->len);
    self->result.taken = n > 0 ? (uint32_t)n : 0;
    return n > 0 ? FERRY_OK : n == 0 ? FERRY_SINK_BUSY : n;
}

static int begin(struct ferry_receiver_pump *self, const struct ferry_link_receiver_op *op)
{
    struct ferry_sink_plan plan = {0, 0};
    int status = self->sink->begin(self->sink->ctx, op->manifest, &plan);
    self->result.have = plan.have;
    self->result.withheld = plan.withheld;
    return status;
}

static int run(struct ferry_receiver_pump *self, const struct ferry_link_receiver_op *op)
{
    const struct ferry_sink *sink = self->sink;
    switch (op->kind) {
    case FERRY_LINK_RECEIVER_OP_BEGIN:
        return begin(self, op);
    case FERRY_LINK_RECEIVER_OP_PREPARE:
        return sink->prepare(sink->ctx, op->offset, op->len, &self->result.ready_to);
    case FERRY_LINK_RECEIVER_OP_WRITE:
        return write_chunk(self, op);
    case FERRY_LINK_RECEIVER_OP_HASH:
        return sink->hash(sink->ctx, op->offset, op->len, self->result.sha256, &self->result.blank);
    case FERRY_LINK_RECEIVER_OP_END:
        return sink->end(sink->ctx);
    case FERRY_LINK_RECEIVER_OP_ABORT:
        return sink->abort(sink->ctx);
    case FERRY_LINK_RECEIVER_OP_CONFIRM:
        return sink->confirm(sink->ctx);
    case FERRY_LINK_RECEIVER_OP_REVERT:
        return sink->revert(sink->ctx, (enum ferry_give_up)op->give_up);
    case FERRY_LINK_RECEIVER_OP_REBOOT:
        return sink->reboot(sink->ctx);
    default:
        return FERRY_ERR_STATE;
    }
}

// The info is large and needed only for a moment: it lives on the stack, and its result is told at once.
static void run_info(struct ferry_receiver_pump *self, uint32_t now_ms)
{
    struct ferry_target_info info;
    memset(&info, 0, sizeof info);
    self->result.info = &info;
    int status = self->sink->info(self->sink->ctx, &info);
    ferry_link_receiver_op_done(self->receiver, status, &self->result, now_ms);
    self->result.info = NULL;
}

// True: an operation was run or is under way.
static bool serve(struct ferry_receiver_pump *self, uint32_t now_ms)
{
    struct ferry_link_receiver_op op;
    if (!ferry_link_receiver_op(self->receiver, &op))
        return false;
    bool must_leave =
        op.kind != FERRY_LINK_RECEIVER_OP_WRITE && (op.kind != FERRY_LINK_RECEIVER_OP_PREPARE || self->receiver->deaf);
    if (must_leave && !all_left(self))
        return false;
    if (op.kind == FERRY_LINK_RECEIVER_OP_INFO) {
        run_info(self, now_ms);
        return true;
    }
    self->op_status = run(self, &op);
    self->op_ended = self->op_status != FERRY_SINK_BUSY;
    return true;
}

static int wire(struct ferry_receiver_pump *self, uint32_t now_ms)
{
    struct ferry_line_request lines;
    for (unsigned i = 0; i < ROUNDS; i++) {
        int in = receive(self, now_ms), out = transmit(self, now_ms), status = FERRY_OK;
        if (in < 0 || out < 0)
            return in < 0 ? in : out;
        if (ops->lines(self->receiver, &lines))
            status = change_rate(self, &lines, now_ms);
        if (status < 0)
            return status;
        if (!in && !out)
            break;
    }
    return FERRY_OK;
}

int ferry_receiver_pump_step(struct ferry_receiver_pump *self, uint32_t now_ms, uint32_t *wait_ms)
{
    if (self->op_ended) {
        self->op_ended = false;
        ferry_link_receiver_op_done(self->receiver, self->op_status, &self->result, now_ms);
    }
    ops->step(self->receiver, now_ms);
    int status = wire(self, now_ms);
    *wait_ms = ops->deadline(self->receiver, now_ms);
    if (status < 0)
        return status;
    if (serve(self, now_ms))
        *wait_ms = self->op_ended ? 0 : 1;
    else if (!all_left(self) && *wait_ms > 1)
        *wait_ms = 1;
    return FERRY_OK;
}
