#include "updater/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "updater/limits.h"
#include "updater/path.h"

#define DEPTH 4

int ferry_tree_folders(const char *root, const char *path, struct ferry_fault *fault)
{
    char folder[FERRY_CARGO_PATH];
    size_t from = strlen(root) + 1;
    for (const char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        if (len >= sizeof folder)
            return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, NULL, "the path is too long");
        memcpy(folder, path, len);
        folder[len] = 0;
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, ferry_path_shown(root, folder),
                                   "the folder %s cannot be made: %s", ferry_path_shown(root, folder), strerror(errno));
        int status = ferry_path_check(root, folder, fault);
        if (status < 0)
            return status;
    }
    return FERRY_OK;
}

static bool is_folder(const char *path)
{
    struct stat st;
#ifdef ESP_PLATFORM // FAT has no links
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
#else
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
#endif
}

static void remove_below(const char *path, int depth);

static void remove_entry(const char *folder, const char *name, int depth)
{
    size_t cap = strlen(folder) + strlen(name) + 2;
    char *path = malloc(cap);
    if (path) {
        snprintf(path, cap, "%s/%s", folder, name);
        remove_below(path, depth);
    }
    free(path);
}

static void remove_below(const char *path, int depth)
{
    if (!is_folder(path)) {
        remove(path);
        return;
    }
    DIR *dir = depth > 0 ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_entry(path, entry->d_name, depth - 1);
    if (dir)
        closedir(dir);
    rmdir(path);
}

void ferry_tree_remove(const char *path)
{
    remove_below(path, DEPTH);
}

void ferry_tree_prune(const char *root, const char *path)
{
    char folder[FERRY_CARGO_PATH];
    size_t len = strlen(root);
    ferry_path_folder(folder, sizeof folder, path);
    while (strncmp(folder, root, len) == 0 && folder[len] == '/' && rmdir(folder) == 0)
        *strrchr(folder, '/') = 0;
}
