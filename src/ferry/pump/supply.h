// Answers an engine's data requests from sources: raw bytes, digests, packed streams.
//
// ferry_supply_basic needs only a small scratch buffer: it packs a segment twice (once to learn its size, once to send
// it). Programs with memory to spare put a cache in front (updater/), so that many targets share one read.
#ifndef FERRY_PUMP_SUPPLY_H
#define FERRY_PUMP_SUPPLY_H

#include "ferry/engine/engine.h"
#include "ferry/io/deflate.h"
#include "ferry/io/digest.h"
#include "ferry/io/source.h"

// Bytes behind the end of a source read as 0xFF (a request may reach beyond it). Raw and packed bytes are never larger
// than asked for. `digest` NULL: digests are FERRY_ERR_UNSUPPORTED.
//
// Serves one request by calling supply once or more: answer(engine, offset, bytes, len). 0, or a negative status, in
// which case the caller tells the engine by supply_failed().
struct ferry_supply {
    void *ctx;
    int (*serve)(void *ctx, const struct ferry_request *request,
                 void (*answer)(void *to, uint32_t offset, const uint8_t *bytes, size_t len), void *to);
};

struct ferry_supply_basic {
    const struct ferry_source *sources; // one per region of the job
    uint8_t source_count;
    const struct ferry_digest *digest;
    const struct ferry_deflate *deflate; // NULL: nothing is packed
    uint8_t *scratch;                    // >= 1024 bytes
    size_t scratch_size;
    // Private: where the packer stands.
    struct ferry_request packing;
    uint32_t packed_at, raw_at; // packed bytes made, raw bytes read
    size_t input_at, input_len; // of those, in scratch and not packed yet
    bool packing_open;
};

// Wraps a basic supply (which must stay where it is). Private fields start zeroed.
struct ferry_supply ferry_supply_from(struct ferry_supply_basic *basic);

#endif
