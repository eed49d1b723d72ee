#include "updater/web_csv.h"

#include <stddef.h>

const char *const ferry_web_csv_names[FERRY_WEB_CSV_FIELDS] = {
    "time",   "mac",     "chip",    "revision", "port",   "cargo", "version",
    "sha256", "written", "skipped", "seconds",  "result", "error", "message",
};

// The field at *at, unquoted in place; *at moves behind it: to a ',' or to the end. NULL = an open quote.
static char *field(char **at)
{
    char *from = *at, *in = from, *out = from;
    if (*in != '"') {
        while (*in && *in != ',')
            in++;
        *at = in;
        return from;
    }
    for (in++; *in; in++) {
        if (*in == '"' && in[1] != '"')
            break;
        in += *in == '"';
        *out++ = *in;
    }
    if (*in != '"')
        return NULL;
    *at = in + 1;
    if (out < *at)
        *out = 0;
    return from;
}

bool ferry_web_csv_parse(struct ferry_web_csv *self, char *line)
{
    char *at = line;
    for (unsigned i = 0; i < FERRY_WEB_CSV_FIELDS; i++)
        self->fields[i] = "";
    for (unsigned i = 0;; i++) {
        char *text = i < FERRY_WEB_CSV_FIELDS ? field(&at) : NULL;
        if (!text || (*at && *at != ','))
            return false;
        self->fields[i] = text;
        if (!*at)
            return true;
        *at++ = 0;
    }
}
