// The ROM client: sends commands to a mask ROM loader and matches its answers.
//
// It knows frames and commands, not what they are for. Up to FERRY_ROM_CLIENT_WINDOW commands may be under way; answers
// come in order. The ROM's habits (docs/protocol/rom.md) are dealt with here: eight answers to one SYNC, refusals that
// carry the opcode of the command before, text between frames, stale answers.
#ifndef FERRY_ENGINE_ROM_CLIENT_H
#define FERRY_ENGINE_ROM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/codec/rom.h"
#include "ferry/codec/rom_log.h"
#include "ferry/codec/slip.h"

#define FERRY_ROM_CLIENT_WINDOW 4u
#define FERRY_ROM_CLIENT_HEAD 48u // header and fixed part of a command

struct ferry_rom_pending {
    uint8_t op;
    bool sent;           // the whole frame has been taken by poll()
    uint32_t timeout_ms; // from then on, or from the answer before
    uint32_t deadline_ms;
};

struct ferry_rom_client {
    // The frame being sent: head, then body (the caller's bytes, until tx_busy() is false).
    const uint8_t *body;
    size_t body_len;
    size_t head_len;
    size_t at;         // next byte of head + body
    uint32_t tx_state; // private: 0 = idle
    // Commands sent and not answered, oldest first.
    uint32_t pending_count;
    struct ferry_rom_pending pending[FERRY_ROM_CLIENT_WINDOW];
    uint32_t wire_bytes; // sent since init
    uint8_t answered_op; // of the command that was answered last
    uint8_t last_op;     // that its answer carried (a refusal: that of the command before)
    bool echoed;         // a request came back as it was
    // What arrives.
    struct ferry_rom_answer answer; // valid after feed() has set *answered, until the next feed()
    struct ferry_slip_decoder decoder;
    struct ferry_rom_log log;
    uint8_t head[FERRY_ROM_CLIENT_HEAD];
    uint8_t rx[FERRY_ROM_HEADER_SIZE + FERRY_ROM_MAX_BODY + 8];
};

void ferry_rom_client_init(struct ferry_rom_client *self);
// Begins to send a command. head_len <= 40; body may be NULL. The body stays the caller's and unchanged until tx_busy()
// is false. 0, or FERRY_ERR_STATE (a frame is being sent, or too many are under way), FERRY_ERR_ARG.
int ferry_rom_client_send(struct ferry_rom_client *self, uint8_t op, const uint8_t *head, size_t head_len,
                          const uint8_t *body, size_t body_len, uint32_t timeout_ms);
static inline bool ferry_rom_client_tx_busy(const struct ferry_rom_client *self)
{
    return self->tx_state != 0;
}
// Bytes for the wire; 0 = nothing to send.
size_t ferry_rom_client_poll(struct ferry_rom_client *self, uint8_t *buf, size_t cap, uint32_t now_ms);
// Takes bytes up to and including the answer to the oldest command under way (*answered), or all. Returns the count.
size_t ferry_rom_client_feed(struct ferry_rom_client *self, const uint8_t *bytes, size_t len, uint32_t now_ms,
                             bool *answered);
// True when the oldest command's answer is overdue.
bool ferry_rom_client_overdue(const struct ferry_rom_client *self, uint32_t now_ms);
// ms until it is (0 = it is), FERRY_NEVER_MS when nothing is under way.
uint32_t ferry_rom_client_deadline(const struct ferry_rom_client *self, uint32_t now_ms);
// Forgets everything under way, also a frame half sent.
void ferry_rom_client_abandon(struct ferry_rom_client *self);

#endif
