// Any bytes as a partition table: what is accepted makes sense, the checks say so without overflow.
#include <stdlib.h>
#include <string.h>

#include "ferry/codec/partition_table.h"

static void sensible(const struct ferry_partition_table *table, uint32_t flash_size)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct ferry_partition *row = &table->rows[i];
        if (row->size == 0 || row->size > flash_size || row->address > flash_size - row->size)
            abort();
        if (ferry_partition_table_at(table, row->address) != row ||
            ferry_partition_table_at(table, row->address + row->size - 1) != row)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_partition_table table;
    int status = ferry_partition_table_parse(&table, data, size);
    if (table.count > FERRY_PARTITION_TABLE_MAX_ROWS || !table.detail || (status < 0) != (table.detail[0] != 0))
        abort();
    for (size_t i = 0; i < table.count; i++) {
        if (strlen(table.rows[i].label) > 16)
            abort();
        ferry_partition_table_type_name(table.rows[i].type);
        ferry_partition_table_subtype_name(table.rows[i].type, table.rows[i].subtype);
        ferry_partition_table_label(&table, table.rows[i].label);
    }
    if (status == 0 && ferry_partition_table_check(&table, 16 << 20) == 0)
        sensible(&table, 16 << 20);
    if (status == 0)
        ferry_partition_table_check(&table, 0);
    ferry_partition_table_slots(&table);
    return 0;
}
