// One sink out of several: a manifest goes to the one for its kind, and everything until the next begin() follows it.
#ifndef FERRY_SINK_SINK_BY_KIND_H
#define FERRY_SINK_SINK_BY_KIND_H

#include "ferry/io/sink.h"

struct ferry_sink_by_kind {
    // The caller's, for as long as this lives; NULL = that kind is refused (FERRY_ERR_UNSUPPORTED). At least one.
    const struct ferry_sink *firmware, *partition, *file;
    const struct ferry_sink *open; // private: of the last begin()
};

// info() is the firmware sink's (without one: the first there is) with the others' slots added; confirm(), revert() and
// reboot() are that sink's. Operations before the first begin(): FERRY_ERR_STATE, abort() 0.
struct ferry_sink ferry_sink_by_kind(struct ferry_sink_by_kind *self);

#endif
