// MAC addresses as text.
#ifndef FERRY_UPDATER_MAC_H
#define FERRY_UPDATER_MAC_H

#include <stdint.h>

#define FERRY_MAC_TEXT 18 // "a0:b1:c2:d3:e4:f5" and a NUL

// Six bytes as six pairs of lower-case hex digits with ':' between. Returns out.
char *ferry_mac_text(const uint8_t mac[6], char out[FERRY_MAC_TEXT]);

#endif
