// One file: the part that is there, the rest of it, the check, the name.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ferry/source/http.h"
#include "updater/download_parts.h"
#include "updater/path.h"

#define PIECE 8192u
#define LIMIT_DEFAULT (32u << 20)

struct tag { // of what lies in the cache
    char etag[FERRY_HTTP_TEXT];
    char sha256[65];
    uint32_t size; // of the whole
    bool complete;
};

struct file {
    struct download_work *work;
    const char *url, *name;
    char path[FERRY_CARGO_PATH], part[FERRY_CARGO_PATH], tag_path[FERRY_CARGO_PATH];
    const uint8_t *sha256;
    struct ferry_source_http http;
    struct ferry_source source;
    FILE *out;
    uint32_t unsaved; // bytes since the file was last forced down
    uint8_t *piece;
};

static int failed(struct file *f, int status, const char *what)
{
    return ferry_fault_set(f->work->fault, status, f->url, "%.80s: %.140s", f->name, what);
}

// ---- the tag ----

static void load_tag(const struct file *f, struct tag *tag)
{
    char line[FERRY_HTTP_TEXT + 2];
    unsigned size = 0, complete = 0;
    memset(tag, 0, sizeof *tag);
    FILE *in = fopen(f->tag_path, "r");
    if (!in)
        return;
    bool good = fgets(line, sizeof line, in) != NULL;
    line[strcspn(line, "\n")] = 0;
    good = good && sscanf(line, "etag %191s", tag->etag) == 1;
    good = good && fscanf(in, "sha256 %64s size %u complete %u", tag->sha256, &size, &complete) == 3;
    fclose(in);
    if (!good)
        memset(tag, 0, sizeof *tag);
    tag->size = size;
    tag->complete = complete == 1;
}

static bool save_tag(const struct file *f, const char *etag, const char *sha256, bool complete)
{
    FILE *out = fopen(f->tag_path, "w");
    if (!out)
        return false;
    bool plain = etag[0] == '"' && !strpbrk(etag, " \t\r\n");
    int n = fprintf(out, "etag %s\nsha256 %s size %u complete %u\n", plain ? etag : "-", sha256[0] ? sha256 : "-",
                    (unsigned)f->http.size, complete);
    return fclose(out) == 0 && n > 0;
}

// ---- digests ----

// Of the first `most` bytes; *keep stays open.
static int hash_file(struct file *f, const char *path, uint32_t most, FILE **keep)
{
    const struct ferry_digest *digest = f->work->cfg->digest;
    FILE *in = fopen(path, keep ? "r+b" : "rb");
    int status = in ? digest->begin(digest->ctx, FERRY_DIGEST_SHA256) : FERRY_ERR_STORAGE_MISSING;
    size_t n;
    for (; status >= 0 && most > 0 && (n = fread(f->piece, 1, most < PIECE ? most : PIECE, in)) > 0;
         most -= (uint32_t)n)
        status = digest->update(digest->ctx, f->piece, n);
    if (status >= 0 && ferror(in))
        status = FERRY_ERR_STORAGE_READ;
    if (keep && status >= 0)
        *keep = in;
    else if (in)
        fclose(in);
    return status;
}

static int finish_hash(struct file *f, uint8_t sum[FERRY_SHA256_SIZE], char hex[65])
{
    const struct ferry_digest *digest = f->work->cfg->digest;
    int status = digest->finish(digest->ctx, sum, FERRY_SHA256_SIZE);
    for (size_t i = 0; status >= 0 && i < FERRY_SHA256_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return status < 0 ? status : FERRY_OK;
}

// ---- is it there already? ----

static bool lies_there(struct file *f, const struct tag *tag)
{
    uint8_t sum[FERRY_SHA256_SIZE];
    char hex[65];
    if (!tag->complete || hash_file(f, f->path, UINT32_MAX, NULL) < 0 || finish_hash(f, sum, hex) < 0)
        return false;
    return strcmp(hex, tag->sha256) == 0 && (!f->sha256 || memcmp(sum, f->sha256, sizeof sum) == 0);
}

// The server's words about the file as it is now; a server that does not answer HEAD is asked for all of it.
static bool same_on_server(struct file *f, const struct tag *tag)
{
    const struct ferry_http_client *client = f->work->cfg->client;
    struct ferry_http_fetch fetch = {.method = "HEAD", .url = f->url, .headers = f->work->headers};
    struct ferry_http_reply reply;
    if (client->open(client->ctx, &fetch, &reply) < 0)
        return false;
    client->close(client->ctx);
    bool told = reply.status == 200 && (reply.total < 0 || reply.total == (int64_t)tag->size);
    if (reply.sha256[0])
        return told && strcmp(reply.sha256, tag->sha256) == 0;
    return told && reply.etag[0] == '"' && strcmp(reply.etag, tag->etag) == 0;
}

// ---- fetching ----

static long part_size(const struct file *f)
{
    FILE *in = fopen(f->part, "rb");
    long size = in && fseek(in, 0, SEEK_END) == 0 ? ftell(in) : 0;
    if (in)
        fclose(in);
    return size > 0 ? size : 0;
}

static const char *status_words(int http)
{
    return http == 404 || http == 410   ? ": there is no such file"
           : http == 401 || http == 403 ? ": it wants a token that may read"
           : http >= 500                ? ": it has a trouble of its own"
                                        : "";
}

static void status_hint(struct file *f, int http)
{
    const char *name = f->work->cfg->token_name ? f->work->cfg->token_name : "FERRY_TOKEN";
    if (http == 401 || http == 403)
        ferry_fault_hint(f->work->fault, "put one into %s", name);
    else
        ferry_fault_hint(f->work->fault, http >= 500 || http == 429 ? "try again later, or see the server's log"
                                                                    : "is the address right?");
}

static int explain_source(struct file *f, int status)
{
    struct ferry_fault *fault = f->work->fault;
    const struct ferry_source_http *http = &f->http;
    const struct ferry_http_client *client = f->work->cfg->client;
    char what[160];
    switch (http->problem) {
    case FERRY_SOURCE_HTTP_CLIENT:
        failed(f, status, client->reason(client->ctx));
        ferry_fault_hint(fault, "is the server there? try again: what has come is kept, and it goes on from there");
        return status;
    case FERRY_SOURCE_HTTP_STATUS:
        snprintf(what, sizeof what, "the server answers %d%s", http->http_status, status_words(http->http_status));
        failed(f, status, what);
        status_hint(f, http->http_status);
        return status;
    case FERRY_SOURCE_HTTP_LENGTH:
        failed(f, status, "the server does not say how long it is, or sends another length than it says");
        ferry_fault_hint(fault, "it has to be an ordinary file on the server, sent with Content-Length");
        return status;
    case FERRY_SOURCE_HTTP_TOO_LARGE:
        snprintf(what, sizeof what, "too large for firmware: %lld bytes", (long long)http->reply.total);
        failed(f, status, what);
        ferry_fault_hint(fault, "is the address right?");
        return status;
    case FERRY_SOURCE_HTTP_OTHER:
        failed(f, status, "it became another file on the server while it was fetched");
        ferry_fault_hint(fault, "start again; nothing was written to a target");
        return status;
    default:
        return failed(f, status, ferry_status_text(status));
    }
}

static int open_source(struct file *f, const struct tag *tag, uint32_t limit)
{
    const struct ferry_download_cfg *cfg = f->work->cfg;
    long have = tag->complete || tag->etag[0] != '"' ? 0 : part_size(f);
    if (have > 1 &&
        have == (long)tag->size) // all had come, and then it was cut: the last byte says whether it still is
        have--;                  // the same file
    struct ferry_source_http_cfg http = {
        .client = cfg->client,
        .url = f->url,
        .headers = f->work->headers,
        .clock = cfg->clock,
        .limit = limit        ? limit
                 : cfg->limit ? cfg->limit
                              : LIMIT_DEFAULT,
        .start = have > 0 && (uint64_t)have < tag->size ? (uint32_t)have : 0,
        .etag = tag->etag,
    };
    int status = ferry_source_http_open(&f->http, &http, &f->source);
    return status < 0 ? explain_source(f, status) : FERRY_OK;
}

static int open_part(struct file *f)
{
    const struct ferry_digest *digest = f->work->cfg->digest;
    int status = FERRY_OK;
    if (f->http.begin > 0)
        return hash_file(f, f->part, f->http.begin, &f->out) < 0
                   ? failed(f, FERRY_ERR_STORAGE_READ, "the cache cannot be read")
                   : FERRY_OK;
    f->out = fopen(f->part, "wb");
    if (!f->out)
        return failed(f, FERRY_ERR_STORAGE_WRITE, strerror(errno));
    status = digest->begin(digest->ctx, FERRY_DIGEST_SHA256);
    return status < 0 ? failed(f, status, "no SHA-256 here") : FERRY_OK;
}

static int store(struct file *f, size_t len)
{
    const struct ferry_digest *digest = f->work->cfg->digest;
    if (fwrite(f->piece, 1, len, f->out) != len)
        return failed(f, FERRY_ERR_STORAGE_WRITE, strerror(errno));
    f->work->out->fetched += (uint32_t)len;
    f->unsaved += (uint32_t)len;
    if (f->unsaved >= FERRY_DOWNLOAD_SYNC) {
        f->unsaved = 0;
        if (fflush(f->out) != 0 || fsync(fileno(f->out)) != 0)
            return failed(f, FERRY_ERR_STORAGE_WRITE, strerror(errno));
    }
    return digest->update(digest->ctx, f->piece, len);
}

static int copy(struct file *f)
{
    const struct ferry_download_cfg *cfg = f->work->cfg;
    int status = fseek(f->out, (long)f->http.begin, SEEK_SET) == 0 ? FERRY_OK : FERRY_ERR_STORAGE_WRITE;
    f->work->out->kept += f->http.begin;
    for (uint32_t at = f->http.begin; status >= 0 && at < f->http.size;) {
        uint32_t len = f->http.size - at < PIECE ? f->http.size - at : PIECE;
        status = f->source.read(f->source.ctx, at, f->piece, len);
        if (status < 0)
            return explain_source(f, status);
        status = store(f, len);
        at += len;
        if (status >= 0 && cfg->progress && cfg->progress(cfg->progress_ctx, f->name, at, f->http.size))
            return failed(f, FERRY_ERR_CANCELLED, "stopped");
    }
    return status;
}

static int wrong_hash(struct file *f, const char *hex)
{
    failed(f, FERRY_ERR_STORAGE_DAMAGED, "the bytes that came have another SHA-256 than they should have");
    ferry_fault_hint(f->work->fault, "theirs is %.16s...; is the file on the server whole? nothing of it was kept",
                     hex);
    remove(f->part);
    remove(f->tag_path);
    return FERRY_ERR_STORAGE_DAMAGED;
}

static int keep(struct file *f)
{
    uint8_t sum[FERRY_SHA256_SIZE];
    char hex[65] = "";
    bool written = fflush(f->out) == 0 && fsync(fileno(f->out)) == 0;
    written = fclose(f->out) == 0 && written;
    f->out = NULL;
    int status = finish_hash(f, sum, hex);
    if (status < 0 || !written)
        return failed(f, FERRY_ERR_STORAGE_WRITE, "the cache cannot be written");
    const char *told = f->http.reply.sha256;
    bool good = f->sha256 ? memcmp(sum, f->sha256, sizeof sum) == 0 : !told[0] || strcmp(told, hex) == 0;
    if (!good)
        return wrong_hash(f, hex);
    remove(f->path); // FAT does not rename over a file
    if (rename(f->part, f->path) != 0 || !save_tag(f, f->http.reply.etag, hex, true))
        return failed(f, FERRY_ERR_STORAGE_WRITE, strerror(errno));
    return FERRY_OK;
}

static int fetch(struct file *f, const struct tag *tag, uint32_t limit)
{
    int status = open_source(f, tag, limit);
    if (status >= 0)
        status = download_cache_room(f->work, f->name, f->http.size - f->http.begin);
    if (status >= 0)
        status = open_part(f);
    if (status >= 0 && !save_tag(f, f->http.reply.etag, "", false))
        status = failed(f, FERRY_ERR_STORAGE_WRITE, strerror(errno));
    if (status >= 0)
        status = copy(f);
    if (status >= 0)
        status = keep(f);
    if (status == FERRY_ERR_STORAGE_CHANGED)
        remove(f->part);
    f->work->out->resumed = (uint16_t)(f->work->out->resumed + f->http.resumed);
    if (f->out)
        fclose(f->out);
    ferry_source_http_close(&f->http);
    return status;
}

static int not_kept(struct file *f)
{
    failed(f, FERRY_ERR_STORAGE_MISSING, "it was not fetched before, or what was kept is not whole any more");
    ferry_fault_hint(f->work->fault, "it has to be fetched from the server once (without --offline)");
    return FERRY_ERR_STORAGE_MISSING;
}

int download_file(struct download_work *work, const char *url, const char *folder, const char *name,
                  const uint8_t *sha256, uint32_t limit)
{
    struct file *f = calloc(1, sizeof *f);
    struct tag tag;
    int status = FERRY_ERR_NO_MEMORY;
    if (f)
        *f = (struct file){.work = work, .url = url, .name = name, .sha256 = sha256, .piece = malloc(PIECE)};
    if (!f || !f->piece) {
        free(f);
        return ferry_fault_set(work->fault, status, name, "out of memory");
    }
    int n = snprintf(f->path, sizeof f->path, "%s/%s", folder, name);
    int m = snprintf(f->part, sizeof f->part, "%s/.%s.part", folder, name);
    snprintf(f->tag_path, sizeof f->tag_path, "%s/.%s.tag", folder, name);
    if (n < 0 || m < 0 || (size_t)m >= sizeof f->part) {
        status = failed(f, FERRY_ERR_STORAGE_PATH, "its path in the cache is too long");
    } else {
        load_tag(f, &tag);
        if (lies_there(f, &tag) && (sha256 || work->cfg->offline || same_on_server(f, &tag))) {
            work->out->unchanged++;
            status = FERRY_OK;
        } else if (work->cfg->offline) {
            status = not_kept(f);
        } else {
            status = fetch(f, &tag, limit);
        }
    }
    free(f->piece);
    free(f);
    return status;
}
