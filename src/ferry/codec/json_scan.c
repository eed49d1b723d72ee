#include "ferry/codec/json_scan.h"

#include <stdbool.h>
#include <string.h>

struct scan {
    const struct ferry_json_scan_limits *limits;
    bool quoted;
    unsigned depth, values;
};

// Inside of quotes; *skip: how many bytes an escape takes besides the backslash.
static enum ferry_json_scan quoted(struct scan *s, const char *text, size_t left, size_t *skip)
{
    static const char zero[] = "\\u0000";
    if (left >= sizeof zero - 1 && memcmp(text, zero, sizeof zero - 1) == 0)
        return FERRY_JSON_SCAN_ESCAPED;
    // The byte behind a backslash is no end of the text, but it may be a zero byte.
    *skip = *text == '\\' && left > 1 && text[1] != 0;
    s->quoted = *text != '"';
    return FERRY_JSON_SCAN_FINE;
}

static enum ferry_json_scan plain(struct scan *s, char c)
{
    bool opens = c == '[' || c == '{';
    s->quoted = c == '"';
    s->depth += opens;
    s->depth -= (c == ']' || c == '}') && s->depth > 0;
    s->values += opens || c == ',';
    if (s->depth > s->limits->depth)
        return FERRY_JSON_SCAN_DEEP;
    return s->values > s->limits->values ? FERRY_JSON_SCAN_MANY : FERRY_JSON_SCAN_FINE;
}

enum ferry_json_scan ferry_json_scan(const char *text, size_t len, const struct ferry_json_scan_limits *limits,
                                     size_t *at)
{
    struct scan s = {.limits = limits};
    enum ferry_json_scan found = FERRY_JSON_SCAN_FINE;
    size_t i = 0;
    while (i < len) {
        size_t skip = 0;
        found = text[i] == 0 ? FERRY_JSON_SCAN_ZERO
                : s.quoted   ? quoted(&s, text + i, len - i, &skip)
                             : plain(&s, text[i]);
        if (found != FERRY_JSON_SCAN_FINE)
            break;
        i += 1 + skip;
    }
    if (at)
        *at = i;
    return found;
}
