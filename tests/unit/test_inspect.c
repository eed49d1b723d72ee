// What `ferry inspect` tells; the facts themselves are held against esptool's image-info by
// tests/e2e/inspect_vs_esptool.sh.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cJSON.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/digest.h"
#include "tests/support/card.h"
#include "updater/inspect.h"

static struct ferry_fault fault;
static char *text;

static int inspect(const char *dir, const char *name, bool json)
{
    struct ferry_posix_digest port;
    struct ferry_digest digest = ferry_posix_digest_init(&port);
    char *path = *name ? card_path(dir, name) : strdup(dir);
    size_t len;
    free(text);
    FILE *out = open_memstream(&text, &len);
    int status = ferry_inspect(path, json, &digest, out, &fault);
    fclose(out);
    free(path);
    ferry_posix_digest_close(&port);
    return status;
}

static void says(const char *expected)
{
    if (!strstr(text, expected))
        fail_msg("\"%s\" is not in:\n%s", expected, text);
}

static int new_card(void **state)
{
    *state = card_new();
    return 0;
}

static int drop_card(void **state)
{
    free(text);
    text = NULL;
    card_remove(*state);
    return 0;
}

static void an_app(void **state)
{
    card_put_app(*state, "app.bin", "esp32s3");
    assert_int_equal(inspect(*state, "app.bin", false), 0);
    says("app.bin: app image, 40,352 bytes");
    says("project      demo\n");
    says("version      1.2.3\n");
    says("ESP-IDF      v5.4.1\n");
    says("compiled     Mar  4 2026 10:11:12\n");
    says("ESP32-S3 (id 9), revision v0.0 or newer");
    says("dio, 40 MHz, 4 MB");
    says(" 0     20,256  0x3c000020    0x00000020   DROM");
    says("checksum     0x07 at 0x9d7f: ok");
    says("at 0x9d80: ok");
}

static void a_damaged_app(void **state)
{
    struct card_bytes app = card_make_image(&(struct card_image){.chip_id = 5});
    app.bytes[500] ^= 0x10;
    card_put_bytes(*state, "app.bin", app);
    assert_int_equal(inspect(*state, "app.bin", false), FERRY_ERR_IMAGE_CHECKSUM);
    says("WRONG, the segments give 0x");
    says("SHA-256");
    says("not checked");
    says("BAD");
    assert_non_null(strstr(fault.where, "app.bin, offset 0x9d7f"));
    app = card_make_image(&(struct card_image){.chip_id = 5});
    app.bytes[500] ^= 0x10, app.bytes[501] ^= 0x10;
    card_put_bytes(*state, "app.bin", app);
    assert_int_equal(inspect(*state, "app.bin", false), FERRY_ERR_IMAGE_HASH);
    says(": WRONG");
}

static void a_partition_table(void **state)
{
    card_put_bytes(*state, "t.bin", card_make_ota_table(0x140000));
    assert_int_equal(inspect(*state, "t.bin", false), 0);
    says("app1              app         ota_1      0x00150000    1280 KB");
    says("MD5          ok");
    struct card_bytes table = card_make_ota_table(0x140000);
    table.bytes[40] ^= 1;
    card_put_bytes(*state, "t.bin", table);
    assert_int_equal(inspect(*state, "t.bin", false), FERRY_ERR_PARTITION_TABLE);
    says("the MD5 does not fit the rows");
}

static void a_merged_image(void **state)
{
    card_put_merged(*state, "all.bin", "esp32");
    assert_int_equal(inspect(*state, "all.bin", false), 0);
    says("merged image");
    says("selects: ota_0");
    says("app in partition \"app0\", at 0x10000 of the file");
    says("ESP-IDF v5.4.1, built Mar  4 2026 10:11:00");
}

static void a_build_folder(void **state)
{
    card_put_idf_build(*state, "build", "esp32");
    assert_int_equal(inspect(*state, "", false), 0);
    says("ESP-IDF build, demo 1.2.3");
    says("for ESP32\n");
    says("0x010000      40,352  app image         ok   build/demo.bin  (demo 1.2.3)");
    char *app = card_path(*state, "build/demo.bin");
    assert_int_equal(truncate(app, 20000), 0);
    assert_int_equal(inspect(*state, "", false), FERRY_ERR_IMAGE_TRUNCATED);
    says("BAD  build/demo.bin");
    unlink(app);
    assert_int_equal(inspect(*state, "", false), FERRY_ERR_STORAGE_MISSING);
    says("build/demo.bin is not there");
    card_put_bytes(*state, "build/demo.bin", card_make_image(&(struct card_image){.data_size = 0x150000}));
    assert_int_equal(inspect(*state, "", false),
                     FERRY_ERR_TOO_LARGE_PARTITION); // files are good, together they are not
    says("\"app0\"");
    free(app);
}

static void every_kind_is_one_json_object(void **state)
{
    card_put_idf_build(*state, "a", "esp32");
    card_put_web_manifest(*state, "b");
    card_put_arduino(*state, "c", "esp32c3", "Blink");
    card_put_merged(*state, "d.bin", "esp32");
    card_put_text(*state, "\xff\xfe junk \x01.bin", "junk");
    assert_int_equal(inspect(*state, "", true), FERRY_ERR_NO_PLACE);
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    assert_string_equal(text + strlen(text) - 1, "\n");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "cargo")), 4);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "refused")), 1);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "ok")));
    cJSON_Delete(json);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        assert_true(*p >= 0x20 || *p == '\n');
    assert_int_equal(inspect(*state, "d.bin", true), 0);
    json = cJSON_Parse(text);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    cJSON_Delete(json);
}

static void what_is_not_there(void **state)
{
    assert_int_equal(inspect(*state, "none.bin", false), FERRY_ERR_STORAGE_MISSING);
    assert_string_equal(text, "");
    assert_int_equal(inspect(*state, "", false), FERRY_ERR_NO_CARGO);
    says("nothing that could be flashed");
    card_put_text(*state, "e.bin", "");
    assert_int_equal(inspect(*state, "e.bin", false), FERRY_ERR_IMAGE_TRUNCATED);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, new_card, drop_card)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_app),
        CASE(a_damaged_app),
        CASE(a_partition_table),
        CASE(a_merged_image),
        CASE(a_build_folder),
        CASE(every_kind_is_one_json_object),
        CASE(what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
