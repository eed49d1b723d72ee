// The OTA slots of the chip this sketch runs on, as a sink of the library: what FerryReceiver and FerryOta share.
#ifndef PORTS_ARDUINO_SLOT_H
#define PORTS_ARDUINO_SLOT_H

#include "Parts.h"

struct FerrySlot {
    FerryDigest digest;
    ferry_flash flash = {};
    struct ferry_sink_ota ota = {};
    struct ferry_sink_partition partition = {};
    struct ferry_sink_by_kind both = {};
    ferry_sink firmware = {}, data = {}, sink = {};
    bool open = false;

    FerrySlot();
    ~FerrySlot();
    // Looks where things stand after a start, and restarts the chip at once when a trial has to be ended. deaf: nothing
    // is received while the flash erases. 0 or a negative status. Does nothing the second time.
    int begin(bool deaf, void (*beforeRestart)(void *), void *ctx);

    void (*beforeRestart_)(void *) = nullptr;
    void *ctx_ = nullptr;
};

#endif
