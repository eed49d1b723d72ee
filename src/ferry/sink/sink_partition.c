#include "ferry/sink/sink_partition.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ferry/codec/partition_table.h"

#define SECTOR FERRY_FLASH_SECTOR
#define BLOCK FERRY_FLASH_BLOCK
#define WRITE_UNIT 256u

static bool overlaps(const struct ferry_sink_place *a, uint32_t address, uint32_t size)
{
    return a->address < address + size && address < a->address + a->size;
}

static bool is_otadata(const struct ferry_sink_row *row)
{
    return row->type == FERRY_PARTITION_TABLE_DATA && row->subtype == FERRY_PARTITION_TABLE_OTADATA;
}

// 1: a row that may be written, 0: not; negative: reading failed.
static int writable(const struct ferry_sink_partition *self, const struct ferry_sink_row *row)
{
    const struct ferry_sink_place *place = &row->place;
    struct ferry_sink_row other;
    int more = 0;
    if (row->type != FERRY_PARTITION_TABLE_DATA || is_otadata(row) || place->size == 0 || place->address % SECTOR ||
        place->size % SECTOR || place->address > self->flash->size || place->size > self->flash->size - place->address)
        return 0;
    if (place->address < self->table + SECTOR) // the table, and the bootloader below it
        return 0;
    for (unsigned i = 0; (more = ferry_sink_layout_row(self->flash, self->table, i, &other)) > 0; i++)
        if ((other.type == FERRY_PARTITION_TABLE_APP || is_otadata(&other)) &&
            overlaps(place, other.place.address, other.place.size))
            return 0;
    return more < 0 ? more : 1;
}

static bool same_label(const struct ferry_sink_row *row, const char *name)
{
    size_t n = 0;
    while (n < FERRY_MANIFEST_LABEL - 1 && name[n])
        n++;
    return n > 0 && !name[n] && strlen(row->label) == n && memcmp(row->label, name, n) == 0;
}

static int find(const struct ferry_sink_partition *self, const char *name, struct ferry_sink_row *row)
{
    int more;
    for (unsigned i = 0; (more = ferry_sink_layout_row(self->flash, self->table, i, row)) > 0; i++)
        if (same_label(row, name)) {
            int status = writable(self, row);
            return status == 0 ? FERRY_ERR_NO_PLACE : status < 0 ? status : FERRY_OK;
        }
    return more < 0 ? more : FERRY_ERR_NO_PLACE;
}

int ferry_sink_partition_list(const struct ferry_sink_partition *self, struct ferry_target_info *info)
{
    struct ferry_sink_row row;
    int more;
    for (unsigned i = 0; (more = ferry_sink_layout_row(self->flash, self->table, i, &row)) > 0; i++) {
        int status = info->slot_count < FERRY_MANIFEST_SLOTS ? writable(self, &row) : 0;
        if (status < 0)
            return status;
        if (status == 0)
            continue;
        struct ferry_slot *slot = &info->slots[info->slot_count++];
        memcpy(slot->label, row.label, sizeof slot->label);
        slot->flags = FERRY_SLOT_DATA;
        slot->size = row.place.size;
    }
    return more < 0 ? more : FERRY_OK;
}

static int info(void *ctx, struct ferry_target_info *out)
{
    memset(out, 0, sizeof *out);
    out->chip = FERRY_MANIFEST_CHIP_ANY;
    out->erase_unit = BLOCK;
    out->erase_ms = 400;
    out->write_unit = WRITE_UNIT;
    out->any_order = true;
    return ferry_sink_partition_list(ctx, out);
}

static int begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct ferry_sink_partition *self = ctx;
    struct ferry_sink_row row;
    if (manifest->kind != FERRY_MANIFEST_PARTITION)
        return FERRY_ERR_UNSUPPORTED;
    int status = find(self, manifest->name, &row);
    if (status < 0)
        return status;
    if (manifest->size > row.place.size)
        return FERRY_ERR_TOO_LARGE_PARTITION;
    self->open = true;
    self->done = self->hash.busy = false;
    self->manifest = *manifest;
    self->place = row.place;
    self->head_len = 0;
    self->head_size =
        (uint8_t)(manifest->size < FERRY_SINK_PARTITION_HEAD ? manifest->size : FERRY_SINK_PARTITION_HEAD);
    self->ready_from = self->ready_to = self->head_size;
    plan->have = manifest->size;
    plan->withheld = self->head_size;
    return FERRY_OK;
}

static int erase(struct ferry_sink_partition *self, uint32_t offset, uint32_t len)
{
    return ferry_sink_flash_erase(self->flash, self->place.address + offset, len);
}

// What begins like a whole file system must not stand while the rest of it changes.
static int behead(struct ferry_sink_partition *self)
{
    uint8_t raw[FERRY_SINK_PARTITION_HEAD];
    int status = self->flash->read(self->flash->ctx, self->place.address, raw, self->head_size);
    if (status < 0)
        return status;
    return ferry_sink_flash_all_ff(raw, self->head_size) ? FERRY_OK : erase(self, 0, SECTOR);
}

static int prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct ferry_sink_partition *self = ctx;
    if (!self->open || self->done)
        return FERRY_ERR_STATE;
    if (offset >= end || end > self->manifest.size || (offset < self->head_size && end > self->head_size))
        return FERRY_ERR_ARG;
    *ready_to = end;
    if (end <= self->head_size)
        return FERRY_OK;
    int status = behead(self);
    if (status != FERRY_OK)
        return status;
    uint32_t from = offset & ~(SECTOR - 1), limit = (end + SECTOR - 1) & ~(SECTOR - 1);
    uint32_t unit = (self->place.address + from) % BLOCK == 0 && limit - from >= BLOCK ? BLOCK : SECTOR;
    status = erase(self, from, unit);
    if (status != FERRY_OK)
        return status;
    self->ready_from = offset;
    *ready_to = self->ready_to = from + unit < end ? from + unit : end;
    return FERRY_OK;
}

static int chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_sink_partition *self = ctx;
    if (!self->open || self->done || len == 0)
        return FERRY_ERR_STATE;
    if (offset < self->head_size) {
        size_t n = len < (size_t)(self->head_size - offset) ? len : (size_t)(self->head_size - offset);
        if (offset > self->head_len)
            return FERRY_ERR_STATE;
        memcpy(self->head + offset, bytes, n);
        if (offset + n > self->head_len)
            self->head_len = (uint8_t)(offset + n);
        return (int)n;
    }
    if (offset < self->ready_from || offset > self->ready_to || len > self->ready_to - offset)
        return FERRY_ERR_STATE;
    int status = self->flash->program(self->flash->ctx, self->place.address + offset, bytes, len);
    return status < 0 ? FERRY_ERR_WRITE_FAILED : (int)len;
}

// The withheld bytes count as they will be where the flash waits for them; else the hash comes out wrong.
static void put_head(const struct ferry_sink_partition *self, uint32_t at, uint8_t *raw, size_t len)
{
    if (at >= self->head_size)
        return;
    size_t n = self->head_size - at < len ? self->head_size - at : len;
    bool right = self->head_len == self->head_size && ferry_sink_flash_all_ff(raw, n);
    if (right)
        memcpy(raw, self->head + at, n);
    else
        memset(raw, raw[0] ? 0 : 1, n);
}

static int read_piece(void *ctx, uint32_t at, uint8_t *raw, size_t len)
{
    const struct ferry_sink_partition *self = ctx;
    int status = self->flash->read(self->flash->ctx, self->place.address + at, raw, len);
    if (status < 0)
        return status;
    bool blank = ferry_sink_flash_all_ff(raw, len);
    put_head(self, at, raw, len);
    return blank;
}

static int hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    struct ferry_sink_partition *self = ctx;
    if (!self->open || offset > self->place.size || len > self->place.size - offset)
        return FERRY_ERR_STATE;
    return ferry_sink_flash_hash(&self->hash, self->digest, offset, len, read_piece, self, sha256, blank);
}

static int end(void *ctx)
{
    struct ferry_sink_partition *self = ctx;
    uint8_t sha256[32], back[FERRY_SINK_PARTITION_HEAD];
    bool blank;
    if (self->done)
        return FERRY_OK;
    if (!self->open || self->head_len != self->head_size)
        return FERRY_ERR_STATE;
    int status = hash(self, 0, self->manifest.size, sha256, &blank);
    if (status != FERRY_OK)
        return status;
    if (memcmp(sha256, self->manifest.sha256, sizeof sha256) != 0)
        return FERRY_ERR_VERIFY;
    status = self->flash->program(self->flash->ctx, self->place.address, self->head, self->head_size);
    if (status >= 0)
        status = self->flash->read(self->flash->ctx, self->place.address, back, self->head_size);
    if (status < 0)
        return status;
    self->done = memcmp(back, self->head, self->head_size) == 0;
    return self->done ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

static int abort_update(void *ctx)
{
    struct ferry_sink_partition *self = ctx;
    self->open = self->done = self->hash.busy = false;
    return FERRY_OK;
}

static int confirm(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static int revert(void *ctx, enum ferry_give_up reason)
{
    (void)ctx;
    (void)reason;
    return FERRY_ERR_STATE;
}

struct ferry_sink ferry_sink_partition(struct ferry_sink_partition *self)
{
    struct ferry_sink sink = {self, info, begin, prepare, chunk, hash, end, abort_update, confirm, revert, confirm};
    return sink;
}

int ferry_sink_partition_init(struct ferry_sink_partition *self, const struct ferry_flash *flash,
                              const struct ferry_digest *digest, uint32_t table)
{
    memset(self, 0, sizeof *self);
    if (!flash || !digest)
        return FERRY_ERR_ARG;
    self->flash = flash;
    self->digest = digest;
    self->table = table ? table : FERRY_PARTITION_TABLE_ADDRESS;
    return FERRY_OK;
}
