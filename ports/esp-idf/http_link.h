// The connection below the HTTP client: TCP, or TLS over it (esp-tls), with deadlines that hold whatever the other side
// does. Inside ports/esp-idf.
#ifndef PORTS_ESP_IDF_HTTP_LINK_H
#define PORTS_ESP_IDF_HTTP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_link {
    // Filled by the caller; what they point to stays the caller's.
    const char *certificate; // PEM to trust, with its end; NULL = the bundle
    bool (*stop)(void *ctx); // asked every 200 ms at the latest: true = give up; NULL = never
    void *stop_ctx;
    char *reason; // where what went wrong is told, reason_size bytes
    size_t reason_size;
    // Private.
    void *tls; // esp_tls_t, NULL = closed
    int fd;
};

// Each returns FERRY_ERR_WIRE_OPEN (open), FERRY_ERR_WIRE_IO (cut), FERRY_ERR_TIMEOUT, FERRY_ERR_CANCELLED (stop) or
// FERRY_ERR_NO_MEMORY with the reason told. deadline_ms: of ferry_idf_clock_now().
int http_link_open(struct http_link *self, const char *host, uint16_t port, bool secure, uint32_t timeout_ms);
int http_link_send(struct http_link *self, const void *bytes, size_t len, uint32_t deadline_ms);
// > 0 bytes; 0 = the other side has closed.
int http_link_receive(struct http_link *self, void *buf, size_t cap, uint32_t deadline_ms);
// Still open, and nothing has come that nobody asked for.
bool http_link_idle(const struct http_link *self);
void http_link_close(struct http_link *self); // twice is harmless
int http_link_fail(struct http_link *self, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
