#include "apps/ferry/link_session.h"

#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"

static void sender_cfg(struct link_session *self, struct ferry_link_sender_cfg *out)
{
    link_wire_sender_cfg(&self->session.wire, self->session.options, out);
    out->frame = self->session.block;
    out->frame_size = sizeof self->session.block;
}

// The sender takes it for granted that the wire has its start rate.
static void set_start_rate(struct link_session *self)
{
    const struct ferry_stream *stream = &self->session.wire.stream;
    if (self->sender.cfg.baud && stream->set_baud)
        stream->set_baud(stream->ctx, self->sender.cfg.start_baud);
}

static void note(void *ctx, const char *text)
{
    struct link_session *self = ctx;
    cli_display_note(&self->session.display, text);
}

int link_session_open(struct link_session *self, const struct cli_options *options)
{
    struct cli_session *s = &self->session;
    struct ferry_link_sender_cfg cfg;
    memset(self, 0, sizeof *self);
    cli_session_init(s, options);
    s->wire.note = note;
    s->wire.ctx = self;
    int status = cli_session_open_wire(s);
    if (status < 0)
        return status;
    sender_cfg(self, &cfg);
    status = ferry_link_sender_init(&self->sender, &cfg);
    if (status < 0)
        return ferry_fault_set(&s->fault, status, 0, "%s", ferry_status_text(status));
    set_start_rate(self);
    self->pump = (struct ferry_pump){.engine = &self->sender,
                                     .ops = &ferry_link_sender_ops,
                                     .stream = &s->wire.stream,
                                     .trace = cli_trace_get(&s->trace)};
    return FERRY_OK;
}

void link_session_restart(struct link_session *self)
{
    struct ferry_link_sender_cfg cfg;
    sender_cfg(self, &cfg);
    (void)ferry_link_sender_init(&self->sender, &cfg); // it has taken the same configuration before
    set_start_rate(self);
}

static int tick(void *ctx)
{
    struct link_session *self = ctx;
    struct ferry_event event;
    while (ferry_link_sender_ops.event(&self->sender, &event)) {
        if (event.kind == FERRY_EVENT_WARNING)
            cli_display_warning(&self->session.display, event.text);
        else if (event.kind == FERRY_EVENT_STEP || event.kind == FERRY_EVENT_NOTE)
            cli_display_note(&self->session.display, event.text);
    }
    return cli_interrupted();
}

static void fill_fault(struct link_session *self, int status)
{
    struct cli_session *s = &self->session;
    struct ferry_error error;
    ferry_pump_error(&self->pump, &error);
    if (status != FERRY_ERR_CANCELLED && error.status)
        ferry_fault_engine(&s->fault, &error);
    else
        ferry_fault_set(&s->fault, status, 0, "%s", ferry_status_text(status));
    s->fault.peer_code = -1; // it is the status itself, which the text tells
    link_wire_explain(&s->wire, &s->fault);
    snprintf(s->fault.where, sizeof s->fault.where, "%.199s", s->port_name);
}

int link_session_run(struct link_session *self, enum ferry_link_sender_op op)
{
    struct cli_session *s = &self->session;
    struct ferry_link_job job = {.op = op};
    int status = ferry_link_sender_start(&self->sender, &job, s->clock.now_ms(s->clock.ctx));
    if (status < 0)
        return ferry_fault_set(&s->fault, status, s->port_name, "%s", ferry_status_text(status));
    status = ferry_pump_run(&self->pump, &s->clock, tick, self);
    tick(self);
    cli_display_wipe(&s->display);
    if (status < 0)
        fill_fault(self, status);
    return status;
}

int link_session_end(struct link_session *self, int status)
{
    int code = status < 0 ? cli_display_fault(&self->session.display, &self->session.fault) : 0;
    cli_session_close(&self->session);
    return code;
}
