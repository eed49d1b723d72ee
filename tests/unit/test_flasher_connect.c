// Connecting: every chip, the ways in, the ways it fails, rates. The peer is the virtual chip, which answers as the
// recorded real ROMs do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/world.h"

static void every_chip_is_found_and_attached(void **state)
{
    (void)state;
    size_t count;
    const struct ferry_chip *table = ferry_chip_table(&count);
    for (size_t i = 0; i < count; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = table[i].name});
        struct world_result r = world_connect(w);
        assert_int_equal(r.status, 0);
        const struct ferry_target *target = ferry_flasher_target(world_flasher(w));
        assert_ptr_equal(target->chip, &table[i]);
        assert_int_equal(target->flash_size, 4u << 20);
        assert_true(target->mac_known);
        assert_int_equal(target->baud, ferry_chip_can(&table[i], FERRY_CAP_CHANGE_BAUD) ? 921600 : 115200);
        assert_true(r.us < 1500000);
        world_free(w);
    }
}

static void identity_is_read_from_the_efuses(void **state)
{
    (void)state;
    static const struct {
        const char *chip;
        uint16_t revision;
    } rows[] = {{"esp32", 300},   {"esp32", 100}, {"esp32s2", 1},    {"esp32s3", 2},   {"esp32c2", 101}, {"esp32c3", 4},
                {"esp32c5", 100}, {"esp32c6", 1}, {"esp32c61", 100}, {"esp32h2", 102}, {"esp32p4", 103}};
    const uint8_t mac[6] = {0x24, 0x6f, 0x28, 0x01, 0x02, 0x03};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world_cfg cfg = {.chip = rows[i].chip, .sim = {.revision = rows[i].revision}};
        memcpy(cfg.sim.mac, mac, 6);
        struct world *w = world_new(&cfg);
        assert_int_equal(world_connect(w).status, 0);
        const struct ferry_target *target = ferry_flasher_target(world_flasher(w));
        assert_memory_equal(target->mac, mac, 6);
        assert_int_equal(target->revision, rows[i].revision);
        world_free(w);
    }
}

static void security_state_is_told(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32s2", "esp32c3"};
    for (size_t i = 0; i < 3; i++) {
        for (int on = 0; on < 2; on++) {
            struct world *w = world_new(&(struct world_cfg){
                .chip = chips[i], .sim = {.revision = i == 0 ? 300 : 0, .secure_boot = on, .flash_encryption = on}});
            assert_int_equal(world_connect(w).status, 0);
            const struct ferry_target *target = ferry_flasher_target(world_flasher(w));
            assert_true(target->security_known);
            assert_int_equal(target->secure_boot, on);
            assert_int_equal(target->flash_encryption, on);
            assert_false(target->secure_download);
            world_free(w);
        }
    }
}

static void secure_download_mode_takes_plain_writes_only(void **state)
{
    (void)state;
    static uint8_t image[30000];
    world_firmware(image, sizeof image, 1);
    struct world_part part = {0x10000, image, sizeof image};
    static const char *const chips[] = {"esp32s2", "esp32c3", "esp32c2"};
    for (size_t i = 0; i < 3; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = chips[i],
                                                        .used_flash = true,
                                                        .sim = {.secure_download = true},
                                                        .flasher = {.flash_size = 4u << 20}});
        struct world_result r = world_flash(w, &part, 1);
        assert_int_equal(r.status, 0);
        assert_int_equal(r.proved, 0); // nothing can be
        assert_true(world_saw(w, "this target has no digest: what is written cannot be verified"));
        assert_true(world_holds(w, &part, 1));
        world_connect(w);
        r = world_job(w, &(struct ferry_rom_job){.op = FERRY_ROM_VERIFY}, &part, 1);
        assert_int_equal(r.status, FERRY_ERR_SECURE_DOWNLOAD);
        world_free(w);
    }
}

static void a_large_capacitor_needs_the_slow_reset(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32", .sim = {.reset_rise_us = 300000}});
    assert_int_equal(world_connect(w).status, 0);
    world_free(w);
}

static void somebody_holds_boot(void **state)
{
    (void)state;
    struct world *w =
        world_new(&(struct world_cfg){.chip = "esp32c3", .no_lines = true, .sim = {.boot_download = true}});
    assert_int_equal(world_connect(w).status, 0);
    assert_true(world_saw(w, "no reset line: hold BOOT, press and release RESET"));
    // A second session finds the loader at the rate that the first one left it at.
    struct ferry_flasher *flasher = world_flasher(w);
    struct ferry_flasher_cfg cfg = flasher->cfg;
    cfg.before = FERRY_BEFORE_NO_RESET;
    assert_int_equal(ferry_flasher_init(flasher, &cfg), 0);
    assert_int_equal(world_connect(w).status, 0);
    world_free(w);
}

static void wrong_boot_mode_is_named_with_its_number(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32", .no_lines = true});
    // The chip starts its program when the person presses RESET without BOOT.
    sim_chip_lines(world_chip(w), true, false);
    sim_chip_lines(world_chip(w), false, false);
    struct world_result r = world_connect(w);
    assert_int_equal(r.status, FERRY_ERR_BOOT_MODE);
    assert_true(r.error.peer_code > 0);
    world_free(w);
}

static int swallow(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    return (int)len;
}

static int silence(void *ctx, uint8_t *buf, size_t cap)
{
    (void)ctx;
    (void)buf;
    (void)cap;
    return 0;
}

static int noise(void *ctx, uint8_t *buf, size_t cap)
{
    static uint32_t turn;
    (void)ctx;
    if (cap < 4 || ++turn % 16 != 0)
        return 0;
    world_random(buf, 4, turn);
    return 4;
}

// The same chip behind a port with a broken wire.
static struct world_result connect_over(int (*read)(void *, uint8_t *, size_t),
                                        int (*write)(void *, const uint8_t *, size_t))
{
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3"});
    struct ferry_stream broken = *world_pump(w)->stream;
    broken.read = read != NULL ? read : broken.read;
    broken.write = write != NULL ? write : broken.write;
    world_pump(w)->stream = &broken;
    struct world_result r = world_connect(w);
    world_free(w);
    return r;
}

static void silence_tx_path_and_garbage_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(connect_over(silence, NULL).status, FERRY_ERR_NO_ANSWER);
    assert_int_equal(connect_over(NULL, swallow).status, FERRY_ERR_TX_PATH);
    assert_int_equal(connect_over(noise, NULL).status, FERRY_ERR_GARBAGE);
}

static void the_wrong_chip_is_refused(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .flasher = {.chip = FERRY_CHIP_ESP32S3}});
    struct world_result r = world_connect(w);
    assert_int_equal(r.status, FERRY_ERR_WRONG_CHIP);
    assert_int_equal(ferry_flasher_target(world_flasher(w))->chip->id, FERRY_CHIP_ESP32C3);
    world_free(w);
}

static void a_missing_flash_chip_is_named(void **state)
{
    (void)state;
    static const uint32_t ids[] = {0xffffff};
    for (size_t i = 0; i < 1; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3", .flash = {.jedec_id = ids[i]}});
        assert_int_equal(world_connect(w).status, FERRY_ERR_FLASH_ID);
        world_free(w);
    }
}

static int port_without_921600(void *ctx, uint32_t baud)
{
    struct world *w = ctx;
    sim_chip_host_baud(world_chip(w), baud > 460800 ? baud * 9 / 10 : baud); // an adapter that misses the rate
    return 0;
}

static void a_rate_that_does_not_hold_is_stepped_down(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c3"};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = chips[i]});
        struct ferry_stream stream = *world_pump(w)->stream;
        stream.set_baud = port_without_921600;
        world_pump(w)->stream = &stream;
        assert_int_equal(world_connect(w).status, 0);
        assert_int_equal(ferry_flasher_target(world_flasher(w))->baud, 460800);
        world_free(w);
    }
}

static void crystals_of_26_mhz(void **state)
{
    (void)state;
    static const char *const chips[] = {"esp32", "esp32c2"};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(&(struct world_cfg){.chip = chips[i], .sim = {.xtal_mhz = 26}});
        assert_int_equal(world_connect(w).status, 0);
        assert_int_equal(ferry_flasher_target(world_flasher(w))->xtal_mhz, 26);
        assert_int_equal(ferry_flasher_target(world_flasher(w))->baud, 921600);
        world_free(w);
    }
}

static void nothing_starts_before_connect(void **state)
{
    (void)state;
    struct world *w = world_new(&(struct world_cfg){.chip = "esp32c3"});
    struct ferry_region region = {.address = 0, .size = 4096};
    struct ferry_rom_job job = {.op = FERRY_ROM_ERASE_REGION, .regions = &region, .region_count = 1};
    assert_int_equal(ferry_flasher_start(world_flasher(w), &job, 0), FERRY_ERR_STATE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chip_is_found_and_attached),
        cmocka_unit_test(identity_is_read_from_the_efuses),
        cmocka_unit_test(security_state_is_told),
        cmocka_unit_test(secure_download_mode_takes_plain_writes_only),
        cmocka_unit_test(a_large_capacitor_needs_the_slow_reset),
        cmocka_unit_test(somebody_holds_boot),
        cmocka_unit_test(wrong_boot_mode_is_named_with_its_number),
        cmocka_unit_test(silence_tx_path_and_garbage_are_told_apart),
        cmocka_unit_test(the_wrong_chip_is_refused),
        cmocka_unit_test(a_missing_flash_chip_is_named),
        cmocka_unit_test(a_rate_that_does_not_hold_is_stepped_down),
        cmocka_unit_test(crystals_of_26_mhz),
        cmocka_unit_test(nothing_starts_before_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
