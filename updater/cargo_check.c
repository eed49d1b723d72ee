// The checks before anything is erased: what the files hold, where they would lie, and what the target allows.
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "updater/cargo_memory.h"
#include "updater/cargo_work.h"
#include "updater/path.h"

#define ROM_LIMIT 0x1000000u // ROM loaders address 24 bits

// ---- images ----

static int image_failure(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset,
                         int status)
{
    const struct ferry_image *image = &work->image;
    uint32_t at = offset + image->error_offset;
    const char *shown = item->shown;
    switch (status) {
    case FERRY_ERR_IMAGE_TRUNCATED:
        return ferry_cargo_fail(work, status, item, at, "%s is cut off: it ends after %u bytes, inside %s", shown,
                                (unsigned)(item->source.size), image->segment_count ? "the image" : "the header");
    case FERRY_ERR_IMAGE_CHECKSUM:
        return ferry_cargo_fail(work, status, item, at, "%s: the checksum is 0x%02x, the segments give 0x%02x", shown,
                                image->checksum_stored, image->checksum_computed);
    case FERRY_ERR_IMAGE_HASH:
        return ferry_cargo_fail(work, status, item, at, "%s: the appended SHA-256 does not fit the image", shown);
    case FERRY_ERR_IMAGE_FORMAT:
        return ferry_cargo_fail(work, status, item, at, "%s: %s", shown, image->detail);
    case FERRY_ERR_STORAGE_CHANGED:
        return ferry_cargo_fail(work, status, item, UINT32_MAX, "%s changed while it was read", shown);
    default:
        return ferry_cargo_fail(work, status, item, UINT32_MAX, "%s: reading failed", shown);
    }
}

static int check_chip(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset)
{
    const struct ferry_image *image = &work->image;
    char buf[24];
    bool esp8266 = image->format == FERRY_IMAGE_ESP8266;
    uint16_t id = esp8266 ? (uint16_t)FERRY_CHIP_ESP8266 : image->chip_id;
    if (!work->chip || id == work->chip->id)
        return FERRY_OK;
    return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_CHIP, item, offset + 12, "%s is for %s, connected is %s",
                              item->shown, ferry_cargo_chip_label(id, buf), work->chip->label);
}

static int check_revision(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset)
{
    const struct ferry_image *image = &work->image;
    unsigned have = work->target->revision, least = ferry_image_min_revision(image), most = image->max_revision;
    if (image->format == FERRY_IMAGE_ESP8266 || !work->target->chip || have == 0xFFFF)
        return FERRY_OK;
    if (have < least)
        return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_REVISION, item, offset + 15,
                                  "%s asks for chip revision v%u.%u or newer, this chip is v%u.%u", item->shown,
                                  least / 100, least % 100, have / 100, have % 100);
    if (most != 0 && most != 0xFFFF && have > most)
        return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_REVISION, item, offset + 17,
                                  "%s allows chip revisions up to v%u.%u, this chip is v%u.%u", item->shown, most / 100,
                                  most % 100, have / 100, have % 100);
    return FERRY_OK;
}

// Segments where this chip has no memory, or mapped ones that do not lie on the page they are mapped from, are refused
// by the bootloader.
static int check_segments(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset)
{
    const struct ferry_image *image = &work->image;
    uint16_t chip = work->chip ? work->chip->id : image->chip_id;
    for (size_t i = 0; i < image->segment_count && image->version == 1; i++) {
        const struct ferry_image_segment *segment = &image->segments[i];
        const char *problem = ferry_cargo_memory_problem(chip, segment, item->address + offset);
        if (problem)
            return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_FORMAT, item, offset + segment->offset - 8,
                                      "%s: segment %u (0x%x, %u bytes) %s", item->shown, (unsigned)i,
                                      (unsigned)segment->load_address, (unsigned)segment->size, problem);
    }
    return FERRY_OK;
}

int ferry_cargo_check_image(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset)
{
    int status = ferry_cargo_image(&item->source, offset, work->options->digest, &work->image);
    bool header = work->image.segment_count > 0;
    int other = header ? check_chip(work, item, offset) : FERRY_OK; // the chip first: it explains the most
    if (other < 0)
        return other;
    if (status < 0)
        return image_failure(work, item, offset, status);
    status = check_revision(work, item, offset);
    return status < 0 ? status : check_segments(work, item, offset);
}

static void take_app(struct ferry_cargo_work *work)
{
    struct ferry_plan *plan = work->plan;
    if (!work->image.has_app_desc || *plan->idf)
        return;
    ferry_path_text(plan->project, sizeof plan->project, work->image.app.project);
    ferry_path_text(plan->version, sizeof plan->version, work->image.app.version);
    ferry_path_text(plan->idf, sizeof plan->idf, work->image.app.idf);
}

static int header_flash_size(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item, uint32_t offset)
{
    const struct ferry_image *image = &work->image;
    uint32_t stated = ferry_image_flash_size(image->format, image->flash_size_freq);
    const char *asked = work->options->flash_size_name;
    if (!work->flash_size || stated <= work->flash_size || (asked && *asked && strcmp(asked, "keep") != 0))
        return FERRY_OK;
    if (image->format == FERRY_IMAGE_ESP8266) {
        ferry_cargo_warn(work, "%.60s is built for %u KB of flash, the chip has %u KB", item->shown,
                         (unsigned)(stated / 1024), (unsigned)(work->flash_size / 1024));
        return FERRY_OK;
    }
    int status = ferry_cargo_refuse(work, FERRY_ERR_TOO_LARGE_FLASH, item, offset + 3,
                                    "%s is built for %u MB of flash, the chip has %u MB: it would not start",
                                    item->shown, (unsigned)(stated >> 20), (unsigned)(work->flash_size >> 20));
    if (status < 0)
        ferry_fault_hint(work->fault,
                         "build for the flash that is there, or let --flash-size detect correct the header");
    return status;
}

static int check_bootloader(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset)
{
    int status = ferry_cargo_check_image(work, item, offset);
    if (status < 0)
        return status;
    if (work->image.has_app_desc && work->chip->id != FERRY_CHIP_ESP8266) {
        status = ferry_cargo_refuse(work, FERRY_ERR_NO_PLACE, item, offset,
                                    "%s is an app (%s); at 0x%x the chip expects its bootloader", item->shown,
                                    work->image.app.project, (unsigned)work->chip->bootloader_offset);
        if (status < 0)
            ferry_fault_hint(work->fault, "apps go to their partition, usually 0x10000");
    }
    if (status >= 0)
        item->image_size = work->image.size;
    return status < 0 ? status : header_flash_size(work, item, offset);
}

static int check_app(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, uint32_t offset,
                     const struct ferry_partition *row)
{
    int status = ferry_cargo_check_image(work, item, offset);
    if (status < 0)
        return status;
    if (work->image.has_boot_desc) {
        status = ferry_cargo_refuse(work, FERRY_ERR_NO_PLACE, item, offset,
                                    "%s is a bootloader; it belongs at 0x%x, not at 0x%x", item->shown,
                                    (unsigned)work->chip->bootloader_offset, (unsigned)(item->address + offset));
        if (status < 0)
            return status;
    }
    if (row && work->image.size > row->size)
        return ferry_cargo_fail(work, FERRY_ERR_TOO_LARGE_PARTITION, item, UINT32_MAX,
                                "the app in %s has %u bytes, its partition \"%s\" at 0x%x only %u", item->shown,
                                (unsigned)work->image.size, row->label, (unsigned)row->address, (unsigned)row->size);
    if (offset == 0)
        item->image_size = work->image.size;
    if (!work->image.has_app_desc && work->chip->id != FERRY_CHIP_ESP8266)
        ferry_cargo_warn(work, "%.60s has no application description: project and version are unknown", item->shown);
    take_app(work);
    return FERRY_OK;
}

// ---- items ----

static const struct ferry_partition *app_row_at(const struct ferry_cargo_work *work, uint32_t address)
{
    const struct ferry_partition *row = work->has_table ? ferry_partition_table_at(&work->table, address) : NULL;
    return row && row->type == FERRY_PARTITION_TABLE_APP && row->address == address ? row : NULL;
}

static int check_merged(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    if (item->address != item->base)
        return ferry_cargo_fail(work, FERRY_ERR_NO_PLACE, item, UINT32_MAX,
                                "%s is a merged image (bootloader, partition table and apps); it belongs at 0x%x, not "
                                "at 0x%x",
                                item->shown, (unsigned)item->base, (unsigned)item->address);
    int status = check_bootloader(work, item, item->boot_offset);
    for (size_t i = 0; status >= 0 && work->has_table && i < work->table.count; i++) {
        const struct ferry_partition *row = &work->table.rows[i];
        uint8_t magic = 0;
        if (row->type != FERRY_PARTITION_TABLE_APP || row->address < item->base ||
            row->address - item->base >= item->source.size)
            continue;
        status = item->source.read(item->source.ctx, row->address - item->base, &magic, 1);
        if (status < 0)
            return image_failure(work, item, 0, status);
        if (magic == FERRY_IMAGE_MAGIC)
            status = check_app(work, item, row->address - item->base, row);
    }
    item->image_size = 0;
    return status;
}

// What the address asks for, and the file is not.
static int not_an_image(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item, const char *expected)
{
    if (work->cargo->pairs) {
        ferry_cargo_warn(work, "%.60s is no firmware image, and at 0x%x the chip expects %s", item->shown,
                         (unsigned)item->address, expected);
        return FERRY_OK;
    }
    return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_FORMAT, item, 0,
                              "%s is no firmware image; at 0x%x the chip expects %s", item->shown,
                              (unsigned)item->address, expected);
}

static bool plausible(const struct ferry_cargo_work_item *item)
{
    uint8_t header[24];
    return item->source.size >= sizeof header && item->source.read(item->source.ctx, 0, header, sizeof header) >= 0 &&
           ferry_cargo_plausible(header);
}

static int check_item(struct ferry_cargo_work *work, struct ferry_cargo_work_item *item)
{
    bool image = item->content == FERRY_CARGO_APP_IMAGE || item->content == FERRY_CARGO_BOOTLOADER;
    const struct ferry_partition *row = app_row_at(work, item->address);
    bool boot = item->role == FERRY_CARGO_ROLE_BOOTLOADER || item->address == work->chip->bootloader_offset;
    bool app = item->role == FERRY_CARGO_ROLE_APP || row;
    if (item->content == FERRY_CARGO_MERGED_IMAGE)
        return check_merged(work, item);
    if (item->role == FERRY_CARGO_ROLE_TABLE || item->role == FERRY_CARGO_ROLE_OTADATA)
        return FERRY_OK; // the table was read to the end when it was found
    if (item->content == FERRY_CARGO_ELF)
        return ferry_cargo_refuse(work, FERRY_ERR_IMAGE_FORMAT, item, 0, "%s is an ELF program, not a firmware image",
                                  item->shown);
    if (!image && (boot || app))
        return not_an_image(work, item, boot ? "its bootloader" : "an app");
    if (!image || (work->cargo->pairs && !plausible(item)))
        return FERRY_OK;
    return boot ? check_bootloader(work, item, 0) : check_app(work, item, 0, row);
}

int ferry_cargo_check_content(struct ferry_cargo_work *work)
{
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < work->count; i++)
        status = check_item(work, &work->items[i]);
    return status;
}

// ---- layout ----

static int check_bounds(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item)
{
    uint64_t end = (uint64_t)item->address + item->source.size;
    if (item->address % FERRY_SECTOR_SIZE)
        return ferry_cargo_fail(work, FERRY_ERR_ALIGNMENT, item, UINT32_MAX,
                                "%s at 0x%x does not begin on a flash sector (a multiple of 0x1000)", item->shown,
                                (unsigned)item->address);
    if (work->flash_size && end > work->flash_size)
        return ferry_cargo_fail(
            work, FERRY_ERR_TOO_LARGE_FLASH, item, UINT32_MAX, "%s at 0x%x with %u bytes ends beyond the flash (%u KB)",
            item->shown, (unsigned)item->address, (unsigned)item->source.size, (unsigned)(work->flash_size / 1024));
    if (end > ROM_LIMIT && !ferry_chip_can(work->chip, FERRY_CAP_ADDR_4BYTE_ROM)) {
        int status = ferry_cargo_fail(work, FERRY_ERR_TOO_LARGE_FLASH, item, UINT32_MAX,
                                      "%s at 0x%x with %u bytes ends beyond 16 MB, which the chip's ROM loader cannot "
                                      "address",
                                      item->shown, (unsigned)item->address, (unsigned)item->source.size);
        ferry_fault_hint(work->fault, "keep everything below 16 MB, or use a tool with a flasher stub for the rest");
        return status;
    }
    return FERRY_OK;
}

static int check_overlaps(struct ferry_cargo_work *work)
{
    for (size_t i = 0; i < work->count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct ferry_cargo_work_item *a = &work->items[i], *b = &work->items[k];
            if (a->address > b->address)
                a = b, b = &work->items[i];
            if (b->address - a->address < a->source.size)
                return ferry_cargo_fail(work, FERRY_ERR_OVERLAP, b, UINT32_MAX,
                                        "%.60s (0x%x to 0x%x) and %.60s (from 0x%x) overlap", a->shown,
                                        (unsigned)a->address, (unsigned)(a->address + a->source.size - 1), b->shown,
                                        (unsigned)b->address);
        }
    return FERRY_OK;
}

static int check_partition(struct ferry_cargo_work *work, const struct ferry_cargo_work_item *item)
{
    const struct ferry_partition *row = ferry_partition_table_at(&work->table, item->address);
    uint32_t room = row ? row->address + row->size - item->address : UINT32_MAX;
    if (item->content == FERRY_CARGO_MERGED_IMAGE)
        return FERRY_OK;
    if (item->address < work->table_address)
        room = work->table_address - item->address;
    if (item->source.size > room)
        return ferry_cargo_fail(work, FERRY_ERR_TOO_LARGE_PARTITION, item, UINT32_MAX,
                                "%s has %u bytes, and only %u fit from 0x%x %s%s", item->shown,
                                (unsigned)item->source.size, (unsigned)room, (unsigned)item->address,
                                row ? "into the partition " : "before the partition table", row ? row->label : "");
    if (!row && item->address > work->table_address)
        ferry_cargo_warn(work, "%.60s at 0x%x lies in no partition", item->shown, (unsigned)item->address);
    return FERRY_OK;
}

int ferry_cargo_check_layout(struct ferry_cargo_work *work)
{
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < work->count; i++)
        status = check_bounds(work, &work->items[i]);
    for (size_t i = 0; status >= 0 && work->has_table && i < work->count; i++)
        status = check_partition(work, &work->items[i]); // before overlaps: it says more about the same trouble
    return status < 0 ? status : check_overlaps(work);
}

// ---- target ----

static int guard_bootloader(struct ferry_cargo_work *work)
{
    uint32_t end = work->has_table ? work->table_address : FERRY_PARTITION_TABLE_ADDRESS;
    for (size_t i = 0; i < work->count; i++) {
        const struct ferry_cargo_work_item *item = &work->items[i];
        if (item->address >= end)
            continue;
        int status = ferry_cargo_refuse(work, FERRY_ERR_SECURE_BOOT, item, UINT32_MAX,
                                        "secure boot is on, and %s would be written over the bootloader (0x%x)",
                                        item->shown, (unsigned)item->address);
        if (status < 0)
            return status;
    }
    ferry_cargo_warn(work, "secure boot is on: the target starts signed firmware only");
    return FERRY_OK;
}

int ferry_cargo_check_encryption(struct ferry_cargo_work *work)
{
    const struct ferry_target *target = work->target;
    if (!target->security_known || !target->flash_encryption)
        return FERRY_OK;
    return ferry_cargo_refuse(work, FERRY_ERR_ENCRYPTED, NULL, UINT32_MAX,
                              "flash encryption is on in this %s: what is written plainly would not start",
                              work->chip->label);
}

int ferry_cargo_check_target(struct ferry_cargo_work *work)
{
    const struct ferry_target *target = work->target;
    int status = FERRY_OK;
    if (target->security_known && target->secure_boot)
        status = guard_bootloader(work);
    if (status >= 0 && target->secure_download)
        ferry_cargo_warn(work, "the target is in secure download mode: it cannot prove what it holds");
    return status;
}
