// The circuit by which a USB serial adapter's DTR and RTS reset a board: two transistors, a capacitor on EN.
//
//   DTR RTS   EN    BOOT
//    0   0    high  high
//    1   0    high  low
//    0   1    low   high
//    1   1    high  high   (neither)
//
// Programs set DTR and RTS one after the other, over a network tens of milliseconds apart, and so pass through 1 1 or
// 0 0 on their way from 0 1 (reset) to 1 0 (boot line low). On a board the capacitor bridges that: EN rises late. Here
// it rises SIM_SERVE_EN_RISE_US after it was let go, or SIM_SERVE_EN_BOTH_US when that happened by asserting both.
#ifndef SIM_SERVE_CIRCUIT_H
#define SIM_SERVE_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_SERVE_EN_RISE_US 20000u
#define SIM_SERVE_EN_BOTH_US 300000u

struct sim_serve_circuit {
    bool reset, boot; // what the chip sees: EN low, boot pin low
    bool dtr, rts;    // private
    bool rising;      // EN was let go and rises at rise_us
    uint64_t rise_us;
};

// The adapter's lines are set. now_us: any clock that does not go backwards, the same in all calls.
void sim_serve_circuit_set(struct sim_serve_circuit *self, bool dtr, bool rts, uint64_t now_us);
// Lets time pass. True: EN has risen by that.
bool sim_serve_circuit_poll(struct sim_serve_circuit *self, uint64_t now_us);
// When poll() has something to do by itself; UINT64_MAX = never.
uint64_t sim_serve_circuit_deadline(const struct sim_serve_circuit *self);

#endif
