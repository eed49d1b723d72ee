// What the files of the rig share with each other.
#ifndef TESTS_SUPPORT_RIG_PARTS_H
#define TESTS_SUPPORT_RIG_PARTS_H

#include "ports/posix/digest.h"
#include "rig.h"

#define QUEUE 131072u
#define SLOT 0x110000u
#define FIFO 128u
#define PORT_TX 256u
#define AIR 64u
#define WIRE_STEP_NS 250000u // a wire of the test's own is looked at so often

uint32_t rig_random(uint64_t *s);
double rig_chance(uint64_t *s);

// ---- one direction of the line -------------------------------------------------------------------------------------

struct byte {
    uint64_t at_ns; // arrival
    uint32_t baud;
    uint8_t value;
};

struct way {
    struct byte *queue;
    uint64_t head, tail;   // counted, modulo QUEUE
    uint64_t free_ns;      // when the last byte will have left
    uint64_t sent, hit_at; // bytes; the one that is damaged next
    uint64_t skip_bits;    // good bits up to the next bit error
    bool run_lost, at_start;
    uint64_t seed;
};

struct packet {
    uint64_t at_ns;
    uint16_t len;
    uint8_t bytes[1500];
};

struct air { // one direction of a packet wire
    struct packet *queue;
    unsigned count;
    uint64_t free_ns, seed, sent, dropped;
};

struct end { // one end of the line
    struct rig *rig;
    int out; // direction that it sends
    uint32_t baud;
    uint8_t *ring; // what its UART has received and nobody has read
    size_t ring_len, ring_cap;
    bool fresh; // something came since its processor has last looked
};

struct rig {
    struct rig_cfg cfg;
    uint64_t now_ns, busy_ns; // the target's processor stands still until then
    bool erasing;
    struct way way[2];
    struct air air[2];
    struct end host, target;
    struct ferry_stream host_stream, target_stream;
    struct ferry_datagram host_gram, target_gram;
    struct ferry_wire_packet host_packet, target_packet;
    // Engines.
    struct ferry_link_sender sender;
    struct ferry_link_receiver receiver;
    struct ferry_pump pump;
    struct ferry_receiver_pump receiver_pump;
    uint8_t *host_frame, *window, *frame;
    uint64_t host_due_ns, target_due_ns;
    uint64_t host_stop_ns; // it does nothing until then
    // Source.
    const uint8_t *image;
    uint32_t size;
    uint64_t asked;
    struct ferry_posix_digest digest_state, sink_digest_state;
    struct ferry_digest digest, sink_digest;
    struct ferry_source source;
    struct ferry_supply_basic basic;
    struct ferry_supply supply, counted;
    uint8_t scratch[4096];
    // Sink.
    struct sim_flash *flash;
    struct ferry_sink sink;
    struct ferry_target_info info;
    uint8_t withheld[256];
    uint32_t withheld_have, slot_size;
    uint16_t withhold;
    uint32_t begun_size;
    uint8_t begun_sha[32];
    uint64_t cost_us;
    int refuse;
    bool open, selected, confirmed, reverted;
    unsigned erases, reboots;
    uint64_t lost_in_erase, log_due_ns;
};

// rig_line.c
uint64_t rig_to_error(struct way *w, double ber);
void rig_carry(struct rig *r, int d, uint32_t baud, uint8_t value);
int rig_end_write(void *ctx, const uint8_t *bytes, size_t len);
int rig_end_read(void *ctx, uint8_t *buf, size_t cap);
int rig_end_pending(void *ctx);
int rig_end_set_baud(void *ctx, uint32_t baud);
void rig_deliver(struct rig *r, int d);
int rig_gram_send(void *ctx, const uint8_t *packet, size_t len);
int rig_gram_recv(void *ctx, uint8_t *buf, size_t cap);
// rig_sink.c
struct ferry_sink rig_sink(struct rig *r);

#endif
