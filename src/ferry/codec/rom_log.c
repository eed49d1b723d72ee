#include "ferry/codec/rom_log.h"

#include "ferry/base/status.h"
#include "ferry/codec/rom.h"

void ferry_rom_log_init(struct ferry_rom_log *self)
{
    *self = (struct ferry_rom_log){.boot_mode = -1, .number = -1};
}

// Advances a match of `word`; true when this byte completes it. The words have no border inside themselves longer than
// one character, so falling back to the first is enough.
static bool match(const char *word, uint8_t *at, uint8_t byte)
{
    if ((uint8_t)word[*at] != byte)
        *at = 0;
    if ((uint8_t)word[*at] == byte)
        (*at)++;
    if (word[*at] != 0)
        return false;
    *at = 0;
    return true;
}

static void feed_one(struct ferry_rom_log *self, uint8_t byte)
{
    self->bytes++;
    if ((byte >= 0x20 && byte < 0x7f) || byte == '\r' || byte == '\n' || byte == '\t')
        self->printable++;
    if (self->number >= 0) {
        int digit = ferry_rom_hex_digit(byte);
        self->number = digit < 0 || self->number > 0xfff ? -1 : self->number << 4 | digit;
        if (self->number >= 0)
            self->boot_mode = self->number;
    }
    if (match("boot:0x", &self->at_boot, byte))
        self->number = 0;
    if (match("download", &self->at_download, byte))
        self->download = true;
    if (match("rst:0x", &self->at_reset, byte)) {
        self->download = false;
        self->boot_mode = -1;
        if (self->resets < 255)
            self->resets++;
    }
}

void ferry_rom_log_feed(struct ferry_rom_log *self, const uint8_t *bytes, size_t len)
{
    while (len-- > 0)
        feed_one(self, *bytes++);
}

int ferry_rom_log_verdict(const struct ferry_rom_log *self)
{
    if (self->bytes == 0)
        return FERRY_ERR_NO_ANSWER;
    if (self->download)
        return FERRY_ERR_TX_PATH;
    if (self->boot_mode >= 0)
        return FERRY_ERR_BOOT_MODE;
    // Text, but no boot log: the chip's own program talks. A third of random bytes are printable, so ask for most.
    return self->printable > self->bytes - self->bytes / 8 ? FERRY_ERR_BOOT_MODE : FERRY_ERR_GARBAGE;
}
