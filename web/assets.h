// The page's files, packed and put into the program by tools/embed_assets.py (from web/page), and the answer to a
// request for one of them. One page serves the depot's server, `ferry updater --web` and the updater firmware: what it
// shows is decided by what GET /api/v1/info tells (docs/protocol/updater-api.yaml).
#ifndef FERRY_WEB_ASSETS_H
#define FERRY_WEB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ferry/io/http.h"

struct ferry_web_asset {
    const char *path;     // "/app.js"
    const char *type;     // Content-Type
    const char *etag;     // with its quotes; follows from the content
    const uint8_t *bytes; // gzip
    size_t size;
};

extern const struct ferry_web_asset ferry_web_assets[];
extern const size_t ferry_web_assets_count;

// True: the path is that of an asset ("/" is "/index.html") and *answer is filled: 200, 206 or 304 as the request asks
// (ETag, Range), 405 when the method is neither GET nor HEAD. The bytes are always gzip, which every browser takes.
// Answers carry a Content-Security-Policy that allows nothing from elsewhere. False: not an asset; *answer is
// untouched.
bool ferry_web_asset_answer(const struct ferry_http_request *request, struct ferry_http_answer *answer);

#endif
