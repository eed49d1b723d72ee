#include "ferry/codec/image.h"

#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"

enum state {
    HEADER = 0, // 8 bytes, the first header
    EXTENDED,   // 16 bytes more
    SEGMENT,    // 8 bytes: load address, length
    DATA,       // need bytes of segment data
    SECOND,     // 8 bytes: the header 0xE9 of an ESP8266 v2 image
    PADDING,    // need bytes, then the checksum
    CHECKSUM,   // 1 byte
    HASH,       // 32 bytes
    ENDED,
    BROKEN,
};

static void hold(struct ferry_image *self, enum state state, uint32_t need)
{
    self->state = (uint8_t)state;
    self->need = need;
    self->held = 0;
}

static void broken(struct ferry_image *self, uint32_t offset, const char *detail)
{
    self->status = FERRY_ERR_IMAGE_FORMAT;
    self->error_offset = offset;
    self->detail = detail;
    self->state = BROKEN;
}

void ferry_image_init(struct ferry_image *self, enum ferry_image_format format)
{
    memset(self, 0, sizeof *self);
    self->format = format;
    self->version = 1;
    self->checksum_computed = 0xEF;
    self->detail = "";
    hold(self, HEADER, 8);
}

static void take_common(struct ferry_image *self, const uint8_t *header)
{
    self->segments_left = header[1];
    self->flash_mode = header[2];
    self->flash_size_freq = header[3];
    self->entry = ferry_load32le(header + 4);
}

static void next_segment(struct ferry_image *self)
{
    if (self->segments_left > 0) {
        hold(self, SEGMENT, 8);
        return;
    }
    self->checksum_offset = self->at | 15;
    hold(self, PADDING, self->checksum_offset - self->at);
    if (self->need == 0)
        hold(self, CHECKSUM, 1);
}

static void got_header(struct ferry_image *self)
{
    bool v2 = self->hold[0] == FERRY_IMAGE_MAGIC_8266_V2 && self->format != FERRY_IMAGE_ESP32;
    if (self->hold[0] != FERRY_IMAGE_MAGIC && !v2) {
        broken(self, 0, "the first byte is not 0xE9");
        return;
    }
    take_common(self, self->hold);
    if (v2) {
        self->format = FERRY_IMAGE_ESP8266;
        self->version = 2;
        self->segments_left = 1; // the byte says 4, a constant
    } else if (self->segments_left == 0 || self->segments_left > 16) {
        broken(self, 1, self->segments_left ? "more than 16 segments" : "no segments");
        return;
    }
    if (self->format == FERRY_IMAGE_ESP8266) {
        next_segment(self);
        return;
    }
    self->state = EXTENDED;
    self->need = 16;
}

// Where the ESP8266 has its first segment header, other chips have the extended header: a word that is a RAM or flash
// address of the ESP8266 never begins with 0xEE (WP pin "none") or another pin number.
static bool is_8266_address(uint32_t word)
{
    return (word & 3) == 0 && ((word >= 0x3FFE8000u && word < 0x40000000u) ||
                               (word >= 0x40100000u && word < 0x40110000u) || (word >> 20) == 0x402);
}

static void got_extended(struct ferry_image *self)
{
    const uint8_t *ext = self->hold + 8;
    self->format = FERRY_IMAGE_ESP32;
    self->wp_pin = ext[0];
    memcpy(self->drive, ext + 1, 3);
    self->chip_id = ferry_load16le(ext + 4);
    self->min_revision_old = ext[6];
    self->min_revision = ferry_load16le(ext + 7);
    self->max_revision = ferry_load16le(ext + 9);
    self->hash_appended = ext[15] == 1;
    if (ext[15] > 1)
        broken(self, 23, "the flag for an appended hash is neither 0 nor 1");
    else
        next_segment(self);
}

static void got_segment(struct ferry_image *self, const uint8_t *header)
{
    struct ferry_image_segment *segment = &self->segments[self->segment_count++];
    segment->load_address = ferry_load32le(header);
    segment->size = ferry_load32le(header + 4);
    segment->offset = self->at;
    if (segment->size >= FERRY_IMAGE_MAX_SIZE || segment->size > FERRY_IMAGE_MAX_SIZE - self->at) {
        broken(self, self->at - 4, "a segment longer than 16 MB");
        return;
    }
    if (segment->size % 4) {
        broken(self, self->at - 4, "a segment whose length is not a multiple of 4");
        return;
    }
    self->segments_left--;
    hold(self, DATA, segment->size);
}

static void got_second(struct ferry_image *self)
{
    if (self->hold[0] != FERRY_IMAGE_MAGIC) {
        broken(self, self->at - 8, "the second header of an ESP8266 v2 image does not begin with 0xE9");
        return;
    }
    take_common(self, self->hold);
    if (self->segments_left == 0 || self->segments_left > 16)
        broken(self, self->at - 7, self->segments_left ? "more than 16 segments" : "no segments");
    else
        next_segment(self);
}

static void after_data(struct ferry_image *self)
{
    if (self->version == 2 && self->segment_count == 1)
        hold(self, SECOND, 8);
    else
        next_segment(self);
}

// The descriptions stand at the start of a segment; the bootloader's, with its one-byte magic, in the first only.
static void collect_desc(struct ferry_image *self, const uint8_t *bytes, size_t len)
{
    const struct ferry_image_segment *segment = &self->segments[self->segment_count - 1];
    uint32_t done = segment->size - self->need;
    if (self->has_app_desc || self->has_boot_desc || done >= FERRY_APP_DESC_SIZE)
        return;
    size_t n = FERRY_APP_DESC_SIZE - done;
    if (n > len)
        n = len;
    memcpy(self->desc + done, bytes, n);
    uint32_t have = done + (uint32_t)n;
    if (have == FERRY_APP_DESC_SIZE && ferry_app_desc_parse(&self->app, self->desc))
        self->has_app_desc = true;
    else if (self->segment_count == 1 && done < FERRY_APP_DESC_BOOT_SIZE && have >= FERRY_APP_DESC_BOOT_SIZE &&
             ferry_app_desc_parse_boot(&self->boot, self->desc))
        self->has_boot_desc = true;
    if (self->has_app_desc || self->has_boot_desc)
        self->desc_offset = segment->offset;
}

static size_t feed_data(struct ferry_image *self, const uint8_t *bytes, size_t len)
{
    size_t n = len < self->need ? len : self->need;
    bool counted = !(self->version == 2 && self->segment_count == 1);
    uint8_t sum = self->checksum_computed;
    for (size_t i = 0; counted && i < n; i++)
        sum ^= bytes[i];
    self->checksum_computed = sum;
    collect_desc(self, bytes, n);
    self->need -= (uint32_t)n;
    self->at += (uint32_t)n;
    if (self->need == 0)
        after_data(self);
    return n;
}

static void ended(struct ferry_image *self)
{
    self->size = self->at;
    self->state = ENDED;
}

static size_t feed_checksum(struct ferry_image *self, uint8_t byte)
{
    self->checksum_stored = byte;
    self->at++;
    self->hash_offset = self->at;
    if (self->hash_appended)
        hold(self, HASH, 32);
    else
        ended(self);
    return 1;
}

static size_t feed_hash(struct ferry_image *self, const uint8_t *bytes, size_t len)
{
    size_t n = len < self->need ? len : self->need;
    memcpy(self->hash_stored + (32 - self->need), bytes, n);
    self->need -= (uint32_t)n;
    self->at += (uint32_t)n;
    if (self->need == 0)
        ended(self);
    return n;
}

static void got_held(struct ferry_image *self)
{
    switch (self->state) {
    case HEADER:
        got_header(self);
        break;
    case EXTENDED:
        got_extended(self);
        break;
    case SEGMENT:
        got_segment(self, self->hold);
        break;
    default:
        got_second(self);
        break;
    }
}

// An AUTO image is known to be the ESP8266's when the word after the header is there: it is then the load address of
// the first segment, and the four bytes held so far begin the segment header.
static bool turns_8266(struct ferry_image *self)
{
    if (self->state != EXTENDED || self->format != FERRY_IMAGE_AUTO || self->held != 12 ||
        !is_8266_address(ferry_load32le(self->hold + 8)))
        return false;
    self->format = FERRY_IMAGE_ESP8266;
    memmove(self->hold, self->hold + 8, 4);
    self->state = SEGMENT;
    self->need = 4;
    self->held = 4;
    return true;
}

static size_t feed_held(struct ferry_image *self, const uint8_t *bytes)
{
    self->hold[self->held++] = bytes[0];
    self->at++;
    self->need--;
    if (!turns_8266(self) && self->need == 0)
        got_held(self);
    return 1;
}

static size_t feed_padding(struct ferry_image *self, size_t len)
{
    size_t n = len < self->need ? len : self->need;
    self->need -= (uint32_t)n;
    self->at += (uint32_t)n;
    if (self->need == 0)
        hold(self, CHECKSUM, 1);
    return n;
}

static size_t feed_some(struct ferry_image *self, const uint8_t *bytes, size_t len)
{
    switch (self->state) {
    case DATA:
        return feed_data(self, bytes, len);
    case PADDING:
        return feed_padding(self, len);
    case CHECKSUM:
        return feed_checksum(self, bytes[0]);
    case HASH:
        return feed_hash(self, bytes, len);
    default:
        return feed_held(self, bytes);
    }
}

size_t ferry_image_feed(struct ferry_image *self, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    bool hashed = ferry_image_in_hash(self);
    while (done < len && self->state < ENDED && ferry_image_in_hash(self) == hashed) {
        // A segment of no bytes ends without any being fed.
        if (self->state == DATA && self->need == 0)
            after_data(self);
        else
            done += feed_some(self, bytes + done, len - done);
    }
    return done;
}

bool ferry_image_in_hash(const struct ferry_image *self)
{
    return self->state < HASH;
}

bool ferry_image_ended(const struct ferry_image *self)
{
    return self->state >= ENDED;
}

static int fail(struct ferry_image *self, int status, uint32_t offset, const char *detail)
{
    self->status = status;
    self->error_offset = offset;
    self->detail = detail;
    return status;
}

int ferry_image_finish(struct ferry_image *self, const uint8_t *sha256)
{
    if (self->status)
        return self->status;
    if (self->state == HEADER && self->held > 0 && self->hold[0] != FERRY_IMAGE_MAGIC &&
        self->hold[0] != FERRY_IMAGE_MAGIC_8266_V2)
        return fail(self, FERRY_ERR_IMAGE_FORMAT, 0, "the first byte is not 0xE9");
    if (self->state != ENDED)
        return fail(self, FERRY_ERR_IMAGE_TRUNCATED, self->at, "the file ends inside the image");
    if (self->checksum_stored != self->checksum_computed)
        return fail(self, FERRY_ERR_IMAGE_CHECKSUM, self->checksum_offset, "the checksum does not fit the segments");
    if (self->hash_appended && sha256 && memcmp(sha256, self->hash_stored, 32) != 0)
        return fail(self, FERRY_ERR_IMAGE_HASH, self->hash_offset, "the appended SHA-256 does not fit the image");
    return FERRY_OK;
}

uint16_t ferry_image_min_revision(const struct ferry_image *self)
{
    if (self->min_revision || !self->min_revision_old)
        return self->min_revision;
    // The old field counts major revisions on the ESP32 (chip id 0), minor ones on the others.
    return (uint16_t)(self->chip_id == 0 ? self->min_revision_old * 100 : self->min_revision_old);
}

static const char *const MODES[] = {"qio", "qout", "dio", "dout", "fast read", "slow read"};
#define MODE_COUNT (sizeof MODES / sizeof MODES[0])

const char *ferry_image_mode_name(uint8_t flash_mode)
{
    return flash_mode < MODE_COUNT ? MODES[flash_mode] : NULL;
}

static bool same_text(const char *a, const char *lower)
{
    for (; *a && *lower; a++, lower++) {
        char c = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
        if (c != *lower)
            return false;
    }
    return *a == *lower;
}

int ferry_image_mode_code(const char *name)
{
    for (size_t i = 0; i < 4; i++) // the last two are of old chips only; no tool sets them
        if (same_text(name, MODES[i]))
            return (int)i;
    return -1;
}

// In KB, by size code. The ESP8266's codes 5 and 6 are 2 MB and 4 MB with another memory layout.
static const uint16_t SIZES[16] = {1024, 2048, 4096, 8192, 16384, 32768};
static const uint16_t SIZES_8266[16] = {512, 256, 1024, 2048, 4096, 2048, 4096, 0, 8192, 16384};

uint32_t ferry_image_flash_size(enum ferry_image_format format, uint8_t flash_size_freq)
{
    uint8_t code = flash_size_freq >> 4;
    if (format == FERRY_IMAGE_ESP8266)
        return SIZES_8266[code] * 1024u;
    return code == 6 || code == 7 ? 0x4000000u << (code - 6) : SIZES[code] * 1024u;
}

int ferry_image_flash_size_code(enum ferry_image_format format, uint32_t bytes)
{
    for (int code = 0; bytes && code < 16; code++)
        if (ferry_image_flash_size(format, (uint8_t)(code << 4)) == bytes)
            return code;
    return -1;
}
