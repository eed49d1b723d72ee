// The partition table as the second-stage bootloader reads it: 96 rows of 32 bytes, an MD5 row, a row of FF as the end.
// Format: ESP-IDF Programming Guide, "Partition Tables". What is accepted and what not: tests/vectors/boot, group
// table.
#include <mbedtls/md.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot_internal.h"

enum {
    ROW = 32,
    ROWS = 96, // 0xC00 bytes
    MAGIC_ROW = 0x50aa,
    MAGIC_MD5 = 0xebeb,
    TYPE_APP = 0,
    TYPE_DATA = 1,
    SUB_FACTORY = 0x00,
    SUB_OTA = 0x10,
    SUB_TEST = 0x20,
    SUB_DATA_OTA = 0x00,
};

static bool row_in_flash(struct sim_boot *b, int index, const uint8_t *row)
{
    uint32_t offset = ferry_load32le(row + 4), size = ferry_load32le(row + 8);
    // The sum wraps around as it does in the bootloader: a size of FFFFFFFF passes.
    if (offset <= b->chip_size && (uint32_t)(offset + size) <= b->chip_size)
        return true;
    sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "flash_parts",
                 "partition %d invalid - offset 0x%x size 0x%x exceeds flash chip size 0x%x", index, (unsigned)offset,
                 (unsigned)size, (unsigned)b->chip_size);
    return false;
}

static bool md5_fits(struct sim_boot *b, const uint8_t *rows, int index)
{
    uint8_t digest[16];
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_MD5), rows, (size_t)index * ROW, digest);
    if (memcmp(digest, rows + index * ROW + 16, sizeof digest) == 0)
        return true;
    sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "flash_parts", "Incorrect MD5 checksum");
    return false;
}

// Number of rows before the end, without the MD5 row; -1 = the table is refused.
static int table_verify(struct sim_boot *b, const uint8_t *rows)
{
    int md5_rows = 0;
    for (int i = 0; i < ROWS; i++) {
        const uint8_t *row = rows + i * ROW;
        uint16_t magic = ferry_load16le(row);
        if (magic == MAGIC_ROW) {
            if (!row_in_flash(b, i, row))
                return -1;
        } else if (magic == MAGIC_MD5) {
            if (md5_rows++) {
                sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "flash_parts", "Only one MD5 checksum is allowed");
                return -1;
            }
            if (!md5_fits(b, rows, i))
                return -1;
        } else if (magic == 0xffff && row[2] == 0xff && row[3] == 0xff) {
            return i - md5_rows;
        } else {
            sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "flash_parts", "partition %d invalid magic number 0x%x", i, magic);
            return -1;
        }
    }
    sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "flash_parts", "partition table has no terminating entry, not valid");
    return -1;
}

static void take(struct sim_boot_part *part, const uint8_t *row)
{
    part->offset = ferry_load32le(row + 4);
    part->size = ferry_load32le(row + 8);
    memcpy(part->label, row + 12, 16);
    part->label[16] = 0;
    for (char *c = part->label; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '_';
    if (!part->label[0])
        strcpy(part->label, "(unnamed)");
}

static const char *take_app(struct sim_boot_table *t, const uint8_t *row)
{
    uint8_t subtype = row[3];
    if (subtype == SUB_FACTORY) {
        take(&t->factory, row);
        return "factory app";
    }
    if (subtype == SUB_TEST) {
        take(&t->test, row);
        return "test app";
    }
    if ((subtype & 0xf0) != SUB_OTA)
        return "Unknown app";
    take(&t->ota[subtype & 0x0f], row);
    t->ota_rows++;
    return "OTA app";
}

static const char *take_data(struct sim_boot_table *t, const uint8_t *row)
{
    switch (row[3]) {
    case SUB_DATA_OTA:
        take(&t->otadata, row);
        return "OTA data";
    case 0x01:
        return "RF data";
    case 0x02:
        return "WiFi data";
    case 0x04:
        return "NVS keys";
    case 0x05:
        return "efuse";
    default:
        return "Unknown data";
    }
}

static void take_row(struct sim_boot *b, struct sim_boot_table *t, int index, const uint8_t *row)
{
    const char *usage = "unknown";
    if (row[2] == TYPE_APP)
        usage = take_app(t, row);
    else if (row[2] == TYPE_DATA)
        usage = take_data(t, row);
    struct sim_boot_part shown;
    take(&shown, row);
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "%2d %-16s %-16s %02x %02x %08x %08x", index, shown.label, usage,
                 row[2], row[3], (unsigned)shown.offset, (unsigned)shown.size);
}

bool sim_boot_table_load(struct sim_boot *b, struct sim_boot_table *table)
{
    uint8_t rows[ROWS * ROW];
    memset(table, 0, sizeof *table);
    sim_boot_read(b, b->table_offset, rows, sizeof rows);
    int count = table_verify(b, rows);
    if (count < 0) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "Failed to verify partition table");
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot", "load partition table error!");
        return false;
    }
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "Partition Table:");
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "## Label            Usage          Type ST Offset   Length");
    for (int i = 0; i < count; i++)
        take_row(b, table, i, rows + i * ROW);
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "boot", "End of partition table");
    return true;
}
