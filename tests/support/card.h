// Cards for tests: folders with made-up firmware that is well formed to the last byte (headers, segments, checksum,
// SHA-256, descriptions, partition table with MD5), in the shapes in which real firmware comes. Nothing here uses the
// parsers under test. Functions end the test program with a message when the disk fails.
#ifndef FERRY_TESTS_SUPPORT_CARD_H
#define FERRY_TESTS_SUPPORT_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A made-up image. Zero fields: chip ESP32, an app named "demo" of version "1.0", 4 MB, dio, hash appended, no limits.
struct card_image {
    uint16_t chip_id; // enum ferry_chip_id; FERRY_CHIP_ESP8266 makes an ESP8266 v1 image
    bool bootloader;  // a bootloader (with its description) instead of an app
    bool no_desc;     // neither description
    bool no_hash;
    const char *project, *version;
    uint32_t data_size;                  // bytes in the segments, about; 0 = 40,000 for an app, 16,000 for a bootloader
    uint16_t min_revision, max_revision; // max 0 = 0xFFFF
    uint8_t mode;                        // flash mode byte + 1; 0 = dio
    uint8_t size_freq_plus1;             // flash size and frequency byte + 1; 0 = 0x20 (4 MB)
    uint32_t seed;                       // other content
};

struct card_row {
    uint8_t type, subtype;
    uint32_t address, size;
    const char *label;
};

struct card_bytes {
    uint8_t *bytes; // malloc'ed; free with card_free
    size_t len;
};

struct card_bytes card_make_image(const struct card_image *cfg);
struct card_bytes card_make_table(const struct card_row *rows, size_t count); // with MD5 row, 0xC00 bytes
// The usual table: nvs, otadata, phy_init, ota_0 at 0x10000 and ota_1, app_size each, spiffs behind them.
struct card_bytes card_make_ota_table(uint32_t app_size);
// nvs, phy_init, factory at 0x10000 (1 MB).
struct card_bytes card_make_factory_table(void);
// Recomputes checksum and SHA-256 of an app or bootloader image after bytes were changed.
void card_fix_image(struct card_bytes *image);
void card_free(struct card_bytes *bytes);

// A new temporary folder; free and delete it with card_remove. And files in it, with the folders that they need.
char *card_new(void);
void card_remove(char *dir);
void card_put(const char *dir, const char *name, const void *bytes, size_t len);
void card_put_text(const char *dir, const char *name, const char *text);
void card_put_bytes(const char *dir, const char *name, struct card_bytes bytes); // frees bytes
char *card_path(const char *dir, const char *name);                              // malloc'ed

// Whole cargoes below dir ("" or NULL sub = in dir itself). chip: as esptool's --chip ("esp32c3").
void card_put_idf_build(const char *dir, const char *sub, const char *chip);
void card_put_web_manifest(const char *dir, const char *sub); // ESP32, ESP32-C3, ESP32-S3, ESP8266
void card_put_arduino(const char *dir, const char *sub, const char *chip, const char *sketch);
void card_put_merged(const char *dir, const char *name, const char *chip);
void card_put_app(const char *dir, const char *name, const char *chip);
void card_put_addressed(const char *dir, const char *sub, const char *chip);

uint16_t card_chip_id(const char *chip);
uint32_t card_bootloader_offset(const char *chip);

#endif
