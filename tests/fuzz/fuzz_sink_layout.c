// Any partition table: what is found of it lies in the flash, on sectors, and is found again by its address. The flash
// is 0xff but for the table, and aborts on a read that leaves it.
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/sink/sink_layout.h"

#define TABLE 0x8000u
#define FLASH_SIZE (4u << 20)

static const uint8_t *table;
static size_t table_len;

static int flash_read(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    (void)ctx;
    if (address > FLASH_SIZE || len > FLASH_SIZE - address)
        abort();
    memset(bytes, 0xff, len);
    for (size_t i = 0; i < len; i++)
        if (address + i >= TABLE && address + i - TABLE < table_len)
            bytes[i] = table[address + i - TABLE];
    return FERRY_OK;
}

static void check_place(struct ferry_sink_place place)
{
    if (place.size == 0)
        return;
    if (place.address % FERRY_FLASH_SECTOR || place.address >= FLASH_SIZE || place.size > FLASH_SIZE - place.address)
        abort();
}

static void check_layout(const struct ferry_sink_layout *layout)
{
    if (layout->ota_count > FERRY_SINK_LAYOUT_OTA || layout->ota_count > layout->ota_rows)
        abort();
    check_place(layout->factory);
    check_place(layout->test);
    check_place(layout->otadata);
    for (int slot = -2; slot < layout->ota_count; slot++) {
        struct ferry_sink_place place = ferry_sink_layout_place(layout, slot);
        check_place(place);
        int found = place.size ? ferry_sink_layout_slot_at(layout, place.address) : slot;
        if (place.size && ferry_sink_layout_place(layout, found).address != place.address)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_sink_layout layout;
    struct ferry_sink_row row;
    struct ferry_flash flash = {.size = FLASH_SIZE, .read = flash_read};
    table = data;
    table_len = size;
    if (ferry_sink_layout_read(&layout, &flash, TABLE) == FERRY_OK)
        check_layout(&layout);
    unsigned rows = 0;
    while (ferry_sink_layout_row(&flash, TABLE, rows, &row) == 1) {
        if (++rows > 96 || !memchr(row.label, 0, sizeof row.label)) // 3 KB of 32 bytes each
            abort();
    }
    return 0;
}
