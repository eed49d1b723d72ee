// otadata: anchored in CRC values taken from real otadata (seq 1 -> 0x4743989A, seq 2 -> 0x55F63774) and, in
// tests/vectors/test_otadata_boot.c, in the boots recorded from ESP-IDF's own bootloader.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/codec/crc32.h"
#include "ferry/codec/otadata.h"

static void crc_is_the_roms(void **state)
{
    (void)state;
    assert_int_equal(ferry_otadata_crc(1), 0x4743989A);
    assert_int_equal(ferry_otadata_crc(2), 0x55F63774);
    assert_int_equal(ferry_crc32_le(0, (const uint8_t *)"123456789", 9), 0xCBF43926); // the check value of CRC-32
    assert_int_equal(ferry_crc32_le(ferry_crc32_le(0, (const uint8_t *)"1234", 4), (const uint8_t *)"56789", 5),
                     0xCBF43926);
}

static void entries_survive_a_round_trip(void **state)
{
    (void)state;
    struct ferry_otadata_entry entry, back;
    uint8_t bytes[32];
    ferry_otadata_make(&entry, 7, FERRY_OTADATA_NEW);
    ferry_otadata_encode(&entry, bytes);
    assert_int_equal(bytes[0], 7);
    assert_int_equal(bytes[4], 0xFF);
    assert_int_equal(bytes[24], 0);
    ferry_otadata_decode(&back, bytes);
    assert_memory_equal(&entry, &back, sizeof entry);
    assert_true(ferry_otadata_usable(&back));
}

static void next_is_always_the_choice(void **state)
{
    (void)state;
    for (uint8_t slots = 1; slots <= 16; slots++)
        for (uint32_t a = 0; a < 40; a++)
            for (uint8_t slot = 0; slot < slots; slot++) {
                struct ferry_otadata_entry entries[2];
                ferry_otadata_make(&entries[0], a ? a : FERRY_OTADATA_EMPTY_SEQ, FERRY_OTADATA_VALID);
                ferry_otadata_make(&entries[1], a > 1 ? a - 1 : FERRY_OTADATA_EMPTY_SEQ, FERRY_OTADATA_VALID);
                uint8_t sector;
                uint32_t seq = ferry_otadata_next(entries, slots, slot, &sector);
                assert_int_equal(sector, a ? 1 : 0); // never over the entry in force
                ferry_otadata_make(&entries[sector], seq, FERRY_OTADATA_NEW);
                struct ferry_otadata_choice choice = ferry_otadata_choose(entries, slots);
                assert_int_equal(choice.slot, slot);
                assert_int_equal(choice.entry, sector);
                assert_true(seq > a && seq - a <= slots);
            }
}

static void refused_and_damaged(void **state)
{
    (void)state;
    struct ferry_otadata_entry e[2];
    ferry_otadata_make(&e[0], 5, FERRY_OTADATA_ABORTED);
    ferry_otadata_make(&e[1], 4, FERRY_OTADATA_VALID);
    assert_int_equal(ferry_otadata_choose(e, 2).slot, 1);
    ferry_otadata_make(&e[1], 4, FERRY_OTADATA_INVALID);
    assert_int_equal(ferry_otadata_choose(e, 2).slot, -1);
    assert_false(ferry_otadata_choose(e, 2).damaged);
    e[1].state = FERRY_OTADATA_VALID;
    e[1].crc ^= 1;
    assert_int_equal(ferry_otadata_choose(e, 2).slot, -1);
    assert_true(ferry_otadata_choose(e, 2).damaged);
    ferry_otadata_make(&e[1], 4, FERRY_OTADATA_VALID);
    assert_int_equal(ferry_otadata_choose(e, 0).slot, -1);
    assert_string_equal(ferry_otadata_state_name(1), "pending verify");
    assert_string_equal(ferry_otadata_state_name(77), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_roms),
        cmocka_unit_test(entries_survive_a_round_trip),
        cmocka_unit_test(next_is_always_the_choice),
        cmocka_unit_test(refused_and_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
