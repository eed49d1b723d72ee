// Telnet (RFC 854) with the COM port option (RFC 2217), the client's side, as pure bytes: no socket, no clock.
//
//   from the socket  -> ferry_posix_telnet_decode() -> data of the serial line; answers collect in an outbox
//   data to the line -> ferry_posix_telnet_encode() -> bytes for the socket (FF is doubled)
//   requests         -> ferry_posix_telnet_set_baud() ... -> the outbox; what the server answered is in the struct
//
// The outbox must go to the socket before data that was encoded later; ferry_posix_telnet_take() empties it.
#ifndef PORTS_POSIX_TELNET_H
#define PORTS_POSIX_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ferry_posix_telnet_control { // values of SET-CONTROL (RFC 2217, "SET-CONTROL")
    FERRY_POSIX_TELNET_NO_FLOW_CONTROL = 1,
    FERRY_POSIX_TELNET_DTR_ON = 8,
    FERRY_POSIX_TELNET_DTR_OFF = 9,
    FERRY_POSIX_TELNET_RTS_ON = 11,
    FERRY_POSIX_TELNET_RTS_OFF = 12,
};

enum ferry_posix_telnet_purge { FERRY_POSIX_TELNET_PURGE_RX = 1, FERRY_POSIX_TELNET_PURGE_BOTH = 3 };

enum ferry_posix_telnet_option_state { // one side of one telnet option (RFC 1143, without its queue)
    FERRY_POSIX_TELNET_NO = 0,
    FERRY_POSIX_TELNET_ASKED,
    FERRY_POSIX_TELNET_YES,
    FERRY_POSIX_TELNET_REFUSED,
};

#define FERRY_POSIX_TELNET_OPTIONS 4 // BINARY, ECHO, SUPPRESS-GO-AHEAD, COM-PORT

struct ferry_posix_telnet {
    uint8_t ours[FERRY_POSIX_TELNET_OPTIONS];   // enum ferry_posix_telnet_option_state: what we do
    uint8_t theirs[FERRY_POSIX_TELNET_OPTIONS]; // what the server does
    // What the server answered last, and how often: a caller compares the count before and after its request.
    uint32_t baud, bauds;
    uint8_t control; // last SET-CONTROL answer
    uint32_t controls;
    uint32_t purges;
    bool suspended;       // FLOWCONTROL-SUSPEND: send no data until RESUME
    char signature[33];   // the server's, "" = not told
    bool outbox_overflow; // the server asked for more than it took away: the connection cannot be used any more
    // Private.
    uint8_t state, verb;
    uint8_t sub[48];
    uint8_t sub_len;
    uint8_t outbox[512];
    size_t outbox_len;
};

// Starts over; the first requests of the negotiation are in the outbox.
void ferry_posix_telnet_init(struct ferry_posix_telnet *self);
// The server speaks the COM port option (it said DO, or WILL: both are seen), resp. has refused it.
bool ferry_posix_telnet_ready(const struct ferry_posix_telnet *self);
bool ferry_posix_telnet_refused(const struct ferry_posix_telnet *self);

// Takes bytes from the socket; *out_len in: room, out: bytes of data. Returns how many of len were consumed (less than
// len only when out is full). Any cut of the input gives the same result.
size_t ferry_posix_telnet_decode(struct ferry_posix_telnet *self, const uint8_t *in, size_t len, uint8_t *out,
                                 size_t *out_len);
// Returns bytes written to out; *consumed = bytes taken from in. A doubled FF is never cut.
size_t ferry_posix_telnet_encode(const uint8_t *in, size_t len, size_t *consumed, uint8_t *out, size_t cap);

// Requests. set_line sends 8 data bits, no parity, 1 stop bit, no flow control, and asks for no state reports.
void ferry_posix_telnet_set_line(struct ferry_posix_telnet *self);
void ferry_posix_telnet_set_baud(struct ferry_posix_telnet *self, uint32_t baud);
void ferry_posix_telnet_set_control(struct ferry_posix_telnet *self, enum ferry_posix_telnet_control value);
void ferry_posix_telnet_purge(struct ferry_posix_telnet *self, enum ferry_posix_telnet_purge what);

// Moves up to cap bytes out of the outbox.
size_t ferry_posix_telnet_take(struct ferry_posix_telnet *self, uint8_t *out, size_t cap);

#endif
