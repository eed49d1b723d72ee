// Images: anchored in made-up images of the kind that ESP-IDF's real bootloader was seen to boot or refuse
// (docs/protocol, tests/vectors/boot: seg_byte, bad_hash, bad_digest, bad_checksum, truncated, segments_0, segments_17,
// segment_len_odd, no_hash), and in esptool's reading of the same files (tests/e2e/inspect_vs_esptool.sh).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/image.h"
#include "ports/posix/digest.h"
#include "tests/support/card.h"

// Feeds in pieces of `piece` bytes (0 = as much as there is) and gives the verdict with the hash computed.
static int parse(struct ferry_image *image, const uint8_t *bytes, size_t len, size_t piece)
{
    struct ferry_posix_digest port;
    struct ferry_digest digest = ferry_posix_digest_init(&port);
    uint8_t sha[32];
    ferry_image_init(image, FERRY_IMAGE_AUTO);
    assert_int_equal(digest.begin(digest.ctx, FERRY_DIGEST_SHA256), 0);
    size_t at = 0;
    while (at < len && !ferry_image_ended(image)) {
        size_t n = piece && piece < len - at ? piece : len - at;
        bool hashed = ferry_image_in_hash(image);
        n = ferry_image_feed(image, bytes + at, n);
        if (hashed)
            digest.update(digest.ctx, bytes + at, n);
        at += n;
        if (n == 0)
            break;
    }
    assert_int_equal(digest.finish(digest.ctx, sha, sizeof sha), 32);
    ferry_posix_digest_close(&port);
    return ferry_image_finish(image, sha);
}

static struct card_bytes app(void)
{
    struct card_image cfg = {.chip_id = 5, .project = "kettle", .version = "v2.1-7-gabc", .min_revision = 3};
    return card_make_image(&cfg);
}

static void an_app_is_read(void **state)
{
    (void)state;
    struct card_bytes b = app();
    struct ferry_image image;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    assert_int_equal(image.size, b.len);
    assert_int_equal(image.hash_offset, b.len - 32);
    assert_int_equal(image.checksum_offset, b.len - 33);
    assert_int_equal(image.chip_id, 5);
    assert_int_equal(image.format, FERRY_IMAGE_ESP32);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.segments[0].offset, 32);
    assert_int_equal(ferry_image_min_revision(&image), 3);
    assert_true(image.has_app_desc);
    assert_false(image.has_boot_desc);
    assert_string_equal(image.app.project, "kettle");
    assert_string_equal(image.app.version, "v2.1-7-gabc");
    assert_string_equal(image.app.idf, "v5.4.1");
    assert_string_equal(image.app.date, "Mar  4 2026");
    assert_int_equal(image.app.mmu_page_size, 65536);
    assert_string_equal(ferry_image_mode_name(image.flash_mode), "dio");
    assert_int_equal(ferry_image_flash_size(image.format, image.flash_size_freq), 4 << 20);
    card_free(&b);
}

static void every_way_of_cutting_gives_the_same(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 9, .data_size = 900};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image whole, cut;
    assert_int_equal(parse(&whole, b.bytes, b.len, 0), FERRY_OK);
    for (size_t piece = 1; piece < 300; piece++) {
        assert_int_equal(parse(&cut, b.bytes, b.len, piece), FERRY_OK);
        assert_memory_equal(&whole, &cut, offsetof(struct ferry_image, state));
    }
    card_free(&b);
}

static void a_bootloader_says_what_it_is(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 0, .bootloader = true};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image image;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    assert_true(image.has_boot_desc);
    assert_false(image.has_app_desc);
    assert_string_equal(image.boot.idf, "v5.4.1");
    card_free(&b);
}

static void every_shorter_file_is_truncated(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 5, .data_size = 600};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image image;
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(parse(&image, b.bytes, len, 0), FERRY_ERR_IMAGE_TRUNCATED);
    // What lies behind the image (a signature, padding) is not its business.
    uint8_t *longer = calloc(1, b.len + 4096);
    memcpy(longer, b.bytes, b.len);
    assert_int_equal(parse(&image, longer, b.len + 4096, 0), FERRY_OK);
    assert_int_equal(image.size, b.len);
    free(longer);
    card_free(&b);
}

static void every_flipped_byte_is_found(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 5, .data_size = 600};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image image;
    for (size_t i = 0; i < b.len; i++) {
        b.bytes[i] ^= 0x04;
        assert_true(parse(&image, b.bytes, b.len, 0) < 0);
        b.bytes[i] ^= 0x04;
    }
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    card_free(&b);
}

static void checksum_and_hash_are_told_apart(void **state)
{
    (void)state;
    struct card_bytes b = app();
    struct ferry_image image;
    b.bytes[112] ^= 1; // seg_byte
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_ERR_IMAGE_CHECKSUM);
    assert_int_equal(image.error_offset, b.len - 33);
    b.bytes[113] ^= 1; // bad_hash: the checksum fits again
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_ERR_IMAGE_HASH);
    assert_int_equal(image.error_offset, b.len - 32);
    b.bytes[112] ^= 1, b.bytes[113] ^= 1, b.bytes[b.len - 1] ^= 1; // bad_digest
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_ERR_IMAGE_HASH);
    card_free(&b);
}

static void headers_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t value;
        uint32_t error_offset;
    } cases[] = {{0, 0xE8, 0}, {1, 0, 1}, {1, 17, 1}, {23, 2, 23}, {28, 0xA1, 28}, {31, 0x80, 28}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct card_bytes b = app();
        struct ferry_image image;
        b.bytes[cases[i].offset] = cases[i].value;
        assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_ERR_IMAGE_FORMAT);
        assert_int_equal(image.error_offset, cases[i].error_offset);
        assert_true(image.detail[0] != 0);
        card_free(&b);
    }
}

static void without_hash_only_the_checksum_counts(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 5, .no_hash = true};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image image;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    assert_int_equal(image.size, b.len);
    b.bytes[112] ^= 1, b.bytes[113] ^= 1;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    b.bytes[113] ^= 1;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_ERR_IMAGE_CHECKSUM);
    card_free(&b);
}

static void an_esp8266_image_is_told_by_its_bytes(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 0xfff0};
    struct card_bytes b = card_make_image(&cfg);
    struct ferry_image image, cut;
    assert_int_equal(parse(&image, b.bytes, b.len, 0), FERRY_OK);
    assert_int_equal(image.format, FERRY_IMAGE_ESP8266);
    assert_int_equal(image.segments[0].offset, 16);
    assert_int_equal(image.segments[0].load_address, 0x3ffe9000);
    assert_int_equal(image.size, b.len);
    assert_int_equal(parse(&cut, b.bytes, b.len, 1), FERRY_OK);
    assert_memory_equal(&image, &cut, offsetof(struct ferry_image, state));
    assert_int_equal(ferry_image_flash_size(image.format, 0x40), 4 << 20);
    card_free(&b);
}

static void an_esp8266_v2_image(void **state)
{
    (void)state;
    struct card_image cfg = {.chip_id = 0xfff0};
    struct card_bytes v1 = card_make_image(&cfg);
    const size_t flash = 64; // the segment that stays in flash
    uint8_t *v2 = calloc(1, v1.len + 16 + flash);
    memcpy(v2, v1.bytes, 8);
    v2[0] = 0xEA, v2[1] = 4;
    ferry_store32le(v2 + 12, (uint32_t)flash);
    memset(v2 + 16, 0x5A, flash - 1); // odd: would change the checksum if it were counted
    memcpy(v2 + 16 + flash, v1.bytes, v1.len);
    struct ferry_image image;
    assert_int_equal(parse(&image, v2, v1.len + 16 + flash, 0), FERRY_OK);
    assert_int_equal(image.version, 2);
    assert_int_equal(image.segment_count, 4);
    assert_int_equal(image.segments[0].size, flash);
    v2[16 + flash] = 0;
    assert_int_equal(parse(&image, v2, v1.len + 16 + flash, 0), FERRY_ERR_IMAGE_FORMAT);
    free(v2);
    card_free(&v1);
}

static void old_revision_fields(void **state)
{
    (void)state;
    struct ferry_image image = {.chip_id = 0, .min_revision_old = 3};
    assert_int_equal(ferry_image_min_revision(&image), 300);
    image.chip_id = 5;
    assert_int_equal(ferry_image_min_revision(&image), 3);
    image.min_revision = 101;
    assert_int_equal(ferry_image_min_revision(&image), 101);
}

static void names_and_codes(void **state)
{
    (void)state;
    assert_int_equal(ferry_image_mode_code("DIO"), 2);
    assert_int_equal(ferry_image_mode_code("qio"), 0);
    assert_int_equal(ferry_image_mode_code("fast read"), -1);
    assert_int_equal(ferry_image_mode_code("di"), -1);
    assert_int_equal(ferry_image_flash_size_code(FERRY_IMAGE_ESP32, 16 << 20), 4);
    assert_int_equal(ferry_image_flash_size_code(FERRY_IMAGE_ESP32, 128 << 20), 7);
    assert_int_equal(ferry_image_flash_size_code(FERRY_IMAGE_ESP32, 3 << 20), -1);
    assert_int_equal(ferry_image_flash_size_code(FERRY_IMAGE_ESP8266, 512 << 10), 0);
    assert_int_equal(ferry_image_flash_size_code(FERRY_IMAGE_ESP8266, 16 << 20), 9);
    assert_null(ferry_image_mode_name(9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_app_is_read),
        cmocka_unit_test(every_way_of_cutting_gives_the_same),
        cmocka_unit_test(a_bootloader_says_what_it_is),
        cmocka_unit_test(every_shorter_file_is_truncated),
        cmocka_unit_test(every_flipped_byte_is_found),
        cmocka_unit_test(checksum_and_hash_are_told_apart),
        cmocka_unit_test(headers_that_cannot_be),
        cmocka_unit_test(without_hash_only_the_checksum_counts),
        cmocka_unit_test(an_esp8266_image_is_told_by_its_bytes),
        cmocka_unit_test(an_esp8266_v2_image),
        cmocka_unit_test(old_revision_fields),
        cmocka_unit_test(names_and_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
