#include "ports/esp-idf/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_http_client.h"
#include "esp_log.h"
#include "sdkconfig.h"

#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
#include "esp_crt_bundle.h"
#endif

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"

#define REDIRECTS 5
#define NAME 48 // of a header that the caller sends

static int failed(struct ferry_idf_http_client *self, int status, const char *what, esp_err_t error)
{
    snprintf(self->reason, sizeof self->reason, "%s%s%s", what, error == ESP_OK ? "" : ": ",
             error == ESP_OK ? "" : esp_err_to_name(error));
    return status;
}

// ---- the reply's head ----

static void take_text(char *out, size_t cap, const char *value)
{
    snprintf(out, cap, "%.*s", (int)(cap - 1), value);
}

static void take_header(struct ferry_http_reply *reply, const char *name, const char *value)
{
    uint64_t first = 0, last = 0;
    if (ferry_http_text_same(name, "ETag"))
        take_text(reply->etag, sizeof reply->etag, value);
    else if (ferry_http_text_same(name, "Content-Type"))
        take_text(reply->type, sizeof reply->type, value);
    else if (ferry_http_text_same(name, "X-Sha256") && strlen(value) == 64)
        take_text(reply->sha256, sizeof reply->sha256, value);
    else if (ferry_http_text_same(name, "Content-Range") &&
             ferry_http_text_content_range(value, &first, &last, &reply->total))
        reply->offset = first;
}

static esp_err_t on_event(esp_http_client_event_t *event)
{
    struct ferry_idf_http_client *self = event->user_data;
    if (event->event_id == HTTP_EVENT_ON_HEADER && self->reply)
        take_header(self->reply, event->header_key, event->header_value);
    return ESP_OK;
}

// ---- opening ----

static void set_header(esp_http_client_handle_t request, const char *line)
{
    char name[NAME];
    const char *colon = strchr(line, ':');
    if (!colon || (size_t)(colon - line) >= sizeof name)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    esp_http_client_set_header(request, name, colon + 1 + strspn(colon + 1, " "));
}

static void set_headers(esp_http_client_handle_t request, const struct ferry_http_fetch *fetch)
{
    char range[40];
    for (const char *const *line = fetch->headers; line && *line; line++)
        set_header(request, *line);
    if (fetch->offset == 0)
        return;
    snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)fetch->offset);
    esp_http_client_set_header(request, "Range", range);
    if (fetch->if_range)
        esp_http_client_set_header(request, "If-Range", fetch->if_range);
}

static bool take_method(const char *name, esp_http_client_method_t *out)
{
    static const struct {
        const char *name;
        esp_http_client_method_t method;
    } methods[] = {
        {"GET", HTTP_METHOD_GET}, {"HEAD", HTTP_METHOD_HEAD}, {"PUT", HTTP_METHOD_PUT}, {"POST", HTTP_METHOD_POST}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0) {
            *out = methods[i].method;
            return true;
        }
    return false;
}

static int make_request(struct ferry_idf_http_client *self, const struct ferry_http_fetch *fetch)
{
    esp_http_client_config_t config = {
        .url = fetch->url,
        .timeout_ms = (int)(self->cfg.timeout_ms ? self->cfg.timeout_ms : 10000),
        .user_agent = self->cfg.agent ? self->cfg.agent : "ferry",
        .event_handler = on_event,
        .user_data = self,
        .disable_auto_redirect = true,
        .cert_pem = self->cfg.certificate,
    };
#if CONFIG_MBEDTLS_CERTIFICATE_BUNDLE
    if (!self->cfg.certificate)
        config.crt_bundle_attach = esp_crt_bundle_attach;
#endif
    if (!take_method(fetch->method, &config.method))
        return failed(self, FERRY_ERR_ARG, "no such method", ESP_OK);
    if (strncmp(fetch->url, "http://", 7) != 0 && strncmp(fetch->url, "https://", 8) != 0)
        return failed(self, FERRY_ERR_ARG, "the address does not begin with http:// or https://", ESP_OK);
    self->request = esp_http_client_init(&config);
    if (!self->request)
        return failed(self, FERRY_ERR_ARG, "the address cannot be used, or there is no memory", ESP_OK);
    set_headers(self->request, fetch);
    return FERRY_OK;
}

static bool send_body(struct ferry_idf_http_client *self, const struct ferry_http_fetch *fetch)
{
    for (size_t at = 0; at < fetch->body_len;) {
        int n = esp_http_client_write(self->request, (const char *)fetch->body + at, (int)(fetch->body_len - at));
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int ask(struct ferry_idf_http_client *self, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    *reply = (struct ferry_http_reply){.length = -1, .total = -1};
    self->reply = reply;
    esp_err_t error = esp_http_client_open(self->request, (int)fetch->body_len);
    if (error != ESP_OK)
        return failed(self, FERRY_ERR_WIRE_OPEN, "no connection to the server", error);
    if (!send_body(self, fetch))
        return failed(self, FERRY_ERR_WIRE_IO, "the server took only part of what was sent", ESP_OK);
    int64_t length = esp_http_client_fetch_headers(self->request);
    if (length == -ESP_ERR_HTTP_EAGAIN)
        return failed(self, FERRY_ERR_TIMEOUT, "no answer in time", ESP_OK);
    if (length < 0)
        return failed(self, FERRY_ERR_WIRE_IO, "the answer is not HTTP", ESP_OK);
    reply->status = esp_http_client_get_status_code(self->request);
    reply->length = esp_http_client_is_chunked_response(self->request) ? -1 : length;
    if (reply->status != 206 && reply->total < 0)
        reply->total = reply->length;
    return FERRY_OK;
}

static int open_request(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct ferry_idf_http_client *self = ctx;
    ferry_idf_http_client_close(self);
    self->reason[0] = 0;
    int status = make_request(self, fetch);
    for (int i = 0; status == FERRY_OK; i++) {
        status = ask(self, fetch, reply);
        if (status < 0 || !is_redirect(reply->status))
            break;
        if (i == REDIRECTS || esp_http_client_set_redirection(self->request) != ESP_OK)
            status = failed(self, FERRY_ERR_WIRE_IO, "the server sends from one address to the next", ESP_OK);
        esp_http_client_close(self->request);
    }
    self->reply = NULL;
    if (status < 0)
        ferry_idf_http_client_close(self);
    return status;
}

// ---- the body ----

static int read_body(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_http_client *self = ctx;
    if (!self->request)
        return FERRY_ERR_WIRE_IO;
    int n = esp_http_client_read(self->request, (char *)buf, (int)cap);
    if (n > 0)
        return n;
    if (n == 0 && esp_http_client_is_complete_data_received(self->request))
        return 0;
    if (n == -ESP_ERR_HTTP_EAGAIN)
        return failed(self, FERRY_ERR_TIMEOUT, "the server stopped sending", ESP_OK);
    return failed(self, FERRY_ERR_WIRE_IO, "the connection was cut", ESP_OK);
}

static void close_request(void *ctx)
{
    ferry_idf_http_client_close(ctx);
}

static const char *reason(void *ctx)
{
    const struct ferry_idf_http_client *self = ctx;
    return self->reason;
}

void ferry_idf_http_client_init(struct ferry_idf_http_client *self, const struct ferry_idf_http_client_cfg *cfg,
                                struct ferry_http_client *out)
{
    static const char *const tags[] = {"esp-tls", "esp-tls-mbedtls", "transport_base", "HTTP_CLIENT"};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        esp_log_level_set(tags[i], ESP_LOG_NONE); // reason() says it
    memset(self, 0, sizeof *self);
    if (cfg)
        self->cfg = *cfg;
    *out = (struct ferry_http_client){
        .ctx = self, .open = open_request, .read = read_body, .close = close_request, .reason = reason};
}

void ferry_idf_http_client_close(struct ferry_idf_http_client *self)
{
    if (self->request)
        esp_http_client_cleanup(self->request);
    self->request = NULL;
}
