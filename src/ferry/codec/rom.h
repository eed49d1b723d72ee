// Commands and answers of the mask ROM loaders (docs/protocol/rom.md; Espressif's serial protocol document).
//
//      request   00 | op | len u16 | checksum u32 | data        answer   01 | op | len u16 | value u32 | body | status
//
// Status: 4 bytes, of which the first two mean something (0 = good, then the error byte); 2 bytes on the ESP8266.
#ifndef FERRY_CODEC_ROM_H
#define FERRY_CODEC_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ferry_rom_opcode {
    FERRY_ROM_OP_FLASH_BEGIN = 0x02,
    FERRY_ROM_OP_FLASH_DATA = 0x03,
    FERRY_ROM_OP_FLASH_END = 0x04,
    FERRY_ROM_OP_MEM_BEGIN = 0x05,
    FERRY_ROM_OP_MEM_END = 0x06,
    FERRY_ROM_OP_MEM_DATA = 0x07,
    FERRY_ROM_OP_SYNC = 0x08,
    FERRY_ROM_OP_WRITE_REG = 0x09,
    FERRY_ROM_OP_READ_REG = 0x0a,
    FERRY_ROM_OP_SPI_SET_PARAMS = 0x0b,
    FERRY_ROM_OP_SPI_ATTACH = 0x0d,
    FERRY_ROM_OP_READ_FLASH_SLOW = 0x0e,
    FERRY_ROM_OP_CHANGE_BAUDRATE = 0x0f,
    FERRY_ROM_OP_FLASH_DEFL_BEGIN = 0x10,
    FERRY_ROM_OP_FLASH_DEFL_DATA = 0x11,
    FERRY_ROM_OP_FLASH_DEFL_END = 0x12,
    FERRY_ROM_OP_SPI_FLASH_MD5 = 0x13,
    FERRY_ROM_OP_GET_SECURITY_INFO = 0x14,
};

enum ferry_rom_error_byte {
    FERRY_ROM_ERR_INVALID = 0x05,   // wrong length, wrong sequence number, unknown command
    FERRY_ROM_ERR_FAILED = 0x06,    // parameters out of range
    FERRY_ROM_ERR_CHECKSUM = 0x07,  // the block arrived damaged; its sequence number is used up
    FERRY_ROM_ERR_READ_BACK = 0x08, // the flash holds something else than was written
    FERRY_ROM_ERR_FLASH_READ = 0x09,
    FERRY_ROM_ERR_READ_LEN = 0x0a,
    FERRY_ROM_ERR_DEFLATE = 0x0b,
    FERRY_ROM_ERR_ADLER = 0x0c,
};

#define FERRY_ROM_HEADER_SIZE 8u
#define FERRY_ROM_DATA_HEAD_SIZE 16u // before the bytes of FLASH_DATA, FLASH_DEFL_DATA, MEM_DATA
#define FERRY_ROM_SYNC_SIZE 36u
#define FERRY_ROM_MAX_BODY 64u // READ_FLASH_SLOW

// An answer. body points into the frame that was parsed.
struct ferry_rom_answer {
    uint8_t op;
    bool good;     // status byte 0
    uint8_t error; // error byte; means nothing when good (the ROM's is sticky)
    uint32_t value;
    const uint8_t *body; // without status
    uint8_t body_len;
};

// Request header; out holds 8 bytes.
void ferry_rom_header(uint8_t *out, uint8_t op, uint16_t len, uint32_t checksum);
// XOR of the bytes, seed 0xEF.
uint32_t ferry_rom_checksum(const uint8_t *bytes, size_t len);
// Little-endian words; returns the bytes written (4 * count).
size_t ferry_rom_words(uint8_t *out, const uint32_t *words, size_t count);
// A little-endian word.
uint32_t ferry_rom_word(const uint8_t *bytes);
// Value of a hexadecimal digit (lower case), -1 = none.
int ferry_rom_hex_digit(uint8_t c);
// SYNC data; out holds 36 bytes.
size_t ferry_rom_sync(uint8_t *out);
// Parses a decoded frame. False: not an answer (length field and length differ, wrong direction, no room for status).
bool ferry_rom_parse(const uint8_t *frame, size_t len, struct ferry_rom_answer *out);
// SPI_FLASH_MD5's body: 32 hexadecimal characters into 16 bytes. False: other length or characters.
bool ferry_rom_md5(const struct ferry_rom_answer *answer, uint8_t *md5);
// Flash size in bytes that a JEDEC id (manufacturer | type << 8 | capacity << 16) states; 0 = unknown.
uint32_t ferry_rom_flash_size(uint32_t jedec_id);
// Erase size to ask an ESP8266's FLASH_BEGIN for, so that its miscounting ROM erases what is meant (no less).
uint32_t ferry_rom_erase_size_8266(uint32_t offset, uint32_t size);
// Text for an error byte of the ROM, "" when there is none. Static.
const char *ferry_rom_error_text(int error);

#endif
