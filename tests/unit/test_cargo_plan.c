// Plans: everything is checked before anything is erased. What must be refused is anchored in what ESP-IDF's bootloader
// was seen to refuse (boot vectors, group image: chip, revisions, load and map addresses, checksum, hash, truncation)
// and in esptool's behaviour for header patches (tests/e2e/patch_vs_esptool.sh compares the bytes).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card.h"
#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "updater/cargo.h"

static struct ferry_cargo_list list;
static struct ferry_fault fault;
static struct ferry_plan plan;
static struct ferry_target target;
static struct ferry_cargo_options options;
static struct ferry_posix_digest digest_port;
static struct ferry_digest digest;

// The target's flash, for single apps.
static uint8_t flash[0x20000];
static int read_status;

static int read_target(void *ctx, uint32_t address, uint8_t *buf, size_t len)
{
    (void)ctx;
    if (read_status < 0)
        return read_status;
    assert_true(address + len <= sizeof flash);
    memcpy(buf, flash + address, len);
    return 0;
}

static void connect(const char *chip)
{
    memset(&target, 0, sizeof target);
    memset(&options, 0, sizeof options);
    memset(flash, 0xFF, sizeof flash);
    target.chip = ferry_chip_by_name(chip);
    target.revision = 300;
    target.flash_size = 4 << 20;
    target.security_known = true;
    digest = ferry_posix_digest_init(&digest_port);
    options.digest = &digest;
    options.read_target = read_target;
    read_status = 0;
}

static int new_card(void **state)
{
    *state = card_new();
    connect("esp32");
    return 0;
}

static int drop_card(void **state)
{
    ferry_plan_close(&plan);
    ferry_posix_digest_close(&digest_port);
    card_remove(*state);
    return 0;
}

static int try_plan(const char *dir)
{
    ferry_plan_close(&plan);
    assert_int_equal(ferry_cargo_scan(dir, &list, &fault), 0);
    if (list.count != 1)
        fail_msg("%zu cargoes, %zu refused: %s", list.count, list.refused_count, list.refused[0].what);
    int status = ferry_cargo_plan(&list.items[0], &target, &options, &plan, &fault);
    if (status < 0)
        assert_null(plan.files); // nothing stays open
    return status;
}

static void plan_ok(const char *dir)
{
    int status = try_plan(dir);
    if (status < 0)
        fail_msg("%s: %s (%s)", ferry_status_name(status), fault.what, fault.where);
    for (size_t i = 0; i < plan.count; i++) {
        assert_int_equal(plan.regions[i].size, plan.sources[i].size);
        assert_int_equal(plan.regions[i].address % 4096, 0);
        assert_true(i == 0 || plan.regions[i].address >= plan.regions[i - 1].address + plan.regions[i - 1].size);
    }
}

static void plan_fails(const char *dir, int expected, const char *what)
{
    int status = try_plan(dir);
    if (status != expected || !strstr(fault.what, what) || !*fault.hint || fault.status != expected)
        fail_msg("%s instead of %s: %s (%s) hint: %s", ferry_status_name(status), ferry_status_name(expected),
                 fault.what, fault.where, fault.hint);
}

static bool warned(const char *text)
{
    for (size_t i = 0; i < plan.warning_count; i++)
        if (strstr(plan.warnings[i], text))
            return true;
    return false;
}

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
        connect(CHIPS[i].chip);
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
    connect("esp32c3");
    plan_ok(*state);
    uint8_t expected[32], head[8], first[32];
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    for (size_t i = 0; i < plan.count; i++) {
        uint32_t size = plan.regions[i].size;
        uint8_t *bytes = malloc(size);
        ferry_store32le(head, plan.regions[i].address);
        ferry_store32le(head + 4, size);
        assert_int_equal(plan.sources[i].read(plan.sources[i].ctx, 0, bytes, size), 0);
        digest.update(digest.ctx, head, 8);
        digest.update(digest.ctx, bytes, size);
        free(bytes);
    }
    digest.finish(digest.ctx, expected, 32);
    assert_memory_equal(expected, plan.sha256, 32);
    memcpy(first, plan.sha256, 32);
    options.flash_mode = "qio";
    plan_ok(*state);
    assert_memory_not_equal(first, plan.sha256, 32);
}

static void a_web_manifest_serves_each_of_its_chips(void **state)
{
    card_put_web_manifest(*state, "");
    for (size_t i = 0; i < 4; i++) {
        connect(CHIPS[i].chip);
        if (i == 1)
            plan_fails(*state, FERRY_ERR_NO_BUILD_FOR_CHIP, "has no build for ESP32-S2 (it has: ESP32, ESP32-C3, ");
        else {
            plan_ok(*state);
            expect_four(CHIPS[i].boot);
        }
    }
    connect("esp8266");
    plan_ok(*state);
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.regions[0].address, 0);
}

static void an_arduino_export_is_placed_by_its_table(void **state)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof CHIPS[0]; i++) {
        connect(CHIPS[i].chip);
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
        connect(CHIPS[i].chip);
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
    connect("esp32c3");
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
    assert_int_equal(ferry_cargo_from_pairs(two, 2, &cargo, &fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &target, &options, &plan, &fault), 0);
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.regions[0].address, 0x10000);
    assert_int_equal(plan.regions[1].size, 16);
    assert_int_equal(plan.regions[0].spare, 0);
    ferry_plan_close(&plan);
    assert_int_equal(ferry_cargo_from_pairs(two, 0, &cargo, &fault), FERRY_ERR_ARG);
    assert_int_equal(ferry_cargo_from_pairs(two, 33, &cargo, &fault), FERRY_ERR_ARG);
    const struct ferry_cargo_pair merged[] = {{0x1001, data}};
    assert_int_equal(ferry_cargo_from_pairs(merged, 1, &cargo, &fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &target, &options, &plan, &fault), FERRY_ERR_ALIGNMENT);
    const struct ferry_cargo_pair missing[] = {{0x1000, "/nowhere/x.bin"}};
    assert_int_equal(ferry_cargo_from_pairs(missing, 1, &cargo, &fault), 0);
    assert_int_equal(ferry_cargo_plan(&cargo, &target, &options, &plan, &fault), FERRY_ERR_STORAGE_MISSING);
    free(data), free(app);
}

// ---- a single app ----

static void put_table(struct card_bytes table)
{
    memcpy(flash + 0x8000, table.bytes, table.len);
    card_free(&table);
}

static void select_slot(uint32_t sector, uint32_t seq, uint32_t crc)
{
    ferry_store32le(flash + 0xe000 + sector * 0x1000, seq);
    ferry_store32le(flash + 0xe000 + sector * 0x1000 + 28, crc);
}

static void a_single_app_goes_where_the_target_boots_from(void **state)
{
    card_put_app(*state, "app.bin", "esp32");
    put_table(card_make_factory_table());
    plan_ok(*state);
    expect_region(0, 0x10000, "app (factory)");
    assert_true(warned("\"factory\" at 0x10000"));
    put_table(card_make_ota_table(0x140000));
    plan_ok(*state);
    expect_region(0, 0x10000, "app (app0)");
    select_slot(0, 1, 0x4743989A);
    select_slot(1, 2, 0x55F63774);
    plan_ok(*state);
    expect_region(0, 0x150000, "app (app1)");
    assert_true(warned("otadata selects"));
    assert_int_equal(plan.regions[0].size + plan.regions[0].spare, 0x140000);
    ferry_store32le(flash + 0xf000 + 24, 1);
    plan_ok(*state);
    assert_true(warned("waits for a confirmation"));
}

static void a_single_app_without_a_place(void **state)
{
    card_put_app(*state, "app.bin", "esp32");
    plan_fails(*state, FERRY_ERR_NO_PLACE, "erased flash");
    assert_non_null(strstr(fault.hint, "build folder"));
    put_table(card_make_ota_table(0x140000));
    flash[0x8000 + 8] ^= 1;
    plan_fails(*state, FERRY_ERR_NO_PLACE, "MD5");
    flash[0x8000 + 8] ^= 1;
    read_status = FERRY_ERR_STATE; // the job does not have the bytes yet: its status comes back
    plan_fails(*state, FERRY_ERR_STATE, "0x8000");
    read_status = 0;
    target.secure_download = true;
    plan_fails(*state, FERRY_ERR_NO_PLACE, "cannot be read");
    target.secure_download = false;
    const struct card_row data_only[] = {{1, 2, 0x9000, 0x6000, "nvs"}};
    put_table(card_make_table(data_only, 1));
    plan_fails(*state, FERRY_ERR_NO_PLACE, "no app partition");
    const struct card_row small[] = {{0, 0, 0x10000, 0x8000, "factory"}};
    put_table(card_make_table(small, 1));
    plan_fails(*state, FERRY_ERR_TOO_LARGE_PARTITION, "\"factory\"");
}

static void an_esp8266_app_goes_to_the_start(void **state)
{
    connect("esp8266");
    card_put_app(*state, "app.bin", "esp8266");
    plan_ok(*state);
    assert_int_equal(plan.regions[0].address, 0);
    connect("esp32");
    plan_fails(*state, FERRY_ERR_NO_PLACE, "partition table");
}

// ---- checks ----

// A build folder for the ESP32-C3 whose app (or bootloader) is another.
static void put_app(const char *dir, const struct card_image *cfg)
{
    connect("esp32c3");
    target.revision = 4;
    card_put_idf_build(dir, "", "esp32c3");
    card_put_bytes(dir, cfg->bootloader ? "bootloader/bootloader.bin" : "demo.bin", card_make_image(cfg));
}

static void change_app(const char *dir, size_t offset, uint8_t value, bool fix)
{
    struct card_image cfg = {.chip_id = 5};
    connect("esp32c3");
    card_put_idf_build(dir, "", "esp32c3");
    struct card_bytes app = card_make_image(&cfg);
    app.bytes[offset] = value;
    if (fix)
        card_fix_image(&app);
    card_put_bytes(dir, "demo.bin", app);
}

static void wrong_chip(void **state)
{
    card_put_idf_build(*state, "", "esp32s3");
    plan_fails(*state, FERRY_ERR_IMAGE_CHIP, "is for ESP32-S3, connected is ESP32");
    put_app(*state, &(struct card_image){.chip_id = 9});
    plan_fails(*state, FERRY_ERR_IMAGE_CHIP, "demo.bin is for ESP32-S3, connected is ESP32-C3");
    assert_non_null(strstr(fault.where, "demo.bin, offset 0xc"));
    put_app(*state, &(struct card_image){.chip_id = 77});
    plan_fails(*state, FERRY_ERR_IMAGE_CHIP, "chip id 77");
    options.force = true;
    assert_int_equal(try_plan(*state), 0);
    assert_true(warned("chip id 77"));
}

static void wrong_revision(void **state)
{
    put_app(*state, &(struct card_image){.chip_id = 5, .min_revision = 101});
    plan_fails(*state, FERRY_ERR_IMAGE_REVISION, "v1.1 or newer, this chip is v0.4");
    put_app(*state, &(struct card_image){.chip_id = 5, .max_revision = 3});
    plan_fails(*state, FERRY_ERR_IMAGE_REVISION, "up to v0.3, this chip is v0.4");
    put_app(*state, &(struct card_image){.chip_id = 5, .min_revision = 4, .max_revision = 4});
    plan_ok(*state);
    put_app(*state, &(struct card_image){.chip_id = 5, .min_revision = 5});
    options.force = true;
    assert_int_equal(try_plan(*state), 0);
}

static void damaged_images(void **state)
{
    change_app(*state, 112, 0xEE, false);
    plan_fails(*state, FERRY_ERR_IMAGE_CHECKSUM, "demo.bin: the checksum is 0x");
    change_app(*state, 9, 0x33, false); // in the header: only the hash covers it
    plan_fails(*state, FERRY_ERR_IMAGE_HASH, "SHA-256");
    change_app(*state, 0, 0xE8, false);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "demo.bin is no firmware image; at 0x10000");
    change_app(*state, 1, 17, false);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "16 segments");
    assert_non_null(strstr(fault.where, "offset 0x1"));
    options.force = true; // not a thing that a person may know better
    assert_int_equal(try_plan(*state), FERRY_ERR_IMAGE_FORMAT);
    change_app(*state, 27, 0x20, true);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "no memory"); // bad_load_addr
    change_app(*state, 25, 0x41, true);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "flash offset"); // bad_map_addr
}

static void truncated_images(void **state)
{
    struct card_image cfg = {.chip_id = 5, .data_size = 3000};
    connect("esp32c3");
    struct card_bytes app = card_make_image(&cfg);
    size_t whole = app.len;
    card_free(&app);
    for (size_t len = 0; len < whole; len += 97) {
        card_put_idf_build(*state, "", "esp32c3");
        app = card_make_image(&cfg);
        app.len = len;
        card_put_bytes(*state, "demo.bin", app);
        int status = try_plan(*state);
        assert_int_equal(status, FERRY_ERR_IMAGE_TRUNCATED);
        assert_non_null(strstr(fault.where, "demo.bin"));
    }
}

static void tables_that_are_damaged_or_do_not_fit(void **state)
{
    struct card_bytes table;
    card_put_idf_build(*state, "", "esp32");
    table = card_make_ota_table(0x140000), table.bytes[40] ^= 1;
    card_put_bytes(*state, "partition_table/partition-table.bin", table);
    plan_fails(*state, FERRY_ERR_PARTITION_TABLE, "the MD5 does not fit");
    card_put_bytes(*state, "partition_table/partition-table.bin", card_make_ota_table(0x200000));
    plan_fails(*state, FERRY_ERR_PARTITION_TABLE, "row 3: a partition that ends beyond the flash");
    assert_non_null(strstr(fault.where, "offset 0x60"));
    const struct card_row overlapping[] = {{0, 0, 0x10000, 0x100000, "factory"}, {0, 16, 0x50000, 0x100000, "ota_0"}};
    card_put_bytes(*state, "partition_table/partition-table.bin", card_make_table(overlapping, 2));
    plan_fails(*state, FERRY_ERR_PARTITION_TABLE, "overlap");
    card_put_bytes(*state, "partition_table/partition-table.bin", card_make_ota_table(0x140000));
    card_put_bytes(*state, "demo.bin", card_make_image(&(struct card_image){.data_size = 0x141000}));
    plan_fails(*state, FERRY_ERR_TOO_LARGE_PARTITION, "\"app0\" at 0x10000");
    card_put_bytes(*state, "demo.bin", card_make_image(&(struct card_image){0}));
    card_put_bytes(*state, "bootloader/bootloader.bin",
                   card_make_image(&(struct card_image){.bootloader = true, .data_size = 0x7100}));
    plan_fails(*state, FERRY_ERR_TOO_LARGE_PARTITION, "before the partition table");
}

static void a_flash_that_is_too_small(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    target.flash_size = 2 << 20;
    plan_fails(*state, FERRY_ERR_PARTITION_TABLE, "beyond the flash");
    card_put_bytes(*state, "partition_table/partition-table.bin", card_make_factory_table());
    char *json = card_path(*state, "flasher_args.json");
    card_put_text(*state, "flasher_args.json",
                  "{\"flash_files\":{\"0x1000\":\"bootloader/bootloader.bin\",\"0x10000\":\"demo.bin\","
                  "\"0x8000\":\"partition_table/partition-table.bin\"}}");
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "built for 4 MB of flash, the chip has 2 MB");
    assert_non_null(strstr(fault.hint, "--flash-size detect"));
    options.flash_size_name = "detect";
    plan_ok(*state);
    free(json);
}

static void regions_beyond_the_flash(void **state)
{
    card_put_text(*state, "0x3ff000_data.bin", "x");
    plan_ok(*state);
    uint8_t block[4097] = {0};
    card_put(*state, "0x3ff000_data.bin", block, 4097);
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "4096 KB");
    target.flash_size = 32 << 20;
    char *old = card_path(*state, "0x3ff000_data.bin");
    unlink(old);
    free(old);
    card_put(*state, "0xfff000_data.bin", block, 4097);
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "beyond 16 MB");
    old = card_path(*state, "0xfff000_data.bin");
    unlink(old);
    free(old);
    card_put(*state, "0xfffff000_data.bin", block, 4097); // wraps around
    target.flash_size = 0;
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "beyond 16 MB");
}

static void overlaps_and_alignment(void **state)
{
    uint8_t block[4097] = {0};
    card_put(*state, "0x20000_a.bin", block, 4097);
    card_put(*state, "0x21000_b.bin", block, 10);
    plan_fails(*state, FERRY_ERR_OVERLAP, "0x20000_a.bin (0x20000 to 0x21000) and 0x21000_b.bin (from 0x21000)");
    card_put(*state, "0x20000_a.bin", block, 4096);
    plan_ok(*state);
    card_put(*state, "0x21000_c.bin", block, 10);
    plan_fails(*state, FERRY_ERR_OVERLAP, "from 0x21000");
    char *c = card_path(*state, "0x21000_c.bin");
    unlink(c);
    free(c);
    card_put(*state, "0x30010_d.bin", block, 10);
    plan_fails(*state, FERRY_ERR_ALIGNMENT, "0x30010");
}

static void apps_and_bootloaders_in_each_others_place(void **state)
{
    connect("esp32c3");
    card_put_app(*state, "0x0_app.bin", "esp32c3");
    plan_fails(*state, FERRY_ERR_NO_PLACE, "is an app (demo); at 0x0 the chip expects its bootloader");
    char *old = card_path(*state, "0x0_app.bin");
    unlink(old);
    free(old);
    card_put_bytes(*state, "0x10000_b.bin", card_make_image(&(struct card_image){.chip_id = 5, .bootloader = true}));
    plan_fails(*state, FERRY_ERR_NO_PLACE, "is a bootloader; it belongs at 0x0");
}

static void missing_unreadable_and_odd_files(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    char *app = card_path(*state, "demo.bin");
    unlink(app);
    plan_fails(*state, FERRY_ERR_STORAGE_MISSING, "demo.bin is not there");
    mkdir(app, 0700);
    plan_fails(*state, FERRY_ERR_STORAGE_READ, "demo.bin is a folder");
    rmdir(app);
    mkfifo(app, 0600);
    plan_fails(*state, FERRY_ERR_STORAGE_READ, "no regular file");
    unlink(app);
    assert_int_equal(symlink("/etc/hostname", app), 0);
    plan_fails(*state, FERRY_ERR_STORAGE_PATH, "leads out");
    unlink(app);
    card_put_text(*state, "demo.bin", "");
    plan_fails(*state, FERRY_ERR_IMAGE_TRUNCATED, "demo.bin is empty");
    card_put_app(*state, "demo.bin", "esp32");
    chmod(app, 0);
    if (access(app, R_OK) != 0) // not for root
        plan_fails(*state, FERRY_ERR_STORAGE_READ, "demo.bin");
    free(app);
}

static void a_file_that_changes_during_the_job(void **state)
{
    uint8_t byte;
    card_put_idf_build(*state, "", "esp32");
    char *app = card_path(*state, "demo.bin");
    plan_ok(*state);
    const struct ferry_source *source = &plan.sources[3];
    assert_int_equal(source->read(source->ctx, source->size - 1, &byte, 1), 0);
    truncate(app, source->size - 1);
    assert_int_equal(source->read(source->ctx, source->size - 1, &byte, 1), FERRY_ERR_STORAGE_CHANGED);
    assert_int_equal(source->read(source->ctx, 0, &byte, 1), FERRY_ERR_STORAGE_CHANGED);
    card_put_app(*state, "demo.bin", "esp32"); // as long as before, but written anew
    assert_int_equal(source->read(source->ctx, 0, &byte, 1), FERRY_ERR_STORAGE_CHANGED);
    free(app);
}

// ---- guards ----

static void secure_boot_and_encryption(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    target.flash_encryption = true;
    plan_fails(*state, FERRY_ERR_ENCRYPTED, "flash encryption is on");
    options.force = true;
    assert_int_equal(try_plan(*state), 0);
    assert_true(warned("encryption"));
    options.force = target.flash_encryption = false;
    target.secure_boot = true;
    plan_fails(*state, FERRY_ERR_SECURE_BOOT, "bootloader/bootloader.bin would be written over the bootloader");
    options.force = true;
    options.flash_mode = "qout";
    assert_int_equal(try_plan(*state), 0);
    assert_true(warned("secure boot is on"));
    assert_true(warned("are kept"));
}

// ---- header ----

static void read_header(uint8_t *image, size_t len)
{
    assert_int_equal(plan.sources[0].read(plan.sources[0].ctx, 0, image, len), 0);
}

static void the_header_is_kept_or_patched(void **state)
{
    static uint8_t before[30000], after[30000];
    uint8_t sha[32];
    card_put_idf_build(*state, "", "esp32");
    plan_ok(*state);
    size_t len = plan.sources[0].size;
    read_header(before, len);
    assert_int_equal(before[2], 2);
    assert_int_equal(before[3], 0x20);
    options.flash_mode = "qio", options.flash_freq = "80m", options.flash_size_name = "16MB";
    plan_ok(*state);
    read_header(after, len);
    assert_int_equal(after[2], 0);
    assert_int_equal(after[3], 0x4f);
    assert_memory_equal(before + 4, after + 4, len - 36);
    digest.begin(digest.ctx, FERRY_DIGEST_SHA256);
    digest.update(digest.ctx, after, len - 32);
    digest.finish(digest.ctx, sha, 32);
    assert_memory_equal(sha, after + len - 32, 32);
    options.flash_mode = options.flash_freq = options.flash_size_name = "keep";
    plan_ok(*state);
    read_header(after, len);
    assert_memory_equal(before, after, len);
    options.flash_size_name = "detect";
    target.flash_size = 8 << 20;
    plan_ok(*state);
    read_header(after, len);
    assert_int_equal(after[3], 0x30);
}

static void patches_that_make_no_sense(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    options.flash_mode = "trio";
    plan_fails(*state, FERRY_ERR_ARG, "flash mode \"trio\"");
    options.flash_mode = NULL, options.flash_freq = "60m";
    plan_fails(*state, FERRY_ERR_ARG, "flash frequency \"60m\" is not known for ESP32");
    assert_non_null(strstr(fault.hint, "40m"));
    options.flash_freq = NULL, options.flash_size_name = "5MB";
    plan_fails(*state, FERRY_ERR_ARG, "flash size \"5MB\"");
    options.flash_size_name = "detect", target.flash_size = 0;
    plan_fails(*state, FERRY_ERR_FLASH_SIZE, "unknown");
}

static void a_patch_inside_a_merged_image(void **state)
{
    uint8_t header[4];
    card_put_merged(*state, "all.bin", "esp32");
    options.flash_mode = "dout";
    plan_ok(*state);
    assert_int_equal(plan.sources[0].read(plan.sources[0].ctx, 0x1000, header, 4), 0);
    assert_int_equal(header[2], 3);
    card_put_app(*state, "all.bin", "esp32");
    put_table(card_make_factory_table());
    plan_ok(*state);
    assert_true(warned("no bootloader in this cargo"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, new_card, drop_card)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_idf_build_on_every_chip),
        CASE(spare_reaches_to_the_end_of_the_partition),
        CASE(the_digest_covers_addresses_sizes_and_bytes),
        CASE(a_web_manifest_serves_each_of_its_chips),
        CASE(an_arduino_export_is_placed_by_its_table),
        CASE(an_arduino_export_with_its_boot_app0),
        CASE(merged_images),
        CASE(a_merged_image_that_begins_with_the_bootloader),
        CASE(a_broken_app_inside_a_merged_image),
        CASE(files_with_addresses),
        CASE(pairs),
        CASE(a_single_app_goes_where_the_target_boots_from),
        CASE(a_single_app_without_a_place),
        CASE(an_esp8266_app_goes_to_the_start),
        CASE(wrong_chip),
        CASE(wrong_revision),
        CASE(damaged_images),
        CASE(truncated_images),
        CASE(tables_that_are_damaged_or_do_not_fit),
        CASE(a_flash_that_is_too_small),
        CASE(regions_beyond_the_flash),
        CASE(overlaps_and_alignment),
        CASE(apps_and_bootloaders_in_each_others_place),
        CASE(missing_unreadable_and_odd_files),
        CASE(a_file_that_changes_during_the_job),
        CASE(secure_boot_and_encryption),
        CASE(the_header_is_kept_or_patched),
        CASE(patches_that_make_no_sense),
        CASE(a_patch_inside_a_merged_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
