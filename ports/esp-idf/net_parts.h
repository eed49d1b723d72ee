// What the network files share.
#ifndef PORTS_ESP_IDF_NET_PARTS_H
#define PORTS_ESP_IDF_NET_PARTS_H

#include "esp_netif.h"
#include "ports/esp-idf/error.h"
#include "sdkconfig.h"
#if defined CONFIG_FERRY_ETHERNET && defined CONFIG_ETH_USE_OPENETH
#include "esp_eth_phy.h"

// The PHY of the emulator's Ethernet. NULL: no memory.
esp_eth_phy_t *ferry_idf_net_emulator_phy(const eth_phy_config_t *config);
#endif

// Gives the interface this fixed address (see ferry_idf_net_ethernet()); NULL or "": nothing, DHCP.
int ferry_idf_net_address(esp_netif_t *netif, const char *address, struct ferry_idf_error *error);

#endif
