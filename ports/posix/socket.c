// socket://HOST:PORT: bytes over TCP, no lines, no rate.
#include <stdlib.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/backend.h"
#include "ports/posix/net.h"

struct tcp {
    int fd;
};

static int tcp_read(void *ctx, uint8_t *buf, size_t cap)
{
    return ferry_posix_net_read(((struct tcp *)ctx)->fd, buf, cap);
}

static int tcp_write(void *ctx, const uint8_t *bytes, size_t len)
{
    return ferry_posix_net_write(((struct tcp *)ctx)->fd, bytes, len);
}

static int tcp_pending(void *ctx)
{
    return ferry_posix_net_pending(((struct tcp *)ctx)->fd);
}

static void tcp_close(void *impl)
{
    close(((struct tcp *)impl)->fd);
    free(impl);
}

int ferry_posix_backend_socket(struct ferry_posix_port *port, const char *name, struct ferry_posix_error *error)
{
    struct tcp *self = calloc(1, sizeof *self);
    if (!self)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, name, "out of memory");
    self->fd = ferry_posix_net_connect(&port->url, name, error);
    if (self->fd < 0) {
        free(self);
        return FERRY_ERR_WIRE_OPEN;
    }
    port->fd = self->fd;
    port->impl = self;
    port->close = tcp_close;
    port->stream = (struct ferry_stream){.ctx = self, .read = tcp_read, .write = tcp_write, .pending = tcp_pending};
    return FERRY_OK;
}
