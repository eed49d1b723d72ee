// HTTP/1.1 over esp-tls behind ferry/io/http.h, answers taken apart by ESP-IDF's http_parser: one request at a time,
// calls block. https with one certificate of the program's, or with ESP-IDF's bundle
// (CONFIG_MBEDTLS_CERTIFICATE_BUNDLE).
//
// Not esp_http_client, which keeps a header of any length in memory (and stops the chip when there is none left), goes
// on reading what is no HTTP for as long as it comes, and sends the token on to wherever a redirect leads.
//
// Bounds: 8 KB of headers; five redirects, never from https to http, and to another host without Authorization; each
// step (connection with TLS, the whole head, one read) has cfg.timeout_ms, however slowly bytes drip in.
#ifndef PORTS_ESP_IDF_HTTP_CLIENT_H
#define PORTS_ESP_IDF_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/http.h"

struct ferry_idf_http_client_cfg {
    uint32_t timeout_ms;     // of each step; 0 = 15000
    const char *certificate; // PEM of the authorities to trust, the caller's; NULL = the bundle
    const char *agent;       // User-Agent; NULL = "ferry"
    bool keep;               // the connection stays for the next request to the same server, until ..._client_close()
    // Asked every 200 ms at the latest while something is waited for: true = the call ends with FERRY_ERR_CANCELLED.
    bool (*stop)(void *ctx); // NULL = never
    void *stop_ctx;
};

struct ferry_idf_http_client_work;

struct ferry_idf_http_client {
    struct ferry_idf_http_client_cfg cfg;
    struct ferry_idf_http_client_work *work; // NULL = no connection
    char reason[160];
};

// Fills *out, whose ctx is self (which has to stay where it is). Besides what io/http.h lists, calls return
// FERRY_ERR_NO_MEMORY and FERRY_ERR_CANCELLED. Heap while a connection is open: 4 KB, with TLS some 40 KB.
void ferry_idf_http_client_init(struct ferry_idf_http_client *self, const struct ferry_idf_http_client_cfg *cfg,
                                struct ferry_http_client *out);
void ferry_idf_http_client_close(struct ferry_idf_http_client *self); // twice is harmless

#endif
