// Arduino compiles what lies in src/ and nothing else: this brings in the port (docs/decisions/0006-arduino.md). Empty
// on every other platform.
#if __has_include("../ports/arduino/sketch.h")
#include "../ports/arduino/Flasher.cpp"
#include "../ports/arduino/FlasherCheck.cpp"
#include "../ports/arduino/Ota.cpp"
#include "../ports/arduino/Parts.cpp"
#include "../ports/arduino/Receiver.cpp"
#include "../ports/arduino/Sender.cpp"
#include "../ports/arduino/Slot.cpp"
#endif
