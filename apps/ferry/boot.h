// What the target says when it starts after a reset: the only proof there is that the new firmware runs.
#ifndef FERRY_APP_BOOT_H
#define FERRY_APP_BOOT_H

#include "apps/ferry/session.h"

#define CLI_BOOT_LISTEN_MS 600

enum cli_boot_verdict {
    CLI_BOOT_SILENT, // nothing was printed (many firmwares print nothing): no verdict
    CLI_BOOT_STARTS, // a boot log without an error, so far
    CLI_BOOT_LOADED, // the bootloader has loaded the app
    CLI_BOOT_FAILED, // see `line` and `meaning`
};

struct cli_boot {
    enum cli_boot_verdict verdict;
    char line[120];      // the decisive line of the log, "" = none
    const char *meaning; // FAILED: in words
    const char *hint;    // FAILED: what to try
};

// Reads what comes from the port for up to CLI_BOOT_LISTEN_MS, less when it has decided.
void cli_boot_listen(struct cli_session *session, struct cli_boot *out);
// Judges a log; text ends with a 0.
void cli_boot_judge(const char *text, struct cli_boot *out);

#endif
