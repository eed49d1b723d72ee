// Everything is checked before anything is erased. What must be refused is anchored in what ESP-IDF's bootloader was
// seen to refuse (boot vectors, group image: chip, revisions, load and map addresses, checksum, hash, truncation) and
// in esptool's behaviour for header patches (tests/e2e/patch_vs_esptool.sh compares the bytes).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "tests/support/plan_rig.h"

// ---- checks ----

// A build folder for the ESP32-C3 whose app (or bootloader) is another.
static void put_app(const char *dir, const struct card_image *cfg)
{
    plan_connect("esp32c3");
    plan_target.revision = 4;
    card_put_idf_build(dir, "", "esp32c3");
    card_put_bytes(dir, cfg->bootloader ? "bootloader/bootloader.bin" : "demo.bin", card_make_image(cfg));
}

static void change_app(const char *dir, size_t offset, uint8_t value, bool fix)
{
    struct card_image cfg = {.chip_id = 5};
    plan_connect("esp32c3");
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
    assert_non_null(strstr(plan_fault.where, "demo.bin, offset 0xc"));
    put_app(*state, &(struct card_image){.chip_id = 77});
    plan_fails(*state, FERRY_ERR_IMAGE_CHIP, "chip id 77");
    plan_options.force = true;
    assert_int_equal(plan_try(*state), 0);
    assert_true(plan_warned("chip id 77"));
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
    plan_options.force = true;
    assert_int_equal(plan_try(*state), 0);
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
    assert_non_null(strstr(plan_fault.where, "offset 0x1"));
    plan_options.force = true; // not a thing that a person may know better
    assert_int_equal(plan_try(*state), FERRY_ERR_IMAGE_FORMAT);
    change_app(*state, 27, 0x20, true);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "no memory"); // bad_load_addr
    change_app(*state, 25, 0x41, true);
    plan_fails(*state, FERRY_ERR_IMAGE_FORMAT, "flash offset"); // bad_map_addr
}

static void truncated_images(void **state)
{
    struct card_image cfg = {.chip_id = 5, .data_size = 3000};
    plan_connect("esp32c3");
    struct card_bytes app = card_make_image(&cfg);
    size_t whole = app.len;
    card_free(&app);
    for (size_t len = 0; len < whole; len += 97) {
        card_put_idf_build(*state, "", "esp32c3");
        app = card_make_image(&cfg);
        app.len = len;
        card_put_bytes(*state, "demo.bin", app);
        int status = plan_try(*state);
        assert_int_equal(status, FERRY_ERR_IMAGE_TRUNCATED);
        assert_non_null(strstr(plan_fault.where, "demo.bin"));
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
    assert_non_null(strstr(plan_fault.where, "offset 0x60"));
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
    plan_target.flash_size = 2 << 20;
    plan_fails(*state, FERRY_ERR_PARTITION_TABLE, "beyond the flash");
    assert_non_null(strstr(plan_fault.hint, "this one has 2048 KB")); // nothing is damaged
    card_put_bytes(*state, "partition_table/partition-table.bin", card_make_factory_table());
    char *json = card_path(*state, "flasher_args.json");
    card_put_text(*state, "flasher_args.json",
                  "{\"flash_files\":{\"0x1000\":\"bootloader/bootloader.bin\",\"0x10000\":\"demo.bin\","
                  "\"0x8000\":\"partition_table/partition-table.bin\"}}");
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "built for 4 MB of flash, the chip has 2 MB");
    assert_non_null(strstr(plan_fault.hint, "--flash-size detect"));
    plan_options.flash_size_name = "detect";
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
    plan_target.flash_size = 32 << 20;
    char *old = card_path(*state, "0x3ff000_data.bin");
    unlink(old);
    free(old);
    card_put(*state, "0xfff000_data.bin", block, 4097);
    plan_fails(*state, FERRY_ERR_TOO_LARGE_FLASH, "beyond 16 MB");
    old = card_path(*state, "0xfff000_data.bin");
    unlink(old);
    free(old);
    card_put(*state, "0xfffff000_data.bin", block, 4097); // wraps around
    plan_target.flash_size = 0;
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
    plan_connect("esp32c3");
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
    plan_target.flash_encryption = true;
    plan_fails(*state, FERRY_ERR_ENCRYPTED, "flash encryption is on");
    plan_options.force = true;
    assert_int_equal(plan_try(*state), 0);
    assert_true(plan_warned("encryption"));
    plan_options.force = plan_target.flash_encryption = false;
    plan_target.secure_boot = true;
    plan_fails(*state, FERRY_ERR_SECURE_BOOT, "bootloader/bootloader.bin would be written over the bootloader");
    plan_options.force = true;
    plan_options.flash_mode = "qout";
    assert_int_equal(plan_try(*state), 0);
    assert_true(plan_warned("secure boot is on"));
    assert_true(plan_warned("are kept"));
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
    plan_options.flash_mode = "qio", plan_options.flash_freq = "80m", plan_options.flash_size_name = "16MB";
    plan_ok(*state);
    read_header(after, len);
    assert_int_equal(after[2], 0);
    assert_int_equal(after[3], 0x4f);
    assert_memory_equal(before + 4, after + 4, len - 36);
    plan_digest.begin(plan_digest.ctx, FERRY_DIGEST_SHA256);
    plan_digest.update(plan_digest.ctx, after, len - 32);
    plan_digest.finish(plan_digest.ctx, sha, 32);
    assert_memory_equal(sha, after + len - 32, 32);
    plan_options.flash_mode = plan_options.flash_freq = plan_options.flash_size_name = "keep";
    plan_ok(*state);
    read_header(after, len);
    assert_memory_equal(before, after, len);
    plan_options.flash_size_name = "detect";
    plan_target.flash_size = 8 << 20;
    plan_ok(*state);
    read_header(after, len);
    assert_int_equal(after[3], 0x30);
}

static void patches_that_make_no_sense(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    plan_options.flash_mode = "trio";
    plan_fails(*state, FERRY_ERR_ARG, "flash mode \"trio\"");
    plan_options.flash_mode = NULL, plan_options.flash_freq = "60m";
    plan_fails(*state, FERRY_ERR_ARG, "flash frequency \"60m\" is not known for ESP32");
    assert_non_null(strstr(plan_fault.hint, "40m"));
    plan_options.flash_freq = NULL, plan_options.flash_size_name = "5MB";
    plan_fails(*state, FERRY_ERR_ARG, "flash size \"5MB\"");
    plan_options.flash_size_name = "detect", plan_target.flash_size = 0;
    plan_fails(*state, FERRY_ERR_FLASH_SIZE, "unknown");
}

static void a_patch_inside_a_merged_image(void **state)
{
    uint8_t header[4];
    card_put_merged(*state, "all.bin", "esp32");
    plan_options.flash_mode = "dout";
    plan_ok(*state);
    assert_int_equal(plan.sources[0].read(plan.sources[0].ctx, 0x1000, header, 4), 0);
    assert_int_equal(header[2], 3);
    card_put_app(*state, "all.bin", "esp32");
    plan_put_table(card_make_factory_table());
    plan_ok(*state);
    assert_true(plan_warned("no bootloader in this cargo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_CASE(wrong_chip),
        PLAN_CASE(wrong_revision),
        PLAN_CASE(damaged_images),
        PLAN_CASE(truncated_images),
        PLAN_CASE(tables_that_are_damaged_or_do_not_fit),
        PLAN_CASE(a_flash_that_is_too_small),
        PLAN_CASE(regions_beyond_the_flash),
        PLAN_CASE(overlaps_and_alignment),
        PLAN_CASE(apps_and_bootloaders_in_each_others_place),
        PLAN_CASE(missing_unreadable_and_odd_files),
        PLAN_CASE(a_file_that_changes_during_the_job),
        PLAN_CASE(secure_boot_and_encryption),
        PLAN_CASE(the_header_is_kept_or_patched),
        PLAN_CASE(patches_that_make_no_sense),
        PLAN_CASE(a_patch_inside_a_merged_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
