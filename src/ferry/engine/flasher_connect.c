// Meeting the loader: reset into download mode, or wait for the person who holds BOOT; SYNC until it answers; when it
// does not, say why.
//
//   RESET_LOW -> RESET_BOOT -> RESET_OPEN -> SYNC -> SYNC_REST -> (identify)
//       ^                                     |
//       '------ next attempt, fast and slow --'
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define RESET_MS 100u     // EN low
#define BOOT_MS 50u       // boot pin held after EN has risen
#define BOOT_SLOW_MS 550u // the same for boards with a large capacitor at EN
#define FIRST_SYNC_MS 50u // the first SYNC is swallowed by the rate detection
#define SYNC_MS 100u
#define SYNCS 5u
#define PERSON_ATTEMPTS 8u // times as many attempts when a person has to find the button

bool ferry_flasher_drives_lines(const struct ferry_flasher *self)
{
    return self->cfg.has_lines && (self->cfg.before == FERRY_BEFORE_DEFAULT_RESET || self->reconnecting);
}

static void attempt(struct ferry_flasher *self)
{
    self->line_tries = 0;
    self->seen_len = 0;
    ferry_flasher_go(self, ferry_flasher_drives_lines(self) ? FERRY_FL_RESET_LOW : FERRY_FL_RESET_OPEN);
}

void ferry_flasher_start_attempts(struct ferry_flasher *self)
{
    self->attempt = 0;
    self->connect_rate = self->cfg.connect_baud;
    attempt(self);
}

void ferry_flasher_connect(struct ferry_flasher *self)
{
    memset(&self->target, 0, sizeof self->target);
    self->caps = 0;
    self->connected = self->reconnecting = self->synced = false;
    ferry_rom_log_init(&self->rom.log);
    self->person = !self->cfg.has_lines && self->cfg.before == FERRY_BEFORE_DEFAULT_RESET;
    self->target.baud = self->cfg.baud;
    if (self->person)
        ferry_flasher_warn(self, "no reset line: hold BOOT, press and release RESET");
    ferry_flasher_start_attempts(self);
}

// --- lines -----------------------------------------------------------------------------------------------------------

void ferry_flasher_enter_reset_low(struct ferry_flasher *self)
{
    ferry_rom_client_abandon(&self->rom);
    // Boot is asserted only after reset: the usual two-transistor circuit cancels both together.
    ferry_flasher_lines(self, FERRY_FL_SET | FERRY_FL_RESET | FERRY_FL_FLUSH, self->connect_rate, RESET_MS);
}

void ferry_flasher_done_reset_low(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_rom_log_init(&self->rom.log);
    ferry_flasher_go(self, FERRY_FL_RESET_BOOT);
}

void ferry_flasher_enter_reset_boot(struct ferry_flasher *self)
{
    uint32_t hold = self->attempt % 2 == 0 ? BOOT_MS : BOOT_SLOW_MS;
    ferry_flasher_lines(self, FERRY_FL_SET | FERRY_FL_BOOT, 0, hold);
}

void ferry_flasher_done_reset_boot(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_RESET_OPEN);
}

void ferry_flasher_enter_reset_open(struct ferry_flasher *self)
{
    // Without lines the loader may still run at the rate of an earlier session: every other attempt looks for it there.
    bool drives = ferry_flasher_drives_lines(self);
    if (!drives)
        self->connect_rate =
            self->attempt % 2 == 0 || (self->person && !self->synced) ? self->cfg.connect_baud : self->cfg.baud;
    ferry_flasher_lines(self, drives ? FERRY_FL_SET : 0, self->connect_rate, 0);
}

void ferry_flasher_done_reset_open(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    self->sync_tries = 0;
    if (self->cfg.before == FERRY_BEFORE_NO_RESET_NO_SYNC && !self->reconnecting)
        ferry_flasher_identify(self);
    else
        ferry_flasher_go(self, FERRY_FL_SYNC);
}

// --- SYNC ------------------------------------------------------------------------------------------------------------

void ferry_flasher_sync_command(struct ferry_flasher *self, uint32_t timeout_ms)
{
    uint8_t data[FERRY_ROM_SYNC_SIZE];
    ferry_rom_sync(data);
    ferry_flasher_send(self, FERRY_ROM_OP_SYNC, data, sizeof data, NULL, 0,
                       timeout_ms + ferry_flasher_wire_ms(self, 60));
}

void ferry_flasher_enter_sync(struct ferry_flasher *self)
{
    ferry_flasher_sync_command(self, self->sync_tries == 0 ? FIRST_SYNC_MS : SYNC_MS);
}

void ferry_flasher_done_sync(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (answer != NULL) {
        self->target.stub_running = answer->value == 0;
        self->synced = true;
        ferry_flasher_go(self, FERRY_FL_SYNC_REST);
    } else if (++self->sync_tries < SYNCS) {
        ferry_flasher_go(self, FERRY_FL_SYNC);
    } else {
        ferry_flasher_next_attempt(self);
    }
}

void ferry_flasher_enter_sync_rest(struct ferry_flasher *self)
{
    ferry_flasher_drain(self);
}

void ferry_flasher_done_sync_rest(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    if (!self->target.stub_running)
        ferry_flasher_identify(self);
    else if (ferry_flasher_drives_lines(self) && self->attempt + 1 < self->cfg.connect_attempts)
        ferry_flasher_next_attempt(self);
    else
        ferry_flasher_fail(self, FERRY_ERR_UNSUPPORTED,
                           "a flasher stub answers, not the ROM: reset the chip into download mode");
}

// --- no answer -------------------------------------------------------------------------------------------------------

static void give_up(struct ferry_flasher *self)
{
    int status = ferry_rom_log_verdict(&self->rom.log);
    const char *detail = "";
    if (self->synced) { // it was there, and could not be talked to
        status = self->last_status < 0 ? self->last_status : FERRY_ERR_TIMEOUT;
        detail = self->last_detail;
        self->error.peer_code = self->last_peer;
    } else if (status == FERRY_ERR_BOOT_MODE) {
        int mode = self->rom.log.boot_mode;
        detail = mode >= 0 ? "wrong boot mode: the boot log names the number" : "a program in the chip prints text";
        self->error.peer_code = mode;
    } else if (status == FERRY_ERR_TX_PATH) {
        detail = "the boot log says that it waits for download, but SYNC is not answered";
    } else if (status == FERRY_ERR_GARBAGE && self->rom.echoed) {
        detail = "what is sent comes back";
        self->error.hint = "TX and RX are joined somewhere, and no chip hears us; connect each to the target";
    } else if (status == FERRY_ERR_GARBAGE) {
        detail = "no boot log can be read from what arrives";
    } else if (self->reconnecting && self->last_status < 0) {
        status = self->last_status;
    }
    ferry_flasher_fail(self, status, detail);
}

void ferry_flasher_next_attempt(struct ferry_flasher *self)
{
    unsigned limit = self->cfg.connect_attempts * 2u;
    if (self->person && !self->synced)
        limit *= PERSON_ATTEMPTS;
    ferry_rom_client_abandon(&self->rom);
    if (++self->attempt >= (limit < 250u ? limit : 250u))
        give_up(self);
    else
        attempt(self);
}
