// Builds out of a depot for the updater's ports, fetched into the cache by one thread of its own (cargo_from_url.h), so
// that no wire and no page waits for the network. One request for each port at a time; they are served in the order in
// which they came. Every call may come from any thread and returns at once, but for close().
#ifndef FERRY_APP_UPDATER_FETCH_H
#define FERRY_APP_UPDATER_FETCH_H

#include <stdint.h>

#include "updater/cargo.h"

struct updater_fetch;

enum updater_fetch_phase {
    UPDATER_FETCH_NONE = 0, // nothing is asked for
    UPDATER_FETCH_WAITING,  // another port's build comes first
    UPDATER_FETCH_COMING,
    UPDATER_FETCH_READY, // to be taken
    UPDATER_FETCH_FAILED,
};

struct updater_fetch_progress {
    char file[64]; // of the build, "" = not known yet
    uint32_t done, size;
};

// 0, or negative with *fault; then *out is NULL.
int updater_fetch_open(struct updater_fetch **out, unsigned port_count, struct ferry_fault *fault);
// Asks for what lies at url (updater/download.h) for that chip (FERRY_CHIP_ANY = not known); what was asked for before
// on this port is stopped and forgotten.
void updater_fetch_begin(struct updater_fetch *self, unsigned port, const char *url, uint16_t chip);
// Stops and forgets.
void updater_fetch_stop(struct updater_fetch *self, unsigned port);
// *progress (NULL allowed) is filled with COMING.
enum updater_fetch_phase updater_fetch_look(struct updater_fetch *self, unsigned port,
                                            struct updater_fetch_progress *progress);
// READY: 0 with *out; FAILED: its status with *fault; then the port's phase is NONE. Else FERRY_ERR_STATE.
int updater_fetch_take(struct updater_fetch *self, unsigned port, struct ferry_cargo *out, struct ferry_fault *fault);
// Stops all; waits for the thread. NULL allowed.
void updater_fetch_close(struct updater_fetch *self);

#endif
