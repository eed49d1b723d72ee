// What the files of the receiver share with each other; not for others.
#ifndef FERRY_ENGINE_LINK_RECEIVER_PARTS_H
#define FERRY_ENGINE_LINK_RECEIVER_PARTS_H

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/engine/link_receiver.h"
#include <string.h>

#define RECEIVER_SILENCE_MS 2000u // without a frame for so long it goes back to the start rate
#define RECEIVER_ANSWER_MS 50u    // an answer that took its time is repeated after so long
#define RECEIVER_PAGE 256u

// link_receiver.c
void ferry_link_receiver_note(struct ferry_link_receiver *self, uint16_t session, uint8_t tag, uint8_t op, int status,
                              uint8_t fault, uint8_t extra);
void ferry_link_receiver_choose(struct ferry_link_receiver *self);
bool ferry_link_receiver_silent(const struct ferry_link_receiver *self); // nothing waits to go out
// link_receiver_requests.c
void ferry_link_receiver_message(struct ferry_link_receiver *self, const struct ferry_link_frame *f);
void ferry_link_receiver_put_off(struct ferry_link_receiver *self); // a request that has waited for the sink
void ferry_link_receiver_request_done(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op, int status,
                                      const struct ferry_link_receiver_result *result);
// link_receiver_data.c
void ferry_link_receiver_chunk(struct ferry_link_receiver *self, const struct ferry_link_frame *f);
void ferry_link_receiver_retry_held(struct ferry_link_receiver *self);
bool ferry_link_receiver_choose_data(struct ferry_link_receiver *self); // true: op is set
void ferry_link_receiver_data_done(struct ferry_link_receiver *self, enum ferry_link_receiver_op_kind op, int status,
                                   const struct ferry_link_receiver_result *result);
size_t ferry_link_receiver_put_ack(struct ferry_link_receiver *self);
void ferry_link_receiver_close_range(struct ferry_link_receiver *self);
// All of the open range is here and written (true also when none is open).
bool ferry_link_receiver_drained(const struct ferry_link_receiver *self);

#endif
