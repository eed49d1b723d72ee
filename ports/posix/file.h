// A file as a source. It notices when the file changes while it is open: every read checks size and time of change.
#ifndef PORTS_POSIX_FILE_H
#define PORTS_POSIX_FILE_H

#include <time.h>

#include "ferry/io/source.h"
#include "ports/posix/error.h"

struct ferry_posix_file {
    int fd;
    uint32_t size;
    struct timespec changed; // modification time when it was opened
};

// Opens a regular file of at most 4 GiB - 1. Fills *source, whose ctx is self (which must stay where it is).
// 0; FERRY_ERR_STORAGE_MISSING, FERRY_ERR_STORAGE_READ (not a regular file, no permission, too large) with *error.
int ferry_posix_file_open(struct ferry_posix_file *self, const char *path, struct ferry_source *source,
                          struct ferry_posix_error *error);
void ferry_posix_file_close(struct ferry_posix_file *self);

#endif
