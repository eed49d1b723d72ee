// FerryOta: begin, chunk, end. For sketches that have a protocol of their own, and only need somewhere safe for what
// arrives: the OTA slot that does not run.
//
//   FerryOta ota;                                            // global
//   void setup() { ota.boot(); }
//   ota.begin(size, sha256);                                 // refuses what does not fit
//   ota.chunk(offset, bytes, len);                           // from 0 upwards, any length
//   ota.end();                                               // reads back, compares the SHA-256, selects
//   ESP.restart();  ...  ota.confirm();                      // in the new sketch, when it works
//
// Power may go at any moment: until end() has returned true the old firmware starts, afterwards the new one, on trial.
// With FerryReceiver in the sketch this is not needed.
#ifndef PORTS_ARDUINO_OTA_H
#define PORTS_ARDUINO_OTA_H

#include "Slot.h"

class FerryOta
{
  public:
    bool boot(); // first thing in setup(): goes back to the old firmware when the new one has failed
    bool begin(uint32_t size, const uint8_t sha256[32]);
    // Bytes offset .. offset + len; offset must be where the last chunk ended. Erases as it goes, so a call may take up
    // to 0.5 s.
    bool chunk(uint32_t offset, const uint8_t *bytes, size_t len);
    bool end();
    void abort();   // the old firmware stays
    bool confirm(); // the running firmware, on trial, is good
    const FerryError &error() const
    {
        return error_;
    }
    uint32_t received() const
    {
        return at_;
    } // next offset

  private:
    bool done(int status, const char *step);

    FerrySlot slot_;
    FerryError error_;
    uint32_t size_ = 0, at_ = 0, readyTo_ = 0;
    uint16_t withheld_ = 0;
    uint8_t sha256_[32];
};

#endif
