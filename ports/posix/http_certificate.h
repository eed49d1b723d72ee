// A certificate of one's own for a TLS server: a key and a self-signed certificate that are made once and kept in a
// folder, so that those who have decided to trust them go on doing so. Made with GnuTLS, which is what the HTTP server
// speaks TLS with.
//
// EC P-256, ECDSA with SHA-256, ten years; no certificate authority: who trusts it trusts this server and nothing else.
#ifndef PORTS_POSIX_HTTP_CERTIFICATE_H
#define PORTS_POSIX_HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/posix/error.h"

struct ferry_posix_http_certificate_cfg {
    const char *folder; // made when it is not there (0700); holds key.pem (0600), cert.pem and a lock
    // Host names and numeric addresses besides those of this computer (localhost, its name, NAME.local, and the
    // addresses it has now); NULL-terminated, NULL = none.
    const char *const *names;
};

struct ferry_posix_http_certificate {
    char cert[300], key[300]; // the files
    char fingerprint[96];     // SHA-256 of the certificate: "AB:CD:..."
    char names[480];          // "bench, bench.local, 192.168.1.5": what it is for; "..." at the end: and more
    char missing[128];        // the first name or address of today that it is not for, "" = none
    int64_t until;            // seconds since 1970
    bool made, renewed;       // now; renewed: with the key that was there
};

// Those in the folder are used as long as they belong together and have not run out; else a certificate is made anew,
// with the key that is there. Several programs at once: one makes it, the others take it. FERRY_ERR_STORAGE_WRITE,
// FERRY_ERR_STORAGE_READ, FERRY_ERR_STORAGE_DAMAGED (a file that is no key or certificate is not replaced),
// FERRY_ERR_STORAGE_PATH (too long), FERRY_ERR_ARG (a name), FERRY_ERR_UNSUPPORTED.
int ferry_posix_http_certificate(const struct ferry_posix_http_certificate_cfg *cfg,
                                 struct ferry_posix_http_certificate *out, struct ferry_posix_error *error);

#endif
