// The receiver's pump: joins a link_receiver, a wire and a sink. The main loop of a target is step() for ever.
#ifndef FERRY_PUMP_RECEIVER_PUMP_H
#define FERRY_PUMP_RECEIVER_PUMP_H

#include "ferry/engine/link_receiver.h"
#include "ferry/io/sink.h"
#include "ferry/io/stream.h"
#include "ferry/io/trace.h"

struct ferry_receiver_pump {
    struct ferry_link_receiver *receiver;
    const struct ferry_stream *stream;
    const struct ferry_sink *sink;
    const struct ferry_trace *trace; // NULL: none
    // Private; zero before the first step.
    uint8_t rx[64];
    uint8_t rx_len, rx_at;
    uint8_t tx[64];
    uint8_t tx_len, tx_at;
    bool op_ended; // the sink has returned; its result is told to the engine at the next step, with the time of then
    int op_status;
    struct ferry_link_receiver_result result;
};

// Does all that can be done now, and at most one operation of the sink, last. Returns 0, or the wire's error (the
// receiver stays as it is: call again when the wire is back). *wait_ms = when to call again at the latest (0: at once);
// earlier when bytes arrive. After a sink operation that took its time the next call brings the new time.
int ferry_receiver_pump_step(struct ferry_receiver_pump *self, uint32_t now_ms, uint32_t *wait_ms);

#endif
