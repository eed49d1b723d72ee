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
    bool to_host;       // direction: from the chip to the host
    uint64_t at_byte;
    uint32_t stall_us;  // SIM_FAULT_STALL
    uint8_t flip_mask;  // SIM_FAULT_FLIP, 0 = 0x10
};

struct sim_line_cfg {
    double ber_to_chip, ber_to_host;   // bit error rates
    double drop_to_chip, drop_to_host; // chance that a byte vanishes
    uint32_t latency_us;               // added one way, as a USB adapter does
    uint32_t jitter_us;                // up to this much more, from the seed
    const struct sim_fault *faults;    // the caller's
    size_t fault_count;
    uint32_t error_every;              // one flipped bit every so many bytes to the chip, 0 = none
};

#endif
