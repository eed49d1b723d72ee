#include "apps/ferry/cargo_from_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"
#include "ferry/chip/chip.h"
#include "ports/posix/clock.h"
#include "ports/posix/digest.h"
#include "ports/posix/http_client.h"
#include "updater/download.h"

static int make_folders(char *path, struct ferry_fault *fault)
{
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at)
            *at = 0;
        bool good = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (at)
            *at = '/';
        if (!good)
            return ferry_fault_set(fault, FERRY_ERR_STORAGE_WRITE, path, "the cache cannot be made: %s",
                                   strerror(errno));
        if (!at)
            return FERRY_OK;
    }
}

static int cache_folder(char *out, size_t cap, struct ferry_fault *fault)
{
    const char *set = getenv("FERRY_CACHE"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = set && *set              ? snprintf(out, cap, "%s", set)
            : cache && *cache == '/' ? snprintf(out, cap, "%s/ferry", cache)
                                     : snprintf(out, cap, "%s/.cache/ferry", home && *home ? home : ".");
    if (n < 0 || (size_t)n >= cap)
        return ferry_fault_set(fault, FERRY_ERR_STORAGE_PATH, "", "the cache folder's path is too long");
    return make_folders(out, fault);
}

static int fetch(const char *url, uint16_t chip, const struct ferry_http_client *client,
                 const struct cargo_from_url_teller *teller, struct ferry_download *got, struct ferry_fault *fault)
{
    struct ferry_posix_digest digest_state;
    struct ferry_posix_clock clock_state;
    struct ferry_digest digest = ferry_posix_digest_init(&digest_state);
    struct ferry_clock clock = ferry_posix_clock_init(&clock_state);
    const struct ferry_chip *known = ferry_chip_by_id(chip);
    char folder[FERRY_CARGO_PATH];
    struct ferry_download_cfg cfg = {
        .client = client,
        .digest = &digest,
        .clock = &clock,
        .folder = folder,
        .token = getenv("FERRY_TOKEN"),
        .chip = known ? known->name : NULL,
        .progress = teller ? teller->progress : NULL,
        .progress_ctx = teller ? teller->ctx : NULL,
    };
    int status = cache_folder(folder, sizeof folder, fault);
    if (status >= 0)
        status = ferry_download(&cfg, url, got, fault);
    ferry_posix_digest_close(&digest_state);
    return status;
}

// As if the path had been named on the command line.
static int take(const struct ferry_download *got, struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    int status = ferry_cargo_scan(got->path, list, fault);
    if (status < 0)
        return status;
    if (list->count > 0)
        return FERRY_OK;
    if (list->refused_count > 0) {
        *fault = list->refused[0];
        return fault->status;
    }
    return ferry_fault_set(fault, FERRY_ERR_NO_CARGO, got->path, "nothing that can be flashed was found there");
}

int cargo_from_url_telling(const char *url, uint16_t chip, const struct cargo_from_url_teller *teller,
                           struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    struct ferry_posix_http_client *client;
    struct ferry_posix_error error;
    struct ferry_download got;
    struct ferry_posix_http_client_cfg cfg = {.ca_file = getenv("FERRY_CA")};
    memset(list, 0, sizeof *list);
    int status = ferry_posix_http_client_new(&client, &cfg, &error);
    if (status < 0)
        return ferry_fault_set(fault, status, "", "%s", error.what);
    struct ferry_http_client io = ferry_posix_http_client(client);
    status = fetch(url, chip, &io, teller, &got, fault);
    ferry_posix_http_client_free(client);
    return status < 0 ? status : take(&got, list, fault);
}

int cargo_from_url(const char *url, uint16_t chip, struct ferry_cargo_list *list, struct ferry_fault *fault)
{
    return cargo_from_url_telling(url, chip, NULL, list, fault);
}
