#include "apps/ferry/display.h"

#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/codec/rom.h"
#include "ports/posix/number.h"
#include "updater/mac.h"

#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define GREEN "\033[32m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

void cli_display_init(struct cli_display *self, const struct cli_options *options)
{
    memset(self, 0, sizeof *self);
    ferry_posix_console_detect(&self->console, STDOUT_FILENO);
    self->json = options->json;
    self->quiet = options->quiet;
    self->verbose = options->verbose;
    self->region = -1;
    if (!self->console.tty)
        setvbuf(stdout, 0, _IOLBF, 0);
}

static const char *in(const struct cli_display *self, const char *colour)
{
    return self->console.colour ? colour : "";
}

void cli_display_wipe(struct cli_display *self)
{
    if (self->drawn) {
        fputs("\r\033[K", stdout);
        fflush(stdout);
    }
    self->drawn = false;
}

static void print_line(struct cli_display *self, const char *colour, const char *format, va_list args)
{
    if (self->quiet || self->json)
        return;
    cli_display_wipe(self);
    fputs(in(self, colour), stdout);
    vprintf(format, args);
    puts(in(self, *colour ? PLAIN : ""));
    fflush(stdout);
}

void cli_display_line(struct cli_display *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(self, "", format, args);
    va_end(args);
}

void cli_display_good(struct cli_display *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(self, GREEN, format, args);
    va_end(args);
}

void cli_display_status(struct cli_display *self, const char *format, ...)
{
    if (self->quiet || self->json || !self->console.tty)
        return;
    va_list args;
    va_start(args, format);
    fputs("\r\033[K", stdout);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
    self->drawn = true;
}

void cli_display_note(struct cli_display *self, const char *text)
{
    if (self->json) {
        cJSON *object = cli_display_object();
        cJSON_AddStringToObject(object, "text", text);
        cli_display_json(self, "note", object);
    } else if (self->verbose) {
        cli_display_line(self, "  %s", text);
    }
}

void cli_display_warning(struct cli_display *self, const char *text)
{
    self->warned++;
    if (self->json) {
        cJSON *object = cli_display_object();
        cJSON_AddStringToObject(object, "text", text);
        cli_display_json(self, "warning", object);
        return;
    }
    cli_display_wipe(self);
    bool colour = self->console.colour && isatty(STDERR_FILENO);
    fprintf(stderr, "%swarning:%s %s\n", colour ? YELLOW : "", colour ? PLAIN : "", text);
}

struct cJSON *cli_display_object(void)
{
    cJSON *object = cJSON_CreateObject();
    if (!object) {
        fputs("error: out of memory\n", stderr);
        exit(ferry_status_exit_code(FERRY_ERR_NO_MEMORY));
    }
    return object;
}

void cli_display_json(struct cli_display *self, const char *event, struct cJSON *fields)
{
    if (self->json) {
        cJSON *object = cli_display_object();
        cJSON_AddStringToObject(object, "event", event);
        while (fields->child) { // the name of the event comes first, for people who look at the lines
            cJSON *item = cJSON_DetachItemViaPointer(fields, fields->child);
            cJSON_AddItemToObject(object, item->string, item);
        }
        char *text = cJSON_PrintUnformatted(object);
        if (text)
            puts(text);
        fflush(stdout);
        cJSON_free(text);
        cJSON_Delete(object);
    }
    cJSON_Delete(fields);
}

static void target_json(struct cli_display *self, const struct ferry_target *t, const char *mac, const char *port)
{
    char text[16];
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "port", port);
    cJSON_AddStringToObject(object, "route", "rom");
    cJSON_AddStringToObject(object, "chip", t->chip->name);
    snprintf(text, sizeof text, "%u.%u", t->revision / 100u, t->revision % 100u);
    cJSON_AddStringToObject(object, "revision", text);
    if (t->mac_known)
        cJSON_AddStringToObject(object, "mac", mac);
    if (t->xtal_mhz)
        cJSON_AddNumberToObject(object, "crystal_mhz", t->xtal_mhz);
    snprintf(text, sizeof text, "0x%06x", (unsigned)t->flash_id);
    if (t->flash_id)
        cJSON_AddStringToObject(object, "flash_id", text);
    if (t->flash_size)
        cJSON_AddNumberToObject(object, "flash_size", t->flash_size);
    if (t->security_known) {
        cJSON_AddBoolToObject(object, "secure_boot", t->secure_boot);
        cJSON_AddBoolToObject(object, "flash_encryption", t->flash_encryption);
        cJSON_AddBoolToObject(object, "secure_download", t->secure_download);
    }
    if (t->baud && strncmp(port, "socket://", 9) != 0)
        cJSON_AddNumberToObject(object, "baud", t->baud);
    cli_display_json(self, "target", object);
}

static const char *flash_maker(uint32_t id)
{
    switch (id & 0xff) { // JEDEC JEP106
    case 0xc8:
        return "GigaDevice ";
    case 0xef:
        return "Winbond ";
    case 0xc2:
        return "Macronix ";
    case 0x20:
        return "XMC ";
    case 0x68:
        return "Boya ";
    case 0x9d:
        return "ISSI ";
    case 0x85:
        return "Puya ";
    default:
        return "";
    }
}

static void print_security(struct cli_display *self, const struct ferry_target *t)
{
    if (!t->security_known || !(t->secure_boot || t->flash_encryption || t->secure_download))
        return;
    cli_display_line(self, "  security   %s%s%s", t->secure_boot ? "secure boot  " : "",
                     t->flash_encryption ? "flash encryption  " : "", t->secure_download ? "secure download mode" : "");
}

void cli_display_target(struct cli_display *self, const struct ferry_target *t, const char *port)
{
    char mac[FERRY_MAC_TEXT], xtal[24] = "", size[16];
    ferry_mac_text(t->mac, mac);
    target_json(self, t, mac, port);
    if (t->xtal_mhz)
        snprintf(xtal, sizeof xtal, ", %u MHz crystal", t->xtal_mhz);
    cli_display_line(self, "%s%s%s revision v%u.%u%s%s", in(self, BOLD), t->chip->label, in(self, PLAIN),
                     t->revision / 100u, t->revision % 100u, xtal,
                     t->stub_running ? ", a flasher stub is running" : "");
    if (t->mac_known)
        cli_display_line(self, "  MAC        %s", mac);
    if (t->flash_size)
        cli_display_line(self, "  flash      %s (%sid 0x%06x)",
                         ferry_posix_number_bytes(t->flash_size, size, sizeof size), flash_maker(t->flash_id),
                         (unsigned)t->flash_id);
    else if (t->flash_id)
        cli_display_line(self, "  flash      id 0x%06x, size unknown", (unsigned)t->flash_id);
    print_security(self, t);
    if (t->baud && strncmp(port, "socket://", 9) != 0)
        cli_display_line(self, "  line       %s at %lu baud", port, (unsigned long)t->baud);
    else
        cli_display_line(self, "  line       %s", port);
}

static void progress_json(struct cli_display *self, const struct ferry_progress *p, const char *name)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "step", p->step);
    cJSON_AddStringToObject(object, "region", name);
    cJSON_AddNumberToObject(object, "done", p->region_done);
    cJSON_AddNumberToObject(object, "size", p->region_size);
    cJSON_AddNumberToObject(object, "total_done", p->total_done);
    cJSON_AddNumberToObject(object, "total_size", p->total_size);
    cJSON_AddNumberToObject(object, "wire_bytes", p->wire_bytes);
    cJSON_AddNumberToObject(object, "skipped", p->skipped);
    cJSON_AddNumberToObject(object, "retries", p->retries);
    cJSON_AddNumberToObject(object, "baud", p->baud);
    cli_display_json(self, "progress", object);
}

static void draw_bar(struct cli_display *self, const struct ferry_progress *p, const char *name)
{
    char text[1024];
    struct ferry_posix_console_bar bar = {.name = name,
                                          .done = p->region_done,
                                          .size = p->region_size,
                                          .rate = ferry_posix_console_rate_get(&self->rate),
                                          .seconds_left = -1,
                                          .note = p->step};
    if (bar.rate)
        bar.seconds_left = (int32_t)((p->region_size - p->region_done) / bar.rate);
    self->console.width = ferry_posix_console_width(STDOUT_FILENO);
    ferry_posix_console_bar(&self->console, &bar, text, sizeof text);
    printf("\r%s\033[K", text);
    fflush(stdout);
    self->drawn = true;
}

// True when the region has come a step of `parts` per hundred further than was told.
static bool told_enough(struct cli_display *self, const struct ferry_progress *p, uint32_t parts)
{
    uint32_t step = (uint32_t)((uint64_t)p->region_done * 100 / p->region_size / parts);
    if (step <= self->shown)
        return true;
    self->shown = step;
    return false;
}

static void new_region(struct cli_display *self, const struct ferry_progress *p, uint32_t now_ms)
{
    self->region = p->region;
    self->shown = 0;
    self->region_started_ms = now_ms;
    self->drawn_ms = now_ms - 1000;
    ferry_posix_console_rate_reset(&self->rate);
}

void cli_display_progress(struct cli_display *self, const struct ferry_progress *p, const char *name, uint32_t now_ms)
{
    if (p->region_size == 0 || p->region_done > p->region_size)
        return;
    if (self->region != p->region)
        new_region(self, p, now_ms);
    if (self->json) {
        if (!told_enough(self, p, 5))
            progress_json(self, p, name);
        return;
    }
    if (self->quiet)
        return;
    ferry_posix_console_rate_add(&self->rate, now_ms, p->region_done);
    if (!self->console.tty) {
        char done[16], size[16];
        if (!told_enough(self, p, 25) && p->region_done < p->region_size)
            cli_display_line(self, "%s: %u %% (%s of %s)", name,
                             (unsigned)((uint64_t)p->region_done * 100 / p->region_size),
                             ferry_posix_number_bytes(p->region_done, done, sizeof done),
                             ferry_posix_number_bytes(p->region_size, size, sizeof size));
        return;
    }
    if (now_ms - self->drawn_ms < 80)
        return;
    self->drawn_ms = now_ms;
    draw_bar(self, p, name);
}

static void region_json(struct cli_display *self, const char *name, uint32_t address, uint32_t size, uint32_t written,
                        uint32_t skipped)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "region", name);
    if (address != UINT32_MAX)
        cJSON_AddNumberToObject(object, "address", address);
    cJSON_AddNumberToObject(object, "size", size);
    cJSON_AddNumberToObject(object, "written", written);
    cJSON_AddNumberToObject(object, "skipped", skipped);
    cli_display_json(self, "region", object);
}

void cli_display_region(struct cli_display *self, const char *name, uint32_t address, uint32_t size, uint32_t written,
                        uint32_t skipped, uint32_t now_ms)
{
    char sizes[16], a[16], b[16], what[80], place[12] = "";
    uint32_t ms = self->region >= 0 ? now_ms - self->region_started_ms : 0;
    self->region = -1;
    region_json(self, name, address, size, written, skipped);
    if (written == 0 && skipped)
        snprintf(what, sizeof what, "unchanged, not sent");
    else if (skipped)
        snprintf(what, sizeof what, "written %s, unchanged %s, %u.%u s", ferry_posix_number_bytes(written, a, sizeof a),
                 ferry_posix_number_bytes(skipped, b, sizeof b), (unsigned)(ms / 1000), (unsigned)(ms / 100 % 10));
    else
        snprintf(what, sizeof what, "%s, %u.%u s", written ? "written" : "the same", (unsigned)(ms / 1000),
                 (unsigned)(ms / 100 % 10));
    if (address != UINT32_MAX)
        snprintf(place, sizeof place, "0x%06x", (unsigned)address);
    cli_display_line(self, "%s%s%s %-22s %-8s  %8s  %s", in(self, GREEN), self->console.utf8 ? "✓" : "ok",
                     in(self, PLAIN), name, place, ferry_posix_number_bytes(size, sizes, sizeof sizes), what);
}

static void fault_json(struct cli_display *self, const struct ferry_fault *fault, const char *what, const char *hint)
{
    cJSON *object = cli_display_object();
    cJSON_AddStringToObject(object, "error", ferry_status_name(fault->status));
    cJSON_AddStringToObject(object, "what", what);
    if (fault->where[0])
        cJSON_AddStringToObject(object, "where", fault->where);
    if (fault->peer_code >= 0)
        cJSON_AddNumberToObject(object, "target_code", fault->peer_code);
    cJSON_AddStringToObject(object, "hint", hint);
    cJSON_AddNumberToObject(object, "exit_code", ferry_status_exit_code(fault->status));
    cli_display_json(self, "error", object);
}

static void print_hint(const char *hint)
{
    const char *lead = "  try: ";
    while (*hint) {
        size_t len = strcspn(hint, "\n");
        fprintf(stderr, "%s%.*s\n", lead, (int)len, hint);
        hint += len + (hint[len] == '\n');
        lead = "       ";
    }
}

// The target's own words: the number in its boot log, or the error byte of its answer.
static void print_peer(const struct ferry_fault *fault)
{
    if (fault->peer_code < 0)
        return;
    const char *meaning = ferry_rom_error_text(fault->peer_code);
    if (fault->status == FERRY_ERR_BOOT_MODE)
        fprintf(stderr, "  target said: boot:0x%x\n", (unsigned)fault->peer_code);
    else
        fprintf(stderr, "  target said: 0x%02x%s%s%s\n", (unsigned)fault->peer_code, *meaning ? " (" : "", meaning,
                *meaning ? ")" : "");
}

int cli_display_fault(struct cli_display *self, const struct ferry_fault *fault)
{
    const char *what = fault->what[0] ? fault->what : ferry_status_text(fault->status);
    const char *hint = fault->hint[0] ? fault->hint : ferry_status_hint(fault->status);
    cli_display_wipe(self);
    if (self->json) {
        fault_json(self, fault, what, hint);
        return ferry_status_exit_code(fault->status);
    }
    fflush(stdout);
    bool colour = self->console.colour && isatty(STDERR_FILENO);
    fprintf(stderr, "%serror:%s %s\n", colour ? RED : "", colour ? PLAIN : "", what);
    if (fault->where[0])
        fprintf(stderr, "  where: %s\n", fault->where);
    print_peer(fault);
    print_hint(hint);
    return ferry_status_exit_code(fault->status);
}
