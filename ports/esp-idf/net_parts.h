// What the network files share.
#ifndef PORTS_ESP_IDF_NET_PARTS_H
#define PORTS_ESP_IDF_NET_PARTS_H

#include "esp_netif.h"
#include "ports/esp-idf/error.h"

// Gives the interface this fixed address (see ferry_idf_net_ethernet()); NULL or "": nothing, DHCP.
int ferry_idf_net_address(esp_netif_t *netif, const char *address, struct ferry_idf_error *error);

#endif
