// What images say about themselves, read for the depot. Anchors: cards made byte by byte (tests/support/card.c, no
// parser of ours), and SHA-256 by mbedTLS over the same bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/describe.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ferry/source/memory.h"
#include "ports/posix/digest.h"
#include "tests/support/card.h"

enum { MOST = 4 };

struct bench {
    struct ferry_posix_digest state;
    struct ferry_digest digest;
    struct ferry_source_memory memory[MOST];
    struct ferry_depot_describe_file files[MOST];
    size_t count;
    struct ferry_depot_build build;
    char layout[FERRY_DEPOT_LAYOUT];
    struct ferry_depot_error error;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->digest = ferry_posix_digest_init(&b->state);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    ferry_posix_digest_close(&b->state);
    free(b);
    return 0;
}

static void add(struct bench *b, const char *name, const void *bytes, size_t len, uint32_t address)
{
    struct ferry_depot_describe_file *file = &b->files[b->count];
    memset(file, 0, sizeof *file);
    snprintf(file->name, sizeof file->name, "%s", name);
    file->address = address;
    file->source = ferry_source_memory(&b->memory[b->count++], bytes, (uint32_t)len);
}

static int describe(struct bench *b)
{
    return ferry_depot_describe(b->files, b->count, &b->digest, &b->build, b->layout, &b->error);
}

static void check_hash(struct bench *b, const uint8_t *bytes, size_t len, const uint8_t *want)
{
    uint8_t hash[32];
    assert_int_equal(b->digest.begin(b->digest.ctx, FERRY_DIGEST_SHA256), 0);
    assert_int_equal(b->digest.update(b->digest.ctx, bytes, len), 0);
    assert_int_equal(b->digest.finish(b->digest.ctx, hash, sizeof hash), 32);
    assert_memory_equal(hash, want, 32);
}

static void a_single_app(void **state)
{
    struct bench *b = *state;
    struct card_bytes app =
        card_make_image(&(struct card_image){.chip_id = FERRY_CHIP_ESP32C3, .project = "kettle", .version = "2.1"});
    add(b, "kettle.bin", app.bytes, app.len, FERRY_DEPOT_NO_ADDRESS);
    assert_int_equal(describe(b), FERRY_OK);
    assert_string_equal(b->build.kind, "app");
    assert_string_equal(b->build.chip, "esp32c3");
    assert_string_equal(b->build.project, "kettle");
    assert_string_equal(b->build.version, "2.1");
    assert_string_equal(b->files[0].role, "app");
    assert_int_equal(b->files[0].address, FERRY_DEPOT_NO_ADDRESS);
    assert_int_equal(b->build.size, app.len);
    assert_string_equal(b->layout, "");
    check_hash(b, app.bytes, app.len, b->build.app_sha256);
    assert_memory_equal(b->build.app_image_sha256, app.bytes + app.len - 32, 32);
    card_free(&app);
}

// What follows the image (filler of a flash dump) is not the app: a device that runs it says the app's hash.
static void filler_is_not_the_app(void **state)
{
    struct bench *b = *state;
    struct card_bytes app = card_make_image(&(struct card_image){0});
    uint8_t *padded = malloc(app.len + 5000);
    memset(padded, 0xff, app.len + 5000);
    memcpy(padded, app.bytes, app.len);
    add(b, "x.bin", padded, app.len + 5000, FERRY_DEPOT_NO_ADDRESS);
    assert_int_equal(describe(b), FERRY_OK);
    check_hash(b, app.bytes, app.len, b->build.app_sha256);
    free(padded);
    card_free(&app);
}

static void a_whole_build(void **state)
{
    struct bench *b = *state;
    struct card_bytes app = card_make_image(&(struct card_image){.project = "p", .version = "1"});
    struct card_bytes boot = card_make_image(&(struct card_image){.bootloader = true});
    struct card_bytes table = card_make_ota_table(0x100000);
    add(b, "app.bin", app.bytes, app.len, 0x10000);
    add(b, "bootloader.bin", boot.bytes, boot.len, 0x1000);
    add(b, "partition-table.bin", table.bytes, table.len, 0x8000);
    add(b, "data.bin", "some data", 9, 0x300000);
    assert_int_equal(describe(b), FERRY_OK);
    assert_string_equal(b->build.kind, "build");
    assert_string_equal(b->files[1].role, "bootloader");
    assert_string_equal(b->files[2].role, "partition-table");
    assert_string_equal(b->files[3].role, "data");
    assert_int_equal(b->build.flash_size, 4 << 20);
    assert_non_null(strstr(b->layout, "{\"label\":\"app0\",\"type\":\"app\",\"subtype\":\"ota_0\",\"address\":65536,"
                                      "\"size\":1048576}"));
    card_free(&app);
    card_free(&boot);
    card_free(&table);
}

static void a_merged_image(void **state)
{
    static const struct {
        uint16_t chip;
        uint32_t boot, from; // where the file begins
    } cases[] = {{FERRY_CHIP_ESP32, 0x1000, 0}, {FERRY_CHIP_ESP32, 0x1000, 0x1000}, {FERRY_CHIP_ESP32C3, 0, 0}};
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct card_bytes app = card_make_image(&(struct card_image){.chip_id = cases[i].chip, .project = "m"});
        struct card_bytes boot = card_make_image(&(struct card_image){.chip_id = cases[i].chip, .bootloader = true});
        struct card_bytes table = card_make_factory_table();
        size_t len = 0x10000 + app.len;
        uint8_t *flash = malloc(len);
        memset(flash, 0xff, len);
        memcpy(flash + cases[i].boot, boot.bytes, boot.len);
        memcpy(flash + 0x8000, table.bytes, table.len);
        memcpy(flash + 0x10000, app.bytes, app.len);
        b->count = 0;
        add(b, "merged.bin", flash + cases[i].from, len - cases[i].from, FERRY_DEPOT_NO_ADDRESS);
        assert_int_equal(describe(b), FERRY_OK);
        assert_string_equal(b->build.kind, "merged");
        assert_string_equal(b->files[0].role, "merged");
        assert_int_equal(b->files[0].address, cases[i].from);
        assert_string_equal(b->build.project, "m");
        assert_non_null(strstr(b->layout, "factory"));
        check_hash(b, app.bytes, app.len, b->build.app_sha256);
        free(flash);
        card_free(&app);
        card_free(&boot);
        card_free(&table);
    }
}

static void names_out_of_files(void **state)
{
    struct bench *b = *state;
    struct card_bytes app = card_make_image(&(struct card_image){.no_desc = true});
    add(b, "my sketch.ino.bin", app.bytes, app.len, 0x10000);
    assert_int_equal(describe(b), FERRY_OK);
    assert_string_equal(b->build.project, "my sketch.ino");
    assert_string_equal(b->build.version, "");
    card_free(&app);
    app = card_make_image(&(struct card_image){.project = "gr\xc3\xb6\xc3\x9f"
                                                          "e",
                                               .version = "1\xff"
                                                          "2"});
    b->count = 0;
    add(b, "x", app.bytes, app.len, 0x10000);
    assert_int_equal(describe(b), FERRY_OK);
    assert_string_equal(b->build.project, "gr\xc3\xb6\xc3\x9f"
                                          "e");
    assert_string_equal(b->build.version, "1?2");
    card_free(&app);
}

static void broken_ones_are_refused(void **state)
{
    struct bench *b = *state;
    struct card_bytes app = card_make_image(&(struct card_image){0});
    struct card_bytes other = card_make_image(&(struct card_image){.chip_id = FERRY_CHIP_ESP32S3});
    struct card_bytes table = card_make_factory_table();
    app.bytes[1000] ^= 1;
    add(b, "app.bin", app.bytes, app.len, 0x10000);
    int status = describe(b);
    assert_true(status == FERRY_ERR_IMAGE_CHECKSUM || status == FERRY_ERR_IMAGE_HASH);
    assert_string_equal(b->error.where, "app.bin");
    app.bytes[1000] ^= 1;
    b->count = 0;
    add(b, "app.bin", app.bytes, app.len - 100, 0x10000);
    assert_int_equal(describe(b), FERRY_ERR_IMAGE_TRUNCATED);
    b->count = 0;
    add(b, "app.bin", app.bytes, app.len, 0x10000);
    add(b, "other.bin", other.bytes, other.len, 0x110000);
    assert_int_equal(describe(b), FERRY_ERR_IMAGE_CHIP);
    b->count = 0;
    table.bytes[8] ^= 1;
    add(b, "app.bin", app.bytes, app.len, 0x10000);
    add(b, "table.bin", table.bytes, table.len, 0x8000);
    assert_int_equal(describe(b), FERRY_ERR_PARTITION_TABLE);
    assert_string_equal(b->error.where, "table.bin");
    b->count = 0;
    add(b, "notes.txt", "nothing to flash", 16, FERRY_DEPOT_NO_ADDRESS);
    assert_int_equal(describe(b), FERRY_ERR_NO_CARGO);
    b->count = 0;
    assert_int_equal(describe(b), FERRY_ERR_NO_CARGO);
    add(b, "empty", "", 0, 0);
    assert_int_equal(describe(b), FERRY_ERR_IMAGE_TRUNCATED);
    card_free(&app);
    card_free(&other);
    card_free(&table);
}

static void urls_are_shown_without_secrets(void **state)
{
    static const char *const pairs[][2] = {
        {"/home/a/depot.db", "/home/a/depot.db"},
        {"postgresql://ferry@db/ferry", "postgresql://ferry@db/ferry"},
        {"postgresql://ferry:hunter2@db:5432/ferry?x=1", "postgresql://ferry@db:5432/ferry?x=1"},
        {"postgres://u:p%40ss@h", "postgres://u@h"},
        {"postgresql://h/d?user=u&password=hunter2&sslmode=require",
         "postgresql://h/d?user=u&password=...&sslmode=require"},
        {"postgresql://h/d?password=hunter2", "postgresql://h/d?password=..."},
        {"postgresql://h/d?sslpassword=a", "postgresql://h/d?sslpassword=..."},
        {"postgresql:///d?host=/tmp/x", "postgresql:///d?host=/tmp/x"},
        {"mysql://u:secret@h/x", "mysql://u@h/x"},
        {"http://u:sec@ret@h/x", "http://u@h/x"},
        {"postgresql://u:se/cret@h/x", "postgresql://u@h/x"},
        {"host=h password=secret dbname=x", "host=h password=... dbname=x"},
        {"host=h password = 'it\\'s secret' user=u", "host=h password = ... user=u"},
        {"password=secret", "password=..."},
        {"dbname=x sslpassword=a\\ b", "dbname=x sslpassword=..."},
        {"/path/password=x", "/path/password=x"},
    };
    char shown[100], small[8];
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        ferry_depot_shown_url(pairs[i][0], shown, sizeof shown);
        assert_string_equal(shown, pairs[i][1]);
        ferry_depot_shown_url(pairs[i][0], small, sizeof small);
        assert_true(strlen(small) < sizeof small);
    }
    assert_true(ferry_depot_is_url("postgres://x") && !ferry_depot_is_url("/postgresql://"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_single_app),
        CASE(filler_is_not_the_app),
        CASE(a_whole_build),
        CASE(a_merged_image),
        CASE(names_out_of_files),
        CASE(broken_ones_are_refused),
        CASE(urls_are_shown_without_secrets),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
