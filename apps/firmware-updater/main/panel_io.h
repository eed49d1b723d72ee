// The button and the LED of updater/panel.h on their pins, looked at every 10 ms from a timer.
#ifndef FERRY_FIRMWARE_PANEL_IO_H
#define FERRY_FIRMWARE_PANEL_IO_H

#include "updater/panel.h"

// action() is called from the timer's task: it must not block.
void panel_io_start(void (*action)(enum ferry_panel_action action));
void panel_io_set(enum ferry_panel_state state, int status); // from any task
void panel_io_choose(uint32_t number);

#endif
