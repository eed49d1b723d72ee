// When something goes wrong: let the line become quiet, meet the loader again by SYNC, set the flash parameters again
// (the chip may have reset), go on from the job's last firm ground. What does not answer is reset and connected anew,
// at a lower rate when errors repeat. Every repetition is counted; without progress it ends with the cause seen last.
#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define TRIES 12u     // without progress: STEP_TRIES for each rate from 921600 down
#define FAST_TRIES 6u // and so many more for 2 and 1.5 Mbaud
#define STEP_TRIES 3u // after so many in a row the rate goes down
#define SAME_REFUSALS 4u
#define RECONNECTS 6u
#define SYNC_MS 200u
#define SYNCS 6u
#define SYNCS_NO_LINES 20u // there is no other way back

static int cause(int status, int peer)
{
    if (status != FERRY_ERR_REFUSED)
        return status;
    if (peer == FERRY_ROM_ERR_READ_BACK)
        return FERRY_ERR_WRITE_FAILED;
    return peer == FERRY_ROM_ERR_CHECKSUM ? FERRY_ERR_NOISE : FERRY_ERR_REFUSED;
}

static void fail_with_cause(struct ferry_flasher *self)
{
    self->error.peer_code = self->last_peer;
    ferry_flasher_fail_at(self, self->last_status, self->last_detail, self->last_address);
}

static void remember(struct ferry_flasher *self, int status, int peer, const char *detail)
{
    self->last_status = cause(status, peer);
    self->last_peer = peer;
    self->last_detail = detail;
    self->last_address = FERRY_FL_NO_ADDRESS;
    if (self->region < self->job.region_count)
        self->last_address = ferry_flasher_region(self)->address + self->pos;
    self->retries++;
}

// The target says the same again and again, and it is not about the line.
static bool hopeless(const struct ferry_flasher *self)
{
    if (self->tries > TRIES + (self->cfg.baud > 921600u ? FAST_TRIES : 0))
        return true;
    bool line = self->last_peer == FERRY_ROM_ERR_INVALID || self->last_peer == FERRY_ROM_ERR_CHECKSUM;
    return self->last_status == FERRY_ERR_REFUSED && !line && self->tries > SAME_REFUSALS;
}

static bool slower(struct ferry_flasher *self)
{
    return ferry_flasher_lower_rate(self, "errors repeat; going on at a lower baud rate");
}

void ferry_flasher_trouble(struct ferry_flasher *self, int status, int peer, const char *detail)
{
    ferry_rom_client_abandon(&self->rom);
    remember(self, status, peer, detail);
    self->seen_len = 0;
    self->data_out = 0;
    if (self->job.op == FERRY_ROM_CONNECT || self->reconnecting) {
        if (self->state != FERRY_FL_DRAIN)
            self->after_state = self->state;
        if (++self->line_tries < STEP_TRIES) {
            ferry_flasher_go(self, FERRY_FL_DRAIN);
        } else {
            if (self->rate > self->connect_rate && self->attempt > 0) // the first time the chip may be to blame
                slower(self);
            ferry_flasher_next_attempt(self);
        }
        return;
    }
    if (!self->work.proving)
        self->work.anomaly = true;
    self->tries++;
    if (hopeless(self)) {
        fail_with_cause(self);
        return;
    }
    ferry_flasher_event(self, FERRY_EVENT_NOTE, "an error on the line or in the target: repeating", self->last_address,
                        (uint32_t)peer, self->tries);
    self->after_state = FERRY_FL_RESYNC;
    self->sync_tries = 0;
    ferry_flasher_go(self, FERRY_FL_DRAIN);
}

void ferry_flasher_refused(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    ferry_flasher_trouble(self, FERRY_ERR_REFUSED, answer->error, ferry_rom_error_text(answer->error));
}

void ferry_flasher_progress_made(struct ferry_flasher *self)
{
    self->tries = self->work.reconnects = 0;
}

void ferry_flasher_enter_drain(struct ferry_flasher *self)
{
    ferry_flasher_drain(self);
}

void ferry_flasher_done_drain(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, self->after_state);
}

// --- is it still there? ----------------------------------------------------------------------------------------------

static void reconnect(struct ferry_flasher *self, bool may_slow)
{
    if (!self->cfg.has_lines || ++self->work.reconnects > RECONNECTS) {
        if (self->rom.log.resets > 0)
            self->last_status = FERRY_ERR_TARGET_RESET;
        fail_with_cause(self);
        return;
    }
    self->reconnecting = true; // --before no-reset is over: the target is lost otherwise
    if (!may_slow || !slower(self))
        ferry_flasher_warn(self, "the target is reset and connected again");
    self->synced = false;
    ferry_flasher_start_attempts(self);
}

void ferry_flasher_enter_resync(struct ferry_flasher *self)
{
    ferry_flasher_sync_command(self, SYNC_MS);
}

void ferry_flasher_done_resync(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    uint8_t limit = self->cfg.has_lines ? SYNCS : SYNCS_NO_LINES;
    if (answer != NULL)
        ferry_flasher_go(self, FERRY_FL_RESYNC_REST);
    else if (++self->sync_tries < limit)
        ferry_flasher_go(self, FERRY_FL_RESYNC);
    else
        reconnect(self, false);
}

void ferry_flasher_enter_resync_rest(struct ferry_flasher *self)
{
    ferry_flasher_drain(self);
}

void ferry_flasher_done_resync_rest(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (self->tries % STEP_TRIES == 0 && self->tries > 0 && self->cfg.has_lines)
        reconnect(self, true);
    else
        ferry_flasher_go(self, FERRY_FL_ATTACH);
}

// --- going on --------------------------------------------------------------------------------------------------------

void ferry_flasher_restart_job(struct ferry_flasher *self)
{
    switch (self->job.op) {
    case FERRY_ROM_WRITE:
        self->erased_end = self->pos;
        self->work.source_known = false;
        ferry_flasher_go(self, self->work.proving ? FERRY_FL_PROVE_ALL : FERRY_FL_SCAN);
        break;
    case FERRY_ROM_VERIFY:
        ferry_flasher_go(self, FERRY_FL_VERIFY);
        break;
    case FERRY_ROM_READ:
        self->unit_at = 0;
        ferry_flasher_go(self, FERRY_FL_READ);
        break;
    case FERRY_ROM_ERASE_REGION:
    case FERRY_ROM_ERASE_CHIP:
        ferry_flasher_go(self, FERRY_FL_WIPE);
        break;
    case FERRY_ROM_LOAD_RAM:
        ferry_flasher_stream_ram(self);
        break;
    case FERRY_ROM_READ_REG:
        ferry_flasher_go(self, FERRY_FL_READ_REG);
        break;
    case FERRY_ROM_WRITE_REG:
        ferry_flasher_go(self, FERRY_FL_WRITE_REG);
        break;
    case FERRY_ROM_MD5:
        ferry_flasher_go(self, FERRY_FL_MD5);
        break;
    default:
        ferry_flasher_finish(self);
    }
}
