#include "ferry/base/http_text.h"

#include <string.h>

#include "ferry/base/status.h"

// How many bytes of text come before one of these (or the end); how many are of these.
static size_t until(const char *text, const char *stops)
{
    size_t n = 0, count = strlen(stops);
    while (text[n] && !memchr(stops, text[n], count))
        n++;
    return n;
}

static size_t run_of(const char *text, const char *wanted)
{
    size_t n = 0, count = strlen(wanted);
    while (text[n] && memchr(wanted, text[n], count))
        n++;
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The byte of "%41" at text, -1 when it is none.
static int percent(const char *text)
{
    int high = hex_digit(text[1]);
    int low = high < 0 ? -1 : hex_digit(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

static bool control(unsigned c)
{
    return c < 0x20 || c == 0x7F;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool ferry_http_text_same(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++, b++) {
    }
    return *a == *b;
}

static bool begins(const char *text, const char *with)
{
    for (; *with; text++, with++)
        if (lower(*text) != lower(*with))
            return false;
    return true;
}

bool ferry_http_text_same_secret(const char *a, size_t a_len, const char *b, size_t b_len)
{
    volatile unsigned char differs = (unsigned char)(a_len != b_len);
    for (size_t i = 0; i < a_len && i < b_len; i++)
        differs = (unsigned char)(differs | (a[i] ^ b[i]));
    return !differs;
}

const char *ferry_http_text_bearer(const char *authorization)
{
    if (!authorization || !begins(authorization, "bearer "))
        return NULL;
    const char *token = authorization + strlen("bearer ");
    while (*token == ' ')
        token++;
    return *token ? token : NULL;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool ferry_http_text_basic(const char *authorization, char *out, size_t cap)
{
    uint32_t bits = 0;
    size_t count = 0, len = 0;
    bool name = true;
    if (!authorization || !begins(authorization, "basic ") || cap == 0)
        return false;
    const char *at = authorization + strlen("basic ");
    for (; base64_digit(*at) >= 0; at++) {
        bits = bits << 6 | (uint32_t)base64_digit(*at);
        if (++count % 4 == 1)
            continue;
        unsigned char c = (unsigned char)(bits >> (6 - 2 * ((count - 1) % 4)));
        if (name) {
            name = c != ':';
            continue;
        }
        if (len + 1 >= cap || c < 0x20 || c == 0x7F)
            return false;
        out[len++] = (char)c;
    }
    while (*at == '=')
        at++;
    out[len] = 0;
    return !*at && len > 0;
}

// How many bytes follow the first one of a sequence, and the least code that may be written so long.
static int utf8_more(unsigned char first, uint32_t *code, uint32_t *least)
{
    static const uint32_t starts[] = {0, 0x80, 0x800, 0x10000};
    int more = first < 0x80             ? 0
               : (first & 0xE0) == 0xC0 ? 1
               : (first & 0xF0) == 0xE0 ? 2
               : (first & 0xF8) == 0xF0 ? 3
                                        : -1;
    if (more < 0)
        return -1;
    *code = more ? first & (0x3Fu >> more) : first;
    *least = starts[more];
    return more;
}

bool ferry_http_text_utf8(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t code = 0, least = 0;
        int more = utf8_more((unsigned char)text[i], &code, &least);
        if (more < 0 || (size_t)more >= len - i)
            return false;
        for (; more > 0; more--) {
            unsigned char c = (unsigned char)text[++i];
            if ((c & 0xC0) != 0x80)
                return false;
            code = code << 6 | (c & 0x3Fu);
        }
        if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
    }
    return true;
}

// The path of an absolute target ("http://host/a"): behind the authority.
static const char *skip_authority(const char *target)
{
    size_t scheme = begins(target, "http://") ? strlen("http://") : begins(target, "https://") ? strlen("https://") : 0;
    if (!scheme)
        return target;
    const char *host = target + scheme;
    return host + until(host, "/?#");
}

// No segment of the path is empty (but the last), "." or "..".
static bool segments_plain(const char *path)
{
    for (const char *at = path + 1;; at++) {
        size_t len = until(at, "/");
        if ((len == 0 && at[len]) || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += len;
        if (!*at)
            return true;
    }
}

int ferry_http_text_path(const char *target, char *out, size_t cap)
{
    const char *at = skip_authority(target);
    if (*at != '/')
        return FERRY_ERR_ARG;
    size_t len = 0;
    for (; *at && *at != '?' && *at != '#'; at++) {
        int c = *at == '%' ? percent(at) : (unsigned char)*at;
        bool encoded = *at == '%';
        if (c < 0 || control((unsigned)c) || c == '\\' || (encoded && c == '/'))
            return FERRY_ERR_ARG;
        if (len + 1 >= cap)
            return FERRY_ERR_BUFFER;
        out[len++] = (char)c;
        at += encoded ? 2 : 0;
    }
    out[len] = 0;
    return ferry_http_text_plain(out, len) && segments_plain(out) ? (int)len : FERRY_ERR_ARG;
}

bool ferry_http_text_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (control(c) || (c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0))
            return false;
    }
    return ferry_http_text_utf8(text, len);
}

// Decodes text in place; false when it is not fit.
static bool decode_query(char *text)
{
    char *out = text;
    for (const char *at = text; *at; at++) {
        int c = *at == '%' ? percent(at) : *at == '+' ? ' ' : (unsigned char)*at;
        if (c < 0 || control((unsigned)c))
            return false;
        at += *at == '%' ? 2 : 0;
        *out++ = (char)c;
    }
    *out = 0;
    return ferry_http_text_plain(text, (size_t)(out - text));
}

int ferry_http_text_query_parse(char *text, struct ferry_http_text_query *query)
{
    query->count = 0;
    while (text && *text) {
        char *next = text + until(text, "&");
        next = *next ? (*next = 0, next + 1) : next;
        char *value = text + until(text, "=");
        value = *value ? (*value = 0, value + 1) : value;
        if (!decode_query(text) || !decode_query(value) || !*text || ferry_http_text_query_get(query, text) ||
            query->count == FERRY_HTTP_TEXT_PAIRS)
            return FERRY_ERR_ARG;
        query->pairs[query->count].name = text;
        query->pairs[query->count++].value = value;
        text = next;
    }
    return FERRY_OK;
}

const char *ferry_http_text_query_get(const struct ferry_http_text_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->pairs[i].name, name) == 0)
            return query->pairs[i].value;
    return NULL;
}

// Digits at *at into *out, which becomes UINT64_MAX when it is more; false when there are none.
static bool take_number(const char **at, uint64_t *out)
{
    const char *start = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        unsigned digit = (unsigned)(**at - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return *at > start;
}

static void skip_space(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

static enum ferry_http_text_range suffix_range(uint64_t wanted, uint64_t total, uint64_t *first, uint64_t *len)
{
    if (wanted == 0 || total == 0)
        return FERRY_HTTP_TEXT_RANGE_WRONG;
    *len = wanted < total ? wanted : total;
    *first = total - *len;
    return FERRY_HTTP_TEXT_RANGE_PART;
}

enum ferry_http_text_range ferry_http_text_range(const char *value, uint64_t total, uint64_t *first, uint64_t *len)
{
    if (!value || !begins(value, "bytes="))
        return FERRY_HTTP_TEXT_RANGE_NONE;
    const char *at = value + strlen("bytes=");
    uint64_t from = 0, to = UINT64_MAX;
    skip_space(&at);
    bool has_from = take_number(&at, &from);
    if (*at++ != '-')
        return FERRY_HTTP_TEXT_RANGE_NONE;
    bool has_to = take_number(&at, &to);
    skip_space(&at);
    if (*at || (!has_from && !has_to) || (has_from && has_to && to < from))
        return FERRY_HTTP_TEXT_RANGE_NONE;
    if (!has_from)
        return suffix_range(to, total, first, len);
    if (from >= total)
        return FERRY_HTTP_TEXT_RANGE_WRONG;
    *first = from;
    *len = (has_to && to < total - 1 ? to : total - 1) - from + 1;
    return FERRY_HTTP_TEXT_RANGE_PART;
}

bool ferry_http_text_content_range(const char *value, uint64_t *first, uint64_t *last, int64_t *total)
{
    uint64_t all = 0;
    if (!begins(value, "bytes "))
        return false;
    const char *at = value + strlen("bytes ");
    if (!take_number(&at, first) || *at++ != '-' || !take_number(&at, last) || *at++ != '/')
        return false;
    *total = -1;
    if (strcmp(at, "*") == 0)
        return *first <= *last && *last < INT64_MAX;
    if (!take_number(&at, &all) || *at || all > INT64_MAX)
        return false;
    *total = (int64_t)all;
    return *first <= *last && *last < all;
}

static const char *opaque(const char *etag)
{
    return etag[0] == 'W' && etag[1] == '/' ? etag + 2 : etag;
}

bool ferry_http_text_etag_listed(const char *value, const char *etag)
{
    if (!value || !*etag)
        return false;
    const char *wanted = opaque(etag);
    size_t len = strlen(wanted);
    for (const char *at = value; *at;) {
        at += run_of(at, " \t,");
        if (at[0] == '*' && !at[1 + run_of(at + 1, " \t")])
            return true;
        at = opaque(at);
        size_t quoted = *at == '"' ? until(at + 1, "\"") + 2 : until(at, " \t,");
        if (quoted == len && strncmp(at, wanted, len) == 0)
            return true;
        at += quoted < strlen(at) ? quoted : strlen(at);
    }
    return false;
}
