// --from depot:BUILD: what is to be flashed or sent lies in the depot. Nothing is copied: both routes read it from
// there in pieces, as they read files.
#ifndef FERRY_APP_CARGO_FROM_H
#define FERRY_APP_CARGO_FROM_H

#include "apps/ferry/display.h"
#include "apps/ferry/options.h"
#include "depot/depot.h"
#include "updater/cargo.h"

struct cargo_from; // open depot and what its sources refer to

// Finds what options->from names ("depot:blink@stable", "depot:#12", "depot:1f2e3d4c"; options->depot NULL: as ferry
// depot) for options->chip (FERRY_CHIP_ANY: for any) and fills *list, one cargo for each chip. Reads every file whole
// and compares its SHA-256: FERRY_ERR_STORAGE_DAMAGED, and nothing is flashed. *out is to be closed after the jobs,
// also after a failure. FERRY_ERR_ARG (no such form), FERRY_ERR_STORAGE_MISSING, FERRY_ERR_AMBIGUOUS with *fault. Warns
// on the display when options->offline was used.
int cargo_from_open(struct cargo_from **out, const struct cli_options *options, struct cli_display *display,
                    struct ferry_cargo_list *list, struct ferry_fault *fault);
void cargo_from_close(struct cargo_from *self); // NULL allowed

#endif
