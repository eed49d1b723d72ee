// The boot model where no recorded boot reaches: the mask ROM's part on every chip (bootloader offsets: esptool's
// documentation), power cuts in the bootloader's own writes, and flash contents that make no sense. What the second
// stage decides is held against recordings in tests/vectors/test_boot_vectors.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot.h"
#include "tests/support/boot_compose.h"

enum { NEW = 0, PENDING = 1, VALID = 2, INVALID = 3, UNDEFINED = -1 };

struct rig {
    struct sim_flash *flash;
    uint8_t *bytes;
    struct sim_boot_cfg cfg;
    struct sim_boot_result result;
};

static int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    r->flash = sim_flash_new(&(struct sim_flash_cfg){.size = BOOT_COMPOSE_FLASH});
    r->bytes = sim_flash_bytes(r->flash);
    r->cfg.chip = "esp32c3";
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    sim_flash_free(r->flash);
    free(r);
    return 0;
}

static struct boot_compose whole(const char *chip, const char *table)
{
    struct boot_compose what = {.chip = chip, .table = table};
    memset(what.otadata, 0xff, sizeof what.otadata);
    for (const char *const *slot = (const char *const[]){"factory", "ota_0", "ota_1", NULL}; *slot; slot++)
        what.slots[what.slot_count++] = (struct boot_compose_slot){*slot, "good"};
    return what;
}

static void compose(struct rig *r, const struct boot_compose *what)
{
    assert_true(boot_compose(what, r->bytes, BOOT_COMPOSE_FLASH));
}

static const char *boot(struct rig *r)
{
    sim_boot_run(r->flash, &r->cfg, &r->result);
    return r->result.boots;
}

static void assert_says(const struct rig *r, const char *text)
{
    if (!strstr(r->result.reason, text))
        fail_msg("'%s' is not in: %s", text, r->result.reason);
}

// ---- the mask ROM

static void empty_flash_is_an_invalid_header(void **state)
{
    struct rig *r = *state;
    static const char *const CHIPS[] = {"esp8266", "esp32",   "esp32s2", "esp32s3",  "esp32c2", "esp32c3",
                                        "esp32c5", "esp32c6", "esp32h2", "esp32c61", "esp32p4"};
    for (size_t i = 0; i < sizeof CHIPS / sizeof *CHIPS; i++) {
        r->cfg.chip = CHIPS[i];
        assert_string_equal(boot(r), "none");
        assert_int_equal(r->result.end, SIM_BOOT_ROM_FAILED);
        assert_string_equal(r->result.reason, "invalid header: 0xffffffff");
        assert_non_null(strstr(r->result.log, "invalid header: 0xffffffff\r\n"));
    }
}

static void bootloader_lies_where_the_chip_looks(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *chip;
        uint32_t offset;
        uint16_t id;
    } ROWS[] = {{"esp32", 0x1000, 0}, {"esp32s2", 0x1000, 2},  {"esp32s3", 0, 9},  {"esp32c2", 0, 12},
                {"esp32c3", 0, 5},    {"esp32c5", 0x2000, 23}, {"esp32c6", 0, 13}, {"esp32h2", 0, 16},
                {"esp32c61", 0, 20},  {"esp32p4", 0x2000, 18}};
    struct boot_compose what = whole("esp32c3", "factory");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        uint8_t bootloader[0x2000];
        assert_int_equal(sim_boot_bootloader_offset(ROWS[i].chip), ROWS[i].offset);
        compose(r, &what);
        memcpy(bootloader, r->bytes, sizeof bootloader);
        memset(r->bytes, 0xff, 0x4000);
        memcpy(r->bytes + ROWS[i].offset, bootloader, sizeof bootloader);
        ferry_store16le(r->bytes + ROWS[i].offset + 12, ROWS[i].id);
        r->cfg.chip = ROWS[i].chip;
        boot(r);
        // The second stage runs; on another chip than the C3 the applications are refused for their chip id.
        assert_non_null(strstr(r->result.log, "2nd stage bootloader"));
        assert_int_equal(r->result.end, ROWS[i].id == 5 ? SIM_BOOT_APP : SIM_BOOT_FAILED);
    }
}

static void rom_wants_the_checksum_not_the_digest(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory");
    compose(r, &what);
    r->bytes[24 + 8] ^= 1; // a byte of the first segment
    assert_string_equal(boot(r), "none");
    assert_int_equal(r->result.end, SIM_BOOT_ROM_FAILED);
    assert_says(r, "csum err:0x");
    r->bytes[24 + 8 + 1] ^= 1; // the checksum fits again, the digest does not
    assert_string_equal(boot(r), "factory");
    assert_non_null(strstr(r->result.log, "Attempting to boot anyway..."));
}

static void bootloader_of_another_chip(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory");
    compose(r, &what);
    ferry_store16le(r->bytes + 12, 9);
    assert_string_equal(boot(r), "none");
    assert_says(r, "E boot_comm: mismatch chip ID, expected 5, found 9");
}

static void unknown_chip(void **state)
{
    struct rig *r = *state;
    r->cfg.chip = "esp31";
    assert_string_equal(boot(r), "none");
    assert_says(r, "unknown");
    assert_int_equal(sim_boot_bootloader_offset("esp31"), UINT32_MAX);
}

// ---- security

static void secure_boot_wants_a_signature(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory");
    compose(r, &what);
    r->cfg.secure_boot = true;
    assert_string_equal(boot(r), "none");
    assert_says(r, "secure boot verification failed");
    r->bytes[0x2000] = 0xe7; // a signature block behind the bootloader ...
    assert_string_equal(boot(r), "none");
    assert_says(r, "No valid signature block behind the image at 0x10000");
}

static void plain_text_does_not_boot_with_flash_encryption(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory");
    compose(r, &what);
    r->cfg.flash_encryption = true;
    assert_string_equal(boot(r), "none");
    assert_says(r, "invalid header: 0x");
}

// ---- applications

static void revision_decides(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory_only");
    what.slots[0].kind = "min_rev_v4";
    compose(r, &what);
    assert_string_equal(boot(r), "none");
    assert_says(r, "Image requires chip rev >= v4.0, but chip is v0.3");
    r->cfg.revision = 400;
    assert_string_equal(boot(r), "factory");
    r->cfg.revision = 0;
    what.slots[0].kind = "max_rev_v0_1";
    compose(r, &what);
    assert_string_equal(boot(r), "none");
    assert_says(r, "Image requires chip rev <= v0.1, but chip is v0.3");
    r->cfg.revision = 1;
    assert_string_equal(boot(r), "factory");
}

static void kinds_that_boot_and_kinds_that_do_not(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *kind, *says; // says NULL: boots
    } ROWS[] = {
        {"good", NULL},
        {"no_hash", NULL},
        {"no_hash_two_flips", NULL},
        {"app_desc_magic_wrong", NULL},
        {"no_hash_seg_byte", "Checksum failed"},
        {"seg_byte", "Checksum failed"},
        {"bad_checksum", "Checksum failed"},
        {"bad_hash", "Image hash failed - image is corrupt"},
        {"bad_digest", "Image hash failed - image is corrupt"},
        {"truncated_no_digest", "Image hash failed - image is corrupt"},
        {"zeroed", "image at 0x10000 has invalid magic byte"},
        {"wrong_magic", "image at 0x10000 has invalid magic byte"},
        {"first_sector_erased", "image at 0x10000 has invalid magic byte"},
        {"segments_17", "image at 0x10000 segment count 17 exceeds max 16"},
        {"truncated_4k", "Checksum failed"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct boot_compose what = whole("esp32c3", "factory_only");
        what.slots[0].kind = ROWS[i].kind;
        compose(r, &what);
        boot(r);
        if ((r->result.end == SIM_BOOT_APP) != !ROWS[i].says)
            fail_msg("%s: %s", ROWS[i].kind, r->result.reason);
        if (ROWS[i].says && strcmp(ROWS[i].kind, "truncated_4k") != 0)
            assert_says(r, ROWS[i].says);
    }
}

static void started_application_is_described(void **state)
{
    struct rig *r = *state;
    uint8_t image[BOOT_COMPOSE_MAX_IMAGE];
    struct boot_compose what = whole("esp32c3", "factory");
    boot_compose_entry(what.otadata[1], 2, VALID, true);
    compose(r, &what);
    assert_string_equal(boot(r), "ota_1");
    assert_int_equal(r->result.app_offset, 0x210000);
    assert_int_equal(r->result.partition_size, 0x100000);
    assert_int_equal(r->result.app_length, boot_compose_app("esp32c3", "ota_1", image));
    assert_memory_equal(r->bytes + r->result.app_offset, image, r->result.app_length);
    assert_non_null(strstr(r->result.log, "I (")); // levels, times
    assert_non_null(strstr(r->result.log, "boot:  3 factory          factory app      00 00 00010000 00100000"));
    assert_true(r->result.took_us > 1000);
}

// The table offset is a build option of the bootloader.
static void table_elsewhere(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "factory");
    compose(r, &what);
    memcpy(r->bytes + 0xb000, r->bytes + 0x8000, 0x1000);
    memset(r->bytes + 0x8000, 0xff, 0x1000);
    assert_string_equal(boot(r), "none");
    assert_says(r, "No bootable app partitions in the partition table");
    r->cfg.table_offset = 0xb000;
    assert_string_equal(boot(r), "factory");
}

// ---- power cuts in the bootloader's own writes

static void put_states(struct boot_compose *what, uint32_t first, uint32_t second)
{
    boot_compose_entry(what->otadata[0], 1, first, true);
    boot_compose_entry(what->otadata[1], 2, second, true);
}

// Cuts operation `op` of the first boot; the boots after it must start something, and the third what the second did.
static int cut_and_boot(struct rig *r, const struct boot_compose *what, uint64_t op, enum sim_flash_cut kind,
                        unsigned permille)
{
    char second[SIM_BOOT_LABEL];
    compose(r, what);
    sim_flash_cut_at(r->flash, op, kind, permille);
    boot(r);
    bool hit = r->result.end == SIM_BOOT_POWER_LOST;
    assert_int_equal(hit, sim_flash_dead(r->flash));
    if (hit)
        assert_string_equal(r->result.boots, "none");
    sim_flash_cut_at(r->flash, UINT64_MAX, SIM_FLASH_CUT_AFTER, 0);
    sim_flash_power_on(r->flash);
    strcpy(second, boot(r));
    assert_int_equal(r->result.end, SIM_BOOT_APP);
    boot(r);
    assert_int_equal(r->result.end, SIM_BOOT_APP);
    return hit;
}

static void power_cut_anywhere_still_boots(void **state)
{
    struct rig *r = *state;
    static const uint32_t STATES[] = {NEW, PENDING, VALID, INVALID, (uint32_t)UNDEFINED};
    int hits = 0;
    r->cfg.rollback = true;
    for (size_t t = 0; t < 2; t++)
        for (size_t a = 0; a < 5; a++)
            for (size_t b = 0; b < 5; b++)
                for (uint64_t op = 0; op < 5; op++)
                    for (unsigned p = 0; p < 5; p++) {
                        struct boot_compose what = whole("esp32c3", t ? "no_factory" : "factory");
                        put_states(&what, STATES[a], STATES[b]);
                        enum sim_flash_cut kind = p == 0   ? SIM_FLASH_CUT_BEFORE
                                                  : p == 4 ? SIM_FLASH_CUT_AFTER
                                                           : SIM_FLASH_CUT_TORN;
                        hits += cut_and_boot(r, &what, op, kind, p * 250);
                    }
    print_message("%d power cuts in the bootloader's writes\n", hits);
    assert_true(hits > 100);
}

static void initial_otadata_survives_a_cut(void **state)
{
    struct rig *r = *state;
    struct boot_compose what = whole("esp32c3", "no_factory");
    for (uint64_t op = 0; op < 2; op++)
        for (unsigned permille = 0; permille < 1000; permille += 100) {
            assert_true(cut_and_boot(r, &what, op, SIM_FLASH_CUT_TORN, permille));
            assert_string_equal(r->result.boots, "ota_0");
        }
}

// ---- nonsense

static uint32_t noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

// Bytes of headers, table and otadata replaced at random: an answer every time, no access outside (sanitizers see it),
// and nothing but otadata changed.
static void hostile_contents(void **state)
{
    struct rig *r = *state;
    static const uint32_t PLACES[][2] = {{0, 0x80},      {0x8000, 0x100}, {0x8000, 0xc00},  {0xd000, 0x20},
                                         {0xe000, 0x20}, {0x10000, 0x40}, {0x110000, 0x40}, {0x8000, 0x60}};
    uint32_t seed = 20240607;
    int booted = 0;
    struct boot_compose what = whole("esp32c3", "factory");
    uint8_t *good = malloc(BOOT_COMPOSE_FLASH), *before = malloc(0x10000);
    boot_compose_entry(what.otadata[0], 1, VALID, true);
    compose(r, &what);
    memcpy(good, r->bytes, BOOT_COMPOSE_FLASH);
    for (int round = 0; round < 3000; round++) {
        memcpy(r->bytes, good, 0x10000);
        memcpy(r->bytes + 0x10000, good + 0x10000, 0x1000);
        memcpy(r->bytes + 0x110000, good + 0x110000, 0x1000);
        for (uint32_t n = 1 + noise(&seed) % 4; n > 0; n--) {
            const uint32_t *place = PLACES[noise(&seed) % 8];
            uint32_t at = place[0] + noise(&seed) % place[1];
            uint8_t spoil = (uint8_t)noise(&seed), flip = (uint8_t)(1u << spoil % 8);
            r->bytes[at] = (uint8_t)(noise(&seed) & 1 ? spoil : r->bytes[at] ^ flip);
        }
        memcpy(before, r->bytes, 0x10000);
        r->cfg.rollback = round & 1;
        booted += strcmp(boot(r), "none") != 0;
        assert_memory_equal(before, r->bytes, 0x8000);
        assert_true(strlen(r->result.reason) > 0);
    }
    free(good);
    free(before);
    print_message("%d of 3000 spoiled flashes boot\n", booted);
    assert_in_range(booted, 300, 2900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_flash_is_an_invalid_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bootloader_lies_where_the_chip_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rom_wants_the_checksum_not_the_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bootloader_of_another_chip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_chip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secure_boot_wants_a_signature, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_text_does_not_boot_with_flash_encryption, set_up, tear_down),
        cmocka_unit_test_setup_teardown(revision_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kinds_that_boot_and_kinds_that_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(started_application_is_described, set_up, tear_down),
        cmocka_unit_test_setup_teardown(table_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(power_cut_anywhere_still_boots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(initial_otadata_survives_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_contents, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
