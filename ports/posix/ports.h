// Which serial ports there are, and which of them is likely a board.
#ifndef PORTS_POSIX_PORTS_H
#define PORTS_POSIX_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ports/posix/error.h"

struct ferry_posix_ports_entry {
    char name[128];        // /dev/ttyUSB0
    char description[128]; // as the USB device calls itself; "" = unknown
    bool usb;
    int vid, pid; // USB ids, 0 = unknown
};

// Fills up to cap entries; how many there are is returned (may be more than cap), 0 when the system tells nothing.
size_t ferry_posix_ports_list(struct ferry_posix_ports_entry *out, size_t cap);
// Made by Espressif, or an adapter as boards have them (CP210x, CH34x, FTDI, PL2303).
bool ferry_posix_ports_likely(const struct ferry_posix_ports_entry *entry);
// The one that is meant when nothing is named: the only likely one, else the only one on USB. NULL, with
// FERRY_ERR_WIRE_OPEN or FERRY_ERR_AMBIGUOUS in *error and the choices in its hint.
const struct ferry_posix_ports_entry *ferry_posix_ports_choose(const struct ferry_posix_ports_entry *entries,
                                                               size_t count, struct ferry_posix_error *error);

#endif
