// A file on an HTTP server that lives in memory, as a struct ferry_http_client: with ranges and entity tags as RFC 9110
// wants them, and faults at places that the test names. Shares nothing with the code under test.
#ifndef TESTS_SUPPORT_WEB_FILE_H
#define TESTS_SUPPORT_WEB_FILE_H

#include "ferry/io/http.h"

struct web_file {
    const uint8_t *bytes;
    uint32_t size;
    char etag[FERRY_HTTP_TEXT]; // "" = none
    char sha256[65];            // "" = not told
    bool no_ranges;             // answers 200 with all of it to every request
    // Faults.
    uint32_t cut_after;     // > 0: each body ends after this many bytes with FERRY_ERR_WIRE_IO
    bool short_body;        // the body ends early as if it were whole (0 from read)
    unsigned refuse_opens;  // so many opens fail with FERRY_ERR_WIRE_OPEN, counted down
    int status;             // other than 0: what every open answers
    int64_t lie_total;      // other than 0: the total that is told
    uint64_t lie_offset;    // other than 0: the offset that is told in a 206
    uint32_t change_after;  // > 0: when so many bytes have been sent in all, it becomes other bytes with another tag
    const uint8_t *changed; // these
    uint32_t changed_size;
    bool keep_tag; // ... without telling by its tag
    // What happened.
    unsigned opens, ranges;
    uint64_t sent;
    // Private.
    bool open;
    uint32_t at, left;
    uint32_t body;
};

struct ferry_http_client web_file_client(struct web_file *self);

#endif
