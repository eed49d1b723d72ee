// Where files go, and whether they fit: all before anything is erased.
#if defined(ARDUINO) && defined(ESP32)
#include "Flasher.h"

static const uint32_t TABLE = FERRY_PARTITION_TABLE_ADDRESS;
static const uint32_t SECTOR = FERRY_SECTOR_SIZE;
static const uint32_t OTADATA = 0xfffffffe; // placed once the table is known
static const uint32_t APP = 0xfffffffd;

static ferry_partition_table table; // of the job that is being checked: too large for the stack of loop()

// An image begins with E9, or EA on the ESP8266.
static bool isImage(FerryFile &file)
{
    uint8_t magic = 0;
    return file.io.read(&file, 0, &magic, 1) >= 0 && (magic == FERRY_IMAGE_MAGIC || magic == FERRY_IMAGE_MAGIC_8266_V2);
}

bool FerryFlasher::placeOne(Item &item)
{
    char *rest = nullptr;
    unsigned long address = strncasecmp(item.name, "0x", 2) == 0 ? strtoul(item.name, &rest, 16) : 0;
    if (item.address != AUTO)
        return true;
    if (rest != nullptr && (*rest == '_' || *rest == '-' || *rest == '.'))
        item.address = static_cast<uint32_t>(address);
    else if (ferryEnds(item.name, "bootloader.bin"))
        item.address = target().chip->bootloader_offset;
    else if (ferryEnds(item.name, "partitions.bin") || ferryEnds(item.name, "partition-table.bin"))
        item.address = TABLE;
    else if (ferryEnds(item.name, "merged.bin"))
        item.address = 0;
    else if (ferryEnds(item.name, "boot_app0.bin") || ferryEnds(item.name, "ota_data_initial.bin"))
        item.address = OTADATA;
    else if (isImage(item.file))
        item.address = target().chip->id == FERRY_CHIP_ESP8266 ? 0 : APP;
    else
        return fail(FERRY_ERR_NO_PLACE, "it is no firmware image", item.name);
    return true;
}

// The table that is written in this job. False: there is none (error_ clear), or it is damaged.
bool FerryFlasher::readTable()
{
    for (uint8_t i = 0; i < count_; i++) {
        Item &item = items_[i];
        if (item.address != TABLE)
            continue;
        uint8_t bytes[256];
        static uint8_t all[FERRY_PARTITION_TABLE_SIZE];
        uint32_t size = item.file.io.size < sizeof all ? item.file.io.size : static_cast<uint32_t>(sizeof all);
        for (uint32_t at = 0; at < size; at += sizeof bytes) {
            uint32_t n = size - at < sizeof bytes ? size - at : static_cast<uint32_t>(sizeof bytes);
            if (item.file.io.read(&item.file, at, all + at, n) < 0)
                return fail(FERRY_ERR_STORAGE_READ, "", item.name);
        }
        int status = ferry_partition_table_parse(&table, all, size);
        if (status >= 0)
            status = ferry_partition_table_check(&table, target().flash_size);
        return status >= 0 || fail(status, table.detail, item.name);
    }
    return false;
}

static const ferry_partition *firstApp()
{
    const ferry_partition *app =
        ferry_partition_table_find(&table, FERRY_PARTITION_TABLE_APP, FERRY_PARTITION_TABLE_FACTORY);
    return app != nullptr ? app
                          : ferry_partition_table_find(&table, FERRY_PARTITION_TABLE_APP, FERRY_PARTITION_TABLE_OTA_0);
}

bool FerryFlasher::place()
{
    for (uint8_t i = 0; i < count_; i++)
        if (!placeOne(items_[i]))
            return false;
    bool has = readTable();
    if (!has && error_)
        return false;
    const ferry_partition *app = has ? firstApp() : nullptr;
    const ferry_partition *otadata =
        has ? ferry_partition_table_find(&table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA) : nullptr;
    for (uint8_t i = 0; i < count_; i++) {
        Item &item = items_[i];
        if (item.address == APP && app == nullptr)
            return fail(FERRY_ERR_NO_PLACE, "there is no partition table beside it that has a place for an app",
                        item.name);
        if (item.address == OTADATA && otadata == nullptr)
            return fail(FERRY_ERR_NO_PLACE, "the partition table beside it has no otadata", item.name);
        item.address = item.address == APP ? app->address : item.address == OTADATA ? otadata->address : item.address;
    }
    for (uint8_t i = 0; i < count_; i++)
        if (has && !checkRoom(items_[i]))
            return false;
    return true;
}

bool FerryFlasher::checkRoom(const Item &item)
{
    const ferry_partition *row = ferry_partition_table_at(&table, item.address);
    if (row == nullptr || item.address == 0) // bootloader, table, merged image: no rows of their own
        return true;
    return item.file.io.size <= row->size - (item.address - row->address) ||
           fail(FERRY_ERR_TOO_LARGE_PARTITION, row->label, item.name);
}

bool FerryFlasher::checkChip(const Item &item, const ferry_image &image)
{
    const ferry_target &t = target();
    bool old = t.chip->id == FERRY_CHIP_ESP8266;
    if (force_)
        return true;
    if (old != (image.format == FERRY_IMAGE_ESP8266) || (!old && image.chip_id != t.chip->id))
        return fail(FERRY_ERR_IMAGE_CHIP, t.chip->label, item.name);
    bool too_new = image.max_revision != 0 && image.max_revision != 0xffff && t.revision > image.max_revision;
    if (!old && (t.revision < ferry_image_min_revision(&image) || too_new))
        return fail(FERRY_ERR_IMAGE_REVISION, "", item.name);
    if ((t.flash_encryption || t.secure_boot) && t.security_known)
        return fail(t.flash_encryption ? FERRY_ERR_ENCRYPTED : FERRY_ERR_SECURE_BOOT, "", item.name);
    return true;
}

// Looks through a whole image: format, checksum, SHA-256. Files without an image's magic are data and not judged.
bool FerryFlasher::checkImage(Item &item)
{
    static ferry_image image;
    uint8_t hash[FERRY_SHA256_SIZE];
    ferry_image_init(&image, target().chip->id == FERRY_CHIP_ESP8266 ? FERRY_IMAGE_ESP8266 : FERRY_IMAGE_ESP32);
    int status = digest_.io.begin(&digest_, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; status >= 0 && at < item.file.io.size && !ferry_image_ended(&image);) {
        uint32_t left = item.file.io.size - at;
        size_t n = left < sizeof scratch_ ? left : sizeof scratch_, used = 0;
        status = item.file.io.read(&item.file, at, scratch_, n);
        while (status >= 0 && used < n && !ferry_image_ended(&image)) {
            bool hashed = ferry_image_in_hash(&image);
            size_t took = ferry_image_feed(&image, scratch_ + used, n - used);
            if (hashed)
                digest_.io.update(&digest_, scratch_ + used, took);
            used += took;
            if (took == 0)
                break;
        }
        at += static_cast<uint32_t>(n);
    }
    if (status >= 0)
        status = digest_.io.finish(&digest_, hash, sizeof hash);
    if (status < 0)
        return fail(status, "", item.name);
    status = ferry_image_finish(&image, hash);
    item.app = image.has_app_desc;
    return status >= 0 ? checkChip(item, image) : fail(status, image.detail, item.name);
}

void FerryFlasher::sort()
{
    for (uint8_t i = 1; i < count_; i++)
        for (uint8_t j = i; j > 0 && items_[j].address < items_[j - 1].address; j--) {
            Item keep = items_[j];
            items_[j] = items_[j - 1];
            items_[j - 1] = keep;
        }
    for (uint8_t i = 0; i < count_; i++)
        items_[i].file.io.ctx = &items_[i].file; // they have moved
}

// Sorted, on sectors, apart, inside the flash.
bool FerryFlasher::lie()
{
    uint64_t end = 0;
    const uint32_t flash = target().flash_size;
    for (uint8_t i = 0; i < count_; i++) {
        const Item &item = items_[i];
        if (item.address % SECTOR != 0)
            return fail(FERRY_ERR_ALIGNMENT, "", item.name);
        if (item.address < end)
            return fail(FERRY_ERR_OVERLAP, "", item.name);
        end = (static_cast<uint64_t>(item.address) + item.file.io.size + SECTOR - 1) / SECTOR * SECTOR;
        if (flash == 0 || end > flash)
            return fail(flash == 0 ? FERRY_ERR_FLASH_SIZE : FERRY_ERR_TOO_LARGE_FLASH, "", item.name);
    }
    return true;
}

static int readBlank(void *, uint32_t, uint8_t *buf, size_t len)
{
    memset(buf, 0xff, len);
    return FERRY_OK;
}

// A table with otadata, an app, and nothing for otadata: it is made blank, or what an older firmware had selected
// there would start instead of the app that has just been written.
bool FerryFlasher::addOtadata()
{
    const ferry_partition *row = nullptr;
    if (readTable())
        row = ferry_partition_table_find(&table, FERRY_PARTITION_TABLE_DATA, FERRY_PARTITION_TABLE_OTADATA);
    else if (error_)
        return false;
    uint8_t at = 0;
    regionCount_ = 0;
    for (uint8_t i = 0; i <= count_; i++) {
        bool covered = row == nullptr || (i < count_ && items_[i].address <= row->address &&
                                          row->address - items_[i].address < items_[i].file.io.size);
        if (row != nullptr && !covered && (i == count_ || items_[i].address > row->address)) {
            regions_[at] = {row->address, row->size, 0};
            sources_[at++] = {nullptr, row->size, readBlank};
            row = nullptr;
        } else if (covered)
            row = nullptr;
        if (i == count_)
            break;
        regions_[at] = {items_[i].address, items_[i].file.io.size, 0};
        sources_[at++] = items_[i].file.io;
    }
    regionCount_ = at;
    return true;
}

bool FerryFlasher::check()
{
    sort();
    if (!lie())
        return false;
    for (uint8_t i = 0; i < count_; i++) {
        Item &item = items_[i];
        bool boot = target().chip->id != FERRY_CHIP_ESP8266 && item.address == target().chip->bootloader_offset;
        if (isImage(item.file) && !checkImage(item))
            return false;
        if (boot && item.address != 0 && !isImage(item.file))
            return fail(FERRY_ERR_IMAGE_FORMAT, "a bootloader begins with E9", item.name);
        if (boot && item.app)
            return fail(FERRY_ERR_IMAGE_FORMAT, "this is an app, and its address is the bootloader's", item.name);
    }
    return addOtadata();
}

#endif
