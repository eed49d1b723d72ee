// What `ferry inspect` prints about a file or folder: images, partition tables, build folders, manifests.
#ifndef FERRY_UPDATER_INSPECT_H
#define FERRY_UPDATER_INSPECT_H

#include <stdbool.h>
#include <stdio.h>

#include "ferry/io/digest.h"
#include "updater/fault.h"

// Looks at path and writes to out what it is, with its checks: text for people, or one JSON object with json. digest
// must do SHA-256 and MD5. 0 when everything is in order; else the first fault that was found, also in *fault, after
// all that could be told has been told.
int ferry_inspect(const char *path, bool json, const struct ferry_digest *digest, FILE *out, struct ferry_fault *fault);

#endif
