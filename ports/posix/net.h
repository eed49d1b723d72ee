// TCP for the network ports: connect in bounded time, then non-blocking bytes.
#ifndef PORTS_POSIX_NET_H
#define PORTS_POSIX_NET_H

#include <stddef.h>
#include <stdint.h>

#include "ports/posix/error.h"
#include "ports/posix/url.h"

// Connects to url->host:url->port in url->timeout_ms per address. The descriptor (non-blocking, no delay), or
// FERRY_ERR_WIRE_OPEN with *error; `name` is how the port is called there.
int ferry_posix_net_connect(const struct ferry_posix_url *url, const char *name, struct ferry_posix_error *error);
// Bytes, 0 = none or no room now, FERRY_ERR_WIRE_CLOSED, FERRY_ERR_WIRE_IO.
int ferry_posix_net_read(int fd, uint8_t *buf, size_t cap);
int ferry_posix_net_write(int fd, const uint8_t *bytes, size_t len);
// Bytes that the other side has not acknowledged; 0 when unknown.
int ferry_posix_net_pending(int fd);

#endif
