// The pump: joins an engine, a wire, lines and a supply. step() never blocks; run() is the loop around it.
#ifndef FERRY_PUMP_PUMP_H
#define FERRY_PUMP_PUMP_H

#include "ferry/engine/engine.h"
#include "ferry/io/clock.h"
#include "ferry/io/lines.h"
#include "ferry/io/stream.h"
#include "ferry/io/trace.h"
#include "ferry/pump/supply.h"

struct ferry_pump {
    void *engine;
    const struct ferry_engine_ops *ops;
    const struct ferry_stream *stream;
    const struct ferry_lines *lines;   // NULL: none
    const struct ferry_supply *supply; // NULL: the engine never asks
    const struct ferry_trace *trace;   // NULL: none
    // Called with bytes the engine has read from the target (FERRY_WANT_OUTPUT). NULL: dropped.
    int (*output)(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len);
    void *output_ctx;
    // Private; zero before the first step. (The buffers come last: compressed instructions reach the first 128 bytes.)
    size_t tx_len, tx_at, rx_len, rx_at;
    uint32_t hold_until_ms;
    uint32_t tx_taken, stuck_left, stuck_since_ms;
    int wire_error;
    bool holding, stuck_known, lines_set;
    uint8_t tx[512], rx[512];
};

// Does all that can be done now. Returns the engine's wants(); *wait_ms = how long until the next call at the latest
// (earlier when bytes arrive). A wire error ends the engine's operation: the return value then has FAILED and
// ferry_pump_error() tells the cause. A port that takes no byte for 20 s while some wait has failed (WIRE_IO).
uint32_t ferry_pump_step(struct ferry_pump *self, uint32_t now_ms, uint32_t *wait_ms);
// Steps until the operation has ended; 0 or a negative status. tick (may be NULL) is called after every step, for
// progress and events; non-zero return cancels with FERRY_ERR_CANCELLED.
int ferry_pump_run(struct ferry_pump *self, const struct ferry_clock *clock, int (*tick)(void *ctx), void *tick_ctx);
void ferry_pump_error(const struct ferry_pump *self, struct ferry_error *out);

#endif
