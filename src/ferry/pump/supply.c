#include "ferry/pump/supply.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"

typedef void (*answer_fn)(void *to, uint32_t offset, const uint8_t *bytes, size_t len);

// Reads from a region; behind its end everything is FF, as on erased flash.
static int read_region(const struct ferry_supply_basic *self, uint8_t region, uint32_t offset, uint8_t *buf, size_t len)
{
    if (region >= self->source_count)
        return FERRY_ERR_ARG;
    const struct ferry_source *source = &self->sources[region];
    uint32_t left = offset < source->size ? source->size - offset : 0;
    size_t inside = len < left ? len : left;
    memset(buf + inside, 0xff, len - inside);
    return inside > 0 ? source->read(source->ctx, offset, buf, inside) : FERRY_OK;
}

static int serve_raw(struct ferry_supply_basic *self, const struct ferry_request *request, answer_fn answer, void *to)
{
    uint32_t at = 0;
    while (at < request->len) {
        uint32_t left = request->len - at;
        size_t n = left < self->scratch_size ? left : self->scratch_size;
        int status = read_region(self, request->region, request->offset + at, self->scratch, n);
        if (status < 0)
            return status;
        answer(to, request->offset + at, self->scratch, n);
        at += (uint32_t)n;
    }
    return FERRY_OK;
}

// --- digests ---------------------------------------------------------------------------------------------------------

static int digest_region(struct ferry_supply_basic *self, const struct ferry_request *request)
{
    uint32_t at = 0;
    while (at < request->segment_len) {
        uint32_t left = request->segment_len - at;
        size_t n = left < self->scratch_size ? left : self->scratch_size;
        int status = read_region(self, request->region, request->segment_offset + at, self->scratch, n);
        if (status == FERRY_OK)
            status = self->digest->update(self->digest->ctx, self->scratch, n);
        if (status < 0)
            return status;
        at += (uint32_t)n;
    }
    return FERRY_OK;
}

static int serve_digest(struct ferry_supply_basic *self, const struct ferry_request *request, answer_fn answer,
                        void *to)
{
    if (self->digest == NULL)
        return FERRY_ERR_UNSUPPORTED;
    bool sha = request->kind == FERRY_REQUEST_SHA256;
    int status = self->digest->begin(self->digest->ctx, sha ? FERRY_DIGEST_SHA256 : FERRY_DIGEST_MD5);
    if (status < 0)
        return status;
    if (request->kind == FERRY_REQUEST_MD5_OF)
        status = self->digest->update(self->digest->ctx, request->bytes, request->segment_len);
    else
        status = digest_region(self, request);
    uint8_t out[FERRY_SHA256_SIZE];
    if (status == FERRY_OK)
        status = self->digest->finish(self->digest->ctx, out, sizeof out);
    if (status < 0)
        return status;
    answer(to, 0, out, (size_t)status);
    return FERRY_OK;
}

// --- packing ---------------------------------------------------------------------------------------------------------

static bool same_segment(const struct ferry_supply_basic *self, const struct ferry_request *request)
{
    return self->packing_open && self->packing.region == request->region &&
           self->packing.segment_offset == request->segment_offset && self->packing.segment_len == request->segment_len;
}

static int open_packing(struct ferry_supply_basic *self, const struct ferry_request *request)
{
    self->packing = *request;
    self->packed_at = self->raw_at = 0;
    self->input_at = self->input_len = 0;
    int status = self->deflate->begin(self->deflate->ctx);
    self->packing_open = status >= 0;
    return status;
}

// The first half of the scratch buffer is input, the second output.
static int refill(struct ferry_supply_basic *self)
{
    uint32_t left = self->packing.segment_len - self->raw_at;
    size_t half = self->scratch_size / 2;
    size_t n = left < half ? left : half;
    int status = read_region(self, self->packing.region, self->packing.segment_offset + self->raw_at, self->scratch, n);
    if (status < 0)
        return status;
    self->raw_at += (uint32_t)n;
    self->input_at = 0;
    self->input_len = n;
    return FERRY_OK;
}

// Packs some more into the second half of scratch, at most `room` bytes: *made. 1 = the stream is complete, 0,
// negative.
static int pack_some(struct ferry_supply_basic *self, size_t room, size_t *made)
{
    if (self->input_at == self->input_len && self->raw_at < self->packing.segment_len) {
        int status = refill(self);
        if (status < 0)
            return status;
    }
    size_t in_len = self->input_len - self->input_at, half = self->scratch_size / 2;
    *made = room < half ? room : half;
    bool finish = self->raw_at == self->packing.segment_len;
    int status = self->deflate->step(self->deflate->ctx, self->scratch + self->input_at, &in_len, self->scratch + half,
                                     made, finish);
    self->input_at += in_len;
    self->packed_at += (uint32_t)*made;
    return status;
}

static int answer_size(uint32_t size, answer_fn answer, void *to)
{
    uint8_t out[4];
    ferry_store32le(out, size);
    answer(to, 0, out, sizeof out);
    return FERRY_OK;
}

// A part of the stream, or only its size: then nothing of it is wanted, up to its end.
static int serve_packed(struct ferry_supply_basic *self, const struct ferry_request *request, answer_fn answer,
                        void *to)
{
    bool size = request->kind == FERRY_REQUEST_PACKED_SIZE;
    uint32_t start = size ? UINT32_MAX : request->offset, end = size ? UINT32_MAX : start + request->len;
    if (self->deflate == NULL)
        return size ? answer_size(0, answer, to) : FERRY_ERR_UNSUPPORTED;
    int status = FERRY_OK;
    if (size || !same_segment(self, request) || self->packed_at > start)
        status = open_packing(self, request);
    while (self->packed_at < end && status == 0) {
        uint32_t from = self->packed_at;
        size_t made;
        status = pack_some(self, (from < start ? start : end) - from, &made);
        if (status >= 0 && from >= start && made > 0)
            answer(to, from, self->scratch + self->scratch_size / 2, made);
    }
    if (status != 0)
        self->packing_open = false;
    if (status < 0)
        return status;
    if (size)
        return answer_size(self->packed_at, answer, to);
    // Else the stream is shorter than it was when its size was asked for.
    return self->packed_at < end ? FERRY_ERR_STORAGE_CHANGED : FERRY_OK;
}

static int serve(void *ctx, const struct ferry_request *request, answer_fn answer, void *to)
{
    struct ferry_supply_basic *self = ctx;
    switch (request->kind) {
    case FERRY_REQUEST_RAW:
        return serve_raw(self, request, answer, to);
    case FERRY_REQUEST_PACKED_SIZE:
    case FERRY_REQUEST_PACKED:
        return serve_packed(self, request, answer, to);
    case FERRY_REQUEST_MD5:
    case FERRY_REQUEST_SHA256:
    case FERRY_REQUEST_MD5_OF:
        return serve_digest(self, request, answer, to);
    }
    return FERRY_ERR_UNSUPPORTED;
}

struct ferry_supply ferry_supply_from(struct ferry_supply_basic *basic)
{
    return (struct ferry_supply){.ctx = basic, .serve = serve};
}
