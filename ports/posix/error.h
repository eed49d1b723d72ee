// A failure of this port as a person reads it: what, where, what to try.
#ifndef PORTS_POSIX_ERROR_H
#define PORTS_POSIX_ERROR_H

struct ferry_posix_error {
    int status;      // enum ferry_status, 0 = none
    char what[240];  // one sentence with the facts of this case
    char where[200]; // port or file; "" = nowhere in particular
    char hint[400];  // what to try, may have several lines; "" = the status's own hint
};

// Fills *error (NULL allowed) and returns status. printf-like; what is too long is cut off. where may be NULL.
// The hint becomes the status's own; ferry_posix_error_hint() replaces it.
int ferry_posix_error_set(struct ferry_posix_error *error, int status, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void ferry_posix_error_hint(struct ferry_posix_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
