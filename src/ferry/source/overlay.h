// A source with other bytes at a few places: patches laid over the source below, which stays as it is.
#ifndef FERRY_SOURCE_OVERLAY_H
#define FERRY_SOURCE_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

#include "ferry/io/source.h"

#define FERRY_SOURCE_OVERLAY_PATCHES 4

struct ferry_source_overlay_patch {
    uint32_t offset, len;
    const uint8_t *bytes; // the caller's, as long as the overlay is in use
};

struct ferry_source_overlay {
    struct ferry_source below;
    struct ferry_source_overlay_patch patches[FERRY_SOURCE_OVERLAY_PATCHES]; // later ones lie on top
    uint8_t count;
};

// Starts without patches. The overlay must stay where it is while the source made from it is in use.
void ferry_source_overlay_init(struct ferry_source_overlay *self, const struct ferry_source *below);
// 0, FERRY_ERR_ARG (beyond the end of the source), FERRY_ERR_BUFFER (no room for another patch).
int ferry_source_overlay_add(struct ferry_source_overlay *self, uint32_t offset, const uint8_t *bytes, uint32_t len);
// Its read() returns what the source below returns.
struct ferry_source ferry_source_overlay_source(struct ferry_source_overlay *self);

#endif
