// What lies on a card is recognised: the shapes are those that ESP-IDF, ESP Web Tools, Arduino, PlatformIO and esptool
// write (their documentation and real examples); what cannot be used is told, never passed over.
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

#include "ferry/base/status.h"
#include "tests/support/card.h"
#include "updater/cargo.h"
#include "updater/cargo_parts.h"

static struct ferry_cargo_list list;
static struct ferry_fault fault;

static int new_card(void **state)
{
    *state = card_new();
    return 0;
}

static int drop_card(void **state)
{
    card_remove(*state);
    return 0;
}

static const struct ferry_cargo *only(const char *dir, enum ferry_cargo_kind kind)
{
    assert_int_equal(ferry_cargo_scan(dir, &list, &fault), 0);
    assert_int_equal(list.refused_count, 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].kind, kind);
    return &list.items[0];
}

static const struct ferry_fault *refused(const char *dir, int status, const char *where)
{
    assert_int_equal(ferry_cargo_scan(dir, &list, &fault), 0);
    for (size_t i = 0; i < list.refused_count; i++)
        if (list.refused[i].status == status && strstr(list.refused[i].where, where)) {
            assert_true(*list.refused[i].what && *list.refused[i].hint);
            return &list.refused[i];
        }
    for (size_t i = 0; i < list.refused_count; i++)
        fprintf(stderr, "refused: %s (%s) at %s\n", list.refused[i].what, ferry_status_name(list.refused[i].status),
                list.refused[i].where);
    fail_msg("%s not refused with %s", where, ferry_status_name(status));
    return NULL;
}

static void an_idf_build(void **state)
{
    card_put_idf_build(*state, "", "esp32c3");
    const struct ferry_cargo *cargo = only(*state, FERRY_CARGO_IDF_BUILD);
    assert_string_equal(cargo->name, "demo");
    assert_string_equal(cargo->version, "1.2.3");
    assert_int_equal(cargo->chip_count, 1);
    assert_int_equal(cargo->chips[0], FERRY_CHIP_ESP32C3);
    assert_true(cargo->total_size > 50000);
}

static void an_idf_build_in_a_project_folder(void **state)
{
    card_put_idf_build(*state, "my project/build", "esp32s3");
    // A build folder is full of other files; they are the build's own.
    card_put_text(*state, "my project/build/demo.elf", "\177ELF...");
    card_put_text(*state, "my project/build/CMakeFiles/3.24/CompilerIdC.bin", "\177ELF...");
    card_put_text(*state, "my project/build/project_description.json", "{}");
    only(*state, FERRY_CARGO_IDF_BUILD);
    card_put_app(*state, "deep/er/est/app.bin", "esp32"); // three levels down: beyond the limit
    only(*state, FERRY_CARGO_IDF_BUILD);
}

static void a_web_manifest(void **state)
{
    card_put_web_manifest(*state, "");
    const struct ferry_cargo *cargo = only(*state, FERRY_CARGO_WEB_MANIFEST);
    assert_string_equal(cargo->name, "Demo");
    assert_string_equal(cargo->version, "1.2.3");
    assert_int_equal(cargo->chip_count, 4);
    assert_int_equal(cargo->chips[3], FERRY_CHIP_ESP8266);
}

static void an_arduino_export(void **state)
{
    card_put_arduino(*state, "", "esp32", "Blink v2");
    card_put_text(*state, "Blink v2.ino.elf", "\177ELF");
    card_put_text(*state, "Blink v2.ino.map", "map");
    const struct ferry_cargo *cargo = only(*state, FERRY_CARGO_ARDUINO);
    assert_string_equal(cargo->name, "demo");
    assert_int_equal(cargo->chips[0], FERRY_CHIP_ESP32);
}

static void a_platformio_build(void **state)
{
    card_put_arduino(*state, "x", "esp32s3", "t");
    char *from = card_path(*state, "x/t.ino.bin"), *to = card_path(*state, "x/firmware.bin");
    assert_int_equal(rename(from, to), 0);
    free(from), free(to);
    from = card_path(*state, "x/t.ino.bootloader.bin"), to = card_path(*state, "x/bootloader.bin");
    assert_int_equal(rename(from, to), 0);
    free(from), free(to);
    from = card_path(*state, "x/t.ino.partitions.bin"), to = card_path(*state, "x/partitions.bin");
    assert_int_equal(rename(from, to), 0);
    free(from), free(to);
    from = card_path(*state, "x/t.ino.merged.bin");
    assert_int_equal(unlink(from), 0);
    free(from);
    only(*state, FERRY_CARGO_ARDUINO);
}

static void files_copied_by_hand(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    char *json = card_path(*state, "flasher_args.json"), *from = card_path(*state, "bootloader/bootloader.bin");
    char *to = card_path(*state, "bootloader.bin");
    unlink(json);
    assert_int_equal(rename(from, to), 0);
    free(from), free(to), free(json);
    from = card_path(*state, "partition_table/partition-table.bin"), to = card_path(*state, "partition-table.bin");
    assert_int_equal(rename(from, to), 0);
    free(from), free(to);
    const struct ferry_cargo *cargo =
        only(*state, FERRY_CARGO_ARDUINO); // app, bootloader, table, otadata: a whole build
    assert_non_null(strstr(cargo->path, "/demo.bin"));
    assert_true(cargo->total_size > 60000);
    card_put_app(*state, "other.bin", "esp32");
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.count, 2); // either app may be meant
}

static void thousands_of_other_files(void **state)
{
    char name[64];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "IMG_%04d.jpg", i);
        card_put_text(*state, name, "x");
    }
    card_put_arduino(*state, "", "esp32", "z");
    only(*state, FERRY_CARGO_ARDUINO);
    assert_int_equal(list.more, 0);
}

static void merged_images_are_told_from_apps(void **state)
{
    static const char *const chips[] = {"esp32", "esp32s2", "esp32c3", "esp32s3", "esp32c6", "esp32p4", "esp32c5"};
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        card_put_merged(*state, "image.bin", chips[i]);
        assert_int_equal(only(*state, FERRY_CARGO_MERGED)->chips[0], card_chip_id(chips[i]));
        card_put_app(*state, "image.bin", chips[i]);
        assert_int_equal(only(*state, FERRY_CARGO_APP)->chips[0], card_chip_id(chips[i]));
    }
    card_put_app(*state, "image.bin", "esp8266");
    assert_int_equal(only(*state, FERRY_CARGO_APP)->chips[0], FERRY_CHIP_ESP8266);
}

static void files_named_with_addresses(void **state)
{
    card_put_addressed(*state, "", "esp32");
    const struct ferry_cargo *cargo = only(*state, FERRY_CARGO_ADDRESSED);
    assert_string_equal(cargo->name, "demo");
    static const struct {
        const char *name;
        int address; // -1 = none
    } names[] = {{"0x10000_app.bin", 0x10000},
                 {"0X10000.bin", 0x10000},
                 {"app@0x10000.bin", 0x10000},
                 {"boot_0x1000.bin", 0x1000},
                 {"a-0x0.bin", 0},
                 {"app 0x20000 (1).bin", 0x20000},
                 {"app.bin", -1},
                 {"fox0x10.bin", -1},
                 {"app_0x.bin", -1},
                 {"app_0x10000g.bin", -1},
                 {"0x123456789_a.bin", -1},
                 {"v100x10.bin", -1},
                 {"0x10_0x20.bin", 0x10},
                 {"0xfg_0x20.bin", 0x20}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t address = 0;
        bool found = ferry_cargo_name_address(names[i].name, &address);
        assert_int_equal(found, names[i].address >= 0);
        if (found)
            assert_int_equal(address, names[i].address);
    }
}

static void several_are_all_listed_in_order(void **state)
{
    card_put_app(*state, "b.bin", "esp32");
    card_put_app(*state, "a.bin", "esp32c3");
    card_put_idf_build(*state, "c", "esp32");
    card_put_merged(*state, "Grüße an alle.bin", "esp32");
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.count, 4);
    assert_non_null(strstr(list.items[0].path, "Grüße an alle.bin"));
    assert_non_null(strstr(list.items[1].path, "/a.bin"));
    assert_non_null(strstr(list.items[3].path, "/c/flasher_args.json"));
}

static void more_than_fits_is_counted(void **state)
{
    for (int i = 0; i < 70; i++) {
        char name[40];
        snprintf(name, sizeof name, "app%02d.bin", i);
        card_put_app(*state, name, "esp32");
        snprintf(name, sizeof name, "junk%02d.bin", i);
        card_put_text(*state, name, "junk");
    }
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.count, 64);
    assert_int_equal(list.more, 6);
    assert_int_equal(list.refused_count, 32);
    assert_int_equal(list.refused_more, 38);
}

static void what_cannot_be_used_is_told(void **state)
{
    char *pipe_path = card_path(*state, "pipe.bin"), *dir_path = card_path(*state, "dir.bin");
    card_put_text(*state, "junk.bin", "hello");
    card_put_text(*state, "empty.bin", "");
    card_put_text(*state, "prog.bin", "\177ELF......");
    card_put_bytes(*state, "table.bin", card_make_factory_table());
    struct card_image boot = {.bootloader = true};
    card_put_bytes(*state, "bl.bin", card_make_image(&boot));
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(mkdir(dir_path, 0700), 0);
    refused(*state, FERRY_ERR_NO_PLACE, "junk.bin");
    refused(*state, FERRY_ERR_IMAGE_TRUNCATED, "empty.bin");
    refused(*state, FERRY_ERR_IMAGE_FORMAT, "prog.bin");
    refused(*state, FERRY_ERR_NO_PLACE, "table.bin");
    refused(*state, FERRY_ERR_NO_PLACE, "bl.bin");
    refused(*state, FERRY_ERR_STORAGE_READ, "pipe.bin");
    refused(*state, FERRY_ERR_STORAGE_READ, "dir.bin");
    free(pipe_path), free(dir_path);
}

static void elf_and_hex_are_told_when_nothing_else_is_there(void **state)
{
    card_put_text(*state, "demo.elf", "x");
    refused(*state, FERRY_ERR_IMAGE_FORMAT, "demo.elf");
    card_put_app(*state, "demo.bin", "esp32");
    only(*state, FERRY_CARGO_APP);
}

static void links_that_lead_out(void **state)
{
    char *outside = card_new(), *target = card_path(outside, "app.bin"), *link = card_path(*state, "app.bin");
    card_put_app(outside, "app.bin", "esp32");
    assert_int_equal(symlink(target, link), 0);
    refused(*state, FERRY_ERR_STORAGE_PATH, "app.bin");
    char *loop = card_path(*state, "loop.bin");
    assert_int_equal(symlink("loop.bin", loop), 0);
    refused(*state, FERRY_ERR_STORAGE_PATH, "loop.bin");
    char *sub = card_path(*state, "sub");
    assert_int_equal(symlink(outside, sub), 0); // a folder elsewhere is not entered
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.count, 0);
    free(target), free(link), free(loop), free(sub);
    card_remove(outside);
}

static void broken_manifests_name_line_and_column(void **state)
{
    card_put_text(*state, "flasher_args.json", "{\n  \"flash_files\": {\n    \"0x0\": oops }\n}");
    const struct ferry_fault *f = refused(*state, FERRY_ERR_MANIFEST, "flasher_args.json:3:12");
    assert_non_null(strstr(f->what, "line 3, column 12"));
}

static void hostile_json(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "empty"},
        {"{", "ends too early"},
        {"[]", "flash_files"},
        {"null", "flash_files"},
        {"{\"flash_files\":{}}", "names no files"},
        {"{\"flash_files\":[\"a.bin\"]}", "flash_files"},
        {"{\"flash_files\":{\"0x0\":5}}", "no file name"},
        {"{\"flash_files\":{\"zero\":\"a.bin\"}}", "no flash address"},
        {"{\"flash_files\":{\"0x100000000\":\"a.bin\"}}", "no flash address"},
        {"{\"flash_files\":{\"-4096\":\"a.bin\"}}", "no flash address"},
        {"{\"flash_files\":{\"0x0\":\"a.bin\",\"0x0\":\"b.bin\"}}", "twice"},
        {"{\"flash_files\":{\"0x0\":\"a.bin\"}} tail", "behind the end"},
        {"{\"flash_files\":{\"0x0\":\"a.bin\"},\"extra_esptool_args\":{\"chip\":\"esp99\"}}", "esp99"},
        {"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        card_put_text(*state, "flasher_args.json", cases[i].json);
        const struct ferry_fault *f = refused(*state, FERRY_ERR_MANIFEST, "flasher_args.json");
        if (!strstr(f->what, cases[i].says))
            fail_msg("%s: %s", cases[i].json, f->what);
    }
    static const char *const ways_out[] = {
        "../a.bin",  "/etc/passwd", "x/../../a.bin", "C:\\\\a.bin", "\\\\\\\\srv\\\\a", "https://example.org/a.bin", "",
        "a\\nb.bin", ".",           "x/.."};
    for (size_t i = 0; i < sizeof ways_out / sizeof ways_out[0]; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"flash_files\":{\"0x0\":\"%s\"}}", ways_out[i]);
        card_put_text(*state, "flasher_args.json", json);
        assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
        assert_int_equal(list.refused_count, 1);
        assert_int_equal(list.refused[0].status, FERRY_ERR_STORAGE_PATH);
    }
}

static char *big(size_t entries, const char *each)
{
    char *json = malloc(64 + entries * (strlen(each) + 16));
    size_t n = (size_t)sprintf(json, "{\"flash_files\":{\"0x0\":\"a.bin\"");
    for (size_t i = 0; i < entries; i++) {
        n += (size_t)sprintf(json + n, ",\"0x%zx\":", (i + 1) * 4096);
        n += (size_t)sprintf(json + n, "%s", each);
    }
    sprintf(json + n, "}}");
    return json;
}

static void large_json(void **state)
{
    static const struct {
        size_t entries;
        const char *each, *says;
    } cases[] = {{32, "\"a.bin\"", "more than 32"},
                 {10000, "\"a.bin\"", "too many values"},
                 {20000, "\"name.bin\"", "too large"}};
    for (size_t i = 0; i < 3; i++) {
        char *json = big(cases[i].entries, cases[i].each);
        card_put_text(*state, "flasher_args.json", json);
        const struct ferry_fault *f = refused(*state, FERRY_ERR_MANIFEST, "flasher_args.json");
        if (!strstr(f->what, cases[i].says))
            fail_msg("%zu: %s", i, f->what);
        free(json);
    }
}

static void web_manifests_that_cannot_be_used(void **state)
{
    static const char *const cases[] = {
        "{\"builds\":[{\"chipFamily\":\"ESP32\"}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":\"a.bin\"}]}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"offset\":0}]}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":\"a.bin\",\"offset\":1.5}]}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":\"a.bin\",\"offset\":1e300}]}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":\"a.bin\",\"offset\":-1}]}]}",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":7,\"offset\":0}]}]}",
        "{\"builds\":[",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        card_put_text(*state, "manifest.json", cases[i]);
        refused(*state, FERRY_ERR_MANIFEST, "manifest.json");
    }
    card_put_text(*state, "manifest.json", "{\"builds\":[{\"chipFamily\":\"ESP77\",\"parts\":[]}]}");
    refused(*state, FERRY_ERR_NO_BUILD_FOR_CHIP, "manifest.json");
    card_put_text(*state, "manifest.json", "{\"name\":\"some web app\",\"icons\":[]}"); // not ours, not our business
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.refused_count, 0);
}

static void a_path_may_go_up_inside_the_card(void **state)
{
    card_put_app(*state, "shared/app.bin", "esp32");
    card_put_text(
        *state, "web/manifest.json",
        "{\"builds\":[{\"chipFamily\":\"ESP32\",\"parts\":[{\"path\":\"../shared/app.bin\",\"offset\":65536}]}]}");
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.refused_count, 0);
    assert_string_equal(list.items[1].version, "1.2.3"); // it was found and looked at
    assert_int_equal(list.items[1].kind, FERRY_CARGO_WEB_MANIFEST);
}

static void the_updaters_own_files_are_no_cargo(void **state)
{
    card_put_app(*state, "app.bin", "esp32");
    card_put_text(*state, "ferry.json", "{\"cargo\": \"app.bin\"}");
    card_put_text(*state, "ferry-log.csv", "x");
    card_put_text(*state, ".ferry/x.fjr", "x");
    only(*state, FERRY_CARGO_APP);
}

static void ferry_json_may_name_the_files(void **state)
{
    card_put_app(*state, "one.bin", "esp32");
    card_put_text(*state, "ferry.json",
                  "{\"name\":\"Gate\",\"version\":\"7\",\"chip\":\"esp32\",\"files\":{\"0x10000\":\"one.bin\"}}");
    const struct ferry_cargo *cargo = only(*state, FERRY_CARGO_ADDRESSED);
    assert_string_equal(cargo->name, "Gate");
    assert_string_equal(cargo->version, "7");
    assert_int_equal(cargo->chips[0], FERRY_CHIP_ESP32);
}

static void single_files(void **state)
{
    card_put_idf_build(*state, "", "esp32");
    card_put_app(*state, "0x10000_x.bin", "esp32");
    char *json = card_path(*state, "flasher_args.json"), *app = card_path(*state, "demo.bin");
    char *addressed = card_path(*state, "0x10000_x.bin"), *none = card_path(*state, "none.bin");
    assert_int_equal(only(json, FERRY_CARGO_IDF_BUILD)->chips[0], 0);
    only(app, FERRY_CARGO_APP);
    only(addressed, FERRY_CARGO_ADDRESSED);
    assert_int_equal(ferry_cargo_scan(none, &list, &fault), FERRY_ERR_STORAGE_MISSING);
    assert_non_null(strstr(fault.what, "none.bin"));
    free(json), free(app), free(addressed), free(none);
}

static void an_empty_card(void **state)
{
    assert_int_equal(ferry_cargo_scan(*state, &list, &fault), 0);
    assert_int_equal(list.count + list.refused_count, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, new_card, drop_card)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_idf_build),
        CASE(an_idf_build_in_a_project_folder),
        CASE(a_web_manifest),
        CASE(an_arduino_export),
        CASE(a_platformio_build),
        CASE(files_copied_by_hand),
        CASE(thousands_of_other_files),
        CASE(merged_images_are_told_from_apps),
        CASE(files_named_with_addresses),
        CASE(several_are_all_listed_in_order),
        CASE(more_than_fits_is_counted),
        CASE(what_cannot_be_used_is_told),
        CASE(elf_and_hex_are_told_when_nothing_else_is_there),
        CASE(links_that_lead_out),
        CASE(broken_manifests_name_line_and_column),
        CASE(hostile_json),
        CASE(large_json),
        CASE(web_manifests_that_cannot_be_used),
        CASE(a_path_may_go_up_inside_the_card),
        CASE(the_updaters_own_files_are_no_cargo),
        CASE(ferry_json_may_name_the_files),
        CASE(single_files),
        CASE(an_empty_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
