// Inside the downloads: one file, and what a build is made of.
#ifndef FERRY_UPDATER_DOWNLOAD_PARTS_H
#define FERRY_UPDATER_DOWNLOAD_PARTS_H

#include "updater/download.h"

#define DOWNLOAD_TOKEN 300

struct download_work {
    const struct ferry_download_cfg *cfg;
    struct ferry_download *out;
    struct ferry_fault *fault;
    char bearer[DOWNLOAD_TOKEN];
    const char *headers[2];
    char key[17]; // of the folder in use
};

// Fetches url to folder/name (name without '/'; the folder exists). sha256: what it must be, 32 bytes, or NULL. limit 0
// = cfg's.
int download_file(struct download_work *work, const char *url, const char *folder, const char *name,
                  const uint8_t *sha256, uint32_t limit);
// The folder FOLDER/key is used from now on: held, and the last of the order.
void download_cache_use(struct download_work *work, const char *key);
// It is the last of the order, without being held.
void download_cache_touch(struct download_work *work, const char *key);
// Makes room for `bytes` more. 0, FERRY_ERR_STORAGE_WRITE with the fault filled.
int download_cache_room(struct download_work *work, const char *name, uint32_t bytes);
// Hex of the first bytes of the text's SHA-256, for names.
int download_key(struct download_work *work, const char *text, char out[17]);

#endif
