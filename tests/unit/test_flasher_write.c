// Writing: what is erased, what is sent, what is proved. The peer is the virtual chip; its flash counts erases and
// refuses what was not erased.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static uint8_t image[0x40000 + 5000];

static int fill(void **state)
{
    (void)state;
    world_firmware(image, sizeof image, 3);
    return 0;
}

// Bytes of the flash outside the parts (rounded up to sectors) that differ from before.
static unsigned touched_outside(struct world *w, const uint8_t *before, const struct world_part *parts, size_t count)
{
    const uint8_t *now = sim_flash_bytes(world_flash_chip(w));
    unsigned touched = 0;
    for (uint32_t at = 0; at < sim_flash_size(world_flash_chip(w)); at++) {
        bool inside = false;
        for (size_t i = 0; i < count; i++)
            inside = inside || (at >= parts[i].address && at < ((parts[i].address + parts[i].len + 4095) & ~4095u));
        touched += !inside && now[at] != before[at];
    }
    return touched;
}

static uint8_t *copy_of_flash(struct world *w)
{
    size_t size = sim_flash_size(world_flash_chip(w));
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, sim_flash_bytes(world_flash_chip(w)), size);
    return copy;
}

static void each_chip_takes_it_and_nothing_else_changes(void **state)
{
    (void)state;
    const struct world_part parts[] = {{0x8000, image + 100, 3073}, {0x10000, image, sizeof image}};
    size_t count;
    const struct ferry_chip *table = ferry_chip_table(&count);
    for (size_t i = 0; i < count; i++) {
        for (int plain = 0; plain < 2; plain++) {
            struct world *w =
                world_new(&(struct world_cfg){.chip = table[i].name, .used_flash = true, .no_deflate = plain});
            uint8_t *before = copy_of_flash(w);
            struct world_result r = world_flash(w, parts, 2);
            assert_int_equal(r.status, 0);
            assert_int_equal(r.retries, 0);
            assert_true(world_holds(w, parts, 2));
            if (!ferry_chip_can(&table[i], FERRY_CAP_ERASE_QUIRK_8266)) // (that ROM may erase one sector more)
                assert_int_equal(touched_outside(w, before, parts, 2), 0);
            if (ferry_chip_can(&table[i], FERRY_CAP_MD5))
                assert_int_equal(r.proved, parts[0].len + parts[1].len);
            free(before);
            world_free(w);
        }
    }
}

static void odd_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1,    2,     3,     5,     255,   1024,  4095,  4096, 4097,
                                     8191, 28672, 32767, 32768, 32769, 65535, 65536, 65537};
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (uint8_t window = 1; window <= 2; window++) {
                struct world_part part = {0x20000, image, sizes[i]};
                struct world *w =
                    world_new(&(struct world_cfg){.chip = chips[c], .used_flash = true, .flasher = {.window = window}});
                uint8_t *before = copy_of_flash(w);
                struct world_result r = world_flash(w, &part, 1);
                assert_int_equal(r.status, 0);
                assert_int_equal(r.retries, 0);
                assert_true(world_holds(w, &part, 1));
                assert_int_equal(touched_outside(w, before, &part, 1), 0);
                free(before);
                world_free(w);
            }
        }
    }
}

static void what_is_there_is_not_written_again(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    uint64_t erases = sim_flash_sector_erases(world_flash_chip(w));
    struct world_result r = world_flash(w, &part, 1);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.skipped, sizeof image);
    assert_int_equal(r.proved, sizeof image);
    assert_int_equal(sim_flash_sector_erases(world_flash_chip(w)), erases);
    world_free(w);
}

static void one_changed_byte_costs_one_sector(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32", .used_flash = true});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    uint64_t sectors = sim_flash_sector_erases(world_flash_chip(w)),
             blocks = sim_flash_block_erases(world_flash_chip(w));
    static const uint32_t places[] = {0, 4095, 0x12345, 0x20000, sizeof image - 1};
    for (size_t i = 0; i < 5; i++) {
        image[places[i]] ^= 0x10;
        assert_int_equal(world_flash(w, &part, 1).status, 0);
        assert_true(world_holds(w, &part, 1));
        assert_int_equal(sim_flash_sector_erases(world_flash_chip(w)), sectors + i + 1);
    }
    assert_int_equal(sim_flash_block_erases(world_flash_chip(w)), blocks);
    world_free(w);
}

static void erased_flash_is_not_erased_again(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3"});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    assert_int_equal(sim_flash_sector_erases(world_flash_chip(w)) + sim_flash_block_erases(world_flash_chip(w)), 0);
    world_free(w);
}

static void a_long_run_is_erased_at_once(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, 0x40000}; // 64 sectors: 16 head, 2 blocks, 16 tail (facts of the ROM)
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    assert_int_equal(sim_flash_block_erases(world_flash_chip(w)), 2);
    assert_int_equal(sim_flash_sector_erases(world_flash_chip(w)), 32);
    world_free(w);
}

static void no_skip_writes_everything(void **state)
{
    (void)state;
    struct world_part part = {0x10000, image, 0x20000};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .no_skip = true});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    struct world_result r = world_flash(w, &part, 1);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.skipped, 0);
    assert_true(world_holds(w, &part, 1));
    world_free(w);
}

static void proved_bits_are_no_proof(void **state)
{
    (void)state;
    const uint8_t proved[] = {0xff}; // a journal that lies
    struct world_part part = {0x10000, image, sizeof image};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .used_flash = true, .proved = proved});
    assert_int_equal(world_flash(w, &part, 1).status, 0);
    assert_true(world_holds(w, &part, 1));
    world_free(w);
}

static void small_and_odd_buffers(void **state)
{
    (void)state;
    static const size_t sizes[] = {1024, 1500, 4096, 6208, 8256, 16384};
    struct world_part part = {0x10000, image, 100001};
    for (size_t i = 0; i < 6; i++) {
        for (uint8_t window = 1; window <= 2; window++) {
            struct world *w = world_new(&(struct world_cfg){
                .chip = "esp32c3", .used_flash = true, .block_size = sizes[i], .flasher = {.window = window}});
            assert_int_equal(world_flash(w, &part, 1).status, 0);
            assert_true(world_holds(w, &part, 1));
            world_free(w);
        }
    }
}

static void the_ring_never_overflows(void **state)
{
    (void)state;
    static const uint32_t rates[] = {115200, 230400, 460800, 921600, 1500000, 2000000};
    struct world_part part = {0x10000, image, sizeof image};
    for (size_t i = 0; i < 6; i++) {
        struct world *w = world_new(
            &(struct world_cfg){.chip = "esp32c3", .used_flash = true, .flasher = {.window = 2, .baud = rates[i]}});
        struct world_result r = world_flash(w, &part, 1);
        assert_int_equal(r.status, 0);
        assert_int_equal(r.retries, 0);
        assert_int_equal(sim_chip_ring_lost(world_chip(w)), 0);
        world_free(w);
    }
}

static void impossible_jobs_are_refused_before_anything(void **state)
{
    (void)state;
    struct world *w =
        world_new(&(struct world_cfg){.chip = "esp32c3", .flash = {.size = 32u << 20, .jedec_id = 0x1940c8}});
    assert_int_equal(world_connect(w).status, 0);
    static const struct {
        struct ferry_region regions[2];
        uint8_t count;
        int status;
    } rows[] = {
        {{{.address = 0x10001, .size = 10}}, 1, FERRY_ERR_ARG},
        {{{.address = 0x10000, .size = 0}}, 1, FERRY_ERR_ARG},
        {{{.address = 0x20000, .size = 10}, {.address = 0x10000, .size = 10}}, 2, FERRY_ERR_ARG},
        {{{.address = 0x10000, .size = 4097}, {.address = 0x11000, .size = 10}}, 2, FERRY_ERR_ARG},
        {{{.address = 0xfffff000, .size = 0x2000}}, 1, FERRY_ERR_ARG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ferry_rom_job job = {.op = FERRY_ROM_WRITE, .regions = rows[i].regions, .region_count = rows[i].count};
        assert_int_equal(ferry_flasher_start(world_flasher(w), &job, 0), rows[i].status);
    }
    // Behind 16 MB the ROM's address would wrap around; behind the flash there is nothing.
    struct world_part part = {0x1000000, image, 100};
    struct world_result r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, &part, 1);
    assert_int_equal(r.status, FERRY_ERR_UNSUPPORTED);
    assert_int_equal(r.error.address, 0x1000000);
    world_free(w);
    w = world_new(&(struct world_cfg){.chip = "esp32c3"});
    assert_int_equal(world_connect(w).status, 0);
    part.address = 0x3ff000;
    part.len = 4097;
    r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_WRITE}, &part, 1);
    assert_int_equal(r.status, FERRY_ERR_TOO_LARGE_FLASH);
    assert_int_equal(sim_flash_ops(world_flash_chip(w)), 0);
    world_free(w);
}

static void the_last_sectors_of_the_flash(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (size_t i = 0; i < 2; i++) {
        struct world_part part = {0x3fb000, image, 0x5000}; // the ESP32's 32 KB of deflate would reach beyond
        struct world *w = world_new(&(struct world_cfg){.chip = chips[i], .used_flash = true});
        assert_int_equal(world_flash(w, &part, 1).status, 0);
        assert_true(world_holds(w, &part, 1));
        world_free(w);
    }
}

static int broken_source(void *ctx, const struct ferry_request *request,
                         void (*answer)(void *to, uint32_t offset, const uint8_t *bytes, size_t len), void *to)
{
    (void)ctx;
    (void)request;
    (void)answer;
    (void)to;
    return FERRY_ERR_STORAGE_READ;
}

static void a_card_that_is_pulled_out(void **state)
{
    (void)state;
    struct ferry_supply broken = {.serve = broken_source};
    struct world_part part = {0x10000, image, 1000};
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .supply = &broken});
    assert_int_equal(world_flash(w, &part, 1).status, FERRY_ERR_STORAGE_READ);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_chip_takes_it_and_nothing_else_changes),
        cmocka_unit_test(odd_sizes),
        cmocka_unit_test(what_is_there_is_not_written_again),
        cmocka_unit_test(one_changed_byte_costs_one_sector),
        cmocka_unit_test(erased_flash_is_not_erased_again),
        cmocka_unit_test(a_long_run_is_erased_at_once),
        cmocka_unit_test(no_skip_writes_everything),
        cmocka_unit_test(proved_bits_are_no_proof),
        cmocka_unit_test(small_and_odd_buffers),
        cmocka_unit_test(the_ring_never_overflows),
        cmocka_unit_test(impossible_jobs_are_refused_before_anything),
        cmocka_unit_test(the_last_sectors_of_the_flash),
        cmocka_unit_test(a_card_that_is_pulled_out),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
