#include "tests/support/card.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ports/posix/digest.h"

#define NONE_8266 0xfff0

static void die(const char *what)
{
    perror(what);
    exit(99);
}

static void digest(enum ferry_digest_kind kind, const uint8_t *bytes, size_t len, uint8_t *out, size_t size)
{
    struct ferry_posix_digest port;
    struct ferry_digest d = ferry_posix_digest_init(&port);
    if (d.begin(d.ctx, kind) < 0 || d.update(d.ctx, bytes, len) < 0 || d.finish(d.ctx, out, size) < 0)
        die("digest");
    ferry_posix_digest_close(&port);
}

// Bytes that look like code: a simple generator with runs, so that they deflate to a part of their size.
static void fill(uint8_t *out, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 12345;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)((x >> 28) < 6 ? 0 : (x >> 24) & 0x3f);
    }
}

static void text(uint8_t *out, size_t cap, const char *s)
{
    size_t n = strlen(s);
    memcpy(out, s, n < cap ? n : cap);
}

static void app_desc(uint8_t *out, const struct card_image *cfg)
{
    memset(out, 0, 256);
    ferry_store32le(out, 0xABCD5432);
    text(out + 16, 32, cfg->version ? cfg->version : "1.0");
    text(out + 48, 32, cfg->project ? cfg->project : "demo");
    text(out + 80, 16, "10:11:12");
    text(out + 96, 16, "Mar  4 2026");
    text(out + 112, 32, "v5.4.1");
    fill(out + 144, 32, cfg->seed + 7);
    ferry_store16le(out + 178, 199);
    out[180] = 16;
}

static void boot_desc(uint8_t *out)
{
    memset(out, 0, 80);
    out[0] = 0x50;
    out[4] = 1;
    text(out + 8, 32, "v5.4.1");
    text(out + 40, 24, "Mar  4 2026 10:11:00");
}

static size_t put_header(uint8_t *out, const struct card_image *cfg, uint8_t segments)
{
    memset(out, 0, 24);
    out[0] = 0xE9;
    out[1] = segments;
    out[2] = cfg->mode ? (uint8_t)(cfg->mode - 1) : 2;
    out[3] = cfg->size_freq_plus1 ? (uint8_t)(cfg->size_freq_plus1 - 1) : 0x20;
    ferry_store32le(out + 4, cfg->chip_id == NONE_8266 ? 0x40100004 : 0x40380020);
    if (cfg->chip_id == NONE_8266)
        return 8;
    out[8] = 0xEE;
    ferry_store16le(out + 12, cfg->chip_id);
    ferry_store16le(out + 15, cfg->min_revision);
    ferry_store16le(out + 17, cfg->max_revision ? cfg->max_revision : 0xFFFF);
    out[23] = !cfg->no_hash;
    return 24;
}

// Load addresses that fit the chip: flash-mapped data and code (at the offset modulo 64 KB at which the segment lies in
// the file), RAM data and code.
struct addresses {
    uint16_t chip_id;
    uint32_t drom, irom, dram, iram;
};
static const struct addresses ADDRESSES[] = {
    {0, 0x3f400000, 0x400d0000, 0x3ffb0000, 0x40080000},         {2, 0x3f000000, 0x40080000, 0x3ffc0000, 0x40028000},
    {5, 0x3c000000, 0x42000000, 0x3fc90000, 0x40380000},         {9, 0x3c000000, 0x42000000, 0x3fc90000, 0x40378000},
    {12, 0x3c000000, 0x42000000, 0x3fca8000, 0x4037c000},        {13, 0x42000000, 0x42010000, 0x40810000, 0x40800000},
    {16, 0x42000000, 0x42010000, 0x40810000, 0x40800000},        {18, 0x40000000, 0x40010000, 0x4ff50000, 0x4ff40000},
    {20, 0x42000000, 0x42010000, 0x40810000, 0x40800000},        {23, 0x42000000, 0x42010000, 0x40810000, 0x40800000},
    {NONE_8266, 0x3ffe8000, 0x40100000, 0x3ffe9000, 0x40104000},
};

static const struct addresses *addresses_of(uint16_t chip_id)
{
    for (size_t i = 0; i < sizeof ADDRESSES / sizeof ADDRESSES[0]; i++)
        if (ADDRESSES[i].chip_id == chip_id)
            return &ADDRESSES[i];
    return &ADDRESSES[2];
}

static size_t put_segment(uint8_t *out, size_t at, uint32_t address, size_t len, uint32_t seed)
{
    ferry_store32le(out + at, address);
    ferry_store32le(out + at + 4, (uint32_t)len);
    fill(out + at + 8, len, seed);
    return at + 8 + len;
}

static size_t end_of_segments(const uint8_t *b, bool esp8266)
{
    size_t at = esp8266 ? 8 : 24;
    for (int i = 0; i < b[1]; i++)
        at += 8 + ferry_load32le(b + at + 4);
    return at;
}

static void seal(struct card_bytes *image, bool esp8266)
{
    uint8_t *b = image->bytes;
    size_t end = end_of_segments(b, esp8266);
    uint8_t sum = 0xEF;
    size_t at = esp8266 ? 8 : 24;
    for (int i = 0; i < b[1]; i++) {
        size_t len = ferry_load32le(b + at + 4);
        for (size_t k = 0; k < len; k++)
            sum ^= b[at + 8 + k];
        at += 8 + len;
    }
    size_t check = end | 15;
    memset(b + end, 0, check - end);
    b[check] = sum;
    image->len = check + 1;
    if (!esp8266 && b[23] == 1) {
        digest(FERRY_DIGEST_SHA256, b, check + 1, b + check + 1, 32);
        image->len += 32;
    }
}

void card_fix_image(struct card_bytes *image)
{
    uint32_t word = ferry_load32le(image->bytes + 8);
    seal(image, (word & 3) == 0 && (word >> 16 == 0x4010 || word >> 16 == 0x3ffe));
}

struct card_bytes card_make_image(const struct card_image *cfg)
{
    bool esp8266 = cfg->chip_id == NONE_8266;
    size_t total = cfg->data_size ? cfg->data_size : cfg->bootloader ? 16000 : 40000;
    size_t first = (total / 2 + 259) & ~(size_t)3;
    size_t rest = (total / 4 + 3) & ~(size_t)3;
    struct card_bytes image = {calloc(1, total + 1024 + 3 * 8 + 300), 0};
    if (!image.bytes)
        die("memory");
    const struct addresses *a = addresses_of(cfg->chip_id);
    bool app = !cfg->bootloader && !esp8266;
    size_t at = put_header(image.bytes, cfg, 3);
    size_t desc = at + 8;
    at = put_segment(image.bytes, at, app ? a->drom + 0x20 : a->dram, first, cfg->seed);
    if (app && !cfg->no_desc)
        app_desc(image.bytes + desc, cfg);
    if (cfg->bootloader && !cfg->no_desc && !esp8266)
        boot_desc(image.bytes + desc);
    at = put_segment(image.bytes, at, a->dram + 0x8000, rest, cfg->seed + 1);
    put_segment(image.bytes, at, a->iram, rest, cfg->seed + 2);
    seal(&image, esp8266);
    return image;
}

struct card_bytes card_make_table(const struct card_row *rows, size_t count)
{
    struct card_bytes table = {malloc(0xC00), 0xC00};
    if (!table.bytes)
        die("memory");
    memset(table.bytes, 0xFF, table.len);
    for (size_t i = 0; i < count; i++) {
        uint8_t *row = table.bytes + 32 * i;
        memset(row, 0, 32);
        row[0] = 0xAA;
        row[1] = 0x50;
        row[2] = rows[i].type;
        row[3] = rows[i].subtype;
        ferry_store32le(row + 4, rows[i].address);
        ferry_store32le(row + 8, rows[i].size);
        text(row + 12, 16, rows[i].label);
    }
    uint8_t *md5 = table.bytes + 32 * count;
    md5[0] = md5[1] = 0xEB;
    digest(FERRY_DIGEST_MD5, table.bytes, 32 * count, md5 + 16, 16);
    return table;
}

struct card_bytes card_make_ota_table(uint32_t app_size)
{
    const struct card_row rows[] = {
        {1, 2, 0x9000, 0x5000, "nvs"},
        {1, 0, 0xe000, 0x2000, "otadata"},
        {0, 0x10, 0x10000, app_size, "app0"},
        {0, 0x11, 0x10000 + app_size, app_size, "app1"},
        {1, 0x82, 0x10000 + 2 * app_size, 0x20000, "spiffs"},
    };
    return card_make_table(rows, 5);
}

struct card_bytes card_make_factory_table(void)
{
    const struct card_row rows[] = {
        {1, 2, 0x9000, 0x6000, "nvs"},
        {1, 1, 0xf000, 0x1000, "phy_init"},
        {0, 0, 0x10000, 0x100000, "factory"},
    };
    return card_make_table(rows, 3);
}

void card_free(struct card_bytes *bytes)
{
    free(bytes->bytes);
    bytes->bytes = NULL;
}

char *card_new(void)
{
    const char *base = getenv("TMPDIR");
    char name[300];
    snprintf(name, sizeof name, "%.200s/ferry-card-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(name))
        die(name);
    return strdup(name);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void card_remove(char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

char *card_path(const char *dir, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        die("memory");
    return path;
}

void card_put(const char *dir, const char *name, const void *bytes, size_t len)
{
    char *path = card_path(dir, name);
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
        die(path);
    free(path);
}

void card_put_text(const char *dir, const char *name, const char *text_)
{
    card_put(dir, name, text_, strlen(text_));
}

void card_put_bytes(const char *dir, const char *name, struct card_bytes bytes)
{
    card_put(dir, name, bytes.bytes, bytes.len);
    card_free(&bytes);
}

static const struct {
    const char *name, *family;
    uint16_t id;
    uint32_t bootloader;
} CHIPS[] = {
    {"esp32", "ESP32", 0, 0x1000},       {"esp32s2", "ESP32-S2", 2, 0x1000},   {"esp32c3", "ESP32-C3", 5, 0},
    {"esp32s3", "ESP32-S3", 9, 0},       {"esp32c2", "ESP32-C2", 12, 0},       {"esp32c6", "ESP32-C6", 13, 0},
    {"esp32h2", "ESP32-H2", 16, 0},      {"esp32p4", "ESP32-P4", 18, 0x2000},  {"esp32c61", "ESP32-C61", 20, 0},
    {"esp32c5", "ESP32-C5", 23, 0x2000}, {"esp8266", "ESP8266", NONE_8266, 0},
};

static size_t chip_row(const char *chip)
{
    for (size_t i = 0; i < sizeof CHIPS / sizeof CHIPS[0]; i++)
        if (strcmp(CHIPS[i].name, chip) == 0)
            return i;
    fprintf(stderr, "no such chip: %s\n", chip);
    exit(99);
}

uint16_t card_chip_id(const char *chip)
{
    return CHIPS[chip_row(chip)].id;
}

uint32_t card_bootloader_offset(const char *chip)
{
    return CHIPS[chip_row(chip)].bootloader;
}

static void put(const char *dir, const char *sub, const char *name, struct card_bytes bytes)
{
    char full[400];
    snprintf(full, sizeof full, "%s%s%s", sub ? sub : "", sub && *sub ? "/" : "", name);
    card_put_bytes(dir, full, bytes);
}

static struct card_bytes app_for(const char *chip)
{
    struct card_image cfg = {.chip_id = card_chip_id(chip), .project = "demo", .version = "1.2.3"};
    return card_make_image(&cfg);
}

static struct card_bytes bootloader_for(const char *chip)
{
    struct card_image cfg = {.chip_id = card_chip_id(chip), .bootloader = true};
    return card_make_image(&cfg);
}

// The entry that makes the bootloader start ota_0, as ESP-IDF's and Arduino's otadata images hold it.
static struct card_bytes first_otadata(bool blank)
{
    struct card_bytes b = {malloc(0x2000), 0x2000};
    if (!b.bytes)
        die("memory");
    memset(b.bytes, 0xFF, b.len);
    if (!blank) {
        ferry_store32le(b.bytes, 1);
        ferry_store32le(b.bytes + 28, 0x4743989A);
    }
    return b;
}

static struct card_bytes from_text(const char *s)
{
    struct card_bytes b = {(uint8_t *)strdup(s), strlen(s)};
    return b;
}

void card_put_idf_build(const char *dir, const char *sub, const char *chip)
{
    char json[2000];
    unsigned boot = card_bootloader_offset(chip);
    snprintf(
        json, sizeof json,
        "{\n"
        "    \"write_flash_args\" : [ \"--flash_mode\", \"dio\",\n"
        "                           \"--flash_size\", \"4MB\",\n"
        "                           \"--flash_freq\", \"80m\" ],\n"
        "    \"flash_settings\" : {\n"
        "        \"flash_mode\": \"dio\",\n        \"flash_size\": \"4MB\",\n        \"flash_freq\": \"80m\"\n    },\n"
        "    \"flash_files\" : {\n"
        "        \"0x%x\" : \"bootloader/bootloader.bin\",\n"
        "        \"0x10000\" : \"demo.bin\",\n"
        "        \"0x8000\" : \"partition_table/partition-table.bin\",\n"
        "        \"0xe000\" : \"ota_data_initial.bin\"\n    },\n"
        "    \"bootloader\" : { \"offset\" : \"0x%x\", \"file\" : \"bootloader/bootloader.bin\", \"encrypted\" : "
        "\"false\" },\n"
        "    \"app\" : { \"offset\" : \"0x10000\", \"file\" : \"demo.bin\", \"encrypted\" : \"false\" },\n"
        "    \"partition-table\" : { \"offset\" : \"0x8000\", \"file\" : \"partition_table/partition-table.bin\", "
        "\"encrypted\" : \"false\" },\n"
        "    \"otadata\" : { \"offset\" : \"0xe000\", \"file\" : \"ota_data_initial.bin\", \"encrypted\" : \"false\" "
        "},\n"
        "    \"extra_esptool_args\" : {\n        \"after\"  : \"hard_reset\",\n        \"before\" : "
        "\"default_reset\",\n        \"stub\"   : true,\n        \"chip\"   : \"%s\"\n    }\n}\n",
        boot, boot, chip);
    put(dir, sub, "flasher_args.json", from_text(json));
    put(dir, sub, "bootloader/bootloader.bin", bootloader_for(chip));
    put(dir, sub, "partition_table/partition-table.bin", card_make_ota_table(0x140000));
    put(dir, sub, "ota_data_initial.bin", first_otadata(true));
    put(dir, sub, "demo.bin", app_for(chip));
}

void card_put_web_manifest(const char *dir, const char *sub)
{
    static const char *const chips[] = {"esp32", "esp32c3", "esp32s3"};
    char json[3000];
    size_t n = (size_t)snprintf(json, sizeof json,
                                "{\n  \"name\": \"Demo\",\n  \"version\": \"1.2.3\",\n  "
                                "\"new_install_prompt_erase\": true,\n  \"builds\": [\n");
    for (size_t i = 0; i < 3; i++) {
        const char *chip = chips[i];
        char name[64];
        n += (size_t)snprintf(json + n, sizeof json - n,
                              "    { \"chipFamily\": \"%s\", \"parts\": [\n"
                              "      { \"path\": \"%s/bootloader.bin\", \"offset\": %u },\n"
                              "      { \"path\": \"%s/partitions.bin\", \"offset\": 32768 },\n"
                              "      { \"path\": \"boot_app0.bin\", \"offset\": 57344 },\n"
                              "      { \"path\": \"%s/firmware.bin\", \"offset\": 65536 } ] },\n",
                              CHIPS[chip_row(chip)].family, chip, (unsigned)card_bootloader_offset(chip), chip, chip);
        snprintf(name, sizeof name, "%s/bootloader.bin", chip);
        put(dir, sub, name, bootloader_for(chip));
        snprintf(name, sizeof name, "%s/partitions.bin", chip);
        put(dir, sub, name, card_make_ota_table(0x140000));
        snprintf(name, sizeof name, "%s/firmware.bin", chip);
        put(dir, sub, name, app_for(chip));
    }
    snprintf(json + n, sizeof json - n,
             "    { \"chipFamily\": \"ESP8266\", \"parts\": [ { \"path\": "
             "\"esp8266.bin\", \"offset\": 0 } ] }\n  ]\n}\n");
    put(dir, sub, "boot_app0.bin", first_otadata(false));
    put(dir, sub, "esp8266.bin", app_for("esp8266"));
    put(dir, sub, "manifest.json", from_text(json));
}

void card_put_arduino(const char *dir, const char *sub, const char *chip, const char *sketch)
{
    char name[200];
    snprintf(name, sizeof name, "%s.ino.bin", sketch);
    put(dir, sub, name, app_for(chip));
    snprintf(name, sizeof name, "%s.ino.bootloader.bin", sketch);
    put(dir, sub, name, bootloader_for(chip));
    snprintf(name, sizeof name, "%s.ino.partitions.bin", sketch);
    put(dir, sub, name, card_make_ota_table(0x140000));
    snprintf(name, sizeof name, "%s.ino.merged.bin", sketch);
    char full[300];
    snprintf(full, sizeof full, "%s%s%s", sub ? sub : "", sub && *sub ? "/" : "", name);
    card_put_merged(dir, full, chip);
}

static void place(struct card_bytes *all, uint32_t address, struct card_bytes part)
{
    memcpy(all->bytes + address, part.bytes, part.len);
    if (all->len < address + part.len)
        all->len = address + part.len;
    card_free(&part);
}

void card_put_merged(const char *dir, const char *name, const char *chip)
{
    struct card_bytes all = {malloc(0x40000), 0};
    if (!all.bytes)
        die("memory");
    memset(all.bytes, 0xFF, 0x40000);
    place(&all, card_bootloader_offset(chip), bootloader_for(chip));
    place(&all, 0x8000, card_make_ota_table(0x140000));
    place(&all, 0xe000, first_otadata(false));
    place(&all, 0x10000, app_for(chip));
    card_put_bytes(dir, name, all);
}

void card_put_app(const char *dir, const char *name, const char *chip)
{
    card_put_bytes(dir, name, app_for(chip));
}

void card_put_addressed(const char *dir, const char *sub, const char *chip)
{
    char name[64];
    snprintf(name, sizeof name, "bootloader_0x%x.bin", (unsigned)card_bootloader_offset(chip));
    put(dir, sub, name, bootloader_for(chip));
    put(dir, sub, "partitions@0x8000.bin", card_make_ota_table(0x140000));
    put(dir, sub, "0x10000_app.bin", app_for(chip));
}
