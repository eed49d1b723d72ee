// What the target says when it starts after a reset: the only proof there is that the new firmware runs.
#ifndef FERRY_APP_BOOT_H
#define FERRY_APP_BOOT_H

#include "apps/ferry/session.h"
#include "updater/boot_log.h"

#define CLI_BOOT_LISTEN_MS 600

// Reads what comes from the port for up to CLI_BOOT_LISTEN_MS, less when it has decided.
void cli_boot_listen(struct cli_session *session, struct ferry_boot_log *out);

#endif
