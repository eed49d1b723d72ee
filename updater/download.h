// Firmware from an HTTP server onto the card (or a computer's disk): fetched in pieces, gone on with after a cut or a
// restart, checked, and kept, so that the next time it is only asked whether it is still the same.
//
//   https://host/blink.bin                     one image
//   https://host/build/flasher_args.json       a build: the files it names, relative to it
//   https://host/ferry.json, .../manifest.json the same (docs/guide/card.md; ESP Web Tools)
//   depot:https://host:8470/blink@stable       a build in the depot that is served there
//
// In the cache folder each address has a folder of its own, named after its SHA-256 (a depot's build: after the build):
//   KEY/blink.bin          complete and checked      KEY/.blink.bin.part    what has come so far
//   KEY/.blink.bin.tag     of which version, its length and SHA-256
//   KEY/.answer            what a depot said about a build, under the address and the chip it was asked for
//   .order                 the folders, the one that was used last at the end (a clock is not needed)
//
// With cfg.cache_limit or cfg.space, what was not used for longest is removed before a file is fetched that would not
// fit: whole folders whose names are such keys, never the one that is fetched into, never one that cfg.in_use() names,
// and nothing else that may lie in the cache or beside it.
//
// What is handed out is an ordinary file or folder, for ferry_cargo_scan() and its checks: nothing is written to a
// target from the network directly.
#ifndef FERRY_UPDATER_DOWNLOAD_H
#define FERRY_UPDATER_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "ferry/io/clock.h"
#include "ferry/io/digest.h"
#include "ferry/io/http.h"
#include "updater/fault.h"
#include "updater/limits.h"

#define FERRY_DOWNLOAD_URL 512

struct ferry_download_cfg {
    const struct ferry_http_client *client;
    const struct ferry_digest *digest; // SHA-256; not used by anybody else meanwhile
    const struct ferry_clock *clock;   // for pauses between trials; NULL = none
    const char *folder;                // the cache; made when it is not there (its parent must be)
    const char *token;                 // sent as "Authorization: Bearer ..."; NULL or "" = none
    const char *chip;                  // of the target, for a depot ("esp32c3"); NULL or "" = not known
    uint32_t limit;                    // bytes of one file, 0 = 32 MiB
    const char *token_name, *ca_name;  // where a person puts them, for hints; NULL = "FERRY_TOKEN", "FERRY_CA"
    uint64_t cache_limit;              // bytes of the whole cache, 0 = not limited
    // No server is asked: what an earlier call has fetched is taken when it is still whole (each file's SHA-256),
    // whatever the server would have by now. FERRY_ERR_STORAGE_MISSING when it is not all there.
    bool offline;
    // Called now and then while a file is coming; true = stop (FERRY_ERR_CANCELLED). NULL allowed.
    bool (*progress)(void *ctx, const char *name, uint32_t done, uint32_t size);
    void *progress_ctx;
    // From now on this folder of the cache is being used: the caller marks it, for in_use() of those who share the
    // cache, until its job is over. Called before anything is looked at or fetched there. NULL allowed.
    void (*hold)(void *ctx, const char *folder);
    bool (*in_use)(void *ctx, const char *folder); // somebody uses it; NULL = nobody does
    int (*space)(void *ctx, uint64_t *free_bytes); // where the cache lies; 0 or negative (not known). NULL = not
    void *cache_ctx;
};

struct ferry_download {
    char path[FERRY_CARGO_PATH]; // the file, or the folder of a build
    bool folder;
    uint32_t fetched;   // bytes that came over the network
    uint32_t kept;      // bytes that an earlier run had fetched already
    uint16_t resumed;   // how often it went on after a cut
    uint16_t unchanged; // files that were there as they are on the server
};

// True for what ferry_download() takes: http://, https://, depot:http://, depot:https://.
bool ferry_download_is_url(const char *text);
// 0; FERRY_ERR_ARG (address), FERRY_ERR_WIRE_OPEN / _IO, FERRY_ERR_TIMEOUT (server), FERRY_ERR_STORAGE_MISSING (404),
// FERRY_ERR_STORAGE_READ (other answers, or cut for good: the next call goes on), FERRY_ERR_STORAGE_CHANGED (it became
// another file meanwhile), FERRY_ERR_STORAGE_DAMAGED (wrong SHA-256: nothing is kept), FERRY_ERR_STORAGE_WRITE (also:
// no room, told before anything is fetched), FERRY_ERR_STORAGE_PATH (a manifest names a file outside),
// FERRY_ERR_TOO_LARGE_FLASH, FERRY_ERR_AMBIGUOUS (several chips), FERRY_ERR_MANIFEST, FERRY_ERR_CANCELLED,
// FERRY_ERR_NO_MEMORY; with *fault.
int ferry_download(const struct ferry_download_cfg *cfg, const char *url, struct ferry_download *out,
                   struct ferry_fault *fault);

#endif
