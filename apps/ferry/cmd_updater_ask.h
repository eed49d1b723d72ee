// Several firmwares on the card: a person at the terminal says which one.
#ifndef FERRY_APP_CMD_UPDATER_ASK_H
#define FERRY_APP_CMD_UPDATER_ASK_H

#include <stdbool.h>

#include "updater/card.h"

// Shows the list, reads a number, names that one as wanted. 0. Without a terminal, when the input ends, or when nobody
// may be asked: what ferry_card_pick() says, with *fault filled.
int cmd_updater_ask(struct ferry_card *card, bool may_ask, struct ferry_fault *fault);

#endif
