// Sending by the link route, for `ferry send` and `ferry flash --route link|auto`.
#ifndef FERRY_APP_LINK_SEND_H
#define FERRY_APP_LINK_SEND_H

#include "apps/ferry/options.h"

// Sends the file as the options say and tells about it; the exit code. With probe, -1 when the other route is to be
// tried: the file is nothing for the link, or no receiver answers and the port has reset lines. Once per process.
int link_send(const struct cli_options *options, const char *path, bool probe);
// The app image of an ESP-IDF build folder (by its flasher_args.json), or path itself when it is no folder. False: a
// folder that is no such build.
bool link_send_file(const char *path, char *out, size_t cap);

#endif
