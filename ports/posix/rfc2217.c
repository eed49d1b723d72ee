// rfc2217://HOST:PORT: a serial port behind a telnet connection, with its rate and its lines.
//
// Everything is sent in order over one connection, so a change of rate or of a line takes effect after the data before
// it. The change is then waited for (one round trip): the times that a reset sequence holds its lines count from there.
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/backend.h"
#include "ports/posix/net.h"
#include "ports/posix/telnet.h"

struct rfc2217 {
    int fd;
    uint32_t timeout_ms;
    bool ign_set_control;
    bool no_control_answers;    // one request went unanswered: it is not waited for again
    bool lines_known, dtr, rts; // as last asked for
    struct ferry_posix_telnet telnet;
    int error;        // sticky
    uint8_t tx[2048]; // encoded, not yet taken by the socket
    size_t tx_len;
    uint8_t rx[4096]; // data of the line that came while an acknowledgement was waited for
    size_t rx_at, rx_len;
};

static uint32_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
}

// Sends what is waiting, as far as the socket takes it.
static int push(struct rfc2217 *self)
{
    self->tx_len += ferry_posix_telnet_take(&self->telnet, self->tx + self->tx_len, sizeof self->tx - self->tx_len);
    while (self->tx_len && !self->error) {
        int n = ferry_posix_net_write(self->fd, self->tx, self->tx_len);
        if (n < 0)
            self->error = n;
        if (n <= 0)
            break;
        memmove(self->tx, self->tx + n, self->tx_len - (size_t)n);
        self->tx_len -= (size_t)n;
        self->tx_len += ferry_posix_telnet_take(&self->telnet, self->tx + self->tx_len, sizeof self->tx - self->tx_len);
    }
    if (self->telnet.outbox_overflow && !self->error)
        self->error = FERRY_ERR_PROTOCOL;
    return self->error;
}

// Reads what is there into rx (as far as it has room).
static void pull(struct rfc2217 *self)
{
    uint8_t raw[1024];
    if (self->rx_at == self->rx_len)
        self->rx_at = self->rx_len = 0;
    size_t room = sizeof self->rx - self->rx_len;
    if (room == 0 || self->error)
        return;
    int n = ferry_posix_net_read(self->fd, raw, room < sizeof raw ? room : sizeof raw);
    if (n < 0)
        self->error = n;
    if (n <= 0)
        return;
    size_t made = room; // never more data than raw bytes: all of raw is consumed
    ferry_posix_telnet_decode(&self->telnet, raw, (size_t)n, self->rx + self->rx_len, &made);
    self->rx_len += made;
}

static int rfc_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct rfc2217 *self = ctx;
    if (self->rx_at == self->rx_len) {
        pull(self);
        push(self);
    }
    size_t n = self->rx_len - self->rx_at;
    if (n == 0)
        return self->error;
    if (n > cap)
        n = cap;
    memcpy(buf, self->rx + self->rx_at, n);
    self->rx_at += n;
    return (int)n;
}

static int rfc_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct rfc2217 *self = ctx;
    if (push(self) < 0)
        return self->error;
    if (self->telnet.suspended) // RESUME is seen by reading
        return 0;
    size_t consumed = 0;
    self->tx_len +=
        ferry_posix_telnet_encode(bytes, len, &consumed, self->tx + self->tx_len, sizeof self->tx - self->tx_len);
    return push(self) < 0 ? self->error : (int)consumed;
}

static int rfc_pending(void *ctx)
{
    const struct rfc2217 *self = ctx;
    return (int)self->tx_len + ferry_posix_net_pending(self->fd);
}

// Waits until *count has reached `want` answers. 0, FERRY_ERR_TIMEOUT, or the wire's error. Data is kept, and dropped
// when there is more of it than a reset or a change of rate leaves of use.
static int await(struct rfc2217 *self, const uint32_t *count, uint32_t want)
{
    uint32_t start = now_ms();
    for (;;) {
        if (push(self) < 0)
            return self->error;
        if ((int32_t)(*count - want) >= 0)
            return FERRY_OK;
        uint32_t passed = now_ms() - start;
        if (passed >= self->timeout_ms)
            return FERRY_ERR_TIMEOUT;
        struct pollfd p = {.fd = self->fd, .events = (short)(POLLIN | (self->tx_len ? POLLOUT : 0))};
        poll(&p, 1, (int)(self->timeout_ms - passed));
        if (self->rx_len == sizeof self->rx)
            self->rx_at = self->rx_len = 0;
        pull(self);
        if (self->error)
            return self->error;
    }
}

static int rfc_set_baud(void *ctx, uint32_t baud)
{
    struct rfc2217 *self = ctx;
    uint32_t before = self->telnet.bauds;
    ferry_posix_telnet_set_baud(&self->telnet, baud);
    int status = await(self, &self->telnet.bauds, before + 1);
    if (status == FERRY_ERR_TIMEOUT)
        return FERRY_ERR_BAUD;
    if (status < 0)
        return status;
    uint32_t got = self->telnet.baud, off = got > baud ? got - baud : baud - got;
    return off <= baud / 50 ? FERRY_OK : FERRY_ERR_BAUD; // servers may answer with the rate that the divider gives
}

static int rfc_set_lines(void *ctx, bool reset, bool boot)
{
    struct rfc2217 *self = ctx;
    bool dtr = boot && !reset;
    if (self->lines_known && self->dtr == dtr && self->rts == reset) // a slow server needs 0.1 s for each request
        return FERRY_OK;
    self->lines_known = true;
    self->dtr = dtr;
    self->rts = reset;
    uint32_t before = self->telnet.controls;
    ferry_posix_telnet_set_control(&self->telnet, dtr ? FERRY_POSIX_TELNET_DTR_ON : FERRY_POSIX_TELNET_DTR_OFF);
    ferry_posix_telnet_set_control(&self->telnet, reset ? FERRY_POSIX_TELNET_RTS_ON : FERRY_POSIX_TELNET_RTS_OFF);
    if (self->ign_set_control || self->no_control_answers)
        return push(self) < 0 ? FERRY_ERR_WIRE_IO : FERRY_OK;
    int status = await(self, &self->telnet.controls, before + 2);
    if (status == FERRY_ERR_TIMEOUT) {
        self->no_control_answers = true;
        return FERRY_OK;
    }
    return status < 0 ? FERRY_ERR_WIRE_IO : FERRY_OK;
}

static void rfc_close(void *impl)
{
    struct rfc2217 *self = impl;
    push(self);
    close(self->fd);
    free(self);
}

// Waits until the server has said whether it speaks the COM port option.
static int negotiate(struct rfc2217 *self, const char *name, struct ferry_posix_error *error)
{
    uint32_t ready = 0, start = now_ms();
    do {
        ready = ferry_posix_telnet_ready(&self->telnet);
        if (ready || ferry_posix_telnet_refused(&self->telnet))
            break;
        uint32_t timeout = self->timeout_ms;
        self->timeout_ms = 20;
        int status = await(self, &ready, 1);
        self->timeout_ms = timeout;
        if (status < 0 && status != FERRY_ERR_TIMEOUT)
            return ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name,
                                         "the server closed the connection while it was being set up");
    } while (now_ms() - start < self->timeout_ms);
    if (ready)
        return FERRY_OK;
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "something answers there, but not as an RFC 2217 server");
    ferry_posix_error_hint(
        error,
        "is another program connected to it? for a plain TCP bridge use socket://HOST:PORT (with --before no-reset)");
    return FERRY_ERR_WIRE_OPEN;
}

static int set_up(struct rfc2217 *self, const char *name, uint32_t baud, struct ferry_posix_error *error)
{
    ferry_posix_telnet_init(&self->telnet);
    int status = negotiate(self, name, error);
    if (status < 0)
        return status;
    ferry_posix_telnet_set_line(&self->telnet);
    status = rfc_set_baud(self, baud);
    if (status < 0) {
        ferry_posix_error_set(error, FERRY_ERR_BAUD, name, "the server does not set %lu baud", (unsigned long)baud);
        return FERRY_ERR_BAUD;
    }
    uint32_t purges = self->telnet.purges;
    ferry_posix_telnet_purge(&self->telnet, FERRY_POSIX_TELNET_PURGE_BOTH);
    await(self, &self->telnet.purges, purges + 1); // a server without PURGE is fine
    self->rx_at = self->rx_len = 0;
    return self->error ? ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "the connection broke") : FERRY_OK;
}

int ferry_posix_backend_rfc2217(struct ferry_posix_port *port, const char *name, uint32_t baud,
                                struct ferry_posix_error *error)
{
    struct rfc2217 *self = calloc(1, sizeof *self);
    if (!self)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, name, "out of memory");
    self->timeout_ms = port->url.timeout_ms;
    self->ign_set_control = port->url.ign_set_control;
    self->fd = ferry_posix_net_connect(&port->url, name, error);
    int status = self->fd < 0 ? FERRY_ERR_WIRE_OPEN : set_up(self, name, baud, error);
    if (status < 0) {
        if (self->fd >= 0)
            close(self->fd);
        free(self);
        return status;
    }
    port->fd = self->fd;
    port->impl = self;
    port->close = rfc_close;
    port->has_lines = port->has_baud = true;
    port->lines = (struct ferry_lines){.ctx = self, .set = rfc_set_lines};
    port->stream = (struct ferry_stream){
        .ctx = self, .read = rfc_read, .write = rfc_write, .set_baud = rfc_set_baud, .pending = rfc_pending};
    return FERRY_OK;
}
