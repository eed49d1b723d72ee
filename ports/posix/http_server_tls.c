// Certificates that change while the server runs. The library takes one when it starts and has no way to take another;
// but each connection's TLS session is ours to see before its handshake begins, and it takes the certificate that is
// the newest then. Connections that are there keep theirs.
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/posix/http_server_parts.h"

#define FILE_MAX 262144

struct http_server_tls {
    gnutls_certificate_credentials_t credentials;
    unsigned users; // connections, and one while it is the newest
};

int http_server_load_pem(const char *path, char **out, struct ferry_posix_error *error)
{
    FILE *file = fopen(path, "rb");
    *out = file ? calloc(1, FILE_MAX + 1) : NULL;
    size_t len = *out ? fread(*out, 1, FILE_MAX + 1, file) : 0;
    bool fits = file && len > 0 && len <= FILE_MAX;
    if (file)
        fclose(file);
    if (fits)
        return FERRY_OK;
    free(*out);
    *out = NULL;
    ferry_posix_error_set(error, FERRY_ERR_STORAGE_READ, path, "%.200s cannot be read", path);
    ferry_posix_error_hint(error, "a PEM file of at most 256 KB that this user may read");
    return FERRY_ERR_STORAGE_READ;
}

void http_server_free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void http_server_tls_drop(struct http_server_tls *tls)
{
    if (!tls || --tls->users > 0)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

void http_server_tls_use(struct ferry_posix_http_server *self, struct MHD_Connection *connection,
                         struct http_server_link *link)
{
    if (!self->cert)
        return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    pthread_mutex_lock(&self->guard);
    struct http_server_tls *tls = info && info->tls_session ? self->tls : NULL;
    if (tls)
        tls->users++;
    link->tls = tls;
    pthread_mutex_unlock(&self->guard);
    if (tls)
        gnutls_credentials_set(info->tls_session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
}

static int make(const char *cert, const char *key, struct http_server_tls **out)
{
    // gnutls only reads them, but takes pointers to what could be changed.
    gnutls_datum_t cert_text = {(unsigned char *)(uintptr_t)cert, (unsigned)strlen(cert)};
    gnutls_datum_t key_text = {(unsigned char *)(uintptr_t)key, (unsigned)strlen(key)};
    struct http_server_tls *tls = *out = calloc(1, sizeof *tls);
    if (!tls)
        return GNUTLS_E_MEMORY_ERROR;
    tls->users = 1;
    int code = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (code >= 0)
        code = gnutls_certificate_set_x509_key_mem(tls->credentials, &cert_text, &key_text, GNUTLS_X509_FMT_PEM);
    if (code >= 0)
        return code;
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
    *out = NULL;
    return code;
}

int ferry_posix_http_server_reload(struct ferry_posix_http_server *self, struct ferry_posix_error *error)
{
    char *cert = NULL, *key = NULL;
    struct http_server_tls *tls = NULL;
    if (!self->cert)
        return ferry_posix_error_set(error, FERRY_ERR_STATE, NULL, "this server has no certificate");
    int status = http_server_load_pem(self->cfg.tls_cert, &cert, error);
    if (status >= 0)
        status = http_server_load_pem(self->cfg.tls_key, &key, error);
    int code = status < 0 ? 0 : make(cert, key, &tls);
    if (code < 0) {
        status = ferry_posix_error_set(error, FERRY_ERR_ARG, self->cfg.tls_cert, "the new certificate is not used: %s",
                                       gnutls_strerror(code));
        ferry_posix_error_hint(error, "do certificate and key belong together, and are both PEM? The old ones stay");
    }
    free(cert);
    http_server_free_secret(key);
    if (status < 0)
        return status;
    pthread_mutex_lock(&self->guard);
    http_server_tls_drop(self->tls);
    self->tls = tls;
    pthread_mutex_unlock(&self->guard);
    return FERRY_OK;
}
