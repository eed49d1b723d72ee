// Reset and boot pin of a target, straight from two GPIOs.
//
// The pins are open drain: low, or let go. The target's own pull-ups (every module has one on EN, and the chip has one
// inside at its boot pin) make the high level, so the two boards may have different supplies and a button on the target
// still works. Boards with an auto-reset circuit (two transistors behind DTR and RTS of their USB adapter): connect to
// the pins EN and GPIO0 / GPIO9 themselves, not to the adapter's side; the adapter may stay plugged in as long as no
// program has its port open.
#ifndef PORTS_ESP_IDF_LINES_H
#define PORTS_ESP_IDF_LINES_H

#include <stdbool.h>

#include "ferry/io/lines.h"
#include "ports/esp-idf/error.h"

struct ferry_idf_lines_cfg {
    int reset_pin, boot_pin; // GPIO numbers, -1 = not connected
    // A transistor or inverter sits between: a high level pulls the target's pin low. The pin is then driven both ways.
    bool reset_inverted, boot_inverted;
};

struct ferry_idf_lines {
    struct ferry_idf_lines_cfg cfg;
};

// Lets go of both and fills *lines, whose ctx is self (which has to stay where it is). 0, FERRY_ERR_ARG: no such pin,
// one that cannot be an output (GPIO34 to 39 of the ESP32), or one that the flash is connected to.
int ferry_idf_lines_open(struct ferry_idf_lines *self, const struct ferry_idf_lines_cfg *cfg, struct ferry_lines *lines,
                         struct ferry_idf_error *error);
// Lets go of both; the pins become inputs.
void ferry_idf_lines_close(struct ferry_idf_lines *self);

#endif
