// Where a request ends. Two servers in a row that see its end in different places let a stranger put requests into
// others' connections (RFC 9112, 11.2), so what can be read in two ways is refused, and its connection is closed. The
// library is more lenient: it takes the first of several lengths, prefers an encoding to a length, waits for ever for a
// body of an encoding that it does not know, and has no second look at names and values of headers.
#include <string.h>
#include <strings.h>

#include "ports/posix/http_server_parts.h"

struct look {
    unsigned lengths, encodings, hosts;
    bool chunked, odd;
};

// RFC 9110, 5.6.2: what a name may be made of. "Content-Length " is none.
static bool is_token(const char *name, size_t len)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (!c || !strchr(marks, c)))
            return false;
    }
    return len > 0;
}

static bool is(const char *name, size_t len, const char *what)
{
    return len == strlen(what) && strncasecmp(name, what, len) == 0;
}

static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                               size_t value_len)
{
    struct look *look = cls;
    (void)kind;
    if (!is_token(name, name_len))
        look->odd = true;
    for (size_t i = 0; i < value_len; i++)
        look->odd |= value[i] == 0 || value[i] == '\r' || value[i] == '\n';
    look->lengths += is(name, name_len, "Content-Length");
    look->hosts += is(name, name_len, "Host");
    if (is(name, name_len, "Transfer-Encoding")) {
        look->encodings++;
        look->chunked = is(value, value_len, "chunked");
    }
    return MHD_YES;
}

bool http_server_framing_fits(struct http_server_request *request, const char *version)
{
    struct look look = {0};
    bool old = strcmp(version, "HTTP/1.0") == 0;
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, look_at, &look);
    if (look.odd || look.lengths + look.encodings > 1 || look.hosts > 1 || (!old && look.hosts == 0))
        return false;
    return look.encodings == 0 || (look.chunked && !old);
}
