// Who is there: security info where the ROM has it, else the magic register; revision, MAC, crystal, security state.
// What decides is read until two answers agree: answers carry no checksum.
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define MAGIC_REGISTER 0x40001000u
#define SECURITY 12u // bytes of security info, and with the chip's id
#define SECURITY_WITH_ID 20u
#define FLAG_SECURE_BOOT 1u
#define FLAG_SECURE_DOWNLOAD 4u

// Registers after the fields of the chip table.
enum { STEP_MAC0 = FERRY_FIELD_COUNT, STEP_MAC1, STEP_MAC2, STEP_CLKDIV, STEP_COUNT };

void ferry_flasher_identify(struct ferry_flasher *self)
{
    self->sync_tries = 0;
    ferry_flasher_go(self, FERRY_FL_SECURITY);
}

static bool odd_ones(uint32_t v)
{
    bool odd = false;
    for (; v != 0; v &= v - 1)
        odd = !odd;
    return odd;
}

// --- which chip ------------------------------------------------------------------------------------------------------

// Takes the chip, or fails. NULL = not in the table.
static void found(struct ferry_flasher *self, const struct ferry_chip *chip)
{
    const struct ferry_chip *before = self->target.chip;
    if (chip == NULL) {
        ferry_flasher_fail(self, FERRY_ERR_UNKNOWN_CHIP, "");
        return;
    }
    if (self->reconnecting && before != chip) {
        ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, "another chip answers than before");
        return;
    }
    self->target.chip = chip;
    self->caps = chip->caps;
    if (self->target.secure_download) {
        self->caps &= ~(uint32_t)(FERRY_CAP_MD5 | FERRY_CAP_DEFLATE);
        if (ferry_flasher_can(self, FERRY_CAP_BAUD_NOT_IN_SDM))
            self->caps &= ~(uint32_t)FERRY_CAP_CHANGE_BAUD;
    }
    if (self->cfg.chip != FERRY_CHIP_ANY && self->cfg.chip != chip->id) {
        ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, chip->label);
        return;
    }
    self->step_index = 0;
    memset(self->raw, 0, sizeof self->raw);
    ferry_flasher_go(self, FERRY_FL_FIELDS);
}

// The chip whose security info has no chip id.
static const struct ferry_chip *chip_without_id(void)
{
    size_t count;
    const struct ferry_chip *table = ferry_chip_table(&count);
    for (size_t i = 0; i < count; i++)
        if (ferry_chip_can(&table[i], FERRY_CAP_SECURITY_INFO) &&
            !ferry_chip_can(&table[i], FERRY_CAP_SECURITY_INFO_CHIP_ID))
            return &table[i];
    return NULL;
}

void ferry_flasher_enter_security(struct ferry_flasher *self)
{
    ferry_flasher_command(self, FERRY_ROM_OP_GET_SECURITY_INFO, NULL, 0, 500);
}

// The answer's words: flags, a byte each of the flash encryption counter and of key purposes, and (20 bytes long) the
// chip's id and the version of the interface.
static void take_security(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    struct ferry_target *target = &self->target;
    uint32_t flags = ferry_rom_word(answer->body);
    target->security_known = true;
    target->security_flags = flags;
    target->secure_boot = (flags & FLAG_SECURE_BOOT) != 0;
    target->secure_download = (flags & FLAG_SECURE_DOWNLOAD) != 0;
    target->flash_encryption = odd_ones(answer->body[4]);
    if (answer->body_len < SECURITY_WITH_ID) {
        found(self, chip_without_id());
        return;
    }
    uint32_t id = ferry_rom_word(answer->body + 12);
    found(self, ferry_chip_by_id((uint16_t)(id < FERRY_CHIP_ANY ? id : FERRY_CHIP_ANY)));
}

void ferry_flasher_done_security(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (!answer->good)
        ferry_flasher_go(self, FERRY_FL_SECURITY_REST);
    else if (answer->body_len != SECURITY && answer->body_len != SECURITY_WITH_ID)
        ferry_flasher_trouble(self, FERRY_ERR_PROTOCOL, -1, "security info of unknown length");
    else if (ferry_flasher_confirm(self, answer->body, answer->body_len))
        take_security(self, answer);
    else
        ferry_flasher_go(self, FERRY_FL_SECURITY);
}

void ferry_flasher_enter_security_rest(struct ferry_flasher *self)
{
    ferry_flasher_drain(self);
}

void ferry_flasher_done_security_rest(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    (void)answer;
    self->seen_len = 0;
    // Asked twice: a damaged request is refused as an unknown one is.
    ferry_flasher_go(self, ++self->sync_tries < 2 ? FERRY_FL_SECURITY : FERRY_FL_MAGIC);
}

void ferry_flasher_enter_magic(struct ferry_flasher *self)
{
    ferry_flasher_read_register(self, MAGIC_REGISTER);
}

void ferry_flasher_done_magic(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (ferry_flasher_confirm(self, &answer->value, sizeof answer->value))
        found(self, ferry_chip_by_magic(answer->value));
    else
        ferry_flasher_go(self, FERRY_FL_MAGIC);
}

// --- register by register --------------------------------------------------------------------------------------------

// Register of a step, 0 = nothing to read.
static uint32_t step_register(const struct ferry_flasher *self, unsigned step)
{
    const struct ferry_chip *chip = self->target.chip;
    bool otp = ferry_chip_can(chip, FERRY_CAP_MAC_OTP);
    switch (step) {
    case STEP_MAC0:
        return chip->mac_efuse;
    case STEP_MAC1:
        return chip->mac_efuse + 4;
    case STEP_MAC2:
        return otp ? chip->mac_efuse + 12 : 0;
    case STEP_CLKDIV:
        return chip->xtal_mhz == 0 ? chip->uart_clkdiv_reg : 0;
    default:
        return ferry_chip_register(chip, step);
    }
}

uint32_t ferry_flasher_field(const struct ferry_flasher *self, enum ferry_chip_field which)
{
    const struct ferry_reg_field *f = &self->target.chip->fields[which];
    return f->width == 0 ? 0 : self->raw[which] >> f->bit & ((1u << f->width) - 1);
}

static uint32_t joined(const struct ferry_flasher *self, enum ferry_chip_field lo, unsigned parts)
{
    uint32_t value = 0;
    unsigned shift = 0;
    for (unsigned i = 0; i < parts; i++) {
        value |= ferry_flasher_field(self, lo + i) << shift;
        shift += self->target.chip->fields[lo + i].width;
    }
    return value;
}

// 0, 1, 11, 111 are 0, 1, 2, 3; anything else is 0.
static uint32_t ones(uint32_t v)
{
    uint32_t count = 0;
    for (; v & 1; v >>= 1)
        count++;
    return v == 0 ? count : 0;
}

static uint16_t revision(const struct ferry_flasher *self)
{
    uint32_t minor = joined(self, FERRY_FIELD_MINOR_LO, 2), major = joined(self, FERRY_FIELD_MAJOR_LO, 3);
    if (ferry_flasher_can(self, FERRY_CAP_REV_UNARY))
        major = ones(major);
    if (ferry_flasher_can(self, FERRY_CAP_REV_BLOCK_1_1) && minor % 8 == 0 &&
        ferry_flasher_field(self, FERRY_FIELD_BLOCK_MAJOR) == 1 &&
        ferry_flasher_field(self, FERRY_FIELD_BLOCK_MINOR) == 1)
        return 0;
    return (uint16_t)(major * 100 + minor);
}

static void store_big_endian(uint8_t *out, uint32_t value, size_t len)
{
    for (; len-- > 0; value >>= 8)
        out[len] = (uint8_t)value;
}

static void take_mac(struct ferry_flasher *self)
{
    const uint32_t *w = self->raw + STEP_MAC0;
    uint32_t high = w[1], low = w[0]; // bytes 0 and 1, bytes 2 to 5
    if (ferry_flasher_can(self, FERRY_CAP_MAC_OTP)) {
        uint32_t vendor = w[2] != 0 ? w[2] : (w[1] & 0xff0000) != 0 ? 0xacd074 : 0x18fe34;
        high = vendor >> 8;
        low = vendor << 24 | (w[1] & 0xffff) << 8 | w[0] >> 24;
    }
    store_big_endian(self->target.mac, high, 2);
    store_big_endian(self->target.mac + 2, low, 4);
    self->target.mac_known = true;
}

static uint8_t crystal(const struct ferry_flasher *self)
{
    const struct ferry_chip *chip = self->target.chip;
    if (chip->xtal_mhz != 0)
        return chip->xtal_mhz;
    uint32_t khz = (self->raw[STEP_CLKDIV] & 0xfffffu) * (self->connect_rate / 100u) / 10u / chip->uart_clk_div;
    return khz == 0 ? 0 : khz > 45000u ? 48 : khz > 33000u ? 40 : 26;
}

static void take_fields(struct ferry_flasher *self)
{
    struct ferry_target *target = &self->target;
    target->revision = revision(self);
    take_mac(self);
    target->xtal_mhz = crystal(self);
    if (target->chip->fields[FERRY_FIELD_CRYPT_COUNT].width > 0) {
        target->security_known = true;
        target->flash_encryption = odd_ones(ferry_flasher_field(self, FERRY_FIELD_CRYPT_COUNT));
        target->secure_boot = ferry_flasher_field(self, FERRY_FIELD_SECURE_BOOT) != 0 ||
                              (target->revision >= 300 && ferry_flasher_field(self, FERRY_FIELD_SECURE_BOOT2) != 0);
    }
}

void ferry_flasher_enter_fields(struct ferry_flasher *self)
{
    if (self->target.secure_download) { // registers cannot be read
        self->target.xtal_mhz = self->target.chip->xtal_mhz;
        ferry_flasher_go(self, FERRY_FL_BAUD);
        return;
    }
    for (; self->step_index < STEP_COUNT; self->step_index++) {
        uint32_t address = step_register(self, self->step_index);
        if (address != 0) {
            ferry_flasher_read_register(self, address);
            return;
        }
    }
    take_fields(self);
    if (self->reconnecting && memcmp(self->mac_before, self->target.mac, 6) != 0)
        ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, "another target answers than before");
    ferry_flasher_go(self, FERRY_FL_BAUD); // nowhere, after a failure
}

void ferry_flasher_done_fields(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (ferry_flasher_confirm(self, &answer->value, sizeof answer->value))
        self->raw[self->step_index++] = answer->value;
    ferry_flasher_go(self, FERRY_FL_FIELDS);
}
