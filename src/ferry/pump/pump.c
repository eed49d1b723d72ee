#include "ferry/pump/pump.h"

#include "ferry/base/status.h"
#include "ferry/base/time.h"

#define RETRY_MS 1u     // the stream had no room, or the last bytes have not left
#define ROUNDS 64u      // one step() serves no engine longer than so many turns
#define IDLE_MS 1000u   // longest wait that is ever asked for
#define STUCK_MS 20000u // a port that lets no byte leave for so long has failed

static void trace(const struct ferry_pump *self, uint32_t now_ms, enum ferry_trace_dir dir, const uint8_t *bytes,
                  size_t len)
{
    if (self->trace != NULL && len > 0)
        self->trace->bytes(self->trace->ctx, now_ms, dir, bytes, len);
}

// --- wire ------------------------------------------------------------------------------------------------------------

// Keeps an error of the port; true when there was one.
static bool failed(struct ferry_pump *self, int status)
{
    if (status < 0)
        self->wire_error = status;
    return status < 0;
}

// Fills the receive buffer. False: nothing has arrived.
static bool read_wire(struct ferry_pump *self, uint32_t now_ms)
{
    int got = self->stream->read(self->stream->ctx, self->rx, sizeof self->rx);
    self->rx_at = 0;
    self->rx_len = failed(self, got) ? 0 : (size_t)got;
    trace(self, now_ms, FERRY_TRACE_FROM_TARGET, self->rx, self->rx_len);
    return self->rx_len > 0;
}

// Bytes from the wire to the engine. True: something moved.
static bool receive(struct ferry_pump *self, uint32_t now_ms)
{
    if (self->rx_at == self->rx_len && !read_wire(self, now_ms))
        return false;
    size_t used = self->ops->feed(self->engine, self->rx + self->rx_at, self->rx_len - self->rx_at, now_ms);
    self->rx_at += used;
    return used > 0;
}

// Bytes from the engine to the wire. True: something moved.
static bool transmit(struct ferry_pump *self, uint32_t now_ms)
{
    if (self->tx_at == self->tx_len) {
        self->tx_at = 0;
        self->tx_len = self->ops->poll(self->engine, self->tx, sizeof self->tx, now_ms);
        trace(self, now_ms, FERRY_TRACE_TO_TARGET, self->tx, self->tx_len);
    }
    if (self->tx_at == self->tx_len)
        return false;
    int taken = self->stream->write(self->stream->ctx, self->tx + self->tx_at, self->tx_len - self->tx_at);
    if (failed(self, taken))
        return false;
    self->tx_at += (size_t)taken;
    self->tx_taken += (uint32_t)taken;
    return taken > 0;
}

static void drop_received(struct ferry_pump *self, uint32_t now_ms)
{
    for (unsigned i = 0; i < ROUNDS && read_wire(self, now_ms); i++)
        ;
    self->rx_at = self->rx_len = 0;
}

// --- lines -----------------------------------------------------------------------------------------------------------

static bool all_left(const struct ferry_pump *self)
{
    if (self->tx_at != self->tx_len)
        return false;
    return self->stream->pending == NULL || self->stream->pending(self->stream->ctx) <= 0;
}

// Bytes wait, and the port has let none of them leave for too long: no deadline of the engine counts this, as an
// answer is only awaited once its command has left.
static bool stuck(struct ferry_pump *self, uint32_t now_ms)
{
    int pending = self->stream->pending != NULL ? self->stream->pending(self->stream->ctx) : 0;
    uint32_t left = self->tx_taken - (uint32_t)(pending > 0 ? pending : 0);
    bool waits = self->tx_at != self->tx_len ||
                 (pending > 0 && !self->holding && (self->ops->wants(self->engine) & FERRY_WANT_LINES) != 0);
    if (!waits || !self->stuck_known || left != self->stuck_left) {
        self->stuck_known = waits;
        self->stuck_left = left;
        self->stuck_since_ms = now_ms;
    }
    return waits && ferry_time_reached(now_ms, self->stuck_since_ms + STUCK_MS);
}

static void set_lines(struct ferry_pump *self, const struct ferry_line_request *request)
{
    if (!request->set_lines || self->lines == NULL)
        return;
    if (request->reset_asserted) // what has not left was for a chip that is gone
        self->tx_at = self->tx_len = 0;
    failed(self, self->lines->set(self->lines->ctx, request->reset_asserted, request->boot_asserted));
}

// Serves the engine's wish for lines, rate and pause. True: it is fulfilled.
static bool serve_lines(struct ferry_pump *self, uint32_t now_ms)
{
    struct ferry_line_request request;
    if (!self->ops->lines(self->engine, &request))
        return false;
    if (!self->holding) {
        if (!self->lines_set)
            set_lines(self, &request);
        self->lines_set = true; // once, however long the last bytes take to leave
        if (request.baud != 0 && !all_left(self))
            return false;
        if (request.baud != 0 && self->stream->set_baud != NULL)
            failed(self, self->stream->set_baud(self->stream->ctx, request.baud));
        self->lines_set = false;
        self->holding = true;
        self->hold_until_ms = now_ms + request.hold_ms;
    }
    if (!ferry_time_reached(now_ms, self->hold_until_ms))
        return false;
    self->holding = false;
    if (request.flush)
        drop_received(self, now_ms);
    self->ops->lines_done(self->engine, now_ms);
    return true;
}

// --- data ------------------------------------------------------------------------------------------------------------

struct answer_to {
    struct ferry_pump *pump;
    uint32_t now_ms;
};

static void answer(void *to, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct answer_to *ctx = to;
    ctx->pump->ops->supply(ctx->pump->engine, offset, bytes, len, ctx->now_ms);
}

static bool serve_data(struct ferry_pump *self, uint32_t now_ms)
{
    struct ferry_request request;
    if (!self->ops->request(self->engine, &request))
        return false;
    struct answer_to ctx = {.pump = self, .now_ms = now_ms};
    int status = FERRY_ERR_UNSUPPORTED;
    if (self->supply != NULL)
        status = self->supply->serve(self->supply->ctx, &request, answer, &ctx);
    if (status < 0)
        self->ops->supply_failed(self->engine, status);
    return true;
}

static bool serve_output(struct ferry_pump *self)
{
    uint8_t bytes[256];
    uint32_t offset;
    size_t len = self->ops->output(self->engine, &offset, bytes, sizeof bytes);
    if (len == 0)
        return false;
    if (self->output != NULL)
        failed(self, self->output(self->output_ctx, offset, bytes, len));
    return true;
}

// --- the loop --------------------------------------------------------------------------------------------------------

// Lets time pass where it is due.
static bool pass_time(struct ferry_pump *self, uint32_t now_ms)
{
    bool due = self->ops->deadline(self->engine, now_ms) == 0;
    if (due)
        self->ops->step(self->engine, now_ms);
    return due;
}

static bool turn(struct ferry_pump *self, uint32_t now_ms)
{
    uint32_t wants = self->ops->wants(self->engine);
    bool moved = false;
    if (wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED))
        return false;
    // What has arrived comes first: a deadline that passed while this thread slept must not hide an answer.
    moved = receive(self, now_ms);
    if (wants & FERRY_WANT_LINES)
        moved = serve_lines(self, now_ms) || moved;
    else
        self->lines_set = self->holding = false; // a wish that was taken back leaves nothing behind
    if (wants & FERRY_WANT_DATA)
        moved = serve_data(self, now_ms) || moved;
    moved = transmit(self, now_ms) || moved;
    moved = moved || pass_time(self, now_ms);
    if (wants & FERRY_WANT_OUTPUT)
        moved = serve_output(self) || moved;
    return moved && self->wire_error == 0;
}

static uint32_t time_to_wait(struct ferry_pump *self, uint32_t now_ms)
{
    uint32_t ms = self->ops->deadline(self->engine, now_ms);
    if (self->holding) {
        uint32_t left = ferry_time_reached(now_ms, self->hold_until_ms) ? 0 : self->hold_until_ms - now_ms;
        ms = left < ms ? left : ms;
    } else if (self->tx_at != self->tx_len || (self->ops->wants(self->engine) & FERRY_WANT_LINES)) {
        ms = ms < RETRY_MS ? ms : RETRY_MS;
    }
    return ms < IDLE_MS ? ms : IDLE_MS;
}

uint32_t ferry_pump_step(struct ferry_pump *self, uint32_t now_ms, uint32_t *wait_ms)
{
    *wait_ms = 0;
    unsigned rounds = 0;
    while (rounds < ROUNDS && self->wire_error == 0 && turn(self, now_ms))
        rounds++;
    if (self->wire_error == 0 && stuck(self, now_ms))
        self->wire_error = FERRY_ERR_WIRE_IO;
    if (self->wire_error != 0)
        return FERRY_WANT_FAILED;
    // A peer that never stops talking must not keep deadlines from passing.
    if (rounds == ROUNDS)
        pass_time(self, now_ms);
    uint32_t wants = self->ops->wants(self->engine);
    if (!(wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED)))
        *wait_ms = time_to_wait(self, now_ms);
    return wants;
}

int ferry_pump_run(struct ferry_pump *self, const struct ferry_clock *clock, int (*tick)(void *ctx), void *tick_ctx)
{
    for (;;) {
        uint32_t wait_ms;
        uint32_t wants = ferry_pump_step(self, clock->now_ms(clock->ctx), &wait_ms);
        if (tick != NULL && tick(tick_ctx) != 0)
            return FERRY_ERR_CANCELLED;
        if (wants & FERRY_WANT_FAILED) {
            struct ferry_error error;
            ferry_pump_error(self, &error);
            return error.status;
        }
        if (wants & FERRY_WANT_DONE)
            return FERRY_OK;
        if (wait_ms > 0)
            clock->wait(clock->ctx, wait_ms);
    }
}

void ferry_pump_error(const struct ferry_pump *self, struct ferry_error *out)
{
    self->ops->error(self->engine, out);
    if (self->wire_error != 0 && out->status == 0)
        out->status = self->wire_error;
}
