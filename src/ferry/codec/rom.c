#include "ferry/codec/rom.h"

#include <string.h>

#include "ferry/base/bytes.h"

void ferry_rom_header(uint8_t *out, uint8_t op, uint16_t len, uint32_t checksum)
{
    out[0] = 0;
    out[1] = op;
    ferry_store16le(out + 2, len);
    ferry_store32le(out + 4, checksum);
}

uint32_t ferry_rom_checksum(const uint8_t *bytes, size_t len)
{
    uint8_t sum = 0xef;
    while (len-- > 0)
        sum ^= *bytes++;
    return sum;
}

size_t ferry_rom_words(uint8_t *out, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ferry_store32le(out + 4 * i, words[i]);
    return 4 * count;
}

uint32_t ferry_rom_word(const uint8_t *bytes)
{
    return ferry_load32le(bytes);
}

size_t ferry_rom_sync(uint8_t *out)
{
    static const uint8_t start[4] = {0x07, 0x07, 0x12, 0x20};
    memcpy(out, start, sizeof start);
    memset(out + sizeof start, 0x55, FERRY_ROM_SYNC_SIZE - sizeof start);
    return FERRY_ROM_SYNC_SIZE;
}

bool ferry_rom_parse(const uint8_t *frame, size_t len, struct ferry_rom_answer *out)
{
    if (len < FERRY_ROM_HEADER_SIZE + 2 || frame[0] != 1)
        return false;
    size_t data_len = ferry_load16le(frame + 2);
    if (data_len != len - FERRY_ROM_HEADER_SIZE || data_len > FERRY_ROM_MAX_BODY + 4)
        return false;
    size_t status_len = data_len < 4 ? 2 : 4;
    const uint8_t *status = frame + len - status_len;
    out->op = frame[1];
    out->value = ferry_rom_word(frame + 4);
    out->good = status[0] == 0;
    out->error = status[1];
    out->body = frame + FERRY_ROM_HEADER_SIZE;
    out->body_len = (uint8_t)(data_len - status_len);
    return true;
}

int ferry_rom_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool ferry_rom_md5(const struct ferry_rom_answer *answer, uint8_t *md5)
{
    if (answer->body_len != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        int high = ferry_rom_hex_digit(answer->body[2 * i]), low = ferry_rom_hex_digit(answer->body[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        md5[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

uint32_t ferry_rom_flash_size(uint32_t jedec_id)
{
    uint32_t capacity = jedec_id >> 16 & 0xff;
    if (capacity >= 0x12 && capacity <= 0x1c)
        return 1u << capacity;
    if (capacity >= 0x20 && capacity <= 0x22)
        return 1u << (capacity - 6);
    if (capacity >= 0x32 && capacity <= 0x3a)
        return 1u << (capacity - 0x20);
    return 0;
}

uint32_t ferry_rom_erase_size_8266(uint32_t offset, uint32_t size)
{
    uint32_t sectors = size / 4096 + (size % 4096 != 0);
    uint32_t head = 16 - offset / 4096 % 16;
    if (sectors < head)
        head = sectors;
    // The ROM erases the head sectors and then as many as were asked for (docs/protocol/rom.md).
    if (sectors < 2 * head)
        return (sectors + 1) / 2 * 4096;
    return (sectors - head) * 4096;
}

const char *ferry_rom_error_text(int error)
{
    static const char *const texts[] = {
        [FERRY_ROM_ERR_INVALID] = "the ROM says: invalid message",
        [FERRY_ROM_ERR_FAILED] = "the ROM says: failed (is the address inside the flash?)",
        [FERRY_ROM_ERR_CHECKSUM] = "the ROM says: checksum wrong",
        [FERRY_ROM_ERR_READ_BACK] = "the ROM read back something else than it wrote",
        [FERRY_ROM_ERR_FLASH_READ] = "the ROM cannot read the flash there",
        [FERRY_ROM_ERR_READ_LEN] = "the ROM refuses that length",
        [FERRY_ROM_ERR_DEFLATE] = "the ROM cannot inflate the data",
        [FERRY_ROM_ERR_ADLER] = "the ROM found the inflated data damaged",
    };
    if (error < 0 || error >= (int)(sizeof texts / sizeof texts[0]) || texts[error] == NULL)
        return "";
    return texts[error];
}
