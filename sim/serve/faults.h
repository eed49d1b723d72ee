// The small language of `ferry vchip --fault`: faults of the line, resets and power cuts, at places that are counted,
// so that each can be made to happen again.
//
//   drop@N flip@N double@N stall@N:2000ms   at byte N of one direction, counted from 0 since the start
//   reset@N                                 the chip is reset when N bytes have passed
//   power-cut@op=N:torn                     power goes in flash operation N (before, torn, after); back on soon
//   ber=1e-5 loss=1e-4                      chance of a wrong bit, of a lost byte
//   latency=2ms jitter=1ms                  each way
//
// A suffix < means "to the chip", > "from the chip"; without one: to the chip for single faults, both for chances.
// flip takes a mask: flip@100:0x80. A torn power cut takes how much was done, in per mille: torn@700.
#ifndef SIM_SERVE_FAULTS_H
#define SIM_SERVE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/flash/flash.h"
#include "sim/line/line.h"

#define SIM_SERVE_FAULTS 64
#define SIM_SERVE_RESETS 16

struct sim_serve_reset {
    bool to_host;
    uint64_t at_byte;
};

struct sim_serve_faults {
    struct sim_line_cfg line; // .faults points into this struct
    struct sim_fault list[SIM_SERVE_FAULTS];
    struct sim_serve_reset resets[SIM_SERVE_RESETS];
    size_t reset_count;
    bool power_cut;
    uint64_t cut_op;
    enum sim_flash_cut cut_kind;
    unsigned cut_permille;
};

// Reads a list separated by commas. True: good. False: error says what is wrong and what words there are. The struct
// must not be moved afterwards.
bool sim_serve_faults_parse(struct sim_serve_faults *self, const char *spec, char *error, size_t error_cap);

#endif
