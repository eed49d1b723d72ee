// What the files of the sender share with each other; not for others.
#ifndef FERRY_ENGINE_LINK_SENDER_PARTS_H
#define FERRY_ENGINE_LINK_SENDER_PARTS_H

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/engine/link_sender.h"
#include <string.h>

#define SENDER_CONTACT_MS 2500u // no good frame for so long while one is due: contact is lost
#define SENDER_PATTERNS 8u      // frames each way that try a rate
#define SENDER_TRY_MS 700u      // how long the target stays at a rate on trial
#define SENDER_OVERHEAD 15u     // bytes of a chunk on a byte wire that are not data: frame 13, stuffing 1, delimiter 1

enum ferry_link_sender_step {
    LINK_STEP_IDLE = 0,
    LINK_STEP_RATE,      // our end of the wire changes its rate; then after_rate
    LINK_STEP_HELLO,     // looking for the receiver
    LINK_STEP_RATE_ASK,  // BAUD
    LINK_STEP_RATE_TRY,  // patterns both ways at the new rate
    LINK_STEP_RATE_KEEP, // KEEP
    LINK_STEP_RATE_BACK, // it does not hold: STATUS at the old rate until the target is back there
    LINK_STEP_GO,        // connected: the operation itself begins
    LINK_STEP_DONE_YET,  // STATUS: has the target selected the image, though its answer to END did not come?
    LINK_STEP_HEAD,      // the image's first bytes, for the manifest
    LINK_STEP_BEGIN,
    LINK_STEP_PROVE,
    LINK_STEP_DIGEST, // our own digest of what the target has proved
    LINK_STEP_RANGE,
    LINK_STEP_DATA,
    LINK_STEP_END,
    LINK_STEP_REBOOT,
    LINK_STEP_BOOTED, // hello was answered after a reboot
    LINK_STEP_CONFIRM,
    LINK_STEP_REVERT,
    LINK_STEP_STATUS,
    LINK_STEP_ABORT,
    LINK_STEP_TEST_RESET, // TEST, counters to 0
    LINK_STEP_TEST_SEND,  // patterns to the target
    LINK_STEP_TEST_COUNT, // TEST: what arrived there; patterns from the target
    LINK_STEP_END_OF_LIST
};

// link_sender.c
void ferry_link_sender_fail(struct ferry_link_sender *self, int status, const char *detail);
void ferry_link_sender_fail_peer(struct ferry_link_sender *self, int status, uint8_t fault);
void ferry_link_sender_done(struct ferry_link_sender *self);
void ferry_link_sender_tell(struct ferry_link_sender *self, enum ferry_event_kind kind, const char *text, uint32_t a0,
                            uint32_t a1, uint32_t a2);
void ferry_link_sender_want(struct ferry_link_sender *self, uint8_t kind, uint32_t offset, uint32_t len);
const char *ferry_link_sender_step_name(uint8_t step);
// link_sender_talk.c
void ferry_link_sender_ask(struct ferry_link_sender *self, uint8_t op, const uint8_t *more, size_t len);
uint32_t ferry_link_sender_timeout(const struct ferry_link_sender *self); // ms until an answer is late
void ferry_link_sender_note_rtt(struct ferry_link_sender *self, uint32_t ms);
void ferry_link_sender_on_piece(struct ferry_link_sender *self, const struct ferry_link_frame *f);
bool ferry_link_sender_next_piece(struct ferry_link_sender *self);
void ferry_link_sender_talk_step(struct ferry_link_sender *self);
void ferry_link_sender_lost(struct ferry_link_sender *self, const char *why); // connects again
// link_sender_steps.c
void ferry_link_sender_enter(struct ferry_link_sender *self, uint8_t step);
void ferry_link_sender_answered(struct ferry_link_sender *self, const uint8_t *in, size_t len);
void ferry_link_sender_refused(struct ferry_link_sender *self, int status, uint8_t fault);
void ferry_link_sender_source_done(struct ferry_link_sender *self);
void ferry_link_sender_met(struct ferry_link_sender *self);       // first contact of a job
void ferry_link_sender_restarted(struct ferry_link_sender *self); // the target starts anew: waits for it
// link_sender_plan.c
void ferry_link_sender_plan_begin(struct ferry_link_sender *self);
void ferry_link_sender_plan_next(struct ferry_link_sender *self); // the next PROVE, or RANGE
void ferry_link_sender_plan_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len);
void ferry_link_sender_plan_digest(struct ferry_link_sender *self);
bool ferry_link_sender_plan_range(struct ferry_link_sender *self);          // false: nothing is missing any more
uint32_t ferry_link_sender_plan_have(const struct ferry_link_sender *self); // bytes on the target
// link_sender_data.c
void ferry_link_sender_data_open(struct ferry_link_sender *self);
void ferry_link_sender_data_reset(struct ferry_link_sender *self); // a new session
void ferry_link_sender_on_ack(struct ferry_link_sender *self, const struct ferry_link_frame *f);
bool ferry_link_sender_can_send(const struct ferry_link_sender *self);
bool ferry_link_sender_next_chunk(struct ferry_link_sender *self);
void ferry_link_sender_chunk_data(struct ferry_link_sender *self, const uint8_t *bytes, size_t len);
void ferry_link_sender_chunk_sent(struct ferry_link_sender *self);
void ferry_link_sender_data_step(struct ferry_link_sender *self);
// link_sender_line.c
void ferry_link_sender_rates(struct ferry_link_sender *self); // the next rate to try, or GO
void ferry_link_sender_change_rate(struct ferry_link_sender *self, uint32_t baud, uint8_t next);
bool ferry_link_sender_next_pattern(struct ferry_link_sender *self);
void ferry_link_sender_line_step(struct ferry_link_sender *self);
void ferry_link_sender_try_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len);
void ferry_link_sender_test_answer(struct ferry_link_sender *self, const uint8_t *in, size_t len);
void ferry_link_sender_no_receiver(struct ferry_link_sender *self); // fails with the fault of the line by its name

#endif
