// A serial line: two wires with a baud rate at each end. Bytes take time; noise, loss, doubling, stalls and a wrong
// baud rate happen to them as configured, from a seed.
#ifndef SIM_LINE_LINE_H
#define SIM_LINE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_fault_kind { SIM_FAULT_NONE, SIM_FAULT_DROP, SIM_FAULT_FLIP, SIM_FAULT_DOUBLE, SIM_FAULT_STALL };

// One fault at one byte position of one direction, counted from the start of the session.
struct sim_fault {
    enum sim_fault_kind kind;
    bool to_host; // direction: from the chip to the host
    uint64_t at_byte;
    uint32_t stall_us; // SIM_FAULT_STALL
    uint8_t flip_mask; // SIM_FAULT_FLIP, 0 = 0x10
};

struct sim_line_cfg {
    double ber_to_chip, ber_to_host;   // bit error rates
    double drop_to_chip, drop_to_host; // chance that a byte vanishes
    uint32_t latency_us;               // added one way, as a USB adapter does
    uint32_t jitter_us;                // up to this much more, from the seed
    const struct sim_fault *faults;    // the caller's
    size_t fault_count;
    uint32_t error_every; // one flipped bit every so many bytes to the chip, 0 = none
};

#define SIM_LINE_TOLERANCE 0.03 // rates that differ by more give framing garbage

// One direction of the line. Times are in ns from the same zero as the chip's clock. `ideal`: no rate, no delay; the
// configured faults still happen. NULL: no memory. cfg->faults must outlive the line.
struct sim_line;
struct sim_line *sim_line_new(const struct sim_line_cfg *cfg, bool to_host, bool ideal, uint32_t seed);
void sim_line_free(struct sim_line *self);

// The sender hands over a byte: it starts on the wire when the byte before it has ended.
void sim_line_put(struct sim_line *self, uint8_t byte, uint64_t now_ns, uint32_t baud);
// The receiver, listening at `baud`, takes what has arrived by now; false = nothing.
bool sim_line_take(struct sim_line *self, uint64_t now_ns, uint32_t baud, uint8_t *byte);
uint64_t sim_line_next(const struct sim_line *self);                  // when a byte arrives next; UINT64_MAX = none
uint64_t sim_line_free_at(const struct sim_line *self);               // when the sender's last byte has ended
uint64_t sim_line_count(const struct sim_line *self);                 // bytes put on it so far
size_t sim_line_unsent(const struct sim_line *self, uint64_t now_ns); // bytes handed over, not yet on the wire
void sim_line_silence(struct sim_line *self, uint64_t now_ns);        // the sender stops: unsent bytes are gone

#endif
