// receive: the receiver of the link route on this computer, into the files of a folder or a flash image.
#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "apps/ferry/commands.h"
#include "apps/ferry/link_flash.h"
#include "apps/ferry/link_port.h"
#include "apps/ferry/link_tell.h"
#include "ferry/base/status.h"
#include "ferry/base/time.h"
#include "ferry/pump/receiver_pump.h"
#include "ports/posix/file_sink.h"

static const struct cli_help help = {
    .usage = "(--file FOLDER | --flash IMAGE --chip CHIP)\n"
             "                     (--listen HOST:PORT | --pty PATH | --port PORT)   [OPTIONS]",
    .about =
        "Takes updates over the link route: the same receiver that runs on a target, here into a folder or a flash\n"
        "image. A file gets its name when it is whole, its SHA-256 is right and it is on the disk; until then it is\n"
        "NAME.part. A flash image takes firmware into the OTA slot that does not run, on trial until it is confirmed,\n"
        "and data partitions; which slot runs is decided as by ESP-IDF's bootloader. What has arrived survives an end\n"
        "of either side: send the same once more and only the rest is sent.",
    .examples = "  ferry receive --file inbox --listen 0.0.0.0:3232       then, elsewhere:\n"
                "    ferry send notes.txt --file notes.txt -p socket://192.168.1.5:3232\n"
                "  ferry receive --flash flash.bin --chip esp32c3 --pty /tmp/target\n"
                "  ferry receive --file inbox -p /dev/ttyUSB0 --once      one file over a serial line\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_LINK | CLI_OPT_RECEIVE,
};

enum { WINDOW = 32768, LINGER_MS = 1500 };

struct receive {
    struct cli_session session;
    struct link_port port;
    struct ferry_posix_file_sink files;
    struct ferry_sink inner, file_sink;
    struct link_tell file_tell;
    struct link_flash flash;
    const struct ferry_sink *sink; // of these two, the one that is used
    const struct link_tell *tell;
    struct ferry_link_receiver receiver;
    struct ferry_receiver_pump pump;
    uint32_t ended_ms; // when the last update became complete
    unsigned ended;
    uint8_t window[WINDOW];
    uint8_t frame[FERRY_LINK_PLAIN_BUFFER(FERRY_LINK_CHUNK_MAX)];
};

static void line(void *ctx, const char *text)
{
    struct receive *self = ctx;
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "text", text);
    cli_display_json(&self->session.display, "receive", object);
    cli_display_line(&self->session.display, "%s", text);
}

// What the receiver has refused by itself; what the sink refuses is told already.
static void tell_error(struct receive *self)
{
    struct ferry_error error;
    char text[200];
    ferry_link_receiver_explain(&self->receiver, &error);
    if (!error.status)
        return;
    self->receiver.error.status = 0;
    if (strcmp(error.detail, ferry_link_fault_text(FERRY_LINK_FAULT_SINK)) == 0)
        return;
    snprintf(text, sizeof text, "refused: %s%s%s", ferry_status_text(error.status), *error.detail ? ": " : "",
             error.detail);
    if (error.status == FERRY_ERR_TARGET_RESET || error.status == FERRY_ERR_PROTOCOL)
        cli_display_note(&self->session.display, text);
    else
        line(self, text);
}

static int make_receiver(struct receive *self, uint32_t now_ms)
{
    struct ferry_link_receiver_cfg cfg = {.window = self->window,
                                          .window_size = sizeof self->window,
                                          .frame = self->frame,
                                          .frame_size = sizeof self->frame,
                                          .wire_buffer = 4096};
    cfg.mtu = (uint16_t)self->port.datagram.mtu;
    if (self->port.has_baud) {
        cfg.start_baud = 115200;
        cfg.max_baud = self->session.options->baud ? self->session.options->baud : 3000000;
    }
    self->pump = (struct ferry_receiver_pump){.receiver = &self->receiver,
                                              .stream = &self->port.stream,
                                              .sink = self->sink,
                                              .trace = cli_trace_get(&self->session.trace)};
    return ferry_link_receiver_init(&self->receiver, &cfg, now_ms);
}

// With --once: over when an update is complete, confirmed, and the updater has heard of it.
static bool finished(struct receive *self, uint32_t now_ms)
{
    if (self->tell->ended != self->ended) {
        self->ended = self->tell->ended;
        self->ended_ms = now_ms;
    }
    bool heard = !link_port_has_client(&self->port) || ferry_time_reached(now_ms, self->ended_ms + LINGER_MS);
    bool trial = self->session.options->flash && self->flash.target.ota.boot_state == FERRY_BOOT_TRIAL;
    return self->session.options->once && self->ended && heard && !trial;
}

// The target has asked for a restart: its firmware begins anew, which is another one perhaps.
static int restart(struct receive *self, uint32_t now_ms)
{
    unsigned before = self->flash.target.tell.ended;
    int status = link_flash_boot(&self->flash, false, &self->session.fault);
    self->flash.target.tell.ended = before;
    return status < 0 ? status : make_receiver(self, now_ms);
}

static int run(struct receive *self)
{
    const struct ferry_clock *clock = &self->session.clock;
    int status = make_receiver(self, clock->now_ms(clock->ctx));
    while (status >= 0 && !cli_interrupted()) {
        uint32_t wait_ms, now_ms = clock->now_ms(clock->ctx);
        link_port_look(&self->port);
        status = ferry_receiver_pump_step(&self->pump, now_ms, &wait_ms);
        tell_error(self);
        if (status >= 0 && self->flash.restart_due)
            status = restart(self, now_ms);
        if (finished(self, now_ms))
            break;
        if (wait_ms > 0)
            link_port_wait(&self->port, wait_ms);
    }
    if (status < 0 && self->session.fault.status == 0)
        ferry_fault_set(&self->session.fault, status, link_port_name(&self->port), "%s", ferry_status_text(status));
    return status;
}

static int check(const struct cli_options *o)
{
    if (o->arg_count)
        return cli_usage_error("receive", 0, "'%s' is not an option", o->args[0]);
    if (!o->file == !o->flash)
        return cli_usage_error("receive", "--file FOLDER, or --flash IMAGE --chip CHIP", "where should it go?");
    if (o->flash && (o->chip == FERRY_CHIP_ANY || o->chip == FERRY_CHIP_ESP8266))
        return cli_usage_error("receive", "--chip esp32c3, ...", "of which chip is this flash?");
    if (o->listen && o->pty)
        return cli_usage_error("receive", 0, "--listen and --pty exclude each other");
    if (!o->listen && !o->pty && !o->port)
        return cli_usage_error("receive", "--listen 127.0.0.1:3232, --pty PATH or --port /dev/ttyUSB0",
                               "where should it wait for updaters?");
    return -1;
}

static int open_files(struct receive *self)
{
    struct ferry_posix_error error;
    struct cli_session *s = &self->session;
    int status = ferry_posix_file_sink_open(&self->files, s->options->file, &s->digest, &error);
    if (status < 0) {
        ferry_fault_set(&s->fault, status, error.where, "%s", error.what);
        ferry_fault_hint(&s->fault, "make the folder first: mkdir %s", s->options->file);
        return cli_session_fail(s);
    }
    self->inner = ferry_posix_file_sink(&self->files);
    self->file_sink = link_tell_sink(&self->file_tell, &self->inner, line, self);
    self->sink = &self->file_sink;
    self->tell = &self->file_tell;
    return -1;
}

static int open_flash(struct receive *self)
{
    const struct cli_options *o = self->session.options;
    const struct ferry_chip *chip = ferry_chip_by_id(o->chip);
    int code = link_flash_open(&self->flash, o->flash, chip->name, o->rollback, line, self);
    if (code >= 0)
        return code;
    if (link_flash_boot(&self->flash, true, &self->session.fault) < 0) {
        snprintf(self->session.fault.where, sizeof self->session.fault.where, "%.199s", o->flash);
        link_flash_close(&self->flash);
        return cli_session_fail(&self->session);
    }
    self->sink = &self->flash.target.sink;
    self->tell = &self->flash.target.tell;
    return -1;
}

static void close_sink(struct receive *self)
{
    if (self->session.options->flash)
        link_flash_close(&self->flash);
    else
        ferry_posix_file_sink_close(&self->files);
}

int cmd_receive(int argc, char **argv)
{
    static struct cli_options options;
    static struct receive self;
    int code = cli_parse(&options, argc, argv, &help);
    if (code < 0)
        code = check(&options);
    if (code >= 0)
        return code;
    cli_session_init(&self.session, &options);
    code = options.flash ? open_flash(&self) : open_files(&self);
    if (code < 0)
        code = link_port_open(&self.port, &self.session);
    if (code >= 0)
        return code;
    cli_display_line(&self.session.display, "receive: into %s, on %s", options.flash ? options.flash : options.file,
                     link_port_name(&self.port));
    int status = run(&self);
    close_sink(&self);
    if (status < 0)
        code = cli_display_fault(&self.session.display, &self.session.fault);
    link_port_close(&self.port);
    return status < 0 ? code : 0;
}
