// The updater's end of the Bluetooth LE wire: scan, connect, find the service, switch notifications on.
#include "sdkconfig.h"

#ifdef CONFIG_FERRY_BLE
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/esp-idf/ble_parts.h"

enum { CONNECT_MS = 10000, SWITCH_ON = 1, SWITCH = 0x2902 };

static int on_gap(struct ble_gap_event *event, void *ctx);

static void scan(struct ferry_idf_ble *self)
{
    struct ble_gap_disc_params params = {.filter_duplicates = 0};
    (void)ble_gap_disc(self->own_address_type, BLE_HS_FOREVER, &params, on_gap, self);
}

// Anything that goes wrong on the way ends the connection, and on_gap() begins again.
static int give_up(const struct ferry_idf_ble *self)
{
    (void)ble_gap_terminate(self->connection, BLE_ERR_REM_USER_CONN_TERM);
    return 0;
}

// ---- after connecting, step by step

static int on_switched(uint16_t connection, const struct ble_gatt_error *error, struct ble_gatt_attr *attribute,
                       void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    (void)connection;
    (void)attribute;
    if (error->status != 0)
        return give_up(self);
    self->ready = true;
    return 0;
}

static int on_descriptor(uint16_t connection, const struct ble_gatt_error *error, uint16_t characteristic,
                         const struct ble_gatt_dsc *descriptor, void *ctx)
{
    static const uint8_t on[2] = {SWITCH_ON, 0};
    struct ferry_idf_ble *self = ctx;
    (void)characteristic;
    if (error->status == 0 && self->config == 0 && ble_uuid_u16(&descriptor->uuid.u) == SWITCH)
        self->config = descriptor->handle;
    if (error->status == 0)
        return 0;
    if (error->status != BLE_HS_EDONE || self->config == 0 ||
        ble_gattc_write_flat(connection, self->config, on, sizeof on, on_switched, self) != 0)
        return give_up(self);
    return 0;
}

static int on_characteristic(uint16_t connection, const struct ble_gatt_error *error,
                             const struct ble_gatt_chr *characteristic, void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    if (error->status == 0) {
        if (ble_uuid_cmp(&characteristic->uuid.u, &ferry_idf_ble_in.u) == 0)
            self->peer = characteristic->val_handle;
        if (ble_uuid_cmp(&characteristic->uuid.u, &ferry_idf_ble_out.u) == 0)
            self->config = characteristic->val_handle; // until its switch is found
        return 0;
    }
    uint16_t out = self->config;
    self->config = 0;
    if (error->status != BLE_HS_EDONE || self->peer == 0 || out == 0 ||
        ble_gattc_disc_all_dscs(connection, out, self->service_end, on_descriptor, self) != 0)
        return give_up(self);
    return 0;
}

static int on_service(uint16_t connection, const struct ble_gatt_error *error, const struct ble_gatt_svc *service,
                      void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    if (error->status == 0) {
        self->service_end = service->end_handle;
        self->config = service->start_handle; // until the characteristics are known
        return 0;
    }
    uint16_t start = self->config;
    self->config = 0;
    self->peer = 0;
    if (error->status != BLE_HS_EDONE || self->service_end == 0 ||
        ble_gattc_disc_all_chrs(connection, start, self->service_end, on_characteristic, self) != 0)
        return give_up(self);
    return 0;
}

static int on_mtu(uint16_t connection, const struct ble_gatt_error *error, uint16_t mtu, void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    (void)error;
    (void)mtu;
    self->config = self->service_end = 0;
    if (ble_gattc_disc_svc_by_uuid(connection, &ferry_idf_ble_service.u, on_service, self) != 0)
        return give_up(self);
    return 0;
}

// ---- before

static bool offers(const struct ble_hs_adv_fields *fields)
{
    for (int i = 0; i < fields->num_uuids128; i++)
        if (ble_uuid_cmp(&fields->uuids128[i].u, &ferry_idf_ble_service.u) == 0)
            return true;
    return false;
}

// The service stands in the advertisement and the name in the answer to a scan: each report has one of them.
static bool wanted(const struct ferry_idf_ble *self, const struct ble_gap_disc_desc *found)
{
    struct ble_hs_adv_fields fields;
    if (ble_hs_adv_parse_fields(&fields, found->data, found->length_data) != 0)
        return false;
    if (!self->named)
        return offers(&fields);
    return fields.name && fields.name_len == strlen(self->name) &&
           memcmp(fields.name, self->name, fields.name_len) == 0;
}

static void on_found(struct ferry_idf_ble *self, const struct ble_gap_disc_desc *found)
{
    if (!wanted(self, found) || ble_gap_disc_cancel() != 0)
        return;
    if (ble_gap_connect(self->own_address_type, &found->addr, CONNECT_MS, NULL, on_gap, self) != 0)
        scan(self);
}

static void on_connected(struct ferry_idf_ble *self, const struct ble_gap_event *event)
{
    if (event->connect.status != 0) {
        scan(self);
        return;
    }
    self->connection = event->connect.conn_handle;
    if (ble_gattc_exchange_mtu(self->connection, on_mtu, self) != 0)
        (void)give_up(self);
}

static int on_gap(struct ble_gap_event *event, void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    switch (event->type) {
    case BLE_GAP_EVENT_DISC:
        on_found(self, &event->disc);
        break;
    case BLE_GAP_EVENT_CONNECT:
        on_connected(self, event);
        break;
    case BLE_GAP_EVENT_NOTIFY_RX:
        ferry_idf_ble_take(self, event->notify_rx.om);
        break;
    case BLE_GAP_EVENT_DISCONNECT:
        ferry_idf_ble_forget(self);
        scan(self);
        break;
    default:
        break;
    }
    return 0;
}

static int give(struct ferry_idf_ble *self, struct os_mbuf *packet)
{
    return ble_gattc_write_no_rsp(self->connection, self->peer, packet);
}

int ferry_idf_ble_dial(struct ferry_idf_ble **self, const char *name, struct ferry_idf_clock *clock,
                       struct ferry_datagram *datagram, struct ferry_idf_error *error)
{
    struct ferry_idf_ble like = {.give = give, .begin = scan, .named = name && *name};
    snprintf(like.name, sizeof like.name, "%s", name ? name : "");
    return ferry_idf_ble_open(self, &like, NULL, clock, datagram, error);
}
#endif
