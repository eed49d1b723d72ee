// A program that runs inside the virtual chip after a normal boot, as the real firmware would: it gets the bytes of
// UART0 and the time, and sees the same flash. Placed there by whoever creates the chip; the simulator knows no
// program.
#ifndef SIM_CHIP_APP_H
#define SIM_CHIP_APP_H

#include <stddef.h>
#include <stdint.h>

#include "sim/chip/chip.h"

// All callbacks get ctx first; any may be NULL. They are called from sim_chip_run() (reset also from sim_chip_lines()
// and sim_chip_power()) and must not call those three; sim_chip_app_*() and sim_chip_flash() are for them.
struct sim_app {
    void *ctx;
    uint32_t baud; // of UART0 when the program starts; 0 = 115200
    // The bootloader has started it from the partition `label`.
    void (*boot)(void *ctx, struct sim_chip *chip, const char *label);
    // Bytes have come in. What the program has no time for must be kept by itself.
    void (*rx)(void *ctx, const uint8_t *bytes, size_t len, uint64_t now_us);
    // Bytes to send, at most cap; asked after every rx, next and tx that gave something. Returns how many.
    size_t (*tx)(void *ctx, uint8_t *buf, size_t cap, uint64_t now_us);
    // When tx is to be asked again at the latest, absolute; UINT64_MAX = only after rx.
    uint64_t (*next)(void *ctx);
    // The processor was reset, or power went: the program is gone, boot() comes again if it is started again.
    void (*reset)(void *ctx);
};

// The program is busy for that long from now (a flash operation, say): rx and tx wait, the receive ring fills.
void sim_chip_app_busy(struct sim_chip *chip, uint64_t us);
void sim_chip_app_baud(struct sim_chip *chip, uint32_t baud); // from the next byte on
void sim_chip_app_restart(struct sim_chip *chip);             // software reset, once the callback has returned
struct sim_flash *sim_chip_flash(struct sim_chip *chip);

#endif
