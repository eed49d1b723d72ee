#include "ports/posix/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"

static bool same(const struct ferry_posix_file *self, const struct stat *st)
{
    return st->st_size == (off_t)self->size && st->st_mtim.tv_sec == self->changed.tv_sec &&
           st->st_mtim.tv_nsec == self->changed.tv_nsec;
}

static int read_at(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    const struct ferry_posix_file *self = ctx;
    if (offset > self->size || len > self->size - offset)
        return FERRY_ERR_ARG;
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(self->fd, buf + done, len - done, (off_t)offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? FERRY_ERR_STORAGE_CHANGED : FERRY_ERR_STORAGE_READ;
        done += (size_t)n;
    }
    struct stat st;
    if (fstat(self->fd, &st) != 0)
        return FERRY_ERR_STORAGE_READ;
    return same(self, &st) ? FERRY_OK : FERRY_ERR_STORAGE_CHANGED;
}

static int check(const struct stat *st, const char *path, struct ferry_posix_error *error)
{
    if (S_ISDIR(st->st_mode))
        return ferry_posix_error_set(error, FERRY_ERR_STORAGE_READ, path, "this is a folder, not a file");
    if (!S_ISREG(st->st_mode))
        return ferry_posix_error_set(error, FERRY_ERR_STORAGE_READ, path, "this is not a regular file");
    if ((uint64_t)st->st_size > UINT32_MAX)
        return ferry_posix_error_set(error, FERRY_ERR_STORAGE_READ, path, "the file is larger than 4 GiB");
    return FERRY_OK;
}

int ferry_posix_file_open(struct ferry_posix_file *self, const char *path, struct ferry_source *source,
                          struct ferry_posix_error *error)
{
    struct stat st;
    self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (self->fd < 0 || fstat(self->fd, &st) != 0) {
        int status = errno == ENOENT || errno == ENOTDIR ? FERRY_ERR_STORAGE_MISSING : FERRY_ERR_STORAGE_READ;
        ferry_posix_error_set(error, status, path, "cannot open: %s", strerror(errno));
        ferry_posix_file_close(self);
        return status;
    }
    int status = check(&st, path, error);
    if (status < 0) {
        ferry_posix_file_close(self);
        return status;
    }
    self->size = (uint32_t)st.st_size;
    self->changed = st.st_mtim;
    *source = (struct ferry_source){.ctx = self, .size = self->size, .read = read_at};
    return FERRY_OK;
}

void ferry_posix_file_close(struct ferry_posix_file *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}
