#include "ferry/sink/sink_ota.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/sink/sink_ota_parts.h"

#define SECTOR FERRY_FLASH_SECTOR
#define BLOCK FERRY_FLASH_BLOCK
#define HEAD FERRY_SINK_OTA_HEAD
#define PIECE FERRY_SINK_FLASH_PIECE
#define WRITE_UNIT 256u

int ferry_sink_ota_read(const struct ferry_sink_ota *self, uint32_t address, uint8_t *bytes, size_t len)
{
    return self->cfg.flash->read(self->cfg.flash->ctx, address, bytes, len);
}

int ferry_sink_ota_blank(const struct ferry_sink_ota *self, uint32_t address, uint32_t len)
{
    return ferry_sink_flash_blank(self->cfg.flash, address, len);
}

int ferry_sink_ota_digest(const struct ferry_sink_ota *self, uint32_t address, uint32_t len, uint8_t sha256[32])
{
    const struct ferry_digest *d = self->cfg.digest;
    uint8_t raw[PIECE];
    int status = d->begin(d->ctx, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; status >= 0 && at < len; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        status = ferry_sink_ota_read(self, address + at, raw, n);
        if (status >= 0)
            status = d->update(d->ctx, raw, n);
    }
    return status < 0 ? status : d->finish(d->ctx, sha256, 32);
}

// ---- which slot

// With a broken image in slot `from` the bootloader would come to the running firmware next: no other slot that looks
// bootable lies on its way (the lower ones downwards, factory, the higher ones upwards, test).
static bool falls_to_running(const struct ferry_sink_ota *self, int from)
{
    int way[FERRY_SINK_LAYOUT_OTA + 2], steps = 0;
    uint8_t first;
    for (int slot = from - 1; slot >= -1; slot--)
        way[steps++] = slot;
    for (int slot = from + 1; slot < self->layout.ota_rows && slot < FERRY_SINK_LAYOUT_OTA; slot++)
        way[steps++] = slot;
    for (int i = 0; i < steps; i++) {
        struct ferry_sink_place place = ferry_sink_layout_place(&self->layout, way[i]);
        if (way[i] == self->running)
            return true;
        if (place.size && (ferry_sink_ota_read(self, place.address, &first, 1) < 0 || first == 0xE9))
            return false;
    }
    return self->running == -2;
}

static bool can_be_target(const struct ferry_sink_ota *self, int slot)
{
    return slot >= 0 && slot != self->running && slot < self->layout.ota_rows && slot < FERRY_SINK_LAYOUT_OTA &&
           self->layout.ota[slot].size > 0;
}

int ferry_sink_ota_target(const struct ferry_sink_ota *self)
{
    int n = self->layout.ota_rows < FERRY_SINK_LAYOUT_OTA ? self->layout.ota_rows : FERRY_SINK_LAYOUT_OTA;
    int start = self->running < 0 ? 0 : self->running + 1, any = -1;
    for (int i = 0; i < n; i++) {
        int slot = (start + i) % n;
        if (!can_be_target(self, slot))
            continue;
        if (falls_to_running(self, slot))
            return slot;
        any = any < 0 ? slot : any;
    }
    return any;
}

// ---- what the target is

static void set_text(char *to, size_t cap, const char *from)
{
    size_t n = 0;
    for (; from && from[n] && n + 1 < cap; n++)
        to[n] = from[n];
    to[n] = 0;
}

static void list_slots(const struct ferry_sink_ota *self, struct ferry_target_info *out)
{
    struct ferry_sink_row row;
    int target = ferry_sink_ota_target(self);
    for (unsigned i = 0; ferry_sink_layout_row(self->cfg.flash, self->layout.table, i, &row) > 0; i++) {
        if (row.type != 0 || out->slot_count == FERRY_MANIFEST_SLOTS)
            continue;
        struct ferry_slot *slot = &out->slots[out->slot_count++];
        int number = ferry_sink_layout_slot_at(&self->layout, row.place.address);
        memcpy(slot->label, row.label, sizeof slot->label);
        slot->size = row.place.size;
        slot->flags = (uint8_t)((number == self->running ? FERRY_SLOT_RUNNING : 0) |
                                (number >= 0 && number == target ? FERRY_SLOT_TARGET : 0));
    }
}

static uint8_t attempts_left(const struct ferry_sink_ota *self)
{
    if (self->boot_state != FERRY_BOOT_TRIAL)
        return 0;
    uint8_t most = self->record.address && self->record.attempts ? self->record.attempts : 1;
    return (uint8_t)(most > self->record.failures ? most - self->record.failures : 1);
}

static void learn_running(struct ferry_sink_ota *self)
{
    struct ferry_sink_place place = ferry_sink_layout_place(&self->layout, self->running);
    uint32_t size;
    self->running_known = true;
    if (ferry_sink_ota_image_size(self, place.address, place.size, &size) < 0 ||
        ferry_sink_ota_digest(self, place.address, size, self->running_sha256) < 0)
        memset(self->running_sha256, 0, sizeof self->running_sha256);
}

static int info(void *ctx, struct ferry_target_info *out)
{
    struct ferry_sink_ota *self = ctx;
    memset(out, 0, sizeof *out);
    if (!self->running_known)
        learn_running(self);
    out->chip = self->cfg.chip;
    out->revision = self->cfg.revision;
    memcpy(out->mac, self->cfg.mac, sizeof out->mac);
    set_text(out->project, sizeof out->project, self->cfg.project);
    set_text(out->version, sizeof out->version, self->cfg.version);
    memcpy(out->sha256, self->running_sha256, sizeof out->sha256);
    out->boot_state = (uint8_t)self->boot_state;
    out->give_up = self->record.address ? self->record.reason : FERRY_GIVE_UP_NONE;
    out->attempts_left = attempts_left(self);
    list_slots(self, out);
    out->erase_unit = BLOCK;
    out->erase_ms = self->cfg.erase_ms ? self->cfg.erase_ms : 400;
    out->write_unit = WRITE_UNIT;
    out->any_order = true;
    out->deaf = self->cfg.deaf;
    out->unfinished = ferry_sink_record_unfinished(&self->record);
    if (out->unfinished) {
        out->unfinished_size = self->record.size;
        memcpy(out->unfinished_sha256, self->record.sha256, sizeof out->unfinished_sha256);
    }
    return FERRY_OK;
}

// ---- begin

int ferry_sink_ota_head_check(const struct ferry_sink_ota *self, const uint8_t head[FERRY_MANIFEST_HEAD])
{
    uint16_t chip = ferry_load16le(head + 12), min = ferry_load16le(head + 15), max = ferry_load16le(head + 17);
    if (head[0] != 0xE9 || head[1] == 0 || head[1] > 16)
        return FERRY_ERR_IMAGE_FORMAT;
    if (chip != self->cfg.chip)
        return FERRY_ERR_IMAGE_CHIP;
    if (self->cfg.revision < min || (max != 0 && max != 0xFFFF && self->cfg.revision > max))
        return FERRY_ERR_IMAGE_REVISION;
    return FERRY_OK;
}

static bool same_update(const struct ferry_sink_record *record, const struct ferry_manifest *manifest)
{
    return ferry_sink_record_unfinished(record) && record->size == manifest->size &&
           memcmp(record->sha256, manifest->sha256, sizeof record->sha256) == 0;
}

static int refusal(const struct ferry_sink_ota *self, const struct ferry_manifest *m, int slot)
{
    if (m->kind != FERRY_MANIFEST_FIRMWARE)
        return FERRY_ERR_UNSUPPORTED;
    if (slot < 0)
        return FERRY_ERR_NO_SLOT;
    if (self->layout.otadata.size < 2 * SECTOR)
        return FERRY_ERR_NO_PLACE;
    if (self->boot_state == FERRY_BOOT_TRIAL || self->given_up)
        return FERRY_ERR_STATE;
    if (m->size > self->layout.ota[slot].size)
        return FERRY_ERR_TOO_LARGE_PARTITION;
    if (m->size < HEAD)
        return FERRY_ERR_IMAGE_FORMAT;
    if (m->chip != FERRY_MANIFEST_CHIP_ANY && m->chip != self->cfg.chip)
        return FERRY_ERR_IMAGE_CHIP;
    return m->head_len == FERRY_MANIFEST_HEAD ? ferry_sink_ota_head_check(self, m->head) : FERRY_OK;
}

static int begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct ferry_sink_ota *self = ctx;
    bool again = same_update(&self->record, manifest) && can_be_target(self, self->record.slot);
    int slot = again ? self->record.slot : ferry_sink_ota_target(self);
    int status = refusal(self, manifest, slot);
    if (status < 0)
        return status;
    uint8_t first = 0xFF;
    if ((status = ferry_sink_ota_read(self, self->layout.ota[slot].address, &first, 1)) < 0)
        return status;
    self->manifest = *manifest;
    self->target = (int8_t)slot;
    self->place = self->layout.ota[slot];
    self->phase = FERRY_SINK_OTA_OPEN;
    self->head_len = 0;
    self->ready_from = self->ready_to = HEAD;
    self->hash.busy = false;
    self->end_step = 0;
    // An unfinished update of another image may have left parts that both have in common.
    plan->have = ferry_sink_record_unfinished(&self->record) || first == 0xE9 ? manifest->size : 0;
    plan->withheld = HEAD;
    return FERRY_OK;
}

// ---- write

// Before the first byte of the slot changes: the running firmware is selected explicitly, what is begun is noted.
static int protect(struct ferry_sink_ota *self)
{
    int home;
    int status = ferry_sink_otadata_settle(&self->otadata, self->running, true, &home);
    if (status < 0)
        return status;
    self->home = (int8_t)home;
    uint32_t sector = ferry_sink_otadata_sector(&self->otadata, home);
    if ((status = ferry_sink_record_last(self->cfg.flash, sector, &self->record)) < 0)
        return status;
    if (same_update(&self->record, &self->manifest) && self->record.slot == self->target &&
        self->record.options == (uint8_t)self->manifest.options)
        return FERRY_OK;
    memset(&self->record, 0, sizeof self->record);
    self->record.slot = (uint8_t)self->target;
    self->record.options = (uint8_t)self->manifest.options;
    self->record.attempts = self->cfg.attempts > 8 ? 8 : self->cfg.attempts;
    self->record.size = self->manifest.size;
    memcpy(self->record.sha256, self->manifest.sha256, sizeof self->record.sha256);
    uint32_t room = 0;
    if ((status = ferry_sink_record_room(self->cfg.flash, sector, &room)) < 0)
        return status;
    self->record.address = room;
    return ferry_sink_record_write(self->cfg.flash, &self->record);
}

static int erase(struct ferry_sink_ota *self, uint32_t offset, uint32_t len)
{
    return ferry_sink_flash_erase(self->cfg.flash, self->place.address + offset, len);
}

int ferry_sink_ota_start_writing(struct ferry_sink_ota *self)
{
    int status = protect(self);
    if (status >= 0)
        self->phase = FERRY_SINK_OTA_WRITING;
    return status;
}

// Nothing in the slot may be bootable while it is written: whatever stands where the withheld bytes belong goes first.
// hash() says of that sector that it is not in order, so nobody relies on it.
static int behead(struct ferry_sink_ota *self)
{
    int blank = ferry_sink_ota_blank(self, self->place.address, HEAD);
    return blank < 0 ? blank : blank ? FERRY_OK : erase(self, 0, SECTOR);
}

static bool block_fits(const struct ferry_sink_ota *self, uint32_t from, uint32_t limit)
{
    return (self->place.address + from) % BLOCK == 0 && from < limit && limit - from >= BLOCK;
}

static int prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct ferry_sink_ota *self = ctx;
    if (self->phase != FERRY_SINK_OTA_OPEN && self->phase != FERRY_SINK_OTA_WRITING)
        return FERRY_ERR_STATE;
    if (offset >= end || end > self->manifest.size || (offset < HEAD && end > HEAD))
        return FERRY_ERR_ARG;
    *ready_to = end;
    if (end <= HEAD)
        return FERRY_OK;
    int status = self->phase == FERRY_SINK_OTA_OPEN ? ferry_sink_ota_start_writing(self) : FERRY_OK;
    if (status == FERRY_OK)
        status = behead(self);
    if (status != FERRY_OK)
        return status;
    uint32_t from = offset & ~(SECTOR - 1), limit = (end + SECTOR - 1) & ~(SECTOR - 1);
    uint32_t unit = block_fits(self, from, limit) ? BLOCK : SECTOR;
    status = erase(self, from, unit);
    if (status != FERRY_OK)
        return status;
    self->ready_from = offset;
    self->ready_to = from + unit < end ? from + unit : end;
    *ready_to = self->ready_to;
    return FERRY_OK;
}

static int take_head(struct ferry_sink_ota *self, uint32_t offset, const uint8_t *bytes, size_t len)
{
    size_t n = len < HEAD - offset ? len : HEAD - offset;
    if (offset > self->head_len)
        return FERRY_ERR_STATE;
    memcpy(self->head + offset, bytes, n);
    if (offset + n > self->head_len)
        self->head_len = (uint16_t)(offset + n);
    int status = self->head_len >= FERRY_MANIFEST_HEAD ? ferry_sink_ota_head_check(self, self->head) : FERRY_OK;
    return status < 0 ? status : (int)n;
}

static int chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_sink_ota *self = ctx;
    if (self->phase != FERRY_SINK_OTA_OPEN && self->phase != FERRY_SINK_OTA_WRITING)
        return FERRY_ERR_STATE;
    if (offset < HEAD)
        return take_head(self, offset, bytes, len);
    if (self->phase == FERRY_SINK_OTA_OPEN || offset < self->ready_from || offset > self->ready_to ||
        len > self->ready_to - offset)
        return FERRY_ERR_STATE;
    int status = self->cfg.flash->program(self->cfg.flash->ctx, self->place.address + offset, bytes, len);
    return status < 0 ? FERRY_ERR_WRITE_FAILED : (int)len;
}

// ---- hash

// Bytes as they will be: the withheld ones count where the flash waits for them (blank). Other bytes there make the
// hash come out wrong, so that the sector is sent and erased.
static int read_piece(void *ctx, uint32_t at, uint8_t *raw, size_t len)
{
    const struct ferry_sink_ota *self = ctx;
    int status = ferry_sink_ota_read(self, self->place.address + at, raw, len);
    if (status < 0)
        return status;
    bool blank = ferry_sink_flash_all_ff(raw, len);
    size_t n = at >= HEAD ? 0 : len < HEAD - at ? len : HEAD - at; // withheld
    if (n && self->head_len == HEAD && ferry_sink_flash_all_ff(raw, n))
        memcpy(raw, self->head + at, n);
    else
        memset(raw, 0, n);
    return blank;
}

static int hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    struct ferry_sink_ota *self = ctx;
    if (self->phase == FERRY_SINK_OTA_IDLE || offset > self->place.size || len > self->place.size - offset)
        return FERRY_ERR_STATE;
    return ferry_sink_flash_hash(&self->hash, self->cfg.digest, offset, len, read_piece, self, sha256, blank);
}

// ---- the rest

static int abort_update(void *ctx)
{
    struct ferry_sink_ota *self = ctx;
    self->hash.busy = false;
    if (self->phase != FERRY_SINK_OTA_DONE)
        self->phase = FERRY_SINK_OTA_IDLE;
    if (!ferry_sink_record_unfinished(&self->record))
        return FERRY_OK;
    return ferry_sink_record_set(self->cfg.flash, &self->record, FERRY_SINK_RECORD_ABORTED);
}

static int reboot(void *ctx)
{
    struct ferry_sink_ota *self = ctx;
    return self->cfg.restart ? self->cfg.restart(self->cfg.restart_ctx) : FERRY_OK;
}

struct ferry_sink ferry_sink_ota(struct ferry_sink_ota *self)
{
    struct ferry_sink sink = {self,
                              info,
                              begin,
                              prepare,
                              chunk,
                              hash,
                              ferry_sink_ota_end,
                              abort_update,
                              ferry_sink_ota_confirm,
                              ferry_sink_ota_revert,
                              reboot};
    return sink;
}

int ferry_sink_ota_init(struct ferry_sink_ota *self, const struct ferry_sink_ota_cfg *cfg)
{
    memset(self, 0, sizeof *self);
    if (!cfg->flash || !cfg->digest)
        return FERRY_ERR_ARG;
    self->cfg = *cfg;
    self->home = self->target = -1;
    int status = ferry_sink_layout_read(&self->layout, cfg->flash, cfg->table ? cfg->table : 0x8000);
    if (status < 0)
        return status;
    int slot = ferry_sink_layout_slot_at(&self->layout, cfg->running);
    if (slot < -2)
        return FERRY_ERR_NO_PLACE;
    self->running = (int8_t)slot;
    self->otadata.flash = cfg->flash;
    self->otadata.address = self->layout.otadata.address;
    self->otadata.slots = self->layout.ota_rows;
    return FERRY_OK;
}
