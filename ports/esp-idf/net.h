// Getting onto a network: Ethernet, Wi-Fi as a station or as an access point, a name by mDNS. All of it plain
// esp_netif; an application that has its own network code needs none of this, only tcp.h and udp.h.
//
// Built in: ethernet with CONFIG_FERRY_ETHERNET, Wi-Fi with CONFIG_FERRY_WIFI, mDNS where the managed component
// espressif/mdns is part of the project. Functions that are not built in return FERRY_ERR_UNSUPPORTED.
#ifndef PORTS_ESP_IDF_NET_H
#define PORTS_ESP_IDF_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports/esp-idf/error.h"

// esp_netif_init() and the default event loop; twice is harmless. 0, FERRY_ERR_NO_MEMORY.
int ferry_idf_net_init(struct ferry_idf_error *error);
// An interface has an IPv4 address. text, if not NULL: "192.168.4.1", "" = none.
bool ferry_idf_net_ready(char text[16]);
// Waits for that, at most ms. true: there is one.
bool ferry_idf_net_wait(uint32_t ms);
// Answers to NAME.local and lists _ferry._tcp on `port`. 0, FERRY_ERR_UNSUPPORTED (no mDNS in this build),
// FERRY_ERR_NO_MEMORY.
int ferry_idf_net_name(const char *name, uint16_t port, struct ferry_idf_error *error);

// Ethernet: the chip's own MAC (ESP32, ESP32-P4) with the PHY of Kconfig, or the emulator's (CONFIG_ETH_USE_OPENETH).
// Address by DHCP, or fixed: "192.168.1.5/24" or "192.168.1.5/24,192.168.1.1" (with gateway); NULL or "" = DHCP.
// 0; FERRY_ERR_UNSUPPORTED, FERRY_ERR_WIRE_OPEN (no PHY answers), FERRY_ERR_ARG (address), FERRY_ERR_NO_MEMORY.
int ferry_idf_net_ethernet(const char *address, struct ferry_idf_error *error);

// Joins an access point and joins again whenever the connection is lost. Returns at once; ferry_idf_net_wait() tells.
// password "" or NULL: an open network. 0; FERRY_ERR_ARG, FERRY_ERR_UNSUPPORTED, FERRY_ERR_WIRE_OPEN.
int ferry_idf_wifi_join(const char *ssid, const char *password, struct ferry_idf_error *error);
// Is an access point (192.168.4.1, with DHCP). password: at least 8 characters, or "" / NULL = open. channel 0 = 1.
int ferry_idf_wifi_serve(const char *ssid, const char *password, uint8_t channel, struct ferry_idf_error *error);
// Only the radio, on this channel (0 = 1), for ESP-NOW.
int ferry_idf_wifi_radio(uint8_t channel, struct ferry_idf_error *error);
// Received signal of the access point in dBm, 0 = not joined.
int ferry_idf_wifi_rssi(void);

#endif
