// Plans: every kind of cargo comes to the right regions on every chip. Addresses are those that ESP-IDF, Arduino and
// esptool document; the slot of a single app is the one that ESP-IDF's bootloader starts (boot vectors).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/plan_rig.h"

static void expect_region(size_t i, uint32_t address, const char *name)
{
    assert_true(i < plan.count);
    assert_int_equal(plan.regions[i].address, address);
    assert_string_equal(plan.names[i], name);
}

static void expect_four(uint32_t boot)
{
    assert_int_equal(plan.count, 4);
    expect_region(0, boot, "bootloader");
    expect_region(1, 0x8000, "partition table");
    expect_region(2, 0xe000, "data (otadata)");
    expect_region(3, 0x10000, "app (app0)");
}

// ---- kinds ----

static const struct {
    const char *chip;
    uint32_t boot;
} CHIPS[] = {{"esp32", 0x1000}, {"esp32s2", 0x1000}, {"esp32s3", 0},  {"esp32c3", 0},      {"esp32c2", 0},
             {"esp32c6", 0},    {"esp32h2", 0},      {"esp32c61", 0}, {"esp32c5", 0x2000}, {"esp32p4", 0x2000}};

static void an_idf_build_on_every_chip(void **state)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof CHIPS[0]; i++) {
        plan_connect(CHIPS[i].chip);
        card_put_idf_build(*state, "build", CHIPS[i].chip);
        plan_ok(*state);
        expect_four(CHIPS[i].boot);
        assert_string_equal(plan.project, "demo");
        assert_string_equal(plan.version, "1.2.3");
        assert_string_equal(plan.idf, "v5.4.1");
        assert_int_equal(plan.warning_count, 0);
    }
}

static void spare_reaches_to_the_end_of_the_partition(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    plan_ok(*state);
    assert_int_equal(plan.regions[3].address + plan.regions[3].size + plan.regions[3].spare, 0x150000);
    assert_int_equal(plan.regions[0].address + plan.regions[0].size + plan.regions[0].spare, 0x8000);
    assert_int_equal(plan.regions[2].spare, 0);
}

static void the_digest_covers_addresses_sizes_and_bytes(void **state)
{
    card_put_idf_build(*state, "", "esp32c3");
    plan_connect("esp32c3");
    plan_ok(*state);
    uint8_t expected[32], head[8], first[32];
    plan_digest.begin(plan_digest.ctx, FERRY_DIGEST_SHA256);
    for (size_t i = 0; i < plan.count; i++) {
        uint32_t size = plan.regions[i].size;
        uint8_t *bytes = malloc(size);
        ferry_store32le(head, plan.regions[i].address);
        ferry_store32le(head + 4, size);
        assert_int_equal(plan.sources[i].read(plan.sources[i].ctx, 0, bytes, size), 0);
        plan_digest.update(plan_digest.ctx, head, 8);
        plan_digest.update(plan_digest.ctx, bytes, size);
        free(bytes);
    }
    plan_digest.finish(plan_digest.ctx, expected, 32);
    assert_memory_equal(expected, plan.sha256, 32);
    memcpy(first, plan.sha256, 32);
    plan_options.flash_mode = "qio";
    plan_ok(*state);
    assert_memory_not_equal(first, plan.sha256, 32);
}

static void a_web_manifest_serves_each_of_its_chips(void **state)
{
    card_put_web_manifest(*state, "");
    for (size_t i = 0; i < 4; i++) {
        plan_connect(CHIPS[i].chip);
        if (i == 1)
            plan_fails(*state, FERRY_ERR_NO_BUILD_FOR_CHIP, "has no build for ESP32-S2 (it has: ESP32, ESP32-C3, ");
        else {
            plan_ok(*state);
            expect_four(CHIPS[i].boot);
        }
    }
    plan_connect("esp8266");
    plan_ok(*state);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.regions[0].address, 0);
}

static void an_arduino_export_is_placed_by_its_table(void **state)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof CHIPS[0]; i++) {
        plan_connect(CHIPS[i].chip);
        card_put_arduino(*state, "", CHIPS[i].chip, "Blink");
        plan_ok(*state);
        expect_four(CHIPS[i].boot);
        // No boot_app0.bin on the card: otadata is made so that the slot that was written is the one that starts.
        uint8_t otadata[64];
        assert_int_equal(plan.regions[2].size, 0x2000);
        assert_int_equal(plan.sources[2].read(plan.sources[2].ctx, 0, otadata, 64), 0);
        assert_int_equal(ferry_load32le(otadata), 1);
        assert_int_equal(ferry_load32le(otadata + 28), 0x4743989A);
        assert_int_equal(otadata[32], 0xFF);
    }
}

static void an_arduino_export_with_its_boot_app0(void **state)
{
    uint8_t app0[0x2000];
    memset(app0, 0xFF, sizeof app0);
    app0[100] = 0x77;
    card_put_arduino(*state, "", "esp32", "Blink");
    card_put(*state, "boot_app0.bin", app0, sizeof app0);
    plan_ok(*state);
    expect_four(0x1000);
    assert_int_equal(plan.sources[2].read(plan.sources[2].ctx, 100, app0, 1), 0);
    assert_int_equal(app0[0], 0x77);
}

static void merged_images(void **state)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof CHIPS[0]; i++) {
        plan_connect(CHIPS[i].chip);
        card_put_merged(*state, "all.bin", CHIPS[i].chip);
        plan_ok(*state);
        assert_int_equal(plan.count, 1);
        expect_region(0, 0, "merged image");
        assert_string_equal(plan.version, "1.2.3");
        assert_int_equal(plan.regions[0].size + plan.regions[0].spare, 0x150000);
    }
}

static void a_merged_image_that_begins_with_the_bootloader(void **state)
{
    card_put_merged(*state, "x/all.bin", "esp32");
    char *path = card_path(*state, "x/all.bin");
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(0x40000);
    size_t len = fread(bytes, 1, 0x40000, f);
    fclose(f);
    unlink(path);
    card_put(*state, "x/from_boot.bin", bytes + 0x1000, len - 0x1000);
    plan_ok(*state);
    expect_region(0, 0x1000, "merged image");
    card_put(*state, "x/0x0_from_boot.bin", bytes + 0x1000, len - 0x1000);
    char *other = card_path(*state, "x/from_boot.bin");
    unlink(other);
    plan_fails(*state, FERRY_ERR_NO_PLACE, "belongs at 0x1000, not at 0x0");
    free(bytes), free(path), free(other);
}

static void a_broken_app_inside_a_merged_image(void **state)
{
    card_put_merged(*state, "all.bin", "esp32c3");
    char *path = card_path(*state, "all.bin");
    FILE *f = fopen(path, "r+b");
    fseek(f, 0x10200, SEEK_SET);
    fputc(0x99, f);
    fclose(f);
    plan_connect("esp32c3");
    plan_fails(*state, FERRY_ERR_IMAGE_CHECKSUM, "all.bin");
    truncate(path, 0x11000);
    plan_fails(*state, FERRY_ERR_IMAGE_TRUNCATED, "all.bin is cut off");
    free(path);
}

static void files_with_addresses(void **state)
{
    card_put_addressed(*state, "", "esp32");
    plan_ok(*state);
    assert_int_equal(plan.count, 3);
    expect_region(0, 0x1000, "bootloader");
    expect_region(1, 0x8000, "partition table");
    expect_region(2, 0x10000, "app (app0)");
}

static void pairs(void **state)
{
    struct ferry_cargo cargo;
    card_put_text(*state, "data.bin", "any bytes at all");
    card_put_app(*state, "app.bin", "esp32");
    char *data = card_path(*state, "data.bin"), *app = card_path(*state, "app.bin");
    const struct ferry_cargo_pair two[] = {{0x110000, data}, {0x10000, app}};
    assert_int_equal(ferry_cargo_from_pairs(two, 2, &cargo, &plan_fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &plan_target, &plan_options, &plan, &plan_fault), 0);
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.regions[0].address, 0x10000);
    assert_int_equal(plan.regions[1].size, 16);
    assert_int_equal(plan.regions[0].spare, 0);
    ferry_plan_close(&plan);
    assert_int_equal(ferry_cargo_from_pairs(two, 0, &cargo, &plan_fault), FERRY_ERR_ARG);
    assert_int_equal(ferry_cargo_from_pairs(two, 33, &cargo, &plan_fault), FERRY_ERR_ARG);
    const struct ferry_cargo_pair merged[] = {{0x1001, data}};
    assert_int_equal(ferry_cargo_from_pairs(merged, 1, &cargo, &plan_fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &plan_target, &plan_options, &plan, &plan_fault), FERRY_ERR_ALIGNMENT);
    const struct ferry_cargo_pair missing[] = {{0x1000, "/nowhere/x.bin"}};
    assert_int_equal(ferry_cargo_from_pairs(missing, 1, &cargo, &plan_fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &plan_target, &plan_options, &plan, &plan_fault),
                     FERRY_ERR_STORAGE_MISSING);
    free(data), free(app);
}

// ---- a single app ----

static void select_slot(uint32_t sector, uint32_t seq, uint32_t crc)
{
    ferry_store32le(plan_flash + 0xe000 + sector * 0x1000, seq);
    ferry_store32le(plan_flash + 0xe000 + sector * 0x1000 + 28, crc);
}

static void a_single_app_goes_where_the_target_boots_from(void **state)
{
    card_put_app(*state, "app.bin", "esp32");
    plan_put_table(card_make_factory_table());
    plan_ok(*state);
    expect_region(0, 0x10000, "app (factory)");
    assert_true(plan_warned("\"factory\" at 0x10000"));
    plan_put_table(card_make_ota_table(0x140000));
    plan_ok(*state);
    expect_region(0, 0x10000, "app (app0)");
    select_slot(0, 1, 0x4743989A);
    select_slot(1, 2, 0x55F63774);
    plan_ok(*state);
    expect_region(0, 0x150000, "app (app1)");
    assert_true(plan_warned("otadata selects"));
    assert_int_equal(plan.regions[0].size + plan.regions[0].spare, 0x140000);
    ferry_store32le(plan_flash + 0xf000 + 24, 1);
    plan_ok(*state);
    assert_true(plan_warned("waits for a confirmation"));
}

static void a_single_app_without_a_place(void **state)
{
    card_put_app(*state, "app.bin", "esp32");
    plan_fails(*state, FERRY_ERR_NO_PLACE, "erased flash");
    assert_non_null(strstr(plan_fault.hint, "build folder"));
    plan_put_table(card_make_ota_table(0x140000));
    plan_flash[0x8000 + 8] ^= 1;
    plan_fails(*state, FERRY_ERR_NO_PLACE, "MD5");
    plan_flash[0x8000 + 8] ^= 1;
    plan_read_status = FERRY_ERR_STATE; // the job does not have the bytes yet: its status comes back
    plan_fails(*state, FERRY_ERR_STATE, "0x8000");
    plan_read_status = 0;
    plan_target.secure_download = true;
    plan_fails(*state, FERRY_ERR_NO_PLACE, "cannot be read");
    plan_target.secure_download = false;
    const struct card_row data_only[] = {{1, 2, 0x9000, 0x6000, "nvs"}};
    plan_put_table(card_make_table(data_only, 1));
    plan_fails(*state, FERRY_ERR_NO_PLACE, "no app partition");
    const struct card_row small[] = {{0, 0, 0x10000, 0x8000, "factory"}};
    plan_put_table(card_make_table(small, 1));
    plan_fails(*state, FERRY_ERR_TOO_LARGE_PARTITION, "\"factory\"");
}

static void an_esp8266_app_goes_to_the_start(void **state)
{
    plan_connect("esp8266");
    card_put_app(*state, "app.bin", "esp8266");
    plan_ok(*state);
    assert_int_equal(plan.regions[0].address, 0);
    plan_connect("esp32");
    plan_fails(*state, FERRY_ERR_NO_PLACE, "partition table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_CASE(an_idf_build_on_every_chip),
        PLAN_CASE(spare_reaches_to_the_end_of_the_partition),
        PLAN_CASE(the_digest_covers_addresses_sizes_and_bytes),
        PLAN_CASE(a_web_manifest_serves_each_of_its_chips),
        PLAN_CASE(an_arduino_export_is_placed_by_its_table),
        PLAN_CASE(an_arduino_export_with_its_boot_app0),
        PLAN_CASE(merged_images),
        PLAN_CASE(a_merged_image_that_begins_with_the_bootloader),
        PLAN_CASE(a_broken_app_inside_a_merged_image),
        PLAN_CASE(files_with_addresses),
        PLAN_CASE(pairs),
        PLAN_CASE(a_single_app_goes_where_the_target_boots_from),
        PLAN_CASE(a_single_app_without_a_place),
        PLAN_CASE(an_esp8266_app_goes_to_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
