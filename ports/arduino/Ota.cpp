#if defined(ARDUINO) && defined(ESP32)
#include "Ota.h"

bool FerryOta::done(int status, const char *step)
{
    return status >= 0 || error_.set(status, step);
}

bool FerryOta::boot()
{
    error_.clear();
    return done(slot_.begin(false, nullptr, nullptr), "booting");
}

bool FerryOta::begin(uint32_t size, const uint8_t sha256[32])
{
    if (!boot())
        return false;
    ferry_manifest manifest = {};
    ferry_sink_plan plan = {};
    manifest.kind = FERRY_MANIFEST_FIRMWARE;
    manifest.chip = FERRY_MANIFEST_CHIP_ANY; // the image's header says it
    manifest.size = size;
    memcpy(manifest.sha256, sha256, sizeof manifest.sha256);
    memcpy(sha256_, sha256, sizeof sha256_);
    at_ = readyTo_ = size_ = 0;
    if (size == 0)
        return error_.set(FERRY_ERR_ARG, "beginning", "size 0");
    if (!done(slot_.sink.begin(slot_.sink.ctx, &manifest, &plan), "beginning"))
        return false;
    size_ = size;
    withheld_ = plan.withheld;
    return true;
}

bool FerryOta::chunk(uint32_t offset, const uint8_t *bytes, size_t len)
{
    const ferry_sink &sink = slot_.sink;
    error_.clear();
    if (size_ == 0 || offset != at_)
        return error_.set(FERRY_ERR_STATE, "writing",
                          size_ == 0 ? "begin() first" : "chunks come in order, without gaps");
    if (len > size_ - at_)
        return error_.set(FERRY_ERR_ARG, "writing", "more bytes than begin() was told");
    while (len > 0) {
        uint32_t end = at_ < withheld_ ? withheld_ : size_; // the first bytes are a range of their own
        if (end > size_)
            end = size_;
        int status = FERRY_OK;
        while (at_ >= readyTo_ && (status = sink.prepare(sink.ctx, at_, end, &readyTo_)) == FERRY_SINK_BUSY)
            yield();
        if (!done(status, "erasing"))
            return false;
        uint32_t room = (readyTo_ < end ? readyTo_ : end) - at_;
        int took = sink.chunk(sink.ctx, at_, bytes, len < room ? len : room);
        if (!done(took, "writing"))
            return false;
        bytes += took;
        len -= static_cast<size_t>(took);
        at_ += static_cast<uint32_t>(took);
    }
    return true;
}

bool FerryOta::end()
{
    const ferry_sink &sink = slot_.sink;
    uint8_t sha256[FERRY_SHA256_SIZE];
    bool blank;
    int status;
    error_.clear();
    if (size_ == 0 || at_ != size_)
        return error_.set(FERRY_ERR_STATE, "ending", "bytes are missing");
    while ((status = sink.hash(sink.ctx, 0, size_, sha256, &blank)) == FERRY_SINK_BUSY)
        yield();
    if (!done(status, "reading back"))
        return false;
    if (memcmp(sha256, sha256_, sizeof sha256) != 0)
        return error_.set(FERRY_ERR_VERIFY, "ending", "the SHA-256 of what is in flash is another");
    while ((status = sink.end(sink.ctx)) == FERRY_SINK_BUSY)
        yield();
    size_ = 0;
    return done(status, "selecting");
}

void FerryOta::abort()
{
    if (slot_.open)
        slot_.sink.abort(slot_.sink.ctx);
    size_ = at_ = 0;
}

bool FerryOta::confirm()
{
    return boot() && done(slot_.sink.confirm(slot_.sink.ctx), "confirming");
}

#endif
