// Messages: every field of the info and the manifest there and back; every wrong form refused by its name. The wrong
// ones are built here byte by byte from the tables in docs/protocol/link.md.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ferry/codec/link_message.h"

static void info_there_and_back(void **state)
{
    struct ferry_target_info in = {.chip = 5, .revision = 4, .mac = {1, 2, 3, 4, 5, 6}, .slot_count = 4}, out;
    struct ferry_link_limits limits = {1024, 4096, 8192, 1, 115200, 3000000}, got;
    uint8_t buf[FERRY_LINK_MESSAGE_MAX];
    (void)state;
    memset(in.project, 'p', 32);
    memset(in.version, 'v', 32);
    memset(in.sha256, 7, 32);
    for (int i = 0; i < 4; i++) {
        memset(in.slots[i].label, 'a' + i, 16);
        in.slots[i].size = 0x100000u + (uint32_t)i;
        in.slots[i].flags = (uint8_t)i;
    }
    in.boot_state = FERRY_BOOT_REVERTED;
    in.give_up = FERRY_GIVE_UP_CRASHED;
    in.erase_unit = 65536;
    in.erase_ms = 150;
    in.write_unit = 256;
    in.deaf = in.unfinished = true;
    in.unfinished_size = 99;
    memset(in.unfinished_sha256, 8, 32);
    size_t len = ferry_link_put_info(buf, &in, &limits);
    assert_true(len + 3 <= FERRY_LINK_MESSAGE_MAX); // the largest there is fits
    assert_int_equal(ferry_link_get_info(buf, len, &out, &got), 0);
    assert_memory_equal(&in.sha256, &out.sha256, 32);
    assert_string_equal(in.project, out.project);
    assert_string_equal(in.version, out.version);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(in.slots[i].label, out.slots[i].label);
        assert_int_equal(in.slots[i].size, out.slots[i].size);
    }
    assert_int_equal(out.give_up, FERRY_GIVE_UP_CRASHED);
    assert_true(out.deaf && out.unfinished && out.unfinished_size == 99);
    assert_int_equal(got.wire_buffer, 8192);
    assert_int_equal(got.max_baud, 3000000);
    for (size_t cut = 0; cut < len; cut++) // cut short anywhere: never more than what was whole, never beyond
        ferry_link_get_info(buf, cut, &out, &got);
    assert_int_equal(ferry_link_get_info(buf, 0, &out, &got), FERRY_LINK_FAULT_SHORT);
}

static size_t good_manifest(uint8_t *buf)
{
    struct ferry_manifest m = {.kind = FERRY_MANIFEST_FIRMWARE, .chip = 5, .size = 100, .options = 1, .head_len = 24};
    strcpy(m.project, "p");
    strcpy(m.version, "v2");
    memset(m.sha256, 3, 32);
    memset(m.head, 0xe9, 24);
    return ferry_link_put_manifest(buf, &m);
}

static void manifest_there_and_back(void **state)
{
    uint8_t buf[FERRY_LINK_MESSAGE_MAX];
    struct ferry_manifest out;
    (void)state;
    assert_int_equal(ferry_link_get_manifest(buf, good_manifest(buf), &out), 0);
    assert_int_equal(out.size, 100);
    assert_int_equal(out.chip, 5);
    assert_int_equal(out.options, 1);
    assert_string_equal(out.version, "v2");
    assert_int_equal(out.head[23], 0xe9);
}

static uint8_t with(const char *more, size_t len)
{
    uint8_t buf[FERRY_LINK_MESSAGE_MAX];
    struct ferry_manifest out;
    size_t n = good_manifest(buf);
    memcpy(buf + n, more, len);
    return ferry_link_get_manifest(buf, n + len, &out);
}

// Names may be in any script; what is no UTF-8 is refused as a name, and what an image calls itself is shown as far as
// it is text: many esp_app_desc_t cut it within a character.
static void names_of_any_script(void **state)
{
    static const struct {
        const char *name, *shown;
        bool good;
    } rows[] = {{"Gew\xc3\xa4"
                 "chshaus.bin",
                 "Gew\xc3\xa4"
                 "chshaus.bin",
                 true},
                {"\xe6\xb8\xa9\xe5\xae\xa4", "\xe6\xb8\xa9\xe5\xae\xa4", true},
                {"\xf0\x9f\x8c\xb1", "\xf0\x9f\x8c\xb1", true},
                {"Gew\xc3", "Gew", false},
                {"\xc0\xaf", "", false},     // not the shortest form
                {"\xed\xa0\x80", "", false}, // a surrogate
                {"a\x7f", "a", false},
                {"a\xc2\x9b"
                 "2J",
                 "a", false}, // CSI, as one character
                {"a\xff"
                 "b",
                 "a", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ferry_manifest in = {.kind = FERRY_MANIFEST_FILE, .size = 1}, out;
        uint8_t buf[FERRY_LINK_MESSAGE_MAX];
        strcpy(in.name, rows[i].name);
        uint8_t fault = ferry_link_get_manifest(buf, ferry_link_put_manifest(buf, &in), &out);
        assert_int_equal(fault, rows[i].good ? 0 : FERRY_LINK_FAULT_NAME);
        in.name[0] = 0;
        strcpy(in.project, rows[i].name);
        assert_int_equal(ferry_link_get_manifest(buf, ferry_link_put_manifest(buf, &in), &out), 0);
        assert_string_equal(out.project, rows[i].shown);
    }
}

static void wrong_manifests(void **state)
{
    struct ferry_manifest out;
    (void)state;
    assert_int_equal(with("\x81\x01\x01", 3), FERRY_LINK_FAULT_FIELD_TWICE);
    assert_int_equal(with("\xf0\x01\x01", 3), FERRY_LINK_FAULT_FIELD_UNKNOWN); // must be understood
    assert_int_equal(with("\x70\x01\x01", 3), 0);                              // need not
    assert_int_equal(with("\x87\x02"
                          "a",
                          3),
                     FERRY_LINK_FAULT_SHORT);
    assert_int_equal(with("\x87", 1), FERRY_LINK_FAULT_SHORT);
    assert_int_equal(with("\x87\x02"
                          "a\x07",
                          4),
                     FERRY_LINK_FAULT_NAME);
    assert_int_equal(with("\x87\x21"
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                          35),
                     FERRY_LINK_FAULT_NAME);
    assert_int_equal(with("\x8a\x00", 2), 0); // the fact that there is a signature field is enough to refuse later
    assert_int_equal(ferry_link_get_manifest((const uint8_t *)"\x82\x04\1\0\0\0", 6, &out), FERRY_LINK_FAULT_KIND);
    assert_int_equal(ferry_link_get_manifest((const uint8_t *)"\x81\x01\1", 3, &out), FERRY_LINK_FAULT_SIZE);
    assert_int_equal(ferry_link_get_manifest((const uint8_t *)"\x81\x01\1\x82\x04\1\0\0\0", 9, &out),
                     FERRY_LINK_FAULT_HASH_MISSING);
    assert_int_equal(ferry_link_get_manifest((const uint8_t *)"\x82\x03\1\0\0", 5, &out), FERRY_LINK_FAULT_SHORT);
    assert_int_equal(ferry_link_get_manifest((const uint8_t *)"\x82\x05\1\0\0\0\0", 7, &out), FERRY_LINK_FAULT_LONG);
}

static void pieces_in_any_order(void **state)
{
    uint8_t message[FERRY_LINK_MESSAGE_MAX], wire[50][FERRY_LINK_PIECE_WIRE], buf[128];
    size_t lens[50];
    struct ferry_link_assembly a = {0};
    (void)state;
    srand(5);
    for (int round = 0; round < 400; round++) {
        size_t mtu = round % 3 ? 20 + (size_t)rand() % 60 : 0, len = 1 + (size_t)rand() % sizeof message, at = 0, n = 0;
        for (size_t i = 0; i < len; i++)
            message[i] = (uint8_t)rand();
        while (at < len) {
            lens[n] = ferry_link_piece_write(wire[n], FERRY_LINK_TO_TARGET, 9, 3, message, len, &at,
                                             ferry_link_piece_size(mtu));
            assert_true(lens[n]);
            n++;
        }
        ferry_link_assembly_reset(&a);
        int whole = 0;
        for (size_t left = n; left; left--) { // each once, in random order, some twice
            size_t k = (size_t)rand() % left, used;
            struct ferry_link_reader r;
            struct ferry_link_frame f;
            ferry_link_reader_init(&r, buf, sizeof buf);
            assert_true(ferry_link_reader_push(&r, wire[k], lens[k], &used, &f));
            if (mtu)
                assert_true(f.body_len + FERRY_LINK_FRAME_MIN <= mtu);
            assert_int_equal(whole, 0);
            whole = ferry_link_assembly_add(&a, f.body, f.body_len);
            if (left > 1)
                assert_int_equal(ferry_link_assembly_add(&a, f.body, f.body_len), 0);
            memmove(wire[k], wire[left - 1], FERRY_LINK_PIECE_WIRE);
            lens[k] = lens[left - 1];
        }
        assert_int_equal(whole, 1);
        assert_int_equal(a.len, len);
        assert_memory_equal(a.bytes, message, len);
    }
}

static void impossible_pieces(void **state)
{
    struct ferry_link_assembly a = {0};
    uint8_t body[80] = {1};
    (void)state;
    assert_int_equal(ferry_link_assembly_add(&a, body, 2), FERRY_ERR_PROTOCOL); // no bytes
    assert_int_equal(ferry_link_assembly_add(&a, body, 9), FERRY_ERR_PROTOCOL); // 7 bytes, not the last
    body[1] = 48;
    assert_int_equal(ferry_link_assembly_add(&a, body, 10), FERRY_ERR_PROTOCOL); // beyond the longest message
    body[1] = 0x80 | 1;
    assert_int_equal(ferry_link_assembly_add(&a, body, 5), 0); // last: message of 11 bytes
    body[1] = 2;
    assert_int_equal(ferry_link_assembly_add(&a, body, 10), FERRY_ERR_PROTOCOL); // beyond its end
    body[1] = 0x80;
    assert_int_equal(ferry_link_assembly_add(&a, body, 5), FERRY_ERR_PROTOCOL); // another end
}

static void hello_fits_the_smallest_packet(void **state)
{
    uint8_t message[16] = {FERRY_LINK_HELLO}, wire[FERRY_LINK_PIECE_WIRE];
    struct ferry_link_hello h = {1, 1, 20, 0xdeadbeef}, out;
    size_t at = 0, len = 1 + ferry_link_put_hello(message + 1, &h);
    (void)state;
    size_t n = ferry_link_piece_write(wire, FERRY_LINK_TO_TARGET, 1, 1, message, len, &at, ferry_link_piece_size(20));
    assert_int_equal(at, len);
    assert_true(n - 3 <= 20); // without delimiters and code byte
    assert_int_equal(ferry_link_get_hello(message + 1, len - 1, &out), 0);
    assert_int_equal(out.updater, 0xdeadbeef);
    message[1] = 2;
    assert_int_equal(ferry_link_get_hello(message + 1, 30, &out), FERRY_LINK_FAULT_PROTOCOL_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_there_and_back),           cmocka_unit_test(manifest_there_and_back),
        cmocka_unit_test(names_of_any_script),           cmocka_unit_test(wrong_manifests),
        cmocka_unit_test(pieces_in_any_order),           cmocka_unit_test(impossible_pieces),
        cmocka_unit_test(hello_fits_the_smallest_packet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
