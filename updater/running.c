#include "updater/running.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/app_desc.h"
#include "ferry/codec/image.h"
#include "ferry/codec/otadata.h"
#include "ferry/codec/partition_table.h"
#include "updater/path.h"

#define HEADER 24
#define SEGMENT 8
#define HEAD (HEADER + SEGMENT + FERRY_APP_DESC_SIZE) // the description begins the first segment
#define SHA256 32

struct look {
    int (*read)(void *ctx, uint32_t address, uint8_t *buf, size_t len);
    void *ctx;
    struct ferry_running *out;
    struct ferry_partition_table table;
    uint8_t bytes[FERRY_PARTITION_TABLE_SIZE];
};

static bool all(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

void ferry_running_from_info(const struct ferry_target_info *info, struct ferry_running *out)
{
    memset(out, 0, sizeof *out);
    if (!info)
        return;
    out->state = FERRY_RUNNING_KNOWN;
    ferry_path_text(out->project, sizeof out->project, info->project);
    ferry_path_text(out->version, sizeof out->version, info->version);
    memcpy(out->sha256, info->sha256, sizeof out->sha256);
}

void ferry_running_hex(const struct ferry_running *self, char out[65])
{
    out[0] = 0;
    if (self->state != FERRY_RUNNING_KNOWN || all(self->sha256, sizeof self->sha256, 0))
        return;
    for (size_t i = 0; i < sizeof self->sha256; i++)
        snprintf(out + 2 * i, 3, "%02x", self->sha256[i]);
}

// The bootloader's choice among the OTA slots; -1 = factory, or the first that there is.
static int choose_slot(struct look *look, int *slot)
{
    struct ferry_otadata_entry entries[2];
    const struct ferry_partition *data =
        ferry_partition_table_find(&look->table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    int status = FERRY_OK;
    *slot = -1;
    if (!data)
        return FERRY_OK;
    for (uint32_t i = 0; i < 2 && status >= 0; i++) {
        status =
            look->read(look->ctx, data->address + i * FERRY_OTADATA_SECTOR_SIZE, look->bytes, FERRY_OTADATA_ENTRY_SIZE);
        if (status >= 0)
            ferry_otadata_decode(&entries[i], look->bytes);
    }
    if (status >= 0)
        *slot = ferry_otadata_choose(entries, ferry_partition_table_slots(&look->table)).slot;
    return status;
}

static const struct ferry_partition *app_of(const struct look *look, int slot)
{
    const struct ferry_partition *app = NULL;
    if (slot < 0)
        app = ferry_partition_table_find(&look->table, FERRY_PARTITION_TABLE_APP, FERRY_PARTITION_TABLE_FACTORY);
    for (int i = slot < 0 ? 0 : slot; !app && i < 16; i++)
        app = ferry_partition_table_find(&look->table, FERRY_PARTITION_TABLE_APP,
                                         (uint8_t)(FERRY_PARTITION_TABLE_OTA_0 + i));
    return app;
}

// The SHA-256 at the image's end; all 0 when it has none. The head is in look->bytes.
static int read_hash(struct look *look, const struct ferry_partition *app)
{
    uint8_t segments = look->bytes[1], header[SEGMENT];
    bool appended = look->bytes[23] == 1;
    uint32_t at = HEADER, size = ferry_load32le(look->bytes + HEADER + 4);
    if (!appended || segments == 0 || segments >= FERRY_IMAGE_MAX_SEGMENTS)
        return FERRY_OK;
    for (uint8_t i = 0;;) {
        if (size > app->size || at + SEGMENT > app->size - size)
            return FERRY_OK;
        at += SEGMENT + size;
        if (++i == segments)
            break;
        int status = look->read(look->ctx, app->address + at, header, sizeof header);
        if (status < 0)
            return status;
        size = ferry_load32le(header + 4);
    }
    at = (at | 15u) + 1; // the checksum is the last of 16 bytes
    if (app->size < SHA256 || at > app->size - SHA256)
        return FERRY_OK;
    int status = look->read(look->ctx, app->address + at, look->bytes, SHA256);
    if (status >= 0 && !all(look->bytes, SHA256, 0xFF))
        memcpy(look->out->sha256, look->bytes, SHA256);
    return status;
}

static int read_app(struct look *look, const struct ferry_partition *app)
{
    struct ferry_app_desc desc;
    int status = look->read(look->ctx, app->address, look->bytes, HEAD);
    if (status < 0 || look->bytes[0] != FERRY_IMAGE_MAGIC)
        return status;
    look->out->state = FERRY_RUNNING_KNOWN;
    if (ferry_app_desc_parse(&desc, look->bytes + HEADER + SEGMENT)) {
        ferry_path_text(look->out->project, sizeof look->out->project, desc.project);
        ferry_path_text(look->out->version, sizeof look->out->version, desc.version);
    }
    return read_hash(look, app);
}

static int read_all(struct look *look, uint32_t bootloader)
{
    int status = look->read(look->ctx, FERRY_PARTITION_TABLE_ADDRESS, look->bytes, FERRY_PARTITION_TABLE_SIZE);
    bool erased = status >= 0 && all(look->bytes, FERRY_PARTITION_TABLE_SIZE, 0xFF);
    int slot;
    if (status < 0)
        return status;
    if (erased) {
        status = look->read(look->ctx, bootloader, look->bytes, HEADER);
        if (status >= 0 && all(look->bytes, HEADER, 0xFF))
            look->out->state = FERRY_RUNNING_BLANK;
        return status;
    }
    if (ferry_partition_table_parse(&look->table, look->bytes, FERRY_PARTITION_TABLE_SIZE) < 0)
        return FERRY_OK;
    status = choose_slot(look, &slot);
    const struct ferry_partition *app = status >= 0 ? app_of(look, slot) : NULL;
    return app ? read_app(look, app) : status;
}

int ferry_running_read(int (*bytes)(void *ctx, uint32_t address, uint8_t *buf, size_t len), void *ctx,
                       uint32_t bootloader, struct ferry_running *out)
{
    struct look *look = malloc(sizeof *look);
    memset(out, 0, sizeof *out);
    if (!look)
        return FERRY_ERR_NO_MEMORY;
    look->read = bytes;
    look->ctx = ctx;
    look->out = out;
    int status = read_all(look, bootloader);
    free(look);
    if (status < 0)
        memset(out, 0, sizeof *out);
    return status == FERRY_ERR_STATE ? status : FERRY_OK;
}
