// The table of chips: what differs between them, as data. The logic asks for capabilities, never for names.
//
// Sources: Espressif's datasheets and technical reference manuals (strapping, efuse), esptool's chip definitions
// (ids, register addresses as facts), docs/protocol/rom.md of this project (ROM limits and quirks).
#ifndef FERRY_CHIP_CHIP_H
#define FERRY_CHIP_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// chip_id as in image headers and GET_SECURITY_INFO; ESP8266 has none, it gets a value outside the id space.
enum ferry_chip_id {
    FERRY_CHIP_ESP32 = 0,
    FERRY_CHIP_ESP32S2 = 2,
    FERRY_CHIP_ESP32C3 = 5,
    FERRY_CHIP_ESP32S3 = 9,
    FERRY_CHIP_ESP32C2 = 12,
    FERRY_CHIP_ESP32C6 = 13,
    FERRY_CHIP_ESP32H2 = 16,
    FERRY_CHIP_ESP32P4 = 18,
    FERRY_CHIP_ESP32C61 = 20,
    FERRY_CHIP_ESP32C5 = 23,
    FERRY_CHIP_ESP8266 = 0xfff0,
    FERRY_CHIP_ANY = 0xffff,
};

enum ferry_chip_cap {
    FERRY_CAP_SECURITY_INFO = 1u << 0,         // GET_SECURITY_INFO (0x14) answers
    FERRY_CAP_SECURITY_INFO_CHIP_ID = 1u << 1, // ... with 20 bytes that include the chip id
    FERRY_CAP_DEFLATE = 1u << 2,               // FLASH_DEFL_*
    FERRY_CAP_MD5 = 1u << 3,                   // SPI_FLASH_MD5
    FERRY_CAP_BEGIN20 = 1u << 4,               // FLASH_BEGIN / FLASH_DEFL_BEGIN of exactly 20 bytes (else exactly 16)
    FERRY_CAP_DEFLATE_TAIL_32K = 1u << 5,      // quirk: the last deflate write is always 32 KB long
    FERRY_CAP_CHANGE_BAUD = 1u << 6,           // CHANGE_BAUDRATE
    FERRY_CAP_SPI_ATTACH = 1u << 7,            // SPI_ATTACH and SPI_SET_PARAMS
    FERRY_CAP_ERASE_QUIRK_8266 = 1u << 8,      // quirk: FLASH_BEGIN erases head + total sectors
    FERRY_CAP_WINDOW2 = 1u << 9,               // receive ring of 2 KB: a second packet may be under way
    FERRY_CAP_BAUD_BY_XTAL = 1u << 10,         // quirk: CHANGE_BAUDRATE goes by the crystal the ROM assumed
    FERRY_CAP_READ_FLASH_SLOW = 1u << 11,      // READ_FLASH_SLOW (0x0e)
    FERRY_CAP_USB_JTAG = 1u << 12,             // has USB-Serial-JTAG: watchdogs must be disabled there
    FERRY_CAP_ADDR_4BYTE_ROM = 1u << 13,       // ROM can address above 16 MB (none so far; stub needed)
    FERRY_CAP_BAUD_NOT_IN_SDM = 1u << 14,      // CHANGE_BAUDRATE is not usable in secure download mode
    FERRY_CAP_MAC_OTP = 1u << 15,              // the MAC is laid out as in the ESP8266's OTP words
    FERRY_CAP_REV_UNARY = 1u << 16,            // the major revision is the number of ones of its field (1, 11, 111)
    FERRY_CAP_REV_BLOCK_1_1 = 1u << 17,        // efuse block version 1.1 with minor x.0 means revision 0.0
};

// A bit field of a 32-bit register at efuse_base + 4 * word. width 0 = the chip has none.
struct ferry_reg_field {
    int16_t word;
    uint8_t bit, width;
};

// Fields that identification reads. Parts of one number stand lowest bits first.
enum ferry_chip_field {
    FERRY_FIELD_MINOR_LO, // revision, minor
    FERRY_FIELD_MINOR_HI,
    FERRY_FIELD_MAJOR_LO, // revision, major
    FERRY_FIELD_MAJOR_MID,
    FERRY_FIELD_MAJOR_HI,
    FERRY_FIELD_BLOCK_MAJOR, // efuse block version (FERRY_CAP_REV_BLOCK_1_1)
    FERRY_FIELD_BLOCK_MINOR,
    FERRY_FIELD_CRYPT_COUNT,  // flash encryption counter: odd number of ones = on (only without security info)
    FERRY_FIELD_SECURE_BOOT,  // any bit = on (only without security info)
    FERRY_FIELD_SECURE_BOOT2, // any bit = on, from revision 3.0 (only without security info)
    FERRY_FIELD_CALIBRATION,  // FERRY_CAP_BAUD_BY_XTAL: RC periods counted by the ROM against the crystal
    FERRY_FIELD_RC_FREQ,      // FERRY_CAP_BAUD_BY_XTAL: RC frequency by which the ROM multiplies it
    FERRY_FIELD_ROM_XTAL,     // crystal in MHz that the ROM assumes
    FERRY_FIELD_COUNT
};

struct ferry_chip {
    const char *name;           // as esptool's --chip: "esp32c3"
    const char *label;          // as people write it: "ESP32-C3"
    uint16_t id;                // enum ferry_chip_id
    uint32_t caps;              // enum ferry_chip_cap
    uint32_t magic;             // value at 0x40001000 where there is no chip id in security info, 0 = none
    uint32_t bootloader_offset; // flash address of the second-stage bootloader
    uint8_t boot_gpio;          // strapping pin that selects the loader when low at reset
    int8_t strap2_gpio;         // second strapping pin, -1 = none
    bool strap2_high;           // level it needs for the loader
    uint16_t rx_ring;           // bytes of the ROM's receive ring
    uint16_t max_block;         // largest block_size of FLASH_BEGIN
    uint8_t status_bytes;       // status bytes at the end of an answer: 4, or 2
    uint32_t efuse_base;        // base address of the efuse registers
    uint32_t mac_efuse;         // register holding the low word of the factory MAC; the next word holds the rest
    uint32_t spi_base;          // SPI1 registers (flash command access)
    uint8_t spi_usr_offs, spi_usr1_offs, spi_usr2_offs, spi_mosi_dlen_offs, spi_miso_dlen_offs,
        spi_w0_offs;          // dlen 0 = in USR1
    uint32_t uart_clkdiv_reg; // UART_CLKDIV of UART0 (crystal detection), 0 = not used
    uint8_t uart_clk_div;     // clkdiv x baud / this = crystal
    uint8_t xtal_mhz;         // crystal when fixed, 0 = to be detected
    uint8_t rom_xtal_mhz;     // crystal that the ROM always assumes, 0 = see FERRY_FIELD_ROM_XTAL, or no matter
    struct ferry_reg_field fields[FERRY_FIELD_COUNT];
    uint32_t ram_base; // some RAM that a loaded program may use (run-ram example)
    // Codes of the bootloader header's byte 3, low nibble (flash frequency), in MHz: freq_mhz[code], 0 = not used.
    uint8_t freq_mhz[16];
    uint8_t freq0_also_mhz; // a second name of code 0, 0 = none
};

// The whole table; *count = rows. Rows never change.
const struct ferry_chip *ferry_chip_table(size_t *count);
const struct ferry_chip *ferry_chip_by_id(uint16_t id);        // NULL = not in the table
const struct ferry_chip *ferry_chip_by_name(const char *name); // "esp32c3", "ESP32-C3", "esp32-c3"; NULL = none
const struct ferry_chip *ferry_chip_by_magic(uint32_t magic);  // NULL = none
// Address of a field's register, 0 = none.
static inline uint32_t ferry_chip_register(const struct ferry_chip *chip, enum ferry_chip_field field)
{
    const struct ferry_reg_field *f = &chip->fields[field];
    return f->width == 0 ? 0 : chip->efuse_base + 4u * (uint32_t)(int32_t)f->word;
}
static inline bool ferry_chip_can(const struct ferry_chip *chip, uint32_t cap)
{
    return (chip->caps & cap) == cap;
}

#endif
