#include "updater/journal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/codec/crc32.h"

#define SECTOR 4096u
#define SEGMENT_SECTORS (FERRY_SEGMENT_SIZE / SECTOR)
#define RECORD_MARK 0xa5

// ---- what is proved, by sectors ----

// One byte per sector of all regions; regions start at sector_base() each.
static size_t sectors_of(uint32_t size)
{
    return size / SECTOR + (size % SECTOR != 0);
}

static size_t sector_base(const struct ferry_journal_key *key, uint8_t region)
{
    size_t base = 0;
    for (uint8_t i = 0; i < region; i++)
        base += sectors_of(key->regions[i].size);
    return base;
}

static uint32_t total_size(const struct ferry_journal_key *key)
{
    uint32_t total = 0;
    for (uint8_t i = 0; i < key->region_count; i++)
        total += key->regions[i].size;
    return total;
}

static void mark(const struct ferry_journal_key *key, uint8_t *sectors, uint8_t region, uint32_t offset, uint32_t len)
{
    uint32_t size = key->regions[region].size, end = offset + len;
    uint8_t *of_region = sectors + sector_base(key, region);
    size_t last = end == size ? sectors_of(size) : end / SECTOR;
    for (size_t i = sectors_of(offset); i < last; i++)
        of_region[i] = 1;
}

size_t ferry_journal_segments(const struct ferry_region *regions, uint8_t count)
{
    size_t total = 0;
    for (uint8_t i = 0; i < count; i++)
        total += regions[i].size / FERRY_SEGMENT_SIZE + (regions[i].size % FERRY_SEGMENT_SIZE != 0);
    return total;
}

static void sectors_to_segments(const struct ferry_journal_key *key, const uint8_t *sectors, uint8_t *proved,
                                size_t proved_size)
{
    size_t bit = 0, at = 0;
    for (uint8_t r = 0; r < key->region_count; r++) {
        size_t count = sectors_of(key->regions[r].size);
        for (size_t first = 0; first < count; first += SEGMENT_SECTORS, bit++) {
            size_t end = first + SEGMENT_SECTORS < count ? first + SEGMENT_SECTORS : count;
            bool whole = true;
            for (size_t i = first; i < end; i++)
                whole = whole && sectors[at + i];
            if (whole && bit / 8 < proved_size)
                proved[bit / 8] |= (uint8_t)(1u << (bit % 8));
        }
        at += count;
    }
}

// ---- the file's bytes ----

static void make_header(const struct ferry_journal_key *key, int64_t utc, uint8_t out[FERRY_JOURNAL_HEADER])
{
    memset(out, 0, FERRY_JOURNAL_HEADER);
    memcpy(out, "FERJ", 4);
    out[4] = 1;
    out[5] = key->region_count;
    memcpy(out + 6, key->mac, 6);
    memcpy(out + 12, key->sha256, 32);
    ferry_store32le(out + 44, total_size(key));
    ferry_store64le(out + 48, (uint64_t)utc);
    ferry_store32le(out + 60, ferry_crc32_le(0, out, 60));
}

static bool header_fits(const struct ferry_journal_key *key, const uint8_t *header)
{
    uint8_t ours[FERRY_JOURNAL_HEADER];
    make_header(key, (int64_t)ferry_load64le(header + 48), ours);
    return memcmp(ours, header, sizeof ours) == 0;
}

static void make_record(const struct ferry_journal *self, uint8_t region, uint32_t offset, uint32_t len, uint8_t *out)
{
    out[0] = RECORD_MARK;
    out[1] = region;
    ferry_store16le(out + 2, self->records);
    ferry_store32le(out + 4, offset);
    ferry_store32le(out + 8, len);
    ferry_store32le(out + 12, ferry_crc32_le(self->header_crc, out, 12));
}

static bool record_crc_right(uint32_t header_crc, const uint8_t *record)
{
    return record[0] == RECORD_MARK && ferry_load32le(record + 12) == ferry_crc32_le(header_crc, record, 12);
}

static bool record_fits(const struct ferry_journal_key *key, const uint8_t *record, uint16_t number)
{
    uint32_t offset = ferry_load32le(record + 4), len = ferry_load32le(record + 8);
    if (ferry_load16le(record + 2) != number || record[1] >= key->region_count)
        return false;
    uint32_t size = key->regions[record[1]].size;
    return offset <= size && len <= size - offset;
}

// ---- reading what an earlier job left ----

// True when a whole record follows: then the bad one is not just the torn end.
static bool record_follows(FILE *file, uint32_t header_crc)
{
    uint8_t record[FERRY_JOURNAL_RECORD];
    while (fread(record, 1, sizeof record, file) == sizeof record)
        if (record_crc_right(header_crc, record))
            return true;
    return false;
}

static enum ferry_journal_found load_records(FILE *file, const struct ferry_journal_key *key, uint32_t header_crc,
                                             uint8_t *sectors)
{
    uint8_t record[FERRY_JOURNAL_RECORD];
    for (uint16_t number = 0;; number++) {
        size_t got = fread(record, 1, sizeof record, file);
        if (got == 0)
            return FERRY_JOURNAL_RESUMED;
        if (got < sizeof record)
            return FERRY_JOURNAL_TORN;
        if (!record_crc_right(header_crc, record))
            return record_follows(file, header_crc) ? FERRY_JOURNAL_DAMAGED : FERRY_JOURNAL_TORN;
        if (!record_fits(key, record, number) || number == UINT16_MAX)
            return FERRY_JOURNAL_DAMAGED;
        mark(key, sectors, record[1], ferry_load32le(record + 4), ferry_load32le(record + 8));
    }
}

// NONE: no such file, or an empty one (a cut between its making and its first byte).
static enum ferry_journal_found load(struct ferry_journal *self, const char *path, uint8_t *sectors)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return FERRY_JOURNAL_NONE;
    uint8_t header[FERRY_JOURNAL_HEADER];
    enum ferry_journal_found found = FERRY_JOURNAL_DAMAGED;
    size_t got = fread(header, 1, sizeof header, file);
    if (got == 0 && feof(file))
        found = FERRY_JOURNAL_NONE;
    if (got == sizeof header && header_fits(&self->key, header)) {
        self->found_utc = (int64_t)ferry_load64le(header + 48);
        found = load_records(file, &self->key, ferry_load32le(header + 60), sectors);
    }
    if (ferror(file))
        found = FERRY_JOURNAL_DAMAGED;
    fclose(file);
    if (found == FERRY_JOURNAL_DAMAGED)
        memset(sectors, 0, sector_base(&self->key, self->key.region_count));
    return found;
}

// ---- writing ----

static int sync_file(FILE *file)
{
    return fflush(file) == 0 && fsync(fileno(file)) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

static int add(struct ferry_journal *self, uint8_t region, uint32_t offset, uint32_t len)
{
    uint8_t record[FERRY_JOURNAL_RECORD];
    if (self->records == UINT16_MAX)
        return FERRY_OK; // full: 4 GB of segments; what is not listed is only checked later
    make_record(self, region, offset, len, record);
    if (fwrite(record, 1, sizeof record, self->file) != sizeof record)
        return FERRY_ERR_STORAGE_WRITE;
    self->records++;
    return FERRY_OK;
}

// Each run of proved sectors becomes one record.
static int add_runs(struct ferry_journal *self, const uint8_t *sectors)
{
    for (uint8_t r = 0; r < self->key.region_count; r++) {
        uint32_t size = self->key.regions[r].size;
        size_t count = sectors_of(size);
        for (size_t first = 0; first < count;) {
            size_t end = first;
            while (end < count && sectors[end])
                end++;
            uint32_t bytes = end == count ? size : (uint32_t)end * SECTOR;
            if (end > first && add(self, r, (uint32_t)first * SECTOR, bytes - (uint32_t)first * SECTOR) != FERRY_OK)
                return FERRY_ERR_STORAGE_WRITE;
            self->proved_bytes += end > first ? bytes - (uint32_t)first * SECTOR : 0;
            first = end > first ? end : first + 1;
        }
        sectors += count;
    }
    return FERRY_OK;
}

static int put_in_place(const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return FERRY_OK;
    // File systems that do not replace: what a cut between the two leaves is found under the other name.
    remove(to);
    return rename(from, to) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

static int rewrite(struct ferry_journal *self, const char *fresh, int64_t utc, const uint8_t *sectors)
{
    uint8_t header[FERRY_JOURNAL_HEADER];
    make_header(&self->key, utc, header);
    self->header_crc = ferry_load32le(header + 60);
    self->file = fopen(fresh, "wb");
    if (!self->file)
        return FERRY_ERR_STORAGE_WRITE;
    int status = fwrite(header, 1, sizeof header, self->file) == sizeof header ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
    if (status == FERRY_OK)
        status = add_runs(self, sectors);
    if (status == FERRY_OK)
        status = sync_file(self->file);
    if (fclose(self->file) != 0)
        status = FERRY_ERR_STORAGE_WRITE;
    self->file = NULL;
    if (status == FERRY_OK)
        status = put_in_place(fresh, self->path);
    if (status == FERRY_OK)
        self->file = fopen(self->path, "ab");
    return self->file ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

// ---- opening, adding, closing ----

static int name_file(struct ferry_journal *self, const char *dir, char *fresh, size_t cap)
{
    char mac[13], sha[17];
    for (int i = 0; i < 6; i++)
        snprintf(mac + 2 * i, 3, "%02x", self->key.mac[i]);
    for (int i = 0; i < 8; i++)
        snprintf(sha + 2 * i, 3, "%02x", self->key.sha256[i]);
    int n = snprintf(self->path, sizeof self->path, "%s/%s-%s.fjr", dir, mac, sha);
    int m = snprintf(fresh, cap, "%s/%s-%s.new", dir, mac, sha);
    bool fits = n > 0 && (size_t)n < sizeof self->path && m > 0 && (size_t)m < cap;
    return fits ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

// Journals of this target for other cargo: it is about to be overwritten, they say nothing any more.
static void remove_others(const struct ferry_journal *self, const char *dir)
{
    const char *ours = strrchr(self->path, '/') + 1;
    DIR *folder = opendir(dir);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[FERRY_JOURNAL_PATH];
        size_t len = strlen(entry->d_name);
        bool journal = len == strlen(ours) && strncmp(entry->d_name, ours, 13) == 0 &&
                       (strcmp(entry->d_name + len - 4, ".fjr") == 0 || strcmp(entry->d_name + len - 4, ".new") == 0);
        int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (journal && strncmp(entry->d_name, ours, len - 4) != 0 && n > 0 && (size_t)n < sizeof path)
            remove(path);
    }
    if (folder)
        closedir(folder);
}

static int open_file(struct ferry_journal *self, const char *dir, int64_t utc, uint8_t *sectors)
{
    char fresh[FERRY_JOURNAL_PATH];
    if (name_file(self, dir, fresh, sizeof fresh) != FERRY_OK)
        return FERRY_ERR_STORAGE_WRITE;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return FERRY_ERR_STORAGE_WRITE;
    self->found = load(self, self->path, sectors);
    if (self->found == FERRY_JOURNAL_NONE && load(self, fresh, sectors) == FERRY_JOURNAL_RESUMED)
        self->found = FERRY_JOURNAL_RESUMED;
    remove_others(self, dir);
    return rewrite(self, fresh, utc, sectors);
}

int ferry_journal_open(struct ferry_journal *self, const char *dir, const struct ferry_journal_key *key, int64_t utc,
                       uint8_t *proved, size_t proved_size, struct ferry_fault *fault)
{
    memset(self, 0, sizeof *self);
    memset(proved, 0, proved_size);
    self->key = *key;
    uint8_t *sectors = calloc(sector_base(key, key->region_count) + 1, 1);
    errno = 0;
    self->status = sectors ? open_file(self, dir, utc, sectors) : FERRY_ERR_STORAGE_WRITE;
    if (sectors)
        sectors_to_segments(key, sectors, proved, proved_size);
    free(sectors);
    if (self->status == FERRY_OK)
        return FERRY_OK;
    return ferry_fault_set(fault, self->status, self->path[0] ? self->path : dir,
                           "the journal cannot be written: %s; an interrupted job will check everything again",
                           errno ? strerror(errno) : "input/output error");
}

int ferry_journal_add(struct ferry_journal *self, uint8_t region, uint32_t offset, uint32_t len)
{
    if (!self->file || self->status != FERRY_OK)
        return self->status;
    self->status = add(self, region, offset, len);
    // Handed to the system at once, so that a killed updater loses nothing; a power cut may take the last ones.
    if (self->status == FERRY_OK && fflush(self->file) != 0)
        self->status = FERRY_ERR_STORAGE_WRITE;
    if (self->status == FERRY_OK && self->records % FERRY_JOURNAL_SYNC == 0)
        self->status = sync_file(self->file);
    return self->status;
}

void ferry_journal_close(struct ferry_journal *self, bool complete)
{
    if (self->file) {
        if (!complete)
            sync_file(self->file);
        fclose(self->file);
        self->file = NULL;
    }
    if (complete && self->path[0])
        remove(self->path);
    self->path[0] = 0;
}
