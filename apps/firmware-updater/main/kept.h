// The updater's settings: the table, what is kept in NVS, what ferry.json on the card says (updater/settings.h).
#ifndef FERRY_FIRMWARE_KEPT_H
#define FERRY_FIRMWARE_KEPT_H

#include "updater/settings.h"

// Opens NVS and loads what is kept there; what no setting takes (any more) is left alone.
void kept_init(void);
struct ferry_settings *kept_settings(void);
// Sets one for good; NULL = back to the initial value. 0; FERRY_ERR_ARG, FERRY_ERR_STORAGE_WRITE with *fault.
int kept_set(const char *name, const char *text, struct ferry_fault *fault);

// A job writes: told to whoever starts after a loss of power. Nothing is written when it is the same as before.
void kept_mark_job(bool writing);
bool kept_job_was_cut(void); // as it stood when the updater started

#endif
