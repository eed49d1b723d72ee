// The conformance suite of the link route: cases that know nothing of the wire they run on, and wires.
//
// A case gets a struct conf with a wire in it, makes a target with conf_open() and asserts what both sides then say and
// what is in flash. What is done to a wire (noise, a cut) is said by its effect; how it looks is the wire's affair.
#ifndef TESTS_SUPPORT_CONFORMANCE_H
#define TESTS_SUPPORT_CONFORMANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/wire/two_wire.h"
#include "tests/support/pins.h"
#include "tests/support/rig.h"

#define CONF_IMAGE 66000u
#define CONF_SLOT 0x110000u // where the rig's sink writes

enum conf_trait {
    CONF_LOSSLESS = 1 << 0, // as long as nobody does anything to it
    CONF_BYTES = 1 << 1,    // a stream of bytes that may have others between the frames
    CONF_PACKETS = 1 << 2,
    CONF_RATE = 1 << 3,    // its rate can be changed
    CONF_NOISY = 1 << 4,   // can have noise
    CONF_TWO_WAYS = 1 << 5 // its directions can be cut one by one
};

struct conf;

struct conf_wire {
    const char *name;
    unsigned traits;
    uint32_t chunk; // bytes of a chunk that fills a frame on it
    struct rig_cfg cfg;
    void (*attach)(struct conf *c); // a wire of its own; NULL: the rig's
};

struct conf {
    const struct conf_wire *wire;
    struct rig_cfg cfg; // the wire's; a case may change it until conf_open()
    struct rig *rig;
    uint8_t image[CONF_IMAGE];
    uint32_t size;
    // What the wires of its own need.
    struct rig_wire own;
    struct pins pins;
    struct ferry_wire_soft_uart uart[2];
    struct ferry_wire_two_wire two[2];
    struct conf_pipe {
        struct conf *conf;
        int end;
        bool cut;
        size_t len; // of what this end has sent and nobody has read
        uint8_t bytes[4096];
    } pipe[2];
    uint32_t random;
    uint64_t talked_ns; // when somebody has last said something on the pins
};

struct conf_case {
    const char *name;
    unsigned needs; // traits that the wire must have
    void (*run)(struct conf *c);
};

// conformance_wires.c
extern const struct conf_wire conf_wires[];
extern const size_t conf_wire_count;
uint32_t conf_random(struct conf *c);
// A part of the wire's life: how hard the noise is (0 none, 1 hard), and which directions are cut.
void conf_noise(struct conf *c, double to_target, double to_host);
void conf_cut(struct conf *c, bool to_target, bool to_host);

// conformance.c
void conf_init(struct conf *c, const struct conf_wire *wire);
void conf_close(struct conf *c);
// A target that waits, and an updater that has `size` bytes to send.
void conf_open(struct conf *c, uint32_t size);
// The updater starts anew, as if it had lost its power; another one takes its place.
void conf_other_updater(struct conf *c, uint32_t updater, bool take_over);
// Runs an operation; its status.
int conf_do(struct conf *c, enum ferry_link_sender_op op);
// Sends the image as firmware, up to its end; its status.
int conf_send(struct conf *c);
// Starts to send it, up to this many bytes received.
void conf_send_until(struct conf *c, uint32_t received);
int conf_finish(struct conf *c); // what conf_send_until() began; its status
struct ferry_error conf_cause(const struct conf *c);
// It is in flash, selected, and nothing around it was changed.
void conf_arrived(struct conf *c);
void conf_untouched(struct conf *c); // no erase, and the old firmware as it was

// The cases.
extern const struct conf_case conf_transfer_cases[], conf_trouble_cases[], conf_rule_cases[];
extern const size_t conf_transfer_count, conf_trouble_count, conf_rule_count;

#endif
