// Control lines of the target: reset (EN, CHIP_PU) and boot (GPIO0, GPIO9 ...: the strapping pin that selects the
// serial loader). "Asserted" means: held low at the target's pin. A port translates that to its own levels
// (on USB adapters with the usual two transistors: RTS -> EN, DTR -> boot).
#ifndef FERRY_IO_LINES_H
#define FERRY_IO_LINES_H

#include <stdbool.h>

struct ferry_lines {
    void *ctx;
    // Sets both lines at once as far as the hardware can. Does not wait. 0, or FERRY_ERR_WIRE_IO.
    int (*set)(void *ctx, bool reset_asserted, bool boot_asserted);
};

#endif
