#include "rig_parts.h"

#include <string.h>

#include "ferry/base/status.h"

static int sink_info(void *ctx, struct ferry_target_info *out)
{
    struct rig *r = ctx;
    *out = r->info;
    return FERRY_OK;
}

static int sink_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    struct rig *r = ctx;
    if (r->refuse)
        return r->refuse;
    if (m->chip != FERRY_MANIFEST_CHIP_ANY && m->chip != r->info.chip)
        return FERRY_ERR_IMAGE_CHIP;
    if (m->size > r->slot_size)
        return FERRY_ERR_TOO_LARGE_PARTITION;
    bool same = r->open && r->begun_size == m->size && memcmp(r->begun_sha, m->sha256, 32) == 0;
    plan->have = same ? m->size : 0;
    plan->withheld = r->withhold = m->size > r->cfg.withheld ? r->cfg.withheld : 0;
    r->open = true;
    r->selected = false;
    r->begun_size = m->size;
    memcpy(r->begun_sha, m->sha256, 32);
    return FERRY_OK;
}

static void spend(struct rig *r, int64_t us)
{
    if (us > 0 && !r->cfg.instant_flash)
        r->cost_us += (uint64_t)us;
}

static bool is_blank(const struct rig *r, uint32_t at, uint32_t len)
{
    const uint8_t *p = sim_flash_bytes(r->flash) + SLOT + at;
    for (uint32_t i = 0; i < len; i++)
        if (p[i] != 0xff)
            return false;
    return true;
}

static int sink_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct rig *r = ctx;
    if (r->withhold && offset == 0 && end <= r->withhold) {
        *ready_to = end;
        return FERRY_OK;
    }
    uint32_t sector = offset & ~4095u, stop = (end + 4095u) & ~4095u;
    bool block = sector % 65536 == 0 && stop - sector >= 65536;
    uint32_t len = block ? 65536 : 4096;
    *ready_to = sector + len;
    if (is_blank(r, sector, len))
        return FERRY_OK;
    r->erases++;
    r->erasing = true;
    int64_t us =
        block ? sim_flash_erase_block(r->flash, SLOT + sector) : sim_flash_erase_sector(r->flash, SLOT + sector);
    spend(r, us);
    return us < 0 ? FERRY_ERR_WRITE_FAILED : FERRY_OK;
}

static int sink_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct rig *r = ctx;
    if (offset < r->withhold) {
        size_t n = len < r->withhold - offset ? len : r->withhold - offset;
        memcpy(r->withheld + offset, bytes, n);
        r->withheld_have = offset + (uint32_t)n;
        return (int)n;
    }
    int64_t us = sim_flash_program(r->flash, SLOT + offset, bytes, len);
    if (us < 0)
        return FERRY_ERR_WRITE_FAILED;
    uint32_t page_us = r->cfg.page_us ? r->cfg.page_us : 1400;
    spend(r, (int64_t)(page_us * ((len + 255) / 256)));
    return (int)len;
}

static int sink_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha[32], bool *blank)
{
    struct rig *r = ctx;
    const struct ferry_digest *d = &r->sink_digest;
    const uint8_t *flash = sim_flash_bytes(r->flash) + SLOT;
    uint32_t held = offset < r->withheld_have ? r->withheld_have - offset : 0;
    held = held < len ? held : len;
    d->begin(d->ctx, FERRY_DIGEST_SHA256);
    d->update(d->ctx, r->withheld + offset, held);
    d->update(d->ctx, flash + offset + held, len - held);
    d->finish(d->ctx, sha, 32);
    *blank = is_blank(r, offset, len) && !held;
    spend(r, (int64_t)len * (r->cfg.hash_us_per_kib ? r->cfg.hash_us_per_kib : 200) / 1024);
    return FERRY_OK;
}

static int sink_end(void *ctx)
{
    struct rig *r = ctx;
    if (r->withheld_have && !r->selected)
        sim_flash_program(r->flash, SLOT, r->withheld, r->withheld_have);
    spend(r, 2 * 45000);
    r->erasing = true;
    r->selected = true;
    r->open = false;
    return FERRY_OK;
}

static int sink_abort(void *ctx)
{
    struct rig *r = ctx;
    r->open = r->selected = false;
    return FERRY_OK;
}

static int sink_confirm(void *ctx)
{
    struct rig *r = ctx;
    r->confirmed = true;
    r->info.boot_state = FERRY_BOOT_CONFIRMED;
    return FERRY_OK;
}

static int sink_revert(void *ctx, enum ferry_give_up reason)
{
    struct rig *r = ctx;
    if (r->info.boot_state != FERRY_BOOT_TRIAL)
        return FERRY_ERR_STATE;
    r->reverted = true;
    r->info.boot_state = FERRY_BOOT_REVERTED;
    r->info.give_up = (uint8_t)reason;
    memset(r->info.sha256, 0x11, 32);
    strcpy(r->info.version, "1.0");
    return FERRY_OK;
}

// What was selected runs afterwards, on trial; the firmware is the same receiver.
static int sink_reboot(void *ctx)
{
    struct rig *r = ctx;
    r->reboots++;
    if (r->selected) {
        memcpy(r->info.sha256, r->begun_sha, 32);
        strcpy(r->info.version, "2.0");
        r->info.boot_state = FERRY_BOOT_TRIAL;
        r->selected = false;
    }
    return FERRY_OK;
}

struct ferry_sink rig_sink(struct rig *r)
{
    return (struct ferry_sink){r,        sink_info,  sink_begin,   sink_prepare, sink_chunk, sink_hash,
                               sink_end, sink_abort, sink_confirm, sink_revert,  sink_reboot};
}
