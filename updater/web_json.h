// JSON text written into a buffer of fixed size. What does not fit is left out and the text is marked as too long: the
// caller's buffers are made for the longest row there is, and strings are cut first.
#ifndef FERRY_UPDATER_WEB_JSON_H
#define FERRY_UPDATER_WEB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_WEB_JSON_STRING 480 // longest string in bytes as written; longer ones are cut between characters

struct ferry_web_json {
    char *out;
    size_t cap, len; // out is always ended by a NUL
    bool full;       // something did not fit
    bool comma;      // the next member or element needs one
};

struct ferry_web_json ferry_web_json_begin(char *out, size_t cap);
// Members and elements; name NULL = an element of an array. Strings may hold anything: control characters are escaped,
// what is no UTF-8 becomes U+FFFD, and '<', '>' and '&' are written as escapes so that the text is harmless in HTML
// too. text NULL = null.
void ferry_web_json_text(struct ferry_web_json *self, const char *name, const char *text);
void ferry_web_json_number(struct ferry_web_json *self, const char *name, int64_t value);
void ferry_web_json_bool(struct ferry_web_json *self, const char *name, bool value);
// '{' or '['; and the end of it.
void ferry_web_json_open(struct ferry_web_json *self, const char *name, char bracket);
void ferry_web_json_close(struct ferry_web_json *self, char bracket);
// As it is, without commas of its own.
void ferry_web_json_raw(struct ferry_web_json *self, const char *text);

#endif
