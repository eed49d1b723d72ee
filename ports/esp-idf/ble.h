// Bluetooth LE as a packet wire, by NimBLE: the target is a GATT server with one service, the updater its client. Built
// with CONFIG_FERRY_BLE.
//
//   service  6a90f000-5c6a-4a4e-9f43-6665727279a1
//   in       6a90f001-...   write without response: packets for the target
//   out      6a90f002-...   notify: packets from the target
//
// One packet is one write or one notification. The MTU of the wire is what both ends have agreed on, less 3, at most
// 244 (one radio packet with data length extension); packets that are longer are not taken. Nothing is paired or
// encrypted here: an application that wants it configures NimBLE's security manager.
#ifndef PORTS_ESP_IDF_BLE_H
#define PORTS_ESP_IDF_BLE_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/datagram.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/error.h"

#define FERRY_IDF_BLE_MTU 244

struct ferry_idf_ble;

// The target's end: advertises under this name (up to 29 bytes) and serves one partner after the other. Fills
// *datagram, with mtu FERRY_IDF_BLE_MTU. nvs_flash_init() must have been called. One at a time in a program. Heap: 10
// KB beside NimBLE's own. 0; FERRY_ERR_WIRE_OPEN, FERRY_ERR_NO_MEMORY with *error.
int ferry_idf_ble_serve(struct ferry_idf_ble **self, const char *name, struct ferry_idf_clock *clock,
                        struct ferry_datagram *datagram, struct ferry_idf_error *error);
// The updater's end: scans for a target with this service and (if name is not NULL) this name, connects, and connects
// again when the connection is lost. The rest as above.
int ferry_idf_ble_dial(struct ferry_idf_ble **self, const char *name, struct ferry_idf_clock *clock,
                       struct ferry_datagram *datagram, struct ferry_idf_error *error);
// There is a partner, and it listens.
bool ferry_idf_ble_ready(const struct ferry_idf_ble *self);
void ferry_idf_ble_close(struct ferry_idf_ble *self); // NULL is harmless

#endif
