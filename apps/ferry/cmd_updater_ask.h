// What is on the card, for a person at the terminal: what cannot be used, and which of several it shall be.
#ifndef FERRY_APP_CMD_UPDATER_ASK_H
#define FERRY_APP_CMD_UPDATER_ASK_H

#include <stdbool.h>

#include "apps/ferry/display.h"
#include "updater/card.h"

// Everything on the card that looked like firmware and is not, with the reasons.
void cmd_updater_tell_refused(struct cli_display *display, const struct ferry_cargo_list *list);

// Shows the list, reads a number, names that one as wanted. 0. Without a terminal, when the input ends, or when nobody
// may be asked: what ferry_card_pick() says, with *fault filled.
int cmd_updater_ask(struct ferry_card *card, bool may_ask, struct ferry_fault *fault);

#endif
