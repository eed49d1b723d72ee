#include "ports/posix/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ferry/base/status.h"

#define PART ".part"
#define PART_NAME (FERRY_MANIFEST_TEXT + sizeof PART)

static bool name_ok(const char *name)
{
    size_t len = strnlen(name, FERRY_MANIFEST_TEXT);
    if (len == 0 || len == FERRY_MANIFEST_TEXT || name[0] == '.')
        return false;
    if (len >= sizeof PART - 1 && strcmp(name + len - (sizeof PART - 1), PART) == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] == '/' || name[i] == '\\' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return true;
}

static void part_name(const struct ferry_posix_file_sink *self, char out[PART_NAME])
{
    snprintf(out, PART_NAME, "%s%s", self->manifest.name, PART);
}

static void close_part(struct ferry_posix_file_sink *self)
{
    if (self->part >= 0)
        close(self->part);
    self->part = -1;
}

// Something of that name that is no regular file is in the way.
static bool in_the_way(const struct ferry_posix_file_sink *self, const char *name)
{
    struct stat st;
    return fstatat(self->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
}

static bool has_room(const struct ferry_posix_file_sink *self, uint32_t need, uint32_t have)
{
    struct statvfs fs;
    if (fstatvfs(self->folder, &fs) != 0)
        return true;
    return need <= have || (uint64_t)fs.f_bavail * fs.f_frsize >= need - have;
}

static int file_info(void *ctx, struct ferry_target_info *out)
{
    const struct ferry_posix_file_sink *self = ctx;
    struct statvfs fs;
    memset(out, 0, sizeof *out);
    out->chip = FERRY_MANIFEST_CHIP_ANY;
    out->slot_count = 1;
    memcpy(out->slots[0].label, "files", sizeof "files");
    out->slots[0].flags = FERRY_SLOT_DATA;
    uint64_t free_bytes = fstatvfs(self->folder, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT32_MAX;
    out->slots[0].size = free_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)free_bytes;
    return FERRY_OK;
}

static int file_begin(void *ctx, const struct ferry_manifest *manifest, struct ferry_sink_plan *plan)
{
    struct ferry_posix_file_sink *self = ctx;
    struct stat st;
    char part[PART_NAME];
    if (manifest->kind != FERRY_MANIFEST_FILE)
        return FERRY_ERR_UNSUPPORTED;
    if (!name_ok(manifest->name) || in_the_way(self, manifest->name))
        return FERRY_ERR_STORAGE_PATH;
    close_part(self);
    self->open = self->done = false;
    self->manifest = *manifest;
    part_name(self, part);
    if (in_the_way(self, part))
        return FERRY_ERR_STORAGE_PATH;
    self->part = openat(self->folder, part, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (self->part < 0 && errno != ENOENT)
        return FERRY_ERR_STORAGE_READ;
    if (self->part >= 0 && fstat(self->part, &st) != 0)
        return FERRY_ERR_STORAGE_READ;
    uint64_t have = self->part >= 0 ? (uint64_t)st.st_size : 0;
    plan->have = have < manifest->size ? (uint32_t)have : manifest->size;
    plan->withheld = 0;
    if (!has_room(self, manifest->size, plan->have)) {
        close_part(self);
        return FERRY_ERR_NO_SPACE;
    }
    self->open = true;
    return FERRY_OK;
}

static int make_part(struct ferry_posix_file_sink *self)
{
    char part[PART_NAME];
    if (self->part >= 0)
        return FERRY_OK;
    part_name(self, part);
    self->part = openat(self->folder, part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    return self->part < 0 ? FERRY_ERR_STORAGE_WRITE : FERRY_OK;
}

static int file_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    struct ferry_posix_file_sink *self = ctx;
    if (!self->open || self->done)
        return FERRY_ERR_STATE;
    if (offset >= end || end > self->manifest.size)
        return FERRY_ERR_ARG;
    *ready_to = end;
    return make_part(self);
}

static int file_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    struct ferry_posix_file_sink *self = ctx;
    if (!self->open || self->done || self->part < 0 || offset > self->manifest.size ||
        len > self->manifest.size - offset || len == 0)
        return FERRY_ERR_STATE;
    ssize_t n = pwrite(self->part, bytes, len, (off_t)offset);
    if (n < 0 && errno == EINTR)
        return 0;
    return n <= 0 ? FERRY_ERR_STORAGE_WRITE : (int)n;
}

static int file_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    const struct ferry_posix_file_sink *self = ctx;
    const struct ferry_digest *d = self->digest;
    uint8_t raw[4096];
    if (!self->open || offset > self->manifest.size || len > self->manifest.size - offset)
        return FERRY_ERR_STATE;
    int status = d->begin(d->ctx, FERRY_DIGEST_SHA256);
    *blank = false; // a file needs no erasing
    while (status >= 0 && len > 0 && self->part >= 0) {
        ssize_t n = pread(self->part, raw, len < sizeof raw ? len : sizeof raw, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FERRY_ERR_STORAGE_READ;
        if (n == 0) // shorter than asked for: the hash is of less, and does not fit
            break;
        status = d->update(d->ctx, raw, (size_t)n);
        offset += (uint32_t)n;
        len -= (uint32_t)n;
    }
    return status < 0 || d->finish(d->ctx, sha256, 32) < 0 ? FERRY_ERR_STORAGE_READ : FERRY_OK;
}

static int into_place(struct ferry_posix_file_sink *self)
{
    char part[PART_NAME];
    part_name(self, part);
    if (ftruncate(self->part, (off_t)self->manifest.size) != 0 || fsync(self->part) != 0 ||
        renameat(self->folder, part, self->folder, self->manifest.name) != 0 || fsync(self->folder) != 0)
        return FERRY_ERR_STORAGE_WRITE;
    close_part(self);
    self->done = true;
    return FERRY_OK;
}

static int file_end(void *ctx)
{
    struct ferry_posix_file_sink *self = ctx;
    uint8_t sha256[32];
    bool blank;
    if (self->done)
        return FERRY_OK;
    if (!self->open)
        return FERRY_ERR_STATE;
    int status = make_part(self);
    if (status >= 0)
        status = file_hash(self, 0, self->manifest.size, sha256, &blank);
    if (status < 0)
        return status;
    return memcmp(sha256, self->manifest.sha256, sizeof sha256) == 0 ? into_place(self) : FERRY_ERR_VERIFY;
}

static int file_abort(void *ctx)
{
    struct ferry_posix_file_sink *self = ctx;
    char part[PART_NAME];
    close_part(self);
    if (self->open && !self->done) {
        part_name(self, part);
        if (unlinkat(self->folder, part, 0) != 0 && errno != ENOENT)
            return FERRY_ERR_STORAGE_WRITE;
    }
    self->open = false;
    return FERRY_OK;
}

static int file_confirm(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static int file_revert(void *ctx, enum ferry_give_up reason)
{
    (void)ctx;
    (void)reason;
    return FERRY_ERR_STATE;
}

struct ferry_sink ferry_posix_file_sink(struct ferry_posix_file_sink *self)
{
    struct ferry_sink sink = {self,     file_info,  file_begin,   file_prepare, file_chunk,  file_hash,
                              file_end, file_abort, file_confirm, file_revert,  file_confirm};
    return sink;
}

int ferry_posix_file_sink_open(struct ferry_posix_file_sink *self, const char *folder,
                               const struct ferry_digest *digest, struct ferry_posix_error *error)
{
    memset(self, 0, sizeof *self);
    self->part = -1;
    self->digest = digest;
    self->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder < 0)
        return ferry_posix_error_set(error, FERRY_ERR_STORAGE_MISSING, folder, "cannot open the folder: %s",
                                     strerror(errno));
    return FERRY_OK;
}

void ferry_posix_file_sink_close(struct ferry_posix_file_sink *self)
{
    close_part(self);
    if (self->folder >= 0)
        close(self->folder);
    self->folder = -1;
    self->open = false;
}
