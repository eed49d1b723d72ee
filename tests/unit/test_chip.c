// The chip table: anchored in Espressif's documents (ids, offsets, strapping) and in docs/protocol/rom.md (ROM limits).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/chip/chip.h"

static void eleven_chips_found_by_each_key(void **state)
{
    (void)state;
    size_t count;
    const struct ferry_chip *table = ferry_chip_table(&count);
    assert_int_equal(count, 11);
    for (size_t i = 0; i < count; i++) {
        const struct ferry_chip *chip = &table[i];
        assert_ptr_equal(ferry_chip_by_id(chip->id), chip);
        assert_ptr_equal(ferry_chip_by_name(chip->name), chip);
        assert_ptr_equal(ferry_chip_by_name(chip->label), chip);
        if (chip->magic != 0)
            assert_ptr_equal(ferry_chip_by_magic(chip->magic), chip);
    }
    assert_null(ferry_chip_by_name("esp32c33"));
    assert_null(ferry_chip_by_name("esp32-"
                                   "c"));
    assert_null(ferry_chip_by_name(""));
    assert_null(ferry_chip_by_id(FERRY_CHIP_ANY));
    assert_null(ferry_chip_by_magic(0));
}

static void ids_and_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t id;
        uint32_t bootloader;
        uint8_t boot_gpio;
    } known[] = {
        {"esp8266", FERRY_CHIP_ESP8266, 0, 0},
        {"esp32", 0, 0x1000, 0},
        {"esp32s2", 2, 0x1000, 0},
        {"esp32s3", 9, 0, 0},
        {"esp32c2", 12, 0, 9},
        {"esp32c3", 5, 0, 9},
        {"esp32c5", 23, 0x2000, 28},
        {"esp32c6", 13, 0, 9},
        {"esp32c61", 20, 0, 9},
        {"esp32h2", 16, 0, 9},
        {"esp32p4", 18, 0x2000, 35},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct ferry_chip *chip = ferry_chip_by_name(known[i].name);
        assert_non_null(chip);
        assert_int_equal(chip->id, known[i].id);
        assert_int_equal(chip->bootloader_offset, known[i].bootloader);
        assert_int_equal(chip->boot_gpio, known[i].boot_gpio);
    }
}

static void limits_make_sense(void **state)
{
    (void)state;
    size_t count;
    const struct ferry_chip *table = ferry_chip_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct ferry_chip *chip = &table[i];
        assert_true(chip->max_block >= 0x400 && chip->max_block <= 0x1800 && chip->max_block % 16 == 0);
        assert_true(ferry_chip_can(chip, FERRY_CAP_WINDOW2) == (chip->rx_ring >= 2048));
        assert_true(ferry_chip_can(chip, FERRY_CAP_SECURITY_INFO_CHIP_ID) != (chip->magic != 0));
        assert_true(chip->xtal_mhz != 0 || chip->uart_clkdiv_reg != 0);
        assert_true(chip->uart_clk_div == 1 || chip->uart_clk_div == 2);
        assert_true(chip->freq_mhz[0] != 0 && chip->spi_base != 0 && chip->mac_efuse != 0);
        for (size_t f = 0; f < FERRY_FIELD_COUNT; f++)
            assert_true(chip->fields[f].bit + chip->fields[f].width <= 32 && chip->fields[f].width < 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eleven_chips_found_by_each_key),
        cmocka_unit_test(ids_and_offsets),
        cmocka_unit_test(limits_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
