// What happens to a new firmware after it was selected: attempts, confirmation, going back.
//
//   selected ──► started ──► confirmed
//      ▲            │ crash, hang, give up
//      │ again      ▼
//      └──── failures counted ──► given up, with a reason; the old firmware stays
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/sink/sink_ota_parts.h"

// The sector of the entry that the record is about, the other one than the record's own.
static int entry_of(const struct ferry_sink_ota *self)
{
    return self->record.address < ferry_sink_otadata_sector(&self->otadata, 1) ? 1 : 0;
}

static bool entry_stands(const struct ferry_sink_ota *self)
{
    const struct ferry_otadata_entry *e = &self->otadata.entries[entry_of(self)];
    return e->seq == self->record.seq && e->crc == ferry_otadata_crc(e->seq);
}

static uint8_t most_attempts(const struct ferry_sink_ota *self)
{
    return self->record.attempts ? self->record.attempts : 1;
}

int ferry_sink_ota_select(struct ferry_sink_ota *self)
{
    uint32_t state = self->record.options & FERRY_MANIFEST_NO_TRIAL ? (uint32_t)FERRY_OTADATA_VALID
                     : self->cfg.rollback                           ? (uint32_t)FERRY_OTADATA_NEW
                                                                    : FERRY_OTADATA_UNDEFINED;
    int entry = entry_of(self);
    int status = ferry_sink_otadata_forget(&self->otadata, entry);
    return status < 0 ? status : ferry_sink_otadata_write(&self->otadata, entry, self->record.seq, state);
}

// Without the running firmware's entry the bootloader would start another one that is there.
static bool can_go_back(const struct ferry_sink_ota *self, int entry)
{
    struct ferry_otadata_entry entries[2];
    uint8_t first = 0xFF;
    memcpy(entries, self->otadata.entries, sizeof entries);
    entries[entry].crc = 0;
    int slot = ferry_otadata_choose(entries, self->otadata.slots).slot;
    struct ferry_sink_place place = ferry_sink_layout_place(&self->layout, slot);
    return slot != self->running && place.size > 0 && ferry_sink_ota_read(self, place.address, &first, 1) >= 0 &&
           first == 0xE9;
}

// The entry that decides names what runs and waits to be confirmed to the bootloader.
static bool pending(const struct ferry_sink_ota *self, int *entry)
{
    *entry = ferry_sink_otadata_winner(&self->otadata);
    return *entry >= 0 && self->running >= 0 && ferry_sink_otadata_names(&self->otadata, *entry) == self->running &&
           self->otadata.entries[*entry].state == FERRY_OTADATA_PENDING_VERIFY;
}

// ---- the new firmware runs

static int count_start(struct ferry_sink_ota *self)
{
    const struct ferry_flash *flash = self->cfg.flash;
    if (!self->record.started)
        return ferry_sink_record_set(flash, &self->record, FERRY_SINK_RECORD_STARTED);
    bool excused = self->cfg.power_on && self->record.power_losses < FERRY_SINK_OTA_POWER;
    return ferry_sink_record_count(flash, &self->record,
                                   excused ? FERRY_SINK_RECORD_POWER_LOSSES : FERRY_SINK_RECORD_FAILURES);
}

static int go_back(struct ferry_sink_ota *self, enum ferry_give_up reason)
{
    int status = ferry_sink_record_give_up(self->cfg.flash, &self->record, reason);
    if (status >= 0)
        status = ferry_sink_otadata_strike(&self->otadata, entry_of(self));
    self->given_up = true;
    return status < 0 ? status : FERRY_SINK_OTA_RESTART;
}

static int on_trial(struct ferry_sink_ota *self)
{
    uint32_t state = self->otadata.entries[entry_of(self)].state;
    if (state == FERRY_OTADATA_VALID) // confirmed, and power went before it was noted; or never on trial
        return ferry_sink_record_set(self->cfg.flash, &self->record, FERRY_SINK_RECORD_CONFIRMED);
    self->boot_state = FERRY_BOOT_TRIAL;
    if (state == FERRY_OTADATA_PENDING_VERIFY) // the bootloader counts
        return FERRY_OK;
    int status = count_start(self);
    if (status < 0 || self->record.failures < most_attempts(self) || !can_go_back(self, entry_of(self)))
        return status;
    return go_back(self, FERRY_GIVE_UP_CRASHED);
}

// ---- the old firmware runs again

static int give_up(struct ferry_sink_ota *self, enum ferry_give_up reason)
{
    int home;
    int status = ferry_sink_record_give_up(self->cfg.flash, &self->record, reason);
    if (status >= 0)
        status = ferry_sink_otadata_settle(&self->otadata, self->running, false, &home);
    self->boot_state = FERRY_BOOT_REVERTED;
    return status < 0 ? status : FERRY_OK;
}

static bool still_whole(struct ferry_sink_ota *self)
{
    struct ferry_sink_place place = ferry_sink_layout_place(&self->layout, self->record.slot);
    uint8_t sha256[32];
    return self->record.size <= place.size &&
           ferry_sink_ota_digest(self, place.address, self->record.size, sha256) >= 0 &&
           memcmp(sha256, self->record.sha256, sizeof sha256) == 0;
}

static int try_again(struct ferry_sink_ota *self)
{
    if (!still_whole(self))
        return give_up(self, FERRY_GIVE_UP_INVALID);
    int status = ferry_sink_ota_select(self);
    return status < 0 ? status : FERRY_SINK_OTA_RESTART;
}

// Its entry is gone: power went while it was written, by end(), by confirm() or by the bootloader.
static int lost_entry(struct ferry_sink_ota *self)
{
    if (self->record.power_losses >= FERRY_SINK_OTA_POWER)
        return give_up(self, FERRY_GIVE_UP_CRASHED);
    int status = ferry_sink_record_count(self->cfg.flash, &self->record, FERRY_SINK_RECORD_POWER_LOSSES);
    return status < 0 ? status : try_again(self);
}

static int aborted(struct ferry_sink_ota *self)
{
    const struct ferry_flash *flash = self->cfg.flash;
    bool excused = self->record.attempts && self->cfg.power_on && self->record.power_losses < FERRY_SINK_OTA_POWER;
    int status = ferry_sink_record_count(flash, &self->record,
                                         excused ? FERRY_SINK_RECORD_POWER_LOSSES : FERRY_SINK_RECORD_FAILURES);
    if (status < 0)
        return status;
    return self->record.failures >= most_attempts(self) ? give_up(self, FERRY_GIVE_UP_CRASHED) : try_again(self);
}

static int not_started(struct ferry_sink_ota *self)
{
    const struct ferry_otadata_entry *e = &self->otadata.entries[entry_of(self)];
    if (!entry_stands(self))
        return lost_entry(self);
    if (e->state == FERRY_OTADATA_ABORTED || e->state == FERRY_OTADATA_INVALID)
        return aborted(self);
    return give_up(self, FERRY_GIVE_UP_INVALID); // it was chosen, and the bootloader could not load it
}

// ---- every start

static int take_record(struct ferry_sink_ota *self)
{
    struct ferry_sink_record records[2];
    self->home = (int8_t)ferry_sink_otadata_home(&self->otadata, self->running);
    for (int i = 0; i < 2; i++) {
        int status = ferry_sink_record_last(self->cfg.flash, ferry_sink_otadata_sector(&self->otadata, i), &records[i]);
        if (status < 0)
            return status;
    }
    int mine = self->home == 1;
    if (ferry_sink_record_on_trial(&records[1 - mine]) ||
        (!records[mine].address && records[1 - mine].slot == (uint8_t)self->running))
        mine = 1 - mine;
    self->record = records[mine];
    return FERRY_OK;
}

static int look_after_trial(struct ferry_sink_ota *self)
{
    if (self->running == self->record.slot) {
        if (entry_stands(self))
            return on_trial(self);
        return ferry_sink_record_set(self->cfg.flash, &self->record, FERRY_SINK_RECORD_CONFIRMED);
    }
    return not_started(self);
}

int ferry_sink_ota_boot(struct ferry_sink_ota *self)
{
    int entry, status;
    self->boot_state = FERRY_BOOT_CONFIRMED;
    if (self->layout.otadata.size < 2 * FERRY_FLASH_SECTOR)
        return FERRY_OK;
    if ((status = ferry_sink_otadata_load(&self->otadata)) < 0 || (status = take_record(self)) < 0)
        return status;
    if (ferry_sink_record_on_trial(&self->record))
        return look_after_trial(self);
    if (self->record.address && self->record.reason && self->running == self->record.slot && entry_stands(self) &&
        can_go_back(self, entry_of(self))) // power went while it was given up
        return go_back(self, (enum ferry_give_up)self->record.reason);
    if (self->record.address && self->record.reason && self->running != self->record.slot)
        self->boot_state = FERRY_BOOT_REVERTED;
    else if (pending(self, &entry))
        self->boot_state = FERRY_BOOT_TRIAL;
    return FERRY_OK;
}

// ---- what the updater or the application says

// Its state cannot become VALID by clearing bits. While the sector is rewritten power may go: then the old firmware
// starts, and boot() there selects this one once more.
static int rewrite_valid(struct ferry_sink_ota *self, int entry)
{
    uint32_t seq = self->otadata.entries[entry].seq;
    int status = ferry_sink_otadata_forget(&self->otadata, entry);
    return status < 0 ? status : ferry_sink_otadata_write(&self->otadata, entry, seq, FERRY_OTADATA_VALID);
}

int ferry_sink_ota_confirm(void *ctx)
{
    struct ferry_sink_ota *self = ctx;
    int status = FERRY_OK, entry;
    if (self->given_up)
        return FERRY_ERR_STATE;
    if (self->boot_state != FERRY_BOOT_TRIAL)
        return FERRY_OK;
    bool ours = ferry_sink_record_on_trial(&self->record) && self->running == self->record.slot;
    bool waits = pending(self, &entry);
    if (!waits && ours) {
        entry = entry_of(self);
        waits = self->otadata.entries[entry].state == FERRY_OTADATA_NEW;
    }
    if (waits)
        status = rewrite_valid(self, entry);
    if (status >= 0 && ours)
        status = ferry_sink_record_set(self->cfg.flash, &self->record, FERRY_SINK_RECORD_CONFIRMED);
    if (status >= 0)
        self->boot_state = FERRY_BOOT_CONFIRMED;
    return status < 0 ? status : FERRY_OK;
}

int ferry_sink_ota_revert(void *ctx, enum ferry_give_up reason)
{
    struct ferry_sink_ota *self = ctx;
    int status, entry;
    if (self->given_up)
        return FERRY_OK;
    if (self->boot_state != FERRY_BOOT_TRIAL)
        return FERRY_ERR_STATE;
    bool ours = ferry_sink_record_on_trial(&self->record) && self->running == self->record.slot;
    if (ours)
        entry = entry_of(self);
    else if (!pending(self, &entry))
        return FERRY_ERR_STATE;
    if (!can_go_back(self, entry))
        return FERRY_ERR_STATE;
    if (ours) {
        status = go_back(self, reason);
    } else {
        status = ferry_sink_otadata_strike(&self->otadata, entry);
        self->given_up = true;
    }
    return status < 0 ? status : FERRY_OK;
}
