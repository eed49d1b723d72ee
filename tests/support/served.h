// A handler with something of everything, behind the HTTP server port: what a server's tests ask for.
//   /thing   SERVED_THING bytes by read(), with ranges; ETag "t1"     /breaks  the same, whose reading fails after
//   100000 /show    what the handler was told                               /sum     length and sum of the body /locked
//   401 from open()      /picky  422 from the first body()  /nothing finish() without an answer /events  a stream of
//   served_news()
#ifndef FERRY_TESTS_SUPPORT_SERVED_H
#define FERRY_TESTS_SUPPORT_SERVED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ports/posix/http_server.h"

#define SERVED_THING 300000u
#define SERVED_GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

struct served {
    atomic_int opens, finishes, aborts, closes;
    pthread_mutex_t lock;
    char news[64]; // for /events; "" = none
    bool over;
    struct ferry_posix_http_server *server;
    uint16_t port;
};

uint8_t served_thing(uint64_t i); // byte i
void served_start(struct served *served, const struct ferry_posix_http_server_cfg *cfg);
// Stops it; every open() must have had its finish() or abort() by then.
void served_end(struct served *served);
void served_news(struct served *served, const char *news, bool over);
// The request (raw) is answered so; body = part of what it says, NULL = anything.
void served_expect(uint16_t port, const char *request, int status, const char *body);
int64_t served_now_ms(void);

#endif
