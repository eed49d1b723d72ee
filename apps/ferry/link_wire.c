#include "apps/ferry/link_wire.h"

#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"

enum { TRY_EVERY_MS = 300 };

static uint32_t now_ms(const struct link_wire *self)
{
    return self->session->clock.now_ms(self->session->clock.ctx);
}

static void lose(struct link_wire *self)
{
    char text[320];
    ferry_posix_port_close(&self->session->port);
    self->lost = true;
    self->losses++;
    self->try_ms = now_ms(self) + TRY_EVERY_MS;
    snprintf(text, sizeof text, "%.200s has gone; waiting for it to come back", self->session->port_name);
    cli_display_note(&self->session->display, text);
}

static bool come_back(struct link_wire *self)
{
    struct cli_session *s = self->session;
    struct ferry_posix_error error;
    if (!ferry_time_reached(now_ms(self), self->try_ms))
        return false;
    if (ferry_posix_port_open(&s->port, s->port_name, self->baud, &s->posix_clock, &error) < 0) {
        self->try_ms = now_ms(self) + TRY_EVERY_MS;
        return false;
    }
    self->lost = false;
    return true;
}

static int wire_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct link_wire *self = ctx;
    if (self->lost && !come_back(self))
        return 0;
    const struct ferry_stream *stream = &self->session->port.stream;
    int n = stream->read(stream->ctx, buf, cap);
    if (n < 0)
        lose(self);
    return n < 0 ? 0 : n;
}

static int wire_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct link_wire *self = ctx;
    if (self->lost)
        return (int)len;
    const struct ferry_stream *stream = &self->session->port.stream;
    int n = stream->write(stream->ctx, bytes, len);
    if (n < 0)
        lose(self);
    return n < 0 ? (int)len : n;
}

static int wire_set_baud(void *ctx, uint32_t baud)
{
    struct link_wire *self = ctx;
    const struct ferry_stream *stream = &self->session->port.stream;
    self->baud = baud;
    return self->lost || !stream->set_baud ? FERRY_OK : stream->set_baud(stream->ctx, baud);
}

static int wire_pending(void *ctx)
{
    struct link_wire *self = ctx;
    const struct ferry_stream *stream = &self->session->port.stream;
    return self->lost || !stream->pending ? 0 : stream->pending(stream->ctx);
}

struct ferry_stream link_wire_stream(struct link_wire *self, struct cli_session *session)
{
    memset(self, 0, sizeof *self);
    self->session = session;
    return (struct ferry_stream){
        .ctx = self, .read = wire_read, .write = wire_write, .set_baud = wire_set_baud, .pending = wire_pending};
}
