// TLS of the servers in this program (`depot serve`, `updater --web`): the options, the server's own certificate, and
// what is said about it.
#ifndef FERRY_APP_WEB_TLS_H
#define FERRY_APP_WEB_TLS_H

#include <stdbool.h>

#include "apps/ferry/display.h"
#include "ports/posix/http_certificate.h"
#include "updater/fault.h"

struct web_tls {
    const char *cert, *key; // --tls-cert, --tls-key; after web_tls_prepare() what the server takes, NULL = no TLS
    bool self_signed;       // --tls-self-signed
    struct ferry_posix_http_certificate own;
};

// Takes argv[*i] when it is one of the options (--name VALUE or --name=VALUE). 1 = taken, 0 = not ours, -1 = its value
// is missing.
int web_tls_option(struct web_tls *self, int argc, char **argv, int *i);
// What is wrong with the options together, for a usage error; NULL = nothing.
const char *web_tls_wrong(const struct web_tls *self);
// Makes the certificate that was asked for. names: those that it is to have besides this computer's, NULL-terminated,
// NULL = none; bind: where the server listens. 0, or negative with *fault.
int web_tls_prepare(struct web_tls *self, const char *const *names, const char *bind, struct ferry_fault *fault);
// Others can reach a server that listens there.
bool web_tls_is_open(const char *bind);
// After the start: about the server's own certificate, or that secrets travel as they are.
void web_tls_tell(const struct web_tls *self, const char *bind, struct cli_display *display);

#endif
