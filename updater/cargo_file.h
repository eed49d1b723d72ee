// A file of a cargo as a source: regular files only, and noticed when it changes while it is open.
#ifndef FERRY_UPDATER_CARGO_FILE_H
#define FERRY_UPDATER_CARGO_FILE_H

#include <stdint.h>
#include <time.h>

#include "ferry/io/source.h"
#include "updater/fault.h"

struct ferry_cargo_file {
    int fd;
    uint32_t size;
    time_t changed; // time of change when it was opened, in seconds and nanoseconds
    long changed_ns;
};

// shown is the name for messages. 0; FERRY_ERR_STORAGE_MISSING, FERRY_ERR_STORAGE_READ (a folder, a pipe, no
// permission, larger than 4 GB). Never waits, also not on a named pipe.
int ferry_cargo_file_open(struct ferry_cargo_file *self, const char *path, const char *shown,
                          struct ferry_fault *fault);
// Exactly len bytes at offset. 0, FERRY_ERR_STORAGE_READ, FERRY_ERR_STORAGE_CHANGED (size or time of change differ from
// when it was opened, or it ends too early).
int ferry_cargo_file_read(struct ferry_cargo_file *self, uint32_t offset, uint8_t *buf, size_t len);
// self must stay where it is while the source is in use.
struct ferry_source ferry_cargo_file_source(struct ferry_cargo_file *self);
void ferry_cargo_file_close(struct ferry_cargo_file *self); // may be called twice

#endif
