// Who is there: security info where the ROM has it, else the magic register; revision, MAC, crystal, security state.
// What decides is read until two answers agree: answers carry no checksum.
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/engine/flasher_state.h"

#define MAGIC_REGISTER 0x40001000u
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
    v ^= v >> 16;
    v ^= v >> 8;
    v ^= v >> 4;
    return (0x6996u >> (v & 15) & 1) != 0;
}

// --- which chip ------------------------------------------------------------------------------------------------------

// Takes the chip, or fails. NULL = not in the table.
static void found(struct ferry_flasher *self, const struct ferry_chip *chip)
{
    const struct ferry_chip *before = self->target.chip;
    if (chip == NULL) {
        ferry_flasher_fail(self, FERRY_ERR_UNKNOWN_CHIP, "", FERRY_FL_NO_ADDRESS);
        return;
    }
    if (self->reconnecting && before != chip) {
        ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, "another chip answers than before", FERRY_FL_NO_ADDRESS);
        return;
    }
    self->target.chip = chip;
    if (self->cfg.chip != FERRY_CHIP_ANY && self->cfg.chip != chip->id) {
        ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, chip->label, FERRY_FL_NO_ADDRESS);
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

static void take_security(struct ferry_flasher *self, const uint32_t *words, bool has_id)
{
    struct ferry_target *target = &self->target;
    target->security_known = true;
    target->security_flags = words[0];
    target->secure_boot = (words[0] & FLAG_SECURE_BOOT) != 0;
    target->secure_download = (words[0] & FLAG_SECURE_DOWNLOAD) != 0;
    target->flash_encryption = odd_ones(words[1] & 0xff);
    found(self, has_id ? ferry_chip_by_id((uint16_t)(words[3] < 0xffff ? words[3] : 0xffff)) : chip_without_id());
}

void ferry_flasher_done_security(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (!answer->good) {
        ferry_flasher_go(self, FERRY_FL_SECURITY_REST);
        return;
    }
    uint32_t words[5] = {0};
    size_t count = answer->body_len / 4u;
    if (count != 3 && count != 5) {
        ferry_flasher_trouble(self, FERRY_ERR_PROTOCOL, -1, "security info of unknown length");
        return;
    }
    for (size_t i = 0; i < count; i++)
        words[i] = ferry_load32le(answer->body + 4 * i);
    if (ferry_flasher_confirm(self, words, count))
        take_security(self, words, count == 5);
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
    self->seen_count = 0;
    // Asked twice: a damaged request is refused as an unknown one is.
    ferry_flasher_go(self, ++self->sync_tries < 2 ? FERRY_FL_SECURITY : FERRY_FL_MAGIC);
}

void ferry_flasher_enter_magic(struct ferry_flasher *self)
{
    ferry_flasher_read_register(self, MAGIC_REGISTER);
}

void ferry_flasher_done_magic(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (ferry_flasher_confirm(self, &answer->value, 1))
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

static uint32_t field(const struct ferry_flasher *self, enum ferry_chip_field which)
{
    const struct ferry_reg_field *f = &self->target.chip->fields[which];
    return f->width == 0 ? 0 : self->raw[which] >> f->bit & ((1u << f->width) - 1);
}

static uint32_t joined(const struct ferry_flasher *self, enum ferry_chip_field lo, unsigned parts)
{
    uint32_t value = 0;
    unsigned shift = 0;
    for (unsigned i = 0; i < parts; i++) {
        value |= field(self, lo + i) << shift;
        shift += self->target.chip->fields[lo + i].width;
    }
    return value;
}

static uint16_t revision(const struct ferry_flasher *self)
{
    uint32_t minor = joined(self, FERRY_FIELD_MINOR_LO, 2), major = joined(self, FERRY_FIELD_MAJOR_LO, 3);
    if (ferry_flasher_can(self, FERRY_CAP_REV_UNARY))
        major = major == 1 ? 1 : major == 3 ? 2 : major == 7 ? 3 : 0;
    if (ferry_flasher_can(self, FERRY_CAP_REV_BLOCK_1_1) && minor % 8 == 0 &&
        field(self, FERRY_FIELD_BLOCK_MAJOR) == 1 && field(self, FERRY_FIELD_BLOCK_MINOR) == 1)
        return 0;
    return (uint16_t)(major * 100 + minor);
}

static void mac_of_otp(uint8_t *mac, uint32_t w0, uint32_t w1, uint32_t w3)
{
    static const uint8_t vendors[2][3] = {{0x18, 0xfe, 0x34}, {0xac, 0xd0, 0x74}};
    if (w3 != 0)
        for (unsigned i = 0; i < 3; i++)
            mac[i] = (uint8_t)(w3 >> (16 - 8 * i));
    else
        memcpy(mac, vendors[(w1 >> 16 & 0xff) != 0], 3);
    mac[3] = (uint8_t)(w1 >> 8);
    mac[4] = (uint8_t)w1;
    mac[5] = (uint8_t)(w0 >> 24);
}

static void take_mac(struct ferry_flasher *self)
{
    const uint32_t *w = self->raw + STEP_MAC0;
    uint8_t *mac = self->target.mac;
    if (ferry_flasher_can(self, FERRY_CAP_MAC_OTP)) {
        mac_of_otp(mac, w[0], w[1], w[2]);
    } else {
        mac[0] = (uint8_t)(w[1] >> 8);
        mac[1] = (uint8_t)w[1];
        for (unsigned i = 0; i < 4; i++)
            mac[2 + i] = (uint8_t)(w[0] >> (24 - 8 * i));
    }
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
        target->flash_encryption = odd_ones(field(self, FERRY_FIELD_CRYPT_COUNT));
        target->secure_boot = field(self, FERRY_FIELD_SECURE_BOOT) != 0 ||
                              (target->revision >= 300 && field(self, FERRY_FIELD_SECURE_BOOT2) != 0);
    }
}

void ferry_flasher_enter_fields(struct ferry_flasher *self)
{
    while (self->step_index < STEP_COUNT && step_register(self, self->step_index) == 0)
        self->step_index++;
    if (self->target.secure_download) { // registers cannot be read
        self->target.xtal_mhz = self->target.chip->xtal_mhz;
        ferry_flasher_go(self, FERRY_FL_BAUD);
    } else if (self->step_index < STEP_COUNT) {
        ferry_flasher_read_register(self, step_register(self, self->step_index));
    } else {
        take_fields(self);
        if (self->reconnecting && memcmp(self->mac_before, self->target.mac, 6) != 0)
            ferry_flasher_fail(self, FERRY_ERR_WRONG_CHIP, "another target answers than before", FERRY_FL_NO_ADDRESS);
        else
            ferry_flasher_go(self, FERRY_FL_BAUD);
    }
}

void ferry_flasher_done_fields(struct ferry_flasher *self, const struct ferry_rom_answer *answer)
{
    if (ferry_flasher_confirm(self, &answer->value, 1))
        self->raw[self->step_index++] = answer->value;
    ferry_flasher_go(self, FERRY_FL_FIELDS);
}
