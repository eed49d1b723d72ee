// What a sketch gets from `#include <Ferry.h>`, besides the library itself:
//
//   FerryFlasher   an updater that programs a chip through its ROM loader: blank, bricked or running (Flasher.h)
//   FerrySender    an updater that sends to a running target with a receiver in its firmware (Sender.h)
//   FerryReceiver  that receiver: the running sketch takes a new one over any wire (Receiver.h)
//   FerryOta       begin, chunk, end: the OTA slot alone, for sketches with a protocol of their own (Ota.h)
//
// For Espressif's Arduino core 2.0 and 3. Everywhere else this header is empty.
#ifndef PORTS_ARDUINO_SKETCH_H
#define PORTS_ARDUINO_SKETCH_H

#if defined(ARDUINO) && defined(ESP32)
#include "Flasher.h"
#include "Ota.h"
#include "Receiver.h"
#include "Sender.h"
#endif

#endif
