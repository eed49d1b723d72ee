#include "updater/cargo_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"

static int cannot_open(const char *shown, struct ferry_fault *fault)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, shown, "%.150s is not there", shown);
    int status =
        ferry_fault_set(fault, FERRY_ERR_STORAGE_READ, shown, "%.150s cannot be opened: %s", shown, strerror(errno));
    if (errno == EACCES)
        ferry_fault_hint(fault, "give yourself the right to read it");
    return status;
}

static int not_a_file(const struct stat *st, const char *shown, struct ferry_fault *fault)
{
    const char *kind = S_ISDIR(st->st_mode) ? "a folder" : "no regular file";
    if (S_ISREG(st->st_mode))
        kind = "larger than 4 GB";
    int status = ferry_fault_set(fault, FERRY_ERR_STORAGE_READ, shown, "%.150s is %s", shown, kind);
    ferry_fault_hint(fault, "a firmware file was expected there");
    return status;
}

static long nanoseconds(const struct stat *st)
{
#ifdef ESP_PLATFORM
    (void)st;
    return 0; // FAT keeps two seconds
#else
    return st->st_mtim.tv_nsec;
#endif
}

int ferry_cargo_file_open(struct ferry_cargo_file *self, const char *path, const char *shown, struct ferry_fault *fault)
{
    struct stat st;
    self->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (self->fd < 0 || fstat(self->fd, &st) != 0) {
        int status = cannot_open(shown, fault);
        ferry_cargo_file_close(self);
        return status;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > UINT32_MAX) {
        ferry_cargo_file_close(self);
        return not_a_file(&st, shown, fault);
    }
    self->size = (uint32_t)st.st_size;
    self->changed = st.st_mtime;
    self->changed_ns = nanoseconds(&st);
    return FERRY_OK;
}

static bool unchanged(const struct ferry_cargo_file *self)
{
    struct stat st;
    return fstat(self->fd, &st) == 0 && (uint64_t)st.st_size == self->size && st.st_mtime == self->changed &&
           nanoseconds(&st) == self->changed_ns;
}

int ferry_cargo_file_read(struct ferry_cargo_file *self, uint32_t offset, uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(self->fd, buf + done, len - done, (off_t)offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FERRY_ERR_STORAGE_READ;
        if (n == 0)
            return FERRY_ERR_STORAGE_CHANGED;
        done += (size_t)n;
    }
    return unchanged(self) ? FERRY_OK : FERRY_ERR_STORAGE_CHANGED;
}

static int read_source(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    return ferry_cargo_file_read(ctx, offset, buf, len);
}

struct ferry_source ferry_cargo_file_source(struct ferry_cargo_file *self)
{
    return (struct ferry_source){.ctx = self, .size = self->size, .read = read_source};
}

void ferry_cargo_file_close(struct ferry_cargo_file *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}
