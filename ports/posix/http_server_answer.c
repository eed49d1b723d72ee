#include <string.h>

#include "ferry/io/http_answer.h"
#include "ports/posix/http_server_parts.h"

#define BLOCK 32768 // bytes that an answer is read in

struct refusal {
    int status;
    const char *body;
};

#define REFUSAL(error, what, hint) "{\"error\":\"" error "\",\"what\":\"" what "\",\"hint\":\"" hint "\"}\n"

static const struct refusal refusals[] = {
    {HTTP_SERVER_FRAMING, REFUSAL("ARG", "the request's head can be understood in more than one way, or not at all",
                                  "one Host, at most one of Content-Length and Transfer-Encoding: chunked; no spaces "
                                  "in names, no control characters")},
    {400, REFUSAL("ARG", "the address asked for cannot be read",
                  "no dot segments, backslashes, control characters; percent sequences must be UTF-8")},
    {405, REFUSAL("UNSUPPORTED", "no such method", "GET, HEAD, POST, PUT, DELETE and OPTIONS are known")},
    {413, REFUSAL("NO_SPACE", "the body is larger than this server takes", "see the limits of the server")},
    {414, REFUSAL("ARG", "the address asked for is too long", "use a shorter one")},
    {500, REFUSAL("STATE", "the server has no answer to this", "this is a bug in the server; please report it")},
};

void http_server_refuse(struct http_server_request *request, int status)
{
    const struct refusal *r = refusals;
    while (r->status != status && r->status != 500)
        r++;
    request->answer = (struct ferry_http_answer){0};
    ferry_http_answer_bytes(&request->answer, r->status ? r->status : 400, "application/json", r->body,
                            strlen(r->body));
    if (status == 405)
        ferry_http_answer_header(&request->answer, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    request->filled = true;
}

// Asks until there is something, or parks the request. A stream has to end when the server does.
static int read_some(struct http_server_request *request, uint8_t *buf, size_t cap)
{
    struct ferry_http_answer *answer = &request->answer;
    for (;;) {
        unsigned seen = http_server_wakes(request->server);
        int n = answer->read(answer->ctx, buf, cap);
        if (n != 0 || answer->length >= 0)
            return n;
        // Who has closed its side of a stream has gone, and takes up somebody else's place.
        if (atomic_load(&request->server->stopping) || (request->link && http_server_gone(request->link->fd)))
            return FERRY_HTTP_OVER;
        if (http_server_park(request, seen))
            return 0;
    }
}

static ssize_t on_read(void *cls, uint64_t position, char *buf, size_t max)
{
    struct http_server_request *request = cls;
    bool stream = request->answer.length < 0;
    (void)position;
    int n = read_some(request, (uint8_t *)buf, max);
    if (n == FERRY_HTTP_OVER && stream)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n < 0 || (size_t)n > max || (n == 0 && !stream)) {
        request->failed = true;
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    request->sent += (uint64_t)n;
    if (!stream)
        http_server_limit(request, http_server_by(request->server, request->since_ms, request->sent));
    return n;
}

static struct MHD_Response *make_response(struct http_server_request *request)
{
    struct ferry_http_answer *answer = &request->answer;
    bool empty = answer->length == 0 || answer->status == 304 || answer->status == 204;
    if (empty)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (answer->bytes) {
        request->sent = (uint64_t)answer->length;
        return MHD_create_response_from_buffer((size_t)answer->length, (void *)(uintptr_t)answer->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    }
    uint64_t length = answer->length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)answer->length;
    size_t block = length < BLOCK ? (size_t)length : BLOCK;
    return MHD_create_response_from_callback(length, block, on_read, request, NULL);
}

static bool add_headers(struct MHD_Response *response, const struct ferry_http_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++)
        if (MHD_add_response_header(response, answer->headers[i].name, ferry_http_answer_value(answer, i)) != MHD_YES)
            return false;
    return true;
}

enum MHD_Result http_server_send(struct http_server_request *request)
{
    struct ferry_http_answer *answer = &request->answer;
    bool head = strcmp(request->view.method ? request->view.method : "", "HEAD") == 0;
    if (answer->status < 200 || answer->status > 599 ||
        (answer->length != 0 && !answer->bytes && !answer->read && !head && answer->status != 304))
        http_server_refuse(request, 500);
    struct MHD_Response *response = make_response(request);
    if (!response)
        return MHD_NO;
    request->stage = HTTP_SERVER_ANSWERED;
    request->since_ms = http_server_now();
    http_server_limit(request,
                      answer->length < 0 ? 0 : http_server_by(request->server, request->since_ms, request->sent));
    bool closes = !request->last || MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    enum MHD_Result result = closes && add_headers(response, answer)
                                 ? MHD_queue_response(request->connection, (unsigned)answer->status, response)
                                 : MHD_NO;
    MHD_destroy_response(response);
    return result;
}
