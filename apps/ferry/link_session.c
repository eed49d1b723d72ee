#include "apps/ferry/link_session.h"

#include <cJSON.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ferry/codec/crc32c.h"
#include "ports/posix/number.h"
#include "updater/path.h"

void link_session_init(struct link_session *self, const struct cli_options *options)
{
    memset(self, 0, sizeof *self);
    cli_session_init(&self->session, options);
    self->udp.fd = -1;
}

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

static void sender_cfg(struct link_session *self, struct ferry_link_sender_cfg *out)
{
    const struct cli_options *o = self->session.options;
    *out = (struct ferry_link_sender_cfg){.frame = self->frame,
                                          .frame_size = sizeof self->frame,
                                          .updater = updater_id(),
                                          .seed = any_seed(),
                                          .take_over = o->take_over,
                                          .hello_ms = self->hello_ms};
    if (self->packets) {
        out->mtu = (uint16_t)self->datagram.mtu;
        out->reorders = true;
        return;
    }
    // A plain TCP bridge has no rate to change; asked for one all the same, it is said to follow the target.
    if (self->session.port.has_baud || o->baud)
        out->baud = o->baud ? o->baud : 921600;
}

static int open_udp(struct link_session *self)
{
    struct cli_session *s = &self->session;
    struct ferry_posix_error error;
    int status = cli_trace_open(&s->trace, s->options->trace, &s->fault);
    if (status < 0)
        return status;
    snprintf(s->port_name, sizeof s->port_name, "%s", s->options->port);
    status = ferry_posix_udp_open(&self->udp, s->options->port, false, &self->datagram, &error);
    if (status < 0) {
        ferry_fault_set(&s->fault, status, error.where, "%s", error.what);
        ferry_fault_hint(&s->fault, "%s", error.hint);
        return status;
    }
    ferry_posix_clock_add(&s->posix_clock, self->udp.fd);
    self->packets = true;
    self->packet.datagram = &self->datagram;
    self->stream = ferry_wire_packet_stream(&self->packet);
    return FERRY_OK;
}

static int open_stream(struct link_session *self)
{
    if (self->session.options->port && ferry_posix_udp_is(self->session.options->port))
        return open_udp(self);
    int status = cli_session_open(&self->session);
    self->stream = link_wire_stream(&self->wire, &self->session);
    return status;
}

int link_session_open(struct link_session *self)
{
    struct ferry_link_sender_cfg cfg;
    int status = open_stream(self);
    if (status < 0)
        return status;
    sender_cfg(self, &cfg);
    status = ferry_link_sender_init(&self->sender, &cfg);
    if (status < 0)
        return ferry_fault_set(&self->session.fault, status, 0, "%s", ferry_status_text(status));
    self->supply = ferry_supply_from(&self->basic);
    self->pump = (struct ferry_pump){.engine = &self->sender,
                                     .ops = &ferry_link_sender_ops,
                                     .stream = &self->stream,
                                     .supply = &self->supply,
                                     .trace = cli_trace_get(&self->session.trace)};
    return FERRY_OK;
}

void link_session_restart(struct link_session *self)
{
    struct ferry_link_sender_cfg cfg;
    sender_cfg(self, &cfg);
    (void)ferry_link_sender_init(&self->sender, &cfg); // it has taken the same configuration before
}

static void show_events(struct link_session *self)
{
    struct ferry_event event;
    while (ferry_link_sender_ops.event(&self->sender, &event)) {
        if (event.kind == FERRY_EVENT_WARNING)
            cli_display_warning(&self->session.display, event.text);
        else if (event.kind == FERRY_EVENT_STEP || event.kind == FERRY_EVENT_NOTE)
            cli_display_note(&self->session.display, event.text);
    }
}

static int tick(void *ctx)
{
    struct link_session *self = ctx;
    struct cli_session *s = &self->session;
    show_events(self);
    if (self->name) {
        struct ferry_progress progress;
        ferry_link_sender_ops.progress(&self->sender, &progress);
        cli_display_progress(&s->display, &progress, self->name, s->clock.now_ms(s->clock.ctx));
    }
    return cli_interrupted();
}

static void fill_fault(struct link_session *self, int status)
{
    struct ferry_fault *fault = &self->session.fault;
    struct ferry_error error;
    ferry_pump_error(&self->pump, &error);
    if (status == FERRY_ERR_CANCELLED) {
        ferry_fault_set(fault, status, 0, "cancelled: the target goes on with the firmware that it runs");
        ferry_fault_hint(fault, "run the same command again; what has arrived is not sent again");
    } else if (error.status) {
        ferry_fault_engine(fault, &error);
    } else {
        ferry_fault_set(fault, status, 0, "%s", ferry_status_text(status));
    }
    if (self->wire.lost && status != FERRY_ERR_CANCELLED) {
        ferry_fault_set(fault, FERRY_ERR_WIRE_CLOSED, 0, "the port has gone and did not come back in time");
        ferry_fault_hint(fault, "run the same command again when it is back; what has arrived is not sent again");
    }
    if (!self->session.display.json) // it is the status itself, which the text tells; only programs want the number
        fault->peer_code = -1;
    snprintf(fault->where, sizeof fault->where, "%.199s", self->session.port_name);
}

int link_session_run(struct link_session *self, const struct ferry_link_job *job, const char *name,
                     const struct ferry_source *source)
{
    struct cli_session *s = &self->session;
    self->name = name;
    self->basic = (struct ferry_supply_basic){.sources = source,
                                              .source_count = source ? 1 : 0,
                                              .digest = &s->digest,
                                              .scratch = s->scratch,
                                              .scratch_size = sizeof s->scratch};
    int status = ferry_link_sender_start(&self->sender, job, s->clock.now_ms(s->clock.ctx));
    if (status < 0)
        return ferry_fault_set(&s->fault, status, s->port_name, "%s", ferry_status_text(status));
    status = ferry_pump_run(&self->pump, &s->clock, tick, self);
    show_events(self);
    cli_display_wipe(&s->display);
    if (status < 0)
        fill_fault(self, status);
    return status;
}

const struct ferry_slot *link_session_slot(const struct ferry_target_info *info, uint8_t flag)
{
    for (uint8_t i = 0; i < info->slot_count && i < FERRY_MANIFEST_SLOTS; i++)
        if (info->slots[i].flags & flag)
            return &info->slots[i];
    return 0;
}

static const char *boot_state(const struct ferry_target_info *t)
{
    switch (t->boot_state) {
    case FERRY_BOOT_TRIAL:
        return "on trial";
    case FERRY_BOOT_REVERTED:
        return "the last update was given up";
    default:
        return "confirmed";
    }
}

static const char *chip_label(uint16_t id)
{
    const struct ferry_chip *chip = id == FERRY_MANIFEST_CHIP_ANY ? 0 : ferry_chip_by_id(id);
    return chip ? chip->label : "target";
}

static void target_json(struct link_session *self, const char *mac)
{
    const struct ferry_target_info *t = &self->sender.target;
    const struct ferry_chip *chip = t->chip == FERRY_MANIFEST_CHIP_ANY ? 0 : ferry_chip_by_id(t->chip);
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "port", self->session.port_name);
    cJSON_AddStringToObject(object, "route", "link");
    if (chip)
        cJSON_AddStringToObject(object, "chip", chip->name);
    cJSON_AddStringToObject(object, "mac", mac);
    cJSON_AddStringToObject(object, "project", t->project);
    cJSON_AddStringToObject(object, "version", t->version);
    cJSON_AddStringToObject(object, "state", boot_state(t));
    cJSON *slots = cJSON_AddArrayToObject(object, "slots");
    for (uint8_t i = 0; i < t->slot_count && i < FERRY_MANIFEST_SLOTS; i++) {
        cJSON *slot = cJSON_CreateObject();
        cJSON_AddStringToObject(slot, "label", t->slots[i].label);
        cJSON_AddNumberToObject(slot, "size", t->slots[i].size);
        cJSON_AddBoolToObject(slot, "running", t->slots[i].flags & FERRY_SLOT_RUNNING);
        cJSON_AddItemToArray(slots, slot);
    }
    cJSON_AddBoolToObject(object, "unfinished", t->unfinished);
    cli_display_json(&self->session.display, "target", object);
}

static void show_line(struct link_session *self)
{
    struct ferry_progress progress;
    ferry_link_sender_ops.progress(&self->sender, &progress);
    if (progress.baud)
        cli_display_line(&self->session.display, "  line       %s at %lu baud", self->session.port_name,
                         (unsigned long)progress.baud);
    else
        cli_display_line(&self->session.display, "  line       %s", self->session.port_name);
}

void link_session_show_target(struct link_session *self)
{
    const struct ferry_target_info *t = &self->sender.target;
    const struct ferry_slot *to = link_session_slot(t, FERRY_SLOT_TARGET);
    struct cli_display *display = &self->session.display;
    char mac[24], size[16];
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", t->mac[0], t->mac[1], t->mac[2], t->mac[3], t->mac[4],
             t->mac[5]);
    target_json(self, mac);
    if (t->chip != FERRY_MANIFEST_CHIP_ANY)
        cli_display_line(display, "%s revision v%u.%u, MAC %s, runs a receiver", chip_label(t->chip),
                         t->revision / 100u, t->revision % 100u, mac);
    else
        cli_display_line(display, "A receiver");
    if (t->project[0] || t->version[0]) {
        const struct ferry_slot *from = link_session_slot(t, FERRY_SLOT_RUNNING);
        cli_display_line(display, "  runs       %s %s%s%s (%s)", t->project, t->version, from ? " from " : "",
                         from ? from->label : "", boot_state(t));
    }
    if (to)
        cli_display_line(display, "  next slot  %s, %s", to->label,
                         ferry_posix_number_bytes(to->size, size, sizeof size));
    if (t->unfinished)
        cli_display_line(display, "  unfinished an update of %s",
                         ferry_posix_number_bytes(t->unfinished_size, size, sizeof size));
    show_line(self);
}

void link_session_close(struct link_session *self)
{
    cli_session_close(&self->session);
    ferry_posix_udp_close(&self->udp);
}

int link_session_fail(struct link_session *self)
{
    int code = cli_display_fault(&self->session.display, &self->session.fault);
    link_session_close(self);
    return code;
}
