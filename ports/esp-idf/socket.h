// What TCP and UDP share: finding an address, sockets that do not block.
#ifndef PORTS_ESP_IDF_SOCKET_H
#define PORTS_ESP_IDF_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/socket.h"

// host NULL = all own addresses. A numeric address, or a name that DNS knows (blocks as long as DNS takes). false:
// none.
bool ferry_idf_socket_address(const char *host, uint16_t port, struct sockaddr_storage *out, socklen_t *len);
// A socket of this address's family that does not block; -1 = none left.
int ferry_idf_socket_new(const struct sockaddr_storage *address, int type);
// errno of the last call says "not now".
bool ferry_idf_socket_later(void);

#endif
