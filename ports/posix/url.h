// Names of ports, as pyserial writes them: /dev/ttyUSB0, socket://HOST:PORT, rfc2217://HOST:PORT[?OPTION[&OPTION]].
#ifndef PORTS_POSIX_URL_H
#define PORTS_POSIX_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/posix/error.h"

enum ferry_posix_url_kind { FERRY_POSIX_URL_SERIAL = 1, FERRY_POSIX_URL_SOCKET, FERRY_POSIX_URL_RFC2217 };

struct ferry_posix_url {
    enum ferry_posix_url_kind kind;
    char path[256]; // SERIAL: the device
    char host[256]; // the others: name or address, IPv6 without its brackets
    uint16_t port;
    bool ign_set_control; // RFC2217: do not wait for the answers to SET-CONTROL (servers that give none)
    bool poll_modem;      // RFC2217: accepted and without effect (no modem state is read)
    uint32_t timeout_ms;  // connecting and each acknowledgement; 0 = 3000
};

// 0, or FERRY_ERR_ARG with *error: empty, unknown scheme, no host, no port or one out of range, unknown option, too
// long. "timeout=SECONDS" and "logging=LEVEL" (ignored) are known options of both network schemes.
int ferry_posix_url_parse(const char *text, struct ferry_posix_url *out, struct ferry_posix_error *error);

#endif
