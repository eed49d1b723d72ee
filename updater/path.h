// Paths on a card: names out of files that others wrote must not lead out of the folder they belong to.
#ifndef FERRY_UPDATER_PATH_H
#define FERRY_UPDATER_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "updater/fault.h"

// out = root/base/name with "." and ".." taken out. base is a folder below root ("" = root itself), name as it stands
// in a manifest ('/' or '\' between folders). Looks at the text only. 0, or FERRY_ERR_STORAGE_PATH: absolute, a drive
// or an URL, above root, empty, control characters, or longer than cap.
int ferry_path_join(char *out, size_t cap, const char *root, const char *base, const char *name,
                    struct ferry_fault *fault);
// The file exists and, with all links followed, still lies below root. 0, FERRY_ERR_STORAGE_MISSING,
// FERRY_ERR_STORAGE_PATH (a link leads out).
int ferry_path_check(const char *root, const char *path, struct ferry_fault *fault);
// Plain concatenation with one '/' between; false when it does not fit.
bool ferry_path_under(char *out, size_t cap, const char *folder, const char *name);
// The part behind the last '/'; the folder before it ("." when there is none).
const char *ferry_path_base(const char *path);
void ferry_path_folder(char *out, size_t cap, const char *path);
// path without root and '/', for people; path itself when it is not below root.
const char *ferry_path_shown(const char *root, const char *path);
// "app.bin" ends with ".bin", in any case.
bool ferry_path_ends(const char *path, const char *ending);
// Copies text for display: control characters (C1 too), those that turn the direction of text, and bytes that are no
// UTF-8 become '?'; cut at cap between characters. out may be text itself.
void ferry_path_text(char *out, size_t cap, const char *text);

#endif
