// The texts of HTTP that a handler or a port has to take apart: paths, queries, ranges, entity tags (RFC 9110, 9112,
// 3986). Pure functions on what a stranger sent; nothing is trusted.
#ifndef FERRY_BASE_HTTP_TEXT_H
#define FERRY_BASE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_HTTP_TEXT_PAIRS 16

// The target of a request line ("/a%20b?x=1", also "http://host/a") up to its query, decoded into out with an end.
// The length (query not counted), FERRY_ERR_BUFFER (does not fit in cap), FERRY_ERR_ARG: does not begin with '/', a
// broken percent sequence, no UTF-8, or after decoding: a control character, a backslash, a '/' that was encoded, an
// empty segment before the last, or a segment "." or "..".
int ferry_http_text_path(const char *target, char *out, size_t cap);

struct ferry_http_text_query {
    struct {
        const char *name, *value; // in the text that was parsed; value "" when there was no '='
    } pairs[FERRY_HTTP_TEXT_PAIRS];
    size_t count;
};

// Takes "a=1&b=x+y" (NULL or "" = none) apart in place: decodes percent sequences and '+', puts ends. 0, or
// FERRY_ERR_ARG: more than FERRY_HTTP_TEXT_PAIRS, a broken percent sequence, no UTF-8, a control character, an empty
// name, a name twice.
int ferry_http_text_query_parse(char *text, struct ferry_http_text_query *query);
const char *ferry_http_text_query_get(const struct ferry_http_text_query *query, const char *name);

enum ferry_http_text_range {
    FERRY_HTTP_TEXT_RANGE_NONE,  // no range, one not understood, or several: send the whole
    FERRY_HTTP_TEXT_RANGE_PART,  // *first and *len are set; len > 0, and first + len <= total
    FERRY_HTTP_TEXT_RANGE_WRONG, // lies outside: 416
};
// A Range header's value (NULL = none) against a thing of total bytes: "bytes=0-99", "bytes=100-", "bytes=-500".
enum ferry_http_text_range ferry_http_text_range(const char *value, uint64_t total, uint64_t *first, uint64_t *len);
// Content-Range of an answer: "bytes 100-199/2000", the whole may be "*" (*total = -1 then). False: anything else.
bool ferry_http_text_content_range(const char *value, uint64_t *first, uint64_t *last, int64_t *total);

// etag ("\"abc\"") is in the list of an If-None-Match header, or the list is "*". Weak comparison: W/ counts for
// nothing. value NULL or etag "" = false.
bool ferry_http_text_etag_listed(const char *value, const char *etag);

// The bytes are UTF-8: shortest form, no surrogates, up to U+10FFFF.
bool ferry_http_text_utf8(const char *text, size_t len);
// The same without control characters (C0, DEL, and C1, which are U+0080 to U+009F and steer terminals as well).
bool ferry_http_text_plain(const char *text, size_t len);
// Equal without regard to ASCII case.
bool ferry_http_text_same(const char *a, const char *b);
// Equal, in a time that depends on the lengths only: for secrets.
bool ferry_http_text_same_secret(const char *a, size_t a_len, const char *b, size_t b_len);
// "Bearer abc" -> "abc", anything else -> NULL.
const char *ferry_http_text_bearer(const char *authorization);
// "Basic ..." (RFC 7617): the password into out. False: anything else, no password, it does not fit with its end, or
// has control characters.
bool ferry_http_text_basic(const char *authorization, char *out, size_t cap);

#endif
