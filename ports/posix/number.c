#include "ports/posix/number.h"

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

static unsigned take_base(const char **at)
{
    if ((*at)[0] != '0')
        return 10;
    unsigned base = 10;
    switch ((*at)[1]) {
    case 'x':
    case 'X':
        base = 16;
        break;
    case 'b':
    case 'B':
        base = 2;
        break;
    case 'o':
    case 'O':
        base = 8;
        break;
    }
    *at += base == 10 ? 0 : 2;
    return base;
}

// 0 = the text is no factor.
static uint64_t factor(const char *at)
{
    static const char letters[] = "kKmMgG";
    if (!*at)
        return 1;
    const char *letter = strchr(letters, *at);
    if (!letter)
        return 0;
    at++;
    if (*at && strcmp(at, "B") != 0 && strcmp(at, "b") != 0 && strcmp(at, "iB") != 0)
        return 0;
    return (uint64_t)1 << (10 * ((letter - letters) / 2 + 1));
}

bool ferry_posix_number_parse(const char *text, uint32_t *out)
{
    const char *at = text;
    unsigned base = take_base(&at);
    uint64_t value = 0;
    bool any = false;
    for (; digit(*at) < (int)base || (*at == '_' && any && digit(at[1]) < (int)base); at++) {
        if (*at == '_')
            continue;
        value = value * base + (unsigned)digit(*at);
        any = true;
        if (value > UINT32_MAX)
            return false;
    }
    uint64_t by = factor(at);
    if (!any || by == 0 || value > UINT32_MAX / by)
        return false;
    *out = (uint32_t)(value * by);
    return true;
}

bool ferry_posix_number_in(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint32_t value;
    if (!ferry_posix_number_parse(text, &value) || value < min || value > max)
        return false;
    *out = value;
    return true;
}

char *ferry_posix_number_bytes(uint64_t bytes, char *buf, size_t cap)
{
    if (bytes < 10000)
        snprintf(buf, cap, "%u B", (unsigned)bytes);
    else if (bytes < 1000u * 1024u)
        snprintf(buf, cap, "%u KB", (unsigned)((bytes + 512) / 1024));
    else if (bytes < 100ull * 1024 * 1024)
        snprintf(buf, cap, "%.2f MB", (double)bytes / (1024 * 1024));
    else
        snprintf(buf, cap, "%llu MB", (unsigned long long)(bytes / (1024 * 1024)));
    return buf;
}

char *ferry_posix_number_duration(uint32_t seconds, char *buf, size_t cap)
{
    unsigned h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;
    if (h)
        snprintf(buf, cap, "%u:%02u:%02u", h, m, s);
    else
        snprintf(buf, cap, "%u:%02u", m, s);
    return buf;
}
