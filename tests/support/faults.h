// The fault matrix: one fault at one byte of a whole session (connect, write, leave) with the virtual chip, in virtual
// time. Every case is named by an id that replays it, "c3-deflate-w2:drop:chip:1234".
//
// A case is good when it ends verified, and then the flash holds the image (compared here, not by the client), or in an
// error that a person can use. It is bad when it hangs, claims what is not so, or fails with an error that blames the
// caller or says nothing.
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/world.h"

#define FAULTS_STALL_US 2000000u
#define FAULTS_LIMIT_MS 300000u // virtual time that no session with one fault may need
#define FAULTS_ID_SIZE 64

struct faults_setup {
    const char *name; // as in ids
    const char *chip;
    bool plain;
    uint8_t window;
    bool no_lines;
};

struct faults_case {
    size_t setup;
    enum sim_fault_kind kind; // DROP, FLIP, DOUBLE, STALL
    bool to_host;
    uint64_t at; // byte of that direction, from 0
};

struct faults_outcome {
    struct world_result result;
    bool verified; // and the flash really holds the image
    bool outside;  // bytes of the flash changed that belong to no sector of the image
    char bad[96];  // what is wrong with this ending, "" = good
};

// chip {ESP32, ESP32-C3} x {deflate, plain} x window {1, 2} x {lines, no lines}
size_t faults_setup_count(void);
const struct faults_setup *faults_setup(size_t i);
// Bytes of a session without a fault, to the chip and to the host; aborts when that does not end verified.
void faults_lengths(size_t setup, uint64_t *to_chip, uint64_t *to_host);
struct faults_outcome faults_run(const struct faults_case *c);

void faults_id(const struct faults_case *c, char id[FAULTS_ID_SIZE]);
bool faults_parse(const char *id, struct faults_case *out); // false: no such id

// The image that all of this writes, and the world of a setup: for other tests of faults.
const struct world_part *faults_parts(size_t *count);
struct world_cfg faults_world(const struct faults_setup *setup);
// What is wrong with the ending of this session ("" = nothing), as for faults_run.
struct faults_outcome faults_judge(struct world *w, const struct world_result *r);

#endif
