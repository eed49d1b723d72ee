// See Arduino.h.
#ifndef TESTS_SUPPORT_ARDUINO_CLIENT_H
#define TESTS_SUPPORT_ARDUINO_CLIENT_H
#include "Arduino.h"

class Client : public Stream
{
  public:
    using Print::write;
    virtual int read(uint8_t *buf, size_t size) = 0;
    int read() override = 0;
    virtual void stop() = 0;
    virtual uint8_t connected() = 0;
};

#endif
