// The updater's help, and how its own options are read.
#ifndef FERRY_APP_CMD_UPDATER_OPTIONS_H
#define FERRY_APP_CMD_UPDATER_OPTIONS_H

#include <stdbool.h>

#include "apps/ferry/options.h"

extern const struct cli_help cmd_updater_help;

// The value of argv[*i] when it is --name VALUE or --name=VALUE ("" and *missing when it has none); NULL = it is not
// that option.
const char *cmd_updater_value(const char *name, int argc, char **argv, int *i, bool *missing);

#endif
