#include "ports/esp-idf/http_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

#include "esp_tls.h"
#include "mbedtls/x509.h"
#include "sdkconfig.h"

#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
#include "esp_crt_bundle.h"
#endif

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ports/esp-idf/clock.h"

#define LOOK_MS 200u // between questions whether to stop

int http_link_fail(struct http_link *self, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->reason, self->reason_size, format, args);
    va_end(args);
    return status;
}

// ---- waiting ----

// 1 = ready, 0 = not yet; FERRY_ERR_TIMEOUT, FERRY_ERR_CANCELLED.
static int wait_for(struct http_link *self, bool readable, uint32_t deadline_ms)
{
    fd_set set;
    uint32_t now = ferry_idf_clock_now();
    if (self->stop && self->stop(self->stop_ctx))
        return http_link_fail(self, FERRY_ERR_CANCELLED, "stopped");
    if (ferry_time_reached(now, deadline_ms))
        return http_link_fail(self, FERRY_ERR_TIMEOUT, "the server did not go on in time");
    uint32_t ms = deadline_ms - now < LOOK_MS ? deadline_ms - now : LOOK_MS;
    struct timeval tv = {.tv_usec = (suseconds_t)ms * 1000};
    FD_ZERO(&set);
    FD_SET(self->fd, &set);
    int n = select(self->fd + 1, readable ? &set : NULL, readable ? NULL : &set, NULL, &tv);
    return n > 0 ? 1 : 0;
}

static bool would_block(ssize_t n)
{
    if (n == ESP_TLS_ERR_SSL_WANT_READ || n == ESP_TLS_ERR_SSL_WANT_WRITE)
        return true;
    return n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

int http_link_send(struct http_link *self, const void *bytes, size_t len, uint32_t deadline_ms)
{
    for (const uint8_t *at = bytes; len > 0;) {
        ssize_t n = esp_tls_conn_write(self->tls, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (!would_block(n))
            return http_link_fail(self, FERRY_ERR_WIRE_IO, "the connection was cut while asking");
        int status = wait_for(self, n == ESP_TLS_ERR_SSL_WANT_READ, deadline_ms);
        if (status < 0)
            return status;
    }
    return FERRY_OK;
}

int http_link_receive(struct http_link *self, void *buf, size_t cap, uint32_t deadline_ms)
{
    for (;;) {
        ssize_t n = esp_tls_conn_read(self->tls, buf, cap);
        if (n >= 0)
            return (int)n;
        if (!would_block(n))
            return http_link_fail(self, FERRY_ERR_WIRE_IO, "the connection was cut");
        int status = wait_for(self, n != ESP_TLS_ERR_SSL_WANT_WRITE, deadline_ms);
        if (status < 0)
            return status;
    }
}

bool http_link_idle(const struct http_link *self)
{
    fd_set set;
    struct timeval now = {0};
    if (!self->tls)
        return false;
    FD_ZERO(&set);
    FD_SET(self->fd, &set);
    return select(self->fd + 1, &set, NULL, NULL, &now) == 0;
}

// ---- opening ----

static const char *certificate_problem(int flags)
{
    static const struct {
        int flag;
        const char *text;
    } problems[] = {
        {MBEDTLS_X509_BADCERT_CN_MISMATCH, "it is for another name than the address has"},
        {MBEDTLS_X509_BADCERT_FUTURE, "it is not valid yet, by this chip's clock"},
        {MBEDTLS_X509_BADCERT_EXPIRED, "it is not valid any more, by this chip's clock"},
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "nobody who is trusted here has signed it"},
    };
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (flags & problems[i].flag)
            return problems[i].text;
    return "it does not pass the check";
}

static int explain(struct http_link *self, const char *host, uint16_t port)
{
    esp_tls_error_handle_t handle = NULL;
    int code = 0, flags = 0, system = 0;
    esp_tls_get_error_handle(self->tls, &handle);
    esp_tls_get_and_clear_error_type(handle, ESP_TLS_ERR_TYPE_SYSTEM, &system);
    esp_err_t error = esp_tls_get_and_clear_last_error(handle, &code, &flags);
    bool certificate = flags != 0 || code == -MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
    if (error == ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME)
        return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "no address is known for %.60s", host);
    if (error == ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT)
        return http_link_fail(self, FERRY_ERR_TIMEOUT, "%.60s port %u does not answer", host, (unsigned)port);
    if (error == ESP_ERR_NO_MEM || code == -MBEDTLS_ERR_SSL_ALLOC_FAILED)
        return http_link_fail(self, FERRY_ERR_NO_MEMORY, "no memory for a TLS connection");
    if (certificate)
        return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "the certificate of %.60s is refused: %s", host,
                              certificate_problem(flags));
    if (code)
        return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "no TLS with %.60s port %u (error -0x%04x)", host,
                              (unsigned)port, (unsigned)code);
    return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "no connection to %.60s port %u%s%s", host, (unsigned)port,
                          system ? ": " : "", system ? strerror(system) : "");
}

// A socket that does not block: every wait is ours.
static int take_socket(struct http_link *self)
{
    if (esp_tls_get_conn_sockfd(self->tls, &self->fd) != ESP_OK)
        return FERRY_ERR_WIRE_OPEN;
    int flags = fcntl(self->fd, F_GETFL, 0);
    return fcntl(self->fd, F_SETFL, flags | O_NONBLOCK) == 0 ? FERRY_OK : FERRY_ERR_WIRE_OPEN;
}

// The handshake does not block either, so that a server that sends a byte now and then cannot hold it up.
static int shake_hands(struct http_link *self, const char *host, uint16_t port, const esp_tls_cfg_t *cfg,
                       uint32_t deadline_ms)
{
    for (;;) {
        int done = esp_tls_conn_new_async(host, (int)strlen(host), port, cfg, self->tls);
        if (done < 0)
            return explain(self, host, port);
        if (esp_tls_get_conn_sockfd(self->tls, &self->fd) != ESP_OK || self->fd < 0)
            return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "no connection to %.60s port %u", host, (unsigned)port);
        if (done > 0)
            return FERRY_OK;
        int status = wait_for(self, true, deadline_ms);
        if (status == FERRY_ERR_TIMEOUT)
            http_link_fail(self, status, "no TLS with %.60s port %u in time", host, (unsigned)port);
        if (status < 0)
            return status;
    }
}

static int connect_to(struct http_link *self, const char *host, uint16_t port, bool secure, uint32_t timeout_ms)
{
    esp_tls_cfg_t cfg = {.timeout_ms = (int)timeout_ms, .is_plain_tcp = !secure, .non_block = secure};
    if (!secure) {
        if (esp_tls_conn_new_sync(host, (int)strlen(host), port, &cfg, self->tls) != 1)
            return explain(self, host, port);
        return take_socket(self);
    }
    if (self->certificate) {
        cfg.cacert_buf = (const unsigned char *)self->certificate;
        cfg.cacert_bytes = (unsigned)strlen(self->certificate) + 1;
    } else {
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
        cfg.crt_bundle_attach = esp_crt_bundle_attach;
#else
        return http_link_fail(self, FERRY_ERR_WIRE_OPEN, "there is no certificate to check the server with");
#endif
    }
    int status = shake_hands(self, host, port, &cfg, ferry_idf_clock_now() + timeout_ms);
    return status < 0 ? status : take_socket(self);
}

int http_link_open(struct http_link *self, const char *host, uint16_t port, bool secure, uint32_t timeout_ms)
{
    http_link_close(self);
    self->tls = esp_tls_init();
    if (!self->tls)
        return http_link_fail(self, FERRY_ERR_NO_MEMORY, "no memory for a connection");
    int status = connect_to(self, host, port, secure, timeout_ms);
    if (status < 0)
        http_link_close(self);
    return status;
}

void http_link_close(struct http_link *self)
{
    if (self->tls)
        esp_tls_conn_destroy(self->tls);
    self->tls = NULL;
}
