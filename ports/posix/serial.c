// Serial ports by libserialport; the lines by one TIOCMSET, which libserialport does not offer.
#include <errno.h>
#include <libserialport.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/backend.h"

struct serial {
    struct sp_port *port;
    int fd;
};

// An adapter that was pulled out reads as "nothing there" forever; poll() tells.
static bool gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int serial_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct serial *self = ctx;
    int n = (int)sp_nonblocking_read(self->port, buf, cap > INT_MAX ? INT_MAX : cap);
    if (n > 0)
        return n;
    return n < 0 || (cap > 0 && gone(self->fd)) ? FERRY_ERR_WIRE_IO : 0;
}

static int serial_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct serial *self = ctx;
    int n = (int)sp_nonblocking_write(self->port, bytes, len > INT_MAX ? INT_MAX : len);
    return n >= 0 ? n : FERRY_ERR_WIRE_IO;
}

static int serial_set_baud(void *ctx, uint32_t baud)
{
    struct serial *self = ctx;
    if (baud > INT_MAX)
        return FERRY_ERR_BAUD;
    if (sp_drain(self->port) != SP_OK)
        return FERRY_ERR_WIRE_IO;
    return sp_set_baudrate(self->port, (int)baud) == SP_OK ? FERRY_OK : FERRY_ERR_BAUD;
}

static int serial_pending(void *ctx)
{
    int n = (int)sp_output_waiting(((struct serial *)ctx)->port);
    return n > 0 ? n : 0;
}

// Both lines in one call: with two calls, the moment between them lets a slow reset circuit start the chip in the wrong
// mode.
static int set_lines(int fd, bool rts, bool dtr)
{
    int bits;
    if (ioctl(fd, TIOCMGET, &bits) != 0)
        return -1;
    bits &= ~(TIOCM_RTS | TIOCM_DTR);
    bits |= (rts ? TIOCM_RTS : 0) | (dtr ? TIOCM_DTR : 0);
    return ioctl(fd, TIOCMSET, &bits);
}

static int serial_lines(void *ctx, bool reset, bool boot)
{
    const struct serial *self = ctx;
    return set_lines(self->fd, reset, boot && !reset) == 0 ? FERRY_OK : FERRY_ERR_WIRE_IO;
}

static void serial_close(void *impl)
{
    struct serial *self = impl;
    sp_close(self->port);
    sp_free_port(self->port);
    free(self);
}

static int fail(struct serial *self, const char *name, struct ferry_posix_error *error, const char *what)
{
    char *text = sp_last_error_message();
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "%s: %s", what, text ? text : "unknown cause");
    sp_free_error_message(text);
    if (self->fd >= 0)
        sp_close(self->port);
    if (self->port)
        sp_free_port(self->port);
    free(self);
    return FERRY_ERR_WIRE_OPEN;
}

static int busy(struct serial *self, const char *name, struct ferry_posix_error *error)
{
    sp_close(self->port);
    sp_free_port(self->port);
    free(self);
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "another program uses this port");
    ferry_posix_error_hint(error, "close the serial monitor or terminal that has it open (fuser %s shows it)", name);
    return FERRY_ERR_WIRE_OPEN;
}

static bool configure(struct sp_port *port, uint32_t baud)
{
    return sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) == SP_OK && sp_set_bits(port, 8) == SP_OK &&
           sp_set_parity(port, SP_PARITY_NONE) == SP_OK && sp_set_stopbits(port, 1) == SP_OK &&
           sp_set_baudrate(port, (int)baud) == SP_OK && sp_flush(port, SP_BUF_BOTH) == SP_OK;
}

int ferry_posix_backend_serial(struct ferry_posix_port *port, const char *name, uint32_t baud,
                               struct ferry_posix_error *error)
{
    struct serial *self = calloc(1, sizeof *self);
    if (!self)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, name, "out of memory");
    self->fd = -1;
    if (sp_get_port_by_name(name, &self->port) != SP_OK) {
        free(self);
        return ferry_posix_backend_tty(port, name, baud, error);
    }
    if (sp_open(self->port, SP_MODE_READ_WRITE) != SP_OK)
        return errno == EBUSY ? busy(self, name, error) : fail(self, name, error, "cannot open");
    if (sp_get_port_handle(self->port, &self->fd) != SP_OK)
        return fail(self, name, error, "cannot open");
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0)
        return busy(self, name, error);
    // Opening turns both lines on; both off means the same to the target and stays when the port is closed.
    port->has_lines = set_lines(self->fd, false, false) == 0;
    if (!configure(self->port, baud))
        return fail(self, name, error, "cannot set up the line");
    port->fd = self->fd;
    port->impl = self;
    port->close = serial_close;
    port->has_baud = true;
    port->lines = (struct ferry_lines){.ctx = self, .set = serial_lines};
    port->stream = (struct ferry_stream){.ctx = self,
                                         .read = serial_read,
                                         .write = serial_write,
                                         .set_baud = serial_set_baud,
                                         .pending = serial_pending};
    return FERRY_OK;
}
