// The loop of `ferry vchip`: virtual time follows the clock (or runs ahead), bytes go between the port and the chip.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/ferry/cmd_vchip.h"
#include "apps/ferry/vchip_receiver.h"
#include "sim/chip/chip.h"
#include "sim/serve/circuit.h"
#include "sim/serve/rfc2217.h"

enum {
    IN_CAP = 65536,
    OUT_CAP = 262144,
    WIRE_CAP = 8192,
    QUANTUM_US = 200,      // events nearer than this are taken together: waking up for every byte costs too much
    PTY_LOOK_US = 20000,   // a pty does not tell when somebody opens it
    POWER_OFF_US = 300000, // after a power cut
    BOOT_SPEED = 20,       // --time fast: how much faster than the clock a chip outside the loader runs
    START_BAUD = 115200,
    STEPS_AT_ONCE = 4096,
};

struct serve {
    const struct vchip_options *o;
    struct sim_flash *flash;
    struct sim_chip *chip;
    struct vchip_port *port;
    struct vchip_receiver *receiver; // NULL: the firmware is silent
    struct sim_serve_rfc2217 telnet;
    struct sim_serve_circuit circuit;
    uint8_t in[IN_CAP], out[OUT_CAP], wire[WIRE_CAP]; // to the chip; to the client, plain; to the client, encoded
    size_t in_at, in_len, out_at, out_len, wire_at, wire_len;
    uint64_t clock_us; // real time of the last step
    uint64_t to_chip, to_host;
    bool reset_done[SIM_SERVE_RESETS];
    size_t resets_left;
    uint64_t power_on_at; // virtual time, 0 = power is on
    uint64_t flash_ops;   // before the last power cycle
    bool power_was_cut;
    uint32_t host_baud;
    bool loader, booted; // as last noticed
    bool quiet;          // the boot outcome is the same again and again
    char last_boot[64];
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static uint64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

// ---- what the chip did

static void report_boot(struct serve *s)
{
    const char *label = sim_chip_booted(s->chip), *reason = sim_chip_boot_reason(s->chip);
    if (s->quiet && strcmp(label, s->last_boot) == 0)
        return;
    for (const char *line = reason; *line && (s->o->verbose || strcmp(label, "none") == 0);) {
        size_t len = strcspn(line, "\n");
        say("  %.*s", (int)len, line);
        line += len + (line[len] == '\n');
    }
    say("boots: %s", label);
    snprintf(s->last_boot, sizeof s->last_boot, "%s", label);
    s->quiet = strcmp(label, "none") == 0; // it will try again for ever
}

// Called after every piece of virtual time, so that no reset goes unnoticed.
static void notice(struct serve *s)
{
    bool loader = sim_chip_in_loader(s->chip), booted = sim_chip_booted(s->chip)[0] != 0;
    if (loader && !s->loader)
        say("reset: the serial loader waits");
    // On the ideal line a chip may have restarted and booted within one event.
    if (booted && (!s->booted || strcmp(sim_chip_booted(s->chip), s->last_boot) != 0))
        report_boot(s);
    s->loader = loader;
    s->booted = booted;
}

// ---- lines, rate, power

static void set_lines(struct serve *s)
{
    s->quiet = s->quiet && !s->circuit.reset;
    sim_chip_lines(s->chip, s->circuit.reset, s->circuit.boot);
}

// The cut that is asked for waits through all resets and power cycles until its operation comes.
static void arm_power_cut(struct serve *s)
{
    const struct sim_serve_faults *f = &s->o->faults;
    if (!f->power_cut || s->power_was_cut)
        return;
    s->flash_ops += sim_flash_ops(s->flash);
    sim_flash_cut_at(s->flash, f->cut_op - s->flash_ops, f->cut_kind, f->cut_permille);
}

static void power_cycle(struct serve *s)
{
    s->quiet = false;
    sim_chip_power(s->chip, false);
    vchip_receiver_power_on(s->receiver);
    sim_chip_power(s->chip, true);
    arm_power_cut(s);
}

static void watch_power(struct serve *s)
{
    uint64_t now = sim_chip_now(s->chip);
    if (s->power_on_at == 0 && sim_flash_dead(s->flash)) {
        say("power cut at flash operation %llu", (unsigned long long)s->o->faults.cut_op);
        s->power_was_cut = true;
        sim_chip_power(s->chip, false);
        s->power_on_at = now + POWER_OFF_US;
        if (s->o->fast)
            sim_chip_run(s->chip, s->power_on_at);
    }
    if (s->power_on_at != 0 && sim_chip_now(s->chip) >= s->power_on_at) {
        s->power_on_at = 0;
        vchip_receiver_power_on(s->receiver);
        sim_chip_power(s->chip, true);
        say("power is back");
    }
}

static void fault_resets(struct serve *s)
{
    uint64_t arrived = s->to_chip - sim_chip_host_pending(s->chip);
    for (size_t i = 0; i < s->o->faults.reset_count; i++) {
        const struct sim_serve_reset *r = &s->o->faults.resets[i];
        if (s->reset_done[i] || (r->to_host ? s->to_host : arrived) < r->at_byte)
            continue;
        s->reset_done[i] = true;
        s->resets_left--;
        sim_chip_lines(s->chip, true, s->circuit.boot);
        sim_chip_run(s->chip, sim_chip_now(s->chip) + 1000);
        sim_chip_lines(s->chip, s->circuit.reset, s->circuit.boot);
    }
}

// ---- bytes

static void feed(struct serve *s)
{
    if (s->in_at == s->in_len)
        return;
    size_t n = sim_chip_host_write(s->chip, s->in + s->in_at, s->in_len - s->in_at);
    s->in_at += n;
    s->to_chip += n;
    if (s->in_at == s->in_len)
        s->in_at = s->in_len = 0;
}

static void drain(struct serve *s)
{
    if (s->out_at > 0) {
        memmove(s->out, s->out + s->out_at, s->out_len - s->out_at);
        s->out_len -= s->out_at;
        s->out_at = 0;
    }
    size_t n = sim_chip_host_read(s->chip, s->out + s->out_len, OUT_CAP - s->out_len);
    s->to_host += n;
    s->out_len += n;
    if (!vchip_port_has_client(s->port)) // nobody listens: the bytes are gone, as on a board
        s->out_len = 0;
}

static void set_baud(struct serve *s)
{
    uint32_t baud = s->o->rfc2217 ? s->telnet.baud : sim_chip_baud(s->chip);
    if (s->port->pty)
        baud = vchip_pty_baud(s->port->fd);
    if (baud == 0)
        baud = START_BAUD;
    baud = (uint32_t)(baud * (1 + s->o->baud_noise / 100) + 0.5);
    if (baud == s->host_baud)
        return;
    drain(s); // what has arrived came at the rate there was
    sim_chip_host_baud(s->chip, baud);
    s->host_baud = baud;
}

static void forget_bytes(struct serve *s)
{
    s->in_at = s->in_len = s->out_at = s->out_len = s->wire_at = s->wire_len = 0;
}

// Next bytes for the client: answers of the telnet layer first, then data.
static void fill_wire(struct serve *s)
{
    s->wire_at = s->wire_len = 0;
    if (s->o->rfc2217) {
        memcpy(s->wire, s->telnet.outbox, s->telnet.outbox_len);
        s->wire_len = s->telnet.outbox_len;
        s->telnet.outbox_len = 0;
    }
    size_t room = (WIRE_CAP - s->wire_len) / (s->o->rfc2217 ? 2 : 1), n = s->out_len - s->out_at;
    if (n > room)
        n = room;
    const uint8_t *from = s->out + s->out_at;
    if (s->o->rfc2217)
        s->wire_len += sim_serve_rfc2217_encode(from, n, s->wire + s->wire_len);
    else
        memcpy(s->wire + s->wire_len, from, n), s->wire_len += n;
    s->out_at += n;
}

static void client_gone(struct serve *s)
{
    say("client %s has gone", s->port->peer);
    forget_bytes(s);
    sim_serve_circuit_set(&s->circuit, false, false, real_now());
    set_lines(s);
}

static bool send_out(struct serve *s)
{
    while (vchip_port_has_client(s->port)) {
        if (s->wire_at == s->wire_len)
            fill_wire(s);
        if (s->wire_len == 0)
            return true;
        int n = vchip_port_write(s->port, s->wire + s->wire_at, s->wire_len - s->wire_at);
        if (n < 0)
            client_gone(s);
        if (n <= 0)
            return false;
        s->wire_at += (size_t)n;
    }
    return false;
}

static void telnet_event(struct serve *s, enum sim_serve_event event)
{
    switch (event) {
    case SIM_SERVE_BAUD:
        set_baud(s);
        break;
    case SIM_SERVE_LINES:
        sim_serve_circuit_set(&s->circuit, s->telnet.dtr, s->telnet.rts, real_now());
        set_lines(s);
        break;
    case SIM_SERVE_PURGE_RX:
    case SIM_SERVE_PURGE_BOTH:
        s->out_at = s->out_len = 0;
        if (event == SIM_SERVE_PURGE_RX)
            break;
        s->in_at = s->in_len = 0;
        break;
    case SIM_SERVE_PURGE_TX:
        s->in_at = s->in_len = 0;
        break;
    default: // a break has no effect on these chips
        break;
    }
}

static void decode(struct serve *s, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t data;
        enum sim_serve_event event = sim_serve_rfc2217_byte(&s->telnet, bytes[i], &data);
        if (event == SIM_SERVE_DATA)
            s->in[s->in_len++] = data;
        else if (event != SIM_SERVE_NOTHING)
            telnet_event(s, event);
        if (s->telnet.outbox_len > SIM_SERVE_RFC2217_OUTBOX - SIM_SERVE_RFC2217_ANSWER)
            send_out(s);
    }
}

static bool room_for_input(const struct serve *s)
{
    return s->in_len < IN_CAP - WIRE_CAP && s->out_len - s->out_at < OUT_CAP / 2;
}

static void receive(struct serve *s)
{
    uint8_t bytes[WIRE_CAP];
    while (vchip_port_has_client(s->port) && room_for_input(s)) {
        int n = vchip_port_read(s->port, bytes, sizeof bytes);
        if (n < 0)
            client_gone(s);
        if (n <= 0)
            return;
        if (s->o->rfc2217) {
            decode(s, bytes, (size_t)n);
        } else {
            memcpy(s->in + s->in_len, bytes, (size_t)n);
            s->in_len += (size_t)n;
        }
    }
}

static void look(struct serve *s)
{
    enum vchip_port_event event = vchip_port_look(s->port);
    if (event == VCHIP_PORT_WENT)
        client_gone(s);
    if (event != VCHIP_PORT_CAME)
        return;
    say("client %s", s->port->peer);
    forget_bytes(s);
    sim_serve_rfc2217_init(&s->telnet, START_BAUD);
    if (s->o->download && !s->o->rfc2217)
        power_cycle(s);
}

// ---- time

static bool may_run_ahead(const struct serve *s)
{
    return s->o->fast && sim_chip_in_loader(s->chip);
}

static void run_to(struct serve *s, uint64_t until)
{
    bool careful = s->resets_left > 0 || s->o->faults.power_cut;
    // Outside the loader one event after the other: resets and boots follow each other quickly there.
    while ((careful || !s->loader) && sim_chip_next(s->chip) < until) {
        sim_chip_run(s->chip, sim_chip_next(s->chip));
        drain(s);
        fault_resets(s);
        watch_power(s);
        notice(s);
    }
    if (until > sim_chip_now(s->chip))
        sim_chip_run(s->chip, until);
    watch_power(s);
    notice(s);
}

static void step(struct serve *s)
{
    uint64_t now = real_now(), passed = now - s->clock_us;
    if (s->o->fast && !sim_chip_in_loader(s->chip) && vchip_port_has_client(s->port))
        passed *= BOOT_SPEED;
    s->clock_us = now;
    if (sim_serve_circuit_poll(&s->circuit, now))
        set_lines(s);
    run_to(s, sim_chip_now(s->chip) + passed);
    set_baud(s);
    feed(s);
    run_to(s, sim_chip_now(s->chip));
    drain(s);
    fault_resets(s);
    for (int i = 0; i < STEPS_AT_ONCE && may_run_ahead(s) && s->out_len < OUT_CAP / 2; i++) {
        uint64_t next = sim_chip_next(s->chip);
        if (next == UINT64_MAX)
            break;
        run_to(s, next);
        set_baud(s);
        feed(s);
        drain(s);
        fault_resets(s);
    }
}

static uint64_t pause_us(const struct serve *s, bool has_client)
{
    uint64_t next = sim_chip_next(s->chip), now = sim_chip_now(s->chip), pause = UINT64_MAX;
    if (next != UINT64_MAX && may_run_ahead(s))
        return 0;
    if (s->power_on_at && s->power_on_at < next)
        next = s->power_on_at;
    if (next != UINT64_MAX) {
        pause = next > now ? next - now : 0;
        if (s->o->fast && has_client)
            pause /= BOOT_SPEED;
        if (pause < QUANTUM_US)
            pause = has_client ? QUANTUM_US : 50 * QUANTUM_US;
    }
    uint64_t deadline = sim_serve_circuit_deadline(&s->circuit);
    if (deadline != UINT64_MAX) {
        uint64_t real = real_now(), left = deadline > real ? deadline - real : 0;
        pause = left < pause ? left : pause;
    }
    return s->port->pty && pause > PTY_LOOK_US ? PTY_LOOK_US : pause;
}

static void wait_for_something(struct serve *s, const sigset_t *signals)
{
    bool has_client = vchip_port_has_client(s->port);
    struct pollfd p = {.fd = has_client ? s->port->fd : s->port->listener, .events = POLLIN};
    if (has_client && !room_for_input(s))
        p.events = 0;
    if (has_client && (s->wire_at < s->wire_len || s->out_at < s->out_len))
        p.events = (short)(p.events | POLLOUT);
    uint64_t pause = pause_us(s, has_client);
    struct timespec t = {.tv_sec = (time_t)(pause / 1000000), .tv_nsec = (long)(pause % 1000000) * 1000};
    ppoll(&p, 1, pause == UINT64_MAX ? NULL : &t, signals);
}

static void loop(struct serve *s, const sigset_t *signals)
{
    s->clock_us = real_now();
    while (!stop_asked) {
        step(s); // first the time that has passed, then what has come meanwhile
        look(s);
        receive(s);
        set_baud(s);
        feed(s);
        run_to(s, sim_chip_now(s->chip));
        drain(s);
        send_out(s);
        wait_for_something(s, signals);
    }
}

static bool make_chip(struct serve *s)
{
    const struct vchip_options *o = s->o;
    struct sim_chip_cfg cfg = {
        .chip = o->chip,
        .flash = s->flash,
        .ideal_line = o->ideal,
        .line = o->faults.line,
        .boot_download = o->download,
        .rollback = o->rollback,
        .secure_download = o->secure_download,
        .flash_encryption = o->flash_encryption,
        .secure_boot = o->secure_boot,
        .revision = o->revision,
        .seed = o->seed,
        .table_offset = o->table_offset,
        .app = s->receiver ? vchip_receiver_app(s->receiver) : NULL,
    };
    memcpy(cfg.mac, o->mac, sizeof cfg.mac);
    s->chip = sim_chip_new(&cfg);
    return s->chip != NULL;
}

static void catch_signals(sigset_t *outside)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, outside); // they arrive in ppoll() only
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int vchip_serve(const struct vchip_options *options, struct sim_flash *flash, struct vchip_port *port)
{
    sigset_t signals;
    struct serve *s = calloc(1, sizeof *s);
    if (s) {
        s->o = options;
        s->flash = flash;
        s->port = port;
        s->resets_left = options->faults.reset_count;
    }
    if (s && options->receiver)
        s->receiver = vchip_receiver_new(options, flash);
    if (!s || (options->receiver && !s->receiver) || !make_chip(s)) {
        fprintf(stderr, "error: the virtual chip cannot be made (out of memory)\n");
        if (s)
            vchip_receiver_free(s->receiver);
        free(s);
        return 2;
    }
    arm_power_cut(s);
    catch_signals(&signals);
    uint32_t size = sim_flash_size(flash);
    say("vchip: %s %s, %u %s flash, on %s", options->chip,
        options->download ? "in download mode" : "starting its firmware", size >= 1u << 20 ? size >> 20 : size >> 10,
        size >= 1u << 20 ? "MB" : "KB", port->name);
    loop(s, &signals);
    sim_chip_free(s->chip);
    vchip_receiver_free(s->receiver);
    free(s);
    say("vchip: stopped, the flash file is whole");
    return 0;
}
