// The sender: the part of the link route that runs on the updater (docs/protocol/link.md).
//
// One sender is one session with one target, on one wire. After init it is idle (wants() == DONE); start() begins an
// operation; when wants() says DONE the next may be started. Every operation connects first when it has to.
//
// Data comes by request(): RAW (bytes of the image) and SHA256 (of a part of it); region is always 0. Where the wire
// has a rate, lines() asks to change it. Lost contact, a reset of the target, even in the middle of an update: the
// sender connects again, has proved by hashes what is in flash, and sends only what is missing, for reconnect_ms. What
// was asked for already (to select, to restart) is not asked for again when the target turns out to have done it; an
// image that the target runs on trial counts as sent.
//
// Memory: sizeof(struct ferry_link_sender) plus the caller's frame buffer for one chunk. Chunks that have to be sent
// again are asked for again.
#ifndef FERRY_ENGINE_LINK_SENDER_H
#define FERRY_ENGINE_LINK_SENDER_H

#include "ferry/codec/link_message.h"
#include "ferry/engine/engine.h"

#define FERRY_LINK_SENDER_FLIGHT 128 // chunks under way at most
#define FERRY_LINK_SENDER_UNITS 4096 // parts of an image that are proved one by one: of 4 KiB, up to 16 MiB

struct ferry_link_sender_cfg {
    uint8_t *frame;        // the caller's, for as long as the sender lives
    size_t frame_size;     // FERRY_LINK_WIRE_BUFFER(chunk); >= FERRY_LINK_WIRE_BUFFER(128)
    uint32_t updater;      // who we are, the same after a restart; two updaters differ
    uint16_t seed;         // makes session numbers; should differ from start to start
    uint32_t start_baud;   // rate at which a receiver waits; 0 = 115200, ignored when baud is 0
    uint32_t baud;         // rate to work at; 0 = the wire has no rate, or leave it
    uint16_t mtu;          // largest frame on a packet wire (20 .. 1500), 0 = byte wire
    bool clean;            // the wire loses nothing (TCP): the largest chunks from the start
    bool reorders;         // packets may overtake each other (UDP): lost means that three later ones came
    bool take_over;        // from another updater
    uint32_t hello_ms;     // how long to look for a receiver; 0 = 3000
    uint32_t reconnect_ms; // how long to look for it again after contact was lost; 0 = 20000
    uint32_t boot_ms;      // how long to wait after a reboot: longer than the receiver's confirm_ms; 0 = 90000
};

enum ferry_link_sender_op {
    FERRY_LINK_SENDER_CONNECT = 1, // hello, and the rate
    FERRY_LINK_SENDER_SEND,        // job.manifest; data by request(); proved, selected; then what job says
    FERRY_LINK_SENDER_TEST,        // tries the line and names its fault; job.test_bytes each way
    FERRY_LINK_SENDER_STATUS,
    FERRY_LINK_SENDER_ABORT,
    FERRY_LINK_SENDER_REBOOT,  // and waits until it answers again
    FERRY_LINK_SENDER_CONFIRM, // what runs now, when it is on trial; manifest.sha256, not all 0: only just that
    FERRY_LINK_SENDER_REVERT,  // what runs now, when it is on trial; then reboot
};

struct ferry_link_job {
    enum ferry_link_sender_op op;
    struct ferry_manifest manifest; // SEND; the sender fills in `head` for firmware by itself
    bool reboot;                    // SEND: restart the target afterwards and wait for it
    bool confirm;                   // SEND with reboot, firmware: read back version and hash, then confirm
    uint32_t test_bytes;            // TEST: 0 = 4096
};

// What TEST measured; the fault it names is in error(), or there is none (DONE).
struct ferry_link_line_report {
    uint32_t sent, arrived;         // pattern frames to the target
    uint32_t asked, received;       // pattern frames from the target
    uint32_t errors_per_million_to; // bit errors per million bits, from lost frames
    uint32_t errors_per_million_from;
    uint32_t overruns;  // frames the target lost right after erasing, since it started
    uint32_t log_bytes; // bytes of the target's own output between the frames
    uint32_t round_trip_ms;
};

struct ferry_link_flight {
    uint32_t offset;
    uint32_t sent_ms;
    uint16_t len; // 0 = a probe
    bool flying;
};

struct ferry_link_sender {
    struct ferry_link_sender_cfg cfg;
    struct ferry_link_job job;
    // What hello found; valid once connected.
    struct ferry_target_info target;
    struct ferry_link_limits limits;
    struct ferry_link_status status;      // of the last STATUS
    struct ferry_link_line_report report; // of the last TEST
    // Private from here on.
    uint8_t step; // enum in link_sender_parts.h
    uint8_t after_hello, after_rate;
    uint32_t ended; // FERRY_WANT_DONE or FERRY_WANT_FAILED, 0 = an operation is under way
    struct ferry_error error;
    uint32_t now_ms, beat_ms; // the last time heard of; when step() looks around next
    // The session.
    uint16_t session, session_count;
    bool connected, rebooted, was_connected;
    bool end_asked, reboot_asked; // in this job; the answer may have been lost
    bool end_again;               // END asks what was selected, in another session than that of the data
    bool ran_before;              // the target ran this image, confirmed, before the job began
    uint32_t heard_ms;            // when the last good frame came
    uint32_t connect_by_ms;       // until when a hello may go unanswered
    uint32_t next_hello_ms;       // after a hello that came too early
    uint32_t boot_answer_ms;
    // Request and answer.
    bool asking, resend, pending;
    uint8_t tag, tries;
    uint16_t message_len, message_at;
    uint8_t message[FERRY_LINK_MESSAGE_MAX];
    struct ferry_link_assembly answer;
    uint32_t asked_ms, answer_by_ms;
    uint32_t srtt8, rttvar4; // in ms, scaled by 8 and 4 as in RFC 6298
    bool rtt_known;
    // Plan: which units are on the target already.
    uint8_t have[FERRY_LINK_SENDER_UNITS / 8];
    uint32_t unit;         // bytes of one
    uint32_t proof_offset; // of the PROVE under way
    uint32_t proof_unit;
    uint32_t proof_next; // block that the next batch starts with
    uint8_t proof_count, proof_index;
    uint8_t proof_hash[FERRY_LINK_HASH_COUNT][FERRY_LINK_HASH_SIZE];
    uint16_t proof_blank, proof_deeper; // blocks of the batch that are blank; that have to be looked into
    uint32_t batch_offset;
    bool proof_units; // it is units that are proved, not blocks of 16
    uint32_t target_have;
    uint16_t withheld;
    uint8_t repairs;
    // Data.
    uint32_t range_start, range_end, next_offset, sent_to, limit, received;
    uint16_t next_seq, oldest_seq, last_highest, last_lost;
    bool probe_due, probe_sent, had_errors, overrun_told;
    uint32_t quiet_until_ms, probe_at_ms;
    struct ferry_link_flight flight[FERRY_LINK_SENDER_FLIGHT];
    uint32_t carry_offset; // taken out of flight as lost; to be sent again
    uint16_t carry_len;
    uint16_t chunk, chunk_max;
    uint32_t error_gap, since_error; // bytes on the wire between errors: estimate, and since the last one
    // The chunk that is being put together.
    bool building;
    uint32_t build_offset;
    uint16_t build_len, build_got;
    struct ferry_link_writer writer;
    // Other bytes wanted from the source.
    uint8_t want_kind; // enum ferry_request_kind, 0 = none
    uint32_t want_offset, want_len, want_got;
    uint8_t taken[32];
    // The line.
    uint32_t baud, wanted_baud, old_baud;
    uint32_t ceiling; // rates from here on have failed
    uint32_t rate_by_ms;
    uint8_t patterns_left, pattern_len;
    uint32_t patterns_sent, patterns_got, patterns_asked;
    uint32_t test_wait_ms;
    bool test_waits;
    // Out and in.
    size_t tx_len, tx_at;
    bool tx_chunk;    // what goes out is a chunk: its time of sending counts
    uint32_t idle_ms; // since when nothing has gone out
    struct ferry_link_reader reader;
    uint8_t rx[FERRY_LINK_PLAIN_BUFFER(96)];
    uint32_t beacon_bytes, beacon_frames;
    uint8_t beacons;
    // Progress and events.
    uint32_t skipped, wire_bytes, retries;
    struct ferry_event events[4];
    uint8_t event_count;
};

// 0, or FERRY_ERR_ARG (frame buffer missing or too small, MTU out of range). Copies cfg.
int ferry_link_sender_init(struct ferry_link_sender *self, const struct ferry_link_sender_cfg *cfg);
// Begins an operation. 0; FERRY_ERR_STATE (another is under way), FERRY_ERR_ARG (size 0). Copies job.
int ferry_link_sender_start(struct ferry_link_sender *self, const struct ferry_link_job *job, uint32_t now_ms);
// The engine shape (engine.h); self is a struct ferry_link_sender.
extern const struct ferry_engine_ops ferry_link_sender_ops;

#endif
