#include "depot/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/query.h"
#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ferry/codec/image.h"
#include "ferry/codec/partition_table.h"

enum { TABLE_LAST = 0x20000, SECTOR = 0x1000 };

struct describing {
    const struct ferry_digest *digest;
    struct ferry_depot_build *build;
    struct ferry_depot_error *error;
    char *layout;
    struct ferry_depot_describe_file *file; // the one that is looked at
    struct ferry_image image;
    struct ferry_partition_table table;
    uint16_t chip;
    bool has_app, has_table, has_boot, has_merged;
};

static int fail(struct describing *d, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct describing *d, int status, const char *format, ...)
{
    va_list args;
    memset(d->error, 0, sizeof *d->error);
    d->error->status = status;
    va_start(args, format);
    vsnprintf(d->error->what, sizeof d->error->what, format, args);
    va_end(args);
    snprintf(d->error->where, sizeof d->error->where, "%s", d->file ? d->file->name : "");
    snprintf(d->error->hint, sizeof d->error->hint, "%s", ferry_status_hint(status));
    return status;
}

// Text out of an image: control characters, and all that is not ASCII where it is no UTF-8, become '?'; what is too
// long ends early.
static void take(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (ferry_depot_query_utf8(out))
        return;
    for (char *c = out; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
}

static int read_at(struct describing *d, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_source *source = &d->file->source;
    int status = source->read(source->ctx, offset, buf, len);
    return status < 0 ? fail(d, status, "%s cannot be read: %s", d->file->name, ferry_status_text(status)) : FERRY_OK;
}

// ---- images ----

// The image at offset, to its end. The digest is of what its appended SHA-256 covers.
static int read_image(struct describing *d, uint32_t offset)
{
    uint8_t piece[4096], sha256[FERRY_SHA256_SIZE];
    uint32_t at = offset, size = d->file->source.size;
    const struct ferry_digest *digest = d->digest;
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    ferry_image_init(&d->image, FERRY_IMAGE_AUTO);
    while (status >= 0 && at < size && !ferry_image_ended(&d->image)) {
        size_t len = size - at < sizeof piece ? size - at : sizeof piece;
        status = read_at(d, at, piece, len);
        for (size_t k = 0; status >= 0 && k < len && !ferry_image_ended(&d->image);) {
            bool hashed = ferry_image_in_hash(&d->image);
            size_t n = ferry_image_feed(&d->image, piece + k, len - k);
            if (hashed)
                status = digest->update(digest->ctx, piece + k, n);
            if (n == 0)
                break;
            k += n;
        }
        at += (uint32_t)len;
    }
    if (status >= 0 && digest->finish(digest->ctx, sha256, sizeof sha256) < 0)
        status = FERRY_ERR_STATE;
    return status < 0 ? status : ferry_image_finish(&d->image, sha256);
}

static int bad_image(struct describing *d, int status)
{
    if (status != d->image.status)
        return d->error->status ? status : fail(d, status, "%s", ferry_status_text(status));
    return fail(d, status, "%s: %s%s%s", d->file->name, ferry_status_text(status), d->image.detail ? ": " : "",
                d->image.detail ? d->image.detail : "");
}

static int take_chip(struct describing *d, uint16_t id)
{
    const struct ferry_chip *chip = ferry_chip_by_id(id);
    if (!chip)
        return fail(d, FERRY_ERR_UNKNOWN_CHIP, "%s is for a chip (id %u) that this program does not know",
                    d->file->name, (unsigned)id);
    if (d->chip != FERRY_CHIP_ANY && d->chip != id)
        return fail(d, FERRY_ERR_IMAGE_CHIP, "%s is for %s, and another file of the build is for %s", d->file->name,
                    chip->label, d->build->chip);
    d->chip = id;
    snprintf(d->build->chip, sizeof d->build->chip, "%s", chip->name);
    return FERRY_OK;
}

static uint16_t chip_of(const struct ferry_image *image)
{
    return image->format == FERRY_IMAGE_ESP8266 ? (uint16_t)FERRY_CHIP_ESP8266 : image->chip_id;
}

// SHA-256 of the app image as a file: without what may follow it (filler, a signature).
static int hash_app(struct describing *d, uint32_t offset)
{
    uint8_t piece[4096];
    const struct ferry_digest *digest = d->digest;
    int status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; status >= 0 && at < d->image.size;) {
        size_t len = d->image.size - at < sizeof piece ? d->image.size - at : sizeof piece;
        status = read_at(d, offset + at, piece, len);
        if (status >= 0)
            status = digest->update(digest->ctx, piece, len);
        at += (uint32_t)len;
    }
    return status < 0 ? status : digest->finish(digest->ctx, d->build->app_sha256, FERRY_SHA256_SIZE);
}

static int take_app(struct describing *d, uint32_t offset)
{
    struct ferry_depot_build *b = d->build;
    const struct ferry_app_desc *app = &d->image.app;
    if (d->has_app) // a second app (a factory image besides): the first one names the build
        return FERRY_OK;
    d->has_app = true;
    if (d->image.has_app_desc) {
        take(b->project, sizeof b->project, app->project);
        take(b->version, sizeof b->version, app->version);
        take(b->idf, sizeof b->idf, app->idf);
        char built[40];
        snprintf(built, sizeof built, "%s %s", app->date, app->time);
        take(b->built, sizeof b->built, *app->date ? built : "");
        memcpy(b->app_elf_sha256, app->elf_sha256, FERRY_SHA256_SIZE);
    }
    if (d->image.hash_appended)
        memcpy(b->app_image_sha256, d->image.hash_stored, FERRY_SHA256_SIZE);
    return hash_app(d, offset);
}

static int take_image(struct describing *d, uint32_t offset)
{
    int status = read_image(d, offset);
    if (status < 0)
        return bad_image(d, status);
    return take_chip(d, chip_of(&d->image));
}

static void take_flash_size(struct describing *d)
{
    uint32_t size = ferry_image_flash_size(d->image.format, d->image.flash_size_freq);
    if (size)
        d->build->flash_size = size;
}

// ---- partition tables ----

static void write_layout(struct describing *d)
{
    size_t used = (size_t)snprintf(d->layout, FERRY_DEPOT_LAYOUT, "[");
    for (size_t i = 0; i < d->table.count; i++) {
        const struct ferry_partition *row = &d->table.rows[i];
        const char *type = ferry_partition_table_type_name(row->type);
        const char *subtype = ferry_partition_table_subtype_name(row->type, row->subtype);
        char label[17], types[8], subtypes[8], text[200];
        take(label, sizeof label, row->label);
        for (char *c = label; *c; c++)
            *c = *c == '"' || *c == '\\' ? '?' : *c;
        snprintf(types, sizeof types, "0x%02x", row->type);
        snprintf(subtypes, sizeof subtypes, "0x%02x", row->subtype);
        int len = snprintf(text, sizeof text,
                           "%s{\"label\":\"%s\",\"type\":\"%s\",\"subtype\":\"%s\",\"address\":%lu,\"size\":%lu}",
                           i ? "," : "", label, type ? type : types, subtype ? subtype : subtypes,
                           (unsigned long)row->address, (unsigned long)row->size);
        if (used + (size_t)len + 2 > FERRY_DEPOT_LAYOUT) // 95 rows of the longest kind do not fit; 60 do
            break;
        memcpy(d->layout + used, text, (size_t)len + 1);
        used += (size_t)len;
    }
    snprintf(d->layout + used, FERRY_DEPOT_LAYOUT - used, "]");
}

static int check_md5(struct describing *d, const uint8_t *bytes)
{
    uint8_t md5[FERRY_MD5_SIZE];
    const struct ferry_digest *digest = d->digest;
    bool good = !d->table.has_md5 ||
                (digest->begin(digest->ctx, FERRY_DIGEST_MD5) >= 0 &&
                 digest->update(digest->ctx, bytes, d->table.md5_length) >= 0 &&
                 digest->finish(digest->ctx, md5, sizeof md5) >= 0 && memcmp(md5, d->table.md5, sizeof md5) == 0);
    return good ? FERRY_OK
                : fail(d, FERRY_ERR_PARTITION_TABLE, "the partition table in %s is damaged: its MD5 is wrong",
                       d->file->name);
}

static int take_table(struct describing *d, uint32_t offset)
{
    uint8_t bytes[FERRY_PARTITION_TABLE_SIZE];
    uint32_t left = d->file->source.size - offset;
    size_t len = left < sizeof bytes ? left : sizeof bytes;
    int status = read_at(d, offset, bytes, len);
    if (status < 0)
        return status;
    if (ferry_partition_table_parse(&d->table, bytes, len) < 0)
        return fail(d, FERRY_ERR_PARTITION_TABLE, "the partition table in %s is damaged: %s", d->file->name,
                    d->table.detail ? d->table.detail : "");
    status = check_md5(d, bytes);
    if (status >= 0 && !d->has_table)
        write_layout(d);
    d->has_table = true;
    return status;
}

// ---- files ----

static bool is_image(struct describing *d, uint32_t offset, int *status)
{
    uint8_t magic[4] = {0};
    if (d->file->source.size < sizeof magic || offset > d->file->source.size - sizeof magic)
        return false;
    *status = read_at(d, offset, magic, sizeof magic);
    return *status >= 0 && (magic[0] == FERRY_IMAGE_MAGIC || magic[0] == FERRY_IMAGE_MAGIC_8266_V2) && magic[1] > 0 &&
           magic[1] <= FERRY_IMAGE_MAX_SEGMENTS && magic[2] < 6;
}

static bool is_table(struct describing *d, uint32_t offset, int *status)
{
    uint8_t magic[2] = {0};
    if (d->file->source.size < FERRY_PARTITION_TABLE_ROW_SIZE ||
        offset > d->file->source.size - FERRY_PARTITION_TABLE_ROW_SIZE)
        return false;
    *status = read_at(d, offset, magic, sizeof magic);
    return *status >= 0 && magic[0] == 0xaa && magic[1] == 0x50;
}

static void role(struct describing *d, const char *name)
{
    if (!d->file->role[0])
        snprintf(d->file->role, sizeof d->file->role, "%s", name);
}

// Bootloader (just read), table and apps in one file that begins at `base` of the flash.
static int take_merged(struct describing *d, uint32_t base, uint32_t table)
{
    struct ferry_partition_table *t = &d->table;
    d->has_merged = true;
    role(d, "merged");
    if (d->file->address == FERRY_DEPOT_NO_ADDRESS)
        d->file->address = base;
    int status = take_table(d, table - base);
    for (size_t i = 0; status >= 0 && i < t->count; i++) {
        bool inside = t->rows[i].address >= base && t->rows[i].address - base < d->file->source.size;
        if (t->rows[i].type != FERRY_PARTITION_TABLE_APP || !inside || !is_image(d, t->rows[i].address - base, &status))
            continue;
        uint32_t offset = t->rows[i].address - base;
        status = take_image(d, offset);
        if (status >= 0)
            status = take_app(d, offset);
    }
    return status;
}

// A file that has a bootloader at `offset` is a merged image when a partition table follows: at 0x8000, unless the
// project moved it up, a sector at a time, to where apps may begin.
static int maybe_merged(struct describing *d, uint32_t offset, bool *merged)
{
    const struct ferry_chip *chip = ferry_chip_by_id(chip_of(&d->image));
    uint32_t base = offset || !chip ? 0 : chip->bootloader_offset;
    int status = FERRY_OK;
    *merged = false;
    if (d->file->address != FERRY_DEPOT_NO_ADDRESS)
        base = d->file->address;
    for (uint32_t at = FERRY_PARTITION_TABLE_ADDRESS; status >= 0 && at <= TABLE_LAST; at += SECTOR)
        if (at >= base && is_table(d, at - base, &status)) {
            *merged = true;
            return take_merged(d, base, at);
        }
    return status;
}

static bool is_boot(const struct describing *d)
{
    const struct ferry_chip *chip = ferry_chip_by_id(d->chip);
    return d->image.has_boot_desc || strcmp(d->file->role, "bootloader") == 0 ||
           (!d->image.has_app_desc && !d->file->role[0] && chip && d->file->address == chip->bootloader_offset &&
            d->chip != FERRY_CHIP_ESP8266);
}

static int look_at_image(struct describing *d, uint32_t offset)
{
    bool merged = false;
    int status = take_image(d, offset);
    if (status < 0)
        return status;
    bool app = d->image.has_app_desc || strcmp(d->file->role, "app") == 0;
    if (!app)
        take_flash_size(d);
    if (!app || offset)
        status = maybe_merged(d, offset, &merged);
    if (status < 0 || merged)
        return status;
    if (is_boot(d)) {
        d->has_boot = true;
        role(d, "bootloader");
        return FERRY_OK;
    }
    role(d, "app");
    return take_app(d, offset);
}

// A dump of a whole flash whose bootloader does not lie at 0: filler, then the bootloader.
static int look_further(struct describing *d)
{
    static const uint32_t offsets[] = {0x1000, 0x2000};
    int status = FERRY_OK;
    uint8_t first;
    status = read_at(d, 0, &first, 1);
    for (size_t i = 0; status >= 0 && first == 0xff && i < 2; i++)
        if (is_image(d, offsets[i], &status))
            return look_at_image(d, offsets[i]);
    role(d, "data");
    return status;
}

static int look(struct describing *d)
{
    int status = FERRY_OK;
    d->build->size += d->file->source.size;
    if (d->file->source.size == 0)
        return fail(d, FERRY_ERR_IMAGE_TRUNCATED, "%s is empty", d->file->name);
    if (is_image(d, 0, &status))
        return look_at_image(d, 0);
    if (status >= 0 && is_table(d, 0, &status)) {
        role(d, "partition-table");
        return take_table(d, 0);
    }
    return status < 0 ? status : look_further(d);
}

// A project for a build whose app does not say one: the file's name without its ending.
static void name_it(struct describing *d, const struct ferry_depot_describe_file *files, size_t count)
{
    struct ferry_depot_build *b = d->build;
    const char *from = files[0].name;
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i].role, "app") == 0 || strcmp(files[i].role, "merged") == 0)
            from = files[i].name;
    if (b->project[0])
        return;
    take(b->project, sizeof b->project, from);
    char *end = strrchr(b->project, '.');
    if (end && end != b->project)
        *end = 0;
    if (!b->project[0])
        snprintf(b->project, sizeof b->project, "firmware");
}

int ferry_depot_describe(struct ferry_depot_describe_file *files, size_t count, const struct ferry_digest *digest,
                         struct ferry_depot_build *build, char layout[FERRY_DEPOT_LAYOUT],
                         struct ferry_depot_error *error)
{
    struct describing *d = calloc(1, sizeof *d);
    memset(build, 0, sizeof *build);
    memset(error, 0, sizeof *error);
    layout[0] = 0;
    if (!d) {
        error->status = FERRY_ERR_NO_MEMORY;
        return FERRY_ERR_NO_MEMORY;
    }
    *d =
        (struct describing){.digest = digest, .build = build, .error = error, .layout = layout, .chip = FERRY_CHIP_ANY};
    int status = FERRY_OK;
    for (size_t i = 0; status >= 0 && i < count; i++) {
        d->file = &files[i];
        status = look(d);
    }
    d->file = count ? &files[0] : 0;
    if (status >= 0 && !d->has_app && !d->has_boot && !d->has_merged)
        status =
            fail(d, FERRY_ERR_NO_CARGO, "%s", count ? "none of the files is a firmware" : "there are no files to add");
    if (status >= 0) {
        name_it(d, files, count);
        snprintf(build->kind, sizeof build->kind, "%s",
                 count > 1       ? "build"
                 : d->has_merged ? "merged"
                 : d->has_app    ? "app"
                                 : "files");
    }
    free(d);
    return status < 0 ? status : FERRY_OK;
}
