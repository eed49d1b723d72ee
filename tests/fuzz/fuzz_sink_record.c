// Any contents of an otadata sector: what is taken for a record lies in it, a new one goes where the flash is blank,
// what is written comes back, and nothing ever asks the flash to set a bit. The first bytes of the input say what is
// done.
#include <stdlib.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/sink/sink_record.h"

#define SECTOR 0xd000u
#define ENTRY 32u

static uint8_t sector[FERRY_FLASH_SECTOR];

static int flash_read(void *ctx, uint32_t address, uint8_t *bytes, size_t len)
{
    (void)ctx;
    if (address < SECTOR || address - SECTOR > sizeof sector || len > sizeof sector - (address - SECTOR))
        abort();
    memcpy(bytes, sector + (address - SECTOR), len);
    return FERRY_OK;
}

static int flash_program(void *ctx, uint32_t address, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    if (address < SECTOR + ENTRY || address - SECTOR > sizeof sector || len > sizeof sector - (address - SECTOR))
        abort(); // never over the bootloader's own entry
    for (size_t i = 0; i < len; i++) {
        uint8_t *byte = &sector[address - SECTOR + i];
        if (bytes[i] & ~*byte)
            abort(); // a bit that would have to be set
        *byte &= bytes[i];
    }
    return FERRY_OK;
}

static void check_place(uint32_t address)
{
    if (address < SECTOR + ENTRY || address > SECTOR + sizeof sector - FERRY_SINK_RECORD_SIZE)
        abort();
}

static bool same(const struct ferry_sink_record *a, const struct ferry_sink_record *b)
{
    return a->address == b->address && a->slot == b->slot && a->options == b->options && a->attempts == b->attempts &&
           a->size == b->size && memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0 && a->selected == b->selected &&
           a->confirmed == b->confirmed && a->aborted == b->aborted && a->started == b->started &&
           a->failures == b->failures && a->power_losses == b->power_losses;
}

static void change(const struct ferry_flash *flash, struct ferry_sink_record *record, uint8_t op)
{
    static const enum ferry_sink_record_mark marks[] = {FERRY_SINK_RECORD_SELECTED, FERRY_SINK_RECORD_CONFIRMED,
                                                        FERRY_SINK_RECORD_ABORTED, FERRY_SINK_RECORD_STARTED};
    int status;
    if (op % 4 == 0)
        status = ferry_sink_record_set(flash, record, marks[op / 4 % 4]);
    else if (op % 4 == 1)
        status = ferry_sink_record_count(flash, record,
                                         op & 4 ? FERRY_SINK_RECORD_FAILURES : FERRY_SINK_RECORD_POWER_LOSSES);
    else if (op % 4 == 2)
        status = ferry_sink_record_give_up(flash, record, (enum ferry_give_up)(1 + op / 4 % 4));
    else
        status = record->seq == UINT32_MAX ? ferry_sink_record_set_seq(flash, record, op) : FERRY_OK; // once
    if (status != FERRY_OK && status != FERRY_ERR_WRITE_FAILED)
        abort();
    if (record->failures > FERRY_SINK_RECORD_BITS || record->power_losses > FERRY_SINK_RECORD_BITS)
        abort();
}

static void write_one(const struct ferry_flash *flash, const uint8_t *data)
{
    struct ferry_sink_record record = {
        .slot = data[0] % 16, .options = data[1], .attempts = data[2], .size = data[3] + 1u};
    struct ferry_sink_record back;
    uint32_t address;
    if (ferry_sink_record_room(flash, SECTOR, &address) != FERRY_OK || address == 0)
        return;
    check_place(address);
    record.address = address;
    memset(record.sha256, data[1], sizeof record.sha256);
    if (ferry_sink_record_write(flash, &record) != FERRY_OK)
        return;
    if (ferry_sink_record_last(flash, SECTOR, &back) != FERRY_OK || !same(&record, &back) ||
        !ferry_sink_record_unfinished(&back))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_flash flash = {.size = 4u << 20, .read = flash_read, .program = flash_program};
    struct ferry_sink_record record;
    if (size < 16)
        return 0;
    size_t len = size - 16 < sizeof sector ? size - 16 : sizeof sector;
    memset(sector, 0xff, sizeof sector);
    memcpy(sector, data + 16, len);
    for (int i = 0; i < 16; i += 4) {
        if (data[i] & 0x80)
            write_one(&flash, data + i);
        if (ferry_sink_record_last(&flash, SECTOR, &record) != FERRY_OK)
            abort();
        if (record.address == 0)
            continue;
        check_place(record.address);
        for (int k = 1; k < 4; k++)
            change(&flash, &record, data[i + k]);
    }
    return 0;
}
