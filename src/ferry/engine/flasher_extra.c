// The operations that a device which only writes can leave out: reading, erasing on request, registers, digest.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define SLOW_READ 64u
#define UNIT 4096u
#define WIPE_LIMIT 0x400000u

// --- read ------------------------------------------------------------------------------------------------------------

// A unit is read in pieces of 64 bytes, compared with the target's digest, and given to the caller.
static uint32_t unit_size(const struct ferry_flasher *self)
{
    uint32_t left = ferry_flasher_region(self)->size - self->pos,
             room = (uint32_t)self->cfg.block_size / SLOW_READ * SLOW_READ;
    uint32_t unit = room < UNIT ? room : UNIT;
    return left < unit ? left : unit;
}

void ferry_flasher_enter_read(struct ferry_flasher *self)
{
    if (self->pos == ferry_flasher_region(self)->size) {
        ferry_flasher_finish(self);
        return;
    }
    self->unit_len = unit_size(self);
    if (self->unit_at == self->unit_len) {
        ferry_flasher_go(self, FERRY_FL_READ_CHECK);
        return;
    }
    uint32_t left = self->unit_len - self->unit_at;
    const uint32_t words[] = {ferry_flasher_region(self)->address + self->pos + self->unit_at,
                              left < SLOW_READ ? left : SLOW_READ};
    ferry_flasher_command(self, FERRY_ROM_OP_READ_FLASH_SLOW, words, 2, 1000);
}

void ferry_flasher_done_read(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    uint32_t left = self->unit_len - self->unit_at;
    uint32_t take = left < SLOW_READ ? left : SLOW_READ;
    if (answer->body_len < take) {
        ferry_flasher_trouble(self, FERRY_ERR_PROTOCOL, -1, "READ_FLASH_SLOW gave less than asked for");
        return;
    }
    memcpy(self->cfg.block + self->unit_at, answer->body, take);
    self->unit_at += take;
    ferry_flasher_go(self, FERRY_FL_READ);
}

void ferry_flasher_enter_read_check(struct ferry_flasher *self)
{
    if (ferry_flasher_has_md5(self))
        ferry_flasher_compare_bytes(self, self->pos, self->unit_len, self->cfg.block);
    else
        ferry_flasher_go(self, FERRY_FL_READ_OUT);
}

void ferry_flasher_done_read_check(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (!self->want_source && !self->read_warned) {
        self->read_warned = true;
        ferry_flasher_warn(self, "nobody computes a digest: what is read is not checked");
    }
    if (!self->want_source || ferry_flasher_equal(self))
        ferry_flasher_go(self, FERRY_FL_READ_OUT);
    else
        ferry_flasher_trouble(self, FERRY_ERR_VERIFY, -1, "what was read differs from the target's digest");
}

void ferry_flasher_enter_read_out(struct ferry_flasher *self)
{
    self->out_at = 0;
    self->wishes |= FERRY_WANT_OUTPUT;
}

void ferry_flasher_done_read_out(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    self->pos += self->unit_len;
    self->unit_at = 0;
    ferry_flasher_progress_made(self);
    ferry_flasher_go(self, FERRY_FL_READ);
}

// --- erase -----------------------------------------------------------------------------------------------------------

void ferry_flasher_enter_wipe(struct ferry_flasher *self)
{
    uint32_t size = ferry_flasher_region(self)->size;
    if (self->pos == size) {
        ferry_flasher_finish(self);
        return;
    }
    uint32_t len = size - self->pos < WIPE_LIMIT ? size - self->pos : WIPE_LIMIT;
    uint32_t address = ferry_flasher_region(self)->address + self->pos, ask = len;
    if (ferry_flasher_can(self, FERRY_CAP_ERASE_QUIRK_8266))
        ask = ferry_rom_erase_size_8266(address, len);
    self->look = self->pos;
    self->erased_end = self->pos + len;
    const uint32_t words[] = {ask, (len + 1023) / 1024, 1024, address, 0};
    ferry_flasher_begin(self, FERRY_ROM_OP_FLASH_BEGIN, words, 15000 + len / 32);
}

void ferry_flasher_done_wipe(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_WIPE_PROVE);
}

void ferry_flasher_enter_wipe_prove(struct ferry_flasher *self)
{
    uint32_t left = self->erased_end - self->look;
    if (left == 0 || !ferry_flasher_has_md5(self)) {
        self->pos = self->erased_end;
        ferry_flasher_progress_made(self);
        ferry_flasher_go(self, FERRY_FL_WIPE);
        return;
    }
    ferry_flasher_compare(self, self->look, left < FERRY_SEGMENT_SIZE ? left : FERRY_SEGMENT_SIZE, false);
}

void ferry_flasher_done_wipe_prove(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (!ferry_flasher_target_blank(self, self->compare_len)) {
        ferry_flasher_trouble(self, FERRY_ERR_WRITE_FAILED, -1, "the flash is not empty after the erase");
        return;
    }
    self->look += self->compare_len;
    ferry_flasher_go(self, FERRY_FL_WIPE_PROVE);
}

// --- registers, digest -----------------------------------------------------------------------------------------------

void ferry_flasher_enter_read_reg(struct ferry_flasher *self)
{
    ferry_flasher_read_register(self, self->job.address);
}

void ferry_flasher_done_read_reg(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    // Twice alike; but a register may change by itself, so not for ever.
    self->value = answer->value;
    if (ferry_flasher_confirm(self, &answer->value, sizeof answer->value) || ++self->sync_tries >= 3)
        ferry_flasher_finish(self);
    else
        ferry_flasher_go(self, FERRY_FL_READ_REG);
}

void ferry_flasher_enter_write_reg(struct ferry_flasher *self)
{
    ferry_flasher_write_register(self, self->job.address, self->job.value, self->job.mask);
}

void ferry_flasher_done_write_reg(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_finish(self);
}

void ferry_flasher_enter_md5(struct ferry_flasher *self)
{
    ferry_flasher_compare(self, 0, self->job.regions[0].size, false);
}

void ferry_flasher_done_md5(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    // Twice alike: a damaged request asks for the digest of something else.
    if (ferry_flasher_confirm(self, self->target_md5, sizeof self->target_md5))
        ferry_flasher_finish(self);
    else
        ferry_flasher_go(self, FERRY_FL_MD5);
}

// --- linking ---------------------------------------------------------------------------------------------------------

const struct ferry_flasher_handlers ferry_flasher_extra[] = {
#define X(state, name, flags, step) {ferry_flasher_enter_##name, ferry_flasher_done_##name, flags, step},
    FERRY_FLASHER_EXTRA_STATES(X)
#undef X
};

int ferry_flasher_start(struct ferry_flasher *self, const struct ferry_rom_job *job, uint32_t now_ms)
{
    self->extra = ferry_flasher_extra;
    return ferry_flasher_start_core(self, job, now_ms);
}
