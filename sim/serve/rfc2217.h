// Telnet (RFC 854) with the COM port option (RFC 2217), the access server's side, as pure bytes: no socket, no clock.
// It plays a serial adapter: data goes through, SET-BAUDRATE and SET-CONTROL are kept and answered, the rest is agreed
// to. Options: BINARY, ECHO (agreed to, never done: clients ask for it out of habit), SUPPRESS-GO-AHEAD, COM-PORT.
#ifndef SIM_SERVE_RFC2217_H
#define SIM_SERVE_RFC2217_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_serve_event { // what a byte from the client led to
    SIM_SERVE_NOTHING,
    SIM_SERVE_DATA,     // *data is a byte of the serial line
    SIM_SERVE_BAUD,     // self->baud was set
    SIM_SERVE_LINES,    // self->dtr or self->rts was set
    SIM_SERVE_BREAK,    // self->sending_break was set
    SIM_SERVE_PURGE_TX, // throw away what has not been sent to the device yet
    SIM_SERVE_PURGE_RX, // throw away what has not been sent to the client yet
    SIM_SERVE_PURGE_BOTH,
};

#define SIM_SERVE_RFC2217_OUTBOX 256
#define SIM_SERVE_RFC2217_ANSWER 64 // most that one byte from the client adds to the outbox

struct sim_serve_rfc2217 {
    uint32_t baud; // last SET-BAUDRATE
    bool dtr, rts, sending_break;
    bool com_port;                            // the client speaks the COM port option
    uint8_t outbox[SIM_SERVE_RFC2217_OUTBOX]; // answers for the client, to be sent before later data
    size_t outbox_len;
    // Private.
    uint8_t state, verb, sub[24], sub_len;
    uint8_t we[4], they[4]; // options agreed on
    uint8_t datasize, parity, stopsize;
};

// Starts a session; the outbox holds the first offers.
void sim_serve_rfc2217_init(struct sim_serve_rfc2217 *self, uint32_t baud);
// One byte from the client. The caller empties the outbox before it has less than SIM_SERVE_RFC2217_ANSWER of room:
// answers that do not fit are lost.
enum sim_serve_event sim_serve_rfc2217_byte(struct sim_serve_rfc2217 *self, uint8_t byte, uint8_t *data);
// Doubles FF. Returns bytes written; out needs room for twice len.
size_t sim_serve_rfc2217_encode(const uint8_t *in, size_t len, uint8_t *out);

#endif
