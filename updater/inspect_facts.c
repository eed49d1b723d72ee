#include "updater/inspect_facts.h"

#include <string.h>

#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ferry/codec/otadata.h"
#include "updater/cargo_content.h"
#include "updater/cargo_memory.h"
#include "updater/path.h"

void ferry_inspect_facts_text(cJSON *object, const char *name, const char *text)
{
    char safe[600];
    ferry_path_text(safe, sizeof safe, text);
    cJSON_AddStringToObject(object, name, safe);
}

static void number(cJSON *object, const char *name, uint32_t value)
{
    cJSON_AddNumberToObject(object, name, value);
}

static void hex(cJSON *object, const char *name, const uint8_t *bytes, size_t len)
{
    char text[65];
    for (size_t i = 0; i < len && i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    cJSON_AddStringToObject(object, name, text);
}

void ferry_inspect_facts_fault(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_fault *fault)
{
    cJSON *faults = cJSON_GetObjectItemCaseSensitive(object, "faults");
    if (!faults)
        faults = cJSON_AddArrayToObject(object, "faults");
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "status", ferry_status_name(fault->status));
    ferry_inspect_facts_text(item, "what", fault->what);
    ferry_inspect_facts_text(item, "where", fault->where);
    ferry_inspect_facts_text(item, "hint", fault->hint);
    cJSON_AddItemToArray(faults, item);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "ok");
    cJSON_AddFalseToObject(object, "ok");
    if (!self->first.status)
        self->first = *fault;
}

static void fault_at(struct ferry_inspect_facts *self, cJSON *object, int status, const char *shown, uint32_t offset,
                     const char *what)
{
    struct ferry_fault fault;
    char where[200];
    snprintf(where, sizeof where, "%.170s, offset 0x%x", shown, (unsigned)offset);
    ferry_fault_set(&fault, status, where, "%.100s: %s", shown, what);
    ferry_inspect_facts_fault(self, object, &fault);
}

// ---- image ----

static void segments(cJSON *object, const struct ferry_image *image, uint16_t chip_id)
{
    cJSON *list = cJSON_AddArrayToObject(object, "segments");
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct ferry_image_segment *segment = &image->segments[i];
        const char *memory = ferry_cargo_memory_name(chip_id, segment->load_address);
        cJSON *item = cJSON_CreateObject();
        number(item, "size", segment->size);
        number(item, "load_address", segment->load_address);
        number(item, "offset", segment->offset);
        cJSON_AddStringToObject(item, "memory", memory ? memory : "");
        cJSON_AddItemToArray(list, item);
    }
}

static void app_facts(cJSON *object, const struct ferry_app_desc *app)
{
    cJSON *item = cJSON_AddObjectToObject(object, "app");
    ferry_inspect_facts_text(item, "project", app->project);
    ferry_inspect_facts_text(item, "version", app->version);
    ferry_inspect_facts_text(item, "idf", app->idf);
    ferry_inspect_facts_text(item, "date", app->date);
    ferry_inspect_facts_text(item, "time", app->time);
    hex(item, "elf_sha256", app->elf_sha256, 32);
    number(item, "secure_version", app->secure_version);
    number(item, "min_block_revision", app->min_block_rev);
    number(item, "max_block_revision", app->max_block_rev);
    number(item, "mmu_page_size", app->mmu_page_size);
}

static void boot_facts(cJSON *object, const struct ferry_app_desc_boot *boot)
{
    cJSON *item = cJSON_AddObjectToObject(object, "bootloader");
    number(item, "version", boot->version);
    ferry_inspect_facts_text(item, "idf", boot->idf);
    ferry_inspect_facts_text(item, "built", boot->date_time);
    number(item, "secure_version", boot->secure_version);
}

static void header_facts(cJSON *object, const struct ferry_image *image, const struct ferry_chip *chip)
{
    const char *mode = ferry_image_mode_name(image->flash_mode);
    number(object, "image_version", image->version);
    number(object, "entry", image->entry);
    cJSON_AddStringToObject(object, "flash_mode", mode ? mode : "unknown");
    number(object, "flash_freq_mhz", chip ? chip->freq_mhz[image->flash_size_freq & 15] : 0);
    number(object, "flash_size", ferry_image_flash_size(image->format, image->flash_size_freq));
    if (image->format == FERRY_IMAGE_ESP8266)
        return;
    number(object, "chip_id", image->chip_id);
    number(object, "wp_pin", image->wp_pin);
    number(object, "min_revision", image->min_revision);
    number(object, "min_revision_old", image->min_revision_old);
    number(object, "max_revision", image->max_revision);
}

static void proof_facts(cJSON *object, const struct ferry_image *image, int status)
{
    bool hash_ok = status != FERRY_ERR_IMAGE_HASH;
    cJSON *sum = cJSON_AddObjectToObject(object, "checksum");
    number(sum, "stored", image->checksum_stored);
    number(sum, "computed", image->checksum_computed);
    number(sum, "offset", image->checksum_offset);
    cJSON_AddBoolToObject(sum, "ok", image->checksum_stored == image->checksum_computed);
    cJSON *sha = cJSON_AddObjectToObject(object, "sha256");
    cJSON_AddBoolToObject(sha, "appended", image->hash_appended);
    if (!image->hash_appended)
        return;
    number(sha, "offset", image->hash_offset);
    hex(sha, "stored", image->hash_stored, 32);
    if (status != FERRY_ERR_IMAGE_CHECKSUM) // with a wrong checksum the hash was not looked at
        cJSON_AddBoolToObject(sha, "ok", hash_ok);
}

static void image_faults(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_image *image, int status,
                         uint32_t offset, const char *shown)
{
    bool of_image = image->status == status;
    fault_at(self, object, status, shown, offset + (of_image ? image->error_offset : 0),
             of_image ? image->detail : ferry_status_text(status));
}

// Reads and describes the image at offset.
static cJSON *image_facts(struct ferry_inspect_facts *self, const struct ferry_source *source, uint32_t offset,
                          const char *shown)
{
    struct ferry_image image;
    cJSON *object = cJSON_CreateObject();
    int status = ferry_cargo_image(source, offset, self->digest, &image);
    uint16_t id = image.format == FERRY_IMAGE_ESP8266 ? (uint16_t)FERRY_CHIP_ESP8266 : image.chip_id;
    const struct ferry_chip *chip = ferry_chip_by_id(id);
    char label[24];
    number(object, "offset", offset);
    cJSON_AddTrueToObject(object, "ok");
    if (image.segment_count > 0) {
        cJSON_AddStringToObject(object, "chip", ferry_cargo_chip_label(id, label));
        header_facts(object, &image, chip);
        if (image.has_app_desc)
            app_facts(object, &image.app);
        if (image.has_boot_desc)
            boot_facts(object, &image.boot);
        segments(object, &image, id);
    }
    if (image.size) {
        number(object, "size", image.size);
        number(object, "bytes_behind", source->size - offset - image.size);
        proof_facts(object, &image, status);
    }
    if (status < 0)
        image_faults(self, object, &image, status, offset, shown);
    return object;
}

// ---- partition table, otadata ----

static cJSON *row_facts(const struct ferry_partition *row)
{
    char buf[8];
    cJSON *item = cJSON_CreateObject();
    const char *type = ferry_partition_table_type_name(row->type);
    const char *subtype = ferry_partition_table_subtype_name(row->type, row->subtype);
    ferry_inspect_facts_text(item, "label", row->label);
    snprintf(buf, sizeof buf, "0x%02x", row->type);
    cJSON_AddStringToObject(item, "type", type ? type : buf);
    snprintf(buf, sizeof buf, "0x%02x", row->subtype);
    cJSON_AddStringToObject(item, "subtype", subtype ? subtype : buf);
    number(item, "address", row->address);
    number(item, "size", row->size);
    cJSON_AddBoolToObject(item, "encrypted", row->flags & 1);
    cJSON_AddBoolToObject(item, "readonly", (row->flags >> 1) & 1);
    return item;
}

static cJSON *table_facts(struct ferry_inspect_facts *self, const struct ferry_source *source, uint32_t offset,
                          const char *shown, struct ferry_partition_table *table)
{
    cJSON *object = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(object, "partitions");
    int status = ferry_cargo_table(source, offset, 0, self->digest, table);
    number(object, "offset", offset);
    cJSON_AddTrueToObject(object, "ok");
    for (size_t i = 0; i < table->count; i++)
        cJSON_AddItemToArray(rows, row_facts(&table->rows[i]));
    cJSON_AddBoolToObject(object, "md5", table->has_md5);
    if (status == FERRY_ERR_PARTITION_TABLE)
        fault_at(self, object, status, shown, offset + table->error_offset, table->detail);
    else if (status < 0)
        fault_at(self, object, status, shown, offset, ferry_status_text(status));
    return object;
}

static bool read_entries(const struct ferry_source *source, uint32_t offset, struct ferry_otadata_entry entries[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t bytes[FERRY_OTADATA_ENTRY_SIZE];
        uint32_t at = offset + i * FERRY_OTADATA_SECTOR_SIZE;
        if (at > source->size || source->size - at < sizeof bytes ||
            source->read(source->ctx, at, bytes, sizeof bytes) < 0)
            return false;
        ferry_otadata_decode(&entries[i], bytes);
    }
    return true;
}

static cJSON *otadata_facts(const struct ferry_otadata_entry entries[2], uint8_t slots)
{
    cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "entries");
    for (size_t i = 0; i < 2; i++) {
        cJSON *item = cJSON_CreateObject();
        bool empty = entries[i].seq == FERRY_OTADATA_EMPTY_SEQ;
        cJSON_AddBoolToObject(item, "empty", empty);
        if (!empty) {
            number(item, "seq", entries[i].seq);
            cJSON_AddStringToObject(item, "state", ferry_otadata_state_name(entries[i].state));
            cJSON_AddBoolToObject(item, "crc_ok", entries[i].crc == ferry_otadata_crc(entries[i].seq));
        }
        cJSON_AddItemToArray(list, item);
    }
    if (slots > 0) {
        char slot[16];
        struct ferry_otadata_choice choice = ferry_otadata_choose(entries, slots);
        snprintf(slot, sizeof slot, "ota_%d", choice.slot);
        cJSON_AddStringToObject(object, "selects", choice.slot >= 0 ? slot : "none");
    }
    return object;
}

// A file of two sectors, each empty or with an entry whose CRC fits, and at least one of these.
static bool is_otadata(const struct ferry_source *source, struct ferry_otadata_entry entries[2])
{
    bool any = false;
    if (source->size != 2 * FERRY_OTADATA_SECTOR_SIZE || !read_entries(source, 0, entries))
        return false;
    for (size_t i = 0; i < 2; i++) {
        bool fits = entries[i].crc == ferry_otadata_crc(entries[i].seq);
        if (!fits && entries[i].seq != FERRY_OTADATA_EMPTY_SEQ)
            return false;
        any |= fits;
    }
    return any;
}

// ---- merged image ----

static void merged_apps(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_source *source,
                        uint32_t base, const struct ferry_partition_table *table, const char *shown)
{
    cJSON *apps = cJSON_AddArrayToObject(object, "apps");
    for (size_t i = 0; i < table->count; i++) {
        const struct ferry_partition *row = &table->rows[i];
        uint8_t magic = 0;
        if (row->type != FERRY_PARTITION_TABLE_APP || row->address < base || row->address - base >= source->size ||
            source->read(source->ctx, row->address - base, &magic, 1) < 0 || magic != FERRY_IMAGE_MAGIC)
            continue;
        cJSON *app = image_facts(self, source, row->address - base, shown);
        cJSON_DeleteItemFromObjectCaseSensitive(app, "bytes_behind");
        ferry_inspect_facts_text(app, "partition", row->label);
        cJSON_AddItemToArray(apps, app);
    }
}

static void merged_facts(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_source *source,
                         const struct ferry_cargo_peek *peek, const char *shown)
{
    struct ferry_partition_table table = {.count = 0};
    struct ferry_otadata_entry entries[2];
    number(object, "address", peek->base);
    cJSON *boot = image_facts(self, source, peek->boot_offset, shown);
    cJSON_DeleteItemFromObjectCaseSensitive(boot, "bytes_behind"); // the rest of the image, which is described too
    cJSON_AddItemToObject(object, "image", boot);
    if (peek->table_address == UINT32_MAX)
        return;
    cJSON_AddItemToObject(object, "partition_table",
                          table_facts(self, source, peek->table_address - peek->base, shown, &table));
    const struct ferry_partition *otadata =
        ferry_partition_table_find(&table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    if (otadata && otadata->address >= peek->base && read_entries(source, otadata->address - peek->base, entries))
        cJSON_AddItemToObject(object, "otadata", otadata_facts(entries, ferry_partition_table_slots(&table)));
    merged_apps(self, object, source, peek->base, &table, shown);
}

// ---- file ----

static const char *kind_name(enum ferry_cargo_content content)
{
    static const char *const names[] = {"data",         "app image",       "bootloader image",
                                        "merged image", "partition table", "ELF program"};
    return names[content];
}

static void content_facts(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_source *source,
                          const struct ferry_cargo_peek *peek, const char *shown)
{
    struct ferry_partition_table table;
    struct ferry_otadata_entry entries[2];
    switch (peek->content) {
    case FERRY_CARGO_APP_IMAGE:
    case FERRY_CARGO_BOOTLOADER:
        cJSON_AddItemToObject(object, "image", image_facts(self, source, 0, shown));
        break;
    case FERRY_CARGO_MERGED_IMAGE:
        merged_facts(self, object, source, peek, shown);
        break;
    case FERRY_CARGO_TABLE:
        cJSON_AddItemToObject(object, "partition_table", table_facts(self, source, 0, shown, &table));
        break;
    case FERRY_CARGO_ELF:
    case FERRY_CARGO_OTHER:
        if (is_otadata(source, entries)) {
            cJSON_ReplaceItemInObjectCaseSensitive(object, "kind", cJSON_CreateString("otadata"));
            cJSON_AddItemToObject(object, "otadata", otadata_facts(entries, 0));
        }
        break;
    }
}

cJSON *ferry_inspect_facts_file(struct ferry_inspect_facts *self, const struct ferry_source *source, const char *shown)
{
    struct ferry_inspect_facts own = {.digest = self->digest};
    struct ferry_cargo_peek peek;
    cJSON *object = cJSON_CreateObject();
    int status = ferry_cargo_peek(source, &peek);
    bool silent = peek.content == FERRY_CARGO_APP_IMAGE && !peek.image.has_app_desc; // app or old bootloader
    cJSON_AddStringToObject(object, "kind", silent ? "firmware image" : kind_name(peek.content));
    number(object, "size", source->size);
    if (status >= 0)
        content_facts(&own, object, source, &peek, shown);
    else
        fault_at(&own, object, status, shown, 0, ferry_status_text(status));
    if (source->size == 0)
        fault_at(&own, object, FERRY_ERR_IMAGE_TRUNCATED, shown, 0, "the file is empty");
    cJSON_DeleteItemFromObjectCaseSensitive(object, "ok");
    cJSON_AddBoolToObject(object, "ok", own.first.status == 0);
    if (!self->first.status)
        self->first = own.first;
    return object;
}
