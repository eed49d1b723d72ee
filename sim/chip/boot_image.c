// Application images as the second-stage bootloader checks them, and the bootloader's own image as the mask ROM loads
// it. Format: esptool's "Firmware Image Format". Order of the checks and their words: as the real bootloader was seen
// to make them (tests/vectors/boot, group image).
#include <mbedtls/md.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "sim/chip/boot_internal.h"

enum {
    MAGIC = 0xe9,
    MAX_SEGMENTS = 16,
    HEADER = 24,
    SEGMENT_HEADER = 8,
    SIXTEEN_MB = 0x1000000,
    DIGEST = 32,
    CHECKSUM_SEED = 0xef,
    SIGNATURE_MAGIC = 0xe7,
};

// One pass over an image: where it stands, what it has summed up.
struct walk {
    struct sim_boot *b;
    uint32_t start, at;
    uint8_t checksum;
    bool hashing;
    mbedtls_md_context_t sha;
};

static void walk_begin(struct walk *w, struct sim_boot *b, uint32_t start, bool hashing)
{
    memset(w, 0, sizeof *w);
    w->b = b;
    w->start = w->at = start;
    w->checksum = CHECKSUM_SEED;
    w->hashing = hashing;
    mbedtls_md_init(&w->sha);
    if (hashing &&
        (mbedtls_md_setup(&w->sha, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) || mbedtls_md_starts(&w->sha)))
        w->hashing = false;
}

// Reads the next bytes of the image and hashes them.
static void walk_take(struct walk *w, uint8_t *buf, size_t len)
{
    sim_boot_read(w->b, w->at, buf, len);
    if (w->hashing)
        mbedtls_md_update(&w->sha, buf, len);
    w->at += (uint32_t)len;
}

static void walk_data(struct walk *w, uint32_t len)
{
    uint8_t buf[1024];
    while (len > 0) {
        size_t n = len < sizeof buf ? len : sizeof buf;
        walk_take(w, buf, n);
        for (size_t i = 0; i < n; i++)
            w->checksum ^= buf[i];
        len -= (uint32_t)n;
    }
}

// The padding up to the last byte of a 16-byte block, which holds the checksum.
static uint8_t walk_stored_checksum(struct walk *w)
{
    uint8_t buf[16];
    size_t pad = 16 - (w->at - w->start) % 16;
    walk_take(w, buf, pad);
    return buf[pad - 1];
}

static void walk_digest(struct walk *w, uint8_t computed[DIGEST], uint8_t stored[DIGEST])
{
    memset(computed, 0, DIGEST);
    if (w->hashing)
        mbedtls_md_finish(&w->sha, computed);
    sim_boot_read(w->b, w->at, stored, DIGEST);
    w->at += DIGEST;
}

static bool inside(const struct sim_boot_range *r, uint32_t address)
{
    return address >= r->low && address < r->high;
}

static bool both_inside(const struct sim_boot_range *r, uint32_t first, uint32_t last)
{
    return inside(r, first) && inside(r, last);
}

static bool is_mapped(const struct sim_boot_chip *chip, uint32_t address)
{
    return inside(&chip->irom, address) || inside(&chip->drom, address);
}

// Addresses below 0x10000000 mark padding.
static bool is_loaded(const struct sim_boot_chip *chip, uint32_t address)
{
    return !is_mapped(chip, address) && address >= 0x10000000;
}

// NULL, or why the bootloader will not write there.
static const char *bad_target(const struct sim_boot_chip *chip, uint32_t first, uint32_t len)
{
    uint32_t last = first + len - 1;
    bool ram = both_inside(&chip->dram, first, last) || both_inside(&chip->iram, first, last);
    for (size_t i = 0; i < sizeof chip->reserved / sizeof *chip->reserved; i++) {
        const struct sim_boot_range *r = &chip->reserved[i].range;
        if (ram && first < r->high && last >= r->low)
            return chip->reserved[i].what;
    }
    bool rtc = false;
    for (size_t i = 0; i < sizeof chip->rtc / sizeof *chip->rtc; i++)
        rtc = rtc || both_inside(&chip->rtc[i], first, last);
    return ram || rtc ? NULL : "bad load address range";
}

// CONFIG_MMU_PAGE_SIZE as ESP-IDF chooses it: 64 KB, on some chips less for small flashes.
static uint32_t mmu_page(const struct sim_boot *b)
{
    if (b->chip->small_pages && b->chip_size <= 2u << 20)
        return b->chip_size <= 1u << 20 ? 0x4000 : 0x8000;
    return 0x10000;
}

static bool segment_header_ok(struct sim_boot *b, int index, uint32_t address, uint32_t len, uint32_t data_at)
{
    if (len % 4 != 0 || len >= SIXTEEN_MB) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "invalid segment length 0x%x", (unsigned)len);
        return false;
    }
    if (is_mapped(b->chip, address) && data_at % mmu_page(b) != address % mmu_page(b)) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image",
                     "Segment %d load address 0x%08x, doesn't match data 0x%08x", index, (unsigned)address,
                     (unsigned)data_at);
        return false;
    }
    return true;
}

static bool segment_load(struct sim_boot *b, struct walk *w, int index)
{
    uint8_t raw[SEGMENT_HEADER];
    walk_take(w, raw, sizeof raw);
    uint32_t address = ferry_load32le(raw), len = ferry_load32le(raw + 4);
    if (!segment_header_ok(b, index, address, len, w->at))
        return false;
    bool load = is_loaded(b->chip, address);
    sim_boot_say(b, 'I', SIM_BOOT_DETAIL, "esp_image", "segment %d: paddr=%08x vaddr=%08x size=%05xh (%6u) %s", index,
                 (unsigned)w->at, (unsigned)address, (unsigned)len, (unsigned)len,
                 load ? "load" : (is_mapped(b->chip, address) ? "map" : ""));
    const char *why = load && len > 0 ? bad_target(b->chip, address, len) : NULL;
    if (why) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "Segment %d 0x%08x-0x%08x invalid: %s", index,
                     (unsigned)address, (unsigned)(address + len), why);
        return false;
    }
    walk_data(w, len);
    return true;
}

bool sim_boot_chip_fits(struct sim_boot *b, const uint8_t header[24], bool check_max)
{
    uint16_t id = ferry_load16le(header + 12), min = ferry_load16le(header + 15), max = ferry_load16le(header + 17);
    if (id != b->chip->id) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot_comm", "mismatch chip ID, expected %d, found %d", b->chip->id,
                     id);
        return false;
    }
    bool fits = true;
    if (b->revision < min) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot_comm", "Image requires chip rev >= v%d.%d, but chip is v%d.%d",
                     min / 100, min % 100, b->revision / 100, b->revision % 100);
        fits = false;
    }
    if (check_max && max != 0xffff && max != 0 && b->revision > max) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "boot_comm", "Image requires chip rev <= v%d.%d, but chip is v%d.%d",
                     max / 100, max % 100, b->revision / 100, b->revision % 100);
        fits = false;
    }
    return fits;
}

static bool header_ok(struct sim_boot *b, uint32_t offset, const uint8_t header[HEADER])
{
    if (header[0] != MAGIC) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image",
                     "image at 0x%x has invalid magic byte (nothing flashed here?)", (unsigned)offset);
        return false;
    }
    if (!sim_boot_chip_fits(b, header, true))
        return false;
    if (header[1] > MAX_SEGMENTS) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "image at 0x%x segment count %d exceeds max %d",
                     (unsigned)offset, header[1], MAX_SEGMENTS);
        return false;
    }
    return true;
}

// Behind the segments: checksum, length against the partition, digest.
static bool tail_ok(struct sim_boot *b, struct walk *w, const uint8_t header[HEADER], uint32_t partition_size)
{
    uint8_t stored_sum = walk_stored_checksum(w), computed[DIGEST], stored[DIGEST];
    if (stored_sum != w->checksum) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "Checksum failed. Calculated 0x%x read 0x%x", w->checksum,
                     stored_sum);
        return false;
    }
    if (header[23])
        walk_digest(w, computed, stored);
    if (w->at - w->start > partition_size) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "Image length %u doesn't fit in partition length %u",
                     (unsigned)(w->at - w->start), (unsigned)partition_size);
        return false;
    }
    if (header[23] && memcmp(computed, stored, DIGEST) != 0) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "Image hash failed - image is corrupt");
        return false;
    }
    return true;
}

// A Secure Boot V2 signature block starts on the next 4 KB boundary behind the image.
static bool signed_behind(struct sim_boot *b, const struct walk *w)
{
    uint8_t first;
    uint32_t length = w->at - w->start;
    sim_boot_read(b, w->start + (length + SIM_FLASH_SECTOR - 1) / SIM_FLASH_SECTOR * SIM_FLASH_SECTOR, &first, 1);
    return first == SIGNATURE_MAGIC;
}

static bool image_ok(struct sim_boot *b, struct walk *w, uint8_t header[HEADER], uint32_t partition_size)
{
    if (!header_ok(b, w->start, header))
        return false;
    for (int i = 0; i < header[1]; i++)
        if (!segment_load(b, w, i))
            return false;
    if (!tail_ok(b, w, header, partition_size))
        return false;
    if (b->cfg->secure_boot && !signed_behind(b, w)) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "secure_boot_v2", "No valid signature block behind the image at 0x%x",
                     (unsigned)w->start);
        return false;
    }
    return true;
}

bool sim_boot_image_load(struct sim_boot *b, uint32_t offset, uint32_t partition_size, struct sim_boot_image *image)
{
    memset(image, 0, sizeof *image);
    image->start = offset;
    if (partition_size > SIXTEEN_MB) {
        sim_boot_say(b, 'E', SIM_BOOT_DECISIVE, "esp_image", "partition size 0x%x invalid, larger than 16MB",
                     (unsigned)partition_size);
        return false;
    }
    struct walk w;
    sim_boot_read(b, offset, image->header, HEADER);
    walk_begin(&w, b, offset, image->header[23] != 0);
    walk_take(&w, image->header, HEADER);
    bool ok = image_ok(b, &w, image->header, partition_size);
    mbedtls_md_free(&w.sha);
    image->length = w.at - w.start;
    return ok;
}

// ---- the mask ROM

static bool rom_segments(struct sim_boot *b, struct walk *w, int count)
{
    for (int i = 0; i < count; i++) {
        uint8_t raw[SEGMENT_HEADER];
        walk_take(w, raw, sizeof raw);
        uint32_t address = ferry_load32le(raw), len = ferry_load32le(raw + 4);
        if (len >= SIXTEEN_MB) {
            sim_boot_reason_add(b, "the bootloader's segments are nonsense: the mask ROM crashes while it loads them");
            return false;
        }
        if (b->chip->decimal_len)
            sim_boot_print(b, SIM_BOOT_DETAIL, "load:0x%08x,len:%u\r\n", (unsigned)address, (unsigned)len);
        else
            sim_boot_print(b, SIM_BOOT_DETAIL, "load:0x%08x,len:0x%x\r\n", (unsigned)address, (unsigned)len);
        walk_data(w, len);
    }
    return true;
}

static void rom_print_digest(struct sim_boot *b, const char *name, const uint8_t digest[DIGEST])
{
    char text[2 * DIGEST + 1];
    for (int i = 0; i < DIGEST; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[2 * DIGEST] = 0;
    sim_boot_print(b, SIM_BOOT_DETAIL, "%s: %s\r\n", name, text);
}

// A wrong digest is no obstacle to the mask ROM unless secure boot is on.
static bool rom_digest_ok(struct sim_boot *b, struct walk *w, const uint8_t header[HEADER])
{
    uint8_t computed[DIGEST], stored[DIGEST];
    if (!w->hashing || !header[23])
        return true;
    walk_digest(w, computed, stored);
    if (memcmp(computed, stored, DIGEST) == 0)
        return true;
    sim_boot_print(b, SIM_BOOT_DETAIL, "SHA-256 comparison failed:\r\n");
    rom_print_digest(b, "Calculated", computed);
    rom_print_digest(b, "Expected", stored);
    if (!b->cfg->secure_boot)
        sim_boot_print(b, SIM_BOOT_DETAIL, "Attempting to boot anyway...\r\n");
    return !b->cfg->secure_boot;
}

static bool rom_image_ok(struct sim_boot *b, struct walk *w, const uint8_t header[HEADER])
{
    if (!rom_segments(b, w, header[1]))
        return false;
    uint8_t stored = walk_stored_checksum(w);
    if (stored != w->checksum) {
        sim_boot_print(b, SIM_BOOT_DECISIVE, "csum err:0x%02x!=0x%02x\r\n", w->checksum, stored);
        return false;
    }
    if (!rom_digest_ok(b, w, header) || (b->cfg->secure_boot && !signed_behind(b, w))) {
        sim_boot_print(b, SIM_BOOT_DECISIVE, "secure boot verification failed\r\n");
        return false;
    }
    return true;
}

bool sim_boot_rom_load(struct sim_boot *b, struct sim_boot_image *image)
{
    bool old = b->chip->mmap_max == 0; // ESP8266: a header of 8 bytes, no digest
    struct walk w;
    memset(image, 0, sizeof *image);
    image->start = b->chip->bootloader_offset;
    walk_begin(&w, b, image->start, !old);
    walk_take(&w, image->header, old ? 8 : HEADER);
    bool ok = image->header[0] == MAGIC && image->header[1] > 0 && image->header[1] <= MAX_SEGMENTS;
    if (!ok) {
        for (int i = 0; i < 3; i++)
            sim_boot_print(b, i == 0 ? SIM_BOOT_DECISIVE : SIM_BOOT_DETAIL, "invalid header: 0x%08x\r\n",
                           (unsigned)ferry_load32le(image->header));
    } else {
        ok = rom_image_ok(b, &w, image->header);
    }
    if (ok)
        sim_boot_print(b, SIM_BOOT_DETAIL, "entry 0x%08x\r\n", (unsigned)ferry_load32le(image->header + 4));
    mbedtls_md_free(&w.sha);
    image->length = w.at - w.start;
    return ok;
}
