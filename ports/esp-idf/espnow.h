// ESP-NOW as a packet wire: packets of up to 250 bytes between two chips without an access point. Built with
// CONFIG_FERRY_ESPNOW; Wi-Fi must have been started (ferry_idf_wifi_radio() is enough).
//
// Each packet is acknowledged by the radio of the other side or lost; send() takes the next one when the last has left.
// Both ends must be on the same channel. Nothing is encrypted.
#ifndef PORTS_ESP_IDF_ESPNOW_H
#define PORTS_ESP_IDF_ESPNOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/datagram.h"
#include "ports/esp-idf/clock.h"
#include "ports/esp-idf/error.h"

#define FERRY_IDF_ESPNOW_MTU 250

struct ferry_idf_espnow;

// peer: the MAC of the other side; NULL = answers whoever has spoken last. Fills *datagram. One at a time in a program.
// Heap: 6 KB. 0; FERRY_ERR_WIRE_OPEN (Wi-Fi is not started, or another one is open), FERRY_ERR_NO_MEMORY.
int ferry_idf_espnow_open(struct ferry_idf_espnow **self, const uint8_t *peer, struct ferry_idf_clock *clock,
                          struct ferry_datagram *datagram, struct ferry_idf_error *error);
void ferry_idf_espnow_close(struct ferry_idf_espnow *self); // NULL is harmless

#endif
