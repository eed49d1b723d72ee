#include "sdkconfig.h"

#ifdef CONFIG_FERRY_BLE
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "host/util/util.h"
#include "nimble/nimble_port.h"
#include "nimble/nimble_port_freertos.h"
#include "ports/esp-idf/ble_parts.h"

// 6a90fnnn-5c6a-4a4e-9f43-6665727279a1, lowest byte first
#define UUID(x)                                                                                                        \
    BLE_UUID128_INIT(0xa1, 0x79, 0x72, 0x72, 0x65, 0x66, 0x43, 0x9f, 0x4e, 0x4a, 0x6a, 0x5c, x, 0xf0, 0x90, 0x6a)

const ble_uuid128_t ferry_idf_ble_service = UUID(0x00);
const ble_uuid128_t ferry_idf_ble_in = UUID(0x01);
const ble_uuid128_t ferry_idf_ble_out = UUID(0x02);

struct ferry_idf_ble *ferry_idf_ble_one;

enum { HEADER = 3 }; // of a write or notification, within the ATT MTU

void ferry_idf_ble_take(struct ferry_idf_ble *self, const struct os_mbuf *packet)
{
    uint8_t bytes[FERRY_IDF_BLE_MTU];
    uint16_t len = 0;
    if (OS_MBUF_PKTLEN(packet) <= sizeof bytes && ble_hs_mbuf_to_flat(packet, bytes, sizeof bytes, &len) == 0)
        ferry_idf_packet_queue_put(&self->queue, NULL, bytes, len);
}

void ferry_idf_ble_forget(struct ferry_idf_ble *self)
{
    self->ready = false;
    self->connection = BLE_HS_CONN_HANDLE_NONE;
}

static int receive(void *ctx, uint8_t *buf, size_t cap)
{
    struct ferry_idf_ble *self = ctx;
    struct ferry_idf_packet packet;
    while (ferry_idf_packet_queue_take(&self->queue, &packet)) {
        if (packet.len > cap)
            continue;
        memcpy(buf, packet.bytes, packet.len);
        return packet.len;
    }
    return 0;
}

static int transmit(void *ctx, const uint8_t *packet, size_t len)
{
    struct ferry_idf_ble *self = ctx;
    if (!self->ready || len + HEADER > ble_att_mtu(self->connection))
        return (int)len; // nobody hears it, or it cannot be carried: lost
    struct os_mbuf *copy = ble_hs_mbuf_from_flat(packet, (uint16_t)len);
    if (!copy)
        return 0; // NimBLE's buffers are full for now
    int failed = self->give(self, copy);
    return failed == BLE_HS_ENOMEM || failed == BLE_HS_EAGAIN ? 0 : (int)len;
}

// ---- the host

static void on_sync(void)
{
    struct ferry_idf_ble *self = ferry_idf_ble_one;
    if (!self || ble_hs_util_ensure_addr(0) != 0 || ble_hs_id_infer_auto(0, &self->own_address_type) != 0)
        return;
    self->begin(self);
}

static void on_reset(int reason)
{
    (void)reason;
    if (ferry_idf_ble_one)
        ferry_idf_ble_forget(ferry_idf_ble_one);
}

static void host(void *ctx)
{
    (void)ctx;
    nimble_port_run(); // returns at nimble_port_stop()
    nimble_port_freertos_deinit();
}

static int start(int (*prepare)(void))
{
    if (nimble_port_init() != 0)
        return -1;
    ble_hs_cfg.sync_cb = on_sync;
    ble_hs_cfg.reset_cb = on_reset;
    (void)ble_att_set_preferred_mtu(FERRY_IDF_BLE_MTU + HEADER);
    if (prepare && prepare() != 0) {
        (void)nimble_port_deinit();
        return -1;
    }
    nimble_port_freertos_init(host);
    return 0;
}

int ferry_idf_ble_open(struct ferry_idf_ble **out, const struct ferry_idf_ble *like, int (*prepare)(void),
                       struct ferry_idf_clock *clock, struct ferry_datagram *datagram, struct ferry_idf_error *error)
{
    *out = NULL;
    if (ferry_idf_ble_one)
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_ERR_INVALID_STATE, "one at a time", "Bluetooth LE");
    struct ferry_idf_ble *self = malloc(sizeof *self);
    if (self) {
        *self = *like;
        ferry_idf_ble_forget(self);
    }
    if (!self || !ferry_idf_packet_queue_init(&self->queue, clock)) {
        free(self);
        return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, ESP_OK, "", "Bluetooth LE");
    }
    ferry_idf_ble_one = self;
    if (start(prepare) != 0) {
        ferry_idf_ble_one = NULL;
        ferry_idf_packet_queue_free(&self->queue);
        free(self);
        return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, ESP_OK,
                              "was nvs_flash_init() called, and does nothing else use Bluetooth?",
                              "Bluetooth LE cannot be started");
    }
    *datagram = (struct ferry_datagram){.ctx = self, .mtu = FERRY_IDF_BLE_MTU, .recv = receive, .send = transmit};
    *out = self;
    return FERRY_OK;
}

bool ferry_idf_ble_ready(const struct ferry_idf_ble *self)
{
    return self->ready;
}

void ferry_idf_ble_close(struct ferry_idf_ble *self)
{
    if (!self)
        return;
    if (nimble_port_stop() == 0)
        (void)nimble_port_deinit();
    ferry_idf_ble_one = NULL;
    ferry_idf_packet_queue_free(&self->queue);
    free(self);
}
#endif
