// A file on an HTTP server as a source: read in order it is one request; read elsewhere, a range. When the connection
// is cut, it goes on from where it was with If-Range, so that what is read is one and the same file from its first to
// its last byte, or FERRY_ERR_STORAGE_CHANGED.
//
// A server without ranges or entity tags works too: what has been read already is read again and dropped, and then only
// the length tells that it is the same file.
//
// Read from 0 to the end in order, the whole is digested, and the last read fails with FERRY_ERR_STORAGE_DAMAGED when
// its SHA-256 is another than cfg.sha256 or what the server has told (X-Sha256). Read otherwise, comparing is the
// caller's.
#ifndef FERRY_SOURCE_HTTP_H
#define FERRY_SOURCE_HTTP_H

#include <stdbool.h>

#include "ferry/io/clock.h"
#include "ferry/io/digest.h"
#include "ferry/io/http.h"
#include "ferry/io/source.h"

struct ferry_source_http_cfg {
    const struct ferry_http_client *client; // for this source alone while it is open
    const char *url;
    const char *const *headers;        // "Name: value", NULL-terminated; NULL = none
    const struct ferry_digest *digest; // for this source alone; NULL = not digested
    const struct ferry_clock *clock;   // for pauses between trials, NULL = none
    const uint8_t *sha256;             // what it must be, 32 bytes; NULL = what the server says, if it does
    uint32_t limit;                    // larger ones are refused, 0 = 64 MiB
    uint8_t tries;                     // in a row without a byte, 0 = 5
    // What an earlier run has kept: it begins at `start` and must be the file with this tag; else it begins at 0.
    uint32_t start;
    const char *etag;
};

enum ferry_source_http_problem {
    FERRY_SOURCE_HTTP_NONE = 0,
    FERRY_SOURCE_HTTP_CLIENT,    // client.reason() has the words
    FERRY_SOURCE_HTTP_STATUS,    // the server's answer is self.http_status
    FERRY_SOURCE_HTTP_LENGTH,    // the server does not say how long it is, or sends another length
    FERRY_SOURCE_HTTP_TOO_LARGE, // larger than the limit
    FERRY_SOURCE_HTTP_OTHER,     // another file than it was
    FERRY_SOURCE_HTTP_HASH,      // another SHA-256 than it should have
};

struct ferry_source_http {
    struct ferry_source_http_cfg cfg;
    struct ferry_http_reply reply; // of the first answer: total, ETag, SHA-256
    uint32_t size;
    uint32_t begin; // cfg.start when the server went on from there, else 0
    bool open;      // a body is under way, its next byte is that at `at`
    uint32_t at;
    bool hashing; // in order since 0
    uint32_t hashed;
    uint16_t resumed; // how often it went on after a cut
    // The first failure.
    enum ferry_source_http_problem problem;
    int http_status;
};

// Asks for the file and fills *source, whose ctx is self (which must stay where it is). cfg and what it points to must
// live as long. 0; FERRY_ERR_ARG (URL), FERRY_ERR_WIRE_OPEN, FERRY_ERR_WIRE_IO, FERRY_ERR_TIMEOUT (client),
// FERRY_ERR_STORAGE_MISSING (404, 410), FERRY_ERR_STORAGE_READ (other statuses, no length, empty),
// FERRY_ERR_TOO_LARGE_FLASH (limit). source.read gives the errors of io/source.h and FERRY_ERR_STORAGE_DAMAGED.
int ferry_source_http_open(struct ferry_source_http *self, const struct ferry_source_http_cfg *cfg,
                           struct ferry_source *source);
void ferry_source_http_close(struct ferry_source_http *self);

#endif
