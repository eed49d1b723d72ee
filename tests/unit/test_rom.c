// ROM commands: anchored in bytes that real ROMs of an ESP32 and an ESP32-C3 sent (tests/vectors/rom).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/codec/rom.h"

static void header_and_checksum(void **state)
{
    (void)state;
    uint8_t out[8];
    const uint8_t data[] = {1, 2, 4, 0x80};
    assert_int_equal(ferry_rom_checksum(data, sizeof data), 0xef ^ 1 ^ 2 ^ 4 ^ 0x80);
    ferry_rom_header(out, FERRY_ROM_OP_FLASH_DATA, 0x410, 0xc2);
    const uint8_t wire[] = {0, 3, 0x10, 4, 0xc2, 0, 0, 0};
    assert_memory_equal(out, wire, sizeof wire);
}

static void sync_is_that_of_the_protocol(void **state)
{
    (void)state;
    uint8_t out[36];
    assert_int_equal(ferry_rom_sync(out), 36);
    assert_memory_equal(out, "\x07\x07\x12\x20\x55\x55", 6);
    assert_int_equal(out[35], 0x55);
}

static void answers_of_four_and_two_status_bytes(void **state)
{
    (void)state;
    struct ferry_rom_answer a;
    const uint8_t esp32[] = {1, 0x0a, 4, 0, 0x83, 0x1d, 0xf0, 0, 0, 5, 0x65, 0x66}; // sticky error byte, leftovers
    assert_true(ferry_rom_parse(esp32, sizeof esp32, &a));
    assert_int_equal(a.op, 0x0a);
    assert_true(a.good);
    assert_int_equal(a.value, 0x00f01d83);
    assert_int_equal(a.body_len, 0);
    const uint8_t esp8266[] = {1, 3, 2, 0, 0, 0, 0, 0, 1, 7};
    assert_true(ferry_rom_parse(esp8266, sizeof esp8266, &a));
    assert_false(a.good);
    assert_int_equal(a.error, 7);
}

static void security_info_has_a_body(void **state)
{
    (void)state;
    uint8_t frame[8 + 24] = {1, 0x14, 24};
    frame[8 + 12] = 5;
    struct ferry_rom_answer a;
    assert_true(ferry_rom_parse(frame, sizeof frame, &a));
    assert_int_equal(a.body_len, 20);
    assert_int_equal(a.body[12], 5);
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    struct ferry_rom_answer a;
    const uint8_t good[] = {1, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint8_t bad[sizeof good + 1] = {0};
    assert_true(ferry_rom_parse(good, sizeof good, &a));
    for (size_t len = 0; len < sizeof good; len++)
        assert_false(ferry_rom_parse(good, len, &a)); // cut off
    memcpy(bad, good, sizeof good);
    assert_false(ferry_rom_parse(bad, sizeof bad, &a)); // a byte too many
    bad[0] = 0;
    assert_false(ferry_rom_parse(bad, sizeof good, &a)); // a request
}

static void md5_text(void **state)
{
    (void)state;
    uint8_t md5[16];
    struct ferry_rom_answer a = {.body = (const uint8_t *)"9a8918b1d41d8cd98f00b204e9800998", .body_len = 32};
    assert_true(ferry_rom_md5(&a, md5));
    assert_int_equal(md5[0], 0x9a);
    assert_int_equal(md5[15], 0x98);
    a.body = (const uint8_t *)"9a8918b1d41d8cd98f00b204e980099G";
    assert_false(ferry_rom_md5(&a, md5));
    a.body_len = 16;
    assert_false(ferry_rom_md5(&a, md5));
}

static void flash_sizes(void **state)
{
    (void)state;
    assert_int_equal(ferry_rom_flash_size(0x1640c8), 4u << 20); // the id in the vectors
    assert_int_equal(ferry_rom_flash_size(0x1840ef), 16u << 20);
    assert_int_equal(ferry_rom_flash_size(0x2020c2), 64u << 20);
    assert_int_equal(ferry_rom_flash_size(0x3825c2), 16u << 20);
    assert_int_equal(ferry_rom_flash_size(0), 0);
    assert_int_equal(ferry_rom_flash_size(0xffffff), 0);
}

// What the ROM erases when asked for `ask`: up to 16 - offset % 16 head sectors, and then `ask` sectors again.
static unsigned erased_by_8266(uint32_t offset, uint32_t ask)
{
    uint32_t head = 16 - offset / 4096 % 16, sectors = ask / 4096;
    return sectors <= head ? 2 * sectors : head + sectors;
}

static void an_esp8266_erases_enough(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < 32; start++) {
        for (uint32_t sectors = 1; sectors < 64; sectors++) {
            uint32_t ask = ferry_rom_erase_size_8266(start * 4096, sectors * 4096 - 7);
            unsigned erased = erased_by_8266(start * 4096, ask);
            assert_true(erased >= sectors && erased <= sectors + 1);
        }
    }
}

static void every_error_byte_has_a_text_or_none(void **state)
{
    (void)state;
    for (int i = -1; i < 300; i++)
        assert_non_null(ferry_rom_error_text(i));
    assert_string_not_equal(ferry_rom_error_text(7), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_checksum),
        cmocka_unit_test(sync_is_that_of_the_protocol),
        cmocka_unit_test(answers_of_four_and_two_status_bytes),
        cmocka_unit_test(security_info_has_a_body),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(md5_text),
        cmocka_unit_test(flash_sizes),
        cmocka_unit_test(an_esp8266_erases_enough),
        cmocka_unit_test(every_error_byte_has_a_text_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
