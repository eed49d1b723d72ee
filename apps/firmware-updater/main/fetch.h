// A firmware file from a web server onto the card.
#ifndef FERRY_FIRMWARE_FETCH_H
#define FERRY_FIRMWARE_FETCH_H

#include "sdkconfig.h"
#include "updater/fault.h"

#if CONFIG_FERRY_UPDATER_FETCH
// Fetches url (http:// or https://) and puts it on the card as `name`, a name without folders, once all of it is there:
// a file of that name stays what it was until then. Blocks. 0; FERRY_ERR_ARG, FERRY_ERR_WIRE_OPEN, FERRY_ERR_WIRE_IO,
// FERRY_ERR_TIMEOUT, FERRY_ERR_STORAGE_WRITE, FERRY_ERR_STORAGE_MISSING (the server has no such thing),
// FERRY_ERR_VERIFY (not the SHA-256 that the server tells).
int fetch(const char *url, const char *name, struct ferry_fault *fault);
#endif

#endif
