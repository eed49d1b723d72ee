// A program inside the virtual chip: when its callbacks come, what it sends, what a reset does to it. The flash image
// it is started from is one that the real bootloader's recorded decisions accept (tests/support/boot_compose.h).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/chip/app.h"
#include "sim/chip/chip_internal.h"

struct echo {
    struct sim_chip *chip;
    unsigned boots, resets, calls;
    uint8_t kept[256];
    size_t len;
    uint64_t beep_us;
};

static void on_boot(void *ctx, struct sim_chip *chip, const char *label)
{
    struct echo *self = ctx;
    assert_string_equal(label, "ota_0");
    self->chip = chip;
    self->boots++;
    self->len = 0;
}

static void on_rx(void *ctx, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    struct echo *self = ctx;
    (void)now_us;
    self->calls++;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '!') {
            sim_chip_app_restart(self->chip);
        } else if (bytes[i] == 'E') {
            sim_chip_app_busy(self->chip, (uint64_t)sim_flash_erase_sector(sim_chip_flash(self->chip), 0x300000));
        }
        self->kept[self->len++] = bytes[i];
    }
}

static size_t on_tx(void *ctx, uint8_t *buf, size_t cap, uint64_t now_us)
{
    struct echo *self = ctx;
    size_t len = self->len < cap ? self->len : cap;
    memcpy(buf, self->kept, len);
    self->len = 0;
    if (now_us >= self->beep_us) {
        buf[len++] = '.';
        self->beep_us = UINT64_MAX;
    }
    return len;
}

static uint64_t on_next(void *ctx)
{
    return ((struct echo *)ctx)->beep_us;
}

static void on_reset(void *ctx)
{
    ((struct echo *)ctx)->resets++;
}

// Puts the chip where the bootloader leaves it, without an image in the flash.
static void started(struct sim_chip *chip)
{
    sim_chip_run(chip, 1000);
    chip->boot.end = SIM_BOOT_APP;
    strcpy(chip->boot.boots, "ota_0");
    chip->booted = true;
    sim_chip_enter(chip, CHIP_BOOTING, 0);
    sim_chip_run(chip, 2000);
}

static void talks_and_is_reset(void **state)
{
    (void)state;
    struct echo echo = {.beep_us = UINT64_MAX};
    const struct sim_app app = {&echo, 0, on_boot, on_rx, on_tx, on_next, on_reset};
    struct sim_flash *flash = sim_flash_new(&(struct sim_flash_cfg){.size = 4u << 20});
    struct sim_chip_cfg cfg = {.chip = "esp32c3", .flash = flash, .app = &app};
    struct sim_chip *chip = sim_chip_new(&cfg);
    uint8_t got[4096] = {0};
    assert_non_null(chip);
    started(chip);
    assert_int_equal(echo.boots, 1);
    assert_string_equal(sim_chip_booted(chip), "ota_0");
    sim_chip_host_write(chip, (const uint8_t *)"hello", 5);
    sim_chip_run(chip, 10000);
    assert_int_equal(sim_chip_host_read(chip, got, sizeof got), 5);
    assert_memory_equal(got, "hello", 5);
    echo.beep_us = 20000;
    sim_chip_run(chip, 19000);
    assert_int_equal(sim_chip_host_read(chip, got, sizeof got), 0);
    sim_chip_run(chip, 21000);
    assert_int_equal(sim_chip_host_read(chip, got, sizeof got), 1);
    // While the program erases, nothing is taken or sent.
    sim_chip_host_write(chip, (const uint8_t *)"Exyz", 4);
    sim_chip_run(chip, 60000);
    assert_int_equal(sim_chip_host_read(chip, got, sizeof got), 0);
    sim_chip_run(chip, 80000);
    assert_int_equal(sim_chip_host_read(chip, got, sizeof got), 4);
    assert_int_equal(sim_flash_erases(flash, 0x300), 1);
    sim_chip_host_write(chip, (const uint8_t *)"!", 1);
    sim_chip_run(chip, 81000);
    assert_int_equal(echo.resets, 1);
    sim_chip_run(chip, 200000);
    assert_true(sim_chip_host_read(chip, got, sizeof got) > 0);
    assert_non_null(strstr((const char *)got, "rst:0x3"));
    sim_chip_free(chip);
    sim_flash_free(flash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(talks_and_is_reset)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
