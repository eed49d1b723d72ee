#include "updater/mac.h"

#include <stdio.h>

char *ferry_mac_text(const uint8_t mac[6], char out[FERRY_MAC_TEXT])
{
    snprintf(out, FERRY_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return out;
}
