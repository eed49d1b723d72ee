// The table of chips. Facts from Espressif's datasheets, technical reference manuals and the register names that
// esptool uses; ROM limits as in docs/protocol/rom.md.
#include "ferry/chip/chip.h"

// SPI1 (flash) register layouts: ESP8266, ESP32, and all later chips.
#define SPI_8266 .spi_usr_offs = 0x1c, .spi_usr1_offs = 0x20, .spi_usr2_offs = 0x24, .spi_w0_offs = 0x40
#define SPI_ESP32                                                                                                      \
    .spi_usr_offs = 0x1c, .spi_usr1_offs = 0x20, .spi_usr2_offs = 0x24, .spi_mosi_dlen_offs = 0x28,                    \
    .spi_miso_dlen_offs = 0x2c, .spi_w0_offs = 0x80
#define SPI_LATER                                                                                                      \
    .spi_usr_offs = 0x18, .spi_usr1_offs = 0x1c, .spi_usr2_offs = 0x20, .spi_mosi_dlen_offs = 0x24,                    \
    .spi_miso_dlen_offs = 0x28, .spi_w0_offs = 0x58

#define CAPS_COMMON                                                                                                    \
    (FERRY_CAP_DEFLATE | FERRY_CAP_MD5 | FERRY_CAP_CHANGE_BAUD | FERRY_CAP_SPI_ATTACH | FERRY_CAP_READ_FLASH_SLOW)
#define CAPS_LATER                                                                                                     \
    (CAPS_COMMON | FERRY_CAP_SECURITY_INFO | FERRY_CAP_SECURITY_INFO_CHIP_ID | FERRY_CAP_BEGIN20 | FERRY_CAP_WINDOW2)

#define EFUSE_C3 0x60008800u
#define EFUSE_C6 0x600b0800u
#define EFUSE_C5 0x600b4800u
#define EFUSE_P4 0x5012d000u
#define EFUSE_S2 0x3f41a000u
#define EFUSE_S3 0x60007000u
#define EFUSE_ESP32 0x3ff5a000u

static const struct ferry_chip table[] = {
    {.name = "esp8266",
     .label = "ESP8266",
     .id = FERRY_CHIP_ESP8266,
     .caps = FERRY_CAP_ERASE_QUIRK_8266 | FERRY_CAP_MAC_OTP,
     .magic = 0xfff0c101,
     .bootloader_offset = 0,
     .boot_gpio = 0,
     .strap2_gpio = -1,
     .strap2_high = false,
     .rx_ring = 128,
     .max_block = 0x400,
     .status_bytes = 2,
     .efuse_base = 0x3ff00050,
     .mac_efuse = 0x3ff00050,
     .spi_base = 0x60000200,
     SPI_8266,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 2,
     .xtal_mhz = 0,
     .ram_base = 0x40100000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80}},
    {.name = "esp32",
     .label = "ESP32",
     .id = FERRY_CHIP_ESP32,
     .caps = CAPS_COMMON | FERRY_CAP_DEFLATE_TAIL_32K | FERRY_CAP_BAUD_BY_XTAL | FERRY_CAP_REV_UNARY,
     .magic = 0x00f01d83,
     .bootloader_offset = 0x1000,
     .boot_gpio = 0,
     .strap2_gpio = 2,
     .strap2_high = false,
     .rx_ring = 256,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_ESP32,
     .mac_efuse = EFUSE_ESP32 + 0x04,
     .spi_base = 0x3ff42000,
     SPI_ESP32,
     .uart_clkdiv_reg = 0x3ff40014,
     .uart_clk_div = 1,
     .xtal_mhz = 0,
     .ram_base = 0x3ffc0000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x14 / 4, 24, 2},
                [FERRY_FIELD_MAJOR_LO] = {0x0c / 4, 15, 1},
                [FERRY_FIELD_MAJOR_MID] = {0x14 / 4, 20, 1},
                [FERRY_FIELD_MAJOR_HI] = {(int32_t)(0x3ff6607cu - EFUSE_ESP32) / 4, 31, 1},
                [FERRY_FIELD_CRYPT_COUNT] = {0x00 / 4, 20, 7},
                [FERRY_FIELD_SECURE_BOOT] = {0x18 / 4, 4, 1},
                [FERRY_FIELD_SECURE_BOOT2] = {0x18 / 4, 5, 1},
                [FERRY_FIELD_CALIBRATION] = {(int32_t)(0x3ff5f06cu - EFUSE_ESP32) / 4, 7, 25},
                [FERRY_FIELD_RC_FREQ] = {0x10 / 4, 0, 8}}},
    {.name = "esp32s2",
     .label = "ESP32-S2",
     .id = FERRY_CHIP_ESP32S2,
     .caps = CAPS_COMMON | FERRY_CAP_SECURITY_INFO | FERRY_CAP_BEGIN20,
     .magic = 0x000007c6,
     .bootloader_offset = 0x1000,
     .boot_gpio = 0,
     .strap2_gpio = 46,
     .strap2_high = false,
     .rx_ring = 1024,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_S2,
     .mac_efuse = EFUSE_S2 + 0x44,
     .spi_base = 0x3f402000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x3f400014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x3ffc0000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x54 / 4, 4, 3},
                [FERRY_FIELD_MINOR_HI] = {0x50 / 4, 20, 1},
                [FERRY_FIELD_MAJOR_LO] = {0x50 / 4, 18, 2}}},
    {.name = "esp32s3",
     .label = "ESP32-S3",
     .id = FERRY_CHIP_ESP32S3,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG | FERRY_CAP_REV_BLOCK_1_1,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 0,
     .strap2_gpio = 46,
     .strap2_high = false,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_S3,
     .mac_efuse = EFUSE_S3 + 0x44,
     .spi_base = 0x60002000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x3fca0000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x50 / 4, 18, 3},
                [FERRY_FIELD_MINOR_HI] = {0x58 / 4, 23, 1},
                [FERRY_FIELD_MAJOR_LO] = {0x58 / 4, 24, 2},
                [FERRY_FIELD_BLOCK_MAJOR] = {0x6c / 4, 0, 2},
                [FERRY_FIELD_BLOCK_MINOR] = {0x50 / 4, 24, 3}}},
    {.name = "esp32c2",
     .label = "ESP32-C2",
     .id = FERRY_CHIP_ESP32C2,
     .caps = CAPS_LATER | FERRY_CAP_BAUD_NOT_IN_SDM,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 9,
     .strap2_gpio = 8,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C3,
     .mac_efuse = EFUSE_C3 + 0x40,
     .spi_base = 0x60002000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 0,
     .rom_xtal_mhz = 40,
     .ram_base = 0x3fca4000,
     .freq_mhz = {[0] = 30, [1] = 20, [2] = 15, [15] = 60},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x44 / 4, 16, 4}, [FERRY_FIELD_MAJOR_LO] = {0x44 / 4, 20, 2}}},
    {.name = "esp32c3",
     .label = "ESP32-C3",
     .id = FERRY_CHIP_ESP32C3,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 9,
     .strap2_gpio = 8,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C3,
     .mac_efuse = EFUSE_C3 + 0x44,
     .spi_base = 0x60002000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x3fc90000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x50 / 4, 18, 3},
                [FERRY_FIELD_MINOR_HI] = {0x58 / 4, 23, 1},
                [FERRY_FIELD_MAJOR_LO] = {0x58 / 4, 24, 2}}},
    {.name = "esp32c5",
     .label = "ESP32-C5",
     .id = FERRY_CHIP_ESP32C5,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG | FERRY_CAP_BAUD_NOT_IN_SDM,
     .magic = 0,
     .bootloader_offset = 0x2000,
     .boot_gpio = 28,
     .strap2_gpio = 27,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C5,
     .mac_efuse = EFUSE_C5 + 0x44,
     .spi_base = 0x60003000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 0,
     .ram_base = 0x40820000,
     .freq_mhz = {[0] = 40, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x4c / 4, 0, 4},
                [FERRY_FIELD_MAJOR_LO] = {0x4c / 4, 4, 2},
                [FERRY_FIELD_ROM_XTAL] = {(int32_t)(0x60096110u - EFUSE_C5) / 4, 24, 7}}},
    {.name = "esp32c6",
     .label = "ESP32-C6",
     .id = FERRY_CHIP_ESP32C6,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 9,
     .strap2_gpio = 8,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C6,
     .mac_efuse = EFUSE_C6 + 0x44,
     .spi_base = 0x60003000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x40820000,
     .freq_mhz = {[0] = 80, [2] = 20},
     .freq0_also_mhz = 40,
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x50 / 4, 18, 4}, [FERRY_FIELD_MAJOR_LO] = {0x50 / 4, 22, 2}}},
    {.name = "esp32c61",
     .label = "ESP32-C61",
     .id = FERRY_CHIP_ESP32C61,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 9,
     .strap2_gpio = 8,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C5,
     .mac_efuse = EFUSE_C5 + 0x44,
     .spi_base = 0x60003000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x40820000,
     .freq_mhz = {[0] = 40, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x4c / 4, 0, 4}, [FERRY_FIELD_MAJOR_LO] = {0x4c / 4, 4, 2}}},
    {.name = "esp32h2",
     .label = "ESP32-H2",
     .id = FERRY_CHIP_ESP32H2,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG,
     .magic = 0,
     .bootloader_offset = 0,
     .boot_gpio = 9,
     .strap2_gpio = 8,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_C6,
     .mac_efuse = EFUSE_C6 + 0x44,
     .spi_base = 0x60003000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x60000014,
     .uart_clk_div = 1,
     .xtal_mhz = 32,
     .ram_base = 0x40820000,
     .freq_mhz = {[0] = 24, [1] = 16, [2] = 12, [15] = 48},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x50 / 4, 18, 3}, [FERRY_FIELD_MAJOR_LO] = {0x50 / 4, 21, 2}}},
    {.name = "esp32p4",
     .label = "ESP32-P4",
     .id = FERRY_CHIP_ESP32P4,
     .caps = CAPS_LATER | FERRY_CAP_USB_JTAG,
     .magic = 0,
     .bootloader_offset = 0x2000,
     .boot_gpio = 35,
     .strap2_gpio = 36,
     .strap2_high = true,
     .rx_ring = 2048,
     .max_block = 0x1800,
     .status_bytes = 4,
     .efuse_base = EFUSE_P4,
     .mac_efuse = EFUSE_P4 + 0x44,
     .spi_base = 0x5008d000,
     SPI_LATER,
     .uart_clkdiv_reg = 0x500ca014,
     .uart_clk_div = 1,
     .xtal_mhz = 40,
     .ram_base = 0x4ff40000,
     .freq_mhz = {[0] = 40, [1] = 26, [2] = 20, [15] = 80},
     .fields = {[FERRY_FIELD_MINOR_LO] = {0x4c / 4, 0, 4},
                [FERRY_FIELD_MAJOR_LO] = {0x4c / 4, 4, 2},
                [FERRY_FIELD_MAJOR_HI] = {0x4c / 4, 23, 1}}},
};

const struct ferry_chip *ferry_chip_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const struct ferry_chip *ferry_chip_by_id(uint16_t id)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].id == id)
            return &table[i];
    return NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// True when both are the same but for case and hyphens.
static bool same_name(const char *a, const char *b)
{
    for (;;) {
        while (*a == '-')
            a++;
        while (*b == '-')
            b++;
        if (lower(*a) != lower(*b))
            return false;
        if (*a == 0)
            return true;
        a++;
        b++;
    }
}

const struct ferry_chip *ferry_chip_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (same_name(table[i].name, name))
            return &table[i];
    return NULL;
}

const struct ferry_chip *ferry_chip_by_magic(uint32_t magic)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (magic != 0 && table[i].magic == magic)
            return &table[i];
    return NULL;
}
