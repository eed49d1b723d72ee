#include "updater/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ferry/base/http_text.h"
#include "ferry/base/status.h"
#include "updater/limits.h"

#define LONGEST FERRY_CARGO_PATH

static const char *name_problem(const char *name)
{
    if (!*name)
        return "is empty";
    if (strstr(name, "://"))
        return "is an address on the net, not a file on the card";
    if (*name == '/' || *name == '\\' || (name[0] && name[1] == ':'))
        return "is absolute";
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return "has control characters in it";
    return strlen(name) >= LONGEST ? "is too long" : NULL;
}

static int refuse(struct ferry_fault *fault, const char *name, const char *problem)
{
    char shown[120];
    ferry_path_text(shown, sizeof shown, name);
    ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, shown, "the path \"%s\" %s", shown, problem);
    ferry_fault_hint(fault,
                     "paths must be relative and stay inside the folder; copy the file there, or give the folder "
                     "that holds it all");
    return FERRY_ERR_STORAGE_PATH;
}

// Appends one component to the path in work ("" at first), taking "." and ".." out. False = above the top, or too long.
static bool push(char *work, size_t cap, const char *part, size_t len)
{
    size_t used = strlen(work);
    if (len == 0 || (len == 1 && part[0] == '.'))
        return true;
    if (len == 2 && part[0] == '.' && part[1] == '.') {
        if (used == 0)
            return false;
        char *slash = strrchr(work, '/');
        *(slash ? slash : work) = 0;
        return true;
    }
    if (used + len + 2 > cap)
        return false;
    if (used)
        work[used++] = '/';
    memcpy(work + used, part, len);
    work[used + len] = 0;
    return true;
}

static bool push_all(char *work, size_t cap, const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/\\");
        if (!push(work, cap, path, len))
            return false;
        if (!path[len])
            return true;
        path += len + 1;
    }
}

int ferry_path_join(char *out, size_t cap, const char *root, const char *base, const char *name,
                    struct ferry_fault *fault)
{
    const char *problem = name_problem(name);
    if (problem)
        return refuse(fault, name, problem);
    char work[LONGEST] = "";
    if (!push_all(work, sizeof work, base) || !push_all(work, sizeof work, name) || !*work)
        return refuse(fault, name, "leads out of the folder");
    if (!ferry_path_under(out, cap, root, work))
        return refuse(fault, name, "is too long");
    return FERRY_OK;
}

bool ferry_path_under(char *out, size_t cap, const char *folder, const char *name)
{
    size_t len = strlen(folder);
    const char *slash = len && folder[len - 1] == '/' ? "" : "/";
    int n = snprintf(out, cap, "%s%s%s", folder, len ? slash : "", name);
    return n > 0 && (size_t)n < cap;
}

const char *ferry_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void ferry_path_folder(char *out, size_t cap, const char *path)
{
    const char *base = ferry_path_base(path);
    size_t len = (size_t)(base - path);
    if (len > 1)
        len--; // without the '/', but for the root of all
    if (len == 0)
        snprintf(out, cap, ".");
    else
        snprintf(out, cap, "%.*s", (int)len, path);
}

const char *ferry_path_shown(const char *root, const char *path)
{
    size_t len = strlen(root);
    if (len == 0 || strncmp(root, path, len) != 0)
        return path;
    if (path[len] == '/')
        return path + len + 1;
    return root[len - 1] == '/' ? path + len : path;
}

bool ferry_path_ends(const char *path, const char *ending)
{
    size_t a = strlen(path), b = strlen(ending);
    return a >= b && strcasecmp(path + a - b, ending) == 0;
}

// What a terminal or a reader is misled by: C1 controls (U+009B begins an escape sequence), and characters that turn
// the direction of what follows (U+202A to U+202E, U+2066 to U+2069).
static bool misleading(const unsigned char *p, size_t len)
{
    if (len == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    return len == 3 && p[0] == 0xe2 &&
           ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

// Length of the UTF-8 sequence at p, 1 for anything that is none.
static size_t utf8_length(const unsigned char *p)
{
    size_t len = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 1;
    return strnlen((const char *)p, len) == len && ferry_http_text_utf8((const char *)p, len) ? len : 1;
}

void ferry_path_text(char *out, size_t cap, const char *text)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t len = utf8_length(p);
        if (used + len >= cap)
            break;
        if (len == 1 || misleading(p, len)) {
            out[used++] = (char)(*p < 0x20 || *p >= 0x7f ? '?' : *p);
        } else {
            memmove(out + used, p, len);
            used += len;
        }
        p += len;
    }
    if (cap)
        out[used] = 0;
}

static int missing(struct ferry_fault *fault, const char *root, const char *path)
{
    const char *shown = ferry_path_shown(root, path);
    if (errno == EACCES)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_READ, shown, "%s cannot be read: permission denied", shown);
    if (errno == ELOOP)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, shown, "%s is a link that leads in a circle", shown);
    return ferry_fault_set(fault, FERRY_ERR_STORAGE_MISSING, shown, "%s is not there", shown);
}

#ifdef ESP_PLATFORM
// FAT has no links: the text of the path says it all.
static int resolve(const char *root, const char *path, struct ferry_fault *fault)
{
    (void)root, (void)path, (void)fault;
    return FERRY_OK;
}
#else
static int resolve(const char *root, const char *path, struct ferry_fault *fault)
{
    int status = FERRY_OK;
    char *real_root = realpath(root, NULL);
    char *real = real_root ? realpath(path, NULL) : NULL;
    size_t len = real_root ? strlen(real_root) : 0;
    if (!real)
        status = missing(fault, root, path);
    else if (strncmp(real, real_root, len) != 0 || (real[len] && real[len] != '/' && len > 1)) {
        const char *shown = ferry_path_shown(root, path);
        status =
            ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, shown, "%s is a link that leads out of the folder", shown);
        ferry_fault_hint(fault, "copy the file itself to the card");
    }
    free(real);
    free(real_root);
    return status;
}
#endif

int ferry_path_check(const char *root, const char *path, struct ferry_fault *fault)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return missing(fault, root, path);
    return *root ? resolve(root, path, fault) : FERRY_OK;
}
