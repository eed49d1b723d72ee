#include "apps/ferry/web_tls.h"

#include <arpa/inet.h>
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ferry/base/status.h"

static int take(const char *name, const char **out, int argc, char **argv, int *i)
{
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '='))
        return 0;
    if (word[len] == '=')
        *out = word + len + 1;
    else if (*i + 1 < argc)
        *out = argv[++*i];
    else
        return -1;
    return **out ? 1 : -1;
}

int web_tls_option(struct web_tls *self, int argc, char **argv, int *i)
{
    if (strcmp(argv[*i], "--tls-self-signed") == 0) {
        self->self_signed = true;
        return 1;
    }
    int taken = take("--tls-cert", &self->cert, argc, argv, i);
    return taken ? taken : take("--tls-key", &self->key, argc, argv, i);
}

const char *web_tls_wrong(const struct web_tls *self)
{
    if (!self->cert != !self->key)
        return "--tls-cert and --tls-key belong together";
    return self->cert && self->self_signed ? "--tls-self-signed makes its own: no --tls-cert beside it" : NULL;
}

static void own_folder(char *out, size_t cap)
{
    const char *set = getenv("FERRY_TLS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (set && *set)
        snprintf(out, cap, "%s", set);
    else if (data && *data == '/')
        snprintf(out, cap, "%s/ferry/tls", data);
    else
        snprintf(out, cap, "%s/.local/share/ferry/tls", home && *home ? home : ".");
}

bool web_tls_is_open(const char *bind)
{
    unsigned char address[4];
    if (!bind || strcmp(bind, "localhost") == 0 || strcmp(bind, "::1") == 0)
        return false;
    return inet_pton(AF_INET, bind, address) != 1 || address[0] != 127;
}

int web_tls_prepare(struct web_tls *self, const char *const *names, const char *bind, struct ferry_fault *fault)
{
    enum { MOST = 16 };
    const char *all[MOST + 1] = {NULL};
    struct ferry_posix_error error;
    char folder[512];
    size_t count = 0;
    if (!self->self_signed)
        return FERRY_OK;
    for (; names && *names && count < MOST - 1; names++)
        all[count++] = *names;
    if (bind && strcmp(bind, "*") != 0 && strcmp(bind, "0.0.0.0") != 0 && strcmp(bind, "::") != 0)
        all[count++] = bind;
    own_folder(folder, sizeof folder);
    const struct ferry_posix_http_certificate_cfg cfg = {.folder = folder, .names = all};
    int status = ferry_posix_http_certificate(&cfg, &self->own, &error);
    if (status < 0) {
        ferry_fault_set(fault, status, error.where, "%s", error.what);
        if (error.hint[0])
            ferry_fault_hint(fault, "%s", error.hint);
        return status;
    }
    self->cert = self->own.cert;
    self->key = self->own.key;
    return FERRY_OK;
}

static void tell_json(const struct ferry_posix_http_certificate *own, struct cli_display *display)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "file", own->cert);
    cJSON_AddStringToObject(object, "sha256", own->fingerprint);
    cJSON_AddStringToObject(object, "names", own->names);
    cJSON_AddBoolToObject(object, "made", own->made);
    cli_display_json(display, "certificate", object);
}

static void tell_own(const struct ferry_posix_http_certificate *own, struct cli_display *display)
{
    char until[32] = "";
    time_t seconds = (time_t)own->until;
    struct tm when;
    if (gmtime_r(&seconds, &when))
        strftime(until, sizeof until, "%Y-%m-%d", &when);
    tell_json(own, display);
    cli_display_line(display, "Certificate: %s (%s; until %s)", own->cert,
                     !own->made     ? "kept"
                     : own->renewed ? "made anew, with the key that was there"
                                    : "made now",
                     until);
    cli_display_line(display, "  for      %s", own->names);
    cli_display_line(display, "  SHA-256  %s", own->fingerprint);
    cli_display_line(display,
                     "  To trust it: a browser warns once and shows this SHA-256 under \"certificate\"; elsewhere give "
                     "the file:\n  curl --cacert FILE, FERRY_CA=FILE ferry ..., cert_pem on an ESP32.");
    if (own->missing[0]) {
        char text[640];
        snprintf(text, sizeof text,
                 "the certificate is not for %s: remove %s to have one made that is (whoever trusts this one must "
                 "trust the new one then)",
                 own->missing, own->cert);
        cli_display_warning(display, text);
    }
}

void web_tls_tell(const struct web_tls *self, const char *bind, struct cli_display *display)
{
    if (self->self_signed)
        tell_own(&self->own, display);
    else if (!self->cert && web_tls_is_open(bind))
        cli_display_warning(display, "without TLS tokens and firmware can be read by everybody on the way: "
                                     "--tls-self-signed, or --tls-cert and --tls-key");
}
