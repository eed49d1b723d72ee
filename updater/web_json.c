#include "updater/web_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct ferry_web_json ferry_web_json_begin(char *out, size_t cap)
{
    out[0] = 0;
    return (struct ferry_web_json){.out = out, .cap = cap};
}

static void put(struct ferry_web_json *self, const char *bytes, size_t len)
{
    if (len >= self->cap - self->len) {
        self->full = true;
        return;
    }
    memcpy(self->out + self->len, bytes, len);
    self->len += len;
    self->out[self->len] = 0;
}

void ferry_web_json_raw(struct ferry_web_json *self, const char *text)
{
    put(self, text, strlen(text));
}

// Bytes of the UTF-8 character at text (shortest form, no surrogates); 0 = it is none.
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    size_t len = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : 4;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (first == 0xE0 && text[1] < 0xA0) || (first == 0xF0 && text[1] < 0x90);
    bool outside = (first == 0xED && text[1] >= 0xA0) || (first == 0xF4 && text[1] >= 0x90);
    return overlong || outside ? 0 : len;
}

// The next character of *text as it is written, at most 6 bytes; moves *text on.
static size_t escape(const unsigned char **text, char out[8])
{
    unsigned char c = **text;
    size_t len = utf8_length(*text);
    if (len == 0) {
        ++*text;
        memcpy(out, "\xEF\xBF\xBD", 3);
        return 3;
    }
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        ++*text;
        return 2;
    }
    if (c < 0x20 || c == 0x7F || c == '<' || c == '>' || c == '&') {
        ++*text;
        return (size_t)snprintf(out, 8, "\\u%04x", c);
    }
    memcpy(out, *text, len);
    *text += len;
    return len;
}

static void put_string(struct ferry_web_json *self, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char piece[8];
    size_t written = 0;
    put(self, "\"", 1);
    while (*at) {
        size_t len = escape(&at, piece);
        if (written + len > FERRY_WEB_JSON_STRING)
            break;
        put(self, piece, len);
        written += len;
    }
    put(self, "\"", 1);
}

static void begin_value(struct ferry_web_json *self, const char *name)
{
    if (self->comma)
        put(self, ",", 1);
    self->comma = true;
    if (!name)
        return;
    put_string(self, name);
    put(self, ":", 1);
}

void ferry_web_json_text(struct ferry_web_json *self, const char *name, const char *text)
{
    begin_value(self, name);
    if (text)
        put_string(self, text);
    else
        put(self, "null", 4);
}

void ferry_web_json_number(struct ferry_web_json *self, const char *name, int64_t value)
{
    char digits[24];
    begin_value(self, name);
    put(self, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value));
}

void ferry_web_json_bool(struct ferry_web_json *self, const char *name, bool value)
{
    begin_value(self, name);
    ferry_web_json_raw(self, value ? "true" : "false");
}

void ferry_web_json_open(struct ferry_web_json *self, const char *name, char bracket)
{
    begin_value(self, name);
    put(self, &bracket, 1);
    self->comma = false;
}

void ferry_web_json_close(struct ferry_web_json *self, char bracket)
{
    put(self, &bracket, 1);
    self->comma = true;
}
