// What a target says while it starts: the ROM's, the second-stage bootloader's and the panic handler's own words, found
// in whatever arrives on the wire. They explain why nobody answers (a brownout, a crash, a strapping pin), and are the
// only proof that a new firmware runs where nothing else answers.
#ifndef FERRY_UPDATER_BOOT_LOG_H
#define FERRY_UPDATER_BOOT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRY_BOOT_LOG_LINE 120

enum ferry_boot_log_verdict {
    FERRY_BOOT_LOG_SILENT = 0, // nothing that is known (many firmwares print nothing): no verdict
    FERRY_BOOT_LOG_STARTS,     // a boot log without an error, so far
    FERRY_BOOT_LOG_LOADED,     // the bootloader has loaded the app
    FERRY_BOOT_LOG_FAILED,     // see `said`, `meaning` and `hint`
};

struct ferry_boot_log {
    enum ferry_boot_log_verdict verdict; // the worst so far
    char said[FERRY_BOOT_LOG_LINE];      // the decisive line, printable ASCII, cut to fit; "" = none
    const char *meaning, *hint;          // FAILED: in words, and what to try; never NULL
    // Private.
    bool current; // `said` is the line that is coming in
    uint8_t len;
    char line[FERRY_BOOT_LOG_LINE];
};

void ferry_boot_log_reset(struct ferry_boot_log *self);
// Takes bytes as they come, in any pieces; frames and noise between the lines do no harm.
void ferry_boot_log_feed(struct ferry_boot_log *self, const uint8_t *bytes, size_t len);

#endif
