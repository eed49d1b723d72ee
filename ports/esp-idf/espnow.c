#include "ports/esp-idf/espnow.h"

#include "sdkconfig.h"

#ifdef CONFIG_FERRY_ESPNOW
#include <stdlib.h>
#include <string.h>

#include "esp_idf_version.h"
#include "esp_now.h"
#include "esp_wifi.h"
#include "ferry/base/status.h"
#include "ports/esp-idf/packet_queue.h"

struct ferry_idf_espnow {
    struct ferry_idf_packet_queue queue;
    uint8_t peer[6];
    bool fixed, known; // the peer was named; there is one
    volatile bool sending;
    uint32_t sent_ms;
};

enum { SENT_LATEST_MS = 200 };

static struct ferry_idf_espnow *open_one; // its callbacks have no context

static void on_received(const esp_now_recv_info_t *info, const uint8_t *bytes, int len)
{
    if (open_one && len > 0)
        ferry_idf_packet_queue_put(&open_one->queue, info->src_addr, bytes, (size_t)len);
}

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 5, 0)
static void on_sent(const esp_now_send_info_t *info, esp_now_send_status_t status)
#else
static void on_sent(const uint8_t *info, esp_now_send_status_t status)
#endif
{
    (void)info;
    (void)status; // a packet that was not acknowledged is lost, as packets may be
    if (!open_one)
        return;
    open_one->sending = false;
    if (open_one->queue.clock)
        ferry_idf_clock_wake(open_one->queue.clock);
}

static bool know(struct ferry_idf_espnow *self, const uint8_t *peer)
{
    esp_now_peer_info_t info = {0};
    if (self->known && memcmp(self->peer, peer, sizeof self->peer) == 0)
        return true;
    if (self->known)
        (void)esp_now_del_peer(self->peer);
    memcpy(info.peer_addr, peer, sizeof info.peer_addr);
    info.ifidx = WIFI_IF_STA;
    esp_err_t esp = esp_now_add_peer(&info);
    memcpy(self->peer, peer, sizeof self->peer);
    self->known = esp == ESP_OK || esp == ESP_ERR_ESPNOW_EXIST;
    return self->known;
}

static int receive(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_espnow *self = ctx;
    struct ferry_idf_packet packet;
    while (ferry_idf_packet_queue_take(&self->queue, &packet)) {
        if (self->fixed && memcmp(packet.from, self->peer, sizeof self->peer) != 0)
            continue; // somebody else's
        if (packet.len > cap || (!self->fixed && !know(self, packet.from)))
            continue;
        memcpy(buf, packet.bytes, packet.len);
        return packet.len;
    }
    return 0;
}

static int transmit(void *ctx, const uint8_t *packet, size_t len)
{
    struct ferry_idf_espnow *self = ctx;
    uint32_t now = ferry_idf_clock_now();
    if (!self->known)
        return (int)len; // nobody hears it
    if (self->sending && now - self->sent_ms < SENT_LATEST_MS)
        return 0;
    self->sending = true;
    self->sent_ms = now;
    esp_err_t esp = esp_now_send(self->peer, packet, len);
    if (esp == ESP_OK)
        return (int)len;
    self->sending = false;
    return esp == ESP_ERR_ESPNOW_NO_MEM ? 0 : FERRY_ERR_WIRE_IO;
}

int ferry_idf_espnow_open(struct ferry_idf_espnow **out, const uint8_t *peer, struct ferry_idf_clock *clock,
                          struct ferry_datagram *datagram, struct ferry_idf_error *error)
{
    esp_err_t esp = ESP_ERR_INVALID_STATE;
    struct ferry_idf_espnow *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self || !ferry_idf_packet_queue_init(&self->queue, clock)) {
        free(self);
        return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, ESP_OK, "", "ESP-NOW");
    }
    if (!open_one && (esp = esp_now_init()) == ESP_OK) {
        open_one = self;
        (void)esp_now_register_recv_cb(on_received);
        (void)esp_now_register_send_cb(on_sent);
    }
    self->fixed = peer != NULL;
    if (esp == ESP_OK && peer && !know(self, peer))
        esp = ESP_ERR_INVALID_ARG;
    if (esp != ESP_OK) {
        ferry_idf_espnow_close(self);
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, esp, "start Wi-Fi first (ferry_idf_wifi_radio())", "ESP-NOW");
    }
    *datagram = (struct ferry_datagram){.ctx = self, .mtu = FERRY_IDF_ESPNOW_MTU, .recv = receive, .send = transmit};
    *out = self;
    return FERRY_OK;
}

void ferry_idf_espnow_close(struct ferry_idf_espnow *self)
{
    if (!self)
        return;
    if (open_one == self) {
        (void)esp_now_deinit();
        open_one = NULL;
    }
    ferry_idf_packet_queue_free(&self->queue);
    free(self);
}
#endif
