// A sink that tells a person what happens to the sink behind it: what is begun, refused, complete, given up.
#ifndef FERRY_APP_LINK_TELL_H
#define FERRY_APP_LINK_TELL_H

#include "ferry/io/sink.h"

struct link_tell {
    const struct ferry_sink *inner;
    void (*line)(void *ctx, const char *text); // one line, without its end
    void *ctx;
    // Private from here on.
    struct ferry_manifest manifest; // of the last begin() that was accepted
    bool known;
    int told;       // the last failure while writing that was told; 0 = none
    unsigned ended; // updates that became complete
};

// The sink over self, which has to stay where it is, as has *inner.
struct ferry_sink link_tell_sink(struct link_tell *self, const struct ferry_sink *inner,
                                 void (*line)(void *ctx, const char *text), void *ctx);

#endif
