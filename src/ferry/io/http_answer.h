// Filling answers: what every handler needs, and which part of a thing a request wants (Range, If-Range,
// If-None-Match of RFC 9110).
#ifndef FERRY_IO_HTTP_ANSWER_H
#define FERRY_IO_HTTP_ANSWER_H

#include "ferry/io/http.h"

// Adds a header. name must be constant text; value is copied. False, and nothing added: no room, or a value with
// control characters (which would end the header).
bool ferry_http_answer_header(struct ferry_http_answer *answer, const char *name, const char *value);
// The value of header i < header_count.
const char *ferry_http_answer_value(const struct ferry_http_answer *answer, size_t i);
// Status, Content-Type and a body that stays where it is until answer->close() (constant text, or set close and ctx).
void ferry_http_answer_bytes(struct ferry_http_answer *answer, int status, const char *type, const void *bytes,
                             size_t len);

struct ferry_http_part {
    uint64_t offset, length;
};

// Of a thing of `total` bytes with this ETag (with its quotes; "" = none), what does the request (GET or HEAD) want?
// Fills status (200, 206, 304, 416), length, ETag, Accept-Ranges and Content-Range; other headers and the body are the
// caller's. True: *part of the thing is to be sent; false: there is no body (304, 416). One range is served; of several
// in one header, or one that makes no sense, the whole is sent, as RFC 9110 (14.2) allows.
bool ferry_http_answer_part(struct ferry_http_answer *answer, const struct ferry_http_request *request, uint64_t total,
                            const char *etag, struct ferry_http_part *part);

#endif
