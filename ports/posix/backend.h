// The kinds of port behind ferry_posix_port_open(). Each fills stream, lines, has_lines, has_baud, fd, impl and close
// of *port, whose url is set, or returns a negative status with *error filled and leaves nothing open.
#ifndef PORTS_POSIX_BACKEND_H
#define PORTS_POSIX_BACKEND_H

#include "ports/posix/port.h"

int ferry_posix_backend_serial(struct ferry_posix_port *port, const char *name, uint32_t baud,
                               struct ferry_posix_error *error);
// A terminal device that is no serial port (a pty).
int ferry_posix_backend_tty(struct ferry_posix_port *port, const char *name, uint32_t baud,
                            struct ferry_posix_error *error);
int ferry_posix_backend_socket(struct ferry_posix_port *port, const char *name, struct ferry_posix_error *error);
int ferry_posix_backend_rfc2217(struct ferry_posix_port *port, const char *name, uint32_t baud,
                                struct ferry_posix_error *error);

// Sets the rate of a terminal, odd ones too. 0, or -1 with errno.
int ferry_posix_backend_rate(int fd, uint32_t baud);

#endif
