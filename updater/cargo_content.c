#include "updater/cargo_content.h"

#include <stdio.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "updater/cargo_memory.h"

#define PIECE 2048u

static int read_some(const struct ferry_source *source, uint32_t offset, uint8_t *buf, uint32_t cap, uint32_t *len)
{
    uint32_t left = offset < source->size ? source->size - offset : 0;
    *len = left < cap ? left : cap;
    return *len ? source->read(source->ctx, offset, buf, *len) : FERRY_OK;
}

const char *ferry_cargo_chip_label(uint16_t chip_id, char *buf)
{
    const struct ferry_chip *chip = ferry_chip_by_id(chip_id);
    if (chip)
        return chip->label;
    snprintf(buf, 24, "chip id %u", chip_id);
    return buf;
}

static uint16_t chip_of(const struct ferry_image *image)
{
    return image->format == FERRY_IMAGE_ESP8266 ? (uint16_t)FERRY_CHIP_ESP8266 : image->chip_id;
}

bool ferry_cargo_plausible(const uint8_t header[24])
{
    struct ferry_image image;
    ferry_image_init(&image, FERRY_IMAGE_AUTO);
    ferry_image_feed(&image, header, 24);
    return image.status == FERRY_OK && image.flash_mode <= 5 && ferry_chip_by_id(chip_of(&image)) != NULL &&
           ferry_image_flash_size(image.format, image.flash_size_freq) != 0;
}

// Feeds the start of an image, as far as header and description reach.
static int peek_image(const struct ferry_source *source, uint32_t offset, struct ferry_image *image)
{
    uint8_t buf[24 + 8 + FERRY_APP_DESC_SIZE];
    uint32_t len;
    int status = read_some(source, offset, buf, sizeof buf, &len);
    ferry_image_init(image, FERRY_IMAGE_AUTO);
    if (status >= 0)
        ferry_image_feed(image, buf, len);
    return status;
}

static int peek_byte(const struct ferry_source *source, uint32_t offset, uint8_t *out)
{
    *out = 0;
    return offset < source->size ? source->read(source->ctx, offset, out, 1) : FERRY_OK;
}

static int has_table(const struct ferry_source *source, uint32_t offset, bool *yes)
{
    struct ferry_partition_table table;
    uint8_t magic[2] = {0, 0};
    uint32_t len;
    *yes = false;
    int status = read_some(source, offset, magic, 2, &len);
    if (status < 0 || magic[0] != 0xAA || magic[1] != 0x50)
        return status;
    status = ferry_cargo_table(source, offset, 0, NULL, &table);
    *yes = status == FERRY_OK;
    return status == FERRY_ERR_PARTITION_TABLE ? FERRY_OK : status;
}

// The table stands at 0x8000 unless the project moved it up; a sector at a time up to where apps may begin.
static int find_table(const struct ferry_source *source, struct ferry_cargo_peek *out, uint32_t base)
{
    for (uint32_t address = 0x8000; address <= 0x20000; address += 0x1000) {
        bool yes = false;
        int status = address < base ? FERRY_OK : has_table(source, address - base, &yes);
        if (status < 0)
            return status;
        if (yes) {
            out->content = FERRY_CARGO_MERGED_IMAGE;
            out->base = base;
            out->table_address = address;
            return FERRY_OK;
        }
    }
    return FERRY_OK;
}

// Walks the segments' headers. An image that ends too early or loads to nowhere is not judged here.
static int all_in_ram(const struct ferry_source *source, const struct ferry_image *image, uint16_t chip_id, bool *yes)
{
    uint32_t at = 24;
    for (unsigned i = 0; i < image->segment_count; i++) {
        uint8_t header[8];
        uint32_t len;
        int status = read_some(source, at, header, sizeof header, &len);
        const char *memory = len == sizeof header ? ferry_cargo_memory_name(chip_id, ferry_load32le(header)) : NULL;
        if (status < 0 || !memory || ferry_cargo_memory_mapped(memory))
            return status;
        uint32_t size = ferry_load32le(header + 4);
        if (size > source->size - at - 8)
            return FERRY_OK;
        at += 8 + size;
    }
    *yes = image->segment_count > 0;
    return FERRY_OK;
}

static int peek_image_file(const struct ferry_source *source, struct ferry_cargo_peek *out)
{
    int status = peek_image(source, 0, &out->image);
    if (status < 0)
        return status;
    out->content = out->image.has_boot_desc ? FERRY_CARGO_BOOTLOADER : FERRY_CARGO_APP_IMAGE;
    out->chip_id = chip_of(&out->image);
    const struct ferry_chip *chip = ferry_chip_by_id(out->chip_id);
    if (!chip || out->image.format == FERRY_IMAGE_ESP8266 || out->image.has_app_desc)
        return FERRY_OK;
    // A file that begins with the bootloader: at the bootloader's address, where a merged image may begin too.
    status = find_table(source, out, chip->bootloader_offset);
    if (status >= 0 && out->content == FERRY_CARGO_APP_IMAGE)
        status = all_in_ram(source, &out->image, out->chip_id, &out->ram_only);
    return status;
}

// Erased flash first: a merged image from address 0 on, for a chip whose bootloader lies higher.
static int peek_erased_file(const struct ferry_source *source, struct ferry_cargo_peek *out)
{
    static const uint32_t offsets[] = {0x1000, 0x2000};
    for (size_t i = 0; i < 2; i++) {
        uint8_t magic;
        int status = peek_byte(source, offsets[i], &magic);
        if (status >= 0 && magic == FERRY_IMAGE_MAGIC)
            status = peek_image(source, offsets[i], &out->image);
        if (status < 0)
            return status;
        const struct ferry_chip *chip = ferry_chip_by_id(chip_of(&out->image));
        if (magic != FERRY_IMAGE_MAGIC || !chip || chip->bootloader_offset != offsets[i])
            continue;
        out->content = FERRY_CARGO_MERGED_IMAGE;
        out->chip_id = chip->id;
        out->boot_offset = offsets[i];
        return find_table(source, out, 0);
    }
    return FERRY_OK;
}

int ferry_cargo_peek(const struct ferry_source *source, struct ferry_cargo_peek *out)
{
    uint8_t start[4] = {0};
    uint32_t len;
    memset(out, 0, sizeof *out);
    out->chip_id = FERRY_CHIP_ANY;
    out->table_address = UINT32_MAX;
    int status = read_some(source, 0, start, sizeof start, &len);
    if (status < 0)
        return status;
    if (start[0] == FERRY_IMAGE_MAGIC || start[0] == FERRY_IMAGE_MAGIC_8266_V2)
        return peek_image_file(source, out);
    if (len == 4 && start[0] == 0xFF && start[1] == 0xFF)
        return peek_erased_file(source, out);
    if (memcmp(start,
               "\x7f"
               "ELF",
               4) == 0)
        out->content = FERRY_CARGO_ELF;
    if (start[0] == 0xAA && start[1] == 0x50)
        out->content = FERRY_CARGO_TABLE;
    return FERRY_OK;
}

int ferry_cargo_image(const struct ferry_source *source, uint32_t offset, const struct ferry_digest *digest,
                      struct ferry_image *out)
{
    uint8_t buf[PIECE], sha[FERRY_SHA256_SIZE];
    int status = digest ? digest->begin(digest->ctx, FERRY_DIGEST_SHA256) : FERRY_OK;
    ferry_image_init(out, FERRY_IMAGE_AUTO);
    for (uint32_t len = 1; status >= 0 && len && !ferry_image_ended(out);) {
        status = read_some(source, offset, buf, sizeof buf, &len);
        for (size_t used = 0; status >= 0 && used < len && !ferry_image_ended(out);) {
            bool hashed = ferry_image_in_hash(out);
            size_t n = ferry_image_feed(out, buf + used, len - used);
            if (hashed && digest)
                status = digest->update(digest->ctx, buf + used, n);
            used += n;
        }
        offset += len;
    }
    if (digest && status >= 0)
        status = digest->finish(digest->ctx, sha, sizeof sha);
    return status < 0 ? status : ferry_image_finish(out, digest ? sha : NULL);
}

int ferry_cargo_table_bytes(const uint8_t *bytes, size_t len, uint32_t flash_size, const struct ferry_digest *digest,
                            struct ferry_partition_table *out)
{
    uint8_t md5[FERRY_MD5_SIZE];
    int status = ferry_partition_table_parse(out, bytes, len);
    if (status < 0)
        return status;
    if (out->has_md5 && digest) {
        status = digest->begin(digest->ctx, FERRY_DIGEST_MD5);
        if (status >= 0)
            status = digest->update(digest->ctx, bytes, out->md5_length);
        if (status >= 0)
            status = digest->finish(digest->ctx, md5, sizeof md5);
        if (status < 0)
            return status;
        if (memcmp(md5, out->md5, sizeof md5) != 0) {
            out->error_offset = out->md5_length;
            out->detail = "the MD5 does not fit the rows";
            return FERRY_ERR_PARTITION_TABLE;
        }
    }
    return ferry_partition_table_check(out, flash_size);
}

int ferry_cargo_table(const struct ferry_source *source, uint32_t offset, uint32_t flash_size,
                      const struct ferry_digest *digest, struct ferry_partition_table *out)
{
    uint8_t bytes[FERRY_PARTITION_TABLE_SIZE];
    uint32_t len;
    int status = read_some(source, offset, bytes, sizeof bytes, &len);
    return status < 0 ? status : ferry_cargo_table_bytes(bytes, len, flash_size, digest, out);
}

int ferry_cargo_digest(const struct ferry_digest *digest, enum ferry_digest_kind kind,
                       const struct ferry_source *source, uint32_t offset, uint32_t len, uint8_t *out, size_t size)
{
    uint8_t buf[PIECE];
    int status = digest->begin(digest->ctx, kind);
    while (status >= 0 && len) {
        uint32_t n = len < PIECE ? len : PIECE;
        status = source->read(source->ctx, offset, buf, n);
        if (status >= 0)
            status = digest->update(digest->ctx, buf, n);
        offset += n;
        len -= n;
    }
    return status < 0 ? status : digest->finish(digest->ctx, out, size);
}
