// A pin: what wires made of pins need from a platform (wire/soft_uart.h, wire/two_wire.h). Time comes as ticks: the
// platform calls the wire's tick function from a timer interrupt or a busy loop, at the rate that the wire states.
#ifndef FERRY_IO_PINS_H
#define FERRY_IO_PINS_H

#include <stdbool.h>

struct ferry_pin {
    void *ctx;
    bool (*read)(void *ctx);              // level; must not block, may be called from an interrupt
    void (*write)(void *ctx, bool level); // the same; on open-drain pins true lets go. NULL on a pin that is only read
};

#endif
