// What jobs need from devices. Private to depot/.
#ifndef FERRY_DEPOT_DEVICE_H
#define FERRY_DEPOT_DEVICE_H

#include "depot/query.h"

// 0, or FERRY_ERR_ARG with its words.
int ferry_depot_device_check_mac(struct ferry_depot *self, const char *mac);

#endif
