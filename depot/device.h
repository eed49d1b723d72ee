// What check-ins and jobs need from devices. Private to depot/.
#ifndef FERRY_DEPOT_DEVICE_H
#define FERRY_DEPOT_DEVICE_H

#include "depot/query.h"

// As it is stored, from any case, with ':', '-' or nothing between ("24-0A-C4-00-01-10"). FERRY_ERR_ARG with its words.
int ferry_depot_device_mac(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_MAC]);
// NULL or "" gives "".
int ferry_depot_device_mac_or_none(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_MAC]);
// The chip table's name, from what people and programs write: "ESP32-C3", "ESP32-D0WDQ6" (Arduino's
// ESP.getChipModel()). FERRY_ERR_UNKNOWN_CHIP with its words.
int ferry_depot_device_chip(struct ferry_depot *self, const char *given, char out[FERRY_DEPOT_CHIP]);

#endif
