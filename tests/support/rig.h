// The rig of the link route: the real sender, receiver and pumps around a byte-accurate line and a NOR flash, in
// virtual time. Same seed, same run.
//
// The line: each direction sends a byte in ten bit times of its end's rate, and it arrives half a round trip later.
// Faults hit bytes on their way. The receiver's processor stands still while its sink works; its UART then takes what a
// FIFO of 128 bytes and the port's ring hold, and loses the rest; where the sink is deaf only the FIFO is left.
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "ferry/engine/link_sender.h"
#include "ferry/pump/pump.h"
#include "ferry/pump/receiver_pump.h"
#include "ferry/wire/packet.h"
#include "sim/flash/flash.h"

enum { RIG_TO_TARGET = 0, RIG_TO_HOST = 1 };

// A wire of the test's own in place of the line; the line's faults are then not there.
struct rig_wire {
    void *ctx;
    // At every start of an end (0 host, 1 target), which forgets what it held.
    struct ferry_stream (*open)(void *ctx, int end);
    // Time passes on it up to now_ns; deaf: the target's end stands still.
    void (*run)(void *ctx, uint64_t now_ns, bool deaf);
};

struct rig_cfg {
    uint32_t seed;
    const struct rig_wire *wire; // NULL: the line, or packets
    // Line.
    uint32_t baud;          // work rate; start rate is start_baud; 0 = 921600
    uint32_t start_baud;    // 0 = the same as baud (no negotiation)
    uint32_t line_max_baud; // above it every byte is garbage; 0 = no limit
    uint32_t round_trip_us;
    double ber[2];                     // bit error rate of each direction
    double drop[2], insert[2];         // chance per byte
    uint32_t burst_ms, burst_every_ms; // all bytes of that long are garbage, so often
    double loss_back;                  // chance that a frame of the way back is lost whole
    bool dead[2];                      // a cut wire
    uint32_t target_real_baud;         // the target's UART really runs at this rate, 0 = as it should
    bool log;                          // the target prints log lines into its output
    // Packet wire instead of a line, when mtu != 0.
    uint16_t mtu;
    double packet_loss[2], packet_double[2], packet_swap[2];
    // Receiver.
    uint32_t window, chunk; // 0 = 4096, 1024
    uint32_t wire_buffer;   // the UART driver's ring; 0 = none
    bool deaf;              // erasing stops its ears, and it says so
    bool hidden_deaf;       // ... and it does not say so
    uint32_t beacon_ms, confirm_ms, session_ms;
    bool is_trial;
    // Flash.
    uint32_t block_erase_us, sector_erase_us, page_us; // 0 = 150000, 45000, 1400
    uint32_t hash_us_per_kib;                          // 0 = 200
    bool instant_flash;                                // all of these 0
    uint16_t withheld;
    bool in_order; // the sink takes pages in ascending order only
    // Sender.
    uint32_t host_chunk; // 0 = 4096
    bool clean;
    uint32_t updater, hello_ms, reconnect_ms;
};

struct rig;
struct rig *rig_new(const struct rig_cfg *cfg, const uint8_t *image, uint32_t size);
void rig_free(struct rig *self);
struct ferry_link_sender *rig_sender(struct rig *self);
struct ferry_link_receiver *rig_receiver(struct rig *self);
struct sim_flash *rig_flash(struct rig *self);
const struct ferry_stream *rig_host_stream(struct rig *self); // for a second updater or a hostile one
// The manifest of the image (its SHA-256 made).
void rig_manifest(struct rig *self, struct ferry_manifest *out);
// Starts a job (SEND of the image when NULL) and runs it to its end; its status. FERRY_ERR_TIMEOUT: virtual time is up.
int rig_run(struct rig *self, const struct ferry_link_job *job, double seconds);
int rig_start(struct rig *self, const struct ferry_link_job *job);
// Runs to the next event; false when limit_us is reached. rig_ended: the operation has ended.
bool rig_turn(struct rig *self, uint64_t limit_us);
bool rig_ended(struct rig *self);
uint64_t rig_now_us(const struct rig *self);
void rig_let_run(struct rig *self, uint64_t us); // without a job
// Resets. The target's loses its RAM, what its UART held and its rate; its flash stays.
void rig_reset_target(struct rig *self);
void rig_reset_host(struct rig *self);
// Cuts one direction of the line (true), or mends it. What is on its way arrives.
void rig_cut(struct rig *self, int direction, bool cut);
// The target restarts as by its reset button: it boots what is selected (a reset as above boots the same firmware).
void rig_restart_target(struct rig *self);
// Bytes that no engine has sent (on a packet wire: one packet).
void rig_say(struct rig *self, int direction, const void *bytes, size_t len);
// An end (0 host, 1 target) does nothing for so long; what comes meanwhile waits in its port.
void rig_stop(struct rig *self, int end, uint64_t us);
// Damages whatever passes at byte number `at` of that direction (counted from the start), once.
void rig_hit(struct rig *self, int direction, uint64_t at);
uint64_t rig_bytes(const struct rig *self, int direction); // that have left
uint64_t rig_data_bytes(const struct rig *self);           // image bytes that the sender asked its source for
uint64_t rig_lost_in_erase(const struct rig *self);
// Of the sink: what it was told.
bool rig_selected(const struct rig *self);   // end() was called with the right bytes in flash
unsigned rig_erases(const struct rig *self); // prepare() calls that erased
bool rig_confirmed(const struct rig *self), rig_reverted(const struct rig *self);
unsigned rig_reboots(const struct rig *self);
struct ferry_target_info *rig_info(struct rig *self);              // what the sink says; change it to taste
void rig_refuse(struct rig *self, int status);                     // begin() answers so
void rig_trace(struct rig *self, const struct ferry_trace *trace); // what passes at the host's end

#endif
