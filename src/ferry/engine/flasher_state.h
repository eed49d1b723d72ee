// Inside the flasher: its states, and what the rooms (connect, identify, plan, stream, ...) offer each other.
//
// One state waits for one thing: an answer of the ROM, the lines, a pause, a digest. enter() asks for it, done() has
// it. What fails goes the way of ferry_flasher_trouble(): repeat, meet the ROM again, reset and reconnect, step the
// rate down, give up with the first cause.
#ifndef FERRY_ENGINE_FLASHER_STATE_H
#define FERRY_ENGINE_FLASHER_STATE_H

#include "ferry/engine/flasher.h"

// X(state, name of its functions, flags, step for people; NULL = that of the state before)
#define FERRY_FLASHER_STATES(X)                                                                                        \
    X(IDLE, idle, 0, "idle")                               /* nothing under way */                                     \
    X(RESET_LOW, reset_low, 0, "connecting")               /* reset asserted */                                        \
    X(RESET_BOOT, reset_boot, 0, "connecting")             /* reset released, boot asserted */                         \
    X(RESET_OPEN, reset_open, 0, "connecting")             /* both released */                                         \
    X(SYNC, sync, FERRY_FL_TIMEOUT, "connecting")          /* looking for the loader */                                \
    X(SYNC_REST, sync_rest, 0, "connecting")               /* the other seven answers */                               \
    X(SECURITY, security, FERRY_FL_REFUSAL, "identifying") /* GET_SECURITY_INFO */                                     \
    X(SECURITY_REST, security_rest, 0, "identifying")      /* refused: the copies of the refusal */                    \
    X(MAGIC, magic, 0, "identifying")                      /* chip magic register */                                   \
    X(FIELDS, fields, 0, "identifying")                    /* revision, MAC, crystal, one register after the other */  \
    X(BAUD, baud, 0, "changing the baud rate")             /* CHANGE_BAUDRATE */                                       \
    X(BAUD_SWITCH, baud_switch, 0, "changing the baud rate")            /* our own rate */                             \
    X(BAUD_TEST, baud_test, FERRY_FL_TIMEOUT, "changing the baud rate") /* does the line hold it? */                   \
    X(BAUD_REST, baud_rest, 0, "changing the baud rate")                                                               \
    X(ATTACH, attach, 0, "attaching the flash")     /* SPI_ATTACH */                                                   \
    X(FLASH_ID, flash_id, 0, "attaching the flash") /* JEDEC id through the SPI1 registers */                          \
    X(PARAMS, params, 0, "attaching the flash")     /* SPI_SET_PARAMS */                                               \
    X(CONNECTED, connected, 0, "attaching the flash")                                                                  \
    X(DRAIN, drain, 0, NULL)                  /* an error: wait until the line is quiet */                             \
    X(RESYNC, resync, FERRY_FL_TIMEOUT, NULL) /* is the loader still there? */                                         \
    X(RESYNC_REST, resync_rest, 0, NULL)                                                                               \
    X(COMPARE, compare, 0, NULL)                    /* MD5 of the target (and of the source) */                        \
    X(SCAN, scan, 0, "comparing")                   /* next segment */                                                 \
    X(SAMPLE_HEAD, sample_head, 0, "comparing")     /* first bytes of a segment */                                     \
    X(SAMPLE_TAIL, sample_tail, 0, "comparing")     /* last bytes of a segment */                                      \
    X(WHOLE, whole, 0, "comparing")                 /* a whole segment */                                              \
    X(BLANK, blank, 0, "comparing")                 /* is it erased already? */                                        \
    X(SECTOR_SAMPLE, sector_sample, 0, "comparing") /* a segment that differs: sector by sector */                     \
    X(SECTOR_WHOLE, sector_whole, 0, "comparing")                                                                      \
    X(SECTOR_BLANK, sector_blank, 0, "comparing")                                                                      \
    X(ERASE, erase, 0, "erasing")                  /* FLASH_BEGIN that erases */                                       \
    X(STREAM, stream, FERRY_FL_REFUSAL, "writing") /* blocks on their way */                                           \
    X(PROVE, prove, 0, "verifying")                /* MD5 of what was written */                                       \
    X(PROVE_ALL, prove_all, 0, "verifying")        /* after an anomaly: everything once more */                        \
    X(VERIFY, verify, 0, "verifying")                                                                                  \
    X(LEAVE_LOW, leave_low, 0, "leaving")                                                                              \
    X(LEAVE_OPEN, leave_open, 0, "leaving")

// States of the operations that a device which only writes can leave out (see ferry_flasher_start).
#define FERRY_FLASHER_EXTRA_STATES(X)                                                                                  \
    X(READ, read, 0, "reading")             /* READ_FLASH_SLOW */                                                      \
    X(READ_CHECK, read_check, 0, "reading") /* MD5 of the unit that was read */                                        \
    X(READ_OUT, read_out, 0, "reading")     /* the caller takes it */                                                  \
    X(WIPE, wipe, 0, "erasing")             /* erase on request */                                                     \
    X(WIPE_PROVE, wipe_prove, 0, "verifying")                                                                          \
    X(RAM_END, ram_end, FERRY_FL_TIMEOUT, "starting") /* MEM_END: start the program */                                 \
    X(READ_REG, read_reg, 0, "reading a register")                                                                     \
    X(WRITE_REG, write_reg, 0, "writing a register")                                                                   \
    X(MD5, md5, 0, "verifying")

enum ferry_flasher_state {
#define X(state, name, flags, step) FERRY_FL_##state,
    FERRY_FLASHER_STATES(X) FERRY_FLASHER_EXTRA_STATES(X)
#undef X
        FERRY_FL_COUNT,
    FERRY_FL_FIRST_EXTRA = FERRY_FL_READ,
};

// What a state does.
struct ferry_flasher_handlers {
    void (*enter)(struct ferry_flasher *self);
    void (*done)(struct ferry_flasher *self, const struct ferry_rom_answer *answer);
    uint8_t flags;
    const char *step;
};
extern const struct ferry_flasher_handlers ferry_flasher_extra[]; // from FERRY_FL_FIRST_EXTRA on

enum {
    FERRY_FL_REFUSAL = 1, // done() is called for refusals too
    FERRY_FL_TIMEOUT = 2, // done() is called when no answer came (answer NULL)
};

// In self->wishes, beside WAIT, DATA, LINES and OUTPUT of enum ferry_want: the wait is over when the line is quiet.
#define FERRY_FL_DRAINING 0x10000u

// What ferry_flasher_lines() does.
enum { FERRY_FL_SET = 1, FERRY_FL_RESET = 2, FERRY_FL_BOOT = 4, FERRY_FL_FLUSH = 8 };

enum { FERRY_FL_EMPTY, FERRY_FL_FILLING, FERRY_FL_READY, FERRY_FL_SENT }; // slot states
enum { FERRY_FL_PLAIN, FERRY_FL_PACKED, FERRY_FL_RAM };                   // kinds of chunks

#define FERRY_FL_NO_ADDRESS UINT32_MAX

// enter() and done() of every state, in the room it belongs to. answer is NULL for lines, pauses and digests.
#define X(state, name, flags, step)                                                                                    \
    void ferry_flasher_enter_##name(struct ferry_flasher *self);                                                       \
    void ferry_flasher_done_##name(struct ferry_flasher *self, const struct ferry_rom_answer *answer);
FERRY_FLASHER_STATES(X)
FERRY_FLASHER_EXTRA_STATES(X)
#undef X

// flasher.c: moving on, and asking.
void ferry_flasher_go(struct ferry_flasher *self, enum ferry_flasher_state state);
// done() of a state without entering it: what it waited for was done by a shared state.
void ferry_flasher_resume(struct ferry_flasher *self, enum ferry_flasher_state state);
void ferry_flasher_finish(struct ferry_flasher *self);
void ferry_flasher_fail(struct ferry_flasher *self, int status, const char *detail);
void ferry_flasher_fail_at(struct ferry_flasher *self, int status, const char *detail, uint32_t address);
// A command (see ferry_rom_client_send).
void ferry_flasher_send(struct ferry_flasher *self, uint8_t op, const uint8_t *head, size_t head_len,
                        const uint8_t *body, size_t body_len, uint32_t timeout_ms);
// A command of 32-bit words. timeout_ms is on top of the time on the wire.
void ferry_flasher_command(struct ferry_flasher *self, uint8_t op, const uint32_t *words, size_t count,
                           uint32_t timeout_ms);
// FLASH_BEGIN or its like (op): the fifth word, 0, goes along where the chip wants one.
void ferry_flasher_begin(struct ferry_flasher *self, uint8_t op, const uint32_t *words, uint32_t timeout_ms);
void ferry_flasher_read_register(struct ferry_flasher *self, uint32_t address);
void ferry_flasher_write_register(struct ferry_flasher *self, uint32_t address, uint32_t value, uint32_t mask);
void ferry_flasher_wait(struct ferry_flasher *self, uint32_t ms);
// done() once the line has been quiet for a while.
void ferry_flasher_drain(struct ferry_flasher *self);
// Sets the lines (FERRY_FL_SET, with RESET and BOOT asserted or not), then the rate (baud 0: as it is).
void ferry_flasher_lines(struct ferry_flasher *self, unsigned what, uint32_t baud, uint32_t hold_ms);
// Asks for offset .. offset+len of the region, or of what the kind makes of `segment` .. +segment_len of it.
void ferry_flasher_ask(struct ferry_flasher *self, enum ferry_request_kind kind, uint32_t offset, uint32_t len,
                       uint32_t segment, uint32_t segment_len);
void ferry_flasher_warn(struct ferry_flasher *self, const char *text);
void ferry_flasher_event(struct ferry_flasher *self, enum ferry_event_kind kind, const char *text, uint32_t a0,
                         uint32_t a1, uint32_t a2);
uint32_t ferry_flasher_wire_ms(const struct ferry_flasher *self, uint32_t bytes);
// Keeps what was read, len <= 24 bytes, until it has been read twice alike; true then.
bool ferry_flasher_confirm(struct ferry_flasher *self, const void *bytes, size_t len);

// flasher_recover.c
// The target refused: trouble with its error byte.
void ferry_flasher_refused(struct ferry_flasher *self, const struct ferry_rom_answer *answer);
// Something went wrong on the way (status, the target's error byte or -1): repeat from the job's last firm ground.
void ferry_flasher_trouble(struct ferry_flasher *self, int status, int peer, const char *detail);
void ferry_flasher_progress_made(struct ferry_flasher *self);
// The job goes on from its last firm ground.
void ferry_flasher_restart_job(struct ferry_flasher *self);

// flasher_connect.c, flasher_baud.c
void ferry_flasher_connect(struct ferry_flasher *self);
// Begins to look for the loader, at the first rate; with a reset, or where it is.
void ferry_flasher_start_attempts(struct ferry_flasher *self);
// The lines are there and may be used now: not before a person who said no-reset has been met.
bool ferry_flasher_drives_lines(const struct ferry_flasher *self);
void ferry_flasher_next_attempt(struct ferry_flasher *self);
void ferry_flasher_sync_command(struct ferry_flasher *self, uint32_t timeout_ms);
// The rate to work at becomes the next lower one, with a warning. False: there is none, or no way to a new rate but a
// reset.
bool ferry_flasher_lower_rate(struct ferry_flasher *self, const char *why);
// flasher_identify.c
uint32_t ferry_flasher_field(const struct ferry_flasher *self, enum ferry_chip_field which); // its value, 0 = no field
void ferry_flasher_identify(struct ferry_flasher *self);

// flasher_compare.c: MD5 of `len` bytes at `offset` of the region on the target (and of the source); then done() of the
// state at hand.
void ferry_flasher_compare(struct ferry_flasher *self, uint32_t offset, uint32_t len, bool with_source);
// The same, compared with `bytes` instead of the source.
void ferry_flasher_compare_bytes(struct ferry_flasher *self, uint32_t offset, uint32_t len, const uint8_t *bytes);
bool ferry_flasher_equal(const struct ferry_flasher *self);
// The target's digest is that of `len` erased bytes (256, 1024, or a multiple of 4096 up to 64 KB).
bool ferry_flasher_target_blank(const struct ferry_flasher *self, uint32_t len);
void ferry_flasher_compare_supplied(struct ferry_flasher *self);

// flasher_plan.c
const struct ferry_region *ferry_flasher_region(const struct ferry_flasher *self);
uint32_t ferry_flasher_segment_len(const struct ferry_flasher *self, uint32_t offset);
void ferry_flasher_write_begin(struct ferry_flasher *self);

// flasher_stream.c
void ferry_flasher_stream_ram(struct ferry_flasher *self);
void ferry_flasher_stream_run(struct ferry_flasher *self);        // does what can be done now
void ferry_flasher_stream_supplied(struct ferry_flasher *self);   // the request has been answered
uint8_t *ferry_flasher_stream_target(struct ferry_flasher *self); // where the bytes asked for belong

static inline bool ferry_flasher_can(const struct ferry_flasher *self, uint32_t cap)
{
    return (self->caps & cap) != 0;
}
static inline bool ferry_flasher_has_md5(const struct ferry_flasher *self)
{
    return ferry_flasher_can(self, FERRY_CAP_MD5);
}

#endif
