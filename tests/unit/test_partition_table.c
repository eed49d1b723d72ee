// Partition tables: which damage makes a table unreadable is anchored in what ESP-IDF's bootloader was seen to refuse
// (boot vectors, group table: md5_wrong, two_md5_rows, magic_wrong_*, zeroed, erased, no_end, beyond_flash accept or
// not).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/partition_table.h"
#include "tests/support/card.h"

static struct ferry_partition_table t;

static void a_table_is_read(void **state)
{
    (void)state;
    struct card_bytes b = card_make_ota_table(0x140000);
    assert_int_equal(ferry_partition_table_parse(&t, b.bytes, b.len), 0);
    assert_int_equal(t.count, 5);
    assert_true(t.has_md5);
    assert_int_equal(t.md5_length, 5 * 32);
    assert_memory_equal(t.md5, b.bytes + 5 * 32 + 16, 16);
    assert_string_equal(t.rows[2].label, "app0");
    assert_int_equal(t.rows[3].address, 0x150000);
    assert_int_equal(ferry_partition_table_slots(&t), 2);
    assert_int_equal(ferry_partition_table_check(&t, 4 << 20), 0);
    assert_ptr_equal(ferry_partition_table_at(&t, 0x10000), &t.rows[2]);
    assert_ptr_equal(ferry_partition_table_at(&t, 0x14ffff), &t.rows[2]);
    assert_null(ferry_partition_table_at(&t, 0x8000));
    assert_ptr_equal(ferry_partition_table_find(&t, 1, 0), &t.rows[1]);
    assert_ptr_equal(ferry_partition_table_label(&t, "spiffs"), &t.rows[4]);
    assert_string_equal(ferry_partition_table_subtype_name(0, 0x1f), "ota_15");
    assert_string_equal(ferry_partition_table_subtype_name(1, 0x82), "spiffs");
    assert_null(ferry_partition_table_subtype_name(1, 0x60));
    assert_int_equal(ferry_partition_table_parse(&t, b.bytes, 6 * 32), 0); // a file without the erased rest
    card_free(&b);
}

static void refuse(struct card_bytes b, size_t len, uint32_t offset)
{
    assert_int_equal(ferry_partition_table_parse(&t, b.bytes, len), FERRY_ERR_PARTITION_TABLE);
    assert_int_equal(t.error_offset, offset);
    assert_true(t.detail[0] != 0);
    card_free(&b);
}

static void damaged_tables(void **state)
{
    (void)state;
    struct card_bytes b = card_make_ota_table(0x140000);
    b.bytes[0] = 0xAB;
    refuse(b, b.len, 0);
    b = card_make_ota_table(0x140000), b.bytes[4 * 32] = 0xAB;
    refuse(b, b.len, 4 * 32);
    b = card_make_ota_table(0x140000), memcpy(b.bytes + 6 * 32, b.bytes + 5 * 32, 32); // two MD5 rows
    refuse(b, b.len, 6 * 32);
    b = card_make_ota_table(0x140000), memcpy(b.bytes + 6 * 32, b.bytes, 32); // a row behind the MD5
    refuse(b, b.len, 6 * 32);
    b = card_make_ota_table(0x140000), memset(b.bytes, 0, b.len);
    refuse(b, b.len, 0);
    b = card_make_ota_table(0x140000), memset(b.bytes, 0xFF, b.len);
    refuse(b, b.len, 0);
    b = card_make_ota_table(0x140000);
    refuse(b, 4 * 32 + 8, 4 * 32);
    b = card_make_ota_table(0x140000);
    refuse(b, 0, 0);
    b = card_make_ota_table(0x140000);
    for (size_t i = 5; i < 96; i++)
        memcpy(b.bytes + 32 * i, b.bytes, 32); // no end, no MD5
    refuse(b, b.len, 95 * 32);
}

static void cut_after_whole_rows_is_accepted_as_the_bootloader_does(void **state)
{
    (void)state;
    struct card_bytes b = card_make_ota_table(0x140000);
    memset(b.bytes + 4 * 32, 0xFF, b.len - 4 * 32);
    assert_int_equal(ferry_partition_table_parse(&t, b.bytes, b.len), 0);
    assert_int_equal(t.count, 4);
    assert_false(t.has_md5);
    card_free(&b);
}

static void tables_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        size_t row, field;
        uint32_t value;
    } cases[] = {
        {4, 8, 4 << 20},                    // ends beyond the flash
        {4, 8, 0xFFFFFFFF},                 // wraps around
        {3, 4, 0x140000},                   // overlaps row 2
        {3, 4, 0x151000},                   // an app not at 64 KB
        {1, 4, 0xe800},                     // not on a sector
        {0, 8, 0},          {1, 8, 0x1000}, // empty
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct card_bytes b = card_make_ota_table(0x140000);
        ferry_store32le(b.bytes + 32 * cases[i].row + cases[i].field, cases[i].value);
        assert_int_equal(ferry_partition_table_parse(&t, b.bytes, b.len), 0);
        assert_int_equal(ferry_partition_table_check(&t, 4 << 20), FERRY_ERR_PARTITION_TABLE);
        assert_int_equal(t.error_offset, cases[i].row * 32);
        card_free(&b);
    }
}

static void labels_are_safe_to_print(void **state)
{
    (void)state;
    struct card_bytes b = card_make_ota_table(0x140000);
    memcpy(b.bytes + 12, "\x1b[31mred-alert-16", 16); // no terminator
    assert_int_equal(ferry_partition_table_parse(&t, b.bytes, b.len), 0);
    assert_string_equal(t.rows[0].label, "?[31mred-alert-1");
    card_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read),
        cmocka_unit_test(damaged_tables),
        cmocka_unit_test(cut_after_whole_rows_is_accepted_as_the_bootloader_does),
        cmocka_unit_test(tables_that_make_no_sense),
        cmocka_unit_test(labels_are_safe_to_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
