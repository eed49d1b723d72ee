#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ferry/cmd_vchip.h"
#include "ferry/base/status.h"

enum { STORAGE = FERRY_CLASS_STORAGE };

static int complain(const char *path, const char *what)
{
    fprintf(stderr, "error: %s: %s: %s\n", path, what, strerror(errno));
    return STORAGE;
}

static bool fill(int fd, size_t size)
{
    uint8_t block[65536];
    memset(block, 0xff, sizeof block);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, block, size - done < sizeof block ? size - done : sizeof block);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static int check_size(const char *path, size_t size, uint32_t asked)
{
    if (size < SIM_FLASH_BLOCK || size > 256u << 20 || (size & (size - 1)) != 0) {
        fprintf(stderr,
                "error: %s has %zu bytes: a flash chip has a power of two from 64 KB to 256 MB\n"
                "  try: another file name (a missing file is made), or fill the image up to the flash's size\n",
                path, size);
        return STORAGE;
    }
    if (asked && asked != size) {
        fprintf(stderr, "error: %s has %zu bytes, not the %u of --flash-size\n  try: leave --flash-size out\n", path,
                size, (unsigned)asked);
        return STORAGE;
    }
    return 0;
}

static int map(struct vchip_file *file, int fd, const char *path, uint32_t asked)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return complain(path, "cannot be read");
    if (!S_ISREG(st.st_mode)) {
        fprintf(stderr, "error: %s is not a file\n", path);
        return STORAGE;
    }
    if (st.st_size == 0) {
        if (!fill(fd, asked ? asked : 4u << 20) || fstat(fd, &st) != 0)
            return complain(path, "cannot be written");
        file->created = true;
    }
    int code = check_size(path, (size_t)st.st_size, asked);
    if (code != 0)
        return code;
    file->size = (size_t)st.st_size;
    void *bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return complain(path, "cannot be mapped");
    file->bytes = bytes;
    return 0;
}

int vchip_file_open(struct vchip_file *file, const char *path, uint32_t size_if_new)
{
    memset(file, 0, sizeof *file);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return complain(path, "cannot be opened");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        fprintf(stderr,
                "error: %s is the flash of another virtual chip that runs\n  try: another file, or end that one\n",
                path);
        close(fd);
        return STORAGE;
    }
    int code = map(file, fd, path, size_if_new);
    file->fd = fd; // holds the lock
    if (code != 0)
        close(fd);
    return code;
}

void vchip_file_close(struct vchip_file *file)
{
    if (!file->bytes)
        return;
    msync(file->bytes, file->size, MS_ASYNC);
    munmap(file->bytes, file->size);
    close(file->fd);
    file->bytes = NULL;
}
