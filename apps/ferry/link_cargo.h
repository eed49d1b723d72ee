// What `ferry send` sends: a file, looked through before any port is opened, and its manifest.
#ifndef FERRY_APP_LINK_CARGO_H
#define FERRY_APP_LINK_CARGO_H

#include "apps/ferry/options.h"
#include "ferry/base/manifest.h"
#include "ferry/io/digest.h"
#include "ferry/io/source.h"
#include "ports/posix/file.h"
#include "updater/fault.h"

struct link_cargo {
    struct ferry_posix_file file;
    struct ferry_source source; // the bytes to be sent: size is the manifest's
    struct ferry_manifest manifest;
    char name[80]; // for people
};

// Opens and reads the whole file. Kind, name and options come from --partition, --file, --force, --no-trial; firmware
// is checked as an image (format, checksum, SHA-256). 0; STORAGE errors, an IMAGE error, FERRY_ERR_ARG (name) with
// *fault.
int link_cargo_open(struct link_cargo *self, const char *path, const struct cli_options *options,
                    const struct ferry_digest *digest, struct ferry_fault *fault);
void link_cargo_close(struct link_cargo *self);
// Whether it fits the target: what can be told better here, with both names at hand, than by the target's refusal.
// 0 or negative with *fault.
int link_cargo_check(const struct link_cargo *self, const struct ferry_target_info *target, struct ferry_fault *fault);

#endif
