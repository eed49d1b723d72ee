// A packet wire: whole packets or nothing; they may be lost, doubled or overtake each other. UDP, ESP-NOW, BLE GATT.
#ifndef FERRY_IO_DATAGRAM_H
#define FERRY_IO_DATAGRAM_H

#include <stddef.h>
#include <stdint.h>

struct ferry_datagram {
    void *ctx;
    size_t mtu;                                                // largest packet in bytes, 20 to 1500
    int (*recv)(void *ctx, uint8_t *buf, size_t cap);          // length of one packet, 0 = none now, negative status
    int (*send)(void *ctx, const uint8_t *packet, size_t len); // len, 0 = no room now, negative status
};

#endif
