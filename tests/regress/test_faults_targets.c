// Targets that firmware must not, or cannot, be put on: the whole updater against virtual chips in every such state.
// Each ends in an error of its own with a hint and an exit code, the log on the card has its line, and not one bit of
// the flash has changed (the whole of it is compared).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "tests/support/bench_rig.h"
#include "tests/support/card.h"

struct state {
    const char *name;
    const char *chip; // plugged in; the card holds a build for cargo_chip
    const char *cargo_chip;
    struct sim_chip_cfg sim;
    struct sim_flash_cfg flash;
    bool boots_normally; // nobody drives the boot line
    int status;
    int exit_code;
};

static const struct state states[] = {
    {"flash encryption is on", "esp32c3", "esp32c3", {.flash_encryption = true}, {0}, false, FERRY_ERR_ENCRYPTED, 4},
    {"flash encryption is on", "esp32", "esp32", {.flash_encryption = true}, {0}, false, FERRY_ERR_ENCRYPTED, 4},
    {"secure boot is on", "esp32c3", "esp32c3", {.secure_boot = true}, {0}, false, FERRY_ERR_SECURE_BOOT, 4},
    {"secure boot is on",
     "esp32",
     "esp32",
     {.secure_boot = true, .revision = 300},
     {0},
     false,
     FERRY_ERR_SECURE_BOOT,
     4},
    {"flash id 000000", "esp32c3", "esp32c3", {0}, {.jedec_id = 0xff000000}, false, FERRY_ERR_FLASH_ID, 4},
    {"flash id FFFFFF", "esp32c3", "esp32c3", {0}, {.jedec_id = 0xffffff}, false, FERRY_ERR_FLASH_ID, 4},
    {"flash id FFFFFF", "esp32", "esp32", {0}, {.jedec_id = 0xffffff}, false, FERRY_ERR_FLASH_ID, 4},
    {"flash of unknown size", "esp32c3", "esp32c3", {0}, {.jedec_id = 0x0140c8}, false, FERRY_ERR_FLASH_SIZE, 4},
    {"flash smaller than the table",
     "esp32c3",
     "esp32c3",
     {0},
     {.size = 1u << 20},
     false,
     FERRY_ERR_PARTITION_TABLE,
     5},
    {"flash smaller than the table", "esp32", "esp32", {0}, {.size = 1u << 20}, false, FERRY_ERR_PARTITION_TABLE, 5},
    {"another chip", "esp32", "esp32c3", {0}, {0}, false, FERRY_ERR_IMAGE_CHIP, 5},
    {"another chip", "esp32c3", "esp32", {0}, {0}, false, FERRY_ERR_IMAGE_CHIP, 5},
    {"starts its program", "esp32c3", "esp32c3", {0}, {0}, true, FERRY_ERR_BOOT_MODE, 3},
    {"starts its program", "esp32", "esp32", {0}, {0}, true, FERRY_ERR_BOOT_MODE, 3},
    {"secure download and encryption",
     "esp32c3",
     "esp32c3",
     {.secure_download = true, .flash_encryption = true},
     {0},
     false,
     FERRY_ERR_ENCRYPTED,
     4},
    {"secure download and secure boot",
     "esp32c3",
     "esp32c3",
     {.secure_download = true, .secure_boot = true},
     {0},
     false,
     FERRY_ERR_SECURE_BOOT,
     4},
};

static int (*drive)(void *, bool, bool);

static int without_boot(void *ctx, bool reset_asserted, bool boot_asserted)
{
    (void)boot_asserted; // the wire to the boot pin is off
    return drive(ctx, reset_asserted, false);
}

static char *read_log(const char *dir)
{
    char path[600];
    static char text[8192];
    snprintf(path, sizeof path, "%s/ferry-log.csv", dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static void check_outcome(const struct state *s, const struct ferry_updater_outcome *o, const char *dir)
{
    if (o->fault.status != s->status)
        print_error("%s, %s: %s: %s\n", s->chip, s->name, ferry_status_name(o->fault.status), o->fault.what);
    assert_int_equal(o->fault.status, s->status);
    assert_int_equal(ferry_status_exit_code(o->fault.status), s->exit_code);
    assert_true(o->fault.what[0] != '\0' && o->fault.hint[0] != '\0');
    assert_false(o->result.written);
    assert_false(o->result.verified);
    const char *log = read_log(dir);
    assert_non_null(strstr(log, "failed"));
    assert_non_null(strstr(log, ferry_status_name(s->status)));
    print_message("%-7s %-32s %s: %s\n", s->chip, s->name, ferry_status_name(o->fault.status), o->fault.what);
}

static void check_state(const struct state *s)
{
    char *dir = card_new();
    card_put_idf_build(dir, NULL, s->cargo_chip);
    struct bench_rig *rig = bench_rig_new(dir, 1);
    struct sim_flash *flash = sim_flash_new(&s->flash);
    assert_non_null(flash);
    bench_rig_plug(rig, 0, s->chip, 1, &s->sim, flash, true);
    if (s->boots_normally) {
        drive = rig->sockets[0].lines.set;
        rig->sockets[0].lines.set = without_boot;
    }
    uint32_t size = sim_flash_size(flash);
    uint8_t *before = malloc(size);
    assert_non_null(before);
    memcpy(before, sim_flash_bytes(flash), size);
    assert_true(bench_rig_run(rig, 300000));
    check_outcome(s, &rig->sockets[0].outcome, dir);
    assert_memory_equal(before, sim_flash_bytes(flash), size);
    assert_int_equal(sim_flash_sector_erases(flash) + sim_flash_block_erases(flash), 0);
    assert_int_equal(sim_flash_bytes_programmed(flash), 0);
    free(before);
    bench_rig_free(rig);
    card_remove(dir);
}

static void each_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        check_state(&states[i]);
}

// It takes plain writes and proves nothing: written, and called what it is.
static void secure_download_mode_is_written_and_not_called_verified(void **state)
{
    (void)state;
    static const struct sim_chip_cfg sim = {.secure_download = true};
    char *dir = card_new();
    card_put_idf_build(dir, NULL, "esp32c3");
    struct bench_rig *rig = bench_rig_new(dir, 1);
    bench_rig_plug(rig, 0, "esp32c3", 1, &sim, NULL, true);
    assert_true(bench_rig_run(rig, 300000));
    const struct ferry_updater_outcome *o = &rig->sockets[0].outcome;
    print_message("esp32c3 secure download mode: %s %s\n", ferry_status_name(o->fault.status), o->fault.what);
    assert_int_equal(o->fault.status, 0);
    assert_true(o->result.written);
    assert_false(o->result.verified);
    assert_true(rig->sockets[0].held);
    assert_non_null(strstr(read_log(dir), ",unverified,"));
    bench_rig_free(rig);
    card_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_before_anything_is_erased),
        cmocka_unit_test(secure_download_mode_is_written_and_not_called_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
