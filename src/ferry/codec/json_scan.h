// A look at a JSON text (RFC 8259) before a parser builds anything of it: how deep it nests, how many values it has,
// and zero characters, which end a C string early. It does not say whether the text is JSON; the parser does.
#ifndef FERRY_CODEC_JSON_SCAN_H
#define FERRY_CODEC_JSON_SCAN_H

#include <stddef.h>

struct ferry_json_scan_limits {
    unsigned depth;  // of arrays and objects in each other
    unsigned values; // members and elements: commas, and one for each array and object that is opened
};

enum ferry_json_scan {
    FERRY_JSON_SCAN_FINE = 0,
    FERRY_JSON_SCAN_ZERO,    // a byte of 0
    FERRY_JSON_SCAN_ESCAPED, // a text or a name with \u0000 in it
    FERRY_JSON_SCAN_DEEP,    // nested deeper than limits->depth
    FERRY_JSON_SCAN_MANY,    // more than limits->values
};

// The first thing that is wrong with text (len bytes, no terminator needed). *at (NULL allowed): where it stands; len
// when nothing is wrong.
enum ferry_json_scan ferry_json_scan(const char *text, size_t len, const struct ferry_json_scan_limits *limits,
                                     size_t *at);

#endif
