// Ferry: the best way there is to program one ESP32 from another. Start reading at ferry/ferry.h, the conventions page.
//
// The library for C and C++ (ferry.h), and with the Arduino port beside it the classes for sketches (Ferry.h): two
// names for the same bytes, because file systems that do not tell ferry.h from Ferry.h keep only one of the two.
// docs/decisions/0006-arduino.md has the reasons, tools/check_arduino holds the files to it.
#ifndef FERRY_H
#define FERRY_H

#ifdef __cplusplus
#include <stddef.h>
#include <stdint.h>
#include <string.h>
extern "C" {
#endif

#include "ferry/ferry.h"

#ifdef __cplusplus
}
#ifdef __has_include
#if __has_include("../ports/arduino/sketch.h")
#include "../ports/arduino/sketch.h"
#endif
#endif
#endif

#endif
