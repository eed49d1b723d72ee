// The wires of the receiver: what the configuration names, as one byte stream.
#include <stdlib.h>

#include "esp_log.h"
#include "ferry/base/status.h"
#include "receiver_parts.h"
#include "sdkconfig.h"

enum {
    SOFT_BAUD = 9600,
    TWO_WIRE_HZ = 50000,
    SOFT_BUFFER = 255,
    UDP_BUFFER = 6 * FERRY_IDF_UDP_MTU, // CONFIG_LWIP_UDP_RECVMBOX_SIZE packets
    UART_SPARE = 256,
    DRAIN_MS = 500,
    UNLIMITED = 65535,
};

static int none(const char *wire)
{
    ESP_LOGE("ferry", "%s is not in this build: see the Ferry menu of menuconfig", wire);
    return FERRY_ERR_UNSUPPORTED;
}

static int open_packets(struct ferry_receiver_self *self)
{
    struct ferry_receiver_wire_parts *w = &self->wire;
    w->packet = calloc(1, sizeof *w->packet);
    if (!w->packet)
        return FERRY_ERR_NO_MEMORY;
    w->packet->datagram = &w->datagram;
    w->stream = ferry_wire_packet_stream(w->packet);
    return FERRY_OK;
}

static int open_uart(struct ferry_receiver_self *self)
{
    const struct ferry_receiver_config *c = &self->config;
    struct ferry_idf_uart_cfg cfg = {.port = c->uart,
                                     .tx_pin = c->tx_pin ? c->tx_pin : FERRY_IDF_UART_PIN_KEEP,
                                     .rx_pin = c->rx_pin ? c->rx_pin : FERRY_IDF_UART_PIN_KEEP,
                                     .baud = c->baud,
                                     .rx_buffer = c->buffer,
                                     .clock = &self->idf_clock};
    self->wire.wire_buffer = (c->buffer ? c->buffer : FERRY_IDF_UART_RX) - UART_SPARE;
    self->wire.deaf = !ferry_idf_uart_hears_always();
    return ferry_idf_uart_open(&self->wire.uart, &cfg, &self->wire.stream, NULL);
}

static int open_tcp(struct ferry_receiver_self *self, bool dial)
{
    const struct ferry_receiver_config *c = &self->config;
    struct ferry_receiver_wire_parts *w = &self->wire;
    w->wire_buffer = UNLIMITED; // TCP holds back what there is no room for
    if (dial)
        return ferry_idf_tcp_dial(&w->tcp, c->host, c->port, true, &self->idf_clock, &w->stream, NULL);
    return ferry_idf_tcp_serve(&w->tcp, c->port, &self->idf_clock, &w->stream, NULL);
}

static int open_udp(struct ferry_receiver_self *self)
{
    struct ferry_receiver_wire_parts *w = &self->wire;
    int status = ferry_idf_udp_open(&w->udp, NULL, self->config.port, &self->idf_clock, &w->datagram, NULL);
    w->wire_buffer = UDP_BUFFER;
    return status < 0 ? status : open_packets(self);
}

static int open_ble(struct ferry_receiver_self *self)
{
#ifdef CONFIG_FERRY_BLE
    struct ferry_receiver_wire_parts *w = &self->wire;
    int status = ferry_idf_ble_serve(&w->ble, self->name, &self->idf_clock, &w->datagram, NULL);
    w->deaf = true;
    return status < 0 ? status : open_packets(self);
#else
    (void)self;
    return none("Bluetooth LE");
#endif
}

static int open_espnow(struct ferry_receiver_self *self)
{
#ifdef CONFIG_FERRY_ESPNOW
    struct ferry_receiver_wire_parts *w = &self->wire;
    int status = ferry_idf_espnow_open(&w->espnow, NULL, &self->idf_clock, &w->datagram, NULL);
    w->deaf = true; // the radio's task stands still while flash is erased
    return status < 0 ? status : open_packets(self);
#else
    (void)self;
    return none("ESP-NOW");
#endif
}

static void tick_soft_uart(void *ctx)
{
    ferry_wire_soft_uart_tick(ctx);
}

static void tick_two_wire(void *ctx)
{
    ferry_wire_two_wire_tick(ctx);
}

static int open_soft_uart(struct ferry_receiver_self *self)
{
    struct ferry_receiver_wire_parts *w = &self->wire;
    int status = ferry_idf_pin_open(&w->pins[0], self->config.tx_pin, FERRY_IDF_PIN_OUTPUT, &w->pin_io[0], NULL);
    if (status >= 0)
        status = ferry_idf_pin_open(&w->pins[1], self->config.rx_pin, FERRY_IDF_PIN_INPUT, &w->pin_io[1], NULL);
    if (status < 0)
        return status;
    w->soft_uart = calloc(1, sizeof *w->soft_uart);
    if (!w->soft_uart)
        return FERRY_ERR_NO_MEMORY;
    w->soft_uart->tx = &w->pin_io[0];
    w->soft_uart->rx = &w->pin_io[1];
    w->stream = ferry_wire_soft_uart_stream(w->soft_uart);
    w->wire_buffer = SOFT_BUFFER;
    w->deaf = true;
    return ferry_idf_ticker_start(&w->ticker, SOFT_BAUD * FERRY_WIRE_SOFT_UART_TICKS, tick_soft_uart, w->soft_uart,
                                  NULL);
}

static int open_two_wire(struct ferry_receiver_self *self)
{
    struct ferry_receiver_wire_parts *w = &self->wire;
    int status = ferry_idf_pin_open(&w->pins[0], self->config.clock_pin, FERRY_IDF_PIN_INPUT, &w->pin_io[0], NULL);
    if (status >= 0)
        status = ferry_idf_pin_open(&w->pins[1], self->config.data_pin, FERRY_IDF_PIN_OPEN_DRAIN, &w->pin_io[1], NULL);
    if (status < 0)
        return status;
    w->two_wire = calloc(1, sizeof *w->two_wire);
    if (!w->two_wire)
        return FERRY_ERR_NO_MEMORY;
    w->two_wire->clock = &w->pin_io[0];
    w->two_wire->data = &w->pin_io[1];
    w->stream = ferry_wire_two_wire_stream(w->two_wire);
    w->wire_buffer = SOFT_BUFFER;
    w->deaf = true;
    return ferry_idf_ticker_start(&w->ticker, TWO_WIRE_HZ, tick_two_wire, w->two_wire, NULL);
}

static int open_kind(struct ferry_receiver_self *self)
{
    const struct ferry_receiver_config *c = &self->config;
    switch (c->wire) {
    case FERRY_RECEIVER_UART:
        return open_uart(self);
    case FERRY_RECEIVER_TCP:
    case FERRY_RECEIVER_TCP_DIAL:
        return open_tcp(self, c->wire == FERRY_RECEIVER_TCP_DIAL);
    case FERRY_RECEIVER_UDP:
        return open_udp(self);
    case FERRY_RECEIVER_BLE:
        return open_ble(self);
    case FERRY_RECEIVER_ESPNOW:
        return open_espnow(self);
    case FERRY_RECEIVER_SOFT_UART:
        return open_soft_uart(self);
    case FERRY_RECEIVER_TWO_WIRE:
        return open_two_wire(self);
    case FERRY_RECEIVER_STREAM:
        self->wire.stream = *c->stream;
        return FERRY_OK;
    case FERRY_RECEIVER_DATAGRAM:
        self->wire.datagram = *c->datagram;
        return open_packets(self);
    default:
        return FERRY_ERR_ARG;
    }
}

int ferry_receiver_wire_open(struct ferry_receiver_self *self)
{
    self->wire.uart.port = -1;
    self->wire.tcp.listener = self->wire.tcp.socket = -1;
    self->wire.udp.socket = -1;
    int status = open_kind(self);
    self->wire_open = status >= 0;
    if (status < 0)
        ferry_receiver_wire_close(self);
    return status;
}

void ferry_receiver_wire_close(struct ferry_receiver_self *self)
{
    struct ferry_receiver_wire_parts *w = &self->wire;
    ferry_idf_ticker_stop(&w->ticker);
    ferry_idf_uart_close(&w->uart);
    ferry_idf_tcp_close(&w->tcp);
    ferry_idf_udp_close(&w->udp);
#ifdef CONFIG_FERRY_BLE
    ferry_idf_ble_close(w->ble);
    w->ble = NULL;
#endif
#ifdef CONFIG_FERRY_ESPNOW
    ferry_idf_espnow_close(w->espnow);
    w->espnow = NULL;
#endif
    free(w->packet);
    free(w->soft_uart);
    free(w->two_wire);
    w->packet = NULL;
    w->soft_uart = NULL;
    w->two_wire = NULL;
}

void ferry_receiver_wire_drain(struct ferry_receiver_self *self)
{
    const struct ferry_stream *s = &self->wire.stream;
    uint32_t start = ferry_idf_clock_now();
    if (!s->pending) // a network: time for its own buffers
        vTaskDelay(pdMS_TO_TICKS(DRAIN_MS / 5));
    while (s->pending && s->pending(s->ctx) > 0 && ferry_idf_clock_now() - start < DRAIN_MS)
        vTaskDelay(1);
}
