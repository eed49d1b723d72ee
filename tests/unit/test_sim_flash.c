// The NOR flash model, against the rules of such a chip (W25Q32 datasheet: programming clears bits, erasing sets a
// whole sector, typical times) and the times named in flash.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/flash/flash.h"

static struct sim_flash *flash_of(uint32_t size)
{
    struct sim_flash *flash = sim_flash_new(&(struct sim_flash_cfg){.size = size, .seed = 7});
    assert_non_null(flash);
    return flash;
}

static void programming_only_clears_bits(void **state)
{
    (void)state;
    struct sim_flash *flash = flash_of(1u << 20);
    assert_int_equal(sim_flash_program(flash, 0x1000, (const uint8_t[]){0x0f, 0xf0}, 2), 137);
    assert_int_equal(sim_flash_program(flash, 0x1000, (const uint8_t[]){0xf3, 0xff}, 2), 137);
    assert_int_equal(sim_flash_bytes(flash)[0x1000], 0x03);
    assert_int_equal(sim_flash_bytes(flash)[0x1001], 0xf0);
    assert_int_equal(sim_flash_bits_refused(flash), 4 + 4);
    assert_int_equal(sim_flash_erase_sector(flash, 0x1fff), 45000);
    assert_int_equal(sim_flash_bytes(flash)[0x1000], 0xff);
    sim_flash_free(flash);
}

static void erases_whole_units_and_counts_wear(void **state)
{
    (void)state;
    struct sim_flash *flash = flash_of(1u << 20);
    memset(sim_flash_bytes(flash), 0, 1u << 20);
    assert_int_equal(sim_flash_erase_block(flash, 0x2abcd), 150000);
    assert_int_equal(sim_flash_erase_sector(flash, 0x20000), 45000);
    assert_int_equal(sim_flash_bytes(flash)[0x1ffff], 0);
    assert_int_equal(sim_flash_bytes(flash)[0x20000], 0xff);
    assert_int_equal(sim_flash_bytes(flash)[0x2ffff], 0xff);
    assert_int_equal(sim_flash_bytes(flash)[0x30000], 0);
    assert_int_equal(sim_flash_erases(flash, 0x20), 2);
    assert_int_equal(sim_flash_erases(flash, 0x2f), 1);
    assert_int_equal(sim_flash_erases(flash, 0x30), 0);
    assert_int_equal(sim_flash_sector_erases(flash), 1);
    assert_int_equal(sim_flash_block_erases(flash), 1);
    assert_true(sim_flash_erase_chip(flash) > 0);
    assert_int_equal(sim_flash_bytes(flash)[0xfffff], 0xff);
    sim_flash_free(flash);
}

static void takes_the_rom_s_time(void **state)
{
    (void)state;
    static uint8_t page[256];
    struct sim_flash *flash = flash_of(1u << 20);
    assert_int_equal(sim_flash_program(flash, 0, page, 256), 1100);
    assert_int_equal(sim_flash_program(flash, 256, page, 32), 137);
    assert_int_equal(sim_flash_program(flash, 512, page, 33), 275);
    assert_int_equal(sim_flash_program(flash, 0xfff01, page, 256), -1);
    assert_int_equal(sim_flash_erase_sector(flash, 0x100000), -1);
    sim_flash_free(flash);
}

static void refuses_odd_sizes_and_keeps_given_memory(void **state)
{
    (void)state;
    static uint8_t memory[1u << 16];
    assert_null(sim_flash_new(&(struct sim_flash_cfg){.size = 3u << 20}));
    memory[5] = 0x5a;
    struct sim_flash *flash = sim_flash_on(&(struct sim_flash_cfg){.size = sizeof memory}, memory);
    assert_non_null(flash);
    assert_int_equal(sim_flash_bytes(flash)[5], 0x5a);
    assert_int_equal(sim_flash_jedec(flash), 0x1040c8);
    assert_int_equal(sim_flash_program(flash, 0, (const uint8_t[]){0x12}, 1), 137);
    sim_flash_free(flash);
    assert_int_equal(memory[0], 0xff & 0); // the memory began as zeros: a program cannot set bits
    assert_int_equal(memory[5], 0x5a);
}

// The operations of a small job, the one that a cut may hit among them.
static unsigned job(struct sim_flash *flash)
{
    static const uint8_t data[64] = {0};
    unsigned done = 0;
    done += sim_flash_erase_sector(flash, 0) >= 0;
    done += sim_flash_program(flash, 0, data, 64) >= 0;
    done += sim_flash_program(flash, 64, data, 64) >= 0;
    return done;
}

static void every_operation_can_be_hit(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 3; op++) {
        for (int kind = SIM_FLASH_CUT_BEFORE; kind <= SIM_FLASH_CUT_AFTER; kind++) {
            struct sim_flash *flash = flash_of(1u << 16);
            memset(sim_flash_bytes(flash), 0xaa, SIM_FLASH_SECTOR);
            sim_flash_cut_at(flash, op, (enum sim_flash_cut)kind, 500);
            assert_int_equal(job(flash), op);
            assert_true(sim_flash_dead(flash));
            const uint8_t *at = sim_flash_bytes(flash);
            bool begun = op || kind != SIM_FLASH_CUT_BEFORE, erased = op || kind == SIM_FLASH_CUT_AFTER;
            assert_int_equal(at[1000], begun ? 0xff : 0xaa);
            assert_int_equal(at[4000], erased ? 0xff : 0xaa);
            if (op == 1) {
                assert_int_equal(at[0], kind == SIM_FLASH_CUT_BEFORE ? 0xff : 0);
                assert_int_equal(at[31], kind == SIM_FLASH_CUT_BEFORE ? 0xff : 0);
                assert_int_equal(at[63], kind == SIM_FLASH_CUT_AFTER ? 0 : 0xff);
            }
            assert_int_equal(at[64], op == 2 && kind != SIM_FLASH_CUT_BEFORE ? 0 : at[64]);
            assert_int_equal(sim_flash_program(flash, 128, at, 1), -1);
            sim_flash_power_on(flash);
            assert_int_equal(job(flash), 3);
            sim_flash_free(flash);
        }
    }
}

// A group of operations with a clock: interrupted at any moment, what had not begun is taken back.
static void an_interrupted_group_is_taken_back(void **state)
{
    (void)state;
    for (uint64_t at_us = 0; at_us < 100000; at_us += 997) {
        for (int power = 0; power < 2; power++) {
            struct sim_flash *flash = flash_of(1u << 16);
            memset(sim_flash_bytes(flash), 0x55, 1u << 16);
            sim_flash_start_at(flash, 1000);
            assert_int_equal(sim_flash_erase_sector(flash, 0), 45000);
            assert_int_equal(sim_flash_erase_sector(flash, 0x1000), 45000);
            sim_flash_interrupt_at(flash, at_us, power);
            const uint8_t *bytes = sim_flash_bytes(flash);
            bool first_begun = at_us > 1000, first_over = at_us >= 46000, second_begun = at_us > 46000;
            bool second_over = at_us >= 91000;
            assert_int_equal(bytes[4095], first_over || (first_begun && !power) ? 0xff : 0x55);
            assert_int_equal(bytes[8191], second_over || (second_begun && !power) ? 0xff : 0x55);
            assert_int_equal(sim_flash_erases(flash, 0), first_begun);
            assert_int_equal(sim_flash_erases(flash, 1), second_begun);
            assert_int_equal(sim_flash_dead(flash), power);
            if (power && first_begun && !first_over) { // torn: erased up to there
                size_t done = (size_t)(4096 * (at_us - 1000) / 45000);
                assert_int_equal(done ? bytes[done - 1] : 0xff, 0xff);
                assert_int_equal(done + 1 < 4096 ? bytes[done + 1] : 0x55, 0x55);
            }
            sim_flash_free(flash);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programming_only_clears_bits), cmocka_unit_test(erases_whole_units_and_counts_wear),
        cmocka_unit_test(takes_the_rom_s_time),         cmocka_unit_test(refuses_odd_sizes_and_keeps_given_memory),
        cmocka_unit_test(every_operation_can_be_hit),   cmocka_unit_test(an_interrupted_group_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
