// A folder as a sink: files that arrive over the link route. Only plain names are taken, nothing leaves the folder.
//
//   NAME.part        what has arrived of NAME so far; begins as a copy of NAME where that exists, so that only what is
//                    different has to be sent; becomes NAME by rename() when it is whole, proved and on the disk
//   .ferry-update    which file is unfinished: its size, SHA-256 and name, so that a receiver knows it after a restart
#ifndef PORTS_POSIX_FILE_SINK_H
#define PORTS_POSIX_FILE_SINK_H

#include "ferry/io/digest.h"
#include "ferry/io/sink.h"
#include "ports/posix/error.h"

struct ferry_posix_file_sink {
    struct ferry_digest digest;
    // Private.
    int folder; // descriptors, -1 = none
    int file;   // NAME.part
    bool unfinished, ended;
    uint32_t size;
    uint8_t sha256[FERRY_SHA256_SIZE];
    char name[FERRY_MANIFEST_TEXT];
};

// Opens the folder (which has to exist) and fills *sink, whose ctx is self (which has to stay where it is). One
// receiver per folder. 0, or FERRY_ERR_STORAGE_MISSING, FERRY_ERR_STORAGE_WRITE with *error.
//
// begin() refuses: FERRY_ERR_UNSUPPORTED (not a file), FERRY_ERR_STORAGE_PATH (a name with '/', or that begins with
// '.', or ends with ".part"), FERRY_ERR_NO_PLACE (a folder or link of that name), FERRY_ERR_NO_SPACE,
// FERRY_ERR_STORAGE_WRITE. revert() is FERRY_ERR_STATE: there is no trial.
int ferry_posix_file_sink_open(struct ferry_posix_file_sink *self, const char *folder,
                               const struct ferry_digest *digest, struct ferry_sink *sink,
                               struct ferry_posix_error *error);
// What is unfinished stays.
void ferry_posix_file_sink_close(struct ferry_posix_file_sink *self);

#endif
