// Flash mode, frequency and size in the bootloader's header: kept by default, patched on request, with the appended
// SHA-256 made anew. The file stays as it is; the patch lies over it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ferry/base/status.h"
#include "updater/cargo_work.h"

static bool asked(const char *name)
{
    return name && *name && strcasecmp(name, "keep") != 0;
}

bool ferry_cargo_holds_bootloader(const struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item,
                                  uint32_t *offset)
{
    uint32_t at = work->chip->bootloader_offset;
    *offset = at - item->address;
    return at >= item->address && *offset < item->source.size &&
           (item->content == FERRY_CARGO_MERGED_IMAGE || (*offset == 0 && item->image_size > 0));
}

static int bad_name(struct ferry_cargo_work *work, const char *what, const char *name, const char *accepted)
{
    ferry_fault_set(work->fault, FERRY_ERR_ARG, NULL, "%s \"%.20s\" is not known for %s", what, name,
                    work->chip->label);
    ferry_fault_hint(work->fault, "%s", accepted);
    return FERRY_ERR_ARG;
}

static int take_mode(struct ferry_cargo_work *work, uint8_t *header)
{
    const char *name = work->options->flash_mode;
    int code = asked(name) ? ferry_image_mode_code(name) : header[0];
    if (code < 0)
        return bad_name(work, "flash mode", name, "keep, qio, qout, dio or dout");
    header[0] = (uint8_t)code;
    return FERRY_OK;
}

static int freq_code(const struct ferry_chip *chip, const char *name)
{
    char *end;
    unsigned long mhz = strtoul(name, &end, 10);
    if (end == name || mhz == 0 || (strcasecmp(end, "m") != 0 && strcasecmp(end, "mhz") != 0))
        return -1;
    for (int code = 0; code < 16; code++)
        if (chip->freq_mhz[code] == mhz)
            return code;
    return -1;
}

static int take_freq(struct ferry_cargo_work *work, uint8_t *header)
{
    const char *name = work->options->flash_freq;
    char accepted[80] = "keep";
    if (!asked(name))
        return FERRY_OK;
    int code = freq_code(work->chip, name);
    for (int i = 0; i < 16; i++)
        if (work->chip->freq_mhz[i])
            snprintf(accepted + strlen(accepted), sizeof accepted - strlen(accepted), ", %um", work->chip->freq_mhz[i]);
    if (code < 0)
        return bad_name(work, "flash frequency", name, accepted);
    header[1] = (uint8_t)((header[1] & 0xf0) | code);
    return FERRY_OK;
}

// "4MB", "512KB", "detect" in bytes; 0 = none of these.
static uint32_t size_of(const struct ferry_cargo_work *work, const char *name)
{
    char *end;
    if (strcasecmp(name, "detect") == 0)
        return work->flash_size;
    unsigned long n = strtoul(name, &end, 10);
    if (end == name || n == 0 || n > 1024)
        return 0;
    return strcasecmp(end, "MB") == 0 ? (uint32_t)n << 20 : strcasecmp(end, "KB") == 0 ? (uint32_t)n << 10 : 0;
}

static int take_size(struct ferry_cargo_work *work, uint8_t *header)
{
    const char *name = work->options->flash_size_name;
    enum ferry_image_format format = work->chip->id == FERRY_CHIP_ESP8266 ? FERRY_IMAGE_ESP8266 : FERRY_IMAGE_ESP32;
    if (!asked(name))
        return FERRY_OK;
    int code = ferry_image_flash_size_code(format, size_of(work, name));
    if (code < 0 && strcasecmp(name, "detect") == 0 && work->flash_size == 0)
        return ferry_fault_set(work->fault, FERRY_ERR_FLASH_SIZE, NULL, "the flash size of the target is unknown");
    if (code < 0)
        return bad_name(work, "flash size", name, "keep, detect, 1MB, 2MB, 4MB, 8MB, 16MB ...");
    header[1] = (uint8_t)((header[1] & 0x0f) | code << 4);
    return FERRY_OK;
}

// Lays the new header bytes and the SHA-256 that then fits over the item's source.
static int lay(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset)
{
    struct ferry_source below = item->source;
    struct ferry_image *image = &work->image;
    int status = ferry_cargo_image(&below, offset, NULL, image);
    if (status < 0)
        return ferry_cargo_fail(work, status, item, offset, "%s: reading failed", item->shown);
    ferry_source_overlay_init(&item->overlay, &below);
    item->source = ferry_source_overlay_source(&item->overlay);
    status = ferry_source_overlay_add(&item->overlay, offset + 2, item->patch_header, 2);
    if (status < 0 || !image->hash_appended)
        return status;
    status = ferry_cargo_digest(work->options->digest, FERRY_DIGEST_SHA256, &item->source, offset, image->hash_offset,
                                item->patch_hash, sizeof item->patch_hash);
    if (status < 0)
        return ferry_cargo_fail(work, status, item, offset, "%s: reading failed", item->shown);
    return ferry_source_overlay_add(&item->overlay, offset + image->hash_offset, item->patch_hash,
                                    sizeof item->patch_hash);
}

static int patch_item(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset)
{
    uint8_t *header = item->patch_header, before[2];
    int status = item->source.read(item->source.ctx, offset + 2, header, 2);
    if (status < 0)
        return ferry_cargo_fail(work, status, item, offset, "%s: reading failed", item->shown);
    memcpy(before, header, 2);
    status = take_mode(work, header);
    if (status >= 0)
        status = take_freq(work, header);
    if (status >= 0)
        status = take_size(work, header);
    if (status < 0 || memcmp(before, header, 2) == 0)
        return status;
    return lay(work, item, offset);
}

int ferry_cargo_patch(struct ferry_cargo_work *work)
{
    const struct ferry_cargo_options *options = work->options;
    if (!asked(options->flash_mode) && !asked(options->flash_freq) && !asked(options->flash_size_name))
        return FERRY_OK;
    if (work->target->secure_boot || work->target->secure_download) {
        ferry_cargo_warn(work, "flash mode, frequency and size are kept: the target has security features on");
        return FERRY_OK;
    }
    for (size_t i = 0; i < work->count; i++) {
        uint32_t offset;
        if (ferry_cargo_holds_bootloader(work, &work->items[i], &offset))
            return patch_item(work, &work->items[i], offset);
    }
    ferry_cargo_warn(work, "no bootloader in this cargo: flash mode, frequency and size are not changed");
    return FERRY_OK;
}
