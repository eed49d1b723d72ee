// esp_http_server behind ferry/io/http.h.
//
// All calls of the handler come from the server's one task, one request after the other; answers that go on without an
// end in sight (events) leave from the same task whenever wake() is called, and once a second. A body whose length is
// not announced is refused (411): esp_http_server cannot take it apart. No TLS: on an open network use a token, and no
// password that matters elsewhere.
//
// Heap: the task's stack (8 KB), esp_http_server's own about 2 KB and per connection 1 KB, here 5 KB; while a request
// runs 2 KB for its headers.
#ifndef PORTS_ESP_IDF_HTTP_SERVER_H
#define PORTS_ESP_IDF_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/http.h"
#include "ports/esp-idf/error.h"

#define FERRY_IDF_HTTP_SERVER_STACK 8192

struct ferry_idf_http_server_cfg {
    uint16_t port;        // 0 = 80
    uint16_t connections; // at the same time; 0 = 5. lwIP has CONFIG_LWIP_MAX_SOCKETS, and the server needs 3 itself
    uint32_t stack;       // bytes for its task, the handler's needs included; 0 = FERRY_IDF_HTTP_SERVER_STACK
    struct ferry_http_handler handler;
};

struct ferry_idf_http_server;

// NULL with *error: FERRY_ERR_NO_MEMORY, FERRY_ERR_WIRE_OPEN (the port is taken, no sockets left). The network stack
// must be there (ferry_idf_net_init).
struct ferry_idf_http_server *ferry_idf_http_server_start(const struct ferry_idf_http_server_cfg *cfg,
                                                          struct ferry_idf_error *error);
void ferry_idf_http_server_stop(struct ferry_idf_http_server *self); // NULL allowed
// For handlers with events; valid until stop.
struct ferry_http_waker ferry_idf_http_server_waker(struct ferry_idf_http_server *self);
// Smallest number of bytes that the task's stack ever had left, 0 = not known yet.
uint32_t ferry_idf_http_server_stack_left(const struct ferry_idf_http_server *self);

#endif
