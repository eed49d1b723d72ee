#include "sim/serve/rfc2217.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { BINARY = 0, ECHO = 1, SGA = 3, COM_PORT = 44 };
static const uint8_t OPTIONS[4] = {BINARY, ECHO, SGA, COM_PORT};
enum { OPTION_COM_PORT = 3 };

// Requests of RFC 2217; the answer to each has 100 added.
enum {
    SIGNATURE = 0,
    SET_BAUDRATE = 1,
    SET_DATASIZE = 2,
    SET_PARITY = 3,
    SET_STOPSIZE = 4,
    SET_CONTROL = 5,
    NOTIFY_LINESTATE = 6,
    NOTIFY_MODEMSTATE = 7,
    SUSPEND = 8,
    RESUME = 9,
    SET_LINESTATE_MASK = 10,
    SET_MODEMSTATE_MASK = 11,
    PURGE_DATA = 12,
    ANSWER = 100,
};

enum { CTS_DSR_CD = 0x10 | 0x20 | 0x80 }; // modem state: a device is there

enum state { IN_DATA, AFTER_IAC, AFTER_VERB, IN_SUB, IN_SUB_IAC };

static void send(struct sim_serve_rfc2217 *self, const uint8_t *bytes, size_t len)
{
    if (len > sizeof self->outbox - self->outbox_len)
        return;
    memcpy(self->outbox + self->outbox_len, bytes, len);
    self->outbox_len += len;
}

static void send_option(struct sim_serve_rfc2217 *self, uint8_t verb, uint8_t option)
{
    send(self, (uint8_t[]){IAC, verb, option}, 3);
}

static void answer(struct sim_serve_rfc2217 *self, uint8_t request, const uint8_t *value, size_t len)
{
    uint8_t out[64] = {IAC, SB, COM_PORT, (uint8_t)(request + ANSWER)};
    size_t n = 4 + sim_serve_rfc2217_encode(value, len, out + 4);
    out[n++] = IAC;
    out[n++] = SE;
    send(self, out, n);
}

static void answer_byte(struct sim_serve_rfc2217 *self, uint8_t request, uint8_t value)
{
    answer(self, request, &value, 1);
}

void sim_serve_rfc2217_init(struct sim_serve_rfc2217 *self, uint32_t baud)
{
    memset(self, 0, sizeof *self);
    self->baud = baud;
    self->datasize = 8;
    self->parity = self->stopsize = 1;
}

static int option_index(uint8_t option)
{
    for (int i = 0; i < 4; i++)
        if (OPTIONS[i] == option)
            return i;
    return -1;
}

// The client wants us (DO) or itself (WILL) to use an option, or not. A change is confirmed once, so that two sides
// never answer each other's answers for ever.
static void negotiate(struct sim_serve_rfc2217 *self, uint8_t verb, uint8_t option)
{
    int i = option_index(option);
    bool ours = verb == DO || verb == DONT, on = verb == DO || verb == WILL;
    if (i < 0) {
        if (on)
            send_option(self, ours ? WONT : DONT, option);
        return;
    }
    uint8_t *now = ours ? &self->we[i] : &self->they[i];
    if (*now == on)
        return;
    *now = on;
    send_option(self, ours ? (on ? WILL : WONT) : (on ? DO : DONT), option);
    if (i == OPTION_COM_PORT && on && !self->com_port) {
        self->com_port = true;
        answer_byte(self, NOTIFY_MODEMSTATE, CTS_DSR_CD);
    }
}

static enum sim_serve_event set_baud(struct sim_serve_rfc2217 *self)
{
    const uint8_t *v = self->sub + 2;
    uint32_t baud = (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
    if (self->sub_len < 6)
        return SIM_SERVE_NOTHING;
    if (baud) // 0 asks for the present value
        self->baud = baud;
    uint8_t now[4] = {(uint8_t)(self->baud >> 24), (uint8_t)(self->baud >> 16), (uint8_t)(self->baud >> 8),
                      (uint8_t)self->baud};
    answer(self, SET_BAUDRATE, now, 4);
    return baud ? SIM_SERVE_BAUD : SIM_SERVE_NOTHING;
}

static enum sim_serve_event set_control(struct sim_serve_rfc2217 *self, uint8_t value)
{
    enum sim_serve_event event = SIM_SERVE_NOTHING;
    switch (value) {
    case 0: // which flow control, to the device
        value = 1;
        break;
    case 13: // and from it
        value = 14;
        break;
    case 4: // break state?
        value = self->sending_break ? 5 : 6;
        break;
    case 5:
    case 6:
        self->sending_break = value == 5;
        event = SIM_SERVE_BREAK;
        break;
    case 7: // DTR?
        value = self->dtr ? 8 : 9;
        break;
    case 8:
    case 9:
        self->dtr = value == 8;
        event = SIM_SERVE_LINES;
        break;
    case 10: // RTS?
        value = self->rts ? 11 : 12;
        break;
    case 11:
    case 12:
        self->rts = value == 11;
        event = SIM_SERVE_LINES;
        break;
    default: // flow control settings: nothing to do on this line
        break;
    }
    answer_byte(self, SET_CONTROL, value);
    return event;
}

static enum sim_serve_event purge(struct sim_serve_rfc2217 *self, uint8_t what)
{
    answer_byte(self, PURGE_DATA, what);
    switch (what) {
    case 1:
        return SIM_SERVE_PURGE_RX;
    case 2:
        return SIM_SERVE_PURGE_TX;
    case 3:
        return SIM_SERVE_PURGE_BOTH;
    default:
        return SIM_SERVE_NOTHING;
    }
}

static void set_format(struct sim_serve_rfc2217 *self, uint8_t request, uint8_t *now, uint8_t value)
{
    if (value) // 0 asks for the present value
        *now = value;
    answer_byte(self, request, *now);
}

static enum sim_serve_event subnegotiation(struct sim_serve_rfc2217 *self)
{
    static const char NAME[] = "ferry vchip";
    uint8_t request = self->sub[1], value = self->sub_len > 2 ? self->sub[2] : 0;
    if (self->sub_len < 2 || self->sub[0] != COM_PORT)
        return SIM_SERVE_NOTHING;
    switch (request) {
    case SIGNATURE:
        if (self->sub_len == 2)
            answer(self, SIGNATURE, (const uint8_t *)NAME, sizeof NAME - 1);
        break;
    case SET_BAUDRATE:
        return set_baud(self);
    case SET_DATASIZE:
        set_format(self, request, &self->datasize, value);
        break;
    case SET_PARITY:
        set_format(self, request, &self->parity, value);
        break;
    case SET_STOPSIZE:
        set_format(self, request, &self->stopsize, value);
        break;
    case SET_CONTROL:
        return set_control(self, value);
    case NOTIFY_MODEMSTATE: // not in the RFC from a client; pyserial polls with it
        answer_byte(self, NOTIFY_MODEMSTATE, CTS_DSR_CD);
        break;
    case SET_LINESTATE_MASK:
    case SET_MODEMSTATE_MASK:
        answer_byte(self, request, value);
        break;
    case PURGE_DATA:
        return purge(self, value);
    default: // NOTIFY_LINESTATE, SUSPEND, RESUME: the line is always ready
        break;
    }
    return SIM_SERVE_NOTHING;
}

static enum sim_serve_event after_iac(struct sim_serve_rfc2217 *self, uint8_t byte, uint8_t *data)
{
    self->state = IN_DATA;
    if (byte == IAC) {
        *data = IAC;
        return SIM_SERVE_DATA;
    }
    if (byte == SB) {
        self->state = IN_SUB;
        self->sub_len = 0;
    } else if (byte >= WILL) {
        self->state = AFTER_VERB;
        self->verb = byte;
    }
    return SIM_SERVE_NOTHING;
}

static void sub_byte(struct sim_serve_rfc2217 *self, uint8_t byte)
{
    if (self->sub_len < sizeof self->sub)
        self->sub[self->sub_len++] = byte;
}

static enum sim_serve_event after_sub_iac(struct sim_serve_rfc2217 *self, uint8_t byte)
{
    self->state = IN_SUB;
    if (byte == IAC) {
        sub_byte(self, IAC);
        return SIM_SERVE_NOTHING;
    }
    self->state = IN_DATA;
    return byte == SE ? subnegotiation(self) : SIM_SERVE_NOTHING;
}

enum sim_serve_event sim_serve_rfc2217_byte(struct sim_serve_rfc2217 *self, uint8_t byte, uint8_t *data)
{
    switch ((enum state)self->state) {
    case IN_DATA:
        if (byte != IAC) {
            *data = byte;
            return SIM_SERVE_DATA;
        }
        self->state = AFTER_IAC;
        break;
    case AFTER_IAC:
        return after_iac(self, byte, data);
    case AFTER_VERB:
        self->state = IN_DATA;
        negotiate(self, self->verb, byte);
        break;
    case IN_SUB:
        if (byte == IAC)
            self->state = IN_SUB_IAC;
        else
            sub_byte(self, byte);
        break;
    case IN_SUB_IAC:
        return after_sub_iac(self, byte);
    }
    return SIM_SERVE_NOTHING;
}

size_t sim_serve_rfc2217_encode(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        out[n++] = in[i];
        if (in[i] == IAC)
            out[n++] = IAC;
    }
    return n;
}
