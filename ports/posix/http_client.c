#include "ports/posix/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

#define ROOM (4 * CURL_MAX_WRITE_SIZE) // of the buffer between curl and read()
#define LOOK_MS 100                    // how often cfg.stop is asked
#define SLOWEST 64                     // bytes a second, over stall_ms: less is no progress

struct ferry_posix_http_client {
    struct ferry_posix_http_client_cfg cfg;
    char *ca_file, *proxy, *agent;
    CURLM *multi;
    CURL *easy; // the request that is open, NULL = none
    struct curl_slist *headers;
    struct ferry_http_reply head;
    bool began; // the body's first byte has come
    bool over;
    CURLcode result;
    bool stalled, stopped;
    bool paused;
    uint8_t buf[ROOM];
    size_t at, len;
    int64_t moved_ms;
    char words[CURL_ERROR_SIZE];
    char reason[CURL_ERROR_SIZE + 160];
    char range[32];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// ---- what curl tells ----

static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
    struct ferry_posix_http_client *self = ctx;
    (void)one;
    self->began = true;
    self->moved_ms = now_ms();
    if (self->at > 0) {
        memmove(self->buf, self->buf + self->at, self->len - self->at);
        self->len -= self->at;
        self->at = 0;
    }
    if (len > sizeof self->buf - self->len) {
        self->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(self->buf + self->len, bytes, len);
    self->len += len;
    return len;
}

static bool value_of(const char *line, size_t len, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return false;
    const char *from = line + n + 1, *to = line + len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (unsigned char)to[-1] <= ' ')
        to--;
    if ((size_t)(to - from) >= cap)
        return false;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = 0;
    return true;
}

static void take_header(struct ferry_http_reply *reply, const char *line, size_t len)
{
    char value[FERRY_HTTP_TEXT];
    uint64_t last;
    if (value_of(line, len, "ETag", value, sizeof value))
        memcpy(reply->etag, value, sizeof reply->etag);
    else if (value_of(line, len, "Content-Type", value, sizeof reply->type))
        memcpy(reply->type, value, sizeof reply->type);
    else if (value_of(line, len, "X-Sha256", value, sizeof value) && strlen(value) == 64 &&
             strspn(value, "0123456789abcdefABCDEF") == 64)
        memcpy(reply->sha256, value, sizeof reply->sha256);
    else if (value_of(line, len, "Content-Range", value, sizeof value) &&
             !ferry_http_text_content_range(value, &reply->offset, &last, &reply->total))
        reply->total = -2; // a range that makes no sense: see take_head()
}

// A new status line begins a new head: that of a redirect is forgotten.
static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    struct ferry_posix_http_client *self = ctx;
    (void)one;
    self->moved_ms = now_ms();
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
        self->head = (struct ferry_http_reply){.length = -1, .total = -1};
    else
        take_header(&self->head, line, len);
    return len;
}

// ---- running it ----

static void look_for_end(struct ferry_posix_http_client *self)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(self->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE) {
            self->over = true;
            self->result = message->data.result;
        }
}

// Runs until there is something in the buffer, the end, or no progress for too long.
static void run(struct ferry_posix_http_client *self)
{
    self->moved_ms = now_ms();
    while (!self->over && self->at == self->len) {
        int running = 0, events = 0;
        self->stopped = self->cfg.stop && self->cfg.stop(self->cfg.stop_ctx);
        if (self->stopped)
            return;
        if (self->paused) {
            self->paused = false;
            curl_easy_pause(self->easy, CURLPAUSE_CONT);
        }
        curl_multi_perform(self->multi, &running);
        look_for_end(self);
        if (self->over || self->at < self->len)
            break;
        uint32_t limit = self->began ? self->cfg.stall_ms : self->cfg.connect_ms + self->cfg.stall_ms;
        int64_t left = self->moved_ms + limit - now_ms();
        if (left <= 0) {
            self->stalled = true;
            return;
        }
        int64_t most = self->cfg.stop ? LOOK_MS : 500;
        curl_multi_poll(self->multi, NULL, 0, (int)(left < most ? left : most), &events);
    }
}

static int explain(struct ferry_posix_http_client *self, const char *url, int status, const char *words)
{
    size_t shown = strcspn(url, "?#");
    const char *host = strstr(url, "://"), *rest = host ? host + 3 : url;
    size_t user = strcspn(rest, "@/?#"); // a name and a password are shown to nobody
    int scheme = rest[user] == '@' ? (int)(rest - url) : 0;
    const char *from = scheme ? rest + user + 1 : url;
    size_t left = shown - (size_t)(from - url);
    snprintf(self->reason, sizeof self->reason, "%.*s%.*s: %s", scheme, url, (int)(left < 120 ? left : 120), from,
             words);
    return status;
}

static int status_of(CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
        return FERRY_ERR_ARG;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return FERRY_ERR_WIRE_OPEN;
    case CURLE_OPERATION_TIMEDOUT:
        return FERRY_ERR_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return FERRY_ERR_NO_MEMORY;
    default:
        return FERRY_ERR_WIRE_IO;
    }
}

static int failed(struct ferry_posix_http_client *self)
{
    char *url = NULL;
    curl_easy_getinfo(self->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (self->stopped)
        return explain(self, url ? url : "", FERRY_ERR_CANCELLED, "stopped");
    if (self->stalled)
        return explain(self, url ? url : "", FERRY_ERR_TIMEOUT, "nothing came for too long");
    if (self->over && self->result != CURLE_OK)
        return explain(self, url ? url : "", status_of(self->result),
                       self->words[0] ? self->words : curl_easy_strerror(self->result));
    return FERRY_OK;
}

// ---- the interface ----

static void end_request(void *ctx)
{
    struct ferry_posix_http_client *self = ctx;
    if (self->easy) {
        curl_multi_remove_handle(self->multi, self->easy);
        curl_easy_cleanup(self->easy);
    }
    curl_slist_free_all(self->headers);
    self->easy = NULL;
    self->headers = NULL;
    self->at = self->len = 0;
}

static bool add_header(struct ferry_posix_http_client *self, const char *line)
{
    struct curl_slist *list = strpbrk(line, "\r\n") ? NULL : curl_slist_append(self->headers, line);
    if (list)
        self->headers = list;
    return list != NULL;
}

static bool add_headers(struct ferry_posix_http_client *self, const struct ferry_http_fetch *fetch)
{
    char line[FERRY_HTTP_TEXT + 16];
    bool good = true;
    for (const char *const *h = fetch->headers; good && h && *h; h++)
        good = add_header(self, *h);
    if (good && fetch->offset > 0 && fetch->if_range) {
        snprintf(line, sizeof line, "If-Range: %.*s", FERRY_HTTP_TEXT, fetch->if_range);
        good = add_header(self, line);
    }
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers);
    return good;
}

static void set_method(struct ferry_posix_http_client *self, const struct ferry_http_fetch *fetch)
{
    CURL *easy = self->easy;
    if (strcmp(fetch->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (strcmp(fetch->method, "PUT") == 0 || strcmp(fetch->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body_len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->body ? (const char *)fetch->body : "");
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, fetch->method);
    }
    if (fetch->offset > 0) {
        snprintf(self->range, sizeof self->range, "%llu-", (unsigned long long)fetch->offset);
        curl_easy_setopt(easy, CURLOPT_RANGE, self->range);
    }
}

static void set_options(struct ferry_posix_http_client *self, const struct ferry_http_fetch *fetch)
{
    CURL *easy = self->easy;
    bool secure = strncasecmp(fetch->url, "https:", 6) == 0;
    curl_easy_setopt(easy, CURLOPT_URL, fetch->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)self->cfg.redirects);
    curl_easy_setopt(easy, CURLOPT_PROXY, self->proxy ? self->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)self->cfg.connect_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((self->cfg.stall_ms + 999) / 1000));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, self->agent ? self->agent : "ferry");
    if (self->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, self->ca_file);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->words);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    set_method(self, fetch);
}

static bool is_http(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static int take_head(struct ferry_posix_http_client *self, const char *url, struct ferry_http_reply *reply)
{
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    *reply = self->head;
    reply->status = (int)status;
    reply->length = length;
    if (status == 206 && reply->total == -2)
        return explain(self, url, FERRY_ERR_WIRE_IO, "the server says it sends a part, but not which");
    if (status != 206) {
        reply->offset = 0;
        reply->total = length;
    }
    return FERRY_OK;
}

static int open_request(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct ferry_posix_http_client *self = ctx;
    end_request(self);
    self->began = self->over = self->stalled = self->stopped = self->paused = false;
    self->result = CURLE_OK;
    self->words[0] = self->reason[0] = 0;
    self->head = (struct ferry_http_reply){.length = -1, .total = -1};
    if (!is_http(fetch->url))
        return explain(self, fetch->url, FERRY_ERR_ARG, "only http:// and https:// are known");
    self->easy = curl_easy_init();
    if (!self->easy)
        return explain(self, fetch->url, FERRY_ERR_NO_MEMORY, "out of memory");
    set_options(self, fetch);
    if (!add_headers(self, fetch) || curl_multi_add_handle(self->multi, self->easy) != CURLM_OK) {
        end_request(self);
        return explain(self, fetch->url, FERRY_ERR_ARG, "a header is not fit to be sent");
    }
    run(self);
    int status = self->began ? FERRY_OK : failed(self); // what has begun and is cut already is for read() to tell
    if (status >= 0)
        status = take_head(self, fetch->url, reply);
    if (status < 0)
        end_request(self);
    return status;
}

static int read_request(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_posix_http_client *self = ctx;
    if (!self->easy || cap == 0)
        return FERRY_ERR_STATE;
    if (self->at == self->len && !self->over)
        run(self);
    size_t have = self->len - self->at;
    if (have == 0)
        return failed(self);
    size_t n = have < cap ? have : cap;
    memcpy(buf, self->buf + self->at, n);
    self->at += n;
    return (int)n;
}

static const char *last_reason(void *ctx)
{
    return ((struct ferry_posix_http_client *)ctx)->reason;
}

struct ferry_http_client ferry_posix_http_client(struct ferry_posix_http_client *self)
{
    return (struct ferry_http_client){self, open_request, read_request, end_request, last_reason};
}

// ---- life ----

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool copy(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

int ferry_posix_http_client_new(struct ferry_posix_http_client **out, const struct ferry_posix_http_client_cfg *cfg,
                                struct ferry_posix_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    struct ferry_posix_http_client *self = *out = calloc(1, sizeof *self);
    if (!self)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, NULL, "no memory for an HTTP client");
    self->cfg = *cfg;
    self->cfg.connect_ms = cfg->connect_ms ? cfg->connect_ms : 10000;
    self->cfg.stall_ms = cfg->stall_ms ? cfg->stall_ms : 15000;
    self->cfg.redirects = cfg->redirects ? cfg->redirects : 5;
    self->multi = curl_multi_init();
    if (self->multi && copy(&self->ca_file, cfg->ca_file) && copy(&self->proxy, cfg->proxy) &&
        copy(&self->agent, cfg->user_agent))
        return FERRY_OK;
    ferry_posix_http_client_free(self);
    *out = NULL;
    return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, NULL, "no memory for an HTTP client");
}

void ferry_posix_http_client_free(struct ferry_posix_http_client *self)
{
    if (!self)
        return;
    end_request(self);
    if (self->multi)
        curl_multi_cleanup(self->multi);
    free(self->ca_file);
    free(self->proxy);
    free(self->agent);
    free(self);
}
