// The cache of what was fetched from the network: where it lies, how large it may become, and which folders of it are
// in use, by this program and by others that share it (a shared lock on the folder, which ends with the program). Who
// fetches into a folder has it alone until that is over; others wait, and find there what has come.
#ifndef FERRY_APP_CARGO_FROM_CACHE_H
#define FERRY_APP_CARGO_FROM_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "updater/download.h"

struct cargo_from_cache {
    char folder[FERRY_CARGO_PATH];
    int alone; // the lock of the folder that is fetched into, -1 = none
    bool (*stop)(void *ctx);
    void *stop_ctx;
};

// Makes the folder when it is not there (0700) and fills what concerns the cache into cfg. *self stays while cfg is
// used; stop and stop_ctx are the caller's to fill before (NULL = never): asked while somebody else is waited for. 0,
// or negative with *fault; either way cargo_from_cache_done() ends it.
int cargo_from_cache(struct cargo_from_cache *self, struct ferry_download_cfg *cfg, struct ferry_fault *fault);
void cargo_from_cache_done(struct cargo_from_cache *self);

#endif
