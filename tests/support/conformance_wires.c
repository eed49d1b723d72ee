#include "tests/support/conformance.h"
#include "tests/support/rig_parts.h"

uint32_t conf_random(struct conf *c)
{
    c->random = c->random * 1664525u + 1013904223u;
    return c->random >> 8;
}

// ---- a stream that loses nothing (TCP): pieces of any size, and backpressure ----------------------------------------

static int pipe_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct conf_pipe *p = ctx, *from = &p->conf->pipe[!p->end];
    size_t n = from->len < cap ? from->len : cap;
    n = n > 1 ? 1 + conf_random(p->conf) % n : n;
    if (from->cut)
        return 0;
    memcpy(buf, from->bytes, n);
    memmove(from->bytes, from->bytes + n, from->len - n);
    from->len -= n;
    return (int)n;
}

static int pipe_write(void *ctx, const uint8_t *bytes, size_t len)
{
    struct conf_pipe *p = ctx;
    size_t room = sizeof p->bytes - p->len;
    size_t n = len < room ? len : room;
    n = n > 1 ? 1 + conf_random(p->conf) % n : n;
    memcpy(p->bytes + p->len, bytes, n);
    p->len += n;
    return (int)n;
}

static struct ferry_stream pipe_open(void *ctx, int end)
{
    struct conf *c = ctx;
    c->pipe[!end].len = 0; // what it had not read is gone
    c->pipe[end].conf = c;
    c->pipe[end].end = end;
    return (struct ferry_stream){&c->pipe[end], pipe_read, pipe_write, NULL, NULL};
}

static void pipe_run(void *ctx, uint64_t now_ns, bool deaf)
{
    (void)ctx, (void)now_ns, (void)deaf;
}

static void pipe_attach(struct conf *c)
{
    c->own = (struct rig_wire){c, pipe_open, pipe_run};
    c->cfg.wire = &c->own;
}

// ---- pins
// ------------------------------------------------------------------------------------------------------------

static void tick_uart(void *wire)
{
    ferry_wire_soft_uart_tick(wire);
}

static void tick_two(void *wire)
{
    ferry_wire_two_wire_tick(wire);
}

static struct ferry_stream uart_open(void *ctx, int end)
{
    struct conf *c = ctx;
    const struct ferry_pin *pin = c->pins.end[end].pin;
    c->uart[end] = (struct ferry_wire_soft_uart){.tx = &pin[end], .rx = &pin[!end]};
    pins_attach(&c->pins, end, tick_uart, &c->uart[end]);
    return ferry_wire_soft_uart_stream(&c->uart[end]);
}

static struct ferry_stream two_open(void *ctx, int end)
{
    struct conf *c = ctx;
    const struct ferry_pin *pin = c->pins.end[end].pin;
    c->two[end] = (struct ferry_wire_two_wire){.clock = &pin[0], .data = &pin[1], .clocks = end == 0};
    pins_attach(&c->pins, end, tick_two, &c->two[end]);
    return ferry_wire_two_wire_stream(&c->two[end]);
}

static bool talking(const struct conf *c)
{
    for (int e = 0; e < 2; e++) {
        const struct ferry_wire_soft_uart *u = &c->uart[e];
        const struct ferry_wire_two_wire *w = &c->two[e];
        if (u->out.head != u->out.tail || u->tx_bits || u->rx_state || w->out.head != w->out.tail ||
            (w->data && w->send != 0x1ff))
            return true;
    }
    return false;
}

// Nobody ticks while nobody has said anything for a millisecond: it would only take our time.
static void run_pins(void *ctx, uint64_t now_ns, bool deaf)
{
    struct conf *c = ctx;
    if (talking(c))
        c->talked_ns = now_ns;
    if (now_ns - c->talked_ns > 1000000) {
        pins_skip(&c->pins, now_ns);
        return;
    }
    c->pins.deaf = deaf;
    pins_run(&c->pins, now_ns);
}

// 115200 baud; the target's clock is 2 % slow.
static void uart_attach(struct conf *c)
{
    struct pins_cfg cfg = {.tick_ns = {1085.07, 1085.07 * 1.02}, .jitter_ns = 300, .spike_reads = 6, .seed = 5};
    pins_init(&c->pins, &cfg);
    c->own = (struct rig_wire){c, uart_open, run_pins};
    c->cfg.wire = &c->own;
}

static void two_attach(struct conf *c)
{
    struct pins_cfg cfg = {.tick_ns = {1000, 980}, .jitter_ns = 400, .seed = 6};
    pins_init(&c->pins, &cfg);
    c->own = (struct rig_wire){c, two_open, run_pins};
    c->cfg.wire = &c->own;
}

// ---- what is done to them
// ---------------------------------------------------------------------------------------------

void conf_noise(struct conf *c, double to_target, double to_host)
{
    const double hard[2] = {to_target, to_host};
    for (int d = 0; d < 2; d++) {
        struct rig *r = c->rig;
        r->cfg.ber[d] = c->cfg.ber[d] + hard[d] * 5e-4;
        r->way[d].skip_bits = rig_to_error(&r->way[d], r->cfg.ber[d]);
        r->cfg.packet_loss[d] = c->cfg.packet_loss[d] + hard[d] * 0.3;
    }
    double most = to_target > to_host ? to_target : to_host;
    c->pins.cfg.spike_every_us = most > 0 ? (uint32_t)(20000 / most) : 0; // of both ends
}

void conf_cut(struct conf *c, bool to_target, bool to_host)
{
    const bool cut[2] = {to_target, to_host};
    for (int d = 0; d < 2; d++) {
        c->rig->cfg.dead[d] = cut[d];
        c->rig->cfg.packet_loss[d] = cut[d] ? 1.0 : c->cfg.packet_loss[d];
        c->rig->cfg.packet_double[d] = cut[d] ? 0.0 : c->cfg.packet_double[d];
        c->pins.cut[d] = cut[d];
        c->pipe[d].cut = cut[d];
    }
}

#define PACKETS(mtu_, withheld_)                                                                                       \
    {                                                                                                                  \
        .mtu = (mtu_), .baud = 1000000, .round_trip_us = 4000, .packet_loss = {0.05, 0.05},                            \
        .packet_double = {0.05, 0.05}, .packet_swap = {0.05, 0.05}, .withheld = (withheld_),                           \
    }

const struct conf_wire conf_wires[] = {
    {"serial line, 115200 to 921600",
     CONF_LOSSLESS | CONF_BYTES | CONF_RATE | CONF_NOISY | CONF_TWO_WAYS,
     1024,
     {.start_baud = 115200, .baud = 921600, .wire_buffer = 8192, .round_trip_us = 2000, .withheld = 16},
     NULL},
    {"serial line, 460800, BER 1e-5, text",
     CONF_BYTES | CONF_NOISY | CONF_TWO_WAYS,
     1024,
     {.baud = 460800, .deaf = true, .ber = {1e-5, 1e-5}, .log = true, .round_trip_us = 1000},
     NULL},
    {"stream (TCP)", CONF_LOSSLESS | CONF_BYTES | CONF_TWO_WAYS, 1024, {.clean = true, .withheld = 16}, pipe_attach},
    {"packets, MTU 20", CONF_PACKETS | CONF_NOISY | CONF_TWO_WAYS, 7, PACKETS(20, 16), NULL},
    {"packets, MTU 185", CONF_PACKETS | CONF_NOISY | CONF_TWO_WAYS, 172, PACKETS(185, 16), NULL},
    {"packets, MTU 250", CONF_PACKETS | CONF_NOISY | CONF_TWO_WAYS, 237, PACKETS(250, 0), NULL},
    {"packets, MTU 512", CONF_PACKETS | CONF_NOISY | CONF_TWO_WAYS, 499, PACKETS(512, 16), NULL},
    {"packets, MTU 1472", CONF_PACKETS | CONF_NOISY | CONF_TWO_WAYS, 1024, PACKETS(1472, 16), NULL},
    {"bit-banged UART, 115200, clocks 2 % apart",
     CONF_LOSSLESS | CONF_BYTES | CONF_NOISY | CONF_TWO_WAYS,
     512,
     {.baud = 115200, .window = 2048, .chunk = 512, .wire_buffer = 255, .withheld = 16},
     uart_attach},
    {"clocked two-wire, 1 MHz ticks",
     CONF_LOSSLESS | CONF_BYTES | CONF_NOISY,
     512,
     {.baud = 115200, .window = 2048, .chunk = 512, .deaf = true},
     two_attach},
};
const size_t conf_wire_count = sizeof conf_wires / sizeof conf_wires[0];
