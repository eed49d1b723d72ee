// --from http(s)://... and depot:http(s)://...: fetched into a cache first, checked there, then taken like any file.
#ifndef FERRY_APP_CARGO_FROM_URL_H
#define FERRY_APP_CARGO_FROM_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "updater/cargo.h"
#include "updater/fault.h"

// Fills *list with what lies at the address (updater/download.h). The cache is $FERRY_CACHE, else
// $XDG_CACHE_HOME/ferry, else ~/.cache/ferry, for this user alone; $FERRY_CACHE_LIMIT bounds it (2G). What is taken out
// of it stays as it is until the program ends, or sixty others have been taken. $FERRY_TOKEN is sent as a bearer token
// to a depot: address, nowhere else; $FERRY_CA is a file with certificates to trust instead of the system's. 0, or a
// status with *fault, which does not show passwords that stand in the address.
// offline: no server is asked, what was fetched before is taken (FERRY_ERR_STORAGE_MISSING).
int cargo_from_url(const char *url, uint16_t chip, bool offline, struct ferry_cargo_list *list,
                   struct ferry_fault *fault);

// Told now and then while files are coming; true = stop (FERRY_ERR_CANCELLED). stop is asked about every 100 ms, also
// while nothing comes, by the thread that calls; NULL = never.
struct cargo_from_url_teller {
    bool (*progress)(void *ctx, const char *name, uint32_t done, uint32_t size);
    void *ctx;
    bool (*stop)(void *ctx);
    bool offline;
};
// The same with a teller (NULL: none).
int cargo_from_url_telling(const char *url, uint16_t chip, const struct cargo_from_url_teller *teller,
                           struct ferry_cargo_list *list, struct ferry_fault *fault);

// Passwords that stand in addresses ("//user:password@host", "password=") in what the fault says and where become
// "...".
void cargo_from_url_hide(struct ferry_fault *fault);

#endif
