#include "ferry/sink/sink_otadata.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/sink/sink_record.h"

#define ENTRY FERRY_OTADATA_ENTRY_SIZE
#define AT_CRC 28u
#define SEQ_HIGH 0xFFFF0000u // from here on numbers start again from below

uint32_t ferry_sink_otadata_sector(const struct ferry_sink_otadata *self, int entry)
{
    return self->address + (entry ? FERRY_OTADATA_SECTOR_SIZE : 0);
}

int ferry_sink_otadata_load(struct ferry_sink_otadata *self)
{
    uint8_t raw[ENTRY];
    for (int i = 0; i < 2; i++) {
        int status = self->flash->read(self->flash->ctx, ferry_sink_otadata_sector(self, i), raw, sizeof raw);
        if (status < 0)
            return status;
        ferry_otadata_decode(&self->entries[i], raw);
    }
    return FERRY_OK;
}

int ferry_sink_otadata_names(const struct ferry_sink_otadata *self, int entry)
{
    uint32_t seq = self->entries[entry].seq;
    return seq == FERRY_OTADATA_EMPTY_SEQ || !self->slots ? -1 : (int)((seq - 1) % self->slots);
}

int ferry_sink_otadata_winner(const struct ferry_sink_otadata *self)
{
    return ferry_otadata_choose(self->entries, self->slots).entry;
}

uint32_t ferry_sink_otadata_seq(const struct ferry_sink_otadata *self, int slot, int than)
{
    uint32_t n = self->slots, seq = than < 0 ? 0 : self->entries[than].seq;
    return seq + 1 + ((uint32_t)slot + n - seq % n) % n;
}

static bool blank(const struct ferry_sink_otadata *self, uint32_t address, uint32_t len, int *status)
{
    uint8_t raw[64];
    for (uint32_t at = 0; at < len; at += sizeof raw) {
        size_t n = len - at < sizeof raw ? len - at : sizeof raw;
        *status = self->flash->read(self->flash->ctx, address + at, raw, n);
        for (size_t i = 0; *status >= 0 && i < n; i++)
            if (raw[i] != 0xFF)
                return false;
        if (*status < 0)
            return false;
    }
    return true;
}

static bool entry_blank(const struct ferry_sink_otadata *self, int entry)
{
    int status;
    return blank(self, ferry_sink_otadata_sector(self, entry), ENTRY, &status);
}

static int program(const struct ferry_sink_otadata *self, uint32_t address, const uint8_t *bytes, size_t len)
{
    uint8_t back[ENTRY];
    int status = self->flash->program(self->flash->ctx, address, bytes, len);
    if (status >= 0)
        status = self->flash->read(self->flash->ctx, address, back, len);
    if (status < 0)
        return status;
    return memcmp(back, bytes, len) == 0 ? FERRY_OK : FERRY_ERR_WRITE_FAILED;
}

int ferry_sink_otadata_strike(struct ferry_sink_otadata *self, int entry)
{
    static const uint8_t zero[4];
    if (self->entries[entry].crc == 0)
        return FERRY_OK;
    int status = program(self, ferry_sink_otadata_sector(self, entry) + AT_CRC, zero, sizeof zero);
    self->entries[entry].crc = 0;
    return status;
}

// Whatever bits change first, and wherever it stops: an entry that does not count must not begin to, of a state that
// refused it or of a crc that was torn. Clearing bits of a crc that fits or lacks a bit cannot make it right; one that
// has bits too many (its writing was cut) first loses those that belong there. The number stays: 0 has the crc
// FFFFFFFF.
static int disarm(struct ferry_sink_otadata *self, int entry)
{
    uint8_t raw[4];
    struct ferry_otadata_entry *e = &self->entries[entry];
    uint32_t right = ferry_otadata_crc(e->seq);
    int status = FERRY_OK;
    if (e->seq == FERRY_OTADATA_EMPTY_SEQ)
        return FERRY_OK;
    if (e->crc != right && (right & ~e->crc) == 0) {
        e->crc &= ~right;
        ferry_store32le(raw, e->crc);
        status = program(self, ferry_sink_otadata_sector(self, entry) + AT_CRC, raw, sizeof raw);
    }
    return status < 0 ? status : ferry_sink_otadata_strike(self, entry);
}

int ferry_sink_otadata_forget(struct ferry_sink_otadata *self, int entry)
{
    uint32_t sector = ferry_sink_otadata_sector(self, entry);
    int status = FERRY_OK;
    if (blank(self, sector, FERRY_OTADATA_SECTOR_SIZE, &status) || status < 0)
        return status;
    status = disarm(self, entry);
    while (status >= 0 &&
           (status = self->flash->erase(self->flash->ctx, sector, FERRY_OTADATA_SECTOR_SIZE)) == FERRY_FLASH_BUSY) {
    }
    return status < 0 ? status : ferry_sink_otadata_load(self);
}

int ferry_sink_otadata_write(struct ferry_sink_otadata *self, int entry, uint32_t seq, uint32_t state)
{
    uint8_t raw[ENTRY];
    uint32_t sector = ferry_sink_otadata_sector(self, entry);
    ferry_otadata_make(&self->entries[entry], seq, state);
    ferry_otadata_encode(&self->entries[entry], raw);
    int status = program(self, sector, raw, AT_CRC);
    return status < 0 ? status : program(self, sector + AT_CRC, raw + AT_CRC, ENTRY - AT_CRC);
}

// It counts, names the running slot, and no bootloader gives it up.
static bool for_good(const struct ferry_sink_otadata *self, int entry, int running)
{
    const struct ferry_otadata_entry *e = &self->entries[entry];
    return running >= 0 && ferry_otadata_usable(e) && ferry_sink_otadata_names(self, entry) == running &&
           e->state != FERRY_OTADATA_NEW && e->state != FERRY_OTADATA_PENDING_VERIFY;
}

static int factory_home(const struct ferry_sink_otadata *self)
{
    struct ferry_sink_record record;
    for (int i = 0; i < 2; i++)
        if (entry_blank(self, i) &&
            ferry_sink_record_last(self->flash, ferry_sink_otadata_sector(self, i), &record) >= 0 && record.address)
            return i;
    return entry_blank(self, 0) ? 0 : entry_blank(self, 1) ? 1 : -1;
}

int ferry_sink_otadata_home(const struct ferry_sink_otadata *self, int running)
{
    if (running < 0)
        return factory_home(self);
    bool first = for_good(self, 0, running), second = for_good(self, 1, running);
    if (first && second)
        return ferry_sink_otadata_winner(self);
    return first ? 0 : second ? 1 : -1;
}

// The running slot gets an entry of its own. Until that counts, things are as they were when the bootloader chose it:
// the entry that decides, if any, is not touched.
static int make_home(struct ferry_sink_otadata *self, int running, int *home)
{
    int decides = ferry_sink_otadata_winner(self);
    *home = decides >= 0 ? 1 - decides : entry_blank(self, 0) || !entry_blank(self, 1) ? 0 : 1;
    if (decides >= 0 && self->entries[decides].seq > SEQ_HIGH)
        decides = -1;
    uint32_t seq = ferry_sink_otadata_seq(self, running, decides);
    int status = ferry_sink_otadata_forget(self, *home);
    return status < 0 ? status : ferry_sink_otadata_write(self, *home, seq, FERRY_OTADATA_VALID);
}

// The same firmware, named by the other sector from now on.
static int move_home(struct ferry_sink_otadata *self, int running, int *home)
{
    int from = *home, to = 1 - from;
    int status = ferry_sink_otadata_forget(self, to);
    int than = self->entries[from].seq > SEQ_HIGH ? -1 : from;
    if (status >= 0 && running >= 0)
        status = ferry_sink_otadata_write(self, to, ferry_sink_otadata_seq(self, running, than), FERRY_OTADATA_VALID);
    if (status >= 0)
        status = ferry_sink_otadata_forget(self, from);
    *home = to;
    return status;
}

// No entry may count any more, the one that decides last.
static int settle_factory(struct ferry_sink_otadata *self, int *home)
{
    int decides = ferry_sink_otadata_winner(self), last = decides < 0 ? 1 : decides;
    *home = factory_home(self);
    for (int i = 0; i < 2; i++) {
        int entry = i ? last : 1 - last;
        int status = entry == *home ? FERRY_OK : ferry_sink_otadata_forget(self, entry);
        if (status < 0)
            return status;
    }
    if (*home < 0)
        *home = 0;
    return FERRY_OK;
}

static int settle_slot(struct ferry_sink_otadata *self, int running, int *home)
{
    int status = FERRY_OK;
    *home = ferry_sink_otadata_home(self, running);
    if (*home < 0)
        status = make_home(self, running, home);
    if (status >= 0)
        status = ferry_sink_otadata_forget(self, 1 - *home);
    if (status >= 0 && self->entries[*home].seq > SEQ_HIGH)
        status = move_home(self, running, home);
    return status;
}

int ferry_sink_otadata_settle(struct ferry_sink_otadata *self, int running, bool with_room, int *home)
{
    uint32_t room = 0;
    int status = ferry_sink_otadata_load(self);
    if (status >= 0)
        status = running < 0 ? settle_factory(self, home) : settle_slot(self, running, home);
    if (status >= 0 && with_room)
        status = ferry_sink_record_room(self->flash, ferry_sink_otadata_sector(self, *home), &room);
    return status >= 0 && with_room && !room ? move_home(self, running, home) : status;
}
