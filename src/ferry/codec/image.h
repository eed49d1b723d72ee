// The firmware image that ESP ROMs and bootloaders load, read as a stream of bytes.
//
//   0   0xE9 | segments | flash mode | flash size << 4 | flash frequency
//   4   entry address
//   8   extended header, 16 bytes (all but the ESP8266): WP pin | drive settings[3] | chip id u16 | min revision (old)
//   |
//       min revision u16 | max revision u16 | 4 bytes | 1 = SHA-256 appended
//   24  segments, each: load address u32 | length u32 | data
//   ..  zeros up to 15 modulo 16, then one byte: 0xEF XOR all segment data
//   ..  SHA-256 of everything before it, where the header says so
//
// ESP8266 "v2" images begin with a header 0xEA whose only segment (load address 0, outside of the checksum) stays in
// flash; a header 0xE9 with the rest follows it. Format: ESP-IDF's "App Image Format" and bootloader_support, esptool.
//
// The parser holds no data: bytes go through it in pieces of any size, the result is the same. Digests are the
// caller's:
//
//   ferry_image_init(&image, FERRY_IMAGE_AUTO);
//   while (!ferry_image_ended(&image) && (len = next bytes)) {
//       bool hashed = ferry_image_in_hash(&image);
//       n = ferry_image_feed(&image, bytes, len);        // stops where the hashed range ends
//       if (hashed) update(digest, bytes, n);
//   }
//   status = ferry_image_finish(&image, digest bytes or NULL);
#ifndef FERRY_CODEC_IMAGE_H
#define FERRY_CODEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/codec/app_desc.h"

#define FERRY_IMAGE_MAGIC 0xE9
#define FERRY_IMAGE_MAGIC_8266_V2 0xEA
#define FERRY_IMAGE_MAX_SEGMENTS 17 // 16 as the bootloaders allow, and the one of a v2 header
#define FERRY_IMAGE_MAX_SIZE 0x1000000u

enum ferry_image_format {
    FERRY_IMAGE_AUTO = 0, // told by the bytes
    FERRY_IMAGE_ESP32,    // with extended header: every chip but the ESP8266
    FERRY_IMAGE_ESP8266,
};

struct ferry_image_segment {
    uint32_t load_address;
    uint32_t size;
    uint32_t offset; // of its data in the image
};

struct ferry_image {
    enum ferry_image_format format; // what it turned out to be, once the header is through
    uint8_t version;                // 1, or 2 for ESP8266 v2
    uint8_t flash_mode;             // byte 2
    uint8_t flash_size_freq;        // byte 3: size code << 4 | frequency code
    uint32_t entry;
    uint8_t wp_pin, drive[3]; // extended header; 0 on the ESP8266, as are the next six
    uint16_t chip_id;
    uint8_t min_revision_old;
    uint16_t min_revision, max_revision; // major * 100 + minor; max 0 or 0xFFFF = none
    bool hash_appended;
    uint8_t segment_count;
    struct ferry_image_segment segments[FERRY_IMAGE_MAX_SEGMENTS];
    uint8_t checksum_stored, checksum_computed;
    uint32_t checksum_offset;
    uint8_t hash_stored[32];
    uint32_t hash_offset;             // of the appended SHA-256 = length of what it covers
    uint32_t size;                    // with checksum and SHA-256; valid once it has ended well
    bool has_app_desc, has_boot_desc; // at desc_offset; never both
    uint32_t desc_offset;
    struct ferry_app_desc app;
    struct ferry_app_desc_boot boot;
    // The first thing that is wrong: 0, FERRY_ERR_IMAGE_FORMAT, _TRUNCATED, _CHECKSUM, _HASH; where, and in words.
    int status;
    uint32_t error_offset;
    const char *detail;
    // Private.
    uint8_t state, segments_left, held;
    uint32_t at, need;
    uint8_t hold[24];
    uint8_t desc[FERRY_APP_DESC_SIZE];
};

void ferry_image_init(struct ferry_image *self, enum ferry_image_format format);
// Takes bytes in order; returns how many were taken: all, or up to the end of the hashed range, or up to the end of the
// image (0 from then on, also after a format error).
size_t ferry_image_feed(struct ferry_image *self, const uint8_t *bytes, size_t len);
// The next byte fed is covered by the appended SHA-256 (always true before the header told whether there is one).
bool ferry_image_in_hash(const struct ferry_image *self);
bool ferry_image_ended(const struct ferry_image *self);
// The verdict, after all bytes there are have been fed: self->status. sha256 of the hashed range (32 bytes), or NULL to
// leave the hash unchecked. Checks in the order: format, truncated, checksum, hash.
int ferry_image_finish(struct ferry_image *self, const uint8_t *sha256);

// Lowest chip revision the header asks for: the new field, or the old one where the new one is empty.
uint16_t ferry_image_min_revision(const struct ferry_image *self);
// "qio", "qout", "dio", "dout", "fast read", "slow read"; NULL = no such code.
const char *ferry_image_mode_name(uint8_t flash_mode);
// The code for a name ("dio", any case), -1 = none.
int ferry_image_mode_code(const char *name);
// Flash size in bytes that byte 3 states for this format, 0 = no such code. And the code for a size, -1 = none.
uint32_t ferry_image_flash_size(enum ferry_image_format format, uint8_t flash_size_freq);
int ferry_image_flash_size_code(enum ferry_image_format format, uint32_t bytes);

#endif
