// Files in one folder as a sink: what arrives is written to NAME.part there, and becomes NAME in one step when all of
// it is right and on disk. A NAME that was there before stays whole until then.
#ifndef PORTS_POSIX_FILE_SINK_H
#define PORTS_POSIX_FILE_SINK_H

#include <stdint.h>

#include "ferry/io/digest.h"
#include "ferry/io/sink.h"
#include "ports/posix/error.h"

struct ferry_posix_file_sink {
    int folder; // descriptor; -1 = closed
    const struct ferry_digest *digest;
    // The file that is open.
    int part; // descriptor of NAME.part, -1 = none yet
    bool open, done;
    struct ferry_manifest manifest;
};

// folder must exist. digest stays the caller's. 0; FERRY_ERR_STORAGE_MISSING with *error.
int ferry_posix_file_sink_open(struct ferry_posix_file_sink *self, const char *folder,
                               const struct ferry_digest *digest, struct ferry_posix_error *error);
void ferry_posix_file_sink_close(struct ferry_posix_file_sink *self);
// self must outlive it. begin(): FERRY_ERR_STORAGE_PATH for a name that is empty, begins with a dot, ends in ".part",
// has a slash, a backslash or a control character, or belongs to something that is no regular file (links are not
// followed); FERRY_ERR_NO_SPACE; FERRY_ERR_STORAGE_READ. Other functions besides: FERRY_ERR_STORAGE_WRITE.
// What an earlier, unfinished transfer left in NAME.part is offered for proof.
struct ferry_sink ferry_posix_file_sink(struct ferry_posix_file_sink *self);

#endif
