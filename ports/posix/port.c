#include "ports/posix/port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/backend.h"

static int missing(const char *name, struct ferry_posix_error *error)
{
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "there is no such port: %s", strerror(errno));
    ferry_posix_error_hint(error, "plug the adapter in and look with: ferry ports");
    return FERRY_ERR_WIRE_OPEN;
}

static int denied(const char *name, struct ferry_posix_error *error)
{
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "you may not use this port: %s", strerror(errno));
    ferry_posix_error_hint(error, "add yourself to the group that owns it (often: sudo usermod -aG dialout $USER), "
                                  "then log in again");
    return FERRY_ERR_WIRE_OPEN;
}

// Which backend a device belongs to; checks what can be told better here than from a failed open.
static int open_device(struct ferry_posix_port *self, const char *name, uint32_t baud, struct ferry_posix_error *error)
{
    char real[4096];
    struct stat st;
    if (!realpath(self->url.path, real) || stat(real, &st) != 0)
        return missing(name, error);
    if (!S_ISCHR(st.st_mode)) {
        ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, name, "this is %s, not a serial port",
                              S_ISDIR(st.st_mode) ? "a folder" : "a file");
        ferry_posix_error_hint(error, "--port takes /dev/ttyUSB0, socket://HOST:PORT or rfc2217://HOST:PORT");
        return FERRY_ERR_WIRE_OPEN;
    }
    if (access(real, R_OK | W_OK) != 0)
        return denied(name, error);
    if (strncmp(real, "/dev/pts/", 9) == 0)
        return ferry_posix_backend_tty(self, real, baud, error);
    return ferry_posix_backend_serial(self, real, baud, error);
}

int ferry_posix_port_open(struct ferry_posix_port *self, const char *name, uint32_t baud,
                          struct ferry_posix_clock *clock, struct ferry_posix_error *error)
{
    memset(self, 0, sizeof *self);
    self->fd = -1;
    if (baud == 0)
        baud = 115200;
    int status = ferry_posix_url_parse(name, &self->url, error);
    if (status < 0)
        return status;
    if (self->url.kind == FERRY_POSIX_URL_SOCKET)
        status = ferry_posix_backend_socket(self, name, error);
    else if (self->url.kind == FERRY_POSIX_URL_RFC2217)
        status = ferry_posix_backend_rfc2217(self, name, baud, error);
    else
        status = open_device(self, name, baud, error);
    if (status < 0) {
        self->has_lines = self->has_baud = false;
        return status;
    }
    self->clock = clock;
    if (clock)
        ferry_posix_clock_add(clock, self->fd);
    return FERRY_OK;
}

void ferry_posix_port_close(struct ferry_posix_port *self)
{
    if (!self->close)
        return;
    if (self->clock)
        ferry_posix_clock_remove(self->clock, self->fd);
    self->close(self->impl);
    self->close = 0;
    self->impl = 0;
    self->fd = -1;
}
