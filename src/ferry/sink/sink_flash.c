#include "ferry/sink/sink_flash.h"

#include "ferry/base/status.h"
#include "ferry/io/sink.h"

#define PIECE FERRY_SINK_FLASH_PIECE
#define A_CALL 65536u // hashed per call

bool ferry_sink_flash_all_ff(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0xFF)
            return false;
    return true;
}

int ferry_sink_flash_blank(const struct ferry_flash *flash, uint32_t address, uint32_t len)
{
    uint8_t raw[PIECE];
    for (uint32_t at = 0; at < len; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        int status = flash->read(flash->ctx, address + at, raw, n);
        if (status < 0)
            return status;
        if (!ferry_sink_flash_all_ff(raw, n))
            return 0;
    }
    return 1;
}

int ferry_sink_flash_erase(const struct ferry_flash *flash, uint32_t address, uint32_t len)
{
    int status = ferry_sink_flash_blank(flash, address, len);
    if (status != 0)
        return status < 0 ? status : FERRY_OK;
    status = flash->erase(flash->ctx, address, len);
    return status == FERRY_FLASH_BUSY ? FERRY_SINK_BUSY : status;
}

static int hash_some(struct ferry_sink_flash_hash *self, const struct ferry_digest *digest, ferry_sink_flash_read *read,
                     void *ctx)
{
    uint8_t raw[PIECE];
    uint32_t done = 0;
    while (self->at < self->len && done < A_CALL) {
        uint32_t at = self->offset + self->at, left = self->len - self->at, n = left < PIECE ? left : PIECE;
        int status = read(ctx, at, raw, n);
        self->blank = self->blank && status == 1;
        if (status >= 0)
            status = digest->update(digest->ctx, raw, n);
        if (status < 0)
            return status;
        self->at += n;
        done += n;
    }
    return self->at < self->len ? FERRY_SINK_BUSY : FERRY_OK;
}

int ferry_sink_flash_hash(struct ferry_sink_flash_hash *self, const struct ferry_digest *digest, uint32_t offset,
                          uint32_t len, ferry_sink_flash_read *read, void *ctx, uint8_t sha256[32], bool *blank)
{
    if (!self->busy || self->offset != offset || self->len != len) {
        *self = (struct ferry_sink_flash_hash){offset, len, 0, false, true};
        if (digest->begin(digest->ctx, FERRY_DIGEST_SHA256) < 0)
            return FERRY_ERR_STORAGE_READ;
    }
    int status = hash_some(self, digest, read, ctx);
    self->busy = status == FERRY_SINK_BUSY;
    if (status != FERRY_OK)
        return status;
    *blank = self->blank;
    return digest->finish(digest->ctx, sha256, 32) < 0 ? FERRY_ERR_STORAGE_READ : FERRY_OK;
}
