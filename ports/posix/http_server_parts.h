// Inside the HTTP server: what its files share.
#ifndef PORTS_POSIX_HTTP_SERVER_PARTS_H
#define PORTS_POSIX_HTTP_SERVER_PARTS_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "ferry/base/http_text.h"
#include "ports/posix/http_server.h"

#define HTTP_SERVER_FRAMING 0   // of http_server_refuse(): 400, about the head
#define HTTP_SERVER_TICK_MS 200 // how often the guard looks at its connections

struct http_server_tls;

// A connection, and by when its peer must have done what it is at.
struct http_server_link {
    int fd;
    int64_t deadline_ms;         // 0 = none
    int64_t idle_ms;             // since when the peer's turn it is: a request, the rest of a body; 0 = it is ours
    struct http_server_tls *tls; // that it was begun with; NULL = the first, which is the library's
    struct http_server_link *next, *prev;
};

enum http_server_stage {
    HTTP_SERVER_HEAD,     // the request line is there, the headers are not
    HTTP_SERVER_BODY,     // the handler is taking the body
    HTTP_SERVER_SWALLOW,  // answered already; the rest of the body is read and dropped, so that the peer hears us
    HTTP_SERVER_ANSWERED, // the answer is on its way
};

struct http_server_request {
    struct ferry_posix_http_server *server;
    struct MHD_Connection *connection;
    struct http_server_link *link;
    enum http_server_stage stage;
    bool opened; // the handler has it: finish() or abort() is owed
    bool filled; // answer is valid: close() is owed
    char *target, *path;
    struct ferry_http_text_query query;
    struct ferry_http_request view;
    char peer[64];
    void *state;
    struct ferry_http_answer answer;
    uint64_t taken; // bytes of the body that came
    uint64_t sent;  // bytes of the answer that were read
    int64_t since_ms;
    bool failed;
    bool last; // the connection is closed behind the answer
    struct http_server_request *next_parked;
};

struct ferry_posix_http_server {
    struct ferry_posix_http_server_cfg cfg;
    struct ferry_http_handler handler;
    struct MHD_Daemon *daemon;
    int listener;
    uint16_t port;
    char *cert, *key;
    struct http_server_tls *tls; // the newest, NULL = as it was started; under guard
    char complaint[200];         // of the library, while it starts
    // The guard: connections and their deadlines. Nothing of the library is called while it is locked.
    pthread_mutex_t guard;
    struct http_server_link *links;
    atomic_uint connections;
    atomic_uint_fast64_t cut, served;
    atomic_uint requests;
    // Answers that had nothing to say and wait to be asked again.
    pthread_mutex_t park;
    struct http_server_request *parked;
    unsigned wakes;
    atomic_bool stopping;
    int64_t ticked_ms, woken_ms;
    pthread_t ticker;
    bool has_ticker;
    pthread_mutex_t sleep;
    pthread_cond_t alarm;
};

int64_t http_server_now(void);

// http_server_listen.c: a socket that listens, or FERRY_ERR_WIRE_OPEN. *port is what it got.
int http_server_listen(const char *name, uint16_t port, uint16_t *got, struct ferry_posix_error *error);

// http_server_tls.c. *out is malloc'd, and NULL on failure.
int http_server_load_pem(const char *path, char **out, struct ferry_posix_error *error);
void http_server_free_secret(char *text); // NULL allowed
// A new connection: its session takes the newest certificate.
void http_server_tls_use(struct ferry_posix_http_server *self, struct MHD_Connection *connection,
                         struct http_server_link *link);
void http_server_tls_drop(struct http_server_tls *tls); // under guard; NULL allowed

// http_server_guard.c
void http_server_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                            enum MHD_ConnectionNotificationCode code);
// The peer has until then, 0 = no limit.
void http_server_limit(struct http_server_request *request, int64_t deadline_ms);
// The request is over.
void http_server_idle(struct http_server_request *request);
// More of its body has to come before anything can be done.
void http_server_wants_body(struct http_server_request *request);
// The time at which `bytes` must have passed that began at since_ms.
int64_t http_server_by(const struct ferry_posix_http_server *self, int64_t since_ms, uint64_t bytes);
void http_server_tick(struct ferry_posix_http_server *self);
// The peer has closed its side.
bool http_server_gone(int fd);
// True: the request is suspended, and its reader is called again later. False: there was a wake since `seen`.
bool http_server_park(struct http_server_request *request, unsigned seen);
unsigned http_server_wakes(struct ferry_posix_http_server *self);

// http_server_framing.c: the head says in one way only where the request ends, and has the form that heads have.
bool http_server_framing_fits(struct http_server_request *request, const char *version);

// http_server_request.c: callbacks of the library.
void *http_server_target(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_server_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_len, void **slot);
void http_server_completed(void *cls, struct MHD_Connection *connection, void **slot,
                           enum MHD_RequestTerminationCode code);

// http_server_answer.c
// Fills the answer with an error of the port's own.
void http_server_refuse(struct http_server_request *request, int status);
enum MHD_Result http_server_send(struct http_server_request *request);

#endif
