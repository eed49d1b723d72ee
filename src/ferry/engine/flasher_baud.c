// The working rate, and the flash: CHANGE_BAUDRATE with what each crystal needs, a test of the line, SPI_ATTACH, the
// flash chip's id through the SPI1 registers, SPI_SET_PARAMS with the real size.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define SWITCH_MS 50u // the ROM changes its rate when its line is idle
#define TESTS 3u

static const uint32_t rates[] = {2000000, 1500000, 921600, 460800, 230400, 115200, 0};

bool ferry_flasher_lower_rate(struct ferry_flasher *self, const char *why)
{
    uint32_t old = self->target.baud;
    const uint32_t *lower = rates;
    while (*lower != 0 && *lower >= old)
        lower++;
    if (*lower == 0 || !ferry_flasher_drives_lines(self))
        return false;
    self->target.baud = *lower;
    ferry_flasher_event(self, FERRY_EVENT_WARNING, why, old, *lower, 0);
    return true;
}

// --- rate ------------------------------------------------------------------------------------------------------------

// What to ask the ROM for, so that it comes out at `rate`: it computes with the crystal that it believes to have.
static uint32_t rate_for_rom(const struct ferry_flasher *self, uint32_t rate)
{
    const struct ferry_chip *chip = self->target.chip;
    uint32_t assumed = chip->rom_xtal_mhz != 0 ? chip->rom_xtal_mhz : ferry_flasher_field(self, FERRY_FIELD_ROM_XTAL);
    uint32_t true_mhz = self->target.xtal_mhz;
    if (assumed != 0 && true_mhz != 0 && assumed != true_mhz)
        return rate / 4 * assumed / true_mhz * 4;
    uint32_t count = ferry_flasher_field(self, FERRY_FIELD_CALIBRATION),
             rc = ferry_flasher_field(self, FERRY_FIELD_RC_FREQ);
    if (!ferry_chip_can(chip, FERRY_CAP_BAUD_BY_XTAL) || count > 0xffffu)
        return rate;
    uint32_t guess_khz = count * rc * 25u / 64u; // the ROM: count x 15625 x rc / 40 Hz
    if (guess_khz > 15000u && guess_khz < 60000u)
        return rate / 100u * guess_khz / (guess_khz > 33000u ? 40000u : 26000u) * 100u;
    return rate;
}

void ferry_flasher_enter_baud(struct ferry_flasher *self)
{
    if (ferry_flasher_can(self, FERRY_CAP_CHANGE_BAUD) && self->target.baud != self->rate) {
        // The second word is 0 for a ROM: anything else makes it take the first for a raw divider.
        const uint32_t words[] = {rate_for_rom(self, self->target.baud), 0};
        ferry_flasher_command(self, FERRY_ROM_OP_CHANGE_BAUDRATE, words, 2, 500);
        return;
    }
    self->target.baud = self->rate;
    ferry_flasher_go(self, FERRY_FL_ATTACH);
}

void ferry_flasher_done_baud(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_BAUD_SWITCH);
}

void ferry_flasher_enter_baud_switch(struct ferry_flasher *self)
{
    self->sync_tries = 0;
    ferry_flasher_lines(self, FERRY_FL_FLUSH, self->target.baud, SWITCH_MS);
}

void ferry_flasher_done_baud_switch(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_BAUD_TEST);
}

void ferry_flasher_enter_baud_test(struct ferry_flasher *self)
{
    ferry_flasher_sync_command(self, 150);
}

// The line does not hold this rate: the next lower one, met again by a reset (the chip is lost otherwise).
static void step_down(struct ferry_flasher *self)
{
    self->last_status = FERRY_ERR_BAUD;
    self->last_peer = -1;
    self->last_detail = "the target does not answer at the new rate";
    if (ferry_flasher_lower_rate(self, "the line does not hold this baud rate; trying a lower one"))
        ferry_flasher_start_attempts(self);
    else // perhaps it is still at the old one
        ferry_flasher_next_attempt(self);
}

void ferry_flasher_done_baud_test(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (answer != NULL)
        ferry_flasher_go(self, FERRY_FL_BAUD_REST);
    else if (++self->sync_tries < TESTS)
        ferry_flasher_go(self, FERRY_FL_BAUD_TEST);
    else
        step_down(self);
}

void ferry_flasher_enter_baud_rest(struct ferry_flasher *self)
{
    ferry_flasher_drain(self);
}

void ferry_flasher_done_baud_rest(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_ATTACH);
}

// --- flash -----------------------------------------------------------------------------------------------------------

void ferry_flasher_enter_attach(struct ferry_flasher *self)
{
    if (self->cfg.no_flash) {
        ferry_flasher_go(self, FERRY_FL_CONNECTED);
    } else if (ferry_flasher_can(self, FERRY_CAP_SPI_ATTACH)) {
        const uint32_t words[] = {self->cfg.spi_connection, 0};
        ferry_flasher_command(self, FERRY_ROM_OP_SPI_ATTACH, words, 2, 1000);
    } else { // a BEGIN of nothing attaches the flash
        const uint32_t words[] = {0, 0, 0, 0};
        ferry_flasher_command(self, FERRY_ROM_OP_FLASH_BEGIN, words, 4, 1000);
    }
}

void ferry_flasher_done_attach(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    self->step_index = 0;
    self->seen_len = 0;
    bool known = self->target.flash_size != 0 && self->connected; // after trouble: the size is known already
    if (self->target.secure_download || known) {
        if (!known)
            self->target.flash_size = self->cfg.flash_size;
        ferry_flasher_go(self, FERRY_FL_PARAMS);
    } else {
        ferry_flasher_go(self, FERRY_FL_FLASH_ID);
    }
}

// One step of running the flash command 9F (read id): 24 bits come back in W0.
enum {
    ID_SAVE_USR,
    ID_SAVE_USR2,
    ID_LENGTH,
    ID_USR,
    ID_USR2,
    ID_W0,
    ID_START,
    ID_WAIT,
    ID_RESULT,
    ID_RESTORE_USR,
    ID_RESTORE_USR2,
    ID_END
};

#define SPI_START (1u << 18)
#define SPI_USR_COMMAND_AND_MISO 0x90000000u
#define SPI_USR2_READ_ID 0x7000009fu // 8 command bits

static void id_write(struct ferry_flasher *self, uint32_t offset, uint32_t value)
{
    ferry_flasher_write_register(self, self->target.chip->spi_base + offset, value, 0xffffffffu);
}

void ferry_flasher_enter_flash_id(struct ferry_flasher *self)
{
    const struct ferry_chip *chip = self->target.chip;
    switch (self->step_index) {
    case ID_SAVE_USR:
        ferry_flasher_read_register(self, chip->spi_base + chip->spi_usr_offs);
        break;
    case ID_SAVE_USR2:
        ferry_flasher_read_register(self, chip->spi_base + chip->spi_usr2_offs);
        break;
    case ID_LENGTH:
        if (chip->spi_miso_dlen_offs != 0)
            id_write(self, chip->spi_miso_dlen_offs, 23);
        else
            id_write(self, chip->spi_usr1_offs, 23u << 8);
        break;
    case ID_USR:
        id_write(self, chip->spi_usr_offs, SPI_USR_COMMAND_AND_MISO);
        break;
    case ID_USR2:
        id_write(self, chip->spi_usr2_offs, SPI_USR2_READ_ID);
        break;
    case ID_W0:
        id_write(self, chip->spi_w0_offs, 0);
        break;
    case ID_START:
        id_write(self, 0, SPI_START);
        break;
    case ID_WAIT:
        ferry_flasher_read_register(self, chip->spi_base);
        break;
    case ID_RESULT:
        ferry_flasher_read_register(self, chip->spi_base + chip->spi_w0_offs);
        break;
    case ID_RESTORE_USR:
        id_write(self, chip->spi_usr_offs, self->spi_saved[0]);
        break;
    default:
        id_write(self, chip->spi_usr2_offs, self->spi_saved[1]);
    }
}

static void take_flash_id(struct ferry_flasher *self)
{
    uint32_t id = self->target.flash_id;
    self->target.flash_size = self->cfg.flash_size != 0 ? self->cfg.flash_size : ferry_rom_flash_size(id);
    if (id == 0 || id == 0xffffffu)
        ferry_flasher_fail(self, FERRY_ERR_FLASH_ID, id == 0 ? "the id reads 000000" : "the id reads FFFFFF");
    else if (self->target.flash_size == 0)
        ferry_flasher_fail(self, FERRY_ERR_FLASH_SIZE, "the flash chip's id has an unknown size code");
    ferry_flasher_go(self, FERRY_FL_PARAMS); // nowhere, after a failure
}

void ferry_flasher_done_flash_id(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    uint32_t value = answer->value, step = self->step_index, next = step + 1;
    switch (step) {
    case ID_SAVE_USR:
    case ID_SAVE_USR2:
        self->spi_saved[step] = value;
        if (!ferry_flasher_confirm(self, &value, sizeof value))
            next = step;
        break;
    case ID_LENGTH:
        self->sync_tries = 0;
        break;
    case ID_WAIT: // asked again while the command still runs; a damaged answer must not keep us here
        if ((value & SPI_START) != 0 && ++self->sync_tries < 10)
            next = step;
        break;
    case ID_RESULT: // requests carry no checksum either: the id counts when two runs of the whole command agree
        self->target.flash_id = value & 0xffffffu;
        if (!ferry_flasher_confirm(self, &value, sizeof value))
            next = ID_LENGTH;
        break;
    default:
        break;
    }
    self->step_index = next;
    if (next == ID_END)
        take_flash_id(self);
    else
        ferry_flasher_go(self, FERRY_FL_FLASH_ID);
}

void ferry_flasher_enter_params(struct ferry_flasher *self)
{
    if (!ferry_flasher_can(self, FERRY_CAP_SPI_ATTACH) || self->target.flash_size == 0) {
        ferry_flasher_go(self, FERRY_FL_CONNECTED);
        return;
    }
    const uint32_t words[] = {0, self->target.flash_size, 0x10000, 0x1000, 0x100, 0xffff};
    ferry_flasher_command(self, FERRY_ROM_OP_SPI_SET_PARAMS, words, 6, 1000);
}

void ferry_flasher_done_params(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    ferry_flasher_go(self, FERRY_FL_CONNECTED);
}

void ferry_flasher_enter_connected(struct ferry_flasher *self)
{
    self->seen_len = 0;
    self->connected = true;
    ferry_rom_log_init(&self->rom.log); // a boot log from here on means that the target has reset
    self->target.baud = self->rate;
    if (self->job.op == FERRY_ROM_CONNECT) {
        memcpy(self->mac_before, self->target.mac, sizeof self->mac_before);
        if (self->target.secure_download)
            ferry_flasher_warn(self, "secure download mode: what is written cannot be verified");
        ferry_flasher_finish(self);
    } else {
        self->reconnecting = false;
        ferry_flasher_restart_job(self);
    }
}

void ferry_flasher_done_connected(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)self;
    (void)answer;
}
