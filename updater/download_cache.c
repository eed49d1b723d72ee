// The cache as a whole: which folder was used last, how large it is, and what has to go.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "updater/download_parts.h"
#include "updater/path.h"
#include "updater/tree.h"

#define ORDER ".order"
#define ORDER_NEW ".order.new"
#define KEY 16
#define DEPTH 4 // as deep as ferry_tree_remove() goes

static bool is_key(const char *name)
{
    return strlen(name) == KEY && strspn(name, "0123456789abcdef") == KEY;
}

static bool path_of(const struct download_work *work, const char *name, char out[FERRY_CARGO_PATH])
{
    return ferry_path_under(out, FERRY_CARGO_PATH, work->cfg->folder, name);
}

static bool is_folder(const char *path, uint64_t *size)
{
    struct stat st;
#ifdef ESP_PLATFORM // FAT has no links
    bool there = stat(path, &st) == 0;
#else
    bool there = lstat(path, &st) == 0;
#endif
    *size = there && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return there && S_ISDIR(st.st_mode);
}

// ---- the order ----

// The next key of the list; false = there is none.
static bool next_key(FILE *list, char out[KEY + 1])
{
    char line[KEY + 3];
    while (list && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\r\n")] = 0;
        if (!is_key(line))
            continue;
        memcpy(out, line, KEY + 1);
        return true;
    }
    return false;
}

static FILE *open_list(const struct download_work *work, const char *name, const char *mode)
{
    char path[FERRY_CARGO_PATH];
    return path_of(work, name, path) ? fopen(path, mode) : NULL;
}

static bool exists(const struct download_work *work, const char *key)
{
    char path[FERRY_CARGO_PATH];
    uint64_t size = 0;
    return path_of(work, key, path) && is_folder(path, &size);
}

// Puts the key to the end, and leaves out what has gone. What is lost with a list that cannot be written is only who
// goes first.
void download_cache_touch(struct download_work *work, const char *key)
{
    char path[FERRY_CARGO_PATH], new_path[FERRY_CARGO_PATH], line[KEY + 1];
    FILE *in = open_list(work, ORDER, "r"), *out = open_list(work, ORDER_NEW, "w");
    bool good = out != NULL;
    while (good && next_key(in, line))
        good = strcmp(line, key) == 0 || !exists(work, line) || fprintf(out, "%s\n", line) > 0;
    good = good && fprintf(out, "%s\n", key) > 0;
    if (in)
        fclose(in);
    if (out)
        good = fclose(out) == 0 && good;
    if (!good || !path_of(work, ORDER, path) || !path_of(work, ORDER_NEW, new_path))
        return;
    if (rename(new_path, path) != 0 && remove(path) == 0) // FAT does not rename over a file
        (void)rename(new_path, path);
}

void download_cache_use(struct download_work *work, const char *key)
{
    char path[FERRY_CARGO_PATH];
    snprintf(work->key, sizeof work->key, "%s", key);
    if (work->cfg->hold && path_of(work, key, path))
        work->cfg->hold(work->cfg->cache_ctx, path);
    download_cache_touch(work, key);
}

// ---- sizes ----

static uint64_t size_below(const char *path, int depth)
{
    uint64_t size = 0;
    DIR *dir = is_folder(path, &size) && depth > 0 ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        char below[FERRY_CARGO_PATH];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            ferry_path_under(below, sizeof below, path, entry->d_name))
            size += size_below(below, depth - 1);
    }
    if (dir)
        closedir(dir);
    return size;
}

// The folders of the cache one after the other; NULL = no more.
static const char *next_folder(DIR *dir)
{
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (is_key(entry->d_name))
            return entry->d_name;
    return NULL;
}

static uint64_t cache_size(const struct download_work *work)
{
    char path[FERRY_CARGO_PATH];
    uint64_t size = 0;
    DIR *dir = opendir(work->cfg->folder);
    for (const char *name; (name = next_folder(dir)) != NULL;)
        if (path_of(work, name, path))
            size += size_below(path, DEPTH);
    if (dir)
        closedir(dir);
    return size;
}

// ---- who goes ----

static bool may_go(const struct download_work *work, const char *key)
{
    const struct ferry_download_cfg *cfg = work->cfg;
    char path[FERRY_CARGO_PATH];
    return strcmp(key, work->key) != 0 && exists(work, key) && path_of(work, key, path) &&
           !(cfg->in_use && cfg->in_use(cfg->cache_ctx, path));
}

static bool listed(const struct download_work *work, const char *key)
{
    char line[KEY + 1];
    FILE *list = open_list(work, ORDER, "r");
    bool found = false;
    while (!found && next_key(list, line))
        found = strcmp(line, key) == 0;
    if (list)
        fclose(list);
    return found;
}

// Somebody whose last use nobody has noted, then the one that was used longest ago.
static bool find_oldest(const struct download_work *work, char out[KEY + 1])
{
    bool found = false;
    DIR *dir = opendir(work->cfg->folder);
    for (const char *name; !found && (name = next_folder(dir)) != NULL;)
        if (!listed(work, name) && may_go(work, name)) {
            memcpy(out, name, KEY + 1);
            found = true;
        }
    if (dir)
        closedir(dir);
    FILE *list = found ? NULL : open_list(work, ORDER, "r");
    while (!found && next_key(list, out))
        found = may_go(work, out);
    if (list)
        fclose(list);
    return found;
}

// 0 = one folder less; false: there is none that may go, or it does not.
static bool drop_oldest(const struct download_work *work, uint64_t *size)
{
    char key[KEY + 1], path[FERRY_CARGO_PATH];
    uint64_t nothing;
    if (!find_oldest(work, key) || !path_of(work, key, path))
        return false;
    *size = size_below(path, DEPTH);
    ferry_tree_remove(path);
    return !is_folder(path, &nothing);
}

static int no_room(struct download_work *work, const char *name, uint32_t bytes, uint64_t room, bool limit)
{
    ferry_fault_set(work->fault, FERRY_ERR_STORAGE_WRITE, work->cfg->folder, "%.60s needs %lu KB, and %s %lu KB", name,
                    (unsigned long)((bytes + 1023) / 1024),
                    limit ? "of the cache's limit there are only" : "where the cache lies there are only",
                    (unsigned long)(room / 1024));
    ferry_fault_hint(work->fault, limit ? "allow the cache more, or end the jobs that use it"
                                        : "remove something there; what may go of the cache has gone");
    return FERRY_ERR_STORAGE_WRITE;
}

int download_cache_room(struct download_work *work, const char *name, uint32_t bytes)
{
    const struct ferry_download_cfg *cfg = work->cfg;
    uint64_t used = cfg->cache_limit ? cache_size(work) : 0, gone = 0, free_bytes = UINT64_MAX;
    for (;;) {
        if (cfg->space && cfg->space(cfg->cache_ctx, &free_bytes) < 0)
            free_bytes = UINT64_MAX;
        uint64_t room = cfg->cache_limit > used ? cfg->cache_limit - used : 0;
        bool limited = cfg->cache_limit && room < bytes;
        if (!limited && free_bytes >= bytes)
            return FERRY_OK;
        if (!drop_oldest(work, &gone))
            return no_room(work, name, bytes, limited ? room : free_bytes, limited);
        used = used > gone ? used - gone : 0;
    }
}
