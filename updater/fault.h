// A failure as a person reads it: what, where, what to try. Filled by the updater's functions.
#ifndef FERRY_UPDATER_FAULT_H
#define FERRY_UPDATER_FAULT_H

#include <stdint.h>

struct ferry_error; // ferry/engine/engine.h

struct ferry_fault {
    int status;      // enum ferry_status, 0 = none
    char what[240];  // one sentence, with the facts of this case ("app.bin is for ESP32-S3 (id 9); ...")
    char where[200]; // file, with offset or line and column where that helps; "" = nowhere in particular
    char hint[240];  // what to try; "" = the status's own hint
    int peer_code;   // the target's own error byte, -1 = none
};

// Fills *fault (NULL allowed) and returns status. printf-like; what is cut off when too long, never overrun.
// where may be NULL. Control characters and broken UTF-8 become '?'. The hint is set to the status's own;
// ferry_fault_hint() replaces it.
int ferry_fault_set(struct ferry_fault *fault, int status, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void ferry_fault_hint(struct ferry_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
// No answer in time from a loader that no line can reset: says what a person has to do.
void ferry_fault_by_hand(struct ferry_fault *fault);
// The same from an engine's error: its cause, step, flash address, hint and peer code. Returns the status.
int ferry_fault_engine(struct ferry_fault *fault, const struct ferry_error *error);

#endif
