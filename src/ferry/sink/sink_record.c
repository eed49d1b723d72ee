#include "ferry/sink/sink_record.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/crc32.h"

#define SIZE FERRY_SINK_RECORD_SIZE

enum { AT_SLOT = 4, AT_SIZE = 8, AT_SEQ = 12, AT_SHA = 16, AT_CRC = 48, AT_MARKS = 52 };

static const uint8_t MAGIC[4] = {'F', 'j', 'U', '1'};

static uint32_t crc_of(const uint8_t raw[SIZE])
{
    return ferry_crc32_le(ferry_crc32_le(0, raw, AT_SEQ), raw + AT_SHA, AT_CRC - AT_SHA);
}

static bool all_ff(const uint8_t *raw, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (raw[i] != 0xFF)
            return false;
    return true;
}

static uint8_t zeros(uint8_t bits)
{
    uint8_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        n = (uint8_t)(n + !(bits >> i & 1));
    return n;
}

static void decode(struct ferry_sink_record *self, const uint8_t raw[SIZE])
{
    self->slot = raw[AT_SLOT];
    self->options = raw[AT_SLOT + 1];
    self->attempts = raw[AT_SLOT + 2];
    self->size = ferry_load32le(raw + AT_SIZE);
    self->seq = ferry_load32le(raw + AT_SEQ);
    memcpy(self->sha256, raw + AT_SHA, sizeof self->sha256);
    self->selected = raw[FERRY_SINK_RECORD_SELECTED] != 0xFF;
    self->confirmed = raw[FERRY_SINK_RECORD_CONFIRMED] != 0xFF;
    self->aborted = raw[FERRY_SINK_RECORD_ABORTED] != 0xFF;
    self->started = raw[FERRY_SINK_RECORD_STARTED] != 0xFF;
    self->reason = FERRY_GIVE_UP_NONE;
    for (unsigned i = 4; i > 0; i--)
        if (raw[FERRY_SINK_RECORD_REASON + i - 1] != 0xFF)
            self->reason = (uint8_t)i;
    self->failures = zeros(raw[FERRY_SINK_RECORD_FAILURES]);
    self->power_losses = zeros(raw[FERRY_SINK_RECORD_POWER_LOSSES]);
}

int ferry_sink_record_last(const struct ferry_flash *flash, uint32_t sector, struct ferry_sink_record *out)
{
    uint8_t raw[SIZE];
    memset(out, 0, sizeof *out);
    for (uint32_t at = FERRY_FLASH_SECTOR - SIZE; at >= SIZE; at -= SIZE) {
        int status = flash->read(flash->ctx, sector + at, raw, sizeof raw);
        if (status < 0)
            return status;
        if (memcmp(raw, MAGIC, sizeof MAGIC) == 0 && ferry_load32le(raw + AT_CRC) == crc_of(raw)) {
            decode(out, raw);
            out->address = sector + at;
            break;
        }
    }
    return FERRY_OK;
}

int ferry_sink_record_room(const struct ferry_flash *flash, uint32_t sector, uint32_t *address)
{
    uint8_t raw[SIZE];
    *address = 0;
    for (uint32_t at = FERRY_FLASH_SECTOR - SIZE; at >= SIZE; at -= SIZE) {
        int status = flash->read(flash->ctx, sector + at, raw, sizeof raw);
        if (status < 0)
            return status;
        if (!all_ff(raw, sizeof raw))
            break;
        *address = sector + at;
    }
    return FERRY_OK;
}

static int put(const struct ferry_flash *flash, uint32_t address, const uint8_t *bytes, size_t len)
{
    uint8_t back[SIZE];
    int status = flash->program(flash->ctx, address, bytes, len);
    if (status >= 0)
        status = flash->read(flash->ctx, address, back, len);
    if (status < 0)
        return status;
    return memcmp(back, bytes, len) == 0 ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

int ferry_sink_record_write(const struct ferry_flash *flash, struct ferry_sink_record *self)
{
    uint8_t raw[SIZE];
    memset(raw, 0xFF, sizeof raw);
    memcpy(raw, MAGIC, sizeof MAGIC);
    raw[AT_SLOT] = self->slot;
    raw[AT_SLOT + 1] = self->options;
    raw[AT_SLOT + 2] = self->attempts;
    ferry_store32le(raw + AT_SIZE, self->size);
    memcpy(raw + AT_SHA, self->sha256, sizeof self->sha256);
    ferry_store32le(raw + AT_CRC, crc_of(raw));
    decode(self, raw);
    return put(flash, self->address, raw, AT_MARKS);
}

int ferry_sink_record_set_seq(const struct ferry_flash *flash, struct ferry_sink_record *self, uint32_t seq)
{
    uint8_t raw[4];
    ferry_store32le(raw, seq);
    self->seq = seq;
    return put(flash, self->address + AT_SEQ, raw, sizeof raw);
}

// What the record says is read back, so that RAM never knows more than flash.
static int follow(const struct ferry_flash *flash, struct ferry_sink_record *self)
{
    uint8_t raw[SIZE];
    int status = flash->read(flash->ctx, self->address, raw, sizeof raw);
    if (status >= 0)
        decode(self, raw);
    return status;
}

int ferry_sink_record_set(const struct ferry_flash *flash, struct ferry_sink_record *self,
                          enum ferry_sink_record_mark mark)
{
    static const uint8_t set = 0;
    int status = put(flash, self->address + mark, &set, 1);
    return status < 0 ? status : follow(flash, self);
}

int ferry_sink_record_count(const struct ferry_flash *flash, struct ferry_sink_record *self,
                            enum ferry_sink_record_mark counter)
{
    uint8_t byte;
    int status = flash->read(flash->ctx, self->address + counter, &byte, 1);
    if (status < 0)
        return status;
    byte = (uint8_t)(byte & (byte - 1)); // its lowest bit that is still set
    status = put(flash, self->address + counter, &byte, 1);
    return status < 0 ? status : follow(flash, self);
}

int ferry_sink_record_give_up(const struct ferry_flash *flash, struct ferry_sink_record *self,
                              enum ferry_give_up reason)
{
    if (self->reason != FERRY_GIVE_UP_NONE) // the first one counts
        return FERRY_OK;
    if (reason < FERRY_GIVE_UP_NOT_CONFIRMED || reason > FERRY_GIVE_UP_ASKED)
        return FERRY_ERR_ARG;
    static const uint8_t set = 0;
    int status = put(flash, self->address + FERRY_SINK_RECORD_REASON + (uint32_t)reason - 1, &set, 1);
    return status < 0 ? status : follow(flash, self);
}

bool ferry_sink_record_unfinished(const struct ferry_sink_record *self)
{
    return self->address && !self->selected && !self->aborted && self->reason == FERRY_GIVE_UP_NONE;
}

bool ferry_sink_record_on_trial(const struct ferry_sink_record *self)
{
    return self->address && self->selected && !self->confirmed && !self->aborted && self->reason == FERRY_GIVE_UP_NONE;
}
