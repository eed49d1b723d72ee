// The other operations: verify, read, erase, RAM, registers, digest, leave. The peer is the virtual chip.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/world.h"

static uint8_t image[150000];

static int fill(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 21);
    return 0;
}

static struct world *connected(const char *chip)
{
    struct world *w = world_new(&(struct world_cfg){.chip = chip, .used_flash = true});
    assert_int_equal(world_connect(w).status, 0);
    return w;
}

static void verify_finds_the_segment(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = connected("esp32c3");
    memcpy(sim_flash_bytes(world_flash_chip(w)) + part.address, image, sizeof image);
    struct world_result r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_VERIFY}, &part, 1);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.proved, sizeof image);
    sim_flash_bytes(world_flash_chip(w))[0x10000 + 70000] ^= 1;
    r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_VERIFY}, &part, 1);
    assert_int_equal(r.status, FERRY_ERR_VERIFY);
    assert_int_equal(r.error.address, 0x20000);
    assert_int_equal(sim_flash_ops(world_flash_chip(w)), 0);
    world_free(w);
}

static void read_gives_what_is_there(void **state)
{
    (void)state;
    static const struct ferry_region regions[] = {
        {.address = 0x1003, .size = 1}, {.address = 0xff, .size = 10001}, {.address = 0x3ff000, .size = 4096}};
    for (size_t i = 0; i < 3; i++) {
        struct world *w = connected(i % 2 ? "esp32" : "esp32c3");
        struct ferry_rom_job job = {.op = FERRY_ROM_READ, .regions = &regions[i], .region_count = 1};
        assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
        size_t len;
        const uint8_t *got = world_output(w, &len);
        assert_int_equal(len, regions[i].size);
        assert_memory_equal(got, sim_flash_bytes(world_flash_chip(w)) + regions[i].address, len);
        world_free(w);
    }
}

static void a_damaged_read_is_read_again(void **state)
{
    (void)state;
    static const struct ferry_region region = {.address = 0x10000, .size = 6000};
    for (uint64_t at = 1000; at < 9000; at += 211) {
        struct sim_fault fault = {.kind = SIM_FAULT_FLIP, .to_host = true, .at_byte = at, .flip_mask = 1};
        struct world *w = world_new(&(struct world_cfg){
            .chip = "esp32c3", .used_flash = true, .sim = {.line = {.faults = &fault, .fault_count = 1}}});
        assert_int_equal(world_connect(w).status, 0);
        struct ferry_rom_job job = {.op = FERRY_ROM_READ, .regions = &region, .region_count = 1};
        assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
        size_t len;
        const uint8_t *got = world_output(w, &len);
        assert_int_equal(len, region.size);
        assert_memory_equal(got, sim_flash_bytes(world_flash_chip(w)) + region.address, len);
        world_free(w);
    }
}

static void erase_erases_that_and_no_more(void **state)
{
    (void)state;
    static const struct ferry_region region = {.address = 0x21000, .size = 0x33000};
    struct world *w = connected("esp32");
    const uint8_t *flash = sim_flash_bytes(world_flash_chip(w));
    uint8_t before = flash[0x20fff], behind = flash[0x54000];
    struct ferry_rom_job job = {.op = FERRY_ROM_ERASE_REGION, .regions = &region, .region_count = 1};
    assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
    for (uint32_t i = 0; i < region.size; i++)
        assert_int_equal(flash[region.address + i], 0xff);
    assert_int_equal(flash[0x20fff], before);
    assert_int_equal(flash[0x54000], behind);
    world_free(w);
}

static void erase_chip_erases_all(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = connected(chips[i]);
        assert_int_equal(world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_ERASE_CHIP}, NULL, 0).status, 0);
        const uint8_t *flash = sim_flash_bytes(world_flash_chip(w));
        for (uint32_t at = 0; at < sim_flash_size(world_flash_chip(w)); at++)
            assert_int_equal(flash[at], 0xff);
        world_free(w);
    }
}

static void registers_and_digest(void **state)
{
    (void)state;
    struct world *w = connected("esp32");
    struct ferry_rom_job job = {.op = FERRY_ROM_READ_REG, .address = 0x40001000};
    assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
    assert_int_equal(ferry_flasher_value(world_flasher(w)), 0x00f01d83);
    job = (struct ferry_rom_job){
        .op = FERRY_ROM_WRITE_REG, .address = 0x3ffc0000, .value = 0x12345678, .mask = 0xffffffff};
    assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
    job = (struct ferry_rom_job){.op = FERRY_ROM_READ_REG, .address = 0x3ffc0000};
    assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
    assert_int_equal(ferry_flasher_value(world_flasher(w)), 0x12345678);
    memset(sim_flash_bytes(world_flash_chip(w)) + 0x10000, 0xff, 1024);
    static const struct ferry_region region = {.address = 0x10000, .size = 1024};
    job = (struct ferry_rom_job){.op = FERRY_ROM_MD5, .regions = &region, .region_count = 1};
    assert_int_equal(world_job(w, &job, NULL, 0).status, 0);
    assert_memory_equal(ferry_flasher_md5(world_flasher(w)), "\x9a\x89\x18\xb1", 4); // as in the vectors
    world_free(w);
}

static void a_program_is_loaded_into_ram(void **state)
{
    (void)state;
    struct world_part program[] = {{0x3ffc0000, image, 7001}, {0x40080400, image + 9000, 300}};
    struct world *w = connected("esp32");
    world_keep_sent(w, true);
    struct ferry_rom_job job = {.op = FERRY_ROM_LOAD_RAM, .entry = 0};
    assert_int_equal(world_job(w, &job, program, 2).status, 0);
    struct ferry_rom_job look = {.op = FERRY_ROM_READ_REG, .address = 0x3ffc0000 + 6996};
    assert_int_equal(world_job(w, &look, NULL, 0).status, 0);
    assert_int_equal(ferry_flasher_value(world_flasher(w)), ferry_load32le(image + 6996));
    job.entry = 0x40080400;
    assert_int_equal(world_job(w, &job, program, 2).status, 0);
    assert_false(sim_chip_in_loader(world_chip(w)));
    world_free(w);
}

static void leaving_starts_what_is_in_the_flash(void **state)
{
    (void)state;
    struct world *w = connected("esp32c3");
    assert_true(sim_chip_in_loader(world_chip(w)));
    assert_int_equal(world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_LEAVE}, NULL, 0).status, 0);
    world_advance(w, world_now_us(w) + 100000);
    assert_false(sim_chip_in_loader(world_chip(w)));
    world_free(w);
    w = connected("esp32c3");
    struct ferry_rom_job stay = {.op = FERRY_ROM_LEAVE, .after = FERRY_AFTER_NO_RESET};
    assert_int_equal(world_job(w, &stay, NULL, 0).status, 0);
    assert_true(sim_chip_in_loader(world_chip(w)));
    world_free(w);
    w = world_new(&(struct world_cfg){.chip = "esp32c3", .no_lines = true, .sim = {.boot_download = true}});
    assert_int_equal(world_connect(w).status, 0);
    assert_int_equal(world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_LEAVE}, NULL, 0).status, 0);
    assert_true(world_saw(w, "no reset line: release BOOT and press RESET to start the firmware"));
    world_free(w);
}

static void an_engine_may_be_moved(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, 20000};
    struct world *w = connected("esp32c3");
    world_begin(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, &part, 1);
    struct ferry_flasher *home = world_flasher(w), *away = malloc(sizeof *away);
    assert_non_null(away);
    for (int i = 0; i < 60; i++) { // in turns at both places; the one it left is overwritten
        struct ferry_flasher *to = i % 2 ? home : away, *from = i % 2 ? away : home;
        memcpy(to, from, sizeof *to);
        memset(from, 0xa5, sizeof *from);
        world_pump(w)->engine = to;
        uint32_t wait_ms;
        uint64_t now = world_now_us(w);
        ferry_pump_step(world_pump(w), (uint32_t)(now / 1000), &wait_ms);
        uint64_t next = sim_chip_next(world_chip(w)), due = now + 1000 * (wait_ms + 1);
        world_advance(w, next < due ? next : due);
    }
    assert_ptr_equal(world_pump(w)->engine, home);
    free(away);
    uint64_t next;
    while (world_step(w, &next))
        world_advance(w, next);
    assert_int_equal(world_finish(w).status, 0);
    assert_true(world_holds(w, &part, 1));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_finds_the_segment),     cmocka_unit_test(read_gives_what_is_there),
        cmocka_unit_test(a_damaged_read_is_read_again), cmocka_unit_test(erase_erases_that_and_no_more),
        cmocka_unit_test(erase_chip_erases_all),        cmocka_unit_test(registers_and_digest),
        cmocka_unit_test(a_program_is_loaded_into_ram), cmocka_unit_test(leaving_starts_what_is_in_the_flash),
        cmocka_unit_test(an_engine_may_be_moved),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
