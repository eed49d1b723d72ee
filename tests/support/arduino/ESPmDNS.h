// See Arduino.h.
#ifndef TESTS_SUPPORT_ARDUINO_ESPMDNS_H
#define TESTS_SUPPORT_ARDUINO_ESPMDNS_H
#include "WiFi.h"

class MDNSResponder
{
  public:
    bool begin(const char *)
    {
        return true;
    }
    IPAddress queryHost(const char *)
    {
        return IPAddress(127, 0, 0, 1);
    }
};
extern MDNSResponder MDNS;

#endif
