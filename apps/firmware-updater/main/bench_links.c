#include "bench_links.h"

#if BOARD_LINKS
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/wire/packet.h"
#include "ferry/wire/two_wire.h"
#include "kept.h"
#include "network.h"
#include "ports/esp-idf/ble.h"
#include "ports/esp-idf/espnow.h"
#include "ports/esp-idf/net.h"
#include "ports/esp-idf/pins.h"
#include "ports/esp-idf/tcp.h"
#include "updater/json.h"

struct wire {
    bool open;
    struct ferry_idf_clock *clock;
    struct ferry_stream stream;
};

static const char *setting(const char *name)
{
    return ferry_settings_text(kept_settings(), name);
}

// ---- the network ----

#if BOARD_NET
static struct ferry_idf_tcp tcp;

static int open_net(struct wire *wire, struct ferry_job_cfg *job, struct ferry_idf_error *error)
{
    char host[FERRY_SETTINGS_TEXT];
    uint32_t number = 0;
    (void)job;
    snprintf(host, sizeof host, "%s", setting("net.target"));
    char *colon = strrchr(host, ':');
    if (colon && (!ferry_json_number(colon + 1, &number) || number > UINT16_MAX))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "address, or address:port", "net.target is \"%s\"", host);
    if (colon)
        *colon = 0;
    return ferry_idf_tcp_dial(&tcp, host, (uint16_t)number, false, wire->clock, &wire->stream, error);
}

static void close_net(void)
{
    ferry_idf_tcp_close(&tcp);
}
#endif

// ---- packets by radio ----

#if BOARD_BLE || BOARD_NOW
struct packets {
    struct ferry_datagram datagram;
    struct ferry_wire_packet *wire;
};

static int open_packets(struct packets *self, struct wire *wire, struct ferry_job_cfg *job,
                        struct ferry_idf_error *error)
{
    self->wire = calloc(1, sizeof *self->wire);
    if (!self->wire)
        return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, ESP_OK, "", "no memory for packets");
    self->wire->datagram = &self->datagram;
    wire->stream = ferry_wire_packet_stream(self->wire);
    job->link.sender.mtu = (uint16_t)self->datagram.mtu;
    return FERRY_OK;
}

static void close_packets(struct packets *self)
{
    free(self->wire);
    self->wire = NULL;
}
#endif

#if BOARD_BLE
#define BLE_HELLO_MS 12000 // scanning, connecting and finding the service come first

static struct ferry_idf_ble *ble;
static struct packets ble_packets;

static int open_ble(struct wire *wire, struct ferry_job_cfg *job, struct ferry_idf_error *error)
{
    const char *name = setting("ble.target");
    if (!name[0])
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "the receiver's name, or * for the first that is found",
                              "ble.target is not set");
    if (strcmp(name, "*") == 0)
        name = NULL;
    int status = ferry_idf_ble_dial(&ble, name, wire->clock, &ble_packets.datagram, error);
    job->link.sender.hello_ms = BLE_HELLO_MS;
    return status < 0 ? status : open_packets(&ble_packets, wire, job, error);
}

static void close_ble(void)
{
    ferry_idf_ble_close(ble);
    ble = NULL;
    close_packets(&ble_packets);
}
#endif

#if BOARD_NOW
static struct ferry_idf_espnow *now;
static struct packets now_packets;

// "c4:0a:24:fe:10:01"
static bool take_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++, text += 3) {
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) || text[2] != (i < 5 ? ':' : 0))
            return false;
        mac[i] = (uint8_t)strtoul(text, NULL, 16);
    }
    return true;
}

// Where the updater has joined a Wi-Fi network the radio stays on that network's channel.
static int start_radio(struct ferry_idf_error *error)
{
    static bool started;
    enum network_wifi wifi = network_wifi();
    if (wifi == NETWORK_WIFI_AP)
        return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, ESP_OK, "set wifi.mode to off or sta, and restart",
                              "no ESP-NOW while the updater is an access point");
    if (wifi == NETWORK_WIFI_STATION || started)
        return FERRY_OK;
    uint8_t channel = (uint8_t)ferry_settings_number(kept_settings(), "now.channel");
    int status = ferry_idf_wifi_radio(channel, error);
    started = status == FERRY_OK;
    return status;
}

static int open_now(struct wire *wire, struct ferry_job_cfg *job, struct ferry_idf_error *error)
{
    uint8_t mac[6];
    if (!take_mac(setting("now.target"), mac))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "the target's MAC, as c4:0a:24:fe:10:01",
                              "now.target is \"%s\"", setting("now.target"));
    int status = start_radio(error);
    if (status == FERRY_OK)
        status = ferry_idf_espnow_open(&now, mac, wire->clock, &now_packets.datagram, error);
    return status < 0 ? status : open_packets(&now_packets, wire, job, error);
}

static void close_now(void)
{
    ferry_idf_espnow_close(now);
    now = NULL;
    close_packets(&now_packets);
}
#endif

// ---- pins ----

#if BOARD_PINS
#define SOFT_BAUD 9600
#define TWO_WIRE_HZ 50000
#define TWO_WIRE_BAUD                                                                                                  \
    (TWO_WIRE_HZ / FERRY_WIRE_TWO_WIRE_SLOT * 10) // a byte in a slot, as long as a UART's with 10 bits

static struct {
    struct ferry_idf_pin pins[2];
    struct ferry_pin io[2];
    struct ferry_idf_ticker ticker;
    union {
        struct ferry_wire_soft_uart uart;
        struct ferry_wire_two_wire two_wire;
    } in;
} pins;

static void tick_uart(void *ctx)
{
    ferry_wire_soft_uart_tick(ctx);
}

static void tick_two_wire(void *ctx)
{
    ferry_wire_two_wire_tick(ctx);
}

static int open_two(enum ferry_idf_pin_kind a, enum ferry_idf_pin_kind b, struct ferry_idf_error *error)
{
    int status = ferry_idf_pin_open(&pins.pins[0], board_pin_a, a, &pins.io[0], error);
    return status < 0 ? status : ferry_idf_pin_open(&pins.pins[1], board_pin_b, b, &pins.io[1], error);
}

static int open_uart(struct wire *wire, struct ferry_idf_error *error)
{
    int status = open_two(FERRY_IDF_PIN_OUTPUT, FERRY_IDF_PIN_INPUT, error);
    if (status < 0)
        return status;
    pins.in.uart = (struct ferry_wire_soft_uart){.tx = &pins.io[0], .rx = &pins.io[1]};
    wire->stream = ferry_wire_soft_uart_stream(&pins.in.uart);
    return ferry_idf_ticker_start(&pins.ticker, SOFT_BAUD * FERRY_WIRE_SOFT_UART_TICKS, tick_uart, &pins.in.uart,
                                  error);
}

static int open_two_wire(struct wire *wire, struct ferry_idf_error *error)
{
    int status = open_two(FERRY_IDF_PIN_OUTPUT, FERRY_IDF_PIN_OPEN_DRAIN, error);
    if (status < 0)
        return status;
    pins.in.two_wire = (struct ferry_wire_two_wire){.clock = &pins.io[0], .data = &pins.io[1], .clocks = true};
    wire->stream = ferry_wire_two_wire_stream(&pins.in.two_wire);
    return ferry_idf_ticker_start(&pins.ticker, TWO_WIRE_HZ, tick_two_wire, &pins.in.two_wire, error);
}

// Start and working rate are the same, and the stream has none to change: the sender only reckons with it.
static int open_pins(struct wire *wire, struct ferry_job_cfg *job, struct ferry_idf_error *error)
{
    const char *kind = setting("pins.wire");
    if (strcmp(kind, "off") == 0)
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "uart or two-wire, as the receiver has it",
                              "pins.wire is off");
    bool two_wire = strcmp(kind, "two-wire") == 0;
    job->link.sender.start_baud = job->link.sender.baud = two_wire ? TWO_WIRE_BAUD : SOFT_BAUD;
    return two_wire ? open_two_wire(wire, error) : open_uart(wire, error);
}

static void close_pins(void)
{
    ferry_idf_ticker_stop(&pins.ticker);
}
#endif

// ---- all of them ----

static const struct {
    const char *setting, *unused; // which one names the target, and its value while there is none
    int (*open)(struct wire *wire, struct ferry_job_cfg *job, struct ferry_idf_error *error);
    void (*close)(void);
} links[BOARD_LINKS] = {
#if BOARD_NET
    [BOARD_LINK_NET] = {"net.target", "", open_net, close_net},
#endif
#if BOARD_BLE
    [BOARD_LINK_BLE] = {"ble.target", "", open_ble, close_ble},
#endif
#if BOARD_NOW
    [BOARD_LINK_NOW] = {"now.target", "", open_now, close_now},
#endif
#if BOARD_PINS
    [BOARD_LINK_PINS] = {"pins.wire", "off", open_pins, close_pins},
#endif
};

static struct wire wires[BOARD_LINKS];

bool bench_links_used(enum board_link link)
{
    return strcmp(setting(links[link].setting), links[link].unused) != 0;
}

int bench_links_open(enum board_link link, struct ferry_idf_clock *clock, struct ferry_job_cfg *job,
                     struct ferry_idf_error *error)
{
    struct wire *wire = &wires[link];
    if (!bench_links_used(link))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "see \"config\" and the README",
                              "%s does not say where the target is", links[link].setting);
    bench_links_close(link);
    wire->clock = clock;
    wire->open = true;
    int status = links[link].open(wire, job, error);
    if (status < 0)
        bench_links_close(link);
    else
        job->stream = &wire->stream;
    return status;
}

void bench_links_close(enum board_link link)
{
    if (wires[link].open)
        links[link].close();
    wires[link].open = false;
}
#endif
