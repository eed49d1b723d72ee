// See Arduino.h.
#ifndef TESTS_SUPPORT_ARDUINO_SD_H
#define TESTS_SUPPORT_ARDUINO_SD_H
#include "FS.h"

class SDFS : public fs::FS
{
  public:
    bool begin(uint8_t csPin = 5);
    void end()
    {
    }
};
extern SDFS SD;

#endif
