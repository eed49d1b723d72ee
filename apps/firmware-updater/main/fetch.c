#include "fetch.h"

#if CONFIG_FERRY_UPDATER_FETCH
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board.h"
#include "ferry/base/status.h"
#include "ports/esp-idf/digest.h"
#include "ports/esp-idf/http_client.h"
#include "updater/limits.h"
#include "updater/path.h"

#define PART BOARD_CARD_PATH "/.ferry/fetch.part"
#define PIECE 4096

struct fetching {
    struct ferry_idf_http_client idf_client;
    struct ferry_http_client client;
    struct ferry_idf_digest idf_digest;
    struct ferry_digest digest;
    struct ferry_http_reply reply;
    struct ferry_fault *fault;
    FILE *file;
    uint8_t piece[PIECE];
};

static int ask(struct fetching *f, const char *url)
{
    struct ferry_http_fetch get = {.method = "GET", .url = url};
    int status = f->client.open(f->client.ctx, &get, &f->reply);
    if (status < 0)
        return ferry_fault_set(f->fault, status, url, "%s", f->client.reason(f->client.ctx));
    if (f->reply.status != 200)
        return ferry_fault_set(f->fault, FERRY_ERR_STORAGE_MISSING, url, "the server says %d", f->reply.status);
    return FERRY_OK;
}

static int copy(struct fetching *f)
{
    mkdir(BOARD_CARD_PATH "/.ferry", 0777);
    f->file = fopen(PART, "wb");
    int status = f->digest.begin(f->digest.ctx, FERRY_DIGEST_SHA256);
    if (!f->file)
        return ferry_fault_set(f->fault, FERRY_ERR_STORAGE_WRITE, PART, "the card cannot be written");
    for (int n = 1; n > 0 && status >= 0;) {
        n = f->client.read(f->client.ctx, f->piece, sizeof f->piece);
        if (n < 0)
            return ferry_fault_set(f->fault, n, "", "%s", f->client.reason(f->client.ctx));
        if (fwrite(f->piece, 1, (size_t)n, f->file) != (size_t)n)
            return ferry_fault_set(f->fault, FERRY_ERR_STORAGE_WRITE, PART, "the card cannot be written: is it full?");
        status = f->digest.update(f->digest.ctx, f->piece, (size_t)n);
    }
    bool flushed = fflush(f->file) == 0 && fsync(fileno(f->file)) == 0;
    return flushed ? status : ferry_fault_set(f->fault, FERRY_ERR_STORAGE_WRITE, PART, "the card cannot be written");
}

static int prove(struct fetching *f)
{
    uint8_t sha256[FERRY_SHA256_SIZE];
    char hex[2 * FERRY_SHA256_SIZE + 1];
    int status = f->digest.finish(f->digest.ctx, sha256, sizeof sha256);
    for (size_t i = 0; i < sizeof sha256; i++)
        snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
    if (status >= 0 && f->reply.sha256[0] && strcasecmp(hex, f->reply.sha256) != 0)
        return ferry_fault_set(f->fault, FERRY_ERR_VERIFY, "", "what came has not the SHA-256 that the server tells");
    return status < 0 ? status : FERRY_OK;
}

static int put_in_place(struct fetching *f, const char *name)
{
    char path[FERRY_CARGO_PATH];
    ferry_path_under(path, sizeof path, BOARD_CARD_PATH, name);
    remove(path); // FAT's rename does not replace
    return rename(PART, path) == 0
               ? FERRY_OK
               : ferry_fault_set(f->fault, FERRY_ERR_STORAGE_WRITE, path, "the card cannot be written");
}

int fetch(const char *url, const char *name, struct ferry_fault *fault)
{
    char path[FERRY_CARGO_PATH];
    if (strchr(name, '/') || ferry_path_join(path, sizeof path, BOARD_CARD_PATH, "", name, fault) < 0)
        return ferry_fault_set(fault, FERRY_ERR_ARG, "", "\"%s\" is no name for a file", name);
    struct fetching *f = calloc(1, sizeof *f);
    if (!f)
        return ferry_fault_set(fault, FERRY_ERR_NO_MEMORY, "", "no memory to fetch");
    f->fault = fault;
    ferry_idf_http_client_init(&f->idf_client, NULL, &f->client);
    f->digest = ferry_idf_digest_init(&f->idf_digest);
    int status = ask(f, url);
    if (status >= 0)
        status = copy(f);
    if (f->file)
        fclose(f->file);
    if (status >= 0)
        status = prove(f);
    if (status >= 0)
        status = put_in_place(f, name);
    ferry_idf_http_client_close(&f->idf_client);
    ferry_idf_digest_close(&f->idf_digest);
    free(f);
    return status;
}
#endif
