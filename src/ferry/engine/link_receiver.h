// The receiver: the part of the link route that runs on the target (docs/protocol/link.md).
//
// It has the engine shape (engine.h) with one difference: instead of data it asks for operations of a sink. When
// wants() has FERRY_WANT_DATA, ferry_link_receiver_op() says which, and ferry_link_receiver_op_done() takes the result;
// pump/receiver_pump.h does that with a struct ferry_sink. It never ends: wants() has neither DONE nor FAILED; what
// went wrong in a session goes to the updater by name, and error() keeps the last one.
//
// While an operation is under way the engine may go on being fed and polled (a sink that works in the background);
// where the sink blocks, it is simply not called. Order that the pump keeps: poll until it gives nothing, then the
// operation: an operation that makes the target deaf is offered only when the notice has been polled.
//
// Memory: sizeof(struct ferry_link_receiver) plus the caller's window and frame buffer. 4096 + 1037 serve a line of up
// to 921600 baud with 20 ms round trip.
#ifndef FERRY_ENGINE_LINK_RECEIVER_H
#define FERRY_ENGINE_LINK_RECEIVER_H

#include "ferry/codec/link_message.h"
#include "ferry/engine/engine.h"
#include "ferry/engine/link_window.h"

struct ferry_link_receiver_cfg {
    uint8_t *window;      // the caller's, for as long as the receiver lives
    uint32_t window_size; // 1024 .. 61440, a multiple of 1024
    uint8_t *frame;       // one plain frame; its size decides the largest chunk
    size_t frame_size;    // FERRY_LINK_PLAIN_BUFFER(chunk), >= 256; chunk at most a quarter of the window is best
    uint32_t wire_buffer; // bytes that the port goes on receiving while the receiver is not called; 0 = unknown (lost
                          // bytes tell); less than two frames: the same as info.deaf
    uint16_t mtu;         // largest frame on a packet wire (20 .. 1500), 0 = byte wire
    uint32_t start_baud, max_baud; // rate after a reset and highest one; 0 = the wire has no rate
    uint32_t session_ms;           // a session ends after so long without a frame; 0 = 10000
    uint32_t confirm_ms;           // firmware on trial is given up after so long; 0 = 60000
    uint32_t beacon_ms;            // a beacon so often while there is no session; 0 = only one at the start
};

enum ferry_link_receiver_state {
    FERRY_LINK_RECEIVER_IDLE = 0, // no update
    FERRY_LINK_RECEIVER_BEGUN,    // manifest accepted, no range open
    FERRY_LINK_RECEIVER_DATA,     // a range is open
    FERRY_LINK_RECEIVER_SELECTED, // the update is complete; it starts with the next reboot
};

enum ferry_link_receiver_op_kind {
    FERRY_LINK_RECEIVER_OP_NONE = 0,
    FERRY_LINK_RECEIVER_OP_INFO,    // sink.info        -> result.info
    FERRY_LINK_RECEIVER_OP_BEGIN,   // sink.begin       -> result.have, result.withheld
    FERRY_LINK_RECEIVER_OP_PREPARE, // sink.prepare     -> result.ready_to
    FERRY_LINK_RECEIVER_OP_WRITE,   // sink.chunk       -> result.taken
    FERRY_LINK_RECEIVER_OP_HASH,    // sink.hash        -> result.sha256, result.blank
    FERRY_LINK_RECEIVER_OP_END,     // sink.end
    FERRY_LINK_RECEIVER_OP_ABORT,   // sink.abort
    FERRY_LINK_RECEIVER_OP_CONFIRM, // sink.confirm
    FERRY_LINK_RECEIVER_OP_REVERT,  // sink.revert, reason in give_up
    FERRY_LINK_RECEIVER_OP_REBOOT,  // sink.reboot
};

struct ferry_link_receiver_op {
    enum ferry_link_receiver_op_kind kind;
    uint32_t offset;
    uint32_t len;                          // WRITE, HASH: bytes; PREPARE: end of the range
    const uint8_t *bytes;                  // WRITE: in the window, valid until op_done; at most one page
    const struct ferry_manifest *manifest; // BEGIN: valid until op_done
    uint8_t give_up;                       // REVERT
};

struct ferry_link_receiver_result {
    const struct ferry_target_info *info; // INFO: read before op_done returns
    uint32_t have;                        // BEGIN
    uint16_t withheld;                    // BEGIN
    uint32_t ready_to;                    // PREPARE
    uint32_t taken;                       // WRITE
    uint8_t sha256[32];                   // HASH
    bool blank;                           // HASH
};

struct ferry_link_receiver {
    struct ferry_link_receiver_cfg cfg;
    enum ferry_link_receiver_state state;
    struct {
        int status;    // 0 = nothing
        uint8_t fault; // enum ferry_link_fault
    } error;           // the last thing that went wrong
    uint32_t now_ms;
    // The session.
    uint16_t session;  // 0 = none
    uint32_t updater;  // whose
    uint32_t heard_ms; // when its last frame came
    uint16_t piece;    // bytes of a message in one frame
    // The request under way and its answer.
    struct ferry_link_assembly request;
    enum ferry_link_receiver_op_kind request_op; // sink operation that it needs next
    bool working;                                // it has not been answered yet
    bool put_off;                                // ... and waits until all of the range before is written
    uint8_t answer_again;                        // times that the answer will go out without being asked for
    uint32_t answer_ms;
    uint8_t answer_tag;             // of the last one answered; 0 = none yet
    uint16_t answer_len, answer_at; // answer_at = answer_len: all sent
    uint8_t answer[FERRY_LINK_MESSAGE_MAX];
    uint16_t note_session; // a short answer that goes out by itself; 0 = none
    uint8_t note_tag, note[4];
    // The sink's operation under way.
    enum ferry_link_receiver_op_kind op;
    uint16_t op_session; // the session whose request it serves; 0 = none
    uint32_t op_offset, op_len;
    uint8_t give_up;
    uint8_t proof_at, proof_count;
    uint32_t proof_offset, proof_unit;
    // The update.
    struct ferry_manifest manifest;
    struct ferry_link_window window;
    uint32_t range_end;
    uint32_t ready_to; // prepared up to here
    uint16_t withheld;
    int broken; // the sink failed while it wrote: its status, 0 = none
    // What the sink said about itself.
    uint8_t running[32];
    uint16_t erase_ms, page; // page: bytes of one write
    bool deaf, any_order, info_known, on_trial;
    bool confirm_asked, reboot_asked;
    uint32_t trial_ms; // since when it is on trial
    // Acknowledgement.
    bool ack_due, ack_waits, ack_again, seen_chunk;
    bool notice;        // "busy" goes along with the next one
    uint16_t chunk_len; // of the last one
    uint8_t ack_count;  // chunks since the last one
    uint16_t highest;   // chunk number
    uint64_t map;       // bit i: highest - 1 - i has come
    uint32_t ack_limit, ack_ms;
    bool chunk_waits; // a chunk that does not fit yet lies in the frame buffer
    struct ferry_link_frame held;
    // The line.
    uint32_t baud, kept_baud, wanted_baud; // wanted != 0: change as soon as all has been sent
    bool baud_trial;
    uint16_t try_ms;
    uint32_t baud_ms; // since when
    uint8_t patterns_left, pattern_index, pattern_len;
    uint32_t pattern_frames, test_bytes, test_damaged;
    // Timers and counters.
    bool beacon_due, erased_lately, overrun;
    uint8_t overrun_score;
    uint32_t prepare_ms; // when the last PREPARE was asked for
    uint32_t beacon_ms, noise_bytes, noise_frames;
    uint32_t duplicates, overruns, damaged_before, frames_before;
    // Bytes in and out.
    struct ferry_link_reader reader;
    uint8_t tx[FERRY_LINK_PIECE_WIRE];
    uint8_t tx_len, tx_at;
};

// 0, or FERRY_ERR_ARG. Copies cfg. The first operation it asks for is INFO.
int ferry_link_receiver_init(struct ferry_link_receiver *self, const struct ferry_link_receiver_cfg *cfg,
                             uint32_t now_ms);
// The operation that is wanted now; false = none.
bool ferry_link_receiver_op(const struct ferry_link_receiver *self, struct ferry_link_receiver_op *out);
// Its result: status is what the sink returned (0 or negative; WRITE: 0 with result->taken). NULL result where none is
// named above. Not called while the sink says "not yet".
void ferry_link_receiver_op_done(struct ferry_link_receiver *self, int status,
                                 const struct ferry_link_receiver_result *result, uint32_t now_ms);
// The application says by itself that the firmware on trial is good (or not).
void ferry_link_receiver_confirm(struct ferry_link_receiver *self);
void ferry_link_receiver_give_up(struct ferry_link_receiver *self);
// What went wrong last, in words (status 0: nothing). They take some KB of a chip's flash, so error() of the engine
// shape leaves them out: there detail and hint are "", and peer_code is the fault's number.
void ferry_link_receiver_explain(const struct ferry_link_receiver *self, struct ferry_error *out);
// The engine shape (engine.h); self is a struct ferry_link_receiver.
extern const struct ferry_engine_ops ferry_link_receiver_ops;

#endif
