#include "apps/ferry/link_wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/codec/crc32c.h"
#include "updater/job.h"

enum { TRY_EVERY_MS = 300 };

static uint32_t now_ms(const struct link_wire *self)
{
    return self->clock.now_ms(self->clock.ctx);
}

// ---- the stream ----

static void lose(struct link_wire *self)
{
    char text[320];
    ferry_posix_port_close(self->port);
    self->lost = true;
    self->try_ms = now_ms(self) + TRY_EVERY_MS;
    snprintf(text, sizeof text, "%.200s has gone; waiting for it to come back", self->name);
    if (self->note)
        self->note(self->ctx, text);
}

// What to do with the port's error: nothing happens for a while, or it is the caller's.
static int failed(struct link_wire *self, int status)
{
    if (self->patient && !self->patient(self->ctx))
        return status;
    lose(self);
    return 0;
}

static bool come_back(struct link_wire *self)
{
    struct ferry_posix_error error;
    if (!ferry_time_reached(now_ms(self), self->try_ms))
        return false;
    if (ferry_posix_port_open(self->port, self->name, self->baud, self->posix_clock, &error) < 0) {
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
        return self->patient && !self->patient(self->ctx) ? FERRY_ERR_WIRE_CLOSED : 0;
    int n = self->port->stream.read(self->port->stream.ctx, buf, cap);
    return n < 0 ? failed(self, n) : n;
}

static int wire_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct link_wire *self = ctx;
    if (self->lost)
        return (int)len;
    int n = self->port->stream.write(self->port->stream.ctx, bytes, len);
    if (n >= 0)
        return n;
    int status = failed(self, n);
    return status < 0 ? status : (int)len;
}

static int wire_set_baud(void *ctx, uint32_t baud)
{
    struct link_wire *self = ctx;
    const struct ferry_stream *stream = &self->port->stream;
    self->baud = baud;
    return self->lost || !stream->set_baud ? FERRY_OK : stream->set_baud(stream->ctx, baud);
}

static int wire_pending(void *ctx)
{
    struct link_wire *self = ctx;
    const struct ferry_stream *stream = &self->port->stream;
    return self->lost || !stream->pending ? 0 : stream->pending(stream->ctx);
}

// ---- opening ----

static int told(struct ferry_fault *fault, const struct ferry_posix_error *error)
{
    ferry_fault_set(fault, error->status, error->where, "%s", error->what);
    snprintf(fault->hint, sizeof fault->hint, "%.239s", error->hint); // may have several lines; its names are clean
    return error->status;
}

static int open_udp(struct link_wire *self, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    if (ferry_posix_udp_open(&self->udp, self->name, false, &self->datagram, &error) < 0)
        return told(fault, &error);
    ferry_posix_clock_add(self->posix_clock, self->udp.fd);
    self->packets = true;
    memset(&self->packet, 0, sizeof self->packet);
    self->packet.datagram = &self->datagram;
    self->stream = ferry_wire_packet_stream(&self->packet);
    return FERRY_OK;
}

int link_wire_open(struct link_wire *self, struct ferry_fault *fault)
{
    struct ferry_posix_error error;
    self->packets = self->lost = false;
    self->baud = 0;
    self->udp.fd = -1;
    if (ferry_posix_udp_is(self->name))
        return open_udp(self, fault);
    if (ferry_posix_port_open(self->port, self->name, 0, self->posix_clock, &error) < 0)
        return told(fault, &error);
    self->stream = (struct ferry_stream){.ctx = self,
                                         .read = wire_read,
                                         .write = wire_write,
                                         .set_baud = self->port->stream.set_baud ? wire_set_baud : NULL,
                                         .pending = wire_pending};
    return FERRY_OK;
}

void link_wire_close(struct link_wire *self)
{
    if (self->packets) {
        ferry_posix_clock_remove(self->posix_clock, self->udp.fd);
        ferry_posix_udp_close(&self->udp);
    }
    self->packets = false;
    if (self->port)
        ferry_posix_port_close(self->port);
}

void link_wire_explain(void *ctx, struct ferry_fault *fault)
{
    const struct link_wire *self = ctx;
    if (self->lost && fault->status != FERRY_ERR_CANCELLED) {
        ferry_fault_set(fault, FERRY_ERR_WIRE_CLOSED, self->name, "the port has gone and did not come back in time");
        ferry_fault_hint(fault, "start again when it is back; what has arrived is not sent again");
    }
}

// ---- configuration ----

// The same for every run of this user on this computer, so that the target takes a second run for the same updater.
static uint32_t updater_id(void)
{
    char text[300] = "";
    uint32_t user = (uint32_t)getuid();
    gethostname(text, 256);
    size_t len = strlen(text);
    memcpy(text + len, &user, sizeof user);
    uint32_t id = ferry_crc32c(0, (const uint8_t *)text, len + sizeof user);
    return id ? id : 1;
}

static uint16_t any_seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint16_t)((uint32_t)t.tv_nsec / 1000u ^ (uint32_t)t.tv_sec ^ (uint32_t)getpid());
}

void link_wire_sender_cfg(const struct link_wire *self, const struct cli_options *options,
                          struct ferry_link_sender_cfg *out)
{
    *out = (struct ferry_link_sender_cfg){.updater = updater_id(),
                                          .seed = any_seed(),
                                          .take_over = options->take_over,
                                          .start_baud = options->start_baud[0]};
    if (self->packets) {
        out->mtu = (uint16_t)self->datagram.mtu;
        out->reorders = true;
        return;
    }
    // A plain TCP bridge has no rate to change; asked for one all the same, it is said to follow the target.
    if (self->port->has_baud || options->baud)
        out->baud = options->baud ? options->baud : 921600;
}

void link_wire_job_cfg(struct link_wire *self, const struct cli_options *options, struct ferry_job_cfg *out)
{
    out->stream = &self->stream;
    out->lines = self->packets ? NULL : ferry_posix_port_lines(self->port);
    out->explain = link_wire_explain;
    out->explain_ctx = self;
    out->link = (struct ferry_link_route_cfg){.no_reboot = options->no_reboot, .no_confirm = options->no_confirm};
    link_wire_sender_cfg(self, options, &out->link.sender);
    for (size_t i = 0; i < FERRY_LINK_ROUTE_RATES; i++)
        out->link.start_rates[i] = options->start_baud[i + 1];
}
