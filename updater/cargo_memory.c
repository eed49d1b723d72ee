#include "updater/cargo_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "ferry/chip/chip.h"

struct range {
    uint16_t chip;
    uint32_t from, to;
    const char *name;
};

// Address ranges: the "System and Memory" chapters of Espressif's technical reference manuals.
static const struct range RANGES[] = {
    {FERRY_CHIP_ESP32, 0x3F400000, 0x3F800000, "DROM"},     {FERRY_CHIP_ESP32, 0x3F800000, 0x3FC00000, "PSRAM"},
    {FERRY_CHIP_ESP32, 0x3FF80000, 0x3FF82000, "RTC"},      {FERRY_CHIP_ESP32, 0x3FFAE000, 0x40000000, "DRAM"},
    {FERRY_CHIP_ESP32, 0x40070000, 0x400A0000, "IRAM"},     {FERRY_CHIP_ESP32, 0x400C0000, 0x400C2000, "RTC"},
    {FERRY_CHIP_ESP32, 0x400D0000, 0x40400000, "IROM"},     {FERRY_CHIP_ESP32, 0x50000000, 0x50002000, "RTC"},
    {FERRY_CHIP_ESP32S2, 0x3F000000, 0x3F500000, "DROM"},   {FERRY_CHIP_ESP32S2, 0x3F500000, 0x3FF80000, "PSRAM"},
    {FERRY_CHIP_ESP32S2, 0x3FF9E000, 0x3FFA0000, "RTC"},    {FERRY_CHIP_ESP32S2, 0x3FFB0000, 0x40000000, "DRAM"},
    {FERRY_CHIP_ESP32S2, 0x40020000, 0x40072000, "IRAM"},   {FERRY_CHIP_ESP32S2, 0x40070000, 0x40072000, "RTC"},
    {FERRY_CHIP_ESP32S2, 0x40080000, 0x40B80000, "IROM"},   {FERRY_CHIP_ESP32S2, 0x50000000, 0x50002000, "RTC"},
    {FERRY_CHIP_ESP32C3, 0x3C000000, 0x3C800000, "DROM"},   {FERRY_CHIP_ESP32C3, 0x3FC80000, 0x3FCE0000, "DRAM"},
    {FERRY_CHIP_ESP32C3, 0x4037C000, 0x403E0000, "IRAM"},   {FERRY_CHIP_ESP32C3, 0x42000000, 0x42800000, "IROM"},
    {FERRY_CHIP_ESP32C3, 0x50000000, 0x50002000, "RTC"},    {FERRY_CHIP_ESP32S3, 0x3C000000, 0x3E000000, "DROM"},
    {FERRY_CHIP_ESP32S3, 0x3FC88000, 0x3FD00000, "DRAM"},   {FERRY_CHIP_ESP32S3, 0x40370000, 0x403E0000, "IRAM"},
    {FERRY_CHIP_ESP32S3, 0x42000000, 0x44000000, "IROM"},   {FERRY_CHIP_ESP32S3, 0x50000000, 0x50002000, "RTC"},
    {FERRY_CHIP_ESP32S3, 0x600FE000, 0x60100000, "RTC"},    {FERRY_CHIP_ESP32C2, 0x3C000000, 0x3C400000, "DROM"},
    {FERRY_CHIP_ESP32C2, 0x3FCA0000, 0x3FCE0000, "DRAM"},   {FERRY_CHIP_ESP32C2, 0x4037C000, 0x403C0000, "IRAM"},
    {FERRY_CHIP_ESP32C2, 0x42000000, 0x42400000, "IROM"},   {FERRY_CHIP_ESP32C6, 0x42000000, 0x43000000, "flash"},
    {FERRY_CHIP_ESP32C6, 0x40800000, 0x40880000, "RAM"},    {FERRY_CHIP_ESP32C6, 0x50000000, 0x50004000, "RTC"},
    {FERRY_CHIP_ESP32H2, 0x42000000, 0x43000000, "flash"},  {FERRY_CHIP_ESP32H2, 0x40800000, 0x40850000, "RAM"},
    {FERRY_CHIP_ESP32H2, 0x50000000, 0x50001000, "RTC"},    {FERRY_CHIP_ESP32C5, 0x42000000, 0x44000000, "flash"},
    {FERRY_CHIP_ESP32C5, 0x40800000, 0x40860000, "RAM"},    {FERRY_CHIP_ESP32C5, 0x50000000, 0x50004000, "RTC"},
    {FERRY_CHIP_ESP32C61, 0x42000000, 0x44000000, "flash"}, {FERRY_CHIP_ESP32C61, 0x40800000, 0x40860000, "RAM"},
    {FERRY_CHIP_ESP32P4, 0x40000000, 0x44000000, "flash"},  {FERRY_CHIP_ESP32P4, 0x4FF00000, 0x4FFC0000, "RAM"},
    {FERRY_CHIP_ESP32P4, 0x50108000, 0x50110000, "RTC"},    {FERRY_CHIP_ESP32P4, 0x30100000, 0x30102000, "TCM"},
    {FERRY_CHIP_ESP32P4, 0x48000000, 0x4C000000, "PSRAM"},  {FERRY_CHIP_ESP8266, 0x3FFE8000, 0x40000000, "DRAM"},
    {FERRY_CHIP_ESP8266, 0x40100000, 0x40110000, "IRAM"},   {FERRY_CHIP_ESP8266, 0x40200000, 0x40300000, "IROM"},
};
#define RANGE_COUNT (sizeof RANGES / sizeof RANGES[0])

const char *ferry_cargo_memory_name(uint16_t chip_id, uint32_t address)
{
    if (address < 0x10000)
        return "padding";
    for (size_t i = 0; i < RANGE_COUNT; i++)
        if (RANGES[i].chip == chip_id && address >= RANGES[i].from && address < RANGES[i].to)
            return RANGES[i].name;
    return NULL;
}

bool ferry_cargo_memory_mapped(const char *name)
{
    return strcmp(name, "DROM") == 0 || strcmp(name, "IROM") == 0 || strcmp(name, "flash") == 0;
}

// The smallest page that the bootloaders of chips with a choice can be built for; 64 KB elsewhere.
static uint32_t page_size(uint16_t chip_id)
{
    bool choice = chip_id == FERRY_CHIP_ESP32C2 || chip_id == FERRY_CHIP_ESP32C6 || chip_id == FERRY_CHIP_ESP32H2 ||
                  chip_id == FERRY_CHIP_ESP32C5 || chip_id == FERRY_CHIP_ESP32C61;
    return choice ? 0x2000 : 0x10000;
}

const char *ferry_cargo_memory_problem(uint16_t chip_id, const struct ferry_image_segment *segment,
                                       uint32_t image_address)
{
    const char *name = ferry_cargo_memory_name(chip_id, segment->load_address);
    if (!name && segment->size)
        return "loads where this chip has no memory";
    if (!name || !ferry_cargo_memory_mapped(name) || segment->size == 0 || chip_id == FERRY_CHIP_ESP8266)
        return NULL;
    if ((image_address + segment->offset - segment->load_address) % page_size(chip_id))
        return "does not lie at the flash offset that its address asks for";
    return NULL;
}
