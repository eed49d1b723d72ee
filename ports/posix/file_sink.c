#include "ports/posix/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ferry/base/bytes.h"
#include "ferry/base/status.h"

enum { PIECE = 65536, PART_NAME = FERRY_MANIFEST_TEXT + 8, RECORD_SIZE = 4 + FERRY_SHA256_SIZE + FERRY_MANIFEST_TEXT };

static const char record_name[] = ".ferry-update";
static const char record_new[] = ".ferry-update.new";

static void part_name(const char *name, char out[PART_NAME])
{
    snprintf(out, PART_NAME, "%.32s.part", name);
}

static bool plain_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || name[0] == '.' || strchr(name, '/') || strchr(name, '\\'))
        return false;
    for (const char *c = name; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    return len < 5 || strcmp(name + len - 5, ".part") != 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t len, uint32_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(fd, bytes + done, len - done, (off_t)offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno == ENOSPC || errno == EDQUOT ? FERRY_ERR_NO_SPACE : FERRY_ERR_STORAGE_WRITE;
        done += (size_t)n;
    }
    return FERRY_OK;
}

// What lies behind the end of the file reads as erased flash does.
static int read_all(int fd, uint8_t *bytes, size_t len, uint32_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, bytes + done, len - done, (off_t)offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FERRY_ERR_STORAGE_READ;
        if (n == 0) {
            memset(bytes + done, 0xff, len - done);
            return FERRY_OK;
        }
        done += (size_t)n;
    }
    return FERRY_OK;
}

static int sink_info(void *ctx, struct ferry_target_info *out)
{
    const struct ferry_posix_file_sink *self = ctx;
    struct statvfs fs;
    memset(out, 0, sizeof *out);
    out->chip = FERRY_MANIFEST_CHIP_ANY;
    out->slot_count = 1;
    out->slots[0] = (struct ferry_slot){.label = "files", .flags = FERRY_SLOT_DATA, .size = UINT32_MAX};
    if (fstatvfs(self->folder, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < UINT32_MAX)
        out->slots[0].size = (uint32_t)((uint64_t)fs.f_bavail * fs.f_frsize);
    out->unfinished = self->unfinished;
    if (self->unfinished) {
        out->unfinished_size = self->size;
        memcpy(out->unfinished_sha256, self->sha256, sizeof out->unfinished_sha256);
    }
    return FERRY_OK;
}

static int save_record(const struct ferry_posix_file_sink *self)
{
    uint8_t bytes[RECORD_SIZE];
    ferry_store32le(bytes, self->size);
    memcpy(bytes + 4, self->sha256, sizeof self->sha256);
    memcpy(bytes + 4 + FERRY_SHA256_SIZE, self->name, FERRY_MANIFEST_TEXT);
    int fd = openat(self->folder, record_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return FERRY_ERR_STORAGE_WRITE;
    int status = write_all(fd, bytes, sizeof bytes, 0);
    if (close(fd) != 0 && status == FERRY_OK)
        status = FERRY_ERR_STORAGE_WRITE;
    if (status == FERRY_OK && renameat(self->folder, record_new, self->folder, record_name) != 0)
        status = FERRY_ERR_STORAGE_WRITE;
    return status;
}

static void load_record(struct ferry_posix_file_sink *self)
{
    uint8_t bytes[RECORD_SIZE + 1];
    int fd = openat(self->folder, record_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    const char *name = (const char *)bytes + 4 + FERRY_SHA256_SIZE;
    if (n != RECORD_SIZE || name[FERRY_MANIFEST_TEXT - 1] != 0 || !plain_name(name))
        return;
    self->size = ferry_load32le(bytes);
    memcpy(self->sha256, bytes + 4, sizeof self->sha256);
    memcpy(self->name, name, sizeof self->name);
    self->unfinished = true;
}

// The file that is there already is where the new one begins.
static void copy_old(const struct ferry_posix_file_sink *self)
{
    uint8_t bytes[PIECE];
    struct stat st;
    int old = openat(self->folder, self->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (old < 0 || fstat(old, &st) != 0 || !S_ISREG(st.st_mode))
        st.st_size = 0;
    uint64_t size = (uint64_t)st.st_size < self->size ? (uint64_t)st.st_size : self->size;
    for (uint32_t at = 0; at < size; at += PIECE) {
        size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (read_all(old, bytes, len, at) < 0 || write_all(self->file, bytes, len, at) < 0)
            break;
    }
    if (old >= 0)
        close(old);
}

static int open_part(struct ferry_posix_file_sink *self)
{
    char part[PART_NAME];
    struct stat st;
    part_name(self->name, part);
    if (fstatat(self->folder, self->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return FERRY_ERR_NO_PLACE;
    self->file = openat(self->folder, part, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool found = self->file >= 0;
    if (!found && errno == ENOENT)
        self->file = openat(self->folder, part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (self->file < 0)
        return errno == ELOOP || errno == EISDIR ? FERRY_ERR_NO_PLACE : FERRY_ERR_STORAGE_WRITE;
    if (fstat(self->file, &st) != 0 || !S_ISREG(st.st_mode))
        return FERRY_ERR_NO_PLACE;
    if (!found)
        copy_old(self);
    return FERRY_OK;
}

static void close_part(struct ferry_posix_file_sink *self)
{
    if (self->file >= 0)
        close(self->file);
    self->file = -1;
}

// Room for what the part file does not hold yet.
static int plan_room(const struct ferry_posix_file_sink *self, struct ferry_sink_plan *plan)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(self->file, &st) != 0 || fstatvfs(self->folder, &fs) != 0)
        return FERRY_ERR_STORAGE_READ;
    uint64_t there = (uint64_t)st.st_size < self->size ? (uint64_t)st.st_size : self->size;
    if (self->size - there > (uint64_t)fs.f_bavail * fs.f_frsize)
        return FERRY_ERR_NO_SPACE;
    plan->have = (uint32_t)there;
    plan->withheld = 0;
    return FERRY_OK;
}

static bool same_update(const struct ferry_posix_file_sink *self, const struct ferry_manifest *m)
{
    return self->size == m->size && memcmp(self->sha256, m->sha256, sizeof self->sha256) == 0 &&
           strcmp(self->name, m->name) == 0;
}

static void remove_part(const struct ferry_posix_file_sink *self)
{
    char part[PART_NAME];
    part_name(self->name, part);
    unlinkat(self->folder, part, 0);
}

static int sink_begin(void *ctx, const struct ferry_manifest *m, struct ferry_sink_plan *plan)
{
    struct ferry_posix_file_sink *self = ctx;
    if (m->kind != FERRY_MANIFEST_FILE)
        return FERRY_ERR_UNSUPPORTED;
    if (!plain_name(m->name))
        return FERRY_ERR_STORAGE_PATH;
    close_part(self);
    if (self->unfinished && strcmp(self->name, m->name) != 0)
        remove_part(self);
    bool same = self->unfinished && same_update(self, m);
    self->unfinished = self->ended = false;
    self->size = m->size;
    memcpy(self->sha256, m->sha256, sizeof self->sha256);
    memcpy(self->name, m->name, sizeof self->name);
    int status = open_part(self);
    if (status == FERRY_OK)
        status = plan_room(self, plan);
    if (status == FERRY_OK && !same)
        status = save_record(self);
    self->unfinished = status == FERRY_OK;
    if (status < 0)
        close_part(self);
    return status;
}

static int sink_prepare(void *ctx, uint32_t offset, uint32_t end, uint32_t *ready_to)
{
    const struct ferry_posix_file_sink *self = ctx;
    (void)offset;
    *ready_to = end;
    return self->file < 0 ? FERRY_ERR_STATE : FERRY_OK;
}

static int sink_chunk(void *ctx, uint32_t offset, const uint8_t *bytes, size_t len)
{
    const struct ferry_posix_file_sink *self = ctx;
    if (self->file < 0 || offset > self->size || len > self->size - offset)
        return FERRY_ERR_STATE;
    int status = write_all(self->file, bytes, len, offset);
    return status < 0 ? status : (int)len;
}

static bool all_ff(const uint8_t *bytes, size_t len)
{
    return bytes[0] == 0xff && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static int sink_hash(void *ctx, uint32_t offset, uint32_t len, uint8_t sha256[32], bool *blank)
{
    const struct ferry_posix_file_sink *self = ctx;
    const struct ferry_digest *d = &self->digest;
    uint8_t bytes[PIECE];
    *blank = true;
    if (self->file < 0 || d->begin(d->ctx, FERRY_DIGEST_SHA256) < 0)
        return FERRY_ERR_STATE;
    for (uint32_t at = 0; at < len;) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        if (read_all(self->file, bytes, n, offset + at) < 0 || d->update(d->ctx, bytes, n) < 0)
            return FERRY_ERR_STORAGE_READ;
        *blank = *blank && all_ff(bytes, n);
        at += (uint32_t)n;
    }
    return d->finish(d->ctx, sha256, FERRY_SHA256_SIZE) < 0 ? FERRY_ERR_STATE : FERRY_OK;
}

// The contents reach the disk before the name does.
static int sink_end(void *ctx)
{
    struct ferry_posix_file_sink *self = ctx;
    char part[PART_NAME];
    if (self->ended)
        return FERRY_OK;
    if (self->file < 0)
        return FERRY_ERR_STATE;
    part_name(self->name, part);
    if (ftruncate(self->file, (off_t)self->size) != 0 || fsync(self->file) != 0 ||
        renameat(self->folder, part, self->folder, self->name) != 0)
        return FERRY_ERR_STORAGE_WRITE;
    (void)fsync(self->folder);
    unlinkat(self->folder, record_name, 0);
    close_part(self);
    self->unfinished = false;
    self->ended = true;
    return FERRY_OK;
}

static int sink_abort(void *ctx)
{
    struct ferry_posix_file_sink *self = ctx;
    close_part(self);
    if (self->unfinished)
        remove_part(self);
    unlinkat(self->folder, record_name, 0);
    self->unfinished = self->ended = false;
    return FERRY_OK;
}

static int sink_confirm(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static int sink_revert(void *ctx, enum ferry_give_up reason)
{
    (void)ctx;
    (void)reason;
    return FERRY_ERR_STATE;
}

static int sink_reboot(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

int ferry_posix_file_sink_open(struct ferry_posix_file_sink *self, const char *folder,
                               const struct ferry_digest *digest, struct ferry_sink *sink,
                               struct ferry_posix_error *error)
{
    memset(self, 0, sizeof *self);
    self->digest = *digest;
    self->file = -1;
    self->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->folder < 0)
        return ferry_posix_error_set(error, errno == ENOENT ? FERRY_ERR_STORAGE_MISSING : FERRY_ERR_STORAGE_WRITE,
                                     folder, "cannot use this folder: %s", strerror(errno));
    if (faccessat(self->folder, ".", W_OK, 0) != 0) {
        int cause = errno;
        ferry_posix_file_sink_close(self);
        return ferry_posix_error_set(error, FERRY_ERR_STORAGE_WRITE, folder, "cannot write to this folder: %s",
                                     strerror(cause));
    }
    load_record(self);
    *sink = (struct ferry_sink){.ctx = self,
                                .info = sink_info,
                                .begin = sink_begin,
                                .prepare = sink_prepare,
                                .chunk = sink_chunk,
                                .hash = sink_hash,
                                .end = sink_end,
                                .abort = sink_abort,
                                .confirm = sink_confirm,
                                .revert = sink_revert,
                                .reboot = sink_reboot};
    return FERRY_OK;
}

void ferry_posix_file_sink_close(struct ferry_posix_file_sink *self)
{
    close_part(self);
    if (self->folder >= 0)
        close(self->folder);
    self->folder = -1;
}
