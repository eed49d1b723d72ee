#include "ferry/sink/sink_layout.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/partition_table.h"

#define ROW FERRY_PARTITION_TABLE_ROW_SIZE

int ferry_sink_layout_row(const struct ferry_flash *flash, uint32_t table, unsigned index, struct ferry_sink_row *row)
{
    uint8_t raw[ROW];
    if (index >= FERRY_PARTITION_TABLE_MAX_ROWS)
        return 0;
    int status = flash->read(flash->ctx, table + index * ROW, raw, sizeof raw);
    if (status < 0)
        return status;
    if (raw[0] != 0xAA || raw[1] != 0x50) // the MD5 row, or the end
        return 0;
    row->type = raw[2];
    row->subtype = raw[3];
    row->place.address = ferry_load32le(raw + 4);
    row->place.size = ferry_load32le(raw + 8);
    memcpy(row->label, raw + 12, sizeof row->label - 1);
    row->label[sizeof row->label - 1] = 0;
    return 1;
}

static bool sound(const struct ferry_sink_place *place, uint32_t flash_size)
{
    return place->size > 0 && place->address % FERRY_FLASH_SECTOR == 0 && place->size % FERRY_FLASH_SECTOR == 0 &&
           place->address <= flash_size && place->size <= flash_size - place->address;
}

// Where a row counts twice the last one does, as in the bootloader.
static void take_app(struct ferry_sink_layout *self, const struct ferry_sink_row *row)
{
    if (row->subtype == FERRY_PARTITION_TABLE_FACTORY) {
        self->factory = row->place;
    } else if (row->subtype == FERRY_PARTITION_TABLE_TEST) {
        self->test = row->place;
    } else if ((row->subtype & 0xF0) == FERRY_PARTITION_TABLE_OTA_0) {
        self->ota[row->subtype & 0x0F] = row->place;
        self->ota_rows++;
    }
}

static int take(struct ferry_sink_layout *self, const struct ferry_sink_row *row, uint32_t flash_size)
{
    bool app = row->type == FERRY_PARTITION_TABLE_APP;
    bool otadata = row->type == FERRY_PARTITION_TABLE_DATA && row->subtype == FERRY_PARTITION_TABLE_OTADATA;
    if ((app || otadata) && !sound(&row->place, flash_size))
        return FERRY_ERR_PARTITION_TABLE;
    if (app)
        take_app(self, row);
    if (otadata)
        self->otadata = row->place;
    return FERRY_OK;
}

int ferry_sink_layout_read(struct ferry_sink_layout *self, const struct ferry_flash *flash, uint32_t table)
{
    struct ferry_sink_row row;
    unsigned rows = 0;
    int more, status = FERRY_OK;
    memset(self, 0, sizeof *self);
    self->table = table;
    while ((more = ferry_sink_layout_row(flash, table, rows, &row)) > 0 && status == FERRY_OK) {
        status = take(self, &row, flash->size);
        rows++;
    }
    if (more < 0)
        return more;
    for (unsigned i = 0; i < FERRY_SINK_LAYOUT_OTA && i < self->ota_rows; i++)
        self->ota_count = (uint8_t)(self->ota_count + (self->ota[i].size > 0));
    return rows == 0 ? FERRY_ERR_PARTITION_TABLE : status;
}

int ferry_sink_layout_slot_at(const struct ferry_sink_layout *self, uint32_t address)
{
    for (int i = 0; i < FERRY_SINK_LAYOUT_OTA; i++)
        if (self->ota[i].size && self->ota[i].address == address)
            return i;
    if (self->factory.size && self->factory.address == address)
        return -1;
    return self->test.size && self->test.address == address ? -2 : -3;
}

struct ferry_sink_place ferry_sink_layout_place(const struct ferry_sink_layout *self, int slot)
{
    static const struct ferry_sink_place none;
    if (slot >= 0)
        return slot < FERRY_SINK_LAYOUT_OTA ? self->ota[slot] : none;
    return slot == -1 ? self->factory : slot == -2 ? self->test : none;
}
