// Folders on the card: made for a file, removed with what is in them.
#ifndef FERRY_UPDATER_TREE_H
#define FERRY_UPDATER_TREE_H

#include "updater/fault.h"

// Makes the folders between root and the file `path` (below root) that are missing. 0, FERRY_ERR_STORAGE_WRITE,
// FERRY_ERR_STORAGE_PATH (a link among them leads out of root).
int ferry_tree_folders(const char *root, const char *path, struct ferry_fault *fault);
// Removes a file, or a folder with all that is in it, at most four levels deep; links are removed, not followed.
// Nothing when it is not there.
void ferry_tree_remove(const char *path);
// Removes the folder of `path` and those above it, up to root (which stays), as long as they are empty.
void ferry_tree_prune(const char *root, const char *path);

#endif
