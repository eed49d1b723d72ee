#include "apps/ferry/cargo_from_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ferry/base/status.h"

#define LIMIT_MIB 2048u
#define HELD 60 // folders; the one that was taken first is let go when there are more

// Of this process: a lock belongs to an open file, and has to outlive the call that fetched.
static struct {
    pthread_mutex_t lock;
    struct {
        int fd;
        dev_t device;
        ino_t inode;
    } items[HELD];
    size_t count, next;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool holds(const struct stat *about)
{
    for (size_t i = 0; i < held.count; i++)
        if (held.items[i].device == about->st_dev && held.items[i].inode == about->st_ino)
            return true;
    return false;
}

static void keep(int fd, const struct stat *about)
{
    size_t at = held.count < HELD ? held.count++ : held.next++ % HELD;
    if (held.count == HELD && held.items[at].inode)
        close(held.items[at].fd);
    held.items[at].fd = fd;
    held.items[at].device = about->st_dev;
    held.items[at].inode = about->st_ino;
}

static int open_folder(const char *folder)
{
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

// Two that write the same parts would tear each other's.
static void wait_until_alone(struct cargo_from_cache *self, const char *folder)
{
    char path[FERRY_CARGO_PATH + 8];
    cargo_from_cache_done(self);
    snprintf(path, sizeof path, "%s/.lock", folder);
    self->alone = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (self->alone >= 0 && flock(self->alone, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || errno == EINTR) &&
           !(self->stop && self->stop(self->stop_ctx)))
        usleep(50000);
}

static void hold(void *ctx, const char *folder)
{
    struct stat about;
    wait_until_alone(ctx, folder);
    int fd = open_folder(folder);
    if (fd < 0)
        return;
    pthread_mutex_lock(&held.lock);
    if (fstat(fd, &about) == 0 && !holds(&about) && flock(fd, LOCK_SH) == 0)
        keep(fd, &about);
    else
        close(fd);
    pthread_mutex_unlock(&held.lock);
}

static bool in_use(void *ctx, const char *folder)
{
    (void)ctx;
    int fd = open_folder(folder);
    if (fd < 0)
        return false;
    bool used = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return used;
}

static int space(void *ctx, uint64_t *free_bytes)
{
    const struct cargo_from_cache *self = ctx;
    struct statvfs fs;
    if (statvfs(self->folder, &fs) != 0)
        return FERRY_ERR_STORAGE_READ;
    *free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return FERRY_OK;
}

// What a token was needed for is not for everybody on this computer; folders on the way there are left as they are.
static int make_folders(char *path, struct ferry_fault *fault)
{
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at)
            *at = 0;
        bool good = mkdir(path, at ? 0777 : 0700) == 0 || errno == EEXIST;
        if (at)
            *at = '/';
        if (!good)
            return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, path, "the cache cannot be made: %s",
                                   strerror(errno));
        if (!at)
            return FERRY_OK;
    }
}

static int find_folder(struct cargo_from_cache *self, struct ferry_fault *fault)
{
    const char *set = getenv("FERRY_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = !set || !*set;
    int n = !own ? snprintf(self->folder, sizeof self->folder, "%s", set)
            : cache && *cache == '/'
                ? snprintf(self->folder, sizeof self->folder, "%s/ferry", cache)
                : snprintf(self->folder, sizeof self->folder, "%s/.cache/ferry", home && *home ? home : ".");
    if (n < 0 || (size_t)n >= sizeof self->folder)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, "", "the cache folder's path is too long");
    int status = make_folders(self->folder, fault);
    if (status >= 0 && own)
        chmod(self->folder, 0700); // one that an older Ferry has made
    return status;
}

static int take_limit(uint64_t *limit, struct ferry_fault *fault)
{
    const char *set = getenv("FERRY_CACHE_LIMIT");
    uint32_t mib = LIMIT_MIB;
    char *end = NULL;
    if (set && *set) {
        unsigned long long value = strtoull(set, &end, 10);
        bool gib = end && (*end == 'G' || *end == 'g');
        if (set[0] < '0' || set[0] > '9' || (*end != 'G' && *end != 'g' && *end != 'M' && *end != 'm') || end[1] ||
            value > (gib ? 4095u : 4194303u)) {
            ferry_fault_set(fault, FERRY_ERR_ARG, "", "FERRY_CACHE_LIMIT is '%.40s', which is no size", set);
            ferry_fault_hint(fault, "500M or 2G; 0M = no limit");
            return FERRY_ERR_ARG;
        }
        mib = (uint32_t)value * (gib ? 1024u : 1u);
    }
    *limit = (uint64_t)mib << 20;
    return FERRY_OK;
}

int cargo_from_cache(struct cargo_from_cache *self, struct ferry_download_cfg *cfg, struct ferry_fault *fault)
{
    int status = take_limit(&cfg->cache_limit, fault);
    self->alone = -1;
    if (status >= 0)
        status = find_folder(self, fault);
    cfg->folder = self->folder;
    cfg->hold = hold;
    cfg->in_use = in_use;
    cfg->space = space;
    cfg->cache_ctx = self;
    return status;
}

void cargo_from_cache_done(struct cargo_from_cache *self)
{
    if (self->alone >= 0)
        close(self->alone);
    self->alone = -1;
}
