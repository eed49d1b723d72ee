#include "web/assets.h"

#include <string.h>

#include "ferry/io/http_answer.h"

static const struct ferry_web_asset *find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (size_t i = 0; i < ferry_web_assets_count; i++)
        if (strcmp(ferry_web_assets[i].path, path) == 0)
            return &ferry_web_assets[i];
    return NULL;
}

static void fill(const struct ferry_web_asset *asset, const struct ferry_http_request *request,
                 struct ferry_http_answer *answer)
{
    struct ferry_http_part part;
    if (ferry_http_answer_part(answer, request, asset->size, asset->etag, &part))
        answer->bytes = asset->bytes + part.offset;
    ferry_http_answer_header(answer, "Content-Type", asset->type);
    ferry_http_answer_header(answer, "Content-Encoding", "gzip");
    ferry_http_answer_header(answer, "Cache-Control", "no-cache");
    ferry_http_answer_header(answer, "Content-Security-Policy",
                             "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                             "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    ferry_http_answer_header(answer, "X-Content-Type-Options", "nosniff");
    ferry_http_answer_header(answer, "Referrer-Policy", "no-referrer");
}

bool ferry_web_asset_answer(const struct ferry_http_request *request, struct ferry_http_answer *answer)
{
    const struct ferry_web_asset *asset = find(request->path);
    if (!asset)
        return false;
    memset(answer, 0, sizeof *answer);
    if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0) {
        fill(asset, request, answer);
    } else {
        answer->status = 405;
        ferry_http_answer_header(answer, "Allow", "GET, HEAD");
    }
    return true;
}
