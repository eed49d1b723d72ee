// The target's end of the Bluetooth LE wire.
#include "sdkconfig.h"

#ifdef CONFIG_FERRY_BLE
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ports/esp-idf/ble_parts.h"
#include "services/gap/ble_svc_gap.h"
#include "services/gatt/ble_svc_gatt.h"

static uint16_t out_handle;

static int on_access(uint16_t connection, uint16_t attribute, struct ble_gatt_access_ctxt *access, void *ctx)
{
    (void)connection;
    (void)attribute;
    (void)ctx;
    if (access->op != BLE_GATT_ACCESS_OP_WRITE_CHR)
        return BLE_ATT_ERR_UNLIKELY;
    if (ferry_idf_ble_one)
        ferry_idf_ble_take(ferry_idf_ble_one, access->om);
    return 0;
}

static const struct ble_gatt_chr_def characteristics[] = {
    {.uuid = &ferry_idf_ble_in.u, .access_cb = on_access, .flags = BLE_GATT_CHR_F_WRITE_NO_RSP | BLE_GATT_CHR_F_WRITE},
    {.uuid = &ferry_idf_ble_out.u, .access_cb = on_access, .val_handle = &out_handle, .flags = BLE_GATT_CHR_F_NOTIFY},
    {0},
};

static const struct ble_gatt_svc_def services[] = {
    {.type = BLE_GATT_SVC_TYPE_PRIMARY, .uuid = &ferry_idf_ble_service.u, .characteristics = characteristics},
    {0},
};

static int prepare(void)
{
    ble_svc_gap_init();
    ble_svc_gatt_init();
    int failed = ble_gatts_count_cfg(services);
    if (!failed)
        failed = ble_gatts_add_svcs(services);
    return failed ? failed : ble_svc_gap_device_name_set(ferry_idf_ble_one->name);
}

static int give(struct ferry_idf_ble *self, struct os_mbuf *packet)
{
    return ble_gatts_notify_custom(self->connection, out_handle, packet);
}

static int on_gap(struct ble_gap_event *event, void *ctx)
{
    struct ferry_idf_ble *self = ctx;
    switch (event->type) {
    case BLE_GAP_EVENT_CONNECT:
        if (event->connect.status == 0)
            self->connection = event->connect.conn_handle;
        else
            self->begin(self);
        break;
    case BLE_GAP_EVENT_SUBSCRIBE:
        if (event->subscribe.attr_handle == out_handle)
            self->ready = event->subscribe.cur_notify;
        break;
    case BLE_GAP_EVENT_DISCONNECT:
        ferry_idf_ble_forget(self);
        self->begin(self);
        break;
    case BLE_GAP_EVENT_ADV_COMPLETE:
        self->begin(self);
        break;
    default:
        break;
    }
    return 0;
}

// The service in the advertisement, the name in the answer to a scan: both do not fit into 31 bytes.
static void advertise(struct ferry_idf_ble *self)
{
    struct ble_hs_adv_fields fields = {.flags = BLE_HS_ADV_F_DISC_GEN | BLE_HS_ADV_F_BREDR_UNSUP,
                                       .uuids128 = &ferry_idf_ble_service,
                                       .num_uuids128 = 1,
                                       .uuids128_is_complete = 1};
    struct ble_hs_adv_fields answer = {
        .name = (const uint8_t *)self->name, .name_len = (uint8_t)strlen(self->name), .name_is_complete = 1};
    struct ble_gap_adv_params params = {.conn_mode = BLE_GAP_CONN_MODE_UND, .disc_mode = BLE_GAP_DISC_MODE_GEN};
    if (ble_gap_adv_set_fields(&fields) == 0 && ble_gap_adv_rsp_set_fields(&answer) == 0)
        (void)ble_gap_adv_start(self->own_address_type, NULL, BLE_HS_FOREVER, &params, on_gap, self);
}

int ferry_idf_ble_serve(struct ferry_idf_ble **self, const char *name, struct ferry_idf_clock *clock,
                        struct ferry_datagram *datagram, struct ferry_idf_error *error)
{
    struct ferry_idf_ble like = {.give = give, .begin = advertise};
    snprintf(like.name, sizeof like.name, "%s", name ? name : "ferry");
    return ferry_idf_ble_open(self, &like, prepare, clock, datagram, error);
}
#endif
