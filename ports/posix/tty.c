// A terminal device that is no serial port: a pty, such as the virtual chip offers. No lines; its rate is a number in
// the terminal settings, which the other end may go by.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/backend.h"

struct tty {
    int fd;
};

static bool hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int tty_read(void *ctx, uint8_t *buf, size_t cap)
{
    const struct tty *self = ctx;
    ssize_t n = read(self->fd, buf, cap > INT_MAX ? INT_MAX : cap);
    if (n > 0)
        return (int)n;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return FERRY_ERR_WIRE_CLOSED; // EIO: the other end of the pty is gone
    return n == 0 && cap > 0 && hung_up(self->fd) ? FERRY_ERR_WIRE_CLOSED : 0;
}

static int tty_write(void *ctx, const uint8_t *bytes, size_t len)
{
    const struct tty *self = ctx;
    ssize_t n = write(self->fd, bytes, len > INT_MAX ? INT_MAX : len);
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? 0 : FERRY_ERR_WIRE_CLOSED;
}

static int tty_set_baud(void *ctx, uint32_t baud)
{
    const struct tty *self = ctx;
    return ferry_posix_backend_rate(self->fd, baud) == 0 ? FERRY_OK : FERRY_ERR_BAUD;
}

static int tty_pending(void *ctx)
{
    int n = 0;
    return ioctl(((struct tty *)ctx)->fd, TIOCOUTQ, &n) == 0 ? n : 0;
}

static void tty_close(void *impl)
{
    close(((struct tty *)impl)->fd);
    free(impl);
}

static int make_raw(int fd, uint32_t baud)
{
    struct termios t;
    if (tcgetattr(fd, &t) != 0)
        return -1;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &t) != 0 || ferry_posix_backend_rate(fd, baud) != 0)
        return -1;
    return tcflush(fd, TCIOFLUSH);
}

int ferry_posix_backend_tty(struct ferry_posix_port *port, const char *name, uint32_t baud,
                            struct ferry_posix_error *error)
{
    int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || make_raw(fd, baud) != 0) {
        ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "cannot open the terminal: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return FERRY_ERR_WIRE_OPEN;
    }
    struct tty *self = calloc(1, sizeof *self);
    if (!self) {
        close(fd);
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, name, "out of memory");
    }
    self->fd = port->fd = fd;
    port->impl = self;
    port->close = tty_close;
    port->has_baud = true;
    port->stream = (struct ferry_stream){
        .ctx = self, .read = tty_read, .write = tty_write, .set_baud = tty_set_baud, .pending = tty_pending};
    return FERRY_OK;
}
