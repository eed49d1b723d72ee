#include "apps/ferry/link_port.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"

enum { LOOK_MS = 20 }; // a pty does not tell when somebody opens it

static void note_gone(struct link_port *self)
{
    cli_display_note(&self->session->display, "the updater has closed the connection");
}

static int served_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct link_port *self = ctx;
    if (!vchip_port_has_client(&self->port))
        return 0;
    int n = vchip_port_read(&self->port, buf, cap);
    if (n < 0)
        note_gone(self);
    return n < 0 ? 0 : n;
}

static int served_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct link_port *self = ctx;
    if (!vchip_port_has_client(&self->port)) // nobody hears it
        return (int)len;
    int n = vchip_port_write(&self->port, bytes, len);
    if (n < 0)
        note_gone(self);
    return n < 0 ? (int)len : n;
}

static int open_served(struct link_port *self)
{
    const struct cli_options *o = self->session->options;
    int code = o->pty ? vchip_port_pty(&self->port, o->pty) : vchip_port_listen(&self->port, o->listen, false);
    if (code != 0)
        return code;
    signal(SIGPIPE, SIG_IGN);
    self->served = true;
    self->stream = (struct ferry_stream){.ctx = self, .read = served_read, .write = served_write};
    return -1;
}

// The address as it was given, with the port that was found and the size of the packets.
static void name_udp(struct link_port *self, const char *given)
{
    size_t len = strcspn(given, "?");
    while (len > 0 && given[len - 1] != ':')
        len--;
    snprintf(self->udp_name, sizeof self->udp_name, "%.*s%u?mtu=%u", len > 80 ? 80 : (int)len, given,
             ferry_posix_udp_port(&self->udp), (unsigned)self->datagram.mtu);
}

static int open_udp(struct link_port *self)
{
    struct cli_session *s = self->session;
    struct ferry_posix_error error;
    int status = ferry_posix_udp_open(&self->udp, s->options->listen, true, &self->datagram, &error);
    if (status < 0) {
        ferry_fault_set(&s->fault, status, error.where, "%s", error.what);
        ferry_fault_hint(&s->fault, "%s", error.hint);
        return cli_session_fail(s);
    }
    name_udp(self, s->options->listen);
    self->packet.datagram = &self->datagram;
    self->stream = ferry_wire_packet_stream(&self->packet);
    ferry_posix_clock_add(&s->posix_clock, self->udp.fd);
    return -1;
}

int link_port_open(struct link_port *self, struct cli_session *session)
{
    memset(self, 0, sizeof *self);
    self->session = session;
    self->udp.fd = -1;
    if (session->options->listen && ferry_posix_udp_is(session->options->listen))
        return open_udp(self);
    if (session->options->listen || session->options->pty)
        return open_served(self);
    if (cli_session_open(session) < 0)
        return cli_session_fail(session);
    self->stream = session->port.stream;
    self->has_baud = session->port.has_baud;
    return -1;
}

void link_port_close(struct link_port *self)
{
    if (self->served)
        vchip_port_close(&self->port);
    ferry_posix_udp_close(&self->udp);
    cli_session_close(self->session);
}

void link_port_look(struct link_port *self)
{
    if (!self->served)
        return;
    enum vchip_port_event event = vchip_port_look(&self->port);
    if (event == VCHIP_PORT_WENT)
        note_gone(self);
    if (event != VCHIP_PORT_CAME)
        return;
    self->clients++;
    cli_display_note(&self->session->display, "an updater has connected");
}

bool link_port_has_client(const struct link_port *self)
{
    return !self->served || vchip_port_has_client(&self->port);
}

void link_port_wait(struct link_port *self, uint32_t ms)
{
    if (!self->served) {
        self->session->clock.wait(self->session->clock.ctx, ms);
        return;
    }
    bool client = vchip_port_has_client(&self->port);
    struct pollfd p = {.fd = client ? self->port.fd : self->port.listener, .events = POLLIN};
    if (self->port.pty && ms > LOOK_MS)
        ms = LOOK_MS;
    poll(&p, 1, (int)ms);
}

const char *link_port_name(const struct link_port *self)
{
    if (self->datagram.mtu)
        return self->udp_name;
    return self->served ? self->port.name : self->session->port_name;
}
