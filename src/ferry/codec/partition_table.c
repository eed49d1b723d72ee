#include "ferry/codec/partition_table.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"

#define ROW FERRY_PARTITION_TABLE_ROW_SIZE

static int wrong(struct ferry_partition_table *self, uint32_t offset, const char *detail)
{
    self->error_offset = offset;
    self->detail = detail;
    return FERRY_ERR_PARTITION_TABLE;
}

static void take_row(struct ferry_partition *row, const uint8_t *bytes)
{
    row->type = bytes[2];
    row->subtype = bytes[3];
    row->address = ferry_load32le(bytes + 4);
    row->size = ferry_load32le(bytes + 8);
    row->flags = ferry_load32le(bytes + 28);
    size_t n = 0;
    for (; n < 16 && bytes[12 + n]; n++)
        row->label[n] = (char)(bytes[12 + n] < 0x20 || bytes[12 + n] == 0x7f ? '?' : bytes[12 + n]);
    row->label[n] = 0;
}

static bool erased(const uint8_t *bytes)
{
    for (size_t i = 0; i < ROW; i++)
        if (bytes[i] != 0xFF)
            return false;
    return true;
}

static int take(struct ferry_partition_table *self, const uint8_t *row, uint32_t offset)
{
    if (row[0] == 0xEB && row[1] == 0xEB) {
        if (self->has_md5)
            return wrong(self, offset, "a second MD5 row");
        self->has_md5 = true;
        self->md5_length = offset;
        memcpy(self->md5, row + 16, 16);
        return FERRY_OK;
    }
    if (row[0] != 0xAA || row[1] != 0x50)
        return wrong(self, offset, "a row that does not begin with AA 50");
    if (self->has_md5)
        return wrong(self, offset, "a row behind the MD5 row");
    take_row(&self->rows[self->count++], row);
    return FERRY_OK;
}

int ferry_partition_table_parse(struct ferry_partition_table *self, const uint8_t *bytes, size_t len)
{
    memset(self, 0, sizeof *self);
    self->detail = "";
    if (len > FERRY_PARTITION_TABLE_SIZE)
        len = FERRY_PARTITION_TABLE_SIZE;
    uint32_t offset = 0;
    for (; offset + ROW <= len; offset += ROW) {
        if (erased(bytes + offset))
            return self->count ? FERRY_OK : wrong(self, 0, "no rows: the table is empty");
        if (self->count == FERRY_PARTITION_TABLE_MAX_ROWS && bytes[offset] == 0xAA)
            return wrong(self, offset, "more than 95 rows");
        int status = take(self, bytes + offset, offset);
        if (status)
            return status;
    }
    if (offset < len)
        return wrong(self, offset, "a row that is cut off");
    if (self->count == 0)
        return wrong(self, 0, "no rows");
    return len < FERRY_PARTITION_TABLE_SIZE ? FERRY_OK : wrong(self, offset, "no end mark");
}

static const char *row_problem(const struct ferry_partition *row, uint32_t flash_size)
{
    if (row->size == 0)
        return "a partition of size 0";
    if (row->size > UINT32_MAX - row->address)
        return "a partition whose end is beyond 4 GB";
    if (flash_size && row->address + row->size > flash_size)
        return "a partition that ends beyond the flash";
    if (row->type == FERRY_PARTITION_TABLE_DATA && row->subtype == FERRY_PARTITION_TABLE_OTADATA && row->size < 0x2000)
        return "an otadata partition of less than two sectors (8 KB): the bootloader gives up on it";
    if (row->address % (row->type == FERRY_PARTITION_TABLE_APP ? 0x10000u : 0x1000u))
        return row->type == FERRY_PARTITION_TABLE_APP ? "an app partition that is not at a multiple of 64 KB"
                                                      : "a partition that is not on a 4 KB sector";
    return NULL;
}

static bool overlap(const struct ferry_partition *a, const struct ferry_partition *b)
{
    return a->address < b->address + b->size && b->address < a->address + a->size;
}

int ferry_partition_table_check(struct ferry_partition_table *self, uint32_t flash_size)
{
    for (uint32_t i = 0; i < self->count; i++) {
        const char *problem = row_problem(&self->rows[i], flash_size);
        if (problem)
            return wrong(self, i * ROW, problem);
        for (uint32_t j = 0; j < i; j++)
            if (overlap(&self->rows[i], &self->rows[j]))
                return wrong(self, i * ROW, "two partitions that overlap");
    }
    return FERRY_OK;
}

const struct ferry_partition *ferry_partition_table_at(const struct ferry_partition_table *self, uint32_t address)
{
    for (size_t i = 0; i < self->count; i++)
        if (address >= self->rows[i].address && address - self->rows[i].address < self->rows[i].size)
            return &self->rows[i];
    return NULL;
}

const struct ferry_partition *ferry_partition_table_find(const struct ferry_partition_table *self, uint8_t type,
                                                         uint8_t subtype)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->rows[i].type == type && self->rows[i].subtype == subtype)
            return &self->rows[i];
    return NULL;
}

const struct ferry_partition *ferry_partition_table_label(const struct ferry_partition_table *self, const char *label)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->rows[i].label, label) == 0)
            return &self->rows[i];
    return NULL;
}

uint8_t ferry_partition_table_slots(const struct ferry_partition_table *self)
{
    uint8_t slots = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->rows[i].type == FERRY_PARTITION_TABLE_APP && (self->rows[i].subtype & 0xf0) == 0x10)
            slots++;
    return slots;
}

const char *ferry_partition_table_type_name(uint8_t type)
{
    static const char *const names[] = {"app", "data", "bootloader", "partition_table"};
    return type < 4 ? names[type] : NULL;
}

const char *ferry_partition_table_subtype_name(uint8_t type, uint8_t subtype)
{
    static const char *const ota[] = {"ota_0", "ota_1", "ota_2",  "ota_3",  "ota_4",  "ota_5",  "ota_6",  "ota_7",
                                      "ota_8", "ota_9", "ota_10", "ota_11", "ota_12", "ota_13", "ota_14", "ota_15"};
    static const char *const data[] = {"ota", "phy", "nvs", "coredump", "nvs_keys", "efuse", "undefined"};
    static const char *const files[] = {"esphttpd", "fat", "spiffs", "littlefs", "tee_ota"};
    if (type == FERRY_PARTITION_TABLE_APP && (subtype & 0xf0) == 0x10)
        return ota[subtype & 15];
    if (type == FERRY_PARTITION_TABLE_APP && subtype == FERRY_PARTITION_TABLE_FACTORY)
        return "factory";
    if (type == FERRY_PARTITION_TABLE_APP && subtype == FERRY_PARTITION_TABLE_TEST)
        return "test";
    if (type == FERRY_PARTITION_TABLE_DATA && subtype < sizeof data / sizeof data[0])
        return data[subtype];
    if (type == FERRY_PARTITION_TABLE_DATA && subtype >= 0x80 && subtype < 0x80 + sizeof files / sizeof files[0])
        return files[subtype - 0x80];
    if ((type == FERRY_PARTITION_TABLE_BOOTLOADER || type == FERRY_PARTITION_TABLE_TABLE) && subtype < 2)
        return subtype ? "ota" : "primary";
    return NULL;
}
