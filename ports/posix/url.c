#include "ports/posix/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ferry/base/status.h"

static int bad(const char *text, struct ferry_posix_error *error, const char *why)
{
    ferry_posix_error_set(error, FERRY_ERR_ARG, text, "not a port: %s", why);
    ferry_posix_error_hint(error, "use /dev/ttyUSB0, socket://HOST:PORT or rfc2217://HOST:PORT");
    return FERRY_ERR_ARG;
}

// Copies len bytes; false when they do not fit or there are none.
static bool copy(char *to, size_t cap, const char *from, size_t len)
{
    if (len == 0 || len >= cap)
        return false;
    memcpy(to, from, len);
    to[len] = 0;
    return true;
}

static const char *take_host(const char *at, struct ferry_posix_url *out)
{
    if (*at == '[') {
        const char *end = strchr(at, ']');
        return end && copy(out->host, sizeof out->host, at + 1, (size_t)(end - at - 1)) ? end + 1 : 0;
    }
    size_t len = strcspn(at, ":/?");
    return copy(out->host, sizeof out->host, at, len) ? at + len : 0;
}

static const char *take_port(const char *at, struct ferry_posix_url *out)
{
    if (*at != ':' || at[1] < '0' || at[1] > '9')
        return 0;
    char *end;
    unsigned long port = strtoul(at + 1, &end, 10);
    if (port < 1 || port > 65535)
        return 0;
    out->port = (uint16_t)port;
    return *end == '/' ? end + 1 : end;
}

static bool take_timeout(const char *value, size_t len, struct ferry_posix_url *out)
{
    char text[16], *end;
    if (!copy(text, sizeof text, value, len))
        return false;
    double seconds = strtod(text, &end);
    if (*end || !(seconds > 0 && seconds <= 600))
        return false;
    out->timeout_ms = (uint32_t)(seconds * 1000);
    return true;
}

static bool is(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(at, word, len) == 0;
}

static bool take_option(const char *at, size_t len, struct ferry_posix_url *out)
{
    bool rfc2217 = out->kind == FERRY_POSIX_URL_RFC2217;
    if (len > 8 && strncasecmp(at, "timeout=", 8) == 0)
        return take_timeout(at + 8, len - 8, out);
    if (len >= 7 && strncasecmp(at, "logging", 7) == 0)
        return true;
    if (rfc2217 && is(at, len, "ign_set_control"))
        return out->ign_set_control = true;
    if (rfc2217 && is(at, len, "poll_modem"))
        return out->poll_modem = true;
    return false;
}

static int take_options(const char *text, const char *at, struct ferry_posix_url *out, struct ferry_posix_error *error)
{
    while (*at) {
        size_t len = strcspn(at, "&");
        if (len && !take_option(at, len, out)) {
            ferry_posix_error_set(error, FERRY_ERR_ARG, text, "unknown option in the port's name: %.*s", (int)len, at);
            ferry_posix_error_hint(error, "rfc2217:// knows ign_set_control, poll_modem, timeout=SECONDS; socket:// "
                                          "knows timeout=SECONDS");
            return FERRY_ERR_ARG;
        }
        at += len + (at[len] == '&');
    }
    return FERRY_OK;
}

static int parse_network(const char *text, const char *at, struct ferry_posix_url *out, struct ferry_posix_error *error)
{
    at = take_host(at, out);
    if (!at)
        return bad(text, error, "no host");
    at = take_port(at, out);
    if (!at)
        return bad(text, error, "no port number from 1 to 65535 after the host");
    if (*at == '?')
        return take_options(text, at + 1, out, error);
    return *at ? bad(text, error, "text after the port number") : FERRY_OK;
}

int ferry_posix_url_parse(const char *text, struct ferry_posix_url *out, struct ferry_posix_error *error)
{
    memset(out, 0, sizeof *out);
    out->timeout_ms = 3000;
    if (!*text)
        return bad(text, error, "the name is empty");
    if (strncasecmp(text, "socket://", 9) == 0) {
        out->kind = FERRY_POSIX_URL_SOCKET;
        return parse_network(text, text + 9, out, error);
    }
    if (strncasecmp(text, "rfc2217://", 10) == 0) {
        out->kind = FERRY_POSIX_URL_RFC2217;
        return parse_network(text, text + 10, out, error);
    }
    if (strncasecmp(text, "udp://", 6) == 0) {
        ferry_posix_error_set(error, FERRY_ERR_ARG, text, "UDP carries packets: only the link route can use it");
        ferry_posix_error_hint(error, "ferry send, ferry link-test: for targets that run a receiver");
        return FERRY_ERR_ARG;
    }
    if (strstr(text, "://"))
        return bad(text, error, "unknown kind of address");
    out->kind = FERRY_POSIX_URL_SERIAL;
    if (!copy(out->path, sizeof out->path, text, strlen(text)))
        return bad(text, error, "the name is too long");
    return FERRY_OK;
}
