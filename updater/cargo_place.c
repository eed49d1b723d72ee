// Where files go that come without an address: by the cargo's own partition table, or by the target's.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/codec/otadata.h"
#include "updater/cargo_work.h"

static int table_failure(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset,
                         int status)
{
    if (status != FERRY_ERR_PARTITION_TABLE)
        return ferry_cargo_fail(work, status, item, offset, "reading the partition table failed");
    ferry_cargo_fail(work, status, item, offset + work->table.error_offset, "partition table in %s, row %u: %s",
                     item->shown, (unsigned)(work->table.error_offset / FERRY_PARTITION_TABLE_ROW_SIZE),
                     work->table.detail);
    if (strstr(work->table.detail, "beyond the flash")) // it is whole, but for another board
        ferry_fault_hint(work->fault,
                         "it is for a board with more flash: this one has %u KB; build for that size, or name "
                         "the real one with --flash-size",
                         (unsigned)(work->flash_size / 1024));
    return status;
}

// The table that the cargo brings: a file of its own, or inside a merged image.
static int own_table(struct ferry_cargo_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        struct ferry_cargo_work_item *item = &work->items[i];
        uint32_t offset = 0;
        bool merged = item->content == FERRY_CARGO_MERGED_IMAGE && item->table_address != UINT32_MAX;
        bool table = item->role == FERRY_CARGO_ROLE_TABLE ||
                     (item->role == FERRY_CARGO_ROLE_UNKNOWN && item->content == FERRY_CARGO_TABLE);
        if (!merged && !table)
            continue;
        if (merged)
            offset = item->table_address - item->base;
        else
            item->role = FERRY_CARGO_ROLE_TABLE;
        int status = ferry_cargo_table(&item->source, offset, work->flash_size, work->options->digest, &work->table);
        if (status < 0)
            return table_failure(work, item, offset, status);
        work->has_table = true;
        work->table_address = merged         ? item->table_address
                              : item->placed ? item->address
                                             : FERRY_PARTITION_TABLE_ADDRESS;
        return FERRY_OK;
    }
    return FERRY_OK;
}

static bool is_slot(const struct ferry_partition *row)
{
    return row->type == FERRY_PARTITION_TABLE_APP && (row->subtype & 0xf0) == FERRY_PARTITION_TABLE_OTA_0;
}

// Where Arduino's and PlatformIO's tools write the app: into the app partition that comes first in the flash.
static const struct ferry_partition *first_app(const struct ferry_partition_table *table)
{
    const struct ferry_partition *first = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct ferry_partition *row = &table->rows[i];
        bool app =
            is_slot(row) || (row->type == FERRY_PARTITION_TABLE_APP && row->subtype == FERRY_PARTITION_TABLE_FACTORY);
        if (app && (!first || row->address < first->address))
            first = row;
    }
    return first;
}

static void place_at(struct ferry_cargo_work_item *item, uint32_t address)
{
    item->address = address;
    item->placed = true;
}

static int read_made(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_cargo_work_item *item = ctx;
    memset(buf, 0xFF, len);
    for (size_t i = 0; i < len && offset + i < sizeof item->made; i++)
        buf[i] = item->made[offset + i];
    return FERRY_OK;
}

// An export comes without otadata. What an earlier firmware left there might select another slot, so it is written
// anew: one entry that selects the app's slot (as Arduino's boot_app0.bin), or none for a factory app.
static int make_otadata(struct ferry_cargo_work *work, const struct ferry_partition *app)
{
    const struct ferry_partition *row =
        ferry_partition_table_find(&work->table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    if (!row || work->count == FERRY_CARGO_MAX_REGIONS)
        return FERRY_OK;
    struct ferry_cargo_work_item *item = &work->items[work->count++];
    memset(item, 0, sizeof *item);
    item->file.fd = -1;
    item->role = FERRY_CARGO_ROLE_OTADATA;
    item->chip_id = FERRY_CHIP_ANY;
    strcpy(item->shown, "otadata (made here)");
    memset(item->made, 0xFF, sizeof item->made);
    if (is_slot(app)) {
        struct ferry_otadata_entry entry;
        ferry_otadata_make(&entry, (app->subtype & 15u) + 1, FERRY_OTADATA_UNDEFINED);
        ferry_otadata_encode(&entry, item->made);
    }
    item->source = (struct ferry_source){.ctx = item, .size = row->size, .read = read_made};
    place_at(item, row->address);
    return FERRY_OK;
}

static int place_otadata(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    const struct ferry_partition *row =
        ferry_partition_table_find(&work->table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    if (!row)
        return ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, item, UINT32_MAX,
                                "%s is otadata, and the partition table has no place for it", item->shown);
    place_at(item, row->address);
    return FERRY_OK;
}

static int place_export(struct ferry_cargo_work *work)
{
    const struct ferry_partition *app = work->has_table ? first_app(&work->table) : NULL;
    bool otadata = false;
    if (!app)
        return ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, &work->items[0], UINT32_MAX,
                                "the partition table beside %s has no app partition", work->items[0].shown);
    for (size_t i = 0; i < work->count; i++) {
        struct ferry_cargo_work_item *item = &work->items[i];
        int status = FERRY_OK;
        if (item->role == FERRY_CARGO_ROLE_APP)
            place_at(item, app->address);
        else if (item->role == FERRY_CARGO_ROLE_BOOTLOADER)
            place_at(item, work->chip->bootloader_offset);
        else if (item->role == FERRY_CARGO_ROLE_TABLE)
            place_at(item, FERRY_PARTITION_TABLE_ADDRESS);
        else if (item->role == FERRY_CARGO_ROLE_OTADATA)
            status = place_otadata(work, item);
        otadata |= item->role == FERRY_CARGO_ROLE_OTADATA;
        if (status < 0)
            return status;
    }
    return otadata ? FERRY_OK : make_otadata(work, app);
}

// ---- a single app ----

static int read_target(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *app, uint32_t address,
                       uint8_t *buf, size_t len)
{
    const struct ferry_cargo_options *options = work->options;
    if (!options->read_target || work->target->secure_download) {
        int status =
            ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, app, UINT32_MAX,
                             "%s is an app alone, and the target's partition table cannot be read", app->shown);
        ferry_fault_hint(work->fault, "give its address, as in 0x10000 %s, or bring the whole build folder",
                         app->shown);
        return status;
    }
    int status = options->read_target(options->read_ctx, address, buf, len);
    if (status < 0)
        ferry_cargo_fail(work, status, app, UINT32_MAX, "reading the target's flash at 0x%x failed (to place %s)",
                         (unsigned)address, app->shown);
    return status;
}

static int target_table(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *app)
{
    uint8_t bytes[FERRY_PARTITION_TABLE_SIZE];
    int status = read_target(work, app, FERRY_PARTITION_TABLE_ADDRESS, bytes, sizeof bytes);
    if (status < 0)
        return status;
    status = ferry_cargo_table_bytes(bytes, sizeof bytes, work->flash_size, work->options->digest, &work->table);
    if (status < 0) {
        bool erased = bytes[0] == 0xFF && bytes[1] == 0xFF;
        ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, app, UINT32_MAX,
                         "%s is an app alone, and the target has no usable partition table at 0x8000 (%s)", app->shown,
                         erased ? "erased flash" : work->table.detail);
        ferry_fault_hint(work->fault, "bring bootloader and partition table too: the whole build folder, or a merged "
                                      "image");
        return FERRY_ERR_NO_PLACE;
    }
    work->has_table = work->table_of_target = true;
    work->table_address = FERRY_PARTITION_TABLE_ADDRESS;
    return FERRY_OK;
}

static int read_choice(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *app, uint32_t address,
                       struct ferry_otadata_choice *choice, uint32_t *state)
{
    struct ferry_otadata_entry entries[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE];
        int status = read_target(work, app, address + i * FERRY_OTADATA_SECTOR_SIZE, bytes, sizeof bytes);
        if (status < 0)
            return status;
        ferry_otadata_decode(&entries[i], bytes);
    }
    *choice = ferry_otadata_choose(entries, ferry_partition_table_slots(&work->table));
    *state = choice->entry >= 0 ? entries[choice->entry].state : FERRY_OTADATA_UNDEFINED;
    return FERRY_OK;
}

// The slot that the bootloader starts: the one that otadata selects, else factory, else ota_0.
static int active_slot(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *app,
                       const struct ferry_partition **out)
{
    const struct ferry_partition_table *table = &work->table;
    const struct ferry_partition *otadata =
        ferry_partition_table_find(table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    struct ferry_otadata_choice choice = {.slot = -1, .entry = -1, .damaged = false};
    uint32_t state = FERRY_OTADATA_UNDEFINED;
    int status = FERRY_OK;
    if (otadata && otadata->size >= 2 * FERRY_OTADATA_SECTOR_SIZE && ferry_partition_table_slots(table) > 0)
        status = read_choice(work, app, otadata->address, &choice, &state);
    if (status < 0)
        return status;
    if (choice.slot >= 0)
        *out = ferry_partition_table_find(table, FERRY_PARTITION_TABLE_APP,
                                          (uint8_t)(FERRY_PARTITION_TABLE_OTA_0 + choice.slot));
    else
        *out = ferry_partition_table_find(table, FERRY_PARTITION_TABLE_APP, FERRY_PARTITION_TABLE_FACTORY);
    if (!*out && choice.slot < 0)
        *out = ferry_partition_table_find(table, FERRY_PARTITION_TABLE_APP, FERRY_PARTITION_TABLE_OTA_0);
    if (!*out)
        return ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, app, UINT32_MAX,
                                "%s is an app alone, and the target's partition table has no app partition for it",
                                app->shown);
    ferry_cargo_warn(work, "%.60s goes to \"%s\" at 0x%x: %s", app->shown, (*out)->label, (unsigned)(*out)->address,
                     choice.slot >= 0 ? "the slot that the target's otadata selects"
                                      : "the app partition that the target starts");
    if (state == FERRY_OTADATA_PENDING_VERIFY)
        ferry_cargo_warn(work, "that slot waits for a confirmation; a bootloader with rollback gives it up at the next "
                               "reset");
    return FERRY_OK;
}

static int place_app(struct ferry_cargo_work *work, struct ferry_cargo_work_item *app)
{
    const struct ferry_partition *row;
    if (work->chip->id == FERRY_CHIP_ESP8266) {
        place_at(app, 0);
        return FERRY_OK;
    }
    int status = target_table(work, app);
    if (status >= 0)
        status = active_slot(work, app, &row);
    if (status >= 0)
        place_at(app, row->address);
    return status;
}

static int place_one(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    if (item->content == FERRY_CARGO_MERGED_IMAGE) {
        place_at(item, item->base);
        return FERRY_OK;
    }
    if (item->content == FERRY_CARGO_APP_IMAGE)
        return place_app(work, item);
    int status =
        ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, item, UINT32_MAX, "no address is known for %s", item->shown);
    return status;
}

int ferry_cargo_place(struct ferry_cargo_work *work)
{
    int status = own_table(work);
    if (status >= 0 && work->cargo->kind == FERRY_CARGO_ARDUINO)
        status = place_export(work);
    for (size_t i = 0; status >= 0 && i < work->count; i++)
        if (!work->items[i].placed)
            status = place_one(work, &work->items[i]);
    return status;
}
