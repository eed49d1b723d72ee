#include "updater/web_name.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "ferry/base/http_text.h"
#include "updater/path.h"

#define NAME_MAX_BYTES 80

static bool is_device(const char *name, size_t len)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"};
    const char *dot = memchr(name, '.', len);
    size_t stem = dot ? (size_t)(dot - name) : len;
    while (stem && name[stem - 1] == ' ')
        stem--;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        if (stem == strlen(devices[i]) && strncasecmp(name, devices[i], stem) == 0)
            return true;
    bool numbered = stem == 4 && name[3] >= '0' && name[3] <= '9';
    if (stem == 5 && name[3] == '\xC2') // COM¹, COM², COM³ as well
        numbered = name[4] == '\xB9' || name[4] == '\xB2' || name[4] == '\xB3';
    return numbered && (strncasecmp(name, "com", 3) == 0 || strncasecmp(name, "lpt", 3) == 0);
}

static const char *segment_wrong(const char *name, size_t len)
{
    if (len == 0)
        return "a name is empty";
    if (len > NAME_MAX_BYTES)
        return "a name is longer than 80 bytes";
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F || strchr("\"*:<>?\\|", name[i]))
            return "a name has one of \" * : < > ? \\ | or a control character, which cards cannot have";
    if (name[0] == '.')
        return "a name begins with a dot: it would be hidden";
    if (name[0] == ' ' || name[len - 1] == ' ' || name[len - 1] == '.')
        return "a name begins with a space, or ends with a space or a dot";
    if (is_device(name, len))
        return "a name is that of a device (CON, NUL, COM1, ...), which Windows cannot open";
    return NULL;
}

static bool is_ours(const char *path)
{
    size_t len = strlen(path);
    if (strchr(path, '/'))
        return false;
    return strcasecmp(path, "ferry.json") == 0 ||
           (len >= 13 && strncasecmp(path, "ferry-log", 9) == 0 && strcasecmp(path + len - 4, ".csv") == 0);
}

const char *ferry_web_name_wrong(const char *path)
{
    size_t len = strlen(path);
    int depth = 0;
    if (len > FERRY_WEB_NAME_MAX)
        return "the path is longer than 120 bytes";
    if (!ferry_http_text_utf8(path, len))
        return "the name is no UTF-8 text";
    char shown[FERRY_WEB_NAME_MAX + 1];
    ferry_path_text(shown, sizeof shown, path);
    if (strcmp(shown, path) != 0)
        return "the name has characters that are not seen: control characters, or marks that turn text round";
    for (const char *at = path;; at++) {
        const char *end = strchr(at, '/');
        size_t part = end ? (size_t)(end - at) : strlen(at);
        const char *wrong = segment_wrong(at, part);
        if (wrong)
            return wrong;
        if (++depth > FERRY_WEB_NAME_DEPTH)
            return "more than two folders deep: nothing is looked for there";
        if (!end)
            break;
        at = end;
    }
    return is_ours(path) ? "this file is the updater's own; settings are changed in the settings" : NULL;
}
