#include "ports/posix/telnet.h"

#include <string.h>

enum { // RFC 854
    SE = 240,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
};

enum { COM_PORT = 44 };
enum { BINARY_AT = 0, ECHO_AT, SGA_AT, COM_PORT_AT };
static const uint8_t option_codes[FERRY_POSIX_TELNET_OPTIONS] = {0, 1, 3, COM_PORT};

enum { // RFC 2217: client to server; the server's answers are these + 100
    SIGNATURE = 0,
    SET_BAUDRATE = 1,
    SET_DATASIZE = 2,
    SET_PARITY = 3,
    SET_STOPSIZE = 4,
    SET_CONTROL = 5,
    FLOWCONTROL_SUSPEND = 8,
    FLOWCONTROL_RESUME = 9,
    SET_LINESTATE_MASK = 10,
    SET_MODEMSTATE_MASK = 11,
    PURGE_DATA = 12,
    SERVER = 100,
};

enum state {
    DATA,       // bytes of the serial line
    SEEN_IAC,   // one FF
    SEEN_VERB,  // FF and WILL, WONT, DO or DONT: the option comes
    IN_SUB,     // between SB and SE
    IN_SUB_IAC, // one FF in there
};

enum { SUB_TOO_LONG = 255 };

static void put(struct ferry_posix_telnet *self, const uint8_t *bytes, size_t len)
{
    if (len > sizeof self->outbox - self->outbox_len) {
        self->outbox_overflow = true;
        return;
    }
    memcpy(self->outbox + self->outbox_len, bytes, len);
    self->outbox_len += len;
}

static void put_option(struct ferry_posix_telnet *self, uint8_t verb, uint8_t option)
{
    put(self, (const uint8_t[]){IAC, verb, option}, 3);
}

static void put_sub(struct ferry_posix_telnet *self, uint8_t command, const uint8_t *value, size_t len)
{
    uint8_t message[64] = {IAC, SB, COM_PORT, command};
    size_t at = 4;
    for (size_t i = 0; i < len && at + 4 <= sizeof message; i++) {
        message[at++] = value[i];
        if (value[i] == IAC)
            message[at++] = IAC;
    }
    message[at++] = IAC;
    message[at++] = SE;
    put(self, message, at);
}

void ferry_posix_telnet_init(struct ferry_posix_telnet *self)
{
    memset(self, 0, sizeof *self);
    static const uint8_t ours[] = {BINARY_AT, SGA_AT, COM_PORT_AT}, theirs[] = {BINARY_AT, SGA_AT};
    for (size_t i = 0; i < sizeof ours; i++) {
        self->ours[ours[i]] = FERRY_POSIX_TELNET_ASKED;
        put_option(self, WILL, option_codes[ours[i]]);
    }
    for (size_t i = 0; i < sizeof theirs; i++) {
        self->theirs[theirs[i]] = FERRY_POSIX_TELNET_ASKED;
        put_option(self, DO, option_codes[theirs[i]]);
    }
}

bool ferry_posix_telnet_ready(const struct ferry_posix_telnet *self)
{
    return self->ours[COM_PORT_AT] == FERRY_POSIX_TELNET_YES || self->theirs[COM_PORT_AT] == FERRY_POSIX_TELNET_YES;
}

bool ferry_posix_telnet_refused(const struct ferry_posix_telnet *self)
{
    return self->ours[COM_PORT_AT] == FERRY_POSIX_TELNET_REFUSED && !ferry_posix_telnet_ready(self);
}

// The other side wants (yes) or ends (no) an option: *state is our record, answer_yes/no what we would say.
static void negotiate(struct ferry_posix_telnet *self, uint8_t *state, bool yes, uint8_t option, uint8_t answer_yes,
                      uint8_t answer_no)
{
    bool asked = *state == FERRY_POSIX_TELNET_ASKED;
    if (yes) {
        if (!asked && *state != FERRY_POSIX_TELNET_YES)
            put_option(self, answer_yes, option);
        *state = FERRY_POSIX_TELNET_YES;
        return;
    }
    if (*state == FERRY_POSIX_TELNET_YES)
        put_option(self, answer_no, option);
    *state = FERRY_POSIX_TELNET_REFUSED;
}

static void on_option(struct ferry_posix_telnet *self, uint8_t verb, uint8_t option)
{
    for (size_t i = 0; i < FERRY_POSIX_TELNET_OPTIONS; i++) {
        if (option_codes[i] != option || (i == ECHO_AT && verb == DO))
            continue;
        if (verb == DO || verb == DONT)
            negotiate(self, &self->ours[i], verb == DO, option, WILL, WONT);
        else
            negotiate(self, &self->theirs[i], verb == WILL, option, DO, DONT);
        return;
    }
    if (verb == DO)
        put_option(self, WONT, option);
    if (verb == WILL)
        put_option(self, DONT, option);
}

static void on_signature(struct ferry_posix_telnet *self, const uint8_t *value, size_t len)
{
    static const uint8_t name[] = "ferry";
    if (len == 0) { // the server asks for ours
        put_sub(self, SIGNATURE, name, sizeof name - 1);
        return;
    }
    size_t n = len < sizeof self->signature - 1 ? len : sizeof self->signature - 1;
    for (size_t i = 0; i < n; i++)
        self->signature[i] = (char)(value[i] >= 32 && value[i] < 127 ? value[i] : '?');
    self->signature[n] = 0;
}

static void on_sub(struct ferry_posix_telnet *self)
{
    if (self->sub_len == SUB_TOO_LONG || self->sub_len < 2 || self->sub[0] != COM_PORT)
        return;
    const uint8_t *value = self->sub + 2;
    size_t len = self->sub_len - 2u;
    switch (self->sub[1]) {
    case SIGNATURE:
    case SIGNATURE + SERVER:
        on_signature(self, value, len);
        break;
    case SET_BAUDRATE + SERVER: // some servers send more than four bytes; the rate is in the first four
        if (len >= 4) {
            self->baud = (uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 | (uint32_t)value[2] << 8 | value[3];
            self->bauds++;
        }
        break;
    case SET_CONTROL + SERVER:
        if (len >= 1) {
            self->control = value[0];
            self->controls++;
        }
        break;
    case PURGE_DATA + SERVER:
        self->purges++;
        break;
    case FLOWCONTROL_SUSPEND:
    case FLOWCONTROL_SUSPEND + SERVER:
        self->suspended = true;
        break;
    case FLOWCONTROL_RESUME:
    case FLOWCONTROL_RESUME + SERVER:
        self->suspended = false;
        break;
    }
}

static void sub_byte(struct ferry_posix_telnet *self, uint8_t byte)
{
    if (self->sub_len < sizeof self->sub)
        self->sub[self->sub_len++] = byte;
    else
        self->sub_len = SUB_TOO_LONG;
}

static void after_iac(struct ferry_posix_telnet *self, uint8_t byte)
{
    self->state = DATA; // NOP, GA and the like have no argument
    if (byte >= WILL && byte <= DONT) {
        self->verb = byte;
        self->state = SEEN_VERB;
    } else if (byte == SB) {
        self->sub_len = 0;
        self->state = IN_SUB;
    }
}

static void in_sub_iac(struct ferry_posix_telnet *self, uint8_t byte)
{
    if (byte == IAC) {
        sub_byte(self, IAC);
        self->state = IN_SUB;
        return;
    }
    if (byte == SE)
        on_sub(self);
    self->state = DATA; // anything else than SE: the subnegotiation is broken off
}

// True when *byte is data of the line.
static bool decode_byte(struct ferry_posix_telnet *self, uint8_t byte)
{
    switch ((enum state)self->state) {
    case DATA:
        if (byte != IAC)
            return true;
        self->state = SEEN_IAC;
        return false;
    case SEEN_IAC:
        after_iac(self, byte);
        return byte == IAC;
    case SEEN_VERB:
        self->state = DATA;
        on_option(self, self->verb, byte);
        return false;
    case IN_SUB:
        if (byte == IAC)
            self->state = IN_SUB_IAC;
        else
            sub_byte(self, byte);
        return false;
    case IN_SUB_IAC:
        in_sub_iac(self, byte);
        return false;
    }
    return false;
}

size_t ferry_posix_telnet_decode(struct ferry_posix_telnet *self, const uint8_t *in, size_t len, uint8_t *out,
                                 size_t *out_len)
{
    size_t at = 0, made = 0;
    while (at < len && made < *out_len) {
        if (decode_byte(self, in[at]))
            out[made++] = in[at];
        at++;
    }
    *out_len = made;
    return at;
}

size_t ferry_posix_telnet_encode(const uint8_t *in, size_t len, size_t *consumed, uint8_t *out, size_t cap)
{
    size_t at = 0, made = 0;
    for (; at < len; at++) {
        size_t need = in[at] == IAC ? 2 : 1;
        if (need > cap - made)
            break;
        out[made++] = in[at];
        if (need == 2)
            out[made++] = IAC;
    }
    *consumed = at;
    return made;
}

void ferry_posix_telnet_set_line(struct ferry_posix_telnet *self)
{
    static const uint8_t bits = 8, none = 1, one = 1, off = 0;
    put_sub(self, SET_DATASIZE, &bits, 1);
    put_sub(self, SET_PARITY, &none, 1);
    put_sub(self, SET_STOPSIZE, &one, 1);
    put_sub(self, SET_LINESTATE_MASK, &off, 1);
    put_sub(self, SET_MODEMSTATE_MASK, &off, 1);
    ferry_posix_telnet_set_control(self, FERRY_POSIX_TELNET_NO_FLOW_CONTROL);
}

void ferry_posix_telnet_set_baud(struct ferry_posix_telnet *self, uint32_t baud)
{
    uint8_t value[4] = {(uint8_t)(baud >> 24), (uint8_t)(baud >> 16), (uint8_t)(baud >> 8), (uint8_t)baud};
    put_sub(self, SET_BAUDRATE, value, 4);
}

void ferry_posix_telnet_set_control(struct ferry_posix_telnet *self, enum ferry_posix_telnet_control value)
{
    uint8_t byte = (uint8_t)value;
    put_sub(self, SET_CONTROL, &byte, 1);
}

void ferry_posix_telnet_purge(struct ferry_posix_telnet *self, enum ferry_posix_telnet_purge what)
{
    uint8_t byte = (uint8_t)what;
    put_sub(self, PURGE_DATA, &byte, 1);
}

size_t ferry_posix_telnet_take(struct ferry_posix_telnet *self, uint8_t *out, size_t cap)
{
    size_t n = self->outbox_len < cap ? self->outbox_len : cap;
    memcpy(out, self->outbox, n);
    memmove(self->outbox, self->outbox + n, self->outbox_len - n);
    self->outbox_len -= n;
    return n;
}
