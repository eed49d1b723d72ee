// Any text as a request's target, query, Range, If-None-Match and Content-Range: no crash, and what comes out keeps
// what the header promises.
#include <stdlib.h>
#include <string.h>

#include "ferry/base/http_text.h"

static void check_path(const char *text)
{
    char path[600];
    int len = ferry_http_text_path(text, path, sizeof path);
    if (len < 0)
        return;
    if ((size_t)len != strlen(path) || path[0] != '/' || strstr(path, "//") || strstr(path, "/../") ||
        strstr(path, "/./") || strchr(path, '\\') || !ferry_http_text_utf8(path, (size_t)len))
        abort();
    if (len >= 3 && strcmp(path + len - 3, "/..") == 0)
        abort();
    for (int i = 0; i < len; i++)
        if ((unsigned char)path[i] < 0x20)
            abort();
}

static void check_query(char *text)
{
    struct ferry_http_text_query query;
    if (ferry_http_text_query_parse(text, &query) < 0)
        return;
    for (size_t i = 0; i < query.count; i++)
        if (!query.pairs[i].name[0] || ferry_http_text_query_get(&query, query.pairs[i].name) != query.pairs[i].value)
            abort();
}

static void check_ranges(const char *text)
{
    uint64_t first, len, last, totals[] = {0, 1, 1000, UINT64_MAX};
    int64_t total;
    for (size_t i = 0; i < 4; i++)
        if (ferry_http_text_range(text, totals[i], &first, &len) == FERRY_HTTP_TEXT_RANGE_PART &&
            (len == 0 || first >= totals[i] || len > totals[i] - first))
            abort();
    if (ferry_http_text_content_range(text, &first, &last, &total) &&
        (first > last || (total >= 0 && last >= (uint64_t)total)))
        abort();
    ferry_http_text_etag_listed(text, "\"abc\"");
    ferry_http_text_bearer(text);
    char password[20];
    if (ferry_http_text_basic(text, password, sizeof password) && (!password[0] || strlen(password) >= sizeof password))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512], copy[512];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    memcpy(copy, text, sizeof copy > size + 1 ? size + 1 : sizeof copy);
    check_path(text);
    check_ranges(text);
    check_query(copy);
    return 0;
}
