// esp_http_client behind ferry/io/http.h: one request at a time, calls block. https with the certificate bundle of
// ESP-IDF (CONFIG_MBEDTLS_CERTIFICATE_BUNDLE) or one certificate of the program's.
#ifndef PORTS_ESP_IDF_HTTP_CLIENT_H
#define PORTS_ESP_IDF_HTTP_CLIENT_H

#include <stdint.h>

#include "ferry/io/http.h"

struct ferry_idf_http_client_cfg {
    uint32_t timeout_ms;     // of each step; 0 = 10000
    const char *certificate; // PEM of the authority to trust, the caller's; NULL = the bundle
    const char *agent;       // User-Agent; NULL = "ferry"
};

struct ferry_idf_http_client {
    struct ferry_idf_http_client_cfg cfg;
    void *request; // esp_http_client_handle_t, NULL = none is open
    struct ferry_http_reply *reply;
    char reason[160];
};

// Fills *out, whose ctx is self (which has to stay where it is). Heap while a request is open: about 4 KB, with TLS
// some 40 KB.
void ferry_idf_http_client_init(struct ferry_idf_http_client *self, const struct ferry_idf_http_client_cfg *cfg,
                                struct ferry_http_client *out);
void ferry_idf_http_client_close(struct ferry_idf_http_client *self);

#endif
