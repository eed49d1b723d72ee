#include "tests/support/web_file.h"

#include <string.h>

#include "ferry/base/status.h"

static void maybe_change(struct web_file *self)
{
    if (!self->change_after || self->sent < self->change_after)
        return;
    self->change_after = 0;
    self->bytes = self->changed;
    self->size = self->changed_size;
    if (!self->keep_tag)
        strcpy(self->etag, "\"changed\"");
}

static int open_file(void *ctx, const struct ferry_http_fetch *fetch, struct ferry_http_reply *reply)
{
    struct web_file *self = ctx;
    self->opens++;
    maybe_change(self);
    memset(reply, 0, sizeof *reply);
    if (self->refuse_opens > 0) {
        self->refuse_opens--;
        return FERRY_ERR_WIRE_OPEN;
    }
    strcpy(reply->etag, self->etag);
    strcpy(reply->sha256, self->sha256);
    reply->status = self->status ? self->status : 200;
    bool same = !fetch->if_range || strcmp(fetch->if_range, self->etag) == 0;
    bool part = !self->status && fetch->offset > 0 && !self->no_ranges && same;
    if (part && fetch->offset >= self->size) {
        reply->status = 416;
        part = false;
    }
    self->at = part ? (uint32_t)fetch->offset : 0;
    if (part) {
        self->ranges++;
        reply->status = 206;
        reply->offset = self->lie_offset ? self->lie_offset : fetch->offset;
    }
    reply->total = self->lie_total ? self->lie_total : (int64_t)self->size;
    reply->length = reply->total - (int64_t)self->at;
    self->left = strcmp(fetch->method, "HEAD") == 0 || reply->status >= 400 ? 0 : self->size - self->at;
    self->body = 0;
    self->open = true;
    return FERRY_OK;
}

static int read_file(void *ctx, uint8_t *buf, size_t cap)
{
    struct web_file *self = ctx;
    if (!self->open)
        return FERRY_ERR_STATE;
    if (self->cut_after && self->body >= self->cut_after)
        return self->short_body ? 0 : FERRY_ERR_WIRE_IO;
    size_t n = self->left < cap ? self->left : cap;
    if (self->cut_after && n > self->cut_after - self->body)
        n = self->cut_after - self->body;
    memcpy(buf, self->bytes + self->at, n);
    self->at += (uint32_t)n;
    self->left -= (uint32_t)n;
    self->body += (uint32_t)n;
    self->sent += n;
    return (int)n;
}

static void close_file(void *ctx)
{
    ((struct web_file *)ctx)->open = false;
}

static const char *reason(void *ctx)
{
    (void)ctx;
    return "the connection was cut (by the test)";
}

struct ferry_http_client web_file_client(struct web_file *self)
{
    return (struct ferry_http_client){self, open_file, read_file, close_file, reason};
}
