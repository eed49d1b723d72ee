// The console: scan, list, detect, flash, verify, send, abort, log, config, status.
#ifndef FERRY_FIRMWARE_COMMANDS_H
#define FERRY_FIRMWARE_COMMANDS_H

void commands_start(void);

#endif
