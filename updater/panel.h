// A panel of one button and one LED: what a press means, and what the LED says. No pins and no clock in here: levels
// and time come in, so that it is the same on every board and can be tested.
//
//   press                        idle (also after a job)       a job runs
//   short                        start                         -
//   twice within 400 ms          choose the next firmware      -
//   held for 1.5 s               take the choice back          abort
//
// A held press acts while the button is still down, so that a person sees that it was long enough.
//
//   LED                                      means
//   off, a flash of 50 ms every 3 s          ready: card is there, press to start
//   two flashes every 3 s                    no card, or nothing on the card that can be flashed
//   n blinks of 0.2 s, pause                 firmware n was chosen (for 5 s, then as before)
//   1 s on, 1 s off                          looking for a target
//   0.1 s on, 0.1 s off                      a target is being written: do not take it away
//   on                                       done: written and proved
//   n slow blinks of 0.6 s, pause 2 s        failed; n is the exit code that `ferry` would have: 2 settings,
//                                            3 wire, 4 target, 5 firmware file, 6 card
#ifndef FERRY_UPDATER_PANEL_H
#define FERRY_UPDATER_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#define FERRY_PANEL_DEBOUNCE_MS 30u
#define FERRY_PANEL_TWICE_MS 400u
#define FERRY_PANEL_HELD_MS 1500u
#define FERRY_PANEL_CHOSEN_MS 5000u

enum ferry_panel_state {
    FERRY_PANEL_READY = 0,
    FERRY_PANEL_NO_CARD,
    FERRY_PANEL_SEEKING,
    FERRY_PANEL_WORKING,
    FERRY_PANEL_DONE,
    FERRY_PANEL_FAILED,
};

enum ferry_panel_action {
    FERRY_PANEL_NOTHING = 0,
    FERRY_PANEL_START,
    FERRY_PANEL_NEXT,   // choose the next firmware
    FERRY_PANEL_FORGET, // no choice any more: what the card says
    FERRY_PANEL_ABORT,
};

// What the panel has to know of each port.
struct ferry_panel_port {
    bool running;   // a job, or looking for a target
    bool connected; // running: the target has answered
    bool ended;     // a job has ended since the last start
    bool answered;  // ended: somebody was there
    int status;     // ended
};

// All zero: ready, button up.
struct ferry_panel {
    enum ferry_panel_state state;
    int status; // FAILED: why
    uint32_t since_ms;
    uint32_t chosen, chosen_ms; // number to show, 0 = none
    // Private.
    bool down, pending, acted; // debounced; one short press seen; the press under way has acted already
    bool raw;
    uint32_t raw_ms, down_ms, up_ms;
};

// What is the case now; the LED's pattern begins anew when it is something else.
void ferry_panel_set(struct ferry_panel *self, enum ferry_panel_state state, int status, uint32_t now_ms);
// One state for all ports. A port where nobody answered counts as empty as long as another one had a target.
enum ferry_panel_state ferry_panel_sum(const struct ferry_panel_port *ports, unsigned count, bool has_card,
                                       int *status);
// Shows the number of the firmware that was chosen, 1 ...; 0 ends it.
void ferry_panel_choose(struct ferry_panel *self, uint32_t number, uint32_t now_ms);
// Call every 5 to 20 ms with the button's level (true = pressed).
enum ferry_panel_action ferry_panel_button(struct ferry_panel *self, bool pressed, uint32_t now_ms);
// Whether the LED is on.
bool ferry_panel_led(const struct ferry_panel *self, uint32_t now_ms);
// How many blinks tell this status: 2 .. 6 by who must act, as the exit codes.
uint32_t ferry_panel_blinks(int status);

#endif
