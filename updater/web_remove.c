// Taking a firmware off the card: the files that belong to it, and folders that are empty then; nothing else.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "updater/cargo_parts.h"
#include "updater/path.h"
#include "updater/tree.h"
#include "updater/web_work.h"

void ferry_web_files_clean(const struct ferry_web *self)
{
    char folder[FERRY_CARGO_PATH], path[FERRY_CARGO_PATH];
    static const char *const ours[] = {"up-", "set-", "old-"};
    if (!ferry_path_under(folder, sizeof folder, self->dir, ".ferry"))
        return;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            if (strncmp(entry->d_name, ours[i], strlen(ours[i])) == 0 &&
                ferry_path_under(path, sizeof path, folder, entry->d_name))
                ferry_tree_remove(path);
    if (dir)
        closedir(dir);
}

int ferry_web_replace(const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return FERRY_OK;
    if (errno != EEXIST) // FAT's rename() does not replace
        return FERRY_ERR_STORAGE_WRITE;
    return remove(to) == 0 && rename(from, to) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
}

static int remove_one(const char *root, const char *path, struct ferry_fault *fault)
{
    if (remove(path) == 0 || errno == ENOENT)
        return FERRY_OK;
    const char *shown = ferry_path_shown(root, path);
    return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, shown, "%s cannot be removed: %s", shown, strerror(errno));
}

static int remove_parts(const char *root, const struct ferry_cargo *cargo, uint16_t chip,
                        struct ferry_cargo_parts *parts, struct ferry_fault *fault)
{
    memset(parts, 0, sizeof *parts);
    int status = ferry_cargo_parts(cargo, chip, parts, fault);
    for (uint8_t i = 0; i < parts->count && status >= 0; i++) {
        status = remove_one(root, parts->items[i].path, fault);
        ferry_tree_prune(root, parts->items[i].path);
    }
    return status;
}

// ESP Web Tools: one description, several builds.
static int remove_builds(const char *root, const struct ferry_cargo *cargo, struct ferry_cargo_parts *parts,
                         struct ferry_fault *fault)
{
    int status = FERRY_OK;
    for (uint8_t i = 0; i < cargo->chip_count && status >= 0; i++)
        status = remove_parts(root, cargo, cargo->chips[i], parts, fault);
    return status;
}

static bool is_settings(const char *root, const struct ferry_cargo *cargo)
{
    return strcmp(ferry_path_shown(root, cargo->path), FERRY_CARD_JSON) == 0;
}

static int remove_build(const char *root, const struct ferry_cargo *cargo, struct ferry_fault *fault)
{
    struct stat st;
    if (is_settings(root, cargo))
        return ferry_fault_set(fault, FERRY_ERR_STATE, FERRY_CARD_JSON,
                               "this firmware is described by ferry.json, which also holds the settings");
    struct ferry_cargo_parts *parts = malloc(sizeof *parts);
    if (!parts)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, NULL, "no memory");
    int status = cargo->kind == FERRY_CARGO_WEB_MANIFEST && cargo->chip_count
                     ? remove_builds(root, cargo, parts, fault)
                     : remove_parts(root, cargo, FERRY_CHIP_ANY, parts, fault);
    free(parts);
    if (status >= 0 && stat(cargo->path, &st) == 0 && S_ISREG(st.st_mode))
        status = remove_one(root, cargo->path, fault); // the description goes last
    ferry_tree_prune(root, cargo->path);
    return status;
}

void ferry_web_build_delete(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                            struct ferry_http_answer *answer)
{
    struct ferry_fault fault = {0};
    int status;
    (void)request;
    ferry_web_lock(self);
    const struct ferry_cargo *cargo = ferry_web_build(self, rest);
    if (!cargo)
        status = ferry_fault_set(&fault, FERRY_ERR_STORAGE_MISSING, rest, "this firmware is not there any more");
    else if (ferry_web_in_use(self, cargo->path))
        status =
            ferry_fault_set(&fault, FERRY_ERR_BUSY, ferry_card_shown(self->cfg.card, cargo), "a job reads from it");
    else
        status = remove_build(self->dir, cargo, &fault);
    if (cargo)
        ferry_web_touched(self);
    ferry_web_unlock(self);
    if (status < 0)
        ferry_web_answer_fault(answer, &fault);
    else
        ferry_web_answer_json(answer, 200, "{}", 2);
    ferry_web_wake(self);
}
