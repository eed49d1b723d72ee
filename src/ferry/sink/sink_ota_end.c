// The end of an update: everything is checked in flash, the withheld bytes are written, the new firmware is selected.
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/image.h"
#include "ferry/sink/sink_ota_parts.h"

#define HEAD FERRY_SINK_OTA_HEAD
#define PIECE FERRY_SINK_FLASH_PIECE

enum end_step { CHECK_HASH, CHECK_IMAGE, WRITE_HEAD, SELECT };

// One pass of the image parser over flash, with the withheld bytes (NULL: none) in their place.
struct pass {
    const struct ferry_sink_ota *self;
    struct ferry_image image;
    uint32_t address, limit;
    const uint8_t *head;
};

static int feed(struct pass *p, const uint8_t *raw, size_t len)
{
    const struct ferry_digest *d = p->self->cfg.digest;
    for (size_t at = 0; at < len && !ferry_image_ended(&p->image);) {
        bool hashed = ferry_image_in_hash(&p->image);
        size_t n = ferry_image_feed(&p->image, raw + at, len - at);
        if (n == 0)
            break;
        int status = hashed ? d->update(d->ctx, raw + at, n) : FERRY_OK;
        if (status < 0)
            return status;
        at += n;
    }
    return FERRY_OK;
}

static int walk(struct pass *p)
{
    const struct ferry_digest *d = p->self->cfg.digest;
    uint8_t raw[PIECE], sha256[32];
    int status = d->begin(d->ctx, FERRY_DIGEST_SHA256);
    ferry_image_init(&p->image, FERRY_IMAGE_ESP32);
    for (uint32_t at = 0; status >= 0 && at < p->limit && !ferry_image_ended(&p->image); at += PIECE) {
        size_t n = p->limit - at < PIECE ? p->limit - at : PIECE;
        status = ferry_sink_ota_read(p->self, p->address + at, raw, n);
        if (p->head && at < HEAD)
            memcpy(raw, p->head + at, n < HEAD - at ? n : HEAD - at);
        if (status >= 0)
            status = feed(p, raw, n);
        if (p->image.status < 0)
            break;
    }
    if (status >= 0)
        status = d->finish(d->ctx, sha256, sizeof sha256);
    return status < 0 ? FERRY_ERR_STORAGE_READ : ferry_image_finish(&p->image, sha256);
}

int ferry_sink_ota_image_size(struct ferry_sink_ota *self, uint32_t address, uint32_t limit, uint32_t *size)
{
    struct pass p = {.self = self, .address = address, .limit = limit};
    int status = walk(&p);
    *size = p.image.size;
    return status < 0 ? status : FERRY_OK;
}

static int check_hash(struct ferry_sink_ota *self)
{
    uint8_t sha256[32];
    bool blank;
    struct ferry_sink sink = ferry_sink_ota(self);
    int status = sink.hash(self, 0, self->manifest.size, sha256, &blank);
    if (status != FERRY_OK)
        return status;
    return memcmp(sha256, self->manifest.sha256, sizeof sha256) == 0 ? FERRY_OK : FERRY_ERR_VERIFY;
}

static int check_image(struct ferry_sink_ota *self)
{
    struct pass p = {.self = self, .address = self->place.address, .limit = self->manifest.size, .head = self->head};
    int status = walk(&p);
    return status < 0 ? status : ferry_sink_ota_head_check(self, self->head);
}

static int write_head(struct ferry_sink_ota *self)
{
    const struct ferry_flash *flash = self->cfg.flash;
    uint8_t back[HEAD];
    int status = flash->program(flash->ctx, self->place.address, self->head, HEAD);
    if (status >= 0)
        status = flash->read(flash->ctx, self->place.address, back, HEAD);
    if (status < 0)
        return status;
    return memcmp(back, self->head, HEAD) == 0 ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int finish(struct ferry_sink_ota *self)
{
    struct ferry_sink_otadata *otadata = &self->otadata;
    struct ferry_sink_record *record = &self->record;
    int than = self->running < 0 ? -1 : self->home;
    int status =
        ferry_sink_record_set_seq(self->cfg.flash, record, ferry_sink_otadata_seq(otadata, self->target, than));
    if (status >= 0)
        status = ferry_sink_record_set(self->cfg.flash, record, FERRY_SINK_RECORD_SELECTED);
    if (status >= 0)
        status = ferry_sink_ota_select(self);
    if (status >= 0)
        self->phase = FERRY_SINK_OTA_DONE;
    return status;
}

// Hash and image are looked at first, so that something that is wrong changes nothing. The slot begins to be bootable
// with its head, and is started only with the entry.
int ferry_sink_ota_end(void *ctx)
{
    struct ferry_sink_ota *self = ctx;
    if (self->phase == FERRY_SINK_OTA_DONE)
        return FERRY_OK;
    if (self->phase == FERRY_SINK_OTA_IDLE || self->head_len != HEAD)
        return FERRY_ERR_STATE;
    int status = FERRY_OK;
    if (self->phase == FERRY_SINK_OTA_OPEN) // all of it was there already
        status = ferry_sink_ota_start_writing(self);
    while (status == FERRY_OK && self->end_step <= SELECT) {
        switch ((enum end_step)self->end_step) {
        case CHECK_HASH:
            status = check_hash(self);
            break;
        case CHECK_IMAGE:
            status = check_image(self);
            break;
        case WRITE_HEAD:
            status = write_head(self);
            break;
        case SELECT:
            status = finish(self);
            break;
        }
        if (status == FERRY_OK)
            self->end_step++;
    }
    return status;
}
