// A packet wire (UDP, ESP-NOW, BLE GATT) for engines that speak the byte form: every frame of the link protocol goes
// as one packet, bare (no COBS, no delimiter), and every packet comes back as a frame.
//
// The engine has to know the MTU (cfg.mtu), so that its frames fit. Packets that are too short or too long for a frame
// are dropped here; the CRC is checked by the engine.
#ifndef FERRY_WIRE_PACKET_H
#define FERRY_WIRE_PACKET_H

#include "ferry/codec/cobs.h"
#include "ferry/io/datagram.h"
#include "ferry/io/stream.h"

#define FERRY_WIRE_PACKET_MAX 1500

struct ferry_wire_packet {
    const struct ferry_datagram *datagram; // the caller's
    // Private; zero before use.
    struct ferry_cobs_decoder cobs;
    bool open;
    size_t out_len; // a packet that waits for room, 0 = none
    size_t in_len, in_at;
    uint8_t out[FERRY_WIRE_PACKET_MAX];
    uint8_t in[FERRY_COBS_SIZE(FERRY_WIRE_PACKET_MAX) + 2];
    uint32_t oversize; // frames that did not fit the MTU and were dropped
};

// The stream over self (which has to stay where it is).
struct ferry_stream ferry_wire_packet_stream(struct ferry_wire_packet *self);

#endif
