// Pins and ticks for wires in software (wire/soft_uart.h, wire/two_wire.h).
//
// The tick comes from a general purpose timer's interrupt, up to 80 kHz on the slower chips (soft_uart: 9600 baud;
// two_wire: 50 kHz). The wire's code lies in flash, so it stands still while the flash is erased: receivers over these
// wires are deaf meanwhile (info.deaf).
#ifndef PORTS_ESP_IDF_PINS_H
#define PORTS_ESP_IDF_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/pins.h"
#include "ports/esp-idf/error.h"

enum ferry_idf_pin_kind {
    FERRY_IDF_PIN_INPUT = 0,  // with pull-up
    FERRY_IDF_PIN_OUTPUT,     // push-pull, high at first
    FERRY_IDF_PIN_OPEN_DRAIN, // with pull-up, let go at first
};

struct ferry_idf_pin {
    int gpio;
};

// Fills *pin, whose ctx is self (which has to stay where it is); pin->write is NULL on inputs. 0, FERRY_ERR_ARG.
int ferry_idf_pin_open(struct ferry_idf_pin *self, int gpio, enum ferry_idf_pin_kind kind, struct ferry_pin *pin,
                       struct ferry_idf_error *error);

struct ferry_idf_ticker {
    void *timer; // NULL = stopped
    void (*tick)(void *ctx);
    void *ctx;
};

// Calls tick(ctx) from the timer's interrupt, hz times a second, 100 .. 100000. 0, FERRY_ERR_ARG, FERRY_ERR_UNSUPPORTED
// (no timer left).
int ferry_idf_ticker_start(struct ferry_idf_ticker *self, uint32_t hz, void (*tick)(void *ctx), void *ctx,
                           struct ferry_idf_error *error);
void ferry_idf_ticker_stop(struct ferry_idf_ticker *self); // twice is harmless

#endif
