// The card: a folder that holds firmware, and which of it is meant.
//
// One cargo on the card: that is it. Several: the one that --cargo names, else the one that ferry.json in the card's
// top folder names ({"cargo": "NAME"}) or is (it has "files"), else the only one that has a build for the chip that was
// found; when more than one is left, a person has to say. NAME is a cargo's name as it is listed, or its path on the
// card. ferry.json may also say by which route: {"route": "auto"}, "link" or "rom".
#ifndef FERRY_UPDATER_CARD_H
#define FERRY_UPDATER_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include "updater/cargo.h"
#include "updater/fault.h"
#include "updater/job.h"

#define FERRY_CARD_JSON "ferry.json"

struct ferry_card {
    char dir[FERRY_CARGO_PATH];
    struct ferry_cargo_list list;
    char wanted[FERRY_CARGO_PATH]; // "" = nobody has named one
    const char *wanted_by;         // "--cargo", "ferry.json"; static string
    bool has_route;                // ferry.json names one
    enum ferry_job_route route;
};

// Looks at the card. `cargo` is what the person named, NULL or "" = nothing. 0; FERRY_ERR_STORAGE_* (no card, not
// readable), FERRY_ERR_NO_CARGO (nothing on it that can be flashed), FERRY_ERR_MANIFEST (ferry.json is damaged),
// FERRY_ERR_NO_CARGO or FERRY_ERR_AMBIGUOUS (the named one is not there, or there are several of that name). *fault
// says which, and names what there is; list.refused holds what looked like firmware and is not.
int ferry_card_open(struct ferry_card *self, const char *dir, const char *cargo, struct ferry_fault *fault);

// Picks the cargo for a target (NULL: not known yet). 0 and *index; FERRY_ERR_AMBIGUOUS, FERRY_ERR_NO_BUILD_FOR_CHIP.
int ferry_card_pick(const struct ferry_card *self, const struct ferry_target *target, size_t *index,
                    struct ferry_fault *fault);
// How many cargoes go by this name (a name or a path, of the file or its folder); *index is the first of them.
size_t ferry_card_named(const struct ferry_card *self, const char *name, size_t *index);
// True when a person has to choose whatever chip may come: two cargoes can serve the same chip.
bool ferry_card_ambiguous(const struct ferry_card *self);
// Names list.items[index] as wanted, as if --cargo had.
void ferry_card_want(struct ferry_card *self, size_t index);
// The item's path as it is named on this card: without the card's own folder.
const char *ferry_card_shown(const struct ferry_card *self, const struct ferry_cargo *cargo);
// ferry_card_pick in the shape of struct ferry_job_cfg.choose; ctx is a struct ferry_card.
int ferry_card_choose(void *ctx, const struct ferry_target *target, struct ferry_cargo *out, struct ferry_fault *fault);

#endif
