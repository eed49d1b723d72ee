#include "tests/support/boot_compose.h"

#include <mbedtls/md.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ferry/base/bytes.h"

#define M 0x100000u

struct chip_facts {
    const char *name;
    uint32_t bootloader;
    uint16_t id;
    uint32_t drom, dram, iram, irom;
};

static const struct chip_facts CHIPS[] = {
    {"esp32", 0x1000, 0, 0x3f400020, 0x3ffb0000, 0x40080000, 0x400d0000},
    {"esp32c3", 0, 5, 0x3c010020, 0x3fc90000, 0x40380000, 0x42000000},
};

static const struct chip_facts *chip_of(const char *name)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof *CHIPS; i++)
        if (strcmp(CHIPS[i].name, name) == 0)
            return &CHIPS[i];
    return NULL;
}

// ---- otadata

void boot_compose_entry(uint8_t entry[32], uint32_t seq, uint32_t state, bool good_crc)
{
    memset(entry, 0xff, 32);
    ferry_store32le(entry, seq);
    ferry_store32le(entry + 24, state);
    ferry_store32le(entry + 28, (uint32_t)crc32(0xffffffffu, entry, 4) ^ (good_crc ? 0u : 1u));
}

// ---- partition table

struct row {
    const char *label;
    uint8_t type, subtype;
    uint32_t offset, size;
};

#define NVS                                                                                                            \
    {                                                                                                                  \
        "nvs", 1, 2, 0x9000, 0x4000                                                                                    \
    }
#define OTADATA                                                                                                        \
    {                                                                                                                  \
        "otadata", 1, 0, 0xd000, 0x2000                                                                                \
    }
#define PHY                                                                                                            \
    {                                                                                                                  \
        "phy_init", 1, 1, 0xf000, 0x1000                                                                               \
    }
#define FACTORY                                                                                                        \
    {                                                                                                                  \
        "factory", 0, 0, 0x10000, M                                                                                    \
    }
#define OTA_0                                                                                                          \
    {                                                                                                                  \
        "ota_0", 0, 0x10, 0x110000, M                                                                                  \
    }
#define OTA_1                                                                                                          \
    {                                                                                                                  \
        "ota_1", 0, 0x11, 0x210000, M                                                                                  \
    }
#define OTA_2                                                                                                          \
    {                                                                                                                  \
        "ota_2", 0, 0x12, 0x310000, 0xf0000                                                                            \
    }
#define TEST                                                                                                           \
    {                                                                                                                  \
        "test", 0, 0x20, 0x310000, 0xf0000                                                                             \
    }

static const struct table {
    const char *name;
    struct row rows[8];
} TABLES[] = {
    {"factory", {NVS, OTADATA, PHY, FACTORY, OTA_0, OTA_1}},
    {"no_factory", {NVS, OTADATA, PHY, OTA_0, OTA_1}},
    {"factory_3ota", {NVS, OTADATA, PHY, FACTORY, OTA_0, OTA_1, OTA_2}},
    {"no_factory_3ota", {NVS, OTADATA, PHY, OTA_0, OTA_1, OTA_2}},
    {"factory_1ota", {NVS, OTADATA, PHY, FACTORY, OTA_0}},
    {"factory_only", {NVS, OTADATA, PHY, FACTORY}},
    {"no_otadata", {NVS, PHY, FACTORY, OTA_0, OTA_1}},
    {"no_otadata_no_factory", {NVS, PHY, OTA_0, OTA_1}},
    {"otadata_4k", {NVS, {"otadata", 1, 0, 0xd000, 0x1000}, PHY, FACTORY, OTA_0, OTA_1}},
    {"small_ota_1", {NVS, OTADATA, PHY, FACTORY, OTA_0, {"ota_1", 0, 0x11, 0x210000, 0x10000}}},
    {"swapped_rows", {NVS, OTADATA, PHY, OTA_1, FACTORY, OTA_0}},
    {"gap", {NVS, OTADATA, PHY, FACTORY, OTA_0, OTA_2}},
    {"ota_1_alone", {NVS, OTADATA, PHY, FACTORY, OTA_1}},
    {"test_app", {NVS, OTADATA, PHY, FACTORY, OTA_0, OTA_1, TEST}},
};

static const struct table *table_of(const char *name)
{
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
        if (strcmp(TABLES[i].name, name) == 0)
            return &TABLES[i];
    return NULL;
}

static void put_row(uint8_t *p, const struct row *r)
{
    memset(p, 0, 32);
    ferry_store16le(p, 0x50aa);
    p[2] = r->type;
    p[3] = r->subtype;
    ferry_store32le(p + 4, r->offset);
    ferry_store32le(p + 8, r->size);
    memcpy(p + 12, r->label, strlen(r->label));
}

static void put_md5(uint8_t *table, size_t at)
{
    uint8_t digest[16];
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_MD5), table, at, digest);
    memset(table + at, 0xff, 16);
    table[at] = table[at + 1] = 0xeb;
    memcpy(table + at + 16, digest, 16);
}

// Breaks a whole table whose MD5 row stands at `end`. False: defect unknown.
static bool spoil_table(uint8_t *t, size_t end, const char *defect)
{
    const struct row nvs = NVS;
    if (strcmp(defect, "md5_wrong") == 0) {
        t[end + 31] ^= 1;
    } else if (strcmp(defect, "md5_row_absent") == 0) {
        memset(t + end, 0xff, 32);
    } else if (strcmp(defect, "row_changed") == 0) {
        ferry_store32le(t + end - 24, 0x80000);
    } else if (strcmp(defect, "row_changed_md5_redone") == 0) {
        ferry_store32le(t + end - 24, 0x80000);
        put_md5(t, end);
    } else if (strcmp(defect, "magic_wrong_row_0") == 0) {
        t[0] = 0xab;
    } else if (strcmp(defect, "magic_wrong_last_row") == 0) {
        t[end - 32] = 0xab;
    } else if (strcmp(defect, "erased") == 0) {
        memset(t, 0xff, 0x1000);
    } else if (strcmp(defect, "zeroed") == 0) {
        memset(t, 0, 0xc00);
    } else if (strcmp(defect, "first_row_erased") == 0) {
        memset(t, 0xff, 32);
    } else if (strcmp(defect, "beyond_flash") == 0) {
        ferry_store32le(t + end - 24, BOOT_COMPOSE_FLASH);
        put_md5(t, end);
    } else if (strcmp(defect, "two_md5_rows") == 0) {
        put_md5(t, end + 32);
    } else if (strcmp(defect, "cut_after_4_rows") == 0) {
        memset(t + 128, 0xff, end + 32 - 128);
    } else if (strcmp(defect, "cut_inside_row_5") == 0) {
        memset(t + 136, 0xff, end + 32 - 136);
    } else if (strcmp(defect, "no_end") == 0) {
        for (size_t at = end; at < 0xc00; at += 32)
            put_row(t + at, &nvs);
    } else {
        return false;
    }
    return true;
}

static bool put_table(const struct boot_compose *what, uint8_t *flash)
{
    const struct table *table = table_of(what->table);
    size_t end = 0;
    if (!table)
        return false;
    for (const struct row *r = table->rows; r < table->rows + 8 && r->label; r++, end += 32)
        put_row(flash + 0x8000 + end, r);
    put_md5(flash + 0x8000, end);
    return !what->table_defect || spoil_table(flash + 0x8000, end, what->table_defect);
}

// ---- images

struct image {
    uint8_t *bytes;
    size_t length, checksum_at; // whole; the digest follows the checksum
    size_t segment[5];          // headers
    size_t segments;
};

static uint32_t noise(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void rehash(struct image *im)
{
    mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), im->bytes, im->checksum_at + 1,
               im->bytes + im->checksum_at + 1);
}

static void add_segment(struct image *im, uint32_t address, size_t len, uint32_t *seed)
{
    uint8_t *p = im->bytes + im->length;
    im->segment[im->segments++] = im->length;
    ferry_store32le(p, address);
    ferry_store32le(p + 4, (uint32_t)len);
    for (size_t i = 0; i < len; i++)
        p[8 + i] = (uint8_t)noise(seed);
    im->length += 8 + len;
}

static void begin_image(struct image *im, uint8_t *bytes, const struct chip_facts *chip)
{
    memset(im, 0, sizeof *im);
    im->bytes = bytes;
    memset(bytes, 0, 24);
    bytes[0] = 0xe9;
    bytes[2] = 2;    // DIO
    bytes[3] = 0x20; // 4 MB, 40 or 80 MHz
    ferry_store32le(bytes + 4, chip->iram);
    bytes[8] = 0xee;
    ferry_store16le(bytes + 12, chip->id);
    ferry_store16le(bytes + 17, 0xffff);
    bytes[23] = 1;
    im->length = 24;
}

static void end_image(struct image *im)
{
    uint8_t sum = 0xef;
    im->bytes[1] = (uint8_t)im->segments;
    for (size_t s = 0; s < im->segments; s++) {
        const uint8_t *p = im->bytes + im->segment[s];
        for (uint32_t i = 0; i < ferry_load32le(p + 4); i++)
            sum ^= p[8 + i];
    }
    im->checksum_at = im->length / 16 * 16 + 15;
    memset(im->bytes + im->length, 0, im->checksum_at - im->length);
    im->bytes[im->checksum_at] = sum;
    im->length = im->checksum_at + 1 + 32;
    rehash(im);
}

static void describe(struct image *im, const char *slot)
{
    uint8_t *desc = im->bytes + 32;
    memset(desc, 0, 256);
    ferry_store32le(desc, 0xabcd5432);
    memcpy(desc + 16, slot, strlen(slot));
    memcpy(desc + 48, "compose", 7);
    memcpy(desc + 80, "10:00:00", 8);
    memcpy(desc + 96, "Jan  1 2026", 11);
    memcpy(desc + 112, "v5.1.4", 6);
}

static void make_app(struct image *im, const struct chip_facts *chip, const char *slot, uint8_t *bytes)
{
    uint32_t seed = (uint32_t)crc32(chip->id + 1u, (const uint8_t *)slot, (uInt)strlen(slot)) | 1u;
    begin_image(im, bytes, chip);
    add_segment(im, chip->drom, 0x5de0, &seed);
    describe(im, slot);
    add_segment(im, chip->dram, 0xeb0, &seed);
    add_segment(im, chip->iram, 0x9000, &seed);
    add_segment(im, chip->irom + (uint32_t)im->length + 8, 0xa004, &seed);
    add_segment(im, chip->iram + 0x9000, 0x2000, &seed);
    end_image(im);
}

size_t boot_compose_app(const char *chip, const char *slot, uint8_t image[BOOT_COMPOSE_MAX_IMAGE])
{
    struct image im;
    make_app(&im, chip_of(chip), slot, image);
    return im.length;
}

static void put_bootloader(const struct chip_facts *chip, uint8_t *flash)
{
    struct image im;
    uint32_t seed = 7;
    begin_image(&im, flash + chip->bootloader, chip);
    add_segment(&im, chip->dram, 0x400, &seed);
    add_segment(&im, chip->iram, 0x1000, &seed);
    end_image(&im);
}

static void cut(struct image *im, size_t length)
{
    memset(im->bytes + length, 0xff, im->length - length);
    im->length = length;
}

// The kinds that keep checksum and digest as they are, then spoil the bytes.
static bool spoil_bytes(struct image *im, const char *kind)
{
    const size_t last = im->segment[im->segments - 1];
    if (strcmp(kind, "seg_byte") == 0) {
        im->bytes[112] ^= 1;
    } else if (strcmp(kind, "bad_hash") == 0) {
        im->bytes[112] ^= 1;
        im->bytes[113] ^= 1;
    } else if (strcmp(kind, "bad_digest") == 0) {
        im->bytes[im->length - 1] ^= 1;
    } else if (strcmp(kind, "bad_checksum") == 0) {
        im->bytes[im->checksum_at] ^= 1;
    } else if (strcmp(kind, "truncated") == 0) {
        cut(im, im->length / 2);
    } else if (strcmp(kind, "truncated_4k") == 0) {
        cut(im, 4096);
    } else if (strcmp(kind, "truncated_in_last_segment") == 0) {
        cut(im, last + 8 + ferry_load32le(im->bytes + last + 4) / 2);
    } else if (strcmp(kind, "truncated_no_digest") == 0) {
        cut(im, im->length - 32);
    } else if (strcmp(kind, "first_sector_erased") == 0) {
        memset(im->bytes, 0xff, 4096);
    } else if (strcmp(kind, "zeroed") == 0) {
        memset(im->bytes, 0, im->length);
    } else {
        return strcmp(kind, "good") == 0;
    }
    return true;
}

static bool spoil_no_hash(struct image *im, const char *kind)
{
    bool two = strcmp(kind, "no_hash_two_flips") == 0, one = strcmp(kind, "no_hash_seg_byte") == 0;
    if (!two && !one && strcmp(kind, "no_hash") != 0)
        return false;
    im->bytes[23] = 0;
    cut(im, im->length - 32);
    im->bytes[112] ^= (uint8_t)(two || one);
    im->bytes[113] ^= (uint8_t)two;
    return true;
}

// The kinds whose digest was made anew afterwards.
static bool spoil_and_rehash(struct image *im, const char *kind)
{
    uint8_t *b = im->bytes, *first = b + im->segment[0], *second = b + im->segment[1];
    if (strcmp(kind, "bad_checksum_rehashed") == 0) {
        b[im->checksum_at] ^= 1;
    } else if (strcmp(kind, "wrong_chip") == 0) {
        ferry_store16le(b + 12, 9);
    } else if (strcmp(kind, "wrong_magic") == 0) {
        b[0] = 0xe8;
    } else if (strcmp(kind, "segments_17") == 0) {
        b[1] = 17;
    } else if (strcmp(kind, "segments_0") == 0) {
        b[1] = 0;
    } else if (strcmp(kind, "min_rev_v4") == 0) {
        ferry_store16le(b + 15, 400);
    } else if (strcmp(kind, "max_rev_v0_1") == 0) {
        ferry_store16le(b + 17, 1);
    } else if (strcmp(kind, "bad_load_addr") == 0) {
        ferry_store32le(second, 0x20000000);
    } else if (strcmp(kind, "bad_map_addr") == 0) {
        ferry_store32le(first, ferry_load32le(first) + 0x100);
    } else if (strcmp(kind, "segment_len_odd") == 0) {
        ferry_store32le(first + 4, ferry_load32le(first + 4) + 1);
    } else if (strcmp(kind, "app_desc_magic_wrong") == 0) {
        b[32] ^= 1;
        b[im->checksum_at] ^= 1;
    } else {
        return false;
    }
    rehash(im);
    return true;
}

static bool put_app(const struct chip_facts *chip, const struct boot_compose_slot *slot, const struct table *table,
                    uint8_t *flash)
{
    struct image im;
    if (strcmp(slot->kind, "erased") == 0 || strcmp(slot->kind, "absent") == 0)
        return true;
    uint8_t *bytes = malloc(BOOT_COMPOSE_MAX_IMAGE);
    make_app(&im, chip, slot->label, bytes);
    bool ok = spoil_bytes(&im, slot->kind) || spoil_no_hash(&im, slot->kind) || spoil_and_rehash(&im, slot->kind);
    for (const struct row *r = table->rows; r < table->rows + 8 && r->label; r++)
        if (strcmp(r->label, slot->label) == 0)
            memcpy(flash + r->offset, bytes, im.length);
    free(bytes);
    return ok;
}

static void put_otadata(const struct boot_compose *what, uint8_t *flash)
{
    for (size_t i = 0; i < 2; i++) {
        uint8_t *sector = flash + BOOT_COMPOSE_OTADATA + 4096 * i;
        if (what->rest_a5)
            memset(sector, 0xa5, 4096);
        memcpy(sector, what->otadata[i], 32);
    }
}

bool boot_compose(const struct boot_compose *what, uint8_t *flash, size_t size)
{
    const struct chip_facts *chip = chip_of(what->chip);
    if (!chip || size < BOOT_COMPOSE_FLASH)
        return false;
    memset(flash, 0xff, size);
    put_bootloader(chip, flash);
    if (!put_table(what, flash))
        return false;
    put_otadata(what, flash);
    for (size_t i = 0; i < what->slot_count; i++)
        if (!put_app(chip, &what->slots[i], table_of(what->table), flash))
            return false;
    return true;
}
