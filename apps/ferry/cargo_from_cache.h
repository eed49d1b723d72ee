// The cache of what was fetched from the network: where it lies, how large it may become, and which folders of it are
// in use, by this program and by others that share it (a shared lock on the folder, which ends with the program).
#ifndef FERRY_APP_CARGO_FROM_CACHE_H
#define FERRY_APP_CARGO_FROM_CACHE_H

#include <stddef.h>

#include "updater/download.h"

struct cargo_from_cache {
    char folder[FERRY_CARGO_PATH];
};

// Makes the folder when it is not there (0700) and fills what concerns the cache into cfg. *self stays while cfg is
// used. 0, or negative with *fault.
int cargo_from_cache(struct cargo_from_cache *self, struct ferry_download_cfg *cfg, struct ferry_fault *fault);

#endif
