#include "ferry/source/http.h"

#include <string.h>

#include "ferry/base/status.h"

#define LIMIT_DEFAULT (64u << 20)
#define TRIES_DEFAULT 5
#define SKIP_MAX 65536u // a gap up to this is read and dropped rather than asked for anew
#define PAUSE_MS 200u

static int problem(struct ferry_source_http *self, enum ferry_source_http_problem what, int status)
{
    if (self->problem == FERRY_SOURCE_HTTP_NONE)
        self->problem = what;
    return status;
}

static void stop(struct ferry_source_http *self)
{
    const struct ferry_http_client *client = self->cfg.client;
    if (self->open)
        client->close(client->ctx);
    self->open = false;
}

static int refused(struct ferry_source_http *self, int http)
{
    self->http_status = http;
    return problem(self, FERRY_SOURCE_HTTP_STATUS,
                   http == 404 || http == 410 ? FERRY_ERR_STORAGE_MISSING : FERRY_ERR_STORAGE_READ);
}

static bool strong(const char *etag)
{
    return etag && etag[0] == '"';
}

static int ask(struct ferry_source_http *self, uint32_t offset, const char *etag, struct ferry_http_reply *reply)
{
    const struct ferry_http_client *client = self->cfg.client;
    struct ferry_http_fetch fetch = {
        .method = "GET", .url = self->cfg.url, .headers = self->cfg.headers, .offset = offset, .if_range = etag};
    stop(self);
    self->http_status = 0;
    int status = client->open(client->ctx, &fetch, reply);
    self->open = status >= 0;
    return status;
}

// The first answer says what the file is.
static int meet(struct ferry_source_http *self)
{
    uint32_t limit = self->cfg.limit ? self->cfg.limit : LIMIT_DEFAULT;
    uint32_t start = strong(self->cfg.etag) ? self->cfg.start : 0;
    struct ferry_http_reply *reply = &self->reply;
    int status = ask(self, start, start ? self->cfg.etag : NULL, reply);
    if (status >= 0 && start && reply->status == 416) // not even as long as what is there
        status = ask(self, start = 0, NULL, reply);
    if (status < 0)
        return problem(self, FERRY_SOURCE_HTTP_CLIENT, status);
    bool part = reply->status == 206 && start > 0 && reply->offset == start && reply->total > 0;
    if (reply->status == 206 && !part && start > 0) // a part that was not asked for
        return problem(self, FERRY_SOURCE_HTTP_LENGTH, FERRY_ERR_STORAGE_READ);
    if (reply->status != 200 && !part)
        return refused(self, reply->status);
    if (reply->total > (int64_t)limit)
        return problem(self, FERRY_SOURCE_HTTP_TOO_LARGE, FERRY_ERR_TOO_LARGE_FLASH);
    if (reply->total <= 0)
        return problem(self, FERRY_SOURCE_HTTP_LENGTH, FERRY_ERR_STORAGE_READ);
    self->size = (uint32_t)reply->total;
    self->begin = self->at = part ? start : 0;
    return FERRY_OK;
}

// The server's SHA-256 in hex against the digest's.
static bool same_hex(const char *hex, const uint8_t sum[FERRY_SHA256_SIZE])
{
    for (size_t i = 0; i < FERRY_SHA256_SIZE * 2; i++) {
        unsigned nibble = i & 1 ? sum[i / 2] & 15u : sum[i / 2] >> 4u;
        char lower = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + ('a' - 'A') : hex[i]);
        if (lower != "0123456789abcdef"[nibble])
            return false;
    }
    return true;
}

static int compare(struct ferry_source_http *self)
{
    const struct ferry_digest *digest = self->cfg.digest;
    uint8_t sum[FERRY_SHA256_SIZE];
    self->hashing = false;
    int status = digest->finish(digest->ctx, sum, sizeof sum);
    if (status < 0)
        return status;
    bool good = self->cfg.sha256 ? memcmp(sum, self->cfg.sha256, sizeof sum) == 0
                                 : !self->reply.sha256[0] || same_hex(self->reply.sha256, sum);
    return good ? FERRY_OK : problem(self, FERRY_SOURCE_HTTP_HASH, FERRY_ERR_STORAGE_DAMAGED);
}

static int digest_on(struct ferry_source_http *self, uint32_t offset, const uint8_t *bytes, size_t len)
{
    const struct ferry_digest *digest = self->cfg.digest;
    int status = FERRY_OK;
    if (digest && offset == 0 && !self->hashing) {
        status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
        self->hashing = status >= 0;
        self->hashed = 0;
    }
    if (!self->hashing || offset != self->hashed)
        return status;
    status = digest->update(digest->ctx, bytes, len);
    self->hashed += (uint32_t)len;
    return status >= 0 && self->hashed == self->size ? compare(self) : status;
}

// Another answer for the same file? Its length and tag must be those of the first one.
static bool same_file(const struct ferry_source_http *self, const struct ferry_http_reply *reply)
{
    if (reply->total != (int64_t)self->size)
        return false;
    return strcmp(reply->etag, self->reply.etag) == 0;
}

// One trial to have a body whose next byte is that at `offset`, or before it.
static int go_to(struct ferry_source_http *self, uint32_t offset)
{
    struct ferry_http_reply reply;
    const char *etag = strong(self->reply.etag) ? self->reply.etag : NULL;
    int status = ask(self, offset, etag, &reply);
    if (status < 0)
        return status;
    if (reply.status == 404 || reply.status == 410 || reply.status == 416)
        return problem(self, FERRY_SOURCE_HTTP_OTHER, FERRY_ERR_STORAGE_CHANGED);
    if (reply.status != 200 && reply.status != 206)
        return refused(self, reply.status);
    if (!same_file(self, &reply))
        return problem(self, FERRY_SOURCE_HTTP_OTHER, FERRY_ERR_STORAGE_CHANGED);
    if (reply.status == 206 && reply.offset != offset)
        return problem(self, FERRY_SOURCE_HTTP_LENGTH, FERRY_ERR_STORAGE_READ);
    self->at = reply.status == 206 ? offset : 0; // 200: it has no ranges; the first part is dropped
    return FERRY_OK;
}

static int skip(struct ferry_source_http *self, uint32_t offset)
{
    const struct ferry_http_client *client = self->cfg.client;
    uint8_t waste[256];
    while (self->at < offset) {
        uint32_t left = offset - self->at;
        int n = client->read(client->ctx, waste, left < sizeof waste ? left : sizeof waste);
        if (n <= 0)
            return n < 0 ? n : FERRY_ERR_WIRE_IO;
        self->at += (uint32_t)n;
    }
    return FERRY_OK;
}

// Some bytes at offset: how many, or why not (client errors are worth another trial).
static int read_some(struct ferry_source_http *self, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_http_client *client = self->cfg.client;
    int status = FERRY_OK;
    if (!self->open || offset < self->at || offset - self->at > SKIP_MAX)
        status = go_to(self, offset);
    if (status >= 0)
        status = skip(self, offset);
    if (status < 0)
        return status;
    int n = client->read(client->ctx, buf, len);
    if (n == 0 || n > (int)len) // over before its end
        return FERRY_ERR_WIRE_IO;
    self->at += n > 0 ? (uint32_t)n : 0;
    return n;
}

static bool worth_another(int status)
{
    return status == FERRY_ERR_WIRE_IO || status == FERRY_ERR_WIRE_OPEN || status == FERRY_ERR_TIMEOUT ||
           status == FERRY_ERR_WIRE_CLOSED;
}

static void pause_before(const struct ferry_source_http *self, unsigned trial)
{
    const struct ferry_clock *clock = self->cfg.clock;
    if (clock && trial > 0)
        clock->wait(clock->ctx, PAUSE_MS << (trial < 5 ? trial : 5));
}

// What a cut looks like in the middle of an answer (a 5xx of a server that is being started again is one too).
static bool passing(const struct ferry_source_http *self, int status)
{
    return worth_another(status) ||
           (status == FERRY_ERR_STORAGE_READ && (self->http_status == 503 || self->http_status == 502));
}

static int read_whole(struct ferry_source_http *self, uint32_t offset, uint8_t *buf, size_t len)
{
    unsigned tries = self->cfg.tries ? self->cfg.tries : TRIES_DEFAULT, trial = 0;
    while (len > 0) {
        int n = read_some(self, offset, buf, len);
        if (n > 0) {
            offset += (uint32_t)n;
            buf += n;
            len -= (size_t)n;
            trial = 0;
            continue;
        }
        stop(self);
        if (!passing(self, n))
            return n;
        if (++trial >= tries)
            return problem(self, FERRY_SOURCE_HTTP_CLIENT, FERRY_ERR_STORAGE_READ);
        self->problem = FERRY_SOURCE_HTTP_NONE;
        self->resumed++;
        pause_before(self, trial);
    }
    return FERRY_OK;
}

static int read_http(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct ferry_source_http *self = ctx;
    if (offset > self->size || len > self->size - offset)
        return FERRY_ERR_ARG;
    if (self->problem != FERRY_SOURCE_HTTP_NONE)
        return self->problem == FERRY_SOURCE_HTTP_HASH    ? FERRY_ERR_STORAGE_DAMAGED
               : self->problem == FERRY_SOURCE_HTTP_OTHER ? FERRY_ERR_STORAGE_CHANGED
                                                          : FERRY_ERR_STORAGE_READ;
    int status = read_whole(self, offset, buf, len);
    if (status < 0)
        return status;
    return len > 0 ? digest_on(self, offset, buf, len) : FERRY_OK;
}

int ferry_source_http_open(struct ferry_source_http *self, const struct ferry_source_http_cfg *cfg,
                           struct ferry_source *source)
{
    memset(self, 0, sizeof *self);
    self->cfg = *cfg;
    int status = meet(self);
    if (status < 0)
        stop(self);
    *source = (struct ferry_source){self, self->size, read_http};
    return status;
}

void ferry_source_http_close(struct ferry_source_http *self)
{
    stop(self);
}
