// What the two ends of the Bluetooth LE wire share (ble.h). NimBLE's host is one per chip and its callbacks come in its
// own task; `ferry_idf_ble_one` is what they are for.
#ifndef PORTS_ESP_IDF_BLE_PARTS_H
#define PORTS_ESP_IDF_BLE_PARTS_H

#include <stdbool.h>

#include "host/ble_hs.h"
#include "ports/esp-idf/ble.h"
#include "ports/esp-idf/packet_queue.h"

#define FERRY_IDF_BLE_NAME 30

// The last byte of the service's and its characteristics' UUIDs varies: see ble.h.
extern const ble_uuid128_t ferry_idf_ble_service, ferry_idf_ble_in, ferry_idf_ble_out;

struct ferry_idf_ble {
    struct ferry_idf_packet_queue queue;
    char name[FERRY_IDF_BLE_NAME];
    bool named; // client: only a target of this name
    uint8_t own_address_type;
    volatile uint16_t connection;                                    // BLE_HS_CONN_HANDLE_NONE = none
    volatile bool ready;                                             // the other side listens
    volatile uint16_t peer;                                          // handle that packets go to
    uint16_t config;                                                 // client: handle of the notification switch
    uint16_t service_end;                                            // client: last handle of the service
    int (*give)(struct ferry_idf_ble *self, struct os_mbuf *packet); // takes the buffer; 0 or NimBLE's error
    void (*begin)(struct ferry_idf_ble *self);                       // advertise, or scan
};

extern struct ferry_idf_ble *ferry_idf_ble_one;

// A packet from the other side, as NimBLE has it.
void ferry_idf_ble_take(struct ferry_idf_ble *self, const struct os_mbuf *packet);
// There is no connection any more, or not yet.
void ferry_idf_ble_forget(struct ferry_idf_ble *self);
// Allocates, starts NimBLE's host, and fills *datagram. `prepare` registers services before the host starts.
int ferry_idf_ble_open(struct ferry_idf_ble **out, const struct ferry_idf_ble *like, int (*prepare)(void),
                       struct ferry_idf_clock *clock, struct ferry_datagram *datagram, struct ferry_idf_error *error);

#endif
